"""Panels of stock: levels, the ledger with the records behind each bar, differences, days of cover, idle items."""

from functools import partial
from typing import Any

import altair as alt

from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Panel, Selection, amount_text
from logentic.dashboard.snapshot import Snapshot
from logentic.reports.humanize import count

LEVELS = """
with largest as (
    select item_id from stock_daily where date between $start and $stop
        and ($item::bigint is null or item_id = $item::bigint)
    group by item_id order by avg(physical) desc, item_id limit 6
)

select
    stock.date, coalesce(stock.sku, cast(item_id as varchar)) as sku, items.name, stock.physical, stock.supply,
    stock.prepared, stock.receiving, item_id
from stock_daily as stock
left join items using (item_id)
where item_id in (from largest) and stock.date between $start and $stop
order by sku, stock.date
"""
LEDGER = """
with spanned as (
    select
        min_by(opening, date) as opening, sum(received) as received, sum(shipped) as shipped,
        sum(returned) as returned, sum(adjusted) as adjusted, max_by(closing, date) as closing
    from stock_ledger_daily
    where date between $start and $stop and ($item::bigint is null or item_id = $item::bigint)
    group by item_id
)

select
    coalesce(sum(opening), 0)::bigint as opening, coalesce(sum(received), 0)::bigint as received,
    -coalesce(sum(shipped), 0)::bigint as shipped, coalesce(sum(returned), 0)::bigint as returned,
    coalesce(sum(adjusted), 0)::bigint as adjusted, coalesce(sum(closing), 0)::bigint as closing
from spanned
"""
MOVEMENTS = """
select
    moved_at, movements.sku, items.name, movement_type, quantity, physical_quantity, is_compound, record_id, item_id
from stock_movements as movements
left join items using (item_id)
where
    movement_date between $start and $stop and ($item::bigint is null or item_id = $item::bigint)
    and movement_type = $movement
order by moved_at desc, record_id desc
limit 2000
"""
RECORD = """
select record_id, sku, supply, prepared, receiving, back_ordered, delivered, created_at, updated_at, seen_at, item_id
from logentic_staging.stg_item_quantities
where record_id = $record::bigint
order by updated_at
"""
BREAKS = """
select date, sku, closing, history_closing, unreconciled, record_before_id, record_after_id, item_id
from stock_ledger_breaks
where date between $start and $stop and ($item::bigint is null or item_id = $item::bigint)
order by date desc, abs(unreconciled) desc
limit 2000
"""
COMPARED = """
select count(*) filter (where is_observed) as compared from stock_ledger_daily
where date between $start and $stop and ($item::bigint is null or item_id = $item::bigint)
"""
COVER = """
select
    coalesce(stock.sku, cast(item_id as varchar)) as sku, items.name, stock.physical,
    round(stock.days_of_cover, 1)::decimal(18, 1) as days_of_cover, item_id
from stock_daily as stock
left join items using (item_id)
where
    date = (select max(date) from stock_daily where date <= $stop) and days_of_cover is not null
    and ($item::bigint is null or item_id = $item::bigint)
order by stock.days_of_cover, sku
"""
DEAD = """
with last_left as (
    select item_id, max(movement_date) as last_shipped from stock_movements
    where movement_type = 'shipped'
    group by item_id
)

select stock.sku, items.name, stock.physical, last_left.last_shipped,
    cast(stock.physical * items.price as decimal(18, 2)) as value, item_id
from stock_daily as stock
inner join items using (item_id)
left join last_left using (item_id)
where
    stock.date = (select max(date) from stock_daily where date <= $stop) and stock.physical > 0
    and coalesce(last_left.last_shipped, date '1970-01-01') < stock.date - 60
order by value desc nulls last, stock.sku
"""
RECORDS = """
select distinct
    record_id, strftime(moved_at, '%Y-%m-%d %H:%M') || ' · ' || coalesce(sku, '') || ' · ' || quantity as label
from stock_movements
where
    movement_date between $start and $stop and ($item::bigint is null or item_id = $item::bigint)
    and movement_type = $movement
order by label desc
limit 200
"""
STEPS = {"received": 1, "shipped": -1, "returned": 1, "adjusted": 1}


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    bar = filters.choose_word(url, "movement", ["shipped", "received", "returned", "adjusted"], "Bar to open")
    return {**filters.choose_days(snapshot, url, "stock", last=30), **filters.choose_item(snapshot, url), **bar}


