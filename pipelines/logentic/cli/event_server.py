"""Serve the event receiver, and run the job after new events."""

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from logentic.connection_limits import protocol_class
from logentic.database_file import database_path
from logentic.destinations.base import check_signature, destination_class
from logentic.errors import UsageError
from logentic.events.event import EventParser
from logentic.events.queue import EventQueue
from logentic.events.receiver import LOOPBACK, PATH, Receiver, SignatureVerifier
from logentic.privacy.pseudonyms import Pseudonymizer, pseudonym_key
from logentic.sanitizer import one_line
from logentic.settings import Settings, load_settings, webhook_secrets
from logentic.state import State

log = logging.getLogger("logentic")


def application() -> Receiver:
    """Return the ASGI application for the FILE of the setting `webhook_file`; it accepts signed events only."""
    settings = load_settings()
    require_secret(settings)
    return make_receiver(settings, State(database_path(settings.webhook_file)))


def make_receiver(settings: Settings, state: State, on_stored: Callable[[], None] = lambda: None) -> Receiver:
    """Return the receiver that stores events in the state folder beside FILE."""
    state.prepare()
    key = pseudonym_key(settings, state.folder)
    if signature := destination_class(settings).published_signature(state):
        check_signature(str(state.file), signature, key)
    return Receiver(
        EventQueue.open(state.events, timedelta(hours=settings.webhook_duplicate_hours)),
        EventParser(Pseudonymizer(key, settings.hash_fields, settings.plain_fields), settings.webhook_order_id_paths),
        SignatureVerifier(webhook_secrets(settings), settings.webhook_hash, settings.webhook_encoding),
        on_stored,
    )


def require_secret(settings: Settings) -> None:
    if not webhook_secrets(settings):
        raise UsageError(
            "no secret to verify events with: LOGENTIC_WEBHOOK_SECRET is not set",
            "Set it to the one that the service signs with; or, to try it on this machine: --accept-unsigned.",
        )


def run_event_server(
    settings: Settings, file: Path, host: str, port: int, *, accept_unsigned: bool = False, refresh: bool = False
) -> None:
    """Serve until Ctrl-C or SIGTERM. With `refresh`, run the job after new events."""
    import uvicorn

    if not accept_unsigned:
        require_secret(settings)
    elif host not in (*LOOPBACK, "localhost"):
        raise UsageError(f"--accept-unsigned with --host {host}", "Unsigned events are accepted on 127.0.0.1 only.")
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(f"{host}, port {port}: {error.strerror}", "Choose another --host or --port.") from None
    state = State(file.absolute())
    runs = Refresh(state.file) if refresh else None
    application = make_receiver(settings, state, runs.wanted.set if runs else lambda: None)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            http=protocol_class(settings.webhook_connections),
            ws="none",
            log_level="error",  # no log line for each malformed request
            access_log=False,
            server_header=False,
            timeout_keep_alive=15,
        )
    )
    taken_at = f"http://{host}:{listening.getsockname()[1]}{PATH}"
    sys.stderr.write(one_line(f"events for {file} are taken at {taken_at}, until Ctrl-C") + "\n")
    if runs:
        runs.start()
    try:
        server.run(sockets=[listening])
    finally:
        application.close()
        if runs:
            runs.stop()


class Refresh(threading.Thread):
    """Run `logentic run` for FILE after new events, one run at a time, at most once a minute."""

    def __init__(self, file: Path, seconds: float = 60) -> None:
        super().__init__(name="refresh", daemon=True)
        self.wanted = threading.Event()
        self._file, self._seconds = file, seconds
        self._stopping = threading.Event()
        self._run: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        while not self._stopping.is_set():
            self.wanted.wait()
            if self._stopping.is_set():
                return
            self.wanted.clear()
            command = [sys.executable, "-m", "logentic.cli", "run", "--db", str(self._file), "--wait", "600"]
            self._run = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
            if code := self._run.wait():
                log.warning("the run started by events ended with exit code %d", code)
            self._stopping.wait(self._seconds)

    def stop(self) -> None:
        """End a run in progress: what it loaded stays, and the next run continues from there."""
        self._stopping.set()
        self.wanted.set()
        if self._run and self._run.poll() is None:
            self._run.terminate()
