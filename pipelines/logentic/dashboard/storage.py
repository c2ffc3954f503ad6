"""Panels of storage: cost by month, item and size, the rate, how bills fit, the outlook."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import altair as alt

from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Panel, Selection, amount_text
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.reports.humanize import count
from logentic.reports.item_names import name_items
from logentic.reports.supporting_sheets import STORAGE_CHARGES
from logentic.settings import load_settings

WHERE = "date between $start and $stop and ($item::bigint is null or item_id = $item::bigint)"
MONTH = """
    month between date_trunc('month', $start::date) and $stop and ($item::bigint is null or item_id = $item::bigint)
"""
MONTHS = f"""
with months as (
    select month, sum(billed) as billed, sum(not_yet_billed) as not_yet_billed
    from storage_cost_monthly
    where {MONTH}
    group by month
),

charged as (
    select month, sum(expected) as expected, sum(difference) as difference, sum(not_checked) as not_checked
    from ({STORAGE_CHARGES})
    where {MONTH}
    group by month
)

select
    strftime(months.month, '%Y-%m') as month, cast(months.billed as decimal(18, 2)) as billed,
    cast(months.not_yet_billed as decimal(18, 2)) as not_yet_billed,
    cast(charged.expected as decimal(18, 2)) as expected, cast(charged.difference as decimal(18, 2)) as difference,
    cast(charged.not_checked as decimal(18, 2)) as not_checked
from months
left join charged on months.month = charged.month
order by months.month
"""
DIFFERENCE = f"""
select cast(coalesce(sum(difference), 0) as decimal(18, 2)) as difference
from ({STORAGE_CHARGES})
where is_billed and {MONTH}
"""
SIZES = ("under 0.05", "0.05 to 0.2", "0.2 to 1", "1 and more", "size unknown")
SIZE = """
    case
        when items.cubic_feet is null then 'size unknown'
        when items.cubic_feet < 0.05 then 'under 0.05'
        when items.cubic_feet < 0.2 then '0.05 to 0.2'
        when items.cubic_feet < 1 then '0.2 to 1'
        else '1 and more'
    end
"""
BY_ITEM = f"""
with costs as (
    select item_id, sum(allocated_charge) as cost
    from storage_cost_daily
    where {WHERE}
    group by item_id
),

named as (
    select coalesce(items.sku, cast(item_id as varchar)) as sku, items.name, costs.cost, item_id
    from costs
    left join items using (item_id)
    where $size::varchar is null or {SIZE} = $size
)

select
    row_number() over by_cost as place, sku, name, cast(cost as decimal(18, 2)) as cost,
    cast(100 * sum(cost) over by_cost / nullif(sum(cost) over (), 0) as decimal(5, 1)) as percent_so_far, item_id
from named
window by_cost as (order by cost desc, sku)
order by place
"""
CLASSES = f"""
select
    {SIZE} as cubic_feet_each,
    count(distinct item_id) as items,
    cast(sum(volume_cuft) / count(distinct date) as decimal(18, 1)) as average_cubic_feet,
    cast(sum(allocated_charge) as decimal(18, 2)) as cost
from storage_cost_daily
inner join items using (item_id)
where {WHERE.replace("item_id = ", "storage_cost_daily.item_id = ")}
group by cubic_feet_each
order by min(items.cubic_feet) nulls last
"""
RATES = f"""
select
    date, cast(median(rate) as decimal(18, 6)) as rate, cast(min(rate) as decimal(18, 6)) as lowest,
    cast(max(rate) as decimal(18, 6)) as highest, cast(any_value(contract_rate) as decimal(18, 6)) as contract_rate
from storage_cost_daily
where {WHERE} and rate is not null
group by date
order by date
"""
FINDINGS = """
select kind, start_date, end_date, occurrences, cast(amount as decimal(18, 2)) as amount, finding, item_id
from findings
where kind like '%storage%' or kind like '%basis%' or kind like '%item_size%' or charge_type = 'storage'
order by abs(amount) desc nulls last, start_date
"""
OUTLOOK = """
select
    strftime(month, '%Y-%m') as month, cast(sum(expected_cost) as decimal(18, 2)) as expected_cost,
    cast(sum(saving_if_cleared) as decimal(18, 2)) as saving_if_dead_stock_is_cleared
