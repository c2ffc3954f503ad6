"""State files that can be parsed and are wrong: each is ignored with one warning, and the run ends exact."""

import json
import logging
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from raw_tables import raw_differences

from logentic import state
from logentic.events.inbox import EventInbox
from logentic.job import JobOptions, run_job
from logentic.monitoring.alerts import find_problems
from logentic.monitoring.run_history import read_runs
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
RAW_ONLY = JobOptions(models=False)
NOTES = ("built", "held", "under_way", "orders_asked", "events_taken", "events_retry", "alerts")
WRONG = {
    "a list for a text": b'{"load": [1], "after": [1], "receipts": 1, "ids": 1, "events": [1], "event_id": [1]}',
    "texts for numbers": b'{"ids": ["x"], "receipts": ["x"], "after": "x", "000.log": "x", "events": "x"}',
    "a missing key": b'{"receipts": [{"window_id": "x"}], "started_at": "x"}',
    "a receipt without times": b'{"after": "1", "receipts": [{"resource": "orders", "window_start": 5}]}',
    "deep nesting": b'{"load": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a huge number": b'{"ids": [' + b"9" * 5000 + b'], "load": 1e999, "after": ' + b"9" * 5000 + b"}",
    "NaN": b'{"load": NaN, "ids": [NaN], "after": NaN, "events": NaN, "event_id": NaN, "started_at": NaN}',
    "Latin-1": '{"load": "é", "after": "é", "event_id": "é"}'.encode("latin-1"),
    "NUL bytes": b"\0" * 512,
    "a list": b"[1, 2]",
}
LINES = [
    b'{"event_id": "a", "started_at": "2026-03-16T10:00:00+00:00"}',
    b'{"event_id": "b", "started_at": 5, "outcome": "failed", "requests": 3}',
    b'{"event_id": "c", "started_at": "2026-03-16T10:00:00+00:00", "outcome": ["failed"]}',
    b'{"event_id": "d", "started_at": "2026-03-16T10:00:00", "outcome": "failed", "requests": 3}',
    b'{"event_id": "e", "started_at": "2026-03-16T10:00:00+00:00", "outcome": "published", "requests": "many"}',
    b'{"event_id": "f", "started_at": "2026-03-16T10:00:00+00:00", "outcome": "published", "requests": 3}',
    b'{"event_id": "g", "rows_new": ' + b"9" * 400 + b"}",
    b'{"event_id": "h", "load_seconds": NaN}',
    b'{"event_id": "i", "error": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"started_at": "2026-03-16T10:00:00+00:00", "outcome": "published"}',
    b"[]",
    b"5",
    '{"event_id": "é"}'.encode("latin-1"),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=71, scale=0.1, days=20, today=TODAY)) as sandbox:
        sandbox.clock.advance(timedelta(days=-2))
        yield sandbox


@pytest.fixture
def file(sandbox: Sandbox, tmp_path: Path) -> Path:
    """Two runs: the second one finds nothing, and holds its receipts back."""
    file = tmp_path / "logentic.duckdb"
    for _ in range(2):
        run_job(settings_of(sandbox), file, RAW_ONLY)
    assert (State(file).folder / "held.json").exists()
    return file


def settings_of(sandbox: Sandbox) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token)


@pytest.mark.parametrize("wrong", [*WRONG, "a folder"])
def test_wrong_notes_are_ignored_with_one_warning_each(
    sandbox: Sandbox, file: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = State(file).folder
    for name in NOTES:
        path = folder / f"{name}.json"
        path.unlink(missing_ok=True)
        if wrong == "a folder":
            (path / "within").mkdir(parents=True)
        else:
            path.write_bytes(WRONG[wrong])
    sandbox.clock.advance(timedelta(days=2))
    with caplog.at_level(logging.WARNING, "logentic"):
        run_job(settings_of(sandbox), file, RAW_ONLY)
        find_problems(settings_of(sandbox), State(file), sandbox.clock.now())
    assert raw_differences(file, sandbox) == {}
    warned = [record.getMessage() for record in caplog.records if "is damaged and was ignored" in record.getMessage()]
    assert len(warned) == len({*warned})
    assert f"{folder / 'built.json'} is damaged and was ignored" in warned or wrong in ("a missing key",)
    assert json.loads((folder / "built.json").read_text())["load"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("built", {}),
        ("built", {"load": "1", "published": "", "journals": "", "day": [1]}),
        ("privacy", {"columns": {"a": 1}}),
        ("events_taken", {"a": 1}),
        ("events_retry", 5),
        ("events_retry", {}),
        ("orders_asked", {}),
        ("under_way", {"event_id": "x"}),
    ],
)
def test_a_note_with_wrong_keys_is_named_once_and_set_right(
    sandbox: Sandbox, file: Path, name: str, wrong: object, caplog: pytest.LogCaptureFixture
) -> None:
    path = State(file).folder / f"{name}.json"
    path.write_text(json.dumps(wrong))
    for named in ([f"{path} is damaged and was ignored"], []):
        caplog.clear()
        state._warn_once.cache_clear()  # each run is a process of its own
        with caplog.at_level(logging.WARNING, "logentic"):
            run_job(settings_of(sandbox), file, RAW_ONLY)
        assert [record.getMessage() for record in caplog.records if "is damaged" in record.getMessage()] == named
    assert not path.exists() or json.loads(path.read_text()) != wrong


def test_wrong_lines_of_the_history_are_left_out(sandbox: Sandbox, file: Path, tmp_path: Path) -> None:
    state = State(file)
    path = state.folder / "runs.jsonl"
    whole = path.read_bytes()
    for number, line in enumerate(LINES):
        path.write_bytes(whole + line + b"\n")
        assert [row["event_id"] for row in read_runs(state)][:2]
        find_problems(settings_of(sandbox), state, sandbox.clock.now())
        copy = tmp_path / str(number) / file.name
        shutil.copytree(state.folder, State(copy).folder)
        shutil.copyfile(file, copy)
        sandbox.clock.advance(timedelta(hours=1))
        run_job(settings_of(sandbox), copy, RAW_ONLY)
        assert raw_differences(copy, sandbox) == {}


def test_a_folder_in_place_of_the_history_is_set_aside(sandbox: Sandbox, file: Path) -> None:
    path = State(file).folder / "runs.jsonl"
    path.unlink()
    path.mkdir()
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert len(read_runs(State(file))) == 1
    assert path.with_suffix(".damaged").is_dir()


def test_what_is_no_segment_of_the_queue_is_passed_over(sandbox: Sandbox, file: Path) -> None:
    state = State(file)
    (state.events / "000.log").mkdir(parents=True)
    (state.events / "notes.log").write_bytes(b"not a segment")
    (state.events / "001.log").write_bytes(b"00000000 {}\n" + b"[" * 100_000 + b"\n\xff\n")
    assert EventInbox(state).read_new() == []
    run_job(settings_of(sandbox), file, RAW_ONLY)
