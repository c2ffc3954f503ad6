"""A build that adds days ends where a full build ends, to the last digit, whatever arrived late, changed or vanished.

The full build beside it is one of the same rows in a file of its own. test_plan.py compares both with dbt's.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import duckdb
import pytest
from raw_account import RawAccount

from logentic.settings import Settings
from logentic.state import State
from logentic.transform.build import build

DAYS, ITEMS = 40, (1, 2, 3)
SETTINGS = Settings(api_token="none", timezone="America/Toronto")
COUNTERS = ("supply", "prepared", "receiving", "back_ordered", "delivered")


class Merchant:
    """An account that grows load by load; `state` is what its builds know."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder / "logentic.duckdb")
        self.state.prepare()
        self.raw = RawAccount(self.state.work)
        self.load_id = "1.0"
        self.random = Random(5)
        self.stock = {item: dict.fromkeys(COUNTERS, 40) for item in ITEMS}
        self.record = 0

    def next_load(self, day: int) -> None:
        """What follows arrives in a load of its own, read at noon of that day of January."""
        self.load_id = f"{day}.{self.record}{self.random.random()}"
        self.raw.seen_at = moment(day, 17)
        self.raw.add("_dlt_loads", load_id=self.load_id, schema_name="logentic", status=0)
        self.raw.read("item_quantities", moment(day, 17), _dlt_load_id=self.load_id)

    def add(self, table: str, **row: object) -> None:
        self.raw.add(table, **{"_dlt_load_id": self.load_id, **row})

    def change(self, item: int, at: str, record: int | None = None, **counters: int) -> None:
        """A record of the item's stock; without counters, after a random change."""
        stock = self.stock[item]
        for name in () if counters else COUNTERS:
            stock[name] = max(0, stock[name] + self.random.randint(-4, 4))
        self.record += record is None
        self.add("item_quantities", id=record or self.record, item_id=item, updated_at=at, **stock | counters)

    def close(self, item: int, day: int, supply: int | None = None, **row: object) -> None:
        units = self.stock[item]["supply"] if supply is None else supply
        volume = {"total_volume": units, "total_storage_price": f"{units * 13}e-3"}
        values = {"supply": units, "prepared": self.stock[item]["prepared"], "receiving": 0, **volume}
        self.add("inventory_history", id=item, date=f"{moment(day)[:10]}", **values | row)

    def day(self, day: int) -> None:
        for item in self.stock:
            for hour in range(self.random.randint(0, 2)):
                self.change(item, moment(day, 9 + hour))
            self.close(item, day - 1)


def moment(day: int, hour: int = 0) -> str:
    """A time of January, or of February where the month is over."""
    return f"2026-{1 + (day - 1) // 31:02}-{(day - 1) % 31 + 1:02} {hour:02}:00:00+00"


def late_record(merchant: Merchant) -> None:
    """Between two others, twenty days ago."""
    merchant.change(2, moment(DAYS - 20, 12))


def restated_record(merchant: Merchant) -> None:
    """The first movement of a day turns out to be none; the day has no other."""
    (at,) = merchant.raw.execute(
        "select max(updated_at)::varchar from logentic_raw.item_quantities where item_id = 3 and updated_at <"
        f" timestamptz '{moment(DAYS - 12)}'"
    )[0]
    counters = merchant.raw.execute(
        f"select {', '.join(COUNTERS)}, updated_at from logentic_raw.item_quantities where item_id = 3"
        f" and updated_at < timestamptz '{at}' order by updated_at desc limit 1"
    )[0][:-1]
    (record,) = merchant.raw.execute(
        f"select id from logentic_raw.item_quantities where item_id = 3 and updated_at = timestamptz '{at}'"
    )[0]
    merchant.change(3, at, record, **dict(zip(COUNTERS, counters, strict=True)))


def overwritten_record(merchant: Merchant) -> None:
    """The same record id with another time: what it said before may not have been the end of its days."""
    newest = "select max(id) from logentic_raw.item_quantities where item_id = 1 and updated_at < timestamptz '{}'"
    (record,) = merchant.raw.execute(newest.format(moment(DAYS - 6)))[0]
    merchant.change(1, moment(DAYS - 4, 6), record)


def restated_history(merchant: Merchant) -> None:
    merchant.close(1, DAYS - 3, supply=77)


def vanished_history(merchant: Merchant) -> None:
    merchant.close(2, DAYS - 9, _is_removed=True)