def records(snapshot: Snapshot, url: filters.Url, selection: Selection) -> filters.Elements:
    return filters.choose_row(snapshot, url, "record", RECORDS, "Record", searchable=True, **selection)


def levels(snapshot: Snapshot, selection: Selection) -> Panel:
    """Levels by item over time."""
    result = snapshot.query(LEVELS, **selection)
    shown = sorted(set(result.table["sku"].to_pylist()))
    data = charts.result_data(result, "date", "sku", "name", "physical", link=lambda row: _item(selection, row))
    drawn = alt.Chart(data).encode(
        charts.LINK,
        charts.number("physical", "Units in the building"),
        charts.colour("sku", shown),
        tooltip=charts.tooltips(date="Day", sku="SKU", name="Item", physical=("In the building", ",")),
    )
    if len(set(result.table["date"].to_pylist())) > 1:
        chart = drawn.mark_line(strokeWidth=2, interpolate="step-after").encode(
            charts.day("date"), strokeDash=charts.dash("sku", shown)
        )
    else:
        chart = drawn.mark_bar().encode(alt.X("sku:N", title=None, axis=alt.Axis(labelAngle=0, labelOverlap="greedy")))
    if not result:
        return Panel("No stock in these days", note="The units of each item, day by day, appear here.")
    last = max(result.table["date"].to_pylist())
    units = sum(row["physical"] for row in result.rows if row["date"] == last)
    of = f"of {shown[0]}" if selection["item"] else f"of the {count(len(shown), 'largest item')}"
    title = f"{units:,} units {of} in the building on {last}"
    note = "On the shelf and prepared, day by day."
    return Panel(
        title,
        result,
        charts.finish(chart, f"{title}. {note}"),
        note,
        "stock-levels",
        links={"sku": lambda row: _item(selection, row)},
        hidden=("item_id",),
    )


def ledger(snapshot: Snapshot, selection: Selection) -> Panel:
    """From opening to closing stock."""
    result = snapshot.query(LEDGER, **selection)
    found = result.first_row
    level, steps = found["opening"], [_step("opening", 0, found["opening"], "total")]
    for name in STEPS:
        step = _step(name, level, level + found[name], "more" if found[name] >= 0 else "less")
        steps.append(step | {"link": filters.link_here(selection, "movements", movement=name)})
        level += found[name]
    steps.append(_step("closing", 0, found["closing"], "total"))
    base = alt.Chart(charts.rows_data(steps)).encode(
        alt.X("step:N", sort=None, title=None, axis=alt.Axis(labelAngle=0, labelOverlap=False))
    )
    drawn = base.mark_bar().encode(
        charts.number("low", "Units", scale=alt.Scale(zero=False)),
        alt.Y2("high:Q"),
        charts.LINK,
        charts.colour("change", ["total", "more", "less"], [charts.GREY, charts.BLUE, charts.ORANGE]),
        tooltip=charts.tooltips(step="", units=("Units", "+,")),
    )
    figures = base.mark_text(dy=-8, fontSize=12, color=charts.GREY).encode(
        alt.Y("high:Q"), alt.Text("units:Q", format="+,")
    )
    title = f"{found['opening']:,} units became {found['closing']:,}"
    note = f"{selection['start']} to {selection['stop']}. Opening + received − shipped + returned + adjusted = closing."
    return Panel(
        title,
        result,
        charts.finish(alt.layer(drawn, figures), f"{title}. {note}"),
        note,
        "ledger",
        links={name: partial(_movements, selection, name) for name in STEPS},
    )


