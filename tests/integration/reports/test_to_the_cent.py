"""Properties of whatever an account may hold: parts add up to bills, invoices to charges, workbooks to tables.

The allocation is the models' own SQL, as dbt compiles it, run on hundreds of made-up charges; the rest is whole builds.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from shutil import copyfile
from types import SimpleNamespace
from typing import Any

import duckdb
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_account import RawAccount
from typer.testing import CliRunner
from workbook_cells import cells_of, cents, total_of

from logentic.cli.app import app
from logentic.destinations.duckdb import DuckdbDestination, DuckdbEngine
from logentic.reports.reconciliation import Reconciliation
from logentic.reports.sheets import Sheet, SheetColumn
from logentic.settings import Settings
from logentic.state import State
from logentic.transform.build import build, model_settings
from logentic.transform.plan import load_plan
from logentic.transform.runner import Runner

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=day) for day in range(10)]
ITEMS = (1, 2, 3)
CENT = Decimal("0.01")
MEASURE = "decimal(38, 24)"


def built(raw: RawAccount, state: State) -> Path:
    """FILE, as a run would publish it."""
    DuckdbDestination(Settings(), state).load_audit_log()
    build(Settings(), state)
    raw.execute("checkpoint")
    return Path(copyfile(state.work, state.file))


def empty_account(folder: Path) -> tuple[RawAccount, State]:
    state = State(folder / "logentic.duckdb")
    state.prepare()
    raw = RawAccount(state.work, seen_at="2026-03-01 12:00:00+00")
    raw.read("payment_items", "2026-03-01 12:00:00+00")
    return raw, state


@pytest.fixture(scope="module")
def allocation() -> str:
    """The SQL of the allocation as the plan has it, with the step before it."""
    with duckdb.connect() as connection:
        runner = Runner(load_plan("duckdb"), DuckdbEngine(connection, "", keep_steps=True), model_settings(Settings()))
    sql = {node.name: runner.bound(node) for node in runner.plan.nodes if node.name.startswith("int_storage_")}
    step = '"logentic_build"."int_storage_charge_days"'
    assert step in sql["int_storage_allocation"]
    return sql["int_storage_allocation"].replace(step, f"({sql['int_storage_charge_days']}\n)")


TABLES = f"""
create schema logentic_marts; create schema logentic_build;
create table logentic_marts.charges (charge_id bigint, item_id bigint, is_billed boolean, start_date date,
    end_date date, amount {MEASURE}, charge_type varchar default 'storage', is_withdrawn boolean default false);
create table logentic_build.int_inventory_daily (item_id bigint, date date, price {MEASURE}, volume_cuft {MEASURE});
"""


weights = st.decimals(0, 9, places=6)
# Of a history all, some or none of the prices may be known, and so of the volumes; zero is common.
MEASURED = {
    "known": weights,
    "missing": st.none() | weights,
    "hidden": st.none(),
    "zero": st.just(Decimal(0)),
    "mixed": st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("-0.1"), None]),
}


@st.composite
def histories(draw: st.DrawFn) -> dict[tuple[int, date], tuple[Decimal | None, Decimal | None]]:
    prices, volumes = (MEASURED[draw(st.sampled_from(list(MEASURED)))] for _ in range(2))
    covered = draw(st.sets(st.tuples(st.sampled_from(ITEMS), st.sampled_from(DAYS)), max_size=20))
    return {key: (draw(prices), draw(volumes)) for key in sorted(covered)}


@st.composite
def charges(draw: st.DrawFn) -> dict[str, Any]:
    """Of one item or of all, a bill or a credit, of days that overlap with any other's."""
    start, end = sorted((draw(st.sampled_from(DAYS)), draw(st.sampled_from(DAYS))))
    return {
        "item_id": draw(st.sampled_from([None, None, *ITEMS, 99])),
        "is_billed": draw(st.booleans()),
        "start_date": start,
        "end_date": end,
        "amount": draw(st.decimals("-99999.99", "99999.99", places=2) | st.decimals("-1", "1", places=4)),
    }


