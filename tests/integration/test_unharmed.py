"""Readers, disks, other runs and lost folders: FILE is whole, or untouched, and the message says which."""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from command_line import AS_ANYBODY, COMMAND, access, logentic
from raw_tables import raw_differences

from logentic.errors import StateError, UsageError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
RAW_ONLY = JobOptions(models=False)


@pytest.fixture
def sandbox() -> Sandbox:
    with Sandbox(Account(seed=71, scale=0.1, days=25, today=TODAY)) as sandbox:
        sandbox.clock.advance(timedelta(days=-2))
        yield sandbox


def settings_of(sandbox: Sandbox, **more: object) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, **more)


def test_a_reader_who_holds_the_file_open_sees_the_old_tables_whole_and_blocks_nothing(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "db"
    run_job(settings_of(sandbox), file, RAW_ONLY)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    before = reader.stdout.readline()
    sandbox.clock.advance(timedelta(days=2))
    outcome = run_job(settings_of(sandbox), file, RAW_ONLY)
    assert outcome.loaded.changes
    reader.stdin.write("again\n")
    reader.stdin.flush()
    assert reader.stdout.readline() == before, "the open file is the one that was opened"
    reader.communicate()
    assert raw_differences(file, sandbox) == {}


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
count = "select (select count(*) from logentic_raw.orders), (select max(date) from logentic_raw.inventory_history)"
print(connection.execute(count).fetchone(), flush=True)
sys.stdin.readline()
print(connection.execute(count).fetchone(), flush=True)
"""


def test_a_second_run_at_once_leaves_with_one_line_or_waits(sandbox: Sandbox, tmp_path: Path) -> None:
    state = State(tmp_path / "db")
    state.prepare()
    with state.locked(), pytest.raises(StateError, match="another run is in progress"):
        run_job(settings_of(sandbox), tmp_path / "db", JobOptions())
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "db")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert run_job(settings_of(sandbox), tmp_path / "db", JobOptions(models=False, wait_seconds=30)).loaded.changes
    assert holder.wait() == 0


HOLDER = """
import sys, time, pathlib
from logentic.state import State
with State(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(1)
"""


def test_a_lost_state_folder_is_rebuilt_from_the_file_and_nothing_doubles(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "db"
    settings = settings_of(sandbox, hash_key="kept elsewhere")
    run_job(settings, file, RAW_ONLY)
    rows = raw_counts(file)
    shutil.rmtree(State(file).folder)
    run_job(settings, file, RAW_ONLY)
    assert raw_counts(file) == rows
    sandbox.clock.advance(timedelta(days=2))
    run_job(settings, file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


@pytest.mark.parametrize("part", ["dlt", "dbt", "built.json", "runs.jsonl", "work.duckdb"])
def test_a_lost_part_of_the_state_folder_is_made_good(sandbox: Sandbox, tmp_path: Path, part: str) -> None:
    file, options = tmp_path / "db", JobOptions(models=part in ("dbt", "built.json"))
    run_job(settings_of(sandbox), file, options)
    rows = raw_counts(file)
    lost = State(file).folder / part
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    run_job(settings_of(sandbox), file, options)
    assert raw_counts(file) == rows


@pytest.mark.parametrize(
    "part", ["work.duckdb", "dlt/logentic/state.json", "dlt/logentic/schemas/logentic.schema.json"]
)
def test_a_damaged_part_of_the_state_folder_is_rebuilt(sandbox: Sandbox, tmp_path: Path, part: str) -> None:
    file = tmp_path / "db"
    run_job(settings_of(sandbox), file, RAW_ONLY)
    rows = raw_counts(file)
    (State(file).folder / part).write_bytes(b"not what stood here")
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_counts(file) == rows


def test_a_lost_hash_key_stops_the_run_and_says_how_to_go_on(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "db"
    run_job(settings_of(sandbox), file, RAW_ONLY)
    (State(file).folder / "hash_key").unlink()
    with pytest.raises(StateError, match="key") as stopped:
        run_job(settings_of(sandbox), file, RAW_ONLY)
    assert "LOGENTIC_HASH_KEY" in stopped.value.guidance


def test_a_file_of_a_newer_version_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "db"
    run_job(settings_of(sandbox), file, RAW_ONLY)
    with duckdb.connect(str(State(file).work)) as work:
        work.execute("update logentic_raw._logentic set format = 99")
    with pytest.raises(StateError, match="newer"):
        run_job(settings_of(sandbox), file, RAW_ONLY)


def test_a_full_disk_is_one_clear_line_and_the_file_is_untouched(sandbox: Sandbox, tmp_path: Path) -> None:
    """A limit on the size of files that the process may write stands for the disk."""
    file = tmp_path / "db"
    run_job(settings_of(sandbox), file, RAW_ONLY)
    before = file.read_bytes()
    sandbox.clock.advance(timedelta(days=2))
    finished = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; ulimit -f 400; exec {sys.executable} -m logentic.cli run --db {file}"],
        env={**os.environ, "LOGENTIC_BASE_URL": sandbox.url, "LOGENTIC_API_TOKEN": sandbox.token},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 1, finished.stderr
    assert "Traceback" not in finished.stderr
    assert file.read_bytes() == before
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o640), (0o022, 0o640), (0o077, 0o600)])
def test_what_is_made_is_readable_by_its_owner_and_group_at_most(
    sandbox: Sandbox, tmp_path: Path, umask: int, mode: int
) -> None:
    file = tmp_path / "db"
    before = os.umask(umask)
    try:
        run_job(settings_of(sandbox), file, RAW_ONLY)
    finally:
        os.umask(before)
    assert oct(file.stat().st_mode & 0o777) == oct(mode)
    assert oct(State(file).folder.stat().st_mode & 0o777) == "0o700"
    assert oct((State(file).folder / "hash_key").stat().st_mode & 0o777) == "0o600"
    assert oct(State(file).work.stat().st_mode & 0o777) == "0o600"


def test_a_run_leaves_no_temporary_file_and_old_packages_go(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, temporary = tmp_path / "here" / "db", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    run_job(settings_of(sandbox), file, RAW_ONLY)
    packages = State(file).dlt / "logentic" / "load" / "loaded"
    for number in range(1, 30):
        (packages / f"{number}.5").mkdir()
    sandbox.clock.advance(timedelta(days=2))
    run_job(settings_of(sandbox), file, JobOptions())
    assert sorted(path.name for path in file.parent.iterdir()) == ["db", "db.state"]
    left = {path.name for path in State(file).folder.iterdir()}
    notes = {
        "built.json",
        "events_retry.json",
        "events_taken.json",
        "orders_asked.json",
        "privacy.json",
        "runs.jsonl",
    }
    assert left - {"held.json"} == {*notes, "dbt", "dlt", "hash_key", "lock", "work.duckdb"}
    assert list(temporary.iterdir()) == []
    assert len(list(packages.iterdir())) == 20
    assert not [path for path in packages.parent.rglob("*.parquet") if path.parent.name != "completed_jobs"]


@pytest.mark.parametrize("part", ["the folder", "the state folder"])
def test_a_folder_that_may_only_be_read_is_one_line_and_the_file_is_untouched(
    sandbox: Sandbox, tmp_path: Path, part: str
) -> None:
    file = tmp_path / "here" / "db"
    run_job(settings_of(sandbox), file, RAW_ONLY)
    before, asked = file.read_bytes(), len(sandbox.requests)
    closed = file.parent if part == "the folder" else State(file).folder
    closed.chmod(0o500)
    try:
        done = logentic("run", "--db", file, cwd=tmp_path, command=[*AS_ANYBODY, COMMAND], **access(sandbox))
    finally:
        closed.chmod(0o700)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"--db {file}: no permission to write. Choose a file in a folder that you may write to." in done.stderr
    assert file.read_bytes() == before
    assert len(sandbox.requests) == asked


def test_a_path_that_cannot_be_written_is_refused_before_any_request(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("a file")
    with pytest.raises(UsageError, match="--db"):
        run_job(settings_of(sandbox), tmp_path / "in the way" / "db", JobOptions())
    assert not sandbox.requests


def raw_counts(file: Path) -> dict[str, int]:
    with duckdb.connect(str(file), read_only=True) as published:
        tables = published.execute(
            "select table_name from information_schema.tables where table_schema = 'logentic_raw'"
            " and table_name[:4] <> '_dlt' and table_name not in ('extract_windows', 'runs')"
        ).fetchall()
        return {t: published.execute(f"select count(*) from logentic_raw.{t}").fetchone()[0] for (t,) in tables}
