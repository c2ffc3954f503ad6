"""Stock: levels, a ledger as a waterfall with the records behind each bar, breaks, days of stock, idle items."""

import altair as alt

from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Chosen, Panel, amount_text
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
    bar = filters.words(url, "movement", ["shipped", "received", "returned", "adjusted"], "Bar to open")
    return {**filters.days(snapshot, url, "stock", last=30), **filters.item(snapshot, url), **bar}


def records(snapshot: Snapshot, url: filters.Url, chosen: Chosen) -> filters.Elements:
    return filters.one_of(snapshot, url, "record", RECORDS, "Record", searchable=True, **chosen)


def levels(snapshot: Snapshot, chosen: Chosen) -> Panel:
    """Levels by item over time."""
    answer = snapshot.query(LEVELS, **chosen)
    shown = sorted(set(answer.table["sku"].to_pylist()))
    chart = (
        alt.Chart(charts.data(answer, "date", "sku", "physical"))
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            charts.day("date"),
            charts.number("physical", "Units in the building"),
            charts.colour("sku", shown),
            strokeDash=charts.dash("sku", shown),
            tooltip=charts.tips(date="Day", sku="Item", physical=("In the building", ",")),
        )
    )
    title = "Units in the building, day by day" + ("" if chosen["item"] else ": the six largest items")
    return Panel(title, answer, charts.finished(chart, title), "On the shelf and prepared.", "stock-levels")


def ledger(snapshot: Snapshot, chosen: Chosen) -> Panel:
    """From opening to closing stock."""
    answer = snapshot.query(LEDGER, **chosen)
    found = answer.one
    level, steps = found["opening"], [_step("opening", 0, found["opening"], "total")]
    for name in STEPS:
        steps.append(_step(name, level, level + found[name], "more" if found[name] >= 0 else "less"))
        level += found[name]
    steps.append(_step("closing", 0, found["closing"], "total"))
    base = alt.Chart(charts.drawn(steps)).encode(
        alt.X("step:N", sort=None, title=None, axis=alt.Axis(labelAngle=0, labelOverlap=False))
    )
    drawn = base.mark_bar().encode(
        charts.number("low", "Units", scale=alt.Scale(zero=False)),
        alt.Y2("high:Q"),
        charts.colour("kind", ["total", "more", "less"], [charts.GREY, charts.BLUE, charts.ORANGE]),
        tooltip=charts.tips(step="", units=("Units", "+,")),
    )
    figures = base.mark_text(dy=-8, fontSize=12, color=charts.GREY).encode(
        alt.Y("high:Q"), alt.Text("units:Q", format="+,")
    )
    title = f"{found['opening']:,} units became {found['closing']:,}"
    note = f"{chosen['start']} to {chosen['stop']}. Opening + received − shipped + returned + adjusted = closing."
    return Panel(title, answer, charts.finished(alt.layer(drawn, figures), f"{title}. {note}"), note, "ledger")


def movements(snapshot: Snapshot, chosen: Chosen) -> Panel:
    """Movements behind a bar."""
    answer = snapshot.query(MOVEMENTS, **chosen)
    total = sum(row["quantity"] for row in answer.rows)
    title = f"Behind the bar “{chosen['movement']}”: {answer.table.num_rows:,} movements, {total:,} units"
    note = "The newest 2,000." if answer.table.num_rows == 2000 else ""
    return Panel(title, answer, note=note, name=f"movements-{chosen['movement']}", wide=True)


def record(snapshot: Snapshot, chosen: Chosen) -> Panel:
    """What the API said."""
    answer = snapshot.query(RECORD, record=chosen.get("record"))
    note = "The counters of the item after the change, as the API gave them."
    return Panel(f"Record {chosen.get('record', '')} of the API", answer, note=note, name="record", wide=True)


def breaks(snapshot: Snapshot, chosen: Chosen) -> Panel:
    """Days on which ledger and history differ."""
    answer = snapshot.query(BREAKS, **chosen)
    compared = snapshot.query(COMPARED, **chosen).one["compared"]
    title = f"Ledger and the warehouse's history differ on {answer.table.num_rows:,} of {compared:,} item-days"
    return Panel(title, answer, name="breaks")


def cover(snapshot: Snapshot, chosen: Chosen) -> Panel:
    """How long the stock lasts."""
    answer = snapshot.query(COVER, **chosen)
    first = charts.data(type(answer)(answer.table.slice(0, 15)))
    chart = (
        alt.Chart(first)
        .mark_bar(color=charts.BLUE)
        .encode(
            alt.X("days_of_cover:Q", title="Days of cover", axis=alt.Axis(tickCount=5)),
            alt.Y("sku:N", sort=None, title=None, axis=alt.Axis(labelLimit=180)),
            tooltip=charts.tips(sku="Item", physical=("Units", ","), days_of_cover=("Days", ".1f")),
        )
    )
    soon = sum(row["days_of_cover"] < 14 for row in answer.rows)
    title = f"{soon} items last less than two weeks"
    note = "Units in the building ÷ units shipped per day over the 28 days before. The fifteen shortest are drawn."
    return Panel(
        title, answer, charts.finished(chart, f"{title}. {note}", alt.Step(18)), note, "days-of-cover", wide=True
    )


def dead(snapshot: Snapshot, chosen: Chosen) -> Panel:
    """What has not moved."""
    answer = snapshot.query(DEAD, **chosen)
    value = sum(row["value"] or 0 for row in answer.rows)
    title = f"{answer.table.num_rows} items have not been shipped for 60 days: stock worth {amount_text(value)}"
    return Panel(title, answer, name="dead-stock")


PANELS = (levels, ledger, movements, record, dead, breaks, cover)


def _step(name: str, low: int, high: int, kind: str) -> dict[str, object]:
    return {"step": name, "low": min(low, high), "high": max(low, high), "units": high - low, "kind": kind}
