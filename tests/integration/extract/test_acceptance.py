"""What Airbyte accepts a connector by: sequential reads are equal, every state is resumed, also one in the future."""

import logging
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_tables import raw_differences
from test_reruns import settings_of, tables_of

from logentic.api.client import Client
from logentic.extract.run import RunRequest, RunState
from logentic.extract.session import Session
from logentic.extract.stored_records import Stored
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.state import State

TODAY = date(2026, 3, 17)
NO_MODELS = JobOptions(models=False)


def test_two_sequential_reads_are_equal(tmp_path: Path) -> None:
    with Sandbox(Account(seed=81, scale=0.1, days=30, today=TODAY)) as sandbox:
        for name in ("one", "other"):
            run_job(settings_of(sandbox), tmp_path / name, NO_MODELS)
    one = tables_of(tmp_path / "one", "logentic_raw")
    assert one == tables_of(tmp_path / "other", "logentic_raw")
    assert len(one["orders"]) > 50


class Stopped(Exception):
    """Instead of the next part of a load."""


def test_a_load_is_resumed_from_the_state_after_each_of_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state after every part is set aside; each is taken up by another run, which has less to load."""
    states: list[Path] = []
    open_session = Session.open

    def set_aside(client: Client, request: RunRequest, stored: Stored, run: RunState, **options: Any) -> Session:
        if run.now:
            states.append(tmp_path / f"after part {len(states) + 1}")
            shutil.copytree(State(tmp_path / "db").folder, State(states[-1]).folder)
        return open_session(client, request, stored, run, **options)

    account = Account(seed=82, scale=0.1, days=40, today=TODAY)
    with Sandbox(account) as sandbox:
        with monkeypatch.context() as patched:
            patched.setattr(Session, "open", set_aside)
            impatient = settings_of(sandbox, load_every_seconds=0.001, window_pages=1, connections=1)
            whole = run_job(impatient, tmp_path / "db", NO_MODELS)
        assert len(states) > 2
        expected = tables_of(tmp_path / "db", "logentic_raw")
        left = []
        for state in states:
            left.append(run_job(settings_of(sandbox), state, NO_MODELS).loaded.changes)
            assert tables_of(state, "logentic_raw") == expected
        assert left == sorted(left, reverse=True)
        assert whole.loaded.changes > left[0] > left[-1]
        assert len(set(left)) > 2


def test_a_state_in_the_future_is_clamped_with_a_warning_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The service's clock was two days ahead for one run; what changes after it was set right is read."""
    file = tmp_path / "db"
    account = Account(seed=83, scale=0.1, days=30, today=TODAY)
    with Sandbox(account) as sandbox:
        now = sandbox.clock.now()
        run_job(settings_of(sandbox), file, NO_MODELS)
        sandbox.clock.set(now + timedelta(days=2))
        run_job(settings_of(sandbox), file, NO_MODELS)
        assert not caplog.messages
        sandbox.clock.set(now + timedelta(hours=1))
        shown = {row["id"] for row in sandbox.state().rows("orders")}
        order = min(shown & seen_since(file, now + timedelta(days=2)))
        sandbox.alter("orders", order, status="CANCELLED", stored_items=[])
        with caplog.at_level(logging.WARNING, "logentic"):
            run_job(settings_of(sandbox), file, NO_MODELS)
        [warning] = caplog.messages
        assert "2026-03-19 12:00" in warning
        assert "2026-03-17 13:00" in warning
        assert latest_status(file, order) == "CANCELLED"
        later = now + timedelta(days=3)
        sandbox.clock.set(later)
        caplog.clear()
        run_job(settings_of(sandbox), file, NO_MODELS)
        assert not caplog.messages
        assert raw_differences(file, sandbox) == {}


def seen_since(file: Path, moment: datetime) -> set[int]:
    """Orders with a version that was read then or later."""
    with duckdb.connect(str(file), read_only=True) as published:
        found = published.execute("select id from logentic_raw.orders where _seen_at >= ?", [moment]).fetchall()
    return {row[0] for row in found}


def latest_status(file: Path, order: int) -> str:
    with duckdb.connect(str(file), read_only=True) as published:
        return published.execute(
            "select status from logentic_raw.orders where id = ? order by _seen_at desc, _dlt_load_id desc limit 1",
            [order],
        ).fetchone()[0]


def test_a_window_proves_nothing_of_what_came_after_it_was_read(tmp_path: Path) -> None:
    """One answer of a wrong clock at the beginning of a run: its windows reach further than it has read."""
    file = tmp_path / "db"
    account = Account(seed=84, scale=0.1, days=30, today=TODAY)
    with Sandbox(account) as sandbox:
        now = sandbox.clock.now()

        def set_right(path: str, query: dict[str, str], n: int) -> None:
            if n > 1:
                sandbox.clock.set(now)

        sandbox.before_response(set_right)
        sandbox.clock.set(now + timedelta(days=5))
        run_job(settings_of(sandbox), file, NO_MODELS)
        assert datetime.fromisoformat("2026-03-22T12:00:00+00:00") == reached(file, "orders")
        now += timedelta(days=4)
        run_job(settings_of(sandbox), file, NO_MODELS)
        now += timedelta(days=2)
        run_job(settings_of(sandbox), file, NO_MODELS)
        assert raw_differences(file, sandbox) == {}


def reached(file: Path, resource: str) -> datetime:
    with duckdb.connect(str(file), read_only=True) as published:
        return published.execute(
            "select max(window_end) from logentic_raw.extract_windows where resource = ?", [resource]
        ).fetchone()[0]
