"""The sandbox from a terminal: served until Ctrl-C.

In: a port, a seed, a scale, a number of days. Out: the two environment variables to set, on stdout. cli.py
calls it.
"""

import sys
from datetime import UTC, datetime
from threading import Event

from logentic.sandbox.account import Account
from logentic.sandbox.clock import Clock
from logentic.sandbox.readings import Readings
from logentic.sandbox.server import TOKEN, Sandbox


def serve(
    port: int = 8350,
    seed: int = 1,
    scale: float = 1.0,
    days: int = 180,
    *,
    timezone: str = "UTC",
    token: str = TOKEN,
    readings: Readings | None = None,
    stop: Event | None = None,
) -> None:
    """Serve an account, as of now and ticking on, until interrupted (or until `stop` is set)."""
    account = Account(seed, scale, days, timezone=timezone)
    clock = Clock(datetime.now(UTC), ticking=True)
    with Sandbox(account, port, token, readings, clock=clock) as sandbox:
        sys.stdout.write(f"export LOGENTIC_API_TOKEN={sandbox.token}\nexport LOGENTIC_BASE_URL={sandbox.url}\n")
        sys.stdout.flush()
        try:
            (stop or Event()).wait()
        except KeyboardInterrupt:
            return
