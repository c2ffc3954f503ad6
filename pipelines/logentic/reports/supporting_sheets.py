"""Query the supporting sheets of a reconciliation: storage by item, accrual, rate card, findings, restatements."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import duckdb

from logentic.reports.published_file import read_records
from logentic.reports.sheets import Sheet, query_sheet

# A charge has either an expected amount and a difference, or an amount not checked: the three columns add up to billed.
AMOUNTS = """
    checked.billed,
    case when checked.status <> 'not_checked' then checked.expected end as expected,
    case when checked.status <> 'not_checked' then checked.difference end as difference,
    case when checked.status = 'not_checked' then checked.billed end as not_checked
"""
# Round storage at each charge, as bills do; sums of daily prices would differ by cents.
STORAGE_CHARGES = f"""
select
    checked.item_id, cast(date_trunc('month', checked.start_date) as date) as month, checked.is_billed, {AMOUNTS}
from invoice_reconciliation as checked
where lower(checked.charge_type) = 'storage'
"""
# The expected amount of an item is exact if the charges name it; otherwise it is its share of the month.
STORAGE = """
with charged as (
    {storage_charges}
),

charged_items as (
    select item_id, month, sum(expected) as expected, sum(difference) as difference
    from charged
    group by item_id, month
)

select
    storage.month, storage.sku, items.name, storage.average_volume_cuft, cast(storage.price as decimal(18, 2)) as price,
    cast(
        case when shared.month is null then charged_items.expected else storage.expected_price end as decimal(18, 2)
    ) as expected_price,
    storage.billed, storage.not_yet_billed,
    cast(
        case when shared.month is null then charged_items.difference else storage.difference end as decimal(18, 2)
    ) as difference
from storage_cost_monthly as storage
left join items on storage.item_id = items.item_id
left join charged_items on storage.item_id = charged_items.item_id and storage.month = charged_items.month
left join (select distinct month from charged where item_id is null) as shared on storage.month = shared.month
where storage.month in (
    select cast(date_trunc('month', start_date) as date) from charges
    where charge_id in ({scope}) and ({whole_month} or lower(charge_type) = 'storage')
)
order by storage.month, storage.billed desc, storage.sku
"""
# These sheets are about the account, not one invoice. They omit technical columns; an open-ended price has no first or
# last day.
ACCOUNT_SHEETS = {
    "accrual": (
        "Accrual",
        """select
            as_of_date, kind, charge_type, count(*) as entries, min(start_date) as first_day, max(end_date) as last_day,
            cast(sum(amount) as decimal(18, 2)) as amount,
            case when count(distinct basis) > 1 then 'For example: ' else '' end || min(basis) as basis
        from accrual group by as_of_date, kind, charge_type order by kind desc, charge_type""",
        "What the open period will still cost: charged and not billed, and expected and not charged.",
    ),
    "rate_card": (
        "Rate card",
        """select
            charge_type, segment, formula, nullif(valid_from, date '1970-01-01') as valid_from,
            nullif(valid_to, date '9999-12-31') as valid_to, source, kind, charges, explained_share, error_amount, note,
            * exclude (
                charge_type, segment, formula, valid_from, valid_to, source, kind, charges, explained_share,
                error_amount, note, zone, price_id, above_quantity, below_quantity
            )
        from rate_card as rates
        order by charge_type, segment, rates.valid_from nulls first, from_quantity nulls first""",
        "What each type costs, as the contract says or the account's own history shows.",
    ),
    "findings": (
        "Findings",
        """select
            findings.kind, findings.charge_type, items.sku,
            findings.* exclude (kind, charge_type, finding_id, place, evidence_json) replace (
                case
                    when items.sku is null then findings.finding
                    else replace(
                        findings.finding,
                        'tem ' || findings.item_id || ' ',
                        'tem ' || concat_ws(' ', items.sku, items.name) || ' (' || findings.item_id || ') '
                    )
                end as finding
            )
        from findings
        left join items on findings.item_id = items.item_id
        order by findings.kind, findings.place""",
        "Findings that concern no single charge.",
    ),
}
CHANGED = (
    "Changes since it was closed. Each change is listed for its charge, its type and its invoice: do not add them up."
)
RESTATED = """
select
    case restated.subject
        when 'charges' then 'all of a type'
        when 'storage' then 'storage of an item'
        when 'stock' then 'stock of an item'
        else restated.subject
    end as what,
    coalesce(items.sku, restated.key) as which, charges.charge_type, charges.description,
    cast(restated.value_before as decimal(18, 2)) as value_before,
    cast(restated.value_after as decimal(18, 2)) as value_after,
    cast(restated.difference as decimal(18, 2)) as value_difference, restated.seen_at
from restatements as restated
left join charges on restated.subject = 'charge' and restated.key = cast(charges.charge_id as varchar)
left join items
    on restated.subject in ('storage', 'stock') and restated.key = cast(items.item_id as varchar)
where restated.month = $1 and restated.closed_at = $2
order by array_position(['charge', 'charges', 'invoice', 'storage', 'stock'], restated.subject), which
"""


def supporting_sheets(
    published: duckdb.DuckDBPyConnection,
    scope: str,
    chosen: list[Any],
    month: date | None,
    closed_at: datetime | None,
) -> Iterator[Sheet]:
    """Yield the sheets for which the file has data; `scope` is the query of the charges, `chosen` its parameter."""
    # For an invoice, only months of its storage charges; a late charge of another type adds no month.
    of_storage = STORAGE.format(
        storage_charges=STORAGE_CHARGES, scope=scope, whole_month="false" if month is None else "true"
    )
    if storage := query_sheet(published, "Storage", of_storage, chosen, "Storage by item and month."):
        yield storage
    tables = {row["table_name"] for row in read_records(published, "select table_name from information_schema.tables")}
    for table, (name, sql, about) in ACCOUNT_SHEETS.items():
        if table in tables and (sheet := query_sheet(published, name, sql, None, about)):
            yield FINISHED[table](sheet) if table in FINISHED else sheet
    if closed_at and (sheet := query_sheet(published, "Restatements", RESTATED, [month, closed_at], CHANGED)):
        yield sheet


def _with_its_month(accrual: Sheet) -> Sheet:
    """Name the month on the tab: the workbook may be of another one."""
    return replace(accrual, tab=f"{accrual.name} {accrual.rows[0][0]:%Y-%m}")


def _without_totals(findings: Sheet) -> Sheet:
    """Show amounts without totals: some are of a month, some of all charges."""
    columns = (replace(each, kind="amount" if each.kind == "money" else each.kind) for each in findings.columns)
    return replace(findings, columns=tuple(columns))


FINISHED = {"accrual": _with_its_month, "findings": _without_totals}
