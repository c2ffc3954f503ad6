"""Read the changes of the storage rate, with their cost."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from logentic.currencies import money
from logentic.reports.published_file import read_records

MONTHS_OF_A_YEAR = 12
RATE_DECIMALS = 6
CHANGES = """
select start_date as since, cast(amount as decimal(18, 2)) as monthly_cost, finding, evidence_json
from findings
where kind = 'storage_rate_change' and ($until is null or start_date <= last_day($until::date))
order by start_date, finding_id
"""


@dataclass(frozen=True)
class RateChange:
    """A new storage rate; the costs are those of the rate difference, at the volume of its first day."""

    since: date
    monthly_cost: Decimal
    finding: str
    rate: Decimal
    rate_before: Decimal
    unit: str

    @property
    def yearly_cost(self) -> Decimal:
        return MONTHS_OF_A_YEAR * self.monthly_cost

    def cost(self, currency: str) -> str:
        """Return the cost per year, such as "1,250.00 more a year"."""
        return f"{money(abs(self.yearly_cost), currency)} {'less' if self.yearly_cost < 0 else 'more'} a year"

    def sentence(self, currency: str) -> str:
        """Return the change with its cost."""
        return f"{self.words} {self.cost(currency)}."

    @property
    def words(self) -> str:
        rate, before = (f"{round(each, RATE_DECIMALS).normalize():f}" for each in (self.rate, self.rate_before))
        return f"Since {self.since}: {rate} {self.unit}; before, {before}."


def read_rate_changes(published: duckdb.DuckDBPyConnection, month: date | None = None) -> list[RateChange]:
    """Return the changes up to the end of a month, or all, earliest first."""
    found = []
    for row in read_records(published, CHANGES, {"until": month}):
        evidence = json.loads(row.pop("evidence_json"), parse_float=Decimal, parse_int=Decimal)
        found.append(RateChange(**row, **{name: evidence[name] for name in ("rate", "rate_before", "unit")}))
    return found
