"""Propose items to measure: those that are billed at another size than their record, or than before."""

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from logentic.errors import UsageError
from logentic.price_terms import CUBIC_INCHES
from logentic.reports.output_files import output_file
from logentic.reports.published_file import open_published
from logentic.sanitizer import cell

# The size to compare with is the record's, or the one before a change. A year is 365 days at the average of the days
# that the finding covers.
PROPOSALS = """
with days as (select max(date) as last_day from storage_cost_daily),
sizes as (
    select
        item_id,
        kind,
        amount,
        case
            when kind = 'item_size_changed' then last_day - start_date + 1
            else occurrences
        end as days,
        cast(evidence_json ->> '$.size_after' as decimal(18, 6)) as size_after,
        cast(evidence_json ->> '$.size_before' as decimal(18, 6)) as size_before,
        cast(evidence_json ->> '$.listed_size' as decimal(18, 6)) as listed_size,
        cast(evidence_json ->> '$.priced_size' as decimal(18, 6)) as priced_size
    from findings, days
    where kind in ('item_size_changed', 'item_size_disagrees')
)
select
    sizes.item_id,
    listed.sku,
    listed.name,
    sizes.kind,
    listed.width_in,
    listed.depth_in,
    listed.height_in,
    coalesce(sizes.listed_size, sizes.size_before) as expected_size,
    coalesce(sizes.priced_size, sizes.size_after) as billed_size,
    round(cast(sizes.amount as decimal(18, 6)) * 365 / nullif(sizes.days, 0), 2)::decimal(18, 2) as yearly_amount
from sizes
inner join logentic_staging.stg_items as listed on sizes.item_id = listed.item_id and not listed.is_removed
order by yearly_amount desc nulls last, sizes.item_id
"""
HEADER = (
    *("id", "external_name", "width_in", "depth_in", "height_in", "_name", "_reason", "_yearly_amount"),
    *("_billed_cuft", "_expected_cuft", "_recorded_width_in", "_recorded_depth_in", "_recorded_height_in"),
    *("_proposed_width_in", "_proposed_depth_in", "_proposed_height_in"),
)
REASONS = {
    "item_size_changed": "billed at another size than before",
    "item_size_disagrees": "billed at another size than its record gives",
}


@dataclass(frozen=True)
class SizeProposal:
    """An item to measure. Sizes are in cubic feet; `yearly_amount` is what it is billed too much, in a year."""

    item_id: int
    sku: str | None
    name: str | None
    kind: str
    sides: tuple[Decimal | None, ...]
    expected_size: Decimal | None
    billed_size: Decimal | None
    yearly_amount: Decimal | None

    @property
    def proposed_sides(self) -> tuple[Decimal | None, ...]:
        """Return the recorded sides, scaled to the size before a change, or to the size that is billed."""
        target = self.expected_size if self.kind == "item_size_changed" else self.billed_size
        if not target or not all(self.sides):
            return (None, None, None)
        volume = Decimal(1)
        for side in self.sides:
            volume *= side or 1
        scale = Decimal(float(target * CUBIC_INCHES / volume) ** (1 / 3))
        return tuple((side or Decimal(0)) * scale for side in self.sides)


def read_proposals(file: Path) -> list[SizeProposal]:
    """Return the items to measure, those that cost most first."""
    with open_published(file) as published:
        rows: list[Any] = published.execute(PROPOSALS).fetchall()
    return [SizeProposal(*row[:4], row[4:7], *row[7:10]) for row in rows]  # type: ignore[call-arg]


def write_proposals(proposals: list[SizeProposal], path: Path) -> None:
    """Write a CSV for a person to measure: the sides are empty, and what is empty is never pushed."""
    if path.exists():
        raise UsageError(f"{path} exists and may hold measurements", "Name another file, or move it away.")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for each in proposals:
        sizes = [each.billed_size, each.expected_size, *each.sides, *each.proposed_sides]
        numbers = [_number(size, "0.0001" if place < 2 else "0.01") for place, size in enumerate(sizes)]
        notes = [cell(each.name), REASONS[each.kind], _number(each.yearly_amount, "0.01"), *numbers]
        writer.writerow([each.item_id, cell(each.sku), "", "", "", *notes])
    with output_file("FILE", path, ".csv") as partial:
        partial.write_text("\ufeff" + text.getvalue(), "utf-8", newline="")


def _number(value: Any, unit: str) -> str:
    return "" if value is None else str(Decimal(value).quantize(Decimal(unit)))
