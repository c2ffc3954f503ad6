"""Serve the sandbox from a terminal until Ctrl-C."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from threading import Event

from logentic.sandbox.account import Account
from logentic.sandbox.billing import SCENARIOS
from logentic.sandbox.clock import Clock
from logentic.sandbox.readings import Readings
from logentic.sandbox.server import TOKEN, Sandbox
from logentic.sandbox.webhooks import Webhooks

SECONDS_BETWEEN_SENDS = 5


def serve_sandbox(
    port: int = 8350,
    seed: int = 1,
    scale: float = 1.0,
    days: int = 180,
    *,
    timezone: str = "UTC",
    scenarios: Iterable[str] = SCENARIOS,
    token: str = TOKEN,
    readings: Readings | None = None,
    stop: Event | None = None,
    webhooks: str | None = None,
    webhook_secret: str = "",
    webhook_accidents: float = 0.0,
) -> None:
    """Serve an account as of now, ticking on, until interrupted or until `stop` is set.

    Events are sent to the URL `webhooks`, first those of the last day; `webhook_accidents` is the share of events that
    are lost, and the share that are doubled, and the share that come late.
    """
    account = Account(seed, scale, days, timezone=timezone, scenarios=scenarios)
    clock = Clock(datetime.now(UTC), ticking=True)
    with Sandbox(account, port, token, readings, clock=clock) as sandbox:
        sys.stdout.write(f"export LOGENTIC_API_TOKEN={sandbox.token}\nexport LOGENTIC_BASE_URL={sandbox.url}\n")
        sys.stdout.flush()
        stop = stop or Event()
        try:
            if webhooks:
                share = webhook_accidents
                sender = Webhooks(
                    sandbox, webhooks, webhook_secret, seed=seed, losses=share, duplicates=share, disorder=share
                )
                send_until(stop, sandbox, sender)
            stop.wait()
        except KeyboardInterrupt:
            return


def send_until(stop: Event, sandbox: Sandbox, webhooks: Webhooks) -> None:
    """Send new events every few seconds."""
    sent = sandbox.clock.now() - timedelta(days=1)
    while not stop.is_set():
        now = sandbox.clock.now()
        webhooks.send(sent, now)
        sent = now
        stop.wait(SECONDS_BETWEEN_SENDS)
