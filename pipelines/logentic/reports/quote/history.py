"""Read what a card prices: the orders, charges and stored volumes of a period, with what was billed for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Self

import duckdb
import pyarrow as pa

from logentic.errors import UsageError
from logentic.reports.published_file import older_file_error, read_records

MICRO = 1_000_000  # volumes: integers of millionths of a cubic foot
DEFAULT_MONTHS = 12

# Sizes that were measured again, by item; empty unless the user gives some.
MEASURED = """
create or replace temp table measured_items (
    item_id bigint, cubic_feet decimal(18, 4), weight decimal(18, 4), longest_side decimal(18, 4)
)
"""
CHARGED = """
create or replace temp table quote_charged as
select
    charges.charge_id,
    lower(charges.charge_type) as charge_type,
    coalesce(charges.order_id, prices.order_id) as order_id,
    charges.item_id,
    charges.description,
    cast(charges.amount as decimal(18, 4)) as amount,
    cast(charges.quantity as decimal(18, 4)) as quantity,
    charges.billed_date,
    coalesce(
        charges.start_date, charges.end_date, cast(timezone($timezone, charges.created_at) as date), charges.billed_date
    ) as charge_date,
    coalesce(audited.rule in ('duplicate_charge', 'cancelled_order', 'unknown_order'), false) as is_wrong,
    coalesce(audited.rule = 'outside_period', false) as is_misdated,
    coalesce(audited.status = 'settled', false) or charges.amount < 0 as is_settled,
    case
        when lower(charges.charge_type) = 'storage' then cast(audited.expected as decimal(18, 4))
        when prices.price_id is not null then prices.expected
    end as learned
from charges
left join invoice_reconciliation as audited on charges.charge_id = audited.charge_id
left join charge_prices as prices on charges.charge_id = prices.charge_id
where not charges.is_withdrawn and charges.amount is not null and abs(charges.amount) < 10000000
"""
ORDER_DAYS = """
create or replace temp table quote_order_days as
with

charged as (

    select order_id, min(charge_date) as first_date, min(charge_id) as first_charge_id
    from quote_charged
    where amount > 0 and order_id is not null and charge_type <> 'storage' and not is_misdated
    group by order_id

)

-- An order is of the day on which it was charged; one that was not, of the day on which it left.
select
    orders.order_id,
    coalesce(
        charged.first_date, cast(timezone($timezone, coalesce(steps.in_transit_at, steps.completed_at)) as date)
    ) as day,
    cast(timezone($timezone, coalesce(steps.in_transit_at, steps.completed_at)) as date) as shipped_date,
    charged.first_charge_id
from orders
left join charged on orders.order_id = charged.order_id
left join order_fulfilment as steps on orders.order_id = steps.order_id
where
    (upper(orders.status) not in ('CANCELLED', 'CANCELED') or steps.in_transit_at is not null)
    and (charged.order_id is not null or not orders.is_deleted)
    and coalesce(charged.first_date, steps.in_transit_at, steps.completed_at) is not null
"""
ITEMS = """
create or replace temp table quote_items as
select
    items.item_id,
    cast(coalesce(measured.cubic_feet, items.cubic_feet) as decimal(18, 4)) as volume,
    cast(coalesce(measured.weight, items.weight) as decimal(18, 4)) as weight,
    cast(items.price as decimal(18, 4)) as value,
    cast(coalesce(measured.longest_side, case
        when listed.width_in is not null and listed.depth_in is not null and listed.height_in is not null
            then greatest(listed.width_in, listed.depth_in, listed.height_in)
    end) as decimal(18, 4)) as longest_side,
    case
        when listed.item_id is null then null
        when lower(listed.description) like '%hazard%' or lower(listed.description) like '%dangerous%' then 'yes'
        else 'no'
    end as hazardous,
    case when listed.is_prepackaged then 'yes' when listed.item_id is not null then 'no' end as prepackaged,
    cast(items.cubic_feet as decimal(18, 4)) as listed_volume