def movements(snapshot: Snapshot, selection: Selection) -> Panel:
    """Movements of the selected bar."""
    result = snapshot.query(MOVEMENTS, **selection)
    total = sum(row["quantity"] for row in result.rows)
    title = f"Behind the bar “{selection['movement']}”: {count(result.table.num_rows, 'movement')}, {total:,} units"
    note = "The newest 2,000." if result.table.num_rows == 2000 else ""
    return Panel(
        title,
        result,
        note=note,
        name="movements",
        wide=True,
        links={
            "record_id": lambda row: filters.link_here(selection, "record", record=row["record_id"]),
            "sku": lambda row: _item(selection, row),
        },
        hidden=("item_id",),
        empty="Each movement of the chosen bar, with the record that shows it, appears here.",
    )


def record(snapshot: Snapshot, selection: Selection) -> Panel:
    """Record of the API."""
    result = snapshot.query(RECORD, record=selection.get("record"))
    note = "The item's counters after the change, as the API returned them."
    title = f"Record {selection['record']} of the API" if result else "No record is chosen"
    empty = "The record of the selected movement appears here."
    return Panel(title, result, note=note, name="record", wide=True, hidden=("item_id",), empty=empty)


def breaks(snapshot: Snapshot, selection: Selection) -> Panel:
    """Days on which ledger and history differ."""
    result = snapshot.query(BREAKS, **selection)
    compared = snapshot.query(COMPARED, **selection).first_row["compared"]
    title = f"Ledger and the warehouse's history differ on {result.table.num_rows:,} of {compared:,} item-days"
    links = {"sku": lambda row: filters.link_here(selection, item=row["item_id"], from_=row["date"], to=row["date"])}
    empty = "Days on which both differ are listed here, by item."
    return Panel(title, result, name="breaks", links=links, hidden=("item_id",), empty=empty)


def cover(snapshot: Snapshot, selection: Selection) -> Panel:
    """Days of cover."""
    result = snapshot.query(COVER, **selection)
    first = charts.result_data(type(result)(result.table.slice(0, 15)), link=lambda row: _item(selection, row))
    chart = (
        alt.Chart(first)
        .mark_bar(color=charts.BLUE)
        .encode(
            alt.X("days_of_cover:Q", title="Days of cover", axis=alt.Axis(tickCount=5)),
            alt.Y("sku:N", sort=None, title=None, axis=alt.Axis(labelLimit=180)),
            charts.LINK,
            tooltip=charts.tooltips(sku="SKU", name="Item", physical=("Units", ","), days_of_cover=("Days", ".1f")),
        )
    )
    soon = sum(row["days_of_cover"] < 14 for row in result.rows)
    title = f"{count(soon, 'item')} {'lasts' if soon == 1 else 'last'} less than two weeks"
    note = "Units in the building ÷ units shipped per day over the 28 days before. The fifteen shortest are drawn."
    return Panel(
        title,
        result,
        charts.finish(chart, f"{title}. {note}", alt.Step(18)),
        note,
        "days-of-cover",
        wide=True,
        links={"sku": lambda row: _item(selection, row)},
        hidden=("item_id",),
        empty="Items that were shipped lately appear here, those that run out first at the top.",
    )


def idle_items(snapshot: Snapshot, selection: Selection) -> Panel:
    """Items without movements."""
    result = snapshot.query(DEAD, **selection)
    value = sum(row["value"] or 0 for row in result.rows)
    number = result.table.num_rows
    has = "has" if number == 1 else "have"
    title = f"{count(number, 'item')} {has} not been shipped for 60 days: stock worth {amount_text(value)}"
    links = {"sku": lambda row: _item(selection, row)}
    empty = "Items in stock without orders are listed here."
    return Panel(title, result, name="dead-stock", links=links, hidden=("item_id",), empty=empty)


PANELS = (levels, ledger, movements, record, idle_items, breaks, cover)


def _movements(selection: Selection, name: str, _: dict[str, Any]) -> str:
    return filters.link_here(selection, "movements", movement=name)


def _item(selection: Selection, row: dict[str, Any]) -> str:
    return filters.link_here(selection, item=row["item_id"])


def _step(name: str, low: int, high: int, kind: str) -> dict[str, object]:
    return {"step": name, "low": min(low, high), "high": max(low, high), "units": high - low, "change": kind}
