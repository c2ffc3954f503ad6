"""`logentic run` tells a monitor how it goes, by the protocol of healthchecks.io over real HTTP."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from command_line import access, environment

from logentic.sandbox import Account, Fault, Sandbox


class Monitor:
    """Records the path and body of each ping."""

    def __init__(self) -> None:
        self.pings: list[tuple[str, str]] = []
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
                monitor.pings.append((self.path, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/a-uuid"


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    monitor = Monitor()
    yield monitor
    monitor.server.shutdown()
    monitor.server.server_close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=51, scale=0.05, days=5, today=date(2026, 3, 17))) as sandbox:
        yield sandbox


def run(folder: Path, sandbox: Sandbox, ping_url: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("logentic")), "run", "--db", str(folder / "db"), "--no-models"]
    environ = environment(folder, **access(sandbox, ping_url=ping_url))
    return subprocess.run(
        [*command, *options], env=environ, capture_output=True, text=True, timeout=300, check=False, cwd=folder
    )


def test_a_run_pings_its_start_and_its_end(monitor: Monitor, sandbox: Sandbox, tmp_path: Path) -> None:
    assert run(tmp_path, sandbox, monitor.url).returncode == 0
    assert monitor.pings == [("/a-uuid/start", ""), ("/a-uuid", "")]


def test_a_failed_run_pings_its_exit_code(monitor: Monitor, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults = [Fault("forbidden", path="/v1/items", times=None)]
    failed = run(tmp_path, sandbox, f"{monitor.url}/")
    assert failed.returncode == 1
    assert monitor.pings == [("/a-uuid/start", ""), ("/a-uuid/fail", "exit code 1")]
    assert "a-uuid" not in failed.stdout + failed.stderr


def test_an_unreachable_monitor_fails_no_run(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(tmp_path, sandbox, "http://127.0.0.1:9/a-uuid")
    assert done.returncode == 0
    assert "a-uuid" not in done.stdout + done.stderr


def test_a_file_is_no_monitor(sandbox: Sandbox, tmp_path: Path) -> None:
    refused = run(tmp_path, sandbox, "file:///etc/passwd")
    assert refused.returncode == 2
    assert "setting 'ping_url': must be a URL" in refused.stderr
