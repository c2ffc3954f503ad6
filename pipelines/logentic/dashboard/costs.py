"""Panels of costs: spend by type and month, why it changed, cost per order, the most expensive orders."""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import altair as alt

from logentic.currencies import minor_unit
from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Panel, Selection, amount_text
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.reports.cost_bridge import Cell, Change, split_by_type, sum_changes
from logentic.reports.humanize import count, words
from logentic.settings import load_settings

BACK = {"The month before": 1, "Three months before": 3, "The same month of last year": 12}
MONTHS_SHOWN = 13
SPEND = f"""
select
    strftime(month, '%Y-%m') as month, key as charge_type, cast(value as decimal(18, 2)) as cost,
    cast(sum(cast(value as decimal(18, 2))) over (partition by month) as decimal(18, 2)) as of_the_month
from month_facts
where
    subject = 'charges' and value is not null
    and month between $month::date - interval {MONTHS_SHOWN - 1} month and $month::date
order by month desc, cost desc
"""
CHARGED = """
    select *, cast(date_trunc('month', coalesce(start_date, billed_date)) as date) as month
    from charges
    where not is_withdrawn and amount is not null
"""
# All charges of a cell have one price, unless the price changed. For orders the price depends on the destination and
# the quantity; for storage on the item, per cubic foot and day. Credits have no price.
CELLS = f"""
with charged as (
    select
        charge_id, order_id, item_id, start_date, end_date, quantity, amount, charge_type,
        month = $month::date as is_after
    from ({CHARGED})
    where month in ($month::date, $before::date)
),

stored as (
    select charged.charge_id, sum(storage.volume_cuft) as cubic_foot_days
    from charged
    inner join storage_cost_daily as storage
        on charged.item_id = storage.item_id and storage.date between charged.start_date and charged.end_date
    where charged.charge_type = 'storage'
    group by charged.charge_id
    union all
    select charged.charge_id, sum(storage.volume_cuft) as cubic_foot_days
    from charged
    inner join (
        select date, sum(volume_cuft) as volume_cuft from storage_cost_daily group by date
    ) as storage on storage.date between charged.start_date and charged.end_date
    where charged.charge_type = 'storage' and charged.item_id is null
    group by charged.charge_id
),

priced as (
    select
        charged.is_after,
        charged.amount,
        charged.charge_type || case when charged.amount < 0 then ', credits' else '' end as charge_type,
        case
            when charged.amount < 0 then 0
            when charged.charge_type = 'storage' then coalesce(stored.cubic_foot_days, 0)
            else 1
        end as quantity,
        case
            when charged.amount < 0 then ''
            when charged.charge_type = 'storage' then concat_ws(' ', charged.item_id)
            else concat_ws(
                ' ', orders.order_type, orders.warehouse_id, orders.country_code, orders.province_code,
                ceil(charged.quantity)
            )
        end as cell
    from charged
    left join stored using (charge_id)
    left join orders using (order_id)
)

select
    charge_type,
    coalesce(sum(quantity) filter (not is_after), 0) as quantity_before,
    coalesce(sum(amount) filter (not is_after), 0) as cost_before,
    coalesce(sum(quantity) filter (is_after), 0) as quantity_after,
    coalesce(sum(amount) filter (is_after), 0) as cost_after
from priced
group by charge_type, cell
"""
# The orders charged in the month, with their cost and weight.
ORDERS = f"""
with charged as (
    select order_id, sum(amount) as cost, count(*) as charges, max(payment_id) as payment_id
    from ({CHARGED})
    where month = $month::date and order_id is not null
    group by order_id
),

weighed as (
    select
        lines.order_id,
        case when not bool_or(items.weight is null) then sum(lines.quantity * items.weight) end as weight
    from charged
    inner join order_lines as lines using (order_id)
    left join items using (item_id)
    group by lines.order_id
),

known as (
    select
        charged.*,
        weighed.weight,
        orders.external_name,
        orders.order_type,
        orders.units,
        orders.warehouse_id,
        nullif(concat_ws(', ', orders.province_code, orders.country_code), '') as province
    from charged
    left join weighed using (order_id)
    left join orders using (order_id)
)
"""
GROUPS = {
    "Province": "province",
    "Weight": """
        case
            when weight < 1 then 'under 1'
            when weight < 2 then '1 to 2'
            when weight < 5 then '2 to 5'
            when weight < 10 then '5 to 10'
            when weight < 20 then '10 to 20'
            when weight < 50 then '20 to 50'
            when weight >= 50 then '50 and more'
        end
    """,
    "Warehouse": "'Warehouse ' || warehouse_id",
    "Order type": "order_type",
}
BY_GROUP = """
{orders}
select
    coalesce({group}, '{unknown}') as "group", count(*) as orders, cast(sum(units) as bigint) as units,
    cast(sum(cost) as decimal(18, 2)) as cost, min(weight) as lightest
from known
group by all
order by {order}
"""
TOP, UNKNOWN, NO_INVOICE = 10, "unknown", "none yet"
DEAREST = f"""
{ORDERS},

chosen as (
    select *, coalesce({{group}}, '{UNKNOWN}') as kind from known
    where $orders::varchar is null or kind = $orders
),

dearest as (select * exclude (kind) from chosen order by cost desc, order_id limit $top),

usual as (
    select
        median(cost) as usual_cost,
        median(units) as usual_units,
        median(weight) as usual_weight,
        median(charges) as usual_charges
    from known
),

provinces as (
    select province, median(cost) as province_cost
    from known
    where province in (select province from dearest)
    group by province
),

parts as (
    select order_id, list({{name: charge_type, cost: cost}} order by cost desc) as parts
    from (
        select order_id, charge_type, cast(sum(amount) as decimal(18, 2)) as cost
        from ({CHARGED})
        where month = $month::date and order_id in (select order_id from dearest)
        group by all
    )
    group by order_id
),

exceptions as (
    select order_id, list(distinct rule order by rule) as rules
    from invoice_exceptions
    where order_id in (select order_id from dearest)
    group by order_id
)

select
    dearest.* replace (cast(cost as decimal(18, 2)) as cost), usual.*, provinces.province_cost, parts.parts,
    exceptions.rules
from dearest
cross join usual
inner join parts using (order_id)
left join provinces using (province)
left join exceptions using (order_id)
order by dearest.cost desc, dearest.order_id
"""
ALL_TYPES, ALL_ORDERS, LISTED = "All types", "All orders", 200
TYPES = f"select charge_type from ({CHARGED}) where month = $month::date group by all order by sum(amount) desc"
# The charges of a month, most expensive first; optionally of one type.
LIST = f"""
select
    charged.charge_type, cast(charged.amount as decimal(18, 2)) as amount, charged.start_date, charged.end_date,
    charged.order_id, coalesce(orders.external_name, cast(charged.order_id as varchar)) as "order",
    concat_ws(' · ', items.sku, items.name) as item, charged.description,
    coalesce(cast(charged.payment_id as varchar), '{NO_INVOICE}') as invoice, charged.charge_id
from ({CHARGED}) as charged
left join orders using (order_id)
left join items using (item_id)
where charged.month = $month::date and ($type::varchar is null or charged.charge_type = $type)
order by charged.amount desc, charged.charge_id
limit {LISTED}
"""
LISTED_SUM = f"""
select count(*) as charges, cast(coalesce(sum(amount), 0) as decimal(18, 2)) as amount
from ({CHARGED}) where month = $month::date and ($type::varchar is null or charge_type = $type)
"""
MUCH_MORE = 2  # times the median: charges above it are named as reasons


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    months = [row["month"] for row in snapshot.query(filters.MONTHS).rows]
    whole = next((month for month in months if month < f"{snapshot.today:%Y-%m}"), None)
    return {
        **filters.choose_row(snapshot, {"month": whole, **url}, "month", filters.MONTHS, "Month"),
        **filters.choose_among(url, "back", BACK, "Compared with"),
        **filters.choose_word(url, "by", list(GROUPS), "Cost per order by"),
    }


