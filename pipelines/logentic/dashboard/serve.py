"""Serve the dashboard on this machine."""

import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from logentic import project_folder
from logentic.connection_limits import protocol_class
from logentic.dashboard.login import Login
from logentic.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECTIONS = 200
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def serve_dashboard(file: Path, host: str, port: int, password: str) -> None:
    if host not in LOOPBACK and not password:
        raise UsageError(
            f"--host {host} shows your account to others",
            "Set LOGENTIC_DASHBOARD_PASSWORD, or leave --host out for this machine only.",
        )
    with TemporaryDirectory(prefix="logentic-dashboard-") as folder:  # marimo would write its settings and log to HOME
        os.environ.update(XDG_CONFIG_HOME=folder, XDG_CACHE_HOME=folder, XDG_STATE_HOME=folder)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the folder goes
        _serve(file, host, port, password)


def _serve(file: Path, host: str, port: int, password: str) -> None:
    try:
        import altair  # noqa: F401  # imported once, before the first visitor waits for it
        import marimo
        import uvicorn

        from logentic.dashboard import view
    except ImportError as error:
        raise UsageError(
            f"the dashboard needs {error.name}, which is not installed", "pip install 'logentic-elt[dashboard]'"
        ) from None
    from logentic.dashboard.snapshot import opened

    with opened(file):
        pass
    os.environ[view.FILE_VARIABLE] = str(file.absolute())
    token = token_hex(32) if password else None
    builder = marimo.create_asgi_app(quiet=True, token=token)
    served = builder.with_app(path="", root=str(project_folder() / "notebooks" / "dashboard.py")).build()
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{listening.getsockname()[1]}", flush=True)
    print("Ctrl-C ends it.", file=sys.stderr)
    app = Login(served, password, token) if token else served
    config = uvicorn.Config(
        Guard(app, host),
        http=protocol_class(CONNECTIONS),
        log_level="critical",  # what a stranger sends is no line of ours
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])


class Guard:
    """A page elsewhere may make the reader's browser call this address: it is turned away by Host and by Origin."""

    def __init__(self, app: App, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket") and not self._is_ours(scope):
            await _refuse(scope, send)
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


async def _refuse(scope: Scope, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"Open the dashboard at its own address."})


def _listen(host: str, port: int) -> socket.socket:
    """Bound before anything is promised: the address that is printed answers."""
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