from items
left join logentic_staging.stg_items as listed on items.item_id = listed.item_id
left join measured_items as measured on items.item_id = measured.item_id
"""
LINES = """
create or replace temp table quote_lines as
select
    lines.order_id,
    lines.item_id,
    cast(lines.quantity as decimal(18, 4)) as quantity,
    items.weight,
    items.volume,
    items.longest_side,
    items.value,
    items.hazardous,
    items.prepackaged
from order_lines as lines
inner join quote_order_days as days on lines.order_id = days.order_id
left join quote_items as items on lines.item_id = items.item_id
where days.day between $first and $last
"""
# As the models measure an order: of one with a line that has no measure, no measure is known.
ORDERS = """
create or replace temp table quote_orders as
with

sums as (

    select
        order_id,
        count(*) as lines,
        {sums},
        case when count(weight) = count(*) then max(weight) end as heaviest_item,
        case when count(longest_side) = count(*) then max(longest_side) end as longest_side,
        case
            when bool_or(hazardous = 'yes') then 'hazardous'
            when count(hazardous) = 0 then null
            when bool_and(coalesce(prepackaged, 'no') = 'yes') then 'prepackaged'
            else 'ordinary'
        end as item_class
    from quote_lines
    group by order_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by date_trunc('month', day) order by day, first_charge_id nulls last, order_id
        ) as month_rank,
        count(*) over (partition by date_trunc('month', day)) as month_orders
    from quote_order_days
    where day between $first and $last

)

select
    ranked.order_id,
    orders.external_name,
    cast(date_trunc('month', ranked.day) as date) as month,
    ranked.day as charge_date,
    coalesce(ranked.shipped_date, ranked.day) as shipped_date,
    cast(timezone($timezone, orders.created_at) as date) as ordered_date,
    sums.units,
    cast(sums.lines as decimal(18, 4)) as lines,
    sums.weight,
    sums.volume,
    sums.value,
    sums.heaviest_item,
    sums.longest_side,
    cast(ranked.month_rank as decimal(18, 4)) as month_rank,
    cast(ranked.month_orders as decimal(18, 4)) as month_orders,
    coalesce(orders.order_type, '') as order_type,
    coalesce(cast(orders.warehouse_id as varchar), '') as warehouse,
    coalesce(orders.province_code, orders.country_code, '') as region,
    sums.item_class,
    cast(row_number() over (order by ranked.order_id) - 1 as bigint) as position
from ranked
inner join orders on ranked.order_id = orders.order_id
left join sums on ranked.order_id = sums.order_id
order by ranked.order_id
"""
SUMS = {"units": "quantity", **{name: f"quantity * {name}" for name in ("weight", "volume", "value")}}
# A charge is of its order's month, or else of its own.
CHARGES = """
create or replace temp table quote_charges as
select
    charged.*,
    orders.position,
    cast(date_trunc('month', coalesce(orders.charge_date, charged.charge_date)) as date) as month
from quote_charged as charged
left join quote_orders as orders on charged.order_id = orders.order_id
left join quote_order_days as days on charged.order_id = days.order_id
where orders.order_id is not null or (days.order_id is null and charged.charge_date between $first and $last)
"""
# What the learned card gives for each charge. What it does not explain stays at the billed amount, and is counted.
LEARNED = "case when is_settled then amount when is_wrong then 0 else coalesce(learned, amount) end"
BILLED = f"""
select
    month,
    charge_type,
    position is not null as is_of_order,
    count(*) as charges,
    cast(sum(amount) as decimal(18, 4)) as billed,
    cast(sum({LEARNED}) as decimal(18, 4)) as learned,
    cast(sum(case when learned is null and not is_settled and not is_wrong then amount else 0 end) as decimal(18, 4))
        as without_price,
    cast(sum(case when is_settled or is_wrong or learned is null then 0 else abs(amount - learned) end)
        as decimal(18, 4)) as off_price,
    cast(sum(case when is_wrong and not is_settled then amount else 0 end) as decimal(18, 4)) as not_owed
