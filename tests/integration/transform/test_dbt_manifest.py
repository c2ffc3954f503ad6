"""What dbt's own parser makes of the project: groups, access, exposures and descriptions."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("manifest")
    command = [str(Path(sys.executable).with_name("dbt")), "parse", "--target-path", str(folder), "--log-path", folder]
    quiet = os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    parsed: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return parsed


def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_marts_are_public_and_nothing_else_is(manifest: dict[str, Any]) -> None:
    public = {node["name"] for node in models(manifest) if node["access"] == "public"}
    assert public == {file.stem for file in (ROOT / "models" / "marts").glob("*.sql")}
    assert {node["group"] for node in models(manifest)} == {"logentic"}


def test_sources_are_described(manifest: dict[str, Any]) -> None:
    for source in manifest["sources"].values():
        assert source["description"], source["name"]
        assert all(column["description"] for column in source["columns"].values()), source["name"]


def test_staging_reads_the_sources_and_few_other_models_do(manifest: dict[str, Any]) -> None:
    """The rule of dbt_project_evaluator is one reader for each source; these are the exceptions, and no others."""
    sources = {uid: source["name"] for uid, source in manifest["sources"].items()}
    readers = {
        (node["name"], sources[uid])
        for node in models(manifest)
        for uid in node["depends_on"]["nodes"]
        if uid in sources and not node["name"].startswith("stg_")
    }
    assert readers == EXCEPTIONS


# Versions before the latest, receipts and loads, which staging does not keep or the increments need before it.
EXCEPTIONS = {
    ("build_inputs", "_dlt_loads"),
    ("int_account_today", "_dlt_loads"),
    ("int_account_today", "extract_windows"),
    ("int_account_today", "inventory_history"),
    ("int_account_today", "item_quantities"),
    ("int_account_today", "orders"),
    ("int_account_today", "payment_items"),
    ("int_future_date_findings", "item_quantities"),
    ("int_item_size_findings", "inventory_history"),
    ("int_stock_days", "item_quantities"),
    ("items", "inventory_history"),
    ("items", "item_quantities"),
    ("month_facts", "item_quantities"),
    ("order_fulfilment", "orders"),
    ("runs", "runs"),
}


def test_an_exposure_reads_marts_and_all_that_its_notebook_names(manifest: dict[str, Any]) -> None:
    marts = {f"model.logentic.{file.stem}" for file in (ROOT / "models" / "marts").glob("*.sql")}
    exposures = {each["name"]: {*each["depends_on"]["nodes"]} for each in manifest["exposures"].values()}
    assert {"dashboard", "workbook", "month_end"} <= exposures.keys()
    for name, read in exposures.items():
        assert read
        assert read <= marts, name
        notebook = ROOT / "notebooks" / f"{name}.py"
        if notebook.exists() and name != "dashboard":
            named = re.findall(r"\b(?:from|join) (?:logentic_marts\.)?(\w+)", notebook.read_text("utf-8"))
            assert {f"model.logentic.{each}" for each in named} & marts == read, name