from storage_outlook
where $item::bigint is null or item_id = $item::bigint
group by month
having sum(expected_cost) > 0
order by month
"""


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    return {
        **filters.choose_days(snapshot, url, "storage", last=370),
        **filters.choose_item(snapshot, url),
        **filters.choose_among(url, "size", {"All sizes": None} | {size: size for size in SIZES}, "Cubic feet each"),
    }


def months(snapshot: Snapshot, selection: Selection) -> Panel:
    """Cost by month."""
    result = snapshot.query(MONTHS, **selection)
    parts = {"billed": "billed", "not_yet_billed": "not yet billed"}
    values = charts.unfold(result, parts, "month", "part", "cost", null_is_zero=True)
    values = [row | {"link": _month(selection, row)} for row in values]
    bars = (
        alt.Chart(charts.rows_data(values))
        .mark_bar()
        .encode(
            charts.month("month"),
            charts.LINK,
            charts.number("cost", f"Cost, {load_settings().currency}", stack="zero"),
            charts.colour("part", list(parts.values()), [charts.BLUE, charts.SKY]),
            tooltip=charts.tooltips(month="Month", part="", cost=("Cost", ",.2f")),
        )
    )
    ticks = (
        alt.Chart(charts.result_data(result))
        .mark_tick(color=charts.ORANGE, thickness=3, width=28)
        .encode(
            charts.month("month"),
            charts.number("expected", f"Cost, {load_settings().currency}"),
            tooltip=charts.tooltips(month="Month", expected=("Expected", ",.2f")),
        )
    )
    difference = snapshot.query(DIFFERENCE, **selection).first_row["difference"]
    side = "above" if difference >= 0 else "below"
    title = f"Storage was charged {amount_text(abs(difference))} {side} what it should cost"
    note = "Bars show what was charged, orange marks what was expected. The title counts billed charges only."
    drawn = charts.finish(alt.layer(bars, ticks), f"{title}. {note}")
    links = {"month": lambda row: _month(selection, row)}
    empty = "What storage costs each month appears here."
    return Panel(title, result, drawn, note, "storage-by-month", links=links, empty=empty)


def largest_items(snapshot: Snapshot, selection: Selection) -> Panel:
    """Items with the highest storage cost."""
    result = snapshot.query(BY_ITEM, **selection)
    rows = result.rows
    enough = sum((row["percent_so_far"] or 0) < 80 for row in rows) + 1 if rows else 0
    first = charts.result_data(QueryResult(result.table.slice(0, 100)), link=lambda row: _item(selection, row))
    base = alt.Chart(first).encode(
        alt.X("place:O", title="Items, the dearest first", axis=alt.Axis(values=[1, *range(10, 101, 10)], labelAngle=0))
    )
    line = base.mark_bar(color=charts.BLUE).encode(
        charts.number("percent_so_far", "% of the cost so far", scale=alt.Scale(domain=[0, 100])),
        charts.LINK,
        tooltip=charts.tooltips(sku="SKU", name="Item", cost=("Cost", ",.2f"), percent_so_far=("% so far", ".1f")),
    )
    mark = alt.Chart(charts.rows_data([{"y": 80}])).mark_rule(color=charts.ORANGE, strokeDash=[6, 4]).encode(y="y:Q")
    of_size = f" of {selection['size']} cubic feet" if selection.get("size") else ""
    title = f"{min(enough, len(rows))} of {len(rows)} items{of_size} make 80 % of the storage cost"
    return Panel(
        title,
        result,
        charts.finish(alt.layer(line, mark), title),
        name="storage-by-item",
        links={"sku": lambda row: _item(selection, row)},
        hidden=("item_id",),
        empty="The items that cost most to store appear here.",
    )


def classes(snapshot: Snapshot, selection: Selection) -> Panel:
    """Cost by size of the item."""
    result = snapshot.query(CLASSES, **selection)

    def link(row: dict[str, Any]) -> str:
        return filters.link_here(selection, "storage-by-item", size=row["cubic_feet_each"])

    chart = (
        alt.Chart(charts.result_data(result, link=link))
        .mark_bar(color=charts.BLUE)
        .encode(
            charts.horizontal("cost", f"Cost, {load_settings().currency}"),
            charts.LINK,
            alt.Y("cubic_feet_each:N", sort=None, title="Cubic feet each"),
            tooltip=charts.tooltips(cubic_feet_each="Cubic feet each", items="Items", cost=("Cost", ",.2f")),
        )
    )
    most = max(result.rows, key=lambda row: row["cost"] or 0, default=None)
    title = "No storage cost in these days"
    if most:
        size = f"{most['cubic_feet_each']} cubic feet" if most["cubic_feet_each"] != SIZES[-1] else "unknown size"
        title = f"Items of {size} cost most to store: {amount_text(most['cost'] or 0)}"
    links = {"cubic_feet_each": link}
    empty = "The cost of storage, by the size of one unit, appears here."
    drawn = charts.finish(chart, title, alt.Step(32))
    return Panel(title, result, drawn, name="storage-by-size", links=links, empty=empty)


def rates(snapshot: Snapshot, selection: Selection) -> Panel:
    """Rate per cubic foot over time."""
    result = snapshot.query(RATES, **selection)
    base = alt.Chart(charts.result_data(result)).encode(charts.day("date"))
    tips = charts.tooltips(date="Day", rate=("Median", ".5f"))
    is_span, per_unit = result.table.num_rows > 1, f"{load_settings().currency} per cubic foot and day"
    scale = alt.Scale(zero=not is_span)
    line = (
        base.mark_line(color=charts.BLUE, strokeWidth=2, interpolate="step-after")
        if is_span
        else base.mark_bar(color=charts.BLUE, size=40)
    ).encode(charts.number("rate", per_unit, ".4f", scale=scale), tooltip=tips)
    contract = base.mark_line(color=charts.ORANGE, strokeDash=[6, 4], interpolate="step-after").encode(
        charts.number("contract_rate", per_unit, ".4f", scale=scale)
    )
    seen = sorted({round(row["rate"], 4) for row in result.rows})
    title = f"The rate was {' then '.join(f'{rate:f}' for rate in seen)}" if 0 < len(seen) < 4 else _rate_range(seen)
    note = "Per cubic foot and day: the median of all items, price ÷ volume. Dashed: the contract's, where one is set."
    drawn = charts.finish(alt.layer(line, contract), f"{title}. {note}")
    return Panel(
        title, result, drawn, note, "storage-rate", empty="The price of a cubic foot, day by day, appears here."
    )


def findings(snapshot: Snapshot, selection: Selection) -> Panel:
    """Practices found in the storage bills."""
    found = snapshot.query(FINDINGS).rows
    sentences = name_items(snapshot.connection, [row["finding"] for row in found])
    result = QueryResult.of([row | {"finding": said} for row, said in zip(found, sentences, strict=True)])
    number = count(len(found), "finding")
    title = f"{number} on how storage is measured and billed" if found else "No finding on storage"
    note = "A basis that explains the bills better than the configured one is named here, with its error."
    links = {"finding": lambda row: _item(selection, row) if row["item_id"] else ""}
    return Panel(title, result, note=note, name="storage-findings", wide=True, links=links, hidden=("item_id",))


def outlook(snapshot: Snapshot, selection: Selection) -> Panel:
    """Storage outlook."""
    result = snapshot.query(OUTLOOK, **selection)
    chart = (
        alt.Chart(charts.result_data(result))
        .mark_bar(color=charts.SKY)
        .encode(
            charts.month("month"),
            charts.number("expected_cost", f"Cost, {load_settings().currency}"),
            tooltip=charts.tooltips(month="Month", expected_cost=("Expected", ",.2f")),
        )
    )
    total = sum((row["expected_cost"] for row in result.rows), Decimal(0))
    title = f"Storing the current stock will cost {amount_text(total)}"
    note = "The rest of this month and the months after it, at the recent rate of sales and without new stock."
    empty = "The future storage cost of today's stock appears here, by month."
    return Panel(title, result, charts.finish(chart, f"{title}. {note}"), note, "storage-outlook", empty=empty)


def _item(selection: Selection, row: dict[str, Any]) -> str:
    return filters.link_here(selection, item=row["item_id"])


def _month(selection: Selection, row: dict[str, Any]) -> str:
    first = date.fromisoformat(f"{row['month']}-01")
    last = (first + timedelta(31)).replace(day=1) - timedelta(1)
    return filters.link_here(selection, from_=first, to=last)


def _rate_range(seen: list[Decimal]) -> str:
    if not seen:
        return "No storage rate in these days"
    return f"The rate was {seen[0]:f} to {seen[-1]:f}, by day"


PANELS = (months, largest_items, classes, rates, outlook, findings)