from quote_charges
group by all
order by all
"""
UNBILLED = """
select orders.month, prices.charge_type, count(*) as charges, cast(sum(prices.expected) as decimal(18, 4)) as learned
from charge_prices as prices
inner join quote_orders as orders on prices.order_id = orders.order_id
where prices.charge_id is null and prices.price_id is not null and prices.expected is not null
group by all
"""
OF_ORDERS = f"""
select
    position,
    charge_type,
    cast(sum(amount) as decimal(18, 4)) as billed,
    cast(sum({LEARNED}) as decimal(18, 4)) as learned,
    cast(sum(case when amount > 0 and not is_settled and not is_wrong then quantity end) as decimal(18, 4)) as quantity
from quote_charges
where position is not null
group by position, charge_type
"""
BILLED_EVENTS = """
select
    charges.charge_id,
    charges.charge_type,
    charges.description,
    charges.order_id,
    charges.position,
    charges.month,
    charges.charge_date,
    charges.billed_date,
    charges.quantity,
    {columns}
from quote_charges as charges
left join quote_orders as orders on charges.position = orders.position
where charges.charge_type = $charge_type and charges.amount > 0 and not charges.is_settled and not charges.is_wrong
order by charges.charge_id
"""
ORDER_FACTS = (
    "shipped_date",
    "ordered_date",
    "units",
    "lines",
    "weight",
    "volume",
    "value",
    "heaviest_item",
    "longest_side",
    "month_rank",
    "month_orders",
    "order_type",
    "warehouse",
    "region",
    "item_class",
)
# By item, month and price period: volumes as integers, so that every sum is exact.
STORED = """
with

days as (

    select
        stored.item_id,
        stored.date,
        case when measured.cubic_feet is not null and items.listed_volume > 0 and stored.volume_cuft is not null
            then (cast(cast(stored.volume_cuft as decimal(24, 6)) * {micro} as hugeint)
                * cast(measured.cubic_feet * 10000 as hugeint) + cast(items.listed_volume * 5000 as hugeint))
                // cast(items.listed_volume * 10000 as hugeint)
            else cast(cast(stored.volume_cuft as decimal(24, 6)) * {micro} as hugeint)
        end as volume,
        {period} as period
    from storage_cost_daily as stored
    left join quote_items as items on stored.item_id = items.item_id
    left join measured_items as measured on stored.item_id = measured.item_id
    where stored.date between $first and $last

)

select
    item_id,
    cast(date_trunc('month', date) as date) as month,
    period,
    count(volume) as days,
    count(*) - count(volume) as unknown_days,
    cast(sum({units}) as bigint) as total,
    cast(max({units}) as bigint) as peak,
    cast(max(case when date = greatest($opened, date_trunc('month', date)) then {units} end) as bigint) as first,
    cast(max(case when date = least($closed, last_day(date)) then {units} end) as bigint) as last
