"""The month so far is compared with as many days of the months before it."""

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from logentic.reports.costs_to_date import CostsToDate, read_costs_to_date

CENT = Decimal("0.01")
LASTS = (("08", "31"), ("09", "30"), ("10", "31"))
Charge = tuple[str, str, str, str | None, bool]


def read(until: str, *charges: Charge) -> CostsToDate:
    with duckdb.connect() as published:
        published.execute(
            """create table charges (charge_type text, amount decimal(38, 24), start_date date, end_date date,
            is_withdrawn boolean, billed_date date)"""
        )
        for each in charges:
            published.execute("insert into charges values (?, ?, ?, ?, ?, null)", each)
        return read_costs_to_date(published, date.fromisoformat(until), CENT)


def charge(day: str, amount: str = "10.00", last: str | None = None, of: str = "shipping", gone: bool = False) -> Any:
    return of, amount, day, last or day, gone


def totals(found: CostsToDate) -> dict[str, Decimal]:
    return {f"{month:%Y-%m}": sum(costs.values(), Decimal(0)) for month, costs in found.by_month.items()}


def test_the_same_days_of_three_months_before_are_read() -> None:
    months = [charge(f"2026-{month:02}-{day}") for month in range(1, 6) for day in ("01", "10", "11")]
    found = read("2026-05-10", *months)
    assert totals(found) == {"2026-05": 20, "2026-04": 20, "2026-03": 20, "2026-02": 20}


def test_a_shorter_month_is_compared_whole_and_no_charge_counts_twice() -> None:
    found = read("2026-03-31", charge("2026-02-01"), charge("2026-02-28"), charge("2026-03-31"), charge("2026-04-01"))
    assert totals(found) == {"2026-03": 10, "2026-02": 20}


def test_storage_counts_for_the_days_that_have_passed() -> None:
    storage = [charge(f"2026-{month}-01", "100.00", f"2026-{month}-{last}", "storage") for month, last in LASTS]
    found = read("2026-10-10", *storage, charge("2026-10-01", "7.00", "2026-10-09", "storage"))
    assert totals(found) == {
        "2026-10": Decimal("39.26"),  # 100 × 10/31 + 7
        "2026-09": Decimal("33.33"),
        "2026-08": Decimal("32.26"),
    }


def test_a_charge_beyond_its_month_counts_for_the_month_that_it_begins_in() -> None:
    assert totals(read("2026-09-30", charge("2026-09-29", "9.00", "2026-10-10"))) == {"2026-09": 9}


def test_a_month_that_begins_without_costs_is_left_out_unless_it_is_this_one() -> None:
    late = [charge("2026-08-20"), charge("2026-09-07"), charge("2026-10-20")]
    assert totals(read("2026-10-25", *late)) == {"2026-10": 10, "2026-09": 10}


def test_what_the_api_no_longer_gives_does_not_count() -> None:
    assert totals(read("2026-10-25", charge("2026-10-20", gone=True))) == {}


def test_the_average_is_of_the_months_that_are_there_rounded_for_each_type() -> None:
    found = read(
        "2026-10-25",
        charge("2026-08-01", "1.00"),
        charge("2026-09-01", "1.01"),
        charge("2026-09-02", "5.00", of="custom"),
        charge("2026-10-01", "3.00"),
    )
    assert found.average_before == {"shipping": Decimal("1.01"), "custom": Decimal("2.50")}
    assert found.this_month == {"shipping": 3}


def test_nothing_is_compared_with_nothing() -> None:
    found = read("2026-10-25")
    assert (found.this_month, found.before, found.average_before) == ({}, {}, {})
