"""Files and folders that an earlier version made: one line that says what to do, until the next run mends them."""

import shutil
import socket
import tarfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from command_line import logentic

from logentic.errors import StateError, UsageError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State
from logentic.transform.build import build

TODAY = date(2026, 3, 17)
BUILT_BY_DBT = Path(__file__).parents[1] / "files" / "built_by_dbt.tar.xz"
BUILD = JobOptions(extract=False)
# A column of each kind that a version added, and one that is of no version: any may be the one that lacks.
ADDED = {
    "charges": "is_amount_unreadable",
    "invoice_exceptions": "is_question",
    "exception_status": "what_changed",
    "invoice_reconciliation": "reason",
}
COMMANDS = {
    "an invoice": ["reconcile", "--invoice", "7001"],
    "a month": ["reconcile", "--month", "2026-02"],
    "exceptions": ["exceptions"],
    "a month to close": ["close", "2026-01"],
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=5, scale=0.1, days=40, today=TODAY)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def loaded(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of raw tables, with its state folder."""
    file = tmp_path_factory.mktemp("loaded") / "x.duckdb"
    run_job(settings_of(sandbox), file, JobOptions(models=False))
    return file


@pytest.fixture
def file(loaded: Path, tmp_path: Path) -> Path:
    shutil.copytree(loaded.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / loaded.name


def settings_of(sandbox: Sandbox, **more: object) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="one", **more)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_reads_an_older_file_says_what_to_run(command: list[str], file: Path) -> None:
    """The marts of this file have no columns at all: whichever is read first is missing."""
    with duckdb.connect(str(file)) as published:
        published.execute("create schema if not exists logentic_marts")
        for table in ("charges", "invoice_exceptions", "exception_status", "invoice_reconciliation", "month_facts"):
            published.execute(f"create or replace table logentic_marts.{table} (id bigint)")
    done = logentic(*command, "--db", file, cwd=file.parent)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("logentic: the file was published by an earlier version: ")
    assert done.stderr.endswith("Run once: logentic run --db FILE\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("table", ADDED)
def test_notify_passes_over_tables_that_lack_a_column(table: str, file: Path) -> None:
    with duckdb.connect(str(file)) as published:
        published.execute("create schema if not exists logentic_marts")
        published.execute(f"create or replace table logentic_marts.{table} (id bigint)")
    done = logentic("notify", "--db", file, cwd=file.parent, alert_urls="json://127.0.0.1:1/x", freshness_hours=1e6)
    assert (done.returncode, done.stdout) == (0, "nothing is wrong\nnothing to send\n"), done.stderr


@pytest.mark.parametrize(
    ("table", "column"),
    [("order_events", "topic_mismatch"), ("extract_windows", "is_accepted"), ("items", "price"), ("orders", "status")],
)
def test_build_refuses_raw_tables_that_lack_a_column_until_a_run_added_it(
    table: str, column: str, file: Path, sandbox: Sandbox
) -> None:
    with duckdb.connect(str(State(file).work)) as work:
        work.execute(f"alter table logentic_raw.{table} drop column {column}")
    with pytest.raises(StateError, match="was loaded by an earlier version: it lacks columns") as refused:
        run_job(settings_of(sandbox), file, BUILD)
    assert refused.value.guidance == f"Run once: logentic run --db {file}"
    assert refused.value.exit_code == 1


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as destination, and an engine that is reached before the raw tables are looked at."""
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    with socket.create_server(("127.0.0.1", 0)) as engine:
        monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{engine.getsockname()[1]}")
        yield tmp_path / "lake"


def test_build_over_a_folder_that_holds_nothing_is_one_line(lake: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lake holds nothing yet") as refused:
        run_job(settings_of(sandbox, destination="filesystem", engine="spark"), tmp_path / "x", BUILD)
    assert refused.value.guidance == "Load it: logentic run --destination filesystem"
    assert not lake.exists()


@pytest.mark.parametrize("table", ["rejected_values", "order_events", "orders__stored_items", "payment_items"])
def test_build_over_a_folder_without_one_of_the_raw_tables_is_one_line(
    table: str, lake: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    run_job(settings_of(sandbox, destination="filesystem"), tmp_path / "x", JobOptions())
    shutil.rmtree(lake / "logentic_raw" / table)
    with pytest.raises(StateError, match="was loaded by an earlier version: it lacks columns or tables") as refused:
        run_job(settings_of(sandbox, destination="filesystem", engine="spark"), tmp_path / "x", BUILD)
    assert refused.value.guidance == "Run once: logentic run --destination filesystem"


def test_one_run_takes_over_a_file_whose_tables_dbt_built(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The archive is a file of the last version that built with dbt: a month is closed, an exception disputed."""
    for name in ("old", "new"):
        with tarfile.open(BUILT_BY_DBT) as archive:
            archive.extractall(tmp_path / name, filter="data")
    file, rebuilt = tmp_path / "new" / "x.duckdb", State(tmp_path / "rebuilt.duckdb")
    with Sandbox(Account(seed=5, scale=0.05, days=40, today=TODAY)) as sandbox:
        run_job(settings_of(sandbox), file, JobOptions())
    assert "damaged" not in caplog.text
    with duckdb.connect() as reader:
        reader.execute(
            f"attach '{tmp_path / 'old' / 'x.duckdb'}' as old (read_only); attach '{file}' as new (read_only)"
        )
        rebuilt.work.parent.mkdir()
        reader.execute(f"attach '{rebuilt.work}' as rebuilt")
        reader.execute("create schema rebuilt.logentic_raw")
        for table in tables_of(reader, "old", "logentic_raw") - {"runs"}:  # a run is recorded in full once it published
            assert lost_rows(reader, f"old.logentic_raw.{table}", f"new.logentic_raw.{table}") == [], table
        for table in tables_of(reader, "new", "logentic_raw"):
            reader.execute(f"create table rebuilt.logentic_raw.{table} as from new.logentic_raw.{table}")
        disputed = "select charge_id, rule, note from new.logentic_marts.exception_status where status = 'disputed'"
        assert reader.execute(disputed).fetchall() == [(500104, "cancelled_order", "never shipped")]
        assert lost_rows(reader, "old.logentic_marts.month_facts", "new.logentic_marts.month_facts") == []
        assert reader.execute("select count(*) from new.logentic_marts.month_facts").fetchone() == (178,)
        reader.execute("detach rebuilt")
    build(settings_of(sandbox), rebuilt)
    with duckdb.connect() as reader:
        reader.execute(
            f"attach '{State(file).work}' as new (read_only); attach '{rebuilt.work}' as rebuilt (read_only)"
        )
        for schema in ("logentic_marts", "logentic_build"):
            tables = tables_of(reader, "rebuilt", schema)
            assert tables == tables_of(reader, "new", schema)
            for table in tables - {"built_inputs", "built_nodes"}:  # they say when and of what each was built
                ours, theirs = f"new.{schema}.{table}", f"rebuilt.{schema}.{table}"
                assert lost_rows(reader, ours, theirs) + lost_rows(reader, theirs, ours) == [], table


def tables_of(reader: duckdb.DuckDBPyConnection, database: str, schema: str) -> set[str]:
    listed = "select table_name from duckdb_tables() where database_name = ? and schema_name = ?"
    return {name for (name,) in reader.execute(listed, [database, schema]).fetchall()}


def lost_rows(reader: duckdb.DuckDBPyConnection, old: str, new: str) -> list[tuple[object, ...]]:
    """Return rows of `old` that `new` does not hold, in the columns of `old`."""
    names = ", ".join(f'"{column}"' for column, *_ in reader.execute(f"describe {old}").fetchall())
    return reader.execute(f"select {names} from {old} except all select {names} from {new} limit 3").fetchall()