from days
group by all
order by all
"""


@dataclass(frozen=True)
class Period:
    """Whole months; `opened` and `closed` are the first and the last day of them that have a history."""

    first: date
    last: date

    @property
    def months(self) -> list[date]:
        months = [self.first]
        while (following := _next(months[-1])) <= self.last:
            months.append(following)
        return months


def _next(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def choose_period(published: duckdb.DuckDBPyConnection, first: date | None, last: date | None) -> Period:
    """Return the months to price; without options the last twelve that have ended and have charges."""
    found = read_records(
        published,
        "select min(coalesce(start_date, billed_date)) as first, max(coalesce(end_date, billed_date)) as last"
        " from invoice_reconciliation where rule is distinct from 'outside_period'",
    )[0]
    if found["first"] is None:
        raise UsageError("there are no charges to compare with", "Run first: logentic run --db FILE")
    known = read_records(published, "select max(date) as last from storage_cost_daily")[0]["last"]
    newest: date = max(filter(None, (known, found["last"] if known is None else None)))
    ended = (newest + timedelta(days=1)).replace(day=1) - timedelta(days=1)
    last_month = (last or ended).replace(day=1)
    if first is None:
        number = last_month.year * 12 + last_month.month - DEFAULT_MONTHS
        first = max(date(number // 12, number % 12 + 1, 1), found["first"].replace(day=1))
    if first > last_month:
        raise UsageError(f"--from {first:%Y-%m} is after --to {last_month:%Y-%m}", "Name an earlier month.")
    period = Period(first, _next(last_month) - timedelta(days=1))
    if (period.last - period.first).days > 3_700:
        raise UsageError("the period is longer than ten years", "Name a later month: --from YYYY-MM.")
    return period


class PricedHistory:
    """The period's orders, charges and volumes, in temporary tables of a read-only connection."""

    def __init__(self, published: duckdb.DuckDBPyConnection, period: Period, timezone: str) -> None:
        self.published, self.period = published, period
        self._values = {"first": period.first, "last": period.last, "timezone": timezone}

    def prepare(self) -> Self:
        """Make and fill the tables."""
        self.published.execute(MEASURED)
        self._fill(is_first=True)
        return self

    def measure(self, rows: Sequence[Sequence[Any]]) -> None:
        """Use measured sizes: rows of item, cubic feet, weight and longest side; None keeps what is recorded."""
        for values in rows:
            self.published.execute("insert into measured_items values (?, ?, ?, ?)", values)
        self._fill(is_first=False)

    def _fill(self, *, is_first: bool) -> None:
        """Fill the tables; after items were measured, only what depends on sizes."""
        sums = ",\n        ".join(
            f"case when count({value}) = count(*) then cast(sum({value}) as decimal(18, 4)) end as {name}"
            for name, value in SUMS.items()
        )
        steps = [CHARGED, ORDER_DAYS] * is_first + [ITEMS, LINES, ORDERS.format(sums=sums)] + [CHARGES] * is_first
        try:
            for step in steps:
                names = [name for name in self._values if f"${name}" in step]
                self.published.execute(step, {name: self._values[name] for name in names})
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise older_file_error(error) from None

    def table(self, sql: str, values: dict[str, Any] | None = None) -> pa.Table:
        return self.published.sql(sql, params=values or {}).to_arrow_table()

    def rows(self, sql: str, values: Any = None) -> list[dict[str, Any]]:
        return read_records(self.published, sql, values)

    def orders(self) -> pa.Table:
        return self.table("from quote_orders order by position")

    def lines(self) -> pa.Table:
        return self.table("from quote_lines")

    def billed_events(self, charge_type: str) -> pa.Table:
        """Return the charges of a type that stand, with the facts of their orders."""
        columns = ", ".join(f"orders.{name}" for name in ORDER_FACTS)
        return self.table(BILLED_EVENTS.format(columns=columns), {"charge_type": charge_type})

    def stored_days(self) -> tuple[date, date]:
        """Return the first and the last day of the period that have a history of stock."""
        sql = "select min(date) as first, max(date) as last from storage_cost_daily where date between $1 and $2"
        found = self.rows(sql, [self.period.first, self.period.last])[0]
        return found["first"] or self.period.first, found["last"] or self.period.last

    def stored(self, begins: list[date], unit_size: Decimal | None) -> list[dict[str, Any]]:
        """Return the volumes by item, month and price period; in started units of a size where there is one.

        Price period n begins on the nth of the days, 0 before the first.
        """
        days = ", ".join(f"date '{day}'" for day in begins)
        size = None if unit_size is None else int(unit_size * MICRO)
        units = "volume" if size is None else f"((volume + {size} - 1) // {size})"
        period = f"len(list_filter([{days}], lambda day: day <= stored.date))"
        opened, closed = self.stored_days()
        values = {name: self._values[name] for name in ("first", "last")} | {"opened": opened, "closed": closed}
        return self.rows(STORED.format(micro=MICRO, units=units, period=period), values)
