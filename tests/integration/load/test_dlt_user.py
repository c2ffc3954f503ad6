"""A dlt user who never sees our command line: `pipeline.run(logentic_source())`, in a process of their own."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from command_line import access, environment

from logentic.sandbox import Account, Fault, Sandbox

TODAY = date(2026, 3, 17)
PIPELINE = """
import dlt
from logentic import logentic_source

pipeline = dlt.pipeline("mine", destination=dlt.destinations.duckdb("own.duckdb"), dataset_name="shop")
"""
RUN = PIPELINE + "print(pipeline.run(logentic_source()))"
TABLES = ("orders", "orders__stored_items", "items", "item_quantities", "inventory_history", "payment_items")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=51, scale=0.1, days=15, today=TODAY)) as sandbox:
        yield sandbox


class User:
    """A folder to work in, an empty home, and dlt's folder out of the way of other tests."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self._settings = settings

    def python(self, program: str) -> subprocess.CompletedProcess[str]:
        return self.command(sys.executable, "-c", program)

    def command(self, *command: str) -> subprocess.CompletedProcess[str]:
        environ = environment(self.folder, **self._settings) | {"DLT_DATA_DIR": str(self.folder / "dlt_data")}
        return subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=600, check=False
        )

    def counts(self) -> dict[str, int]:
        with duckdb.connect(str(self.folder / "own.duckdb"), read_only=True) as database:
            found = {name: database.execute(f"select count(*) from shop.{name}").fetchone() for name in TABLES}
        return {name: row[0] for name, row in found.items() if row}


def test_a_source_is_all_it_takes_and_a_second_run_adds_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    user = User(tmp_path, access(sandbox))
    first = user.python(RUN)
    assert (first.returncode, first.stderr) == (0, "")
    assert "contains no failed jobs" in first.stdout
    loaded = user.counts()
    state = sandbox.state()
    assert loaded["orders"] == len(list(state.rows("orders"))) > 0
    assert loaded["orders__stored_items"] == sum(len(order["stored_items"]) for order in state.rows("orders")) > 0
    assert loaded["inventory_history"] == len(list(state.rows("inventory_history"))) > 0
    second = user.python(RUN)
    assert second.returncode == 0
    assert user.counts() == loaded
    reading = "orders, items = pipeline.dataset().orders, pipeline.dataset().items\n"
    reading += "print(len(orders.fetchall()), len(items.df()), len(orders.arrow()))\n"
    reading += "print(sum(len(table) for table in orders.iter_arrow(chunk_size=2048)))"
    read = user.python(PIPELINE + reading)
    orders, items = str(loaded["orders"]), str(loaded["items"])
    assert read.stdout.split() == [orders, items, orders, orders], read.stderr
    info = user.command(str(Path(sys.executable).with_name("dlt")), "pipeline", "mine", "info")
    assert info.returncode == 0, info.stdout + info.stderr
    assert "Found pipeline mine in" in info.stdout
    assert list(user.home.iterdir()) == []


def test_the_users_own_dlt_folder_is_respected(sandbox: Sandbox, tmp_path: Path) -> None:
    user = User(tmp_path, {})
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        f'[logentic]\napi_token = "{sandbox.token}"\n[destination.duckdb]\ncredentials = "own.duckdb"\n'
    )
    (tmp_path / ".dlt" / "config.toml").write_text(
        f'[logentic]\nbase_url = "{sandbox.url}"\nkeep_personal_data = true\n'
    )
    run = user.python(RUN.replace('dlt.destinations.duckdb("own.duckdb")', '"duckdb"'))
    assert run.returncode == 0, run.stderr
    with duckdb.connect(str(tmp_path / "own.duckdb"), read_only=True) as database:
        mails = database.execute(
            "select count(*) from shop.orders where recipient__email like '%@example.com'"
        ).fetchone()
    assert mails == (user.counts()["orders"],), "the setting was read there as well"


def test_some_resources_come_with_their_receipts_or_not_at_all(sandbox: Sandbox, tmp_path: Path) -> None:
    """Without receipts every run would load everything once more."""
    user = User(tmp_path, access(sandbox))
    alone = user.python(PIPELINE + "pipeline.run(logentic_source().with_resources('items'))")
    assert alone.returncode == 1
    assert "with_resources() leaves out extract_windows" in alone.stderr
    some = user.python(
        PIPELINE
        + "for _ in range(2): pipeline.run(logentic_source().with_resources('items', 'extract_windows'))\n"
        + "print(len(pipeline.dataset().items.fetchall()))"
    )
    assert some.stdout.split() == [str(len(list(sandbox.state().rows("items"))))], some.stderr
    assert {request.path for request in sandbox.requests} == {"/v1/items"}


def test_a_resource_that_is_refused_fails_the_run_and_says_why(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults = [Fault("forbidden", path="/v1/orders", times=None)]
    run = User(tmp_path, access(sandbox)).python(RUN)
    assert run.returncode == 1
    assert "logentic.errors.Forbidden: orders" in run.stderr
    assert sandbox.token not in run.stderr


def test_a_missing_token_is_named(tmp_path: Path) -> None:
    run = User(tmp_path, {"base_url": "http://127.0.0.1:9/v1"}).python(RUN)
    assert run.returncode == 1
    assert "logentic.errors.UsageError: no API token: LOGENTIC_API_TOKEN is not set" in run.stderr


@pytest.mark.parametrize("user_id", [0, 1000])
@pytest.mark.parametrize("variant", ["an empty home", "data elsewhere", "data elsewhere, but used before", "no home"])
def test_dlt_keeps_its_data_where_it_would_without_us(user_id: int, variant: str, tmp_path: Path) -> None:
    """Else `dlt pipeline` looks in one folder and the run wrote to another."""
    program = f"""
import os
os.geteuid = lambda: {user_id}
from dlt.common.runtime.run_context import global_dir
before = global_dir()
import logentic
print(before == os.environ["DLT_DATA_DIR"], before)
"""
    home = tmp_path / "home"
    if variant != "no home":
        home.mkdir()
    if variant == "data elsewhere, but used before":
        (home / ".dlt").mkdir()
    more = {"XDG_DATA_HOME": str(tmp_path / "data")} if "elsewhere" in variant else {}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(tmp_path) | more,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("True "), done.stdout
