"""Bytes that change on the disk: a damaged working database or FILE is made again from the other, or named."""

import logging
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from command_line import killed_run
from raw_tables import raw_differences

from logentic.destinations.duckdb import DuckdbDestination
from logentic.errors import StateError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
RAW_ONLY = JobOptions(models=False)
SEEDS = int(os.environ.get("LOGENTIC_TEST_SEEDS", "8"))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    """An account two days ago, loaded; tests copy the file and its state folder."""
    file = tmp_path_factory.mktemp("loaded") / "logentic.duckdb"
    with Sandbox(Account(seed=71, scale=0.3, days=60, today=TODAY)) as sandbox:
        sandbox.clock.advance(timedelta(days=-2))
        run_job(settings_of(sandbox), file, RAW_ONLY)
        sandbox.clock.advance(timedelta(days=2))
        yield sandbox, file


@pytest.fixture
def file(loaded: tuple[Sandbox, Path], tmp_path: Path) -> Path:
    copy = tmp_path / "logentic.duckdb"
    shutil.copytree(State(loaded[1]).folder, State(copy).folder)
    shutil.copy2(loaded[1], copy)
    return copy


@pytest.fixture
def sandbox(loaded: tuple[Sandbox, Path]) -> Sandbox:
    return loaded[0]


def settings_of(sandbox: Sandbox) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token)


def flip(path: Path, chance: random.Random, flips: int) -> None:
    """Flip one bit of some bytes."""
    content = bytearray(path.read_bytes())
    for _ in range(flips):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def damage_table(path: Path, table: str) -> None:
    """Overwrite the block that holds the first rows of a table."""
    with duckdb.connect(str(path), read_only=True) as database:
        block, offset = database.execute(
            f"select block_id, block_offset from pragma_storage_info('{table}')"
            " where block_id >= 0 order by all limit 1"
        ).fetchone()
    content = bytearray(path.read_bytes())
    start = 3 * 4096 + block * 256 * 1024 + 8 + offset
    content[start : start + 64] = bytes(byte ^ 0xFF for byte in content[start : start + 64])
    path.write_bytes(content)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_flipped_bytes_in_the_working_database_two_runs_end_exact(
    sandbox: Sandbox, file: Path, seed: int
) -> None:
    flip(State(file).work, random.Random(seed), flips=1 + 5 * (seed % 4))
    with suppress(StateError):
        run_job(settings_of(sandbox), file, RAW_ONLY)
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}
    assert not DuckdbDestination(settings_of(sandbox), State(file)).is_damaged()


@pytest.mark.parametrize("table", ["inventory_history", "orders", "orders__stored_items", "extract_windows"])
def test_a_damaged_block_of_any_table_is_found_and_the_run_itself_mends_it(
    sandbox: Sandbox, file: Path, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of a table that the run does not read: it must not be published."""
    damage_table(State(file).work, f"logentic_raw.{table}")
    assert DuckdbDestination(settings_of(sandbox), State(file)).is_damaged()
    with caplog.at_level(logging.WARNING, "logentic"):
        run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}
    assert "the working database was damaged: it is set aside as" in caplog.text
    assert State(file).work.with_suffix(".damaged").exists()


def test_a_damaged_block_that_the_run_does_not_read_is_not_published(sandbox: Sandbox, file: Path) -> None:
    """A mart, in a run that builds none."""
    run_job(settings_of(sandbox), file, JobOptions())
    with duckdb.connect(str(State(file).work), read_only=True) as database:
        mart = database.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where table_name = 'storage_cost_daily' and database_name = current_database()"
        ).fetchone()[0]
    damage_table(State(file).work, mart)
    file.touch()  # a reason to publish
    run_job(settings_of(sandbox), file, RAW_ONLY)
    with duckdb.connect(str(file), read_only=True) as published:
        assert published.execute(f"select count(*), sum(hash(t)) from {mart} as t").fetchone()[0]
    assert raw_differences(file, sandbox) == {}


def test_a_damaged_file_is_published_again_from_the_working_database(sandbox: Sandbox, file: Path) -> None:
    run_job(settings_of(sandbox), file, RAW_ONLY)
    file.write_bytes(b"not a database")
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


@pytest.mark.parametrize("of_file", ["its first bytes", "a block"])
def test_where_both_are_damaged_the_message_says_what_to_do(sandbox: Sandbox, file: Path, of_file: str) -> None:
    State(file).work.write_bytes(b"not a database")
    if of_file == "a block":
        damage_table(file, "logentic_raw.inventory_history")
    else:
        file.write_bytes(b"not a database")
    for _ in range(2):
        with pytest.raises(StateError, match="or it is damaged") as stopped:
            run_job(settings_of(sandbox), file, RAW_ONLY)
        assert "Restore it from a backup" in stopped.value.guidance
    file.unlink()
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_bytes(b"not a database")])
def test_a_package_that_was_compared_with_a_lost_database_is_not_loaded(
    sandbox: Sandbox, file: Path, lose: Callable[[Path], object]
) -> None:
    """It lacks what the lost database held and FILE does not, and its receipts would count that as read."""
    now = sandbox.clock.now()
    sandbox.clock.set(now - timedelta(hours=4))
    assert killed_run("all was loaded", file, sandbox).returncode == -signal.SIGKILL
    sandbox.clock.set(now)
    assert killed_run("all was extracted", file, sandbox).returncode == -signal.SIGKILL
    lose(State(file).work)
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


def test_damage_is_looked_for_after_a_run_that_was_killed(sandbox: Sandbox, file: Path) -> None:
    killed_run("all was extracted", file, sandbox)
    damage_table(State(file).work, "logentic_raw.inventory_history")
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert State(file).work.with_suffix(".damaged").exists()
    assert raw_differences(file, sandbox) == {}