def choices(snapshot: Snapshot, url: filters.Url, selection: Selection) -> filters.Elements:
    """Return the pickers of a bar: a charge type of the month, and a group of orders."""
    if not selection.get("month"):
        return {}
    month, by = _month_of(selection), selection["by"]
    types = [row["charge_type"] for row in snapshot.query(TYPES, month=month).rows]
    kinds = [row["group"] for row in snapshot.query(_by_group_query(by), month=month).rows]
    return {
        **filters.choose_code(url, "type", types, "Charges listed", ALL_TYPES),
        **filters.choose_code(url, "orders", kinds, "Orders of", ALL_ORDERS),
    }


def spend(snapshot: Snapshot, selection: Selection) -> Panel:
    """Spend by type and month."""
    if not selection.get("month"):
        return Panel("No costs yet", note="Spend by type and month appears here with the first charge.", wide=True)
    month = _month_of(selection)
    result = snapshot.query(SPEND, month=month)
    rows = result.rows
    chosen = [row for row in rows if row["month"] == f"{month:%Y-%m}"]
    types = list(dict.fromkeys(row["charge_type"] for row in (*chosen, *rows)))
    chart = (
        alt.Chart(charts.result_data(result, link=lambda row: _listed(selection, row["charge_type"], row["month"])))
        .mark_bar()
        .encode(
            charts.month("month"),
            charts.number("cost", f"Cost, {load_settings().currency}", stack="zero"),
            charts.LINK,
            charts.colour("charge_type", types),
            tooltip=charts.tooltips(month="Month", charge_type="Charge type", cost=("Cost", ",.2f")),
        )
    )
    total = sum((row["cost"] for row in chosen), Decimal(0))
    largest = f", {amount_text(chosen[0]['cost'])} of it {words(chosen[0]['charge_type'])}" if chosen else ""
    title = f"{month:%B %Y} cost {amount_text(total)}{largest}"
    note = f"Before tax, billed or not yet, by the month that a charge is for.{_unfinished(snapshot, month)}"
    drawn = charts.finish(chart, f"{title}. Cost by type and month.")
    links = {"charge_type": lambda row: _listed(selection, row["charge_type"], row["month"])}
    return Panel(title, result, drawn, note, "spend-by-month", links=links)


