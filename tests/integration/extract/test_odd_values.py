"""Whole runs against a service whose values are odd: all others are loaded, and the next run finds nothing new."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mutating_service import MutatingService

from logentic.extra_columns import LIMIT, MORE_FIELDS
from logentic.job import JobOptions, JobResult, run_job
from logentic.resources import ITEMS, ORDERS
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)


def run(sandbox: Sandbox | MutatingService, file: Path, *resources: str, **settings: Any) -> JobResult:
    asked = Settings(base_url=sandbox.url, api_token=sandbox.token, **settings)
    span = {"start": date(2026, 1, 1), "end": TODAY}
    return run_job(asked, file, JobOptions(models=False, select=frozenset(resources), **span))


def news(outcome: JobResult) -> int:
    return sum(receipt["rows_changed"] + receipt["rows_new"] for receipt in outcome.loaded.receipts)


@pytest.fixture
def sandbox() -> Any:
    with Sandbox(Account(seed=92, scale=0.1, days=12, today=TODAY)) as it:
        yield it


def test_more_unknown_fields_than_columns_are_stable_over_runs_and_by_id(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    many = {f"field{n:04}": n for n in range(1500)}
    items = sorted(row["id"] for row in sandbox.state().rows("items"))
    sandbox.alter("items", items[-1], **many)
    orders = sorted(row["id"] for row in sandbox.state().rows("orders"))
    sandbox.alter("orders", orders[-1], **many)
    assert not run(sandbox, file, "items", "orders").loaded.failures
    sandbox.alter("items", items[0], **{f"an_earlier_name{n}": n for n in range(50)})
    assert news(run(sandbox, file, "items", "orders")) == 1
    assert news(run(sandbox, file, "items", "orders")) == 0
    with duckdb.connect(str(file), read_only=True) as published:
        for table, resource in (("items", ITEMS), ("orders", ORDERS)):
            columns = [row[0] for row in published.execute(f"describe logentic_raw.{table}").fetchall()]
            extra = [name for name in columns if name not in resource.schema().names and name[:5] != "_dlt_"]
            assert len(extra) == LIMIT + 1
            assert MORE_FIELDS in extra


def test_values_of_charges_in_other_shapes_stop_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    charges = sorted(row["id"] for row in sandbox.state().rows("payment_items"))
    odd: dict[int, tuple[str, Any, Any]] = {
        charges[0]: ("billed_date", "0000-00-00", None),
        charges[1]: ("billed_date", "", None),
        charges[2]: ("end", "2026-03-04T05:00:00Z", date(2026, 3, 4)),
        charges[3]: ("amount", Decimal("5.551115123125783e-17"), Decimal("0.000000000000000055511151")),
        charges[4]: ("amount", "1e999999999", None),
        charges[5]: ("order_id", True, None),
    }

    def change(path: str, record: dict[str, Any]) -> None:
        if "payment_items" in path and (found := odd.get(record["id"])):
            record[found[0]] = found[1]

    with MutatingService(sandbox, change) as service:
        outcomes = [run(service, file, "payment_items", timezone="America/Toronto") for _ in range(2)]
    assert [outcome.loaded.failures for outcome in outcomes] == [{}, {}]
    assert news(outcomes[1]) == 0
    with duckdb.connect(str(file), read_only=True) as published:
        table = "logentic_raw.payment_items"
        assert published.execute(f"select count(distinct id) from {table}").fetchone() == (len(charges),)
        for charge, (name, _, expected) in odd.items():
            found = published.execute(f'select "{name}" from {table} where id = {charge}').fetchone()
            assert found == (expected,)


def test_a_name_that_is_not_utf8_is_loaded_by_list_and_counts_as_equal(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    first = min(row["id"] for row in sandbox.state().rows("items"))
    sandbox.alter("items", first, name="caf-here")
    with MutatingService(sandbox, change_body=lambda _, body: body.replace(b"caf-here", b"caf\xe9")) as service:
        outcomes = [run(service, file, "items") for _ in range(2)]
    assert [outcome.loaded.failures for outcome in outcomes] == [{}, {}]
    assert news(outcomes[1]) == 0
    with duckdb.connect(str(file), read_only=True) as published:
        names = published.execute(f"select name from logentic_raw.items where id = {first}").fetchall()
    assert names == [("caf\ufffd",)]
