"""Compare the cost of a month so far with the same days of the months before it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import duckdb

from logentic.reports.cost_bridge import DIGITS
from logentic.reports.published_file import read_records

MONTHS_BEFORE = 3
FIRST_WEEK = 7
# Prorate a charge of several days by the days of the month that have passed.
CHARGED = """
with charged as (
    select
        charge_type,
        amount,
        coalesce(start_date, billed_date) as first_day,
        cast(date_trunc('month', first_day) as date) as month,
        cast(least(month + (day($until::date) - 1)::int, last_day(month)) as date) as until,
        least(greatest(coalesce(end_date, first_day), first_day), last_day(month)) as last_day
    from charges
    where not is_withdrawn and amount is not null
)

select
    month,
    charge_type,
    last_day - first_day + 1 as days,
    least(last_day, until) - first_day + 1 as days_passed,
    sum(amount) as amount,
    min(first_day) as first_day
from charged
where
    first_day <= until
    and month <= $until::date
    and month >= date_trunc('month', $until::date) - to_months($months::int)
group by all
"""


@dataclass(frozen=True)
class CostsToDate:
    """Costs by month, newest first, and charge type: of each month the same number of first days as `until` has.

    Months without costs in these days are left out: the account had not begun.
    """

    until: date
    by_month: dict[date, dict[str, Decimal]]
    unit: Decimal

    @property
    def this_month(self) -> dict[str, Decimal]:
        return self.by_month.get(self.until.replace(day=1), {})

    @property
    def before(self) -> dict[date, dict[str, Decimal]]:
        return {month: costs for month, costs in self.by_month.items() if month < self.until.replace(day=1)}

    @property
    def average_before(self) -> dict[str, Decimal]:
        """Return the average of the months before, by charge type."""
        months = list(self.before.values())
        types = {name for costs in months for name in costs}
        return {name: self._average([costs.get(name, Decimal(0)) for costs in months]) for name in types}

    def _average(self, amounts: list[Decimal]) -> Decimal:
        return (sum(amounts, Decimal(0)) / len(amounts)).quantize(self.unit, ROUND_HALF_UP)


def read_costs_to_date(published: duckdb.DuckDBPyConnection, until: date, unit: Decimal) -> CostsToDate:
    rows = read_records(published, CHARGED, {"until": until, "months": MONTHS_BEFORE})
    return costs_to_date(rows, until, unit)


def costs_to_date(rows: list[dict[str, Any]], until: date, unit: Decimal) -> CostsToDate:
    """Sum the shares of the days that have passed, and round once for each month and type, to multiples of `unit`."""
    exact: dict[date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    with localcontext(prec=DIGITS):
        for row in rows:
            exact[row["month"]][row["charge_type"]] += row["amount"] * row["days_passed"] / row["days"]
        rounded = {
            month: {name: amount.quantize(unit, ROUND_HALF_UP) for name, amount in exact[month].items()}
            for month in sorted(exact, reverse=True)
            if month == until.replace(day=1)
            or min(row["first_day"] for row in rows if row["month"] == month).day <= FIRST_WEEK
        }
    return CostsToDate(until, rounded, unit)