def changed_charge(merchant: Merchant) -> None:
    merchant.add("payment_items", id=2, type="storage", amount="9.17", start=moment(14)[:10], end=moment(20)[:10])


def withdrawn_charge(merchant: Merchant) -> None:
    merchant.add(
        "payment_items", id=1, type="storage", amount="17.23", item_id=1, _is_removed=True,
        start=moment(2)[:10], end=moment(31)[:10], billed_date=moment(32)[:10],
    )  # fmt: skip


def renamed_item(merchant: Merchant) -> None:
    merchant.add("items", id=3, external_name="A-3 bis", created_at=moment(1))


def new_item(merchant: Merchant) -> None:
    merchant.stock[4] = dict.fromkeys(COUNTERS, 3)
    merchant.change(4, moment(DAYS - 2, 8))


# What arrives together bears upon different tables, so that neither hides the other.
NEWS: tuple[tuple[Callable[[Merchant], None], ...], ...] = (
    (late_record, changed_charge),
    (restated_record, withdrawn_charge),
    (overwritten_record,),
    (vanished_history,),
    (restated_history, new_item),
    (renamed_item,),
)


@pytest.fixture
def merchant(tmp_path: Path) -> Merchant:
    """Forty days, built once in full."""
    merchant = Merchant(tmp_path)
    merchant.raw.seen_at = moment(DAYS, 17)
    merchant.raw.read("item_quantities", moment(DAYS, 17))
    for item in ITEMS:
        merchant.add("items", id=item, external_name=f"A-{item}", created_at=moment(1))
        merchant.change(item, moment(1, 6))
    for day in range(2, DAYS + 1):
        merchant.day(day)
    period = {"start": moment(2)[:10], "end": moment(31)[:10], "billed_date": moment(32)[:10]}
    merchant.add("payment_items", id=1, type="storage", amount="17.23", item_id=1, **period)
    merchant.add("payment_items", id=2, type="storage", amount="8.17", start=moment(14)[:10], end=moment(20)[:10])
    merchant.add("payment_items", id=3, type="storage", amount="101.99", start=moment(32)[:10], end=moment(59)[:10])
    build(SETTINGS, merchant.state)
    return merchant


