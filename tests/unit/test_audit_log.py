"""Journals: nothing written is lost, a torn line costs itself alone, the folder is made good from the database."""

import stat
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from logentic.audit_log import EXCEPTION_LOG, MONTH_CLOSE
from logentic.destinations.duckdb import DuckdbDestination
from logentic.settings import Settings
from logentic.state import State

SET: dict[str, Any] = {
    "event_id": "one",
    "exception_id": "4711-duplicate_charge",
    "status": "disputed",
    "note": '=cmd "quoted", ligne\nsuivante, é',
    "set_by": "ann",
    "set_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "charge_id": 4711,
    "amount": Decimal("12.345678901234567890123456"),
    "start_date": date(2026, 1, 31),
}


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "it's a.duckdb")
    state.prepare()
    return state


def load_audit_log(state: State) -> dict[str, int]:
    return DuckdbDestination(Settings(), state).load_audit_log()


def table(state: State, name: str = "exception_log") -> list[dict[str, Any]]:
    with duckdb.connect(str(state.work)) as work:
        cursor = work.execute(f"from logentic_raw.{name} order by event_id")
        names = [column[0] for column in cursor.description]
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in cursor.fetchall()
        ]


def test_rows_come_back_as_they_were_also_as_a_table_for_their_owner_alone(state: State) -> None:
    EXCEPTION_LOG.append(state.folder, [SET])
    assert EXCEPTION_LOG.read(state.folder) == [SET]
    assert stat.S_IMODE(EXCEPTION_LOG.path(state.folder).stat().st_mode) == 0o600
    load_audit_log(state)
    assert table(state) == [SET]
    assert table(state, "month_close") == []


def test_a_torn_line_costs_itself_alone_and_is_said(state: State, caplog: pytest.LogCaptureFixture) -> None:
    EXCEPTION_LOG.append(state.folder, [SET])
    path = EXCEPTION_LOG.path(state.folder)
    path.write_bytes(path.read_bytes() + '{"event_id": "two", "note": "é'.encode()[:-1])
    assert EXCEPTION_LOG.read(state.folder) == [SET]
    assert "exception_log.jsonl: line 2 is damaged" in caplog.text
    EXCEPTION_LOG.append(state.folder, [{**SET, "event_id": "three"}])
    assert [row["event_id"] for row in EXCEPTION_LOG.read(state.folder)] == ["one", "three"]
    load_audit_log(state)
    assert [row["event_id"] for row in table(state)] == ["one", "three"]


def test_writers_at_once_lose_nothing(state: State) -> None:
    def write() -> None:
        for _ in range(20):
            EXCEPTION_LOG.append(state.folder, [{"note": "x" * 3000}])

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len({row["event_id"] for row in EXCEPTION_LOG.read(state.folder)}) == 80


def test_what_the_folder_lost_comes_back_from_the_database_and_nothing_doubles(state: State) -> None:
    EXCEPTION_LOG.append(state.folder, [SET])
    MONTH_CLOSE.append(state.folder, [{"event_id": "2026-01", "month": date(2026, 1, 1)}])
    load_audit_log(state)
    for audit_log in (EXCEPTION_LOG, MONTH_CLOSE):
        audit_log.path(state.folder).unlink()
    EXCEPTION_LOG.append(state.folder, [{"event_id": "zwei", "status": "accepted"}])
    sizes = load_audit_log(state)
    assert load_audit_log(state) == sizes
    assert table(state) == [SET, {"event_id": "zwei", "status": "accepted"}]
    restored = {row["event_id"]: row for row in EXCEPTION_LOG.read(state.folder)}
    assert {name: value for name, value in restored["one"].items() if value is not None} == SET
    assert [row["month"] for row in MONTH_CLOSE.read(state.folder)] == [date(2026, 1, 1)]
