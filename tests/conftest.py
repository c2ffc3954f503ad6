"""For every test: settings come from the test alone, and examples are tried without a stopwatch."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from bucket_server import BucketServer
    from postgres_server import PostgresServer

# The same examples in every run: what lands must not depend on luck.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    max_examples=60,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("suite")

# Of what dbt and pytest hold, little is ever garbage; by default it is looked at again after each 700 new objects.
gc.set_threshold(100_000, 20, 20)

# A shell that starts the suite in the background has it ignore Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own token, host or proxy must not reach a test."""
    monkeypatch.setattr("logentic.sanitizer._secrets", set())
    monkeypatch.setattr("logentic.sanitizer._tokens", set())
    for name in list(os.environ):
        if name.startswith("LOGENTIC_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["PostgresServer"]:
    """One for all tests of a process; it starts with the first that asks.

    Not in pytest's folder, which pytest closes to the user that the server runs as, each time that it starts.
    """
    from postgres_server import running

    with TemporaryDirectory(prefix="logentic-postgres-") as folder, running(Path(folder) / "data") as server:
        yield server


@pytest.fixture
def postgres(postgres_server: "PostgresServer", monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database, which the product is told of as dlt's users tell it."""
    url = postgres_server.new_database()
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    return url


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["BucketServer"]:
    """An empty one, which the product and an engine are told of by the environment."""
    from bucket_server import running

    with running(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
