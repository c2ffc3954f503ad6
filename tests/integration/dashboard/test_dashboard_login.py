"""`logentic dashboard` with a password, over real HTTP: any letters, few guesses, nobody kept out."""

import base64
import http.client
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import pytest
from command_line import COMMAND, environment

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

PASSWORD = "motdepassé"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dashboard") / "logentic.duckdb"
    with Sandbox(Account(seed=3, scale=0.05, days=5, today=date(2026, 3, 17))) as sandbox:
        run_job(Settings(base_url=sandbox.url, api_token=sandbox.token), file, JobOptions(models=False))
    return file


@pytest.fixture
def port(file: Path) -> Iterator[int]:
    process = subprocess.Popen(
        [COMMAND, "dashboard", "--db", str(file), "--port", "0"],
        env=environment(file.parent, dashboard_password=PASSWORD),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    yield int(process.stdout.readline().rpartition(":")[2])
    process.terminate()
    assert "Traceback" not in process.communicate(timeout=300)[1]


def ask(port: int, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str | None]:
    """The status, and where it leads."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
        body = None if form is None else urlencode(form)
        connection.request("GET" if form is None else "POST", path, body, {**({} if form is None else FORM), **headers})
        answer = connection.getresponse()
        return answer.status, answer.getheader("location")


def test_a_password_with_an_accent_lets_in_by_each_way_and_a_wrong_one_is_no_error(port: int) -> None:
    assert ask(port, "/") == (303, "/auth/login?next=%2F")
    assert ask(port, "/auth/login", {"password": PASSWORD}) == (302, "/")
    assert ask(port, "/?" + urlencode({"access_token": PASSWORD}))[1] == "/"
    credentials = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert ask(port, "/", Authorization=f"Basic {credentials}")[0] == 200
    assert ask(port, "/auth/login", {"password": "falsché"})[0] == 200
    assert ask(port, "/", Authorization="Basic " + base64.b64encode(b"me:\xe9").decode())[0] == 303


def test_a_thousand_guesses_are_not_answered(port: int) -> None:
    statuses = Counter(ask(port, "/auth/login", {"password": f"guess {n}"})[0] for n in range(300))
    assert statuses[429] > 280
    assert set(statuses) == {200, 429}


def test_senders_that_never_go_on_and_a_websocket_without_a_login_keep_nobody_out(port: int) -> None:
    held = [socket.create_connection(("127.0.0.1", port), timeout=300) for _ in range(300)]
    for connection in held:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX")
        except OSError:  # closed in favour of a later one
            continue
    assert ask(port, "/")[0] == 303
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 403"
    for connection in held:
        connection.close()
