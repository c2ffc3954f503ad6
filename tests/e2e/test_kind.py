"""What the dashboard says when there is little to say: a file that is replaced while it is open, and poorer ones."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import requests
from command_line import logentic
from playwright.sync_api import Browser, expect

from logentic.sandbox import Account, Sandbox

from .conftest import Visitor, dashboard, publish
from .test_dashboard import PAGES


@pytest.fixture(scope="module")
def open_file(file: Path) -> Iterator[tuple[Path, str]]:
    """A file that is being looked at, and where."""
    shown = file.with_name("shown.duckdb")
    shutil.copyfile(file, shown)
    with dashboard(shown) as address:
        yield shown, address


def replace(shown: Path, by: Path) -> None:
    """As publishing does: a copy, swapped in by a rename."""
    partial = shown.with_name("partial")
    shutil.copyfile(by, partial)
    partial.replace(shown)


def changed(file: Path, name: str, *statements: str) -> Path:
    copy = file.with_name(f"{name}.duckdb")
    shutil.copyfile(file, copy)
    with duckdb.connect(str(copy)) as connection:
        for statement in statements:
            connection.execute(statement)
    return copy


def test_a_file_that_is_replaced_while_it_is_open_shows_its_new_tables(
    open_file: tuple[Path, str], file: Path, chromium: Browser
) -> None:
    shown, address = open_file
    visitor = Visitor(chromium, address)
    page = visitor.open("?page=orders")
    fewer = "delete from logentic_marts.orders where order_id % 2 = 0"
    replace(shown, changed(file, "fewer", fewer))
    with duckdb.connect(str(shown), read_only=True) as connection:
        (left,) = connection.execute("select count(*) from orders").fetchone() or (0,)
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("h2").first).to_contain_text(f"of {left:,} orders are completed")
    shown.unlink()
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("body")).to_contain_text("does not exist. Make it: logentic run")
    visitor.context.close()
    assert visitor.wrong == []


@pytest.mark.parametrize("poor", ["one day", "items only", "nothing", "older"])
def test_a_poorer_file_says_so_kindly(poor: str, open_file: tuple[Path, str], file: Path, chromium: Browser) -> None:
    shown, address = open_file
    if poor == "one day":
        with Sandbox(Account(seed=2, scale=0.05, days=1)) as sandbox:
            replace(shown, publish(file.with_name("day.duckdb"), sandbox))
    elif poor == "items only":
        with Sandbox(Account(seed=2, scale=0.05, days=5)) as sandbox:
            replace(shown, publish(file.with_name("items.duckdb"), sandbox, "--select", "items"))
    elif poor == "nothing":
        with duckdb.connect(str(file), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() where schema_name like 'logentic%'"
            ).fetchall()
        replace(shown, changed(file, "nothing", *(f"delete from {table}" for (table,) in tables)))
    else:
        gone = ("storage_cost_daily", "invoice_exceptions", "stock_movements")
        drops = [f"drop {kind} {schema}.{name}" for name in gone for kind, schema in KINDS]
        replace(shown, changed(file, "older", *drops))
    visitor = Visitor(chromium, address)
    for name in PAGES:
        page = visitor.open(f"?page={name}")
        expect(page.locator("h1")).to_have_text(name.capitalize())
        said = page.locator("body").inner_text()
        assert "Error" not in said, said
        assert "Traceback" not in said, said
    if poor == "older":
        expect(page.locator("body")).not_to_contain_text("has no table")  # orders has all of its own
        page = visitor.open("?page=storage")
        expect(page.locator("body")).to_contain_text("This file has no table storage_cost_daily yet")
    visitor.context.close()
    assert visitor.wrong == []


KINDS = (("view", "main"), ("table", "logentic_marts"))


def test_others_are_let_in_with_the_password_only(file: Path) -> None:
    refused = logentic("dashboard", "--db", file, "--host", "0.0.0.0", "--port", "0", cwd=file.parent)
    assert refused.returncode == 2
    assert refused.stderr.startswith("logentic: --host 0.0.0.0 shows your account to others. Set LOGENTIC_DASHBOARD")
    with dashboard(file, dashboard_password="swordfish") as address:
        assert "/auth/login" in requests.get(address, timeout=20).url
        assert requests.get(f"{address}/?access_token=swordfish", timeout=20).url.startswith(address)


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    done = logentic("dashboard", "--db", "no.duckdb", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no.duckdb does not exist. Make it: logentic run --db no.duckdb" in done.stderr