def bridge(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Why the cost changed."""
    if not selection.get("month"):
        return None
    month, before = _month_of(selection), _compared_month(selection)
    names = f"{before:%B %Y}", f"{month:%B %Y}"
    changes = snapshot.once(_changes, month, before)
    total = sum_changes(changes.values())
    if not total.before:
        return Panel(
            f"{names[0]} has no costs to compare with",
            note="The effects of volume, mix and price appear here once both months have charges.",
        )
    parts = f"volume {_signed(total.volume)}, mix {_signed(total.mix)}, price {_signed(total.price)}"
    title = f"{names[1]} cost {_more(total.difference)} than {names[0]}: {parts}"
    compared = f"{100 * total.compared / total.after:.0f} %" if total.after else "nothing"
    note = (
        f"Price: the same thing at another price; {compared} of the cost has an earlier price to compare with."
        " Volume: more or less of it. Mix: dearer or cheaper kinds, and what was charged in one month only."
        f"{_unfinished(snapshot, month)}"
    )
    steps = [
        {"step": names[0], "amount": total.before},
        *({"step": name, "amount": getattr(total, name.lower())} for name in ("Volume", "Mix", "Price")),
        {"step": names[1], "amount": total.after},
    ]
    chart = charts.finish(_waterfall(steps), f"{title}.", alt.Step(36))
    return Panel(title, QueryResult.of(steps), chart, note, "cost-bridge")


def by_type(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Change by charge type."""
    if not selection.get("month"):
        return None
    month, before = _month_of(selection), _compared_month(selection)
    changes = snapshot.once(_changes, month, before)
    if not sum_changes(changes.values()).before:
        return None
    moved = sorted(changes.items(), key=lambda change: -abs(change[1].difference))
    parts = {"volume": charts.BLUE, "mix": charts.ORANGE, "price": charts.PINK}
    bars = [
        {"charge_type": name, "part": part, "amount": getattr(change, part), "link": _listed(selection, name)}
        for name, change in moved
        for part in parts
    ]
    chart = (
        alt.Chart(charts.rows_data(bars))
        .mark_bar()
        .encode(
            charts.horizontal("amount", f"Change, {load_settings().currency}", "+,.0f"),
            alt.Y("charge_type:N", sort=None, title=None),
            charts.LINK,
            charts.colour("part", list(parts), list(parts.values())),
            tooltip=charts.tooltips(charge_type="Charge type", part="", amount=("Amount", "+,.2f")),
        )
    )
    name, largest = moved[0]
    price = f"{_signed(largest.price)} of it by price" if largest.price else "none of it by price"
    title = f"The largest change is {words(name)}: {_signed(largest.difference)}, {price}"
    result = QueryResult.of([_change_row(name, change) for name, change in moved])
    links = {"charge_type": lambda row: _listed(selection, row["charge_type"])}
    return Panel(title, result, charts.finish(chart, title, alt.Step(30)), name="cost-change-by-type", links=links)


def by_group(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Cost per order."""
    if not selection.get("month"):
        return None
    month, by = _month_of(selection), selection["by"]
    name = by.lower().replace(" ", "_")
    rows = [
        {name: row["group"], "cost_per_order": per(row["cost"], row["orders"])}
        | {each: row[each] for each in ("orders", "units", "cost")}
        for row in snapshot.query(_by_group_query(by), month=month).rows
    ]
    if not rows:
        return Panel(f"No order was charged in {month:%B %Y}", note="The cost of an order, by kind, appears here.")
    result = QueryResult.of(rows)

    def link(row: dict[str, Any]) -> str:
        return filters.link_here(selection, "most-expensive-orders", orders=row[name])

    chart = (
        alt.Chart(charts.result_data(result, name, "cost_per_order", "orders", link=link))
        .mark_bar(color=charts.BLUE)
        .encode(
            charts.horizontal("cost_per_order", f"Cost per order, {load_settings().currency}", ",.2f"),
            alt.Y(f"{name}:N", sort=None, title=by),
            charts.LINK,
            tooltip=[
                alt.Tooltip(f"{name}:N", title=by),
                *charts.tooltips(cost_per_order=("Cost per order", ",.2f"), orders=("Orders", ",")),
            ],
        )
    )
    cost, orders = sum(row["cost"] for row in rows), sum(row["orders"] for row in rows)
    title = f"An order cost {amount_text(per(cost, orders))} in {month:%B %Y}"
    known = [row for row in rows if row[name] != UNKNOWN]
    if len(known) > 1:
        low, high = (choose(known, key=lambda row: row["cost_per_order"]) for choose in (min, max))
        title += f": from {_priced(low, name)} to {_priced(high, name)}"
    note = (
        f"{count(orders, 'order')} charged in the month; charges without an order, such as storage, are not included."
    )
    if by == "Weight":
        note += " The API does not state the unit of weights."
    return Panel(title, result, charts.finish(chart, title, alt.Step(28)), note, "cost-per-order", links={name: link})


def dearest(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The most expensive orders."""
    if not selection.get("month"):
        return None
    month = _month_of(selection)
    kind = selection.get("orders")
    query = DEAREST.replace("{group}", GROUPS[selection["by"]])
    found = snapshot.query(query, month=month, top=TOP, orders=kind).rows
    if not found:
        return Panel(
            "No expensive orders",
            note=f"The {TOP} most expensive orders of the month appear here, each with the reason.",
        )
    rows = [
        {
            "order": row["external_name"] or str(row["order_id"]),
            "order_id": row["order_id"],
            "cost": row["cost"],
            "why": "; ".join(_reasons(row)),
            "charges": ", ".join(f"{words(part['name'])} {amount_text(part['cost'])}" for part in row["parts"]),
            "invoice": str(row["payment_id"] or NO_INVOICE),
        }
        for row in found
    ]
    usual = amount_text(found[0]["usual_cost"])
    among = f", {words(kind)}," if kind else ""
    title = f"The {count(len(rows), 'most expensive order')} of {month:%B %Y}{among} cost"
    title += f" {amount_text(rows[-1]['cost'])} to {amount_text(rows[0]['cost'])}; the median order {usual}"
    return Panel(
        title,
        QueryResult.of(rows),
        name="most-expensive-orders",
        wide=True,
        links={"invoice": invoice_link, "order": order_link},
        hidden=("order_id",),
    )


def listed(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The charges of a type."""
    if not selection.get("month"):
        return None
    month, kind = _month_of(selection), selection.get("type")
    result = snapshot.query(LIST, month=month, type=kind)
    total = snapshot.query(LISTED_SUM, month=month, type=kind).first_row
    title = f"{count(total['charges'], f'{words(kind)} charge' if kind else 'charge')} of {month:%B %Y}:"
    return Panel(
        f"{title} {amount_text(total['amount'])}",
        result,
        note=f"The {LISTED} largest. A bar above chooses the type." if total["charges"] > LISTED else "",
        name="charges",
        wide=True,
        links={"invoice": invoice_link, "order": order_link},
        hidden=("order_id", "charge_id"),
        empty="The charges of the month are listed here.",
    )


def per(cost: Decimal, number: Any) -> Decimal:
    """Return the cost per unit, rounded to the currency's smallest amount."""
    return (cost / Decimal(number)).quantize(minor_unit(load_settings().currency), ROUND_HALF_UP)


def invoice_link(row: dict[str, Any]) -> str:
    """Return the address of the invoice of a row; nothing if there is none yet."""
    number = row["invoice"]
    return "" if number == NO_INVOICE else filters.page_link("invoices", invoice=number)


def order_link(row: dict[str, Any]) -> str:
    return filters.page_link("orders", "order", order=row["order_id"]) if row["order_id"] is not None else ""


def _reasons(row: dict[str, Any]) -> Iterator[str]:
    if row["rules"]:
        yield f"has the exception {' and '.join(rule.replace('_', ' ') for rule in row['rules'])}"
    for name, form in (("units", "{:f} units"), ("weight", "weighs {:f}"), ("charges", "{:f} charges")):
        value, usual = row[name], row[f"usual_{name}"]
        if value is not None and usual and value > (usual if name == "charges" else MUCH_MORE * usual):
            shown, half = (round(Decimal(each), 1).normalize() for each in (value, usual))
            yield f"{form.format(shown)}, where the median order has {half:f}"
    if row["province"] and row["province_cost"] > row["usual_cost"]:
        yield f"goes to {row['province']}, where the median order costs {amount_text(row['province_cost'])}"


def _waterfall(steps: list[dict[str, Any]]) -> Any:
    """Return bars from the cost before, through its changes, to the cost after; labels show the amounts."""
    bars, reached = [], Decimal(0)
    for step in steps:
        is_cost, amount = step in (steps[0], steps[-1]), step["amount"]
        start = Decimal(0) if is_cost else reached
        reached = start + amount
        label = f"{step['step']} {amount_text(amount) if is_cost else _signed(amount)}"
        kind = "cost" if is_cost else "more" if amount > 0 else "less"
        bars.append({"label": label, "start": start, "stop": reached, "amount": amount, "kind": kind})
    return (
        alt.Chart(charts.rows_data(bars))
        .mark_bar()
        .encode(
            charts.horizontal("start", f"Cost, {load_settings().currency}"),
            alt.X2("stop:Q"),
            alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=240)),
            charts.colour("kind", ["cost", "more", "less"], [charts.BLUE, charts.ORANGE, charts.GREEN]),
            tooltip=charts.tooltips(label="", amount=("Amount", "+,.2f")),
        )
    )


def _changes(snapshot: Snapshot, month: date, before: date) -> dict[str, Change]:
    cells = snapshot.query(CELLS, month=month, before=before).rows
    return split_by_type((Cell(**cell) for cell in cells), minor_unit(load_settings().currency))


def _change_row(name: str, change: Change) -> dict[str, Any]:
    return {
        "charge_type": name,
        "before": change.before,
        "volume": change.volume,
        "mix": change.mix,
        "price": change.price,
        "after": change.after,
        "difference": change.difference,
    }


def _month_of(selection: Selection) -> date:
    return date.fromisoformat(f"{selection['month']}-01")


def _compared_month(selection: Selection) -> date:
    month = _month_of(selection)
    years, months = divmod(12 * month.year + month.month - 1 - selection["back"], 12)
    return date(years, months + 1, 1)


def _unfinished(snapshot: Snapshot, month: date) -> str:
    today = snapshot.today
    return f" {month:%B %Y} has not ended: figures up to {today}." if month >= today.replace(day=1) else ""


def _priced(row: dict[str, Any], by: str) -> str:
    return f"{amount_text(row['cost_per_order'])} ({words(row[by])})"


def _by_group_query(by: str) -> str:
    order = "lightest nulls last" if by == "Weight" else "cost desc"
    return BY_GROUP.format(orders=ORDERS, group=GROUPS[by], order=order, unknown=UNKNOWN)


def _listed(selection: Selection, name: str, month: str | None = None) -> str:
    """Return the link to the charges of a type; credits belong to the type that they credit."""
    chosen = {"month": month} if month else {}
    return filters.link_here(selection, "charges", type=name.removesuffix(", credits"), **chosen)


def _signed(amount: Decimal) -> str:
    return f"{'+' if amount > 0 else '−' if amount < 0 else ''}{amount_text(abs(amount))}"


def _more(difference: Decimal) -> str:
    return f"{amount_text(abs(difference))} {'less' if difference < 0 else 'more'}"


PANELS = (spend, bridge, by_type, by_group, dearest, listed)
