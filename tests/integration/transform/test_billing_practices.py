"""What billers do as a rule is no error, and one error among it is found: two accounts, built as by the product."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from raw_account import RawAccount

from logentic.destinations.duckdb import DuckdbDestination
from logentic.settings import Settings
from logentic.state import State
from logentic.transform.build import build

READ_AT = {"fulfilment": "2026-04-08 12:00:00+00", "storage": "2026-06-08 12:00:00+00"}
MONDAY = date(2026, 1, 5)
WEEKS, ORDERS_A_WEEK = 12, 42
CENT = Decimal("0.01")
DOUBLED, UNPACKED, EARLIER, ONLY_NAMED = 1100, 1200, 1300, 1150  # orders with an error each, and one without
HEADS = {
    "orders": "id, order_type, status, warehouse_id, external_name, created_at, updated_at, _seen_at, _is_removed",
    "payment_items": 'id, payment_id, type, description, amount, quantity, start, "end", billed_date, order_id,'
    " item_id, created_at, _seen_at, _is_removed",
    "inventory_history": "id, date, total_volume, total_storage_price, supply, _seen_at, _is_removed",
}
Rows = list[tuple[Any, ...]]


def built(folder: Path, read_at: str, rows: dict[str, Rows]) -> RawAccount:
    """Build an account from rows of raw tables, without their last two columns."""
    state = State(folder / "logentic.duckdb")
    state.prepare()
    raw = RawAccount(state.work)
    for resource in ("payment_items", "inventory_history", "items", "orders", "item_quantities"):
        raw.read(resource, read_at)
    with raw.connect() as connection:
        for table, values in rows.items():
            marks = ", ".join("?" for _ in HEADS[table].split(", "))
            connection.execute("begin")
            connection.executemany(
                f"insert into logentic_raw.{table} ({HEADS[table]}) values ({marks})",
                [(*row, read_at, False) for row in values],
            )
            connection.execute("commit")
    DuckdbDestination(Settings(), state).load_audit_log()
    build(Settings(), state)
    return raw


class Bills:
    """Charges in the making, billed on the Wednesday after the week in which they were written down."""

    def __init__(self) -> None:
        self.rows: Rows = []

    def add(
        self, kind: str | None, text: str, amount: str, day: date, order: int | None, written: date | None = None
    ) -> None:
        written = written or day
        billed = MONDAY + timedelta(days=7 * ((written - MONDAY).days // 7) + 9)
        payment = 7000 + (billed - MONDAY).days // 7 if billed <= date(2026, 4, 8) else None
        number = len(self.rows) + 1
        billing = (payment, kind, text, Decimal(amount), 1, day, day, billed if payment else None, order, None)
        self.rows.append((number, *billing, f"{written} 20:00:00+00"))


@pytest.fixture(scope="module")
def fulfilment(tmp_path_factory: pytest.TempPathFactory) -> RawAccount:
    """Weekly invoices without storage, of a biller with every habit, and one error of each of three kinds."""
    orders, bills = [], Bills()
    for week in range(WEEKS):
        for place in range(ORDERS_A_WEEK):
            order, day = 1001 + week * ORDERS_A_WEEK + place, MONDAY + timedelta(days=7 * week + place % 7)
            is_trade = place % 3 == 0
            at = f"{day} 10:00:00+00"
            orders.append((order, "B2B" if is_trade else "DTC", "COMPLETED", 7, f"#S{order}", at, at))
            bills.add("picking", f"Picking {order}", "2.50", day - timedelta(days=40 * (order == EARLIER)), order, day)
            if not is_trade and order != UNPACKED:  # trade orders are not packed
                bills.add("packaging", "Packaging", "0.60", day, order)
            for parcel in (1, 2):
                bills.add("parcel", f"Parcel {parcel} of 2, tracking 1Z{order}{parcel}", "4.10", day, order)
            for _ in range(1 + place % 2):  # one line a carton
                bills.add("carton", "Carton", "0.35", day, order)
            for _ in range(1 + (order == DOUBLED)):
                named = None if order in (DOUBLED, ONLY_NAMED) or place % 2 else order
                bills.add("shipping", f"UPS Ground, order #S{order}", "7.25", day, named)
            bills.add("duties", "Duties", "1.90", day + timedelta(days=30), order, day + timedelta(days=30))
    bills.add(None, "Fee", "3.00", MONDAY + timedelta(days=20), 1020)
    bills.add(" ", "Fee", "3.00", MONDAY + timedelta(days=20), 1020)
    bills.add("credit", "Goodwill", "-7.60", MONDAY + timedelta(days=25), None)  # 7.25 and 0.35, by chance
    for month in (1, 2, 3):
        bills.add("software", "Software fee", "99.00", date(2026, month, 20), None)
    known = [row for row in bills.rows if row[6] <= date(2026, 4, 8)]
    return built(
        tmp_path_factory.mktemp("fulfilment"), READ_AT["fulfilment"], {"orders": orders, "payment_items": known}
    )


def test_only_what_is_wrong_is_accused(fulfilment: RawAccount) -> None:
    found = fulfilment.execute(
        "select rule, charge_type, coalesce(order_id, (select order_id from orders where external_name ="
        " regexp_extract((select description from charges where charges.charge_id = e.charge_id), '#S[0-9]+'))),"
        " direction, is_question, amount_at_stake from invoice_exceptions as e order by rule"
    )
    assert found == [
        ("duplicate_charge", "shipping", DOUBLED, "recoverable", True, Decimal("7.25")),
        ("missing_charge", "packaging", UNPACKED, "in_your_favour", True, Decimal("0.60")),
        ("outside_period", "picking", EARLIER, "recoverable", True, Decimal("2.50")),
    ]


def test_the_evidence_says_how_many_others_there_are(fulfilment: RawAccount) -> None:
    evidence = dict(fulfilment.execute("select rule, evidence from invoice_exceptions"))
    assert "1 of 505 shipping charges are repeated" in evidence["duplicate_charge"]
    assert "others of its kind (DTC, warehouse 7, unmeasured)" in evidence["missing_charge"]
    assert "as 99 % of the charges on such invoices" in evidence["outside_period"]


def test_a_practice_is_one_finding(fulfilment: RawAccount) -> None:
    found = fulfilment.execute("select finding_id, occurrences from findings where kind = 'repeated_charges'")
    assert found == [("repeated_charges-carton", WEEKS * ORDERS_A_WEEK // 2)]


def test_a_charge_without_a_type_is_of_the_type_unknown_and_says_so(fulfilment: RawAccount) -> None:
    reasons = "select distinct charge_type, status, reason from invoice_reconciliation where charge_type = 'unknown'"
    assert fulfilment.execute(reasons) == [
        ("unknown", "not_checked", "It has no type, so nothing says what it should cost.")
    ]
    assert fulfilment.execute("select count(*) from charges where charge_type = 'unknown'") == [(2,)]


def test_a_credit_that_names_no_order_settles_nothing(fulfilment: RawAccount) -> None:
    assert fulfilment.execute("select status from invoice_reconciliation where charge_type = 'credit'") == [
        ("not_checked",)
    ]


def test_what_is_still_to_come_accrues(fulfilment: RawAccount) -> None:
    """Duties of the orders of thirty days, and the software fee of the days of April that have passed."""
    expected = dict(
        fulfilment.execute("select charge_type, sum(amount) from accrual where kind = 'expected' group by 1")
    )
    waiting = fulfilment.execute(
        "select 1.90 * count(*) from orders where order_id not in"
        " (select order_id from charges where charge_type = 'duties')"
    )[0][0]
    assert expected["duties"] == waiting > 0
    assert expected["software"] == Decimal("26.40")
    assert "packaging" not in expected


ITEMS = range(1, 13)
BASES = {1: "average_flat", 2: "month_start", 3: "peak_flat", 4: None, 5: "average_flat"}  # by month
FLAT = {1: Decimal("0.75"), 3: Decimal("0.90"), 5: Decimal("0.80")}
WRONG = {(1, 4), (2, 5), (3, 6)}  # month and item of a charge that is a quarter too high


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def storage(folder: Path) -> RawAccount:
    """Twelve items whose volume moves, and a month each billed by another basis; April follows none."""
    random = Random(3)
    days = [date(2026, 1, 1) + timedelta(days=day) for day in range(151)]
    volumes = {item: {} for item in ITEMS}
    for item in ITEMS:
        volume = 20 * item
        for day in days:
            volume = max(5, volume + random.choice((-3, 0, 0, 4, -2, 0, 1)))
            volumes[item][day] = volume
    price = {day: Decimal("0.02") if day < date(2026, 3, 11) else Decimal("0.025") for day in days}
    history = [
        (item, day, volumes[item][day], volumes[item][day] * price[day], volumes[item][day])
        for item in ITEMS
        for day in days
    ]
    charges = []
    for month, basis in BASES.items():
        stored = [day for day in days if day.month == month]
        for item in ITEMS:
            amount = _storage(basis, [volumes[item][day] for day in stored], FLAT.get(month), random)
            amount *= Decimal("1.25") if (month, item) in WRONG else 1
            amount = amount.quantize(CENT, ROUND_HALF_UP)
            billed = stored[-1] + timedelta(days=2)
            span = (stored[0], stored[-1], billed)
            charges.append(
                (100 * month + item, 7000 + month, "storage", f"Storage {item}", amount, 1, *span, None, item)
            )
    written = [(*charge, f"{charge[8]} 20:00:00+00") for charge in charges]
    return built(folder, READ_AT["storage"], {"inventory_history": history, "payment_items": written})


def _storage(basis: str | None, volumes: list[int], rate: Decimal | None, random: Random) -> Decimal:
    if basis == "average_flat":
        return Decimal(sum(volumes)) / len(volumes) * (rate or 0)
    if basis == "month_start":
        return volumes[0] * Decimal("0.02") * len(volumes)
    return max(volumes) * rate if rate else Decimal(random.randint(500, 20000)) / 100


def test_storage_is_judged_by_the_basis_that_its_invoice_follows(storage: RawAccount) -> None:
    found = storage.execute("select rule, charge_id, direction, is_question from invoice_exceptions order by charge_id")
    wrong = [100 * month + item for month, item in sorted(WRONG)]
    assert found == [("storage_overbilled", charge, "recoverable", True) for charge in wrong]
    basis = "select distinct evidence_json->>'basis' from invoice_exceptions order by 1"
    assert storage.execute(basis) == [("average_flat",), ("month_start",), ("peak_flat",)]


def test_storage_that_follows_no_basis_is_not_checked_and_one_finding(storage: RawAccount) -> None:
    statuses = "select status, count(*) from invoice_reconciliation where payment_id = 7004 group by 1"
    assert storage.execute(statuses) == [("not_checked", len(ITEMS))]
    found = storage.execute("select finding_id, occurrences from findings where kind = 'storage_unexplained'")
    assert found == [("storage_unexplained-invoice 7004", len(ITEMS))]


def test_a_new_rate_is_a_finding_with_its_monthly_cost(storage: RawAccount) -> None:
    """The daily price of the API rose in March, and the flat price of the bills in May."""
    found = storage.execute(
        "select cast(start_date as varchar), finding like '%0.025 per cubic foot and day; before, 0.02.%'"
        " or finding like '%0.8 per cubic foot and bill; before, 0.75.%', amount > 0"
        " from findings where kind = 'storage_rate_change' order by 1"
    )
    assert found == [("2026-03-11", True, True), ("2026-05-01", True, True)]


def test_an_exception_that_is_found_no_more_is_shown_once_as_withdrawn(storage: RawAccount, folder: Path) -> None:
    """The build before accused two charges that this one does not accuse; on one a person had decided."""
    state = State(folder / "logentic.duckdb")
    with storage.connect() as connection:
        connection.execute(
            "insert into logentic_marts.invoice_exceptions"
            " (exception_id, charge_id, rule, amount_at_stake, charge_type)"
            " values ('101-duplicate_charge', 101, 'duplicate_charge', 5, 'storage')"
        )
    withdrawn = "select exception_id, what_changed from exception_status where status = 'withdrawn'"
    build(Settings(), state)
    ((exception_id, why),) = storage.execute(withdrawn)
    assert exception_id == "101-duplicate_charge"
    assert why.startswith("No rule finds it any more. Billed ")
    build(Settings(), state)
    assert storage.execute(withdrawn) == []
