"""The tools of docs/connect.md that the package index has open a published file as the page says."""

import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from logentic.job import JobOptions, run_job
from logentic.settings import Settings

from account import CONFIG

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
PROJECT = ROOT / "conformance" / "clients"
PAGE = (ROOT / "docs" / "connect.md").read_text("utf-8")
TOLD_BY_HARLEQUIN = """
from harlequin_duckdb import DuckDbAdapter
connection = DuckDbAdapter(("demo/logentic.duckdb",), read_only=True).connect()
print(connection.execute("select count(*) from orders").fetchall().to_pylist()[0])
print([each.label for database in connection.get_catalog().items for each in database.fetch_children()])
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "demo").mkdir()
    run_job(Settings(**CONFIG), folder / "demo" / "logentic.duckdb", JobOptions())
    return folder


def run(desk: Path, *command: str) -> str:
    uv = (UV, "run", "--quiet", "--locked", "--project", str(PROJECT))
    done = subprocess.run([*uv, *command], cwd=desk, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def counted(desk: Path, statement: str) -> object:
    with duckdb.connect(str(desk / "demo" / "logentic.duckdb"), read_only=True) as published:
        return published.execute(statement).fetchone()[0]


def test_the_command_line_shows_rows_and_comments(desk: Path) -> None:
    (commands,) = blocks("bash")
    shown = run(desk, "bash", "-euc", commands)
    assert "SKU-" in shown
    assert "stock_daily" in shown
    assert "NULL" not in shown


def test_pandas_polars_and_arrow_show_the_same_rows(desk: Path) -> None:
    shown = run(desk, "python", "-c", blocks("py")[0])
    skus = re.findall(r"SKU-\d+", shown)
    assert len(skus) == 10
    assert skus[:5] == skus[5:]
    assert "date: date32[day]" in shown


def test_sqlalchemy_reads_exact_amounts_and_lists_the_tables(desk: Path) -> None:
    total, tables = run(desk, "python", "-c", blocks("py")[1]).splitlines()
    assert Decimal(total) == counted(desk, "select sum(amount) from charges")
    assert "'invoice_exceptions'" in tables


def test_harlequin_opens_the_file(desk: Path) -> None:
    shown = run(desk, "python", "-c", TOLD_BY_HARLEQUIN)
    assert f"{counted(desk, 'select count(*) from orders')}" in shown.splitlines()[0]
    assert "logentic_marts" in shown


def test_the_page_names_the_versions_that_are_locked() -> None:
    lock = (PROJECT / "uv.lock").read_text("utf-8")
    for name in ("duckdb", "duckdb-cli", "duckdb-engine", "harlequin"):
        (version,) = re.findall(rf'^name = "{name}"\nversion = "(.+)"$', lock, re.MULTILINE)
        assert version in PAGE, name
