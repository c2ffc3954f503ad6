"""Serve the dashboard on this machine."""

import os
import signal
import socket
import sys
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from logentic import project_folder
from logentic.connection_limits import protocol_class
from logentic.dashboard.login import App, Login, Scope, refuse
from logentic.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECTIONS = 200


def serve_dashboard(file: Path, host: str, port: int, password: str) -> None:
    if host not in LOOPBACK and not password:
        raise UsageError(
            f"--host {host} shows your account to others",
            "Set LOGENTIC_DASHBOARD_PASSWORD, or leave --host out for this machine only.",
        )
    with TemporaryDirectory(prefix="logentic-dashboard-") as folder:  # marimo would write settings and logs to HOME
        os.environ.update(XDG_CONFIG_HOME=folder, XDG_CACHE_HOME=folder, XDG_STATE_HOME=folder)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the folder is removed
        _serve(file, host, port, password)


def _serve(file: Path, host: str, port: int, password: str) -> None:
    try:
        import altair  # noqa: F401  # imported before the first request
        import marimo
        import uvicorn

        from logentic.dashboard import view
    except ImportError as error:
        raise UsageError(
            f"the dashboard needs {error.name}, which is not installed", "pip install 'logentic-elt[dashboard]'"
        ) from None
    from logentic.dashboard.snapshot import open_snapshot

    with open_snapshot(file):
        pass
    os.environ[view.FILE_VARIABLE] = str(file.absolute())
    token = token_hex(32) if password else None
    # Besides the check of Host and Origin, writing needs a header that another site's form cannot send.
    head = Path(__file__).with_name("head.html").read_text("utf-8")
    builder = marimo.create_asgi_app(quiet=True, token=token, skew_protection=True, html_head=head)
    served = builder.with_app(path="", root=str(project_folder() / "notebooks" / "dashboard.py")).build()
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{listening.getsockname()[1]}", flush=True)
    print("Ctrl-C ends it.", file=sys.stderr)
    app = Login(served, password, token) if token else served
    config = uvicorn.Config(
        OriginGuard(app, host),
        http=protocol_class(CONNECTIONS),
        log_level="critical",  # do not log requests of strangers
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])


class OriginGuard:
    """Refuse requests that another site makes the user's browser send, by Host and Origin."""

    def __init__(self, app: App, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket") and not self._is_ours(scope):
            await refuse(scope, send, 403, "Open the dashboard at its own address.")
        else:
            await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        hosts, origins = (
            [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == sought]
            for sought in (b"host", b"origin")
        )
        if len(hosts) > 1 or len(origins) > 1:
            return False
        host = "".join(hosts)
        try:
            name = urlsplit(f"//{host}").hostname or ""
            named_by = [urlsplit(origin).netloc for origin in origins]
        except ValueError:
            return False
        return (self._host not in LOOPBACK or name in LOOPBACK) and named_by in ([], [host])


def _listen(host: str, port: int) -> socket.socket:
    """Bind the address before it is printed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise UsageError(
            f"--host {host} --port {port}: {error.strerror or error}", "Choose another port; 0 takes a free one."
        ) from None
    return listening