@given(history=histories(), bills=st.lists(charges(), min_size=1, max_size=6))
@hypothesis.settings(max_examples=100)
def test_parts_add_up_to_their_charge_and_are_its_largest_remainders(
    allocation: str, history: dict[Any, Any], bills: list[dict[str, Any]]
) -> None:
    # Every charge beside its own credit: the two cancel part by part.
    bills = [*bills, *(bill | {"amount": -bill["amount"]} for bill in bills)]
    with duckdb.connect() as tables:
        tables.execute(TABLES)
        for number, bill in enumerate(bills):
            names = ", ".join(("charge_id", *bill))
            values = f"insert into logentic_marts.charges ({names}) values (?, ?, ?, ?, ?, ?)"
            tables.execute(values, [number, *bill.values()])
        for key, measures in history.items():
            tables.execute("insert into logentic_build.int_inventory_daily values (?, ?, ?, ?)", [*key, *measures])
        rows = tables.execute(f"select charge_id, item_id, date, allocated from ({allocation})").fetchall()
    parts: dict[int, dict[tuple[int, date], Decimal]] = defaultdict(dict)
    for charge, item, day, part in rows:
        assert (item, day) not in parts[charge]
        parts[charge][item, day] = part
    for number, bill in enumerate(bills):
        assert parts[number] == spread(bill, history), bill
        assert not parts[number] or sum(parts[number].values()) == rounded(bill["amount"])
    half = len(bills) // 2
    for number in range(half):
        assert parts[number + half] == {key: -part for key, part in parts[number].items()}


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def spread(bill: dict[str, Any], history: dict[Any, Any]) -> dict[tuple[int, date], Decimal]:
    """Largest remainders, written again in fractions."""
    covered = {
        key: measures
        for key, measures in history.items()
        if bill["start_date"] <= key[1] <= bill["end_date"] and bill["item_id"] in (None, key[0])
    }
    weight = dict.fromkeys(covered, Fraction(1))
    for which in (1, 0):  # a price is preferred to a volume
        known = {key: measures[which] for key, measures in covered.items()}
        if all(value is not None and value >= 0 for value in known.values()) and any(known.values()):
            weight = {key: Fraction(value) for key, value in known.items()}
    whole = sum(weight.values())
    total = int(abs(rounded(bill["amount"])) * 100)
    shares = {key: total * value / whole for key, value in weight.items()}
    parts = {key: floor(share) for key, share in shares.items()}
    for key in sorted(shares, key=lambda key: (parts[key] - shares[key], key[1], key[0]))[
        : total - sum(parts.values())
    ]:
        parts[key] += 1
    sign = -1 if bill["amount"] < 0 else 1
    return {key: sign * part * CENT for key, part in parts.items()}


