"""The models as a package of another dbt project, run by dbt itself."""

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest
from command_line import environment

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

ROOT = Path(__file__).parents[3]
MINE = "create table main.stock_daily as select 42 as mine"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, with the raw tables of an account and a table of the user's own."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(ROOT / "examples" / "dbt_package", folder / "shop")
    packages = folder / "shop" / "packages.yml"
    packages.write_text(packages.read_text("utf-8").replace("../..", str(ROOT)), "utf-8")
    with Sandbox(Account(seed=51, scale=0.05, days=5, today=date(2026, 3, 17))) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        run_job(settings, folder / "raw.duckdb", JobOptions(models=False))
    shutil.copy(folder / "raw.duckdb.state" / "work.duckdb", folder / "shop" / "shop.duckdb")
    with duckdb.connect(str(folder / "shop" / "shop.duckdb")) as database:
        database.execute(MINE)
    dbt(folder / "shop", "deps")
    return folder / "shop"


def dbt(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments],
        cwd=project,
        env=environment(project) | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_package_builds_into_the_schemas_of_its_user(project: Path) -> None:
    tables = ("+orders_by_province", "+stock_daily")
    dbt(
        project,
        "build",
        "--select",
        *tables,
        "--indirect-selection",
        "cautious",
        "--exclude-resource-type",
        "unit_test",
    )
    with duckdb.connect(str(project / "shop.duckdb"), read_only=True) as database:
        assert database.execute("select sum(orders) > 0 from shop_reports.orders_by_province").fetchone() == (True,)
        assert database.execute("select count(*) > 0 from shop_marts.stock_daily").fetchone() == (True,)
        assert database.execute("from main.stock_daily").fetchall() == [(42,)], "a table of the user's own stays"
        views = database.execute("select view_name from duckdb_views() where schema_name = 'main' and not internal")
        assert views.fetchall() == []
    fresh = dbt(project, "source", "freshness")
    assert "PASS freshness of raw._dlt_loads" in fresh


def test_views_in_main_are_made_when_asked_for(project: Path) -> None:
    dbt(project, "run", "--select", "logentic.marts.items", "--vars", "main_views: true")
    with duckdb.connect(str(project / "shop.duckdb"), read_only=True) as database:
        assert database.execute("select count(*) > 0 from main.items").fetchone() == (True,)
