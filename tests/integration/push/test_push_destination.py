"""Any dlt source can feed the account."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from command_line import access
from dlt.pipeline.exceptions import PipelineStepFailed
from pushed_orders import item, items_of, order, small_account, written_orders

from logentic import logentic_destination
from logentic.sandbox import Sandbox


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(small_account()) as running:
        for name, value in access(running, allow_writes=True).items():
            monkeypatch.setenv(f"LOGENTIC_{name.upper()}", str(value))
        yield running


def load(folder: Path, rows: list[dict[str, Any]], table: str) -> None:
    destination = logentic_destination(file=str(folder / "a.duckdb"))
    pipeline = dlt.pipeline("shop", destination=destination, pipelines_dir=str(folder / "dlt"))
    pipeline.run(rows, table_name=table)


def test_rows_of_a_source_become_orders_and_items(sandbox: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, [item("NEW-1", price=12.5)], "items")
    load(tmp_path, [order("N-1", items_of(sandbox)[0]), order("N-2", items_of(sandbox)[0])], "orders")
    made = next(each for each in sandbox.state().tables["items"].values() if each["external_name"] == "NEW-1")
    assert (str(made["price"]), str(made["depth_in"])) == ("12.5", "5.5")
    assert dict(written_orders(sandbox)) == {"N-1": 1, "N-2": 1}
    writes = sandbox.writes
    load(tmp_path, [order("N-1", items_of(sandbox)[0])], "orders")
    assert sandbox.writes == writes


def test_without_the_switch_a_load_fails_and_sends_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGENTIC_ALLOW_WRITES", "false")
    with pytest.raises(PipelineStepFailed, match="LOGENTIC_ALLOW_WRITES=true"):
        load(tmp_path, [order("N-1", items_of(sandbox)[0])], "orders")
    assert sandbox.methods.total() == 0


def test_a_load_with_a_refused_row_fails_with_its_field(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(PipelineStepFailed, match=r"N-1: failed: stored_items\.0\.item_id"):
        load(tmp_path, [order("N-1", 999_999)], "orders")
    with pytest.raises(PipelineStepFailed, match="not a table of logentic_destination"):
        load(tmp_path / "other", [{"id": 1}], "charges")