@st.composite
def accounts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Charges of several invoices and of none, some of them equal, credits, parts of cents, types without a name."""
    rows = []
    for number in range(1, draw(st.integers(20, 60))):
        row = draw(charges())
        kind = draw(st.sampled_from(["storage", "Storage", "handling", "picking", "custom", None]))
        invoice = draw(st.sampled_from([None, 7001, 7002, 7003]))
        row = {
            "payment_id": invoice,
            "type": kind,
            "amount": draw(st.sampled_from([row["amount"], Decimal("2.50"), Decimal("-2.50"), Decimal("0.334"), None])),
            "item_id": row["item_id"] if kind and kind.lower() == "storage" else None,
            "order_id": None if kind in ("storage", "Storage", "custom") else draw(st.integers(1, 9)),
            "start": row["start_date"],
            "end": row["end_date"],
            "billed_date": date(2026, 2, 3) if invoice else None,
            "description": draw(st.sampled_from(["=1+1", "Zoé", None])),
        }
        rows.append({"id": number, **row})
        if draw(st.booleans()):
            rows.append({"id": 1000 + number, **row, "_is_removed": draw(st.booleans())})
    return rows


@given(bills=accounts(), history=histories())
@hypothesis.settings(max_examples=4, phases=[hypothesis.Phase.generate])  # a build each; smaller ones would say no more
def test_invoices_add_up_to_charges_and_workbooks_to_tables(
    tmp_path_factory: pytest.TempPathFactory, bills: list[dict[str, Any]], history: dict[Any, Any]
) -> None:
    raw, state = empty_account(tmp_path_factory.mktemp("account"))
    for bill in bills:
        raw.add("payment_items", **bill)
    for (item, day), (price, volume) in history.items():
        raw.add("inventory_history", id=item, date=day, total_storage_price=price, total_volume=volume, supply=1)
    file = built(raw, state)
    given_by_type: dict[Any, Decimal] = defaultdict(Decimal)
    for bill in bills:
        if not bill.get("_is_removed"):
            given_by_type[bill["payment_id"], bill["type"] or "unknown"] += bill["amount"] or 0
    with duckdb.connect(str(file), read_only=True) as published:

        def asked(sql: str) -> list[tuple[Any, ...]]:
            return published.execute(sql).fetchall()

        for table in ("invoices", "invoice_reconciliation"):
            sums = asked(f"select payment_id, charge_type, coalesce(sum(billed), 0) from {table} group by all")
            assert {(payment, kind): total for payment, kind, total in sums} == dict(given_by_type), table
        [(parts,)] = asked("select coalesce(sum(allocated_charge), 0) from storage_cost_daily")
        stored = "from invoice_reconciliation where lower(charge_type) = 'storage'"
        [(bill, loose)] = asked(
            "select coalesce(sum(cast(billed as decimal(18, 2))), 0), coalesce(sum(cast(billed as decimal(18, 2)))"
            f" filter (where is_unallocated), 0) {stored}"
        )
        assert parts + loose == bill
        payments = {bill["payment_id"] for bill in bills if bill["payment_id"] and not bill.get("_is_removed")}
        scopes = {f"--invoice {payment}": f"payment_id = {payment}" for payment in payments}
        of_month = "charge_id in (select charge_id from charges where start_date < date '2026-02-01')"
        scopes["--month 2026-01"] = f"billed is not null and {of_month}"
        for words, scope in scopes.items():
            check_workbook(file, words, dict(expected(asked, scope)))


def expected(asked: Any, scope: str) -> Iterator[tuple[tuple[str, str], Decimal]]:
    for sheet, heading, value in (
        ("Summary", "Charges", "count(*)"),
        ("Summary", "Billed", "sum(billed)"),
        ("Summary", "Exceptions", "sum(billed) filter (where status = 'exception')"),
        ("Summary", "Settled", "sum(billed) filter (where status = 'settled')"),
        ("Summary", "Not checked", "sum(billed) filter (where status = 'not_checked')"),
        ("Charges", "Billed", "sum(billed)"),
        ("Charges", "Expected", "sum(expected)"),
        ("Charges", "Difference", "sum(difference)"),
    ):
        [(total,)] = asked(f"select coalesce({value}, 0) from invoice_reconciliation where {scope}")
        yield (sheet, heading), rounded(Decimal(total))


def check_workbook(file: Path, words: str, totals: dict[tuple[str, str], Decimal]) -> None:
    path = file.with_name("book.xlsx")
    done = CliRunner().invoke(app, ["reconcile", "--db", str(file), *words.split(), "--xlsx", str(path)])
    assert done.exit_code == 0, done.exception
    sheets = cells_of(path)
    for (sheet, heading), total in totals.items():
        assert total_of(sheets[sheet], heading) == total, (words, sheet, heading)
    rows = [name for name in sheets["Charges"] if name.startswith("A") and int(name[1:]) > 3]
    assert len(rows) == totals["Summary", "Charges"]
    cover = sheets["Cover"]
    of_cover = {cell.value: cover.get(f"B{name[1:]}") for name, cell in cover.items() if name[0] == "A"}
    assert cents(of_cover["Billed"].value) == totals["Charges", "Billed"]
    if "Charges of the API" in of_cover:
        assert cents(of_cover["Charges of the API"].value) == totals["Charges", "Billed"]


def test_parts_of_cents_are_added_up_and_then_rounded_half_up() -> None:
    columns = (SheetColumn("charge_type", "text"), SheetColumn("status", "text"), SheetColumn("billed", "money"))
    rows = [("handling", "matched", Decimal("0.004")), ("handling", "matched", Decimal("0.001"))]
    found = SimpleNamespace(charges=Sheet("Charges", columns, rows), currency="CAD")
    assert Reconciliation.amount_of(found) == (2, Decimal("0.01"))  # type: ignore[arg-type]
