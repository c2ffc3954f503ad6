"""A currency without cents: what is off by less than its smallest amount is not accused, and parts are whole."""

import subprocess
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from shutil import copyfile
from typing import Any

import duckdb
import pytest
from command_line import logentic
from raw_account import RawAccount

from logentic.currencies import money
from logentic.destinations.duckdb import DuckdbDestination
from logentic.settings import Settings
from logentic.state import State
from logentic.transform.build import build

FIRST = date(2026, 1, 4)
WEEKS, ITEMS = 6, 6
WRONG = 20  # the charge that is too high
UNITS = {"JPY": Decimal(1), "KWD": Decimal("0.001"), "CAD": Decimal("0.01")}


@pytest.fixture(scope="module", params=UNITS)
def billed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """36 storage charges, each the sum of its days rounded to the currency's smallest amount; one 30 units higher."""
    currency: str = request.param
    unit = UNITS[currency]
    state = State(tmp_path_factory.mktemp(currency) / "logentic.duckdb")
    state.prepare()
    raw = RawAccount(state.work)
    for resource in ("payment_items", "inventory_history", "items", "orders", "item_quantities"):
        raw.read(resource, "2026-03-01 12:00:00+00")
    charge = 0
    for item in range(1, ITEMS + 1):
        raw.add("items", id=item, name=f"Item {item}")
        price = unit * (Decimal(item) * Decimal("0.617") + 3)
        for week in range(WEEKS):
            start = FIRST + timedelta(weeks=week)
            for day in range(7):
                measures = {"total_volume": Decimal(item), "total_storage_price": price}
                raw.add("inventory_history", id=item, date=start + timedelta(days=day), supply=1, **measures)
            charge += 1
            amount = (7 * price).quantize(unit, ROUND_HALF_UP) + (30 * unit if charge == WRONG else 0)
            span: dict[str, Any] = {"start": start, "end": start + timedelta(days=6), "billed_date": date(2026, 2, 20)}
            raw.add("payment_items", id=charge, payment_id=7, type="storage", item_id=item, amount=amount, **span)
    DuckdbDestination(Settings(), state).load_audit_log()
    build(Settings(currency=currency, storage_basis="daily"), state)
    raw.execute("checkpoint")
    return Path(copyfile(state.work, state.file)), currency


def asked(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as published:
        return published.execute(sql).fetchall()


def test_only_the_charge_that_is_wrong_is_accused_by_whole_units(billed: tuple[Path, str]) -> None:
    file, currency = billed
    accused = asked(file, "select charge_id, rule, amount_at_stake from logentic_marts.invoice_exceptions")
    assert accused == [(WRONG, "storage_overbilled", 30 * UNITS[currency])]
    statuses = dict(asked(file, "select status, count(*) from logentic_marts.invoice_reconciliation group by 1"))
    assert statuses == {"matched": 35, "exception": 1}


def test_parts_are_whole_units_and_add_up(billed: tuple[Path, str]) -> None:
    file, currency = billed
    parts = asked(file, "select allocated_charge from logentic_marts.storage_cost_daily")
    assert len(parts) == 7 * WEEKS * ITEMS
    assert [part for (part,) in parts if part % UNITS[currency]] == []
    (total,) = asked(file, "select sum(amount) from logentic_raw.payment_items")[0]
    assert sum(part for (part,) in parts) == total


def test_screens_letters_and_tables_show_as_many_decimals_as_the_currency_has(billed: tuple[Path, str]) -> None:
    file, currency = billed
    (total,) = asked(file, "select sum(amount) from logentic_raw.payment_items")[0]
    arguments = ["reconcile", "--db", file, "--invoice", 7, "--csv", file.parent / "tables"]
    done: subprocess.CompletedProcess[str] = logentic(*arguments, cwd=file.parent, currency=currency, taxes="")
    assert done.returncode == 0, done.stderr
    shown = money(total, currency)
    (line,) = [line for line in done.stdout.splitlines() if "Charges of the API" in line]
    assert shown in line.split()
    assert (
        "." not in shown if currency == "JPY" else len(shown.partition(".")[2]) == -UNITS[currency].as_tuple().exponent
    )
    if currency == "JPY":
        assert ".00" not in done.stdout
        assert ".00" not in (file.parent / "tables" / "charges.csv").read_text()