def test_builds_that_add_days_end_as_full_builds_do(merchant: Merchant, tmp_path: Path) -> None:
    """One kind of news after the other."""
    for number, news in enumerate(NEWS):
        merchant.next_load(DAYS + 1 + number // 3)
        for arrive in news:
            arrive(merchant)
        names = " and ".join(arrive.__name__ for arrive in news)
        build(SETTINGS, merchant.state)
        (begun,) = merchant.raw.execute("select stock_from > date '2020-01-01' from logentic_build.rebuilt_days")
        assert begun == (True,), f"{names}: everything was built again"
        assert differences(merchant, tmp_path / f"{number}.duckdb") == {}, names


TABLES_OF_DAYS = {
    "stock_daily": "date",
    "stock_ledger_daily": "date",
    "stock_movements": "movement_date",
    "storage_cost_daily": "date",
    "storage_cost_monthly": "last_date",
    "fulfilment_daily": "date",
}


def test_records_of_a_year_to_come_make_no_days_and_their_corrections_leave_no_trace(
    merchant: Merchant, tmp_path: Path
) -> None:
    """Incremental builds: a stock record, a row of history and an order of 2099, then all three corrected."""
    day, future = DAYS + 4, "2099-12-31 12:00:00+00"
    known = "select date, is_end_known from stock_daily where item_id = 2 and date < date '2026-02-08' order by date"
    before = merchant.raw.execute(known)
    merchant.next_load(day)
    record = merchant.record + 1
    merchant.change(2, future)
    merchant.add("inventory_history", id=2, date=future[:10], supply=9)
    merchant.add("orders", id=1, status="PENDING", created_at=future, updated_at=future)
    build(SETTINGS, merchant.state)
    kind = "select finding_id from findings where kind = 'future_date' order by 1"
    assert merchant.raw.execute(kind) == [
        ("future_date-inventory_history-2-2099-12-31",),
        ("future_date-order-1",),
        (f"future_date-stock_record-{record}",),
    ]
    for table, column in TABLES_OF_DAYS.items():
        (last,) = merchant.raw.execute(f"select max({column}) <= date '{moment(day)[:10]}' from {table}")[0]
        assert last in (True, None), table
    assert differences(merchant, tmp_path / "future.duckdb") == {}

    merchant.next_load(day + 1)
    merchant.change(2, moment(day - 1, 12), record)
    merchant.add("inventory_history", id=2, date=future[:10], supply=9, _is_removed=True)
    merchant.add("orders", id=1, status="PENDING", created_at=moment(day), updated_at=moment(day))
    build(SETTINGS, merchant.state)
    assert merchant.raw.execute(kind) == []
    assert merchant.raw.execute(f"select count(*) from stock_movements where record_id = {record}") != [(0,)]
    assert merchant.raw.execute(f"select distinct movement_date from stock_movements where record_id = {record}") == [
        (date.fromisoformat(moment(day - 1)[:10]),)
    ]
    assert merchant.raw.execute(known) == before, "a correction is no record that was updated in place"
    assert merchant.raw.execute("select date from fulfilment_daily") != []
    assert differences(merchant, tmp_path / "corrected.duckdb") == {}


def test_a_stock_record_of_1900_makes_no_days_before_the_earliest_date(merchant: Merchant) -> None:
    merchant.next_load(DAYS + 6)
    merchant.stock[5] = dict.fromkeys(COUNTERS, 3)
    merchant.change(5, "1900-01-01 00:00:00+00", supply=7)
    build(SETTINGS, merchant.state)
    first = "select min(date), min_by(physical, date) from stock_daily where item_id = 5"
    assert merchant.raw.execute(first) == [(SETTINGS.earliest_date, 10)]


def test_records_before_the_earliest_date_make_no_days_before_it(merchant: Merchant, tmp_path: Path) -> None:
    """Incremental builds: a stock record, a row of history and an order of 1900 and of the days around the first."""
    merchant.stock[6] = dict.fromkeys(COUNTERS, 3)
    order = 100
    for number, days in enumerate((("1900-01-01", "2014-12-31", "2015-01-02"), ("1999-06-01", "2015-01-01"))):
        merchant.next_load(DAYS + 7 + number)
        for day in days:
            merchant.change(6, f"{day} 12:00:00+00", supply=7 + order)
            merchant.add("inventory_history", id=6, date=day, supply=9, total_volume=1, total_storage_price=1)
            merchant.add("orders", id=order, status="PENDING", created_at=f"{day} 12:00:00+00")
            order += 1
        build(SETTINGS, merchant.state)
        for table, column in TABLES_OF_DAYS.items():
            (first,) = merchant.raw.execute(f"select min({column}) from {table}")[0]
            assert first is None or first >= SETTINGS.earliest_date, table
        assert differences(merchant, tmp_path / f"earliest-{number}.duckdb") == {}
    rows = "select date, orders from fulfilment_daily where date < date '2016-01-01' order by date"
    assert merchant.raw.execute(rows) == [(date(2015, 1, 1), 1), (date(2015, 1, 2), 1)]
    assert merchant.raw.execute("select count(*) from order_fulfilment where order_id >= 100") == [(5,)]


def differences(merchant: Merchant, path: Path) -> dict[str, list[tuple[object, ...]]]:
    """{table: rows that only one of the two has}."""
    whole = State(path)
    whole.prepare()
    with duckdb.connect(str(whole.work)) as work:
        work.execute(f"attach '{merchant.state.work}' as grown (read_only)")
        work.execute("create schema logentic_raw")
        tables = "select table_name from duckdb_tables() where database_name = 'grown' and schema_name = 'logentic_raw'"
        for (table,) in work.execute(tables).fetchall():
            work.execute(f"create table logentic_raw.{table} as from grown.logentic_raw.{table}")
    build(SETTINGS, whole)
    found = {}
    with duckdb.connect() as reader:
        reader.execute(
            f"attach '{merchant.state.work}' as grown (read_only); attach '{whole.work}' as whole (read_only)"
        )
        built = (
            "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'whole' and"
            " schema_name in ('logentic_marts', 'logentic_build') and table_name not in"
            " ('build_inputs', 'built_inputs', 'rebuilt_days', 'built_nodes')"
            " union all select 'logentic_marts.month_facts'"
        )
        for (table,) in reader.execute(built).fetchall():
            rows = [
                row
                for one, other in (("whole", "grown"), ("grown", "whole"))
                for row in reader.execute(f"from {one}.{table} except all from {other}.{table} limit 5").fetchall()
            ]
            if rows:
                found[table] = rows
    return found
