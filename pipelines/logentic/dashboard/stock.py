"""Panels of stock: levels, the ledger with the records behind each bar, breaks, days of cover, idle items."""

import altair as alt

from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Panel, Selection, amount_text
from logentic.dashboard.snapshot import Snapshot

LEVELS = """
with largest as (
    select item_id from stock_daily where date between $start and $stop
        and ($item::bigint is null or item_id = $item::bigint)
    group by item_id order by avg(physical) desc, item_id limit 6
)

select date, coalesce(sku, cast(item_id as varchar)) as sku, physical, supply, prepared, receiving
from stock_daily
where item_id in (from largest) and date between $start and $stop
order by sku, date
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
select moved_at, sku, movement_type, quantity, physical_quantity, is_compound, record_id
from stock_movements
where
    movement_date between $start and $stop and ($item::bigint is null or item_id = $item::bigint)
    and movement_type = $movement
order by moved_at desc, record_id desc
limit 2000
"""
RECORD = """
select record_id, item_id, sku, supply, prepared, receiving, back_ordered, delivered, created_at, updated_at, seen_at
from logentic_staging.stg_item_quantities
where record_id = $record::bigint
order by updated_at
"""
BREAKS = """
select date, sku, closing, history_closing, unreconciled, record_before_id, record_after_id
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
select sku, physical, round(days_of_cover, 1)::decimal(18, 1) as days_of_cover
from stock_daily
where
    date = (select max(date) from stock_daily where date <= $stop) and days_of_cover is not null
    and ($item::bigint is null or item_id = $item::bigint)
order by days_of_cover, sku
"""
DEAD = """
with last_left as (
    select item_id, max(movement_date) as last_shipped from stock_movements
    where movement_type = 'shipped'
    group by item_id
)

select stock.sku, items.name, stock.physical, last_left.last_shipped,
    cast(stock.physical * items.price as decimal(18, 2)) as value
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
    chart = (
        alt.Chart(charts.result_data(result, "date", "sku", "physical"))
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            charts.day("date"),
            charts.number("physical", "Units in the building"),
            charts.colour("sku", shown),
            strokeDash=charts.dash("sku", shown),
            tooltip=charts.tooltips(date="Day", sku="Item", physical=("In the building", ",")),
        )
    )
    title = "Units in the building, day by day" + ("" if selection["item"] else ": the six largest items")
    return Panel(title, result, charts.finish(chart, title), "On the shelf and prepared.", "stock-levels")


def ledger(snapshot: Snapshot, selection: Selection) -> Panel:
    """From opening to closing stock."""
    result = snapshot.query(LEDGER, **selection)
    found = result.first_row
    level, steps = found["opening"], [_step("opening", 0, found["opening"], "total")]
    for name in STEPS:
        steps.append(_step(name, level, level + found[name], "more" if found[name] >= 0 else "less"))
        level += found[name]
    steps.append(_step("closing", 0, found["closing"], "total"))
    base = alt.Chart(charts.rows_data(steps)).encode(
        alt.X("step:N", sort=None, title=None, axis=alt.Axis(labelAngle=0, labelOverlap=False))
    )
    drawn = base.mark_bar().encode(
        charts.number("low", "Units", scale=alt.Scale(zero=False)),
        alt.Y2("high:Q"),
        charts.colour("kind", ["total", "more", "less"], [charts.GREY, charts.BLUE, charts.ORANGE]),
        tooltip=charts.tooltips(step="", units=("Units", "+,")),
    )
    figures = base.mark_text(dy=-8, fontSize=12, color=charts.GREY).encode(
        alt.Y("high:Q"), alt.Text("units:Q", format="+,")
    )
    title = f"{found['opening']:,} units became {found['closing']:,}"
    note = f"{selection['start']} to {selection['stop']}. Opening + received − shipped + returned + adjusted = closing."
    return Panel(title, result, charts.finish(alt.layer(drawn, figures), f"{title}. {note}"), note, "ledger")


def movements(snapshot: Snapshot, selection: Selection) -> Panel:
    """Movements behind a bar."""
    result = snapshot.query(MOVEMENTS, **selection)
    total = sum(row["quantity"] for row in result.rows)
    title = f"Behind the bar “{selection['movement']}”: {result.table.num_rows:,} movements, {total:,} units"
    note = "The newest 2,000." if result.table.num_rows == 2000 else ""
    return Panel(title, result, note=note, name=f"movements-{selection['movement']}", wide=True)


def record(snapshot: Snapshot, selection: Selection) -> Panel:
    """What the API said."""
    result = snapshot.query(RECORD, record=selection.get("record"))
    note = "The counters of the item after the change, as the API gave them."
    return Panel(f"Record {selection.get('record', '')} of the API", result, note=note, name="record", wide=True)


def breaks(snapshot: Snapshot, selection: Selection) -> Panel:
    """Days on which ledger and history differ."""
    result = snapshot.query(BREAKS, **selection)
    compared = snapshot.query(COMPARED, **selection).first_row["compared"]
    title = f"Ledger and the warehouse's history differ on {result.table.num_rows:,} of {compared:,} item-days"
    return Panel(title, result, name="breaks")


def cover(snapshot: Snapshot, selection: Selection) -> Panel:
    """How long the stock lasts."""
    result = snapshot.query(COVER, **selection)
    first = charts.result_data(type(result)(result.table.slice(0, 15)))
    chart = (
        alt.Chart(first)
        .mark_bar(color=charts.BLUE)
        .encode(
            alt.X("days_of_cover:Q", title="Days of cover", axis=alt.Axis(tickCount=5)),
            alt.Y("sku:N", sort=None, title=None, axis=alt.Axis(labelLimit=180)),
            tooltip=charts.tooltips(sku="Item", physical=("Units", ","), days_of_cover=("Days", ".1f")),
        )
    )
    soon = sum(row["days_of_cover"] < 14 for row in result.rows)
    title = f"{soon} items last less than two weeks"
    note = "Units in the building ÷ units shipped per day over the 28 days before. The fifteen shortest are drawn."
    return Panel(
        title, result, charts.finish(chart, f"{title}. {note}", alt.Step(18)), note, "days-of-cover", wide=True
    )


def idle_items(snapshot: Snapshot, selection: Selection) -> Panel:
    """What has not moved."""
    result = snapshot.query(DEAD, **selection)
    value = sum(row["value"] or 0 for row in result.rows)
    title = f"{result.table.num_rows} items have not been shipped for 60 days: stock worth {amount_text(value)}"
    return Panel(title, result, name="dead-stock")


PANELS = (levels, ledger, movements, record, idle_items, breaks, cover)


def _step(name: str, low: int, high: int, kind: str) -> dict[str, object]:
    return {"step": name, "low": min(low, high), "high": max(low, high), "units": high - low, "kind": kind}
