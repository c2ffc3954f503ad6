"""Tell a monitor such as healthchecks.io that a run starts, succeeds or fails, so that a missing run is noticed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from logentic.settings import Settings, certificate_context

log = logging.getLogger("logentic")
TIMEOUT_SECONDS = 10.0


@contextmanager
def pinging(settings: Settings) -> Iterator[None]:
    """Ping `/start`, then the address itself, or `/fail` with the exit code; an unreachable monitor fails no run."""
    if not settings.ping_url.get_secret_value():
        yield
        return
    _ping(settings, "/start")
    try:
        yield
    except BaseException as error:
        _ping(settings, "/fail", f"exit code {getattr(error, 'exit_code', 1)}")
        raise
    _ping(settings, "")


def _ping(settings: Settings, event: str, body: str = "") -> None:
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    parts = urlsplit(settings.ping_url.get_secret_value())
    url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + event))
    request = Request(url, body.encode(), method="POST")  # noqa: S310 - the setting allows http and https only
    try:
        context = certificate_context(settings) if parts.scheme == "https" else None
        urlopen(request, timeout=TIMEOUT_SECONDS, context=context).close()  # noqa: S310
    except (OSError, HTTPException, ValueError) as error:
        log.warning("ping_url could not be reached: %s", type(error).__name__)
