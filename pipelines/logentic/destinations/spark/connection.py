"""An engine that speaks Spark Connect: Spark, Sail, Databricks."""

import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from logentic.destinations.base import environment
from logentic.errors import StateError, UsageError

VARIABLE = "SPARK_REMOTE"
PATIENCE_SECONDS = 10
RETRIES = 5  # wait 15 seconds for the network; the client's default of 15 retries takes ten minutes


def engine_address() -> str:
    """Return the address of the engine; raise `UsageError` if it is missing or invalid."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        raise UsageError("the engine is not named", f"Set {VARIABLE} to its address, such as sc://host:15002.")
    try:
        parts = urlsplit(given)
        is_address = parts.scheme == "sc" and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(f"{VARIABLE} is not a Spark Connect address", "Write it as sc://host:15002.")
    if not find_spec("pyspark"):
        raise UsageError("the client of Spark is not installed", "Install logentic-elt[spark].")
    return given


def require_engine(address: str) -> None:
    """Raise `StateError` if the engine does not respond: the client itself would try for ten minutes."""
    parts = urlsplit(address)
    try:
        socket.create_connection((str(parts.hostname), parts.port or 15002), PATIENCE_SECONDS).close()
    except OSError as error:
        raise StateError(
            f"{engine_name(address)}: {error.strerror or error}", f"Start it, or correct {VARIABLE}."
        ) from None


def engine_name(address: str) -> str:
    """Return the address without secrets, such as a token."""
    parts = urlsplit(address)
    return f"Spark on {parts.hostname}:{parts.port or 15002}"


@contextmanager
def session(address: str, home: Path) -> Iterator[None]:
    """Begin the one session of this process. It stays open after a success."""
    # The client looks for a Spark installation, which it does not need.
    with environment({"SPARK_HOME": os.environ.get("SPARK_HOME", str(home))}):
        try:
            _begin(address)
            yield
        except BaseException:
            end_session(is_lost=True)
            raise


def current_session() -> Any:
    """Return the session that `session` began; None if there is none."""
    client = sys.modules.get("pyspark.sql.connect.session")
    return client and client.SparkSession._get_default_session()


def end_session(*, is_lost: bool = False) -> None:
    """End the session on the engine as well, which then drops its tables; not if the engine may be gone, or the user
    owns the session.
    """
    if running := current_session():
        running.release_session_on_close = not is_lost and "session_id=" not in os.environ[VARIABLE]
        running.stop()


def _begin(address: str) -> None:
    """Begin a session with our own id: an engine may store tables by session, and a reconnecting client has to find
    them.
    """
    # Only the import of pandas is needed: rows are returned as Arrow.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]", UserWarning)  # the error has the same message
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    end_session(is_lost=True)
    if "session_id=" not in address:
        address = address.rstrip("/;") + ("" if ";" in address else "/") + f";session_id={uuid4()}"
    begun = SparkSession.builder.remote(address).create()
    begun.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
