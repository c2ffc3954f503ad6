"""Make a raw account of any size by SQL: the tables that the extractor would have loaded.

Write a working database with one load, and a file with the load of the day after it. Each item has a stock record and a
row of history for each day; units are announced, received, picked, shipped and counted. Orders, lines and charges are
in the proportions of a merchant.
"""

from pathlib import Path

import duckdb

from logentic.resources import ORDER_EVENTS, RECEIPTS, REJECTED_VALUES, RESOURCES

ACCOUNT = """
create table spans as select *, date '2023-01-01' + ({days})::int as today, timestamptz '2023-01-01 12:00:00+00'
    + to_days(({days})::int) as now_at from (select {items} as items, {days} as days);

-- What happens at the n-th record of an item: every twentieth announces sixty units, the one after receives them.
create table steps as
select item_id, n, date '2023-01-01' + (n - 1)::int as day,
    '2023-01-01 00:00:00+00'::timestamptz + to_days((n - 1)::int) + to_seconds((chance % 86400)::int) as updated_at,
    case when n % 20 in (18, 19) then 'supplier' when chance % 100 < 75 then 'ship' when chance % 100 < 85 then 'pick'
        when chance % 100 < 95 then 'pack' when chance % 100 < 98 then 'return' else 'count' end as kind,
    (1 + chance % 3)::bigint as units
from (select item_id, n, hash(item_id, n) as chance from range(1, {items} + 1) i (item_id), range(1, {days} + 2) s (n));

create table counters as
select item_id, n, day, updated_at,
    100 + sum(case when kind = 'supplier' and n % 20 = 19 then 60 when kind in ('ship', 'pick') then -units
        when kind = 'return' then units when kind = 'count' then units - 2 else 0 end) over history as supply,
    sum(case when kind = 'pick' then units when kind = 'pack' then -units else 0 end) over history as prepared,
    sum(case when kind = 'supplier' then case n % 20 when 18 then 60 else -60 end else 0 end) over history as receiving,
    sum(case when kind in ('ship', 'pack') then units when kind = 'return' then -units else 0 end) over history
        as delivered
from steps window history as (partition by item_id order by n);
drop table steps;
"""

# {table: (columns, source, when the row is known)}; what is known by the first load's noon belongs to it.
ROWS = {
    "items": (
        """item_id as id, 'Item ' || item_id as name, 'SKU-' || item_id as external_name, 10 as width_in,
        12 as depth_in, 8.5 as height_in, 1.25 as weight, false as is_prepackaged,
        timestamptz '2023-01-01 00:00:00+00' as created_at, created_at as updated_at""",
        "range(1, {items} + 1) r (item_id)",
        "timestamptz '2023-01-01 00:00:00+00'",
    ),
    "item_quantities": (
        """(n - 1) * {items} + item_id as id, item_id, 'SKU-' || item_id as sku, supply, receiving, prepared,
        0 as back_ordered, delivered, updated_at as created_at, updated_at""",
        "counters",
        "updated_at",
    ),
    "inventory_history": (
        """item_id as id, 'Item ' || item_id as name, 'SKU-' || item_id as external_name, 0.5903 as cubic_size,
        1.25 as weight, day as date, (supply + prepared) * 0.5903 as total_volume,
        (supply + prepared) * 0.5903 * 0.0234375000000000017 as total_storage_price, prepared, receiving, supply""",
        "counters where day <= (select today from spans)",
        "day + interval 25 hours",
    ),
    "orders": (
        """n as id, 'SHOPIFY' as order_type, 'COMPLETED' as status, 1 as warehouse_id, '#' || n as external_name,
        (9000000000 + n)::varchar as shopify_order_id, known_at as created_at, known_at as updated_at,
        'Montreal' as place__city, 'QC' as place__province_code, 'CA' as place__country_code""",
        "(select n, timestamptz '2023-01-01 01:00:00+00' + to_seconds(n * 86400 * {days} // {orders}) as known_at"
        " from range(1, {orders} + {orders} // {days} + 1) r (n))",
        "known_at",
    ),
    "payment_items": (
        """id, payment_id, type, amount, start, "end", case when kind = 'storage' then null else known_at end::date as
        billed_date, order_id, item_id, known_at as created_at""",
        """(
            select item_id * 10000 + n as id, 'storage' as kind, null::bigint as order_id, item_id,
                (date '2023-01-01' + to_months(n::int))::date as start, last_day(start) as "end",
                round(40 * 0.5903 * 0.0234375 * 30, 2) as amount, n + 1 as payment_id,
                (start + interval 1 hour)::timestamptz as known_at, 'storage' as type
            from range(1, {items} + 1) i (item_id), range(0, {days} // 28 + 1) m (n)
            union all
            select -n, 'handling', n, null, known_at::date, known_at::date, 2.35, null, known_at, 'handling'
            from (
                select n, timestamptz '2023-01-01 01:00:00+00' + to_seconds(n * 86400 * {days} // {orders}) as known_at
                from range(1, {orders} + {orders} // {days} + 1) r (n))
        )""",
        "known_at",
    ),
}
LINES = """select id as order_id, line_number, 1 + hash(id, line_number) % {items} as item_id,
    null as shopify_variant_id, line_number as quantity, _seen_at
    from news.logentic_raw.orders, range(1, 3) l (line_number)"""

# The charges of the month grow by a day.
RESTATED = """attach '{path}' as work (read_only);
    insert into news.logentic_raw.payment_items by name
    select * replace (amount + 0.55 as amount, {seen} as _seen_at, '1' as _dlt_load_id)
    from work.logentic_raw.payment_items
    where type = 'storage' and start = (select date_trunc('month', today)::date from spans);
    detach work"""


def generate(work: Path, day: Path, records: int) -> None:
    """Make both files; items and days grow alike, from 2,000 items and 300 days."""
    items = max(round(2000 * (records / 600_000) ** 0.5), 1)
    sizes = {"items": items, "days": max(records // items, 1), "orders": records // 30}
    work.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"temp_directory": str(work.parent)}) as memory:
        memory.execute("set TimeZone = 'UTC'")
        memory.execute(ACCOUNT.format(**sizes))
        for load, (path, known) in enumerate(((work, "<="), (day, ">"))):
            memory.execute(f"attach '{path}' as news")
            memory.execute("create schema news.logentic_raw")
            _make_tables(memory)
            seen = f"(select now_at + to_days({load}) from spans)"
            for table, (columns, source, at) in ROWS.items():
                memory.execute(
                    f"insert into news.logentic_raw.{table} by name select {columns}, {seen} as _seen_at,"
                    f" false as _is_removed, '{load}' as _dlt_load_id from {source}"
                    f" {'and' if ' where ' in source and not source.startswith('(') else 'where'}"
                    f" {at} {known} (select now_at from spans) order by {at}".format(**sizes)
                )
            if load:
                memory.execute(RESTATED.format(seen=seen, path=work))
            lines = LINES.format(**sizes)
            memory.execute(
                "insert into news.logentic_raw.orders__stored_items by name"
                f" select *, '{load}' as _dlt_load_id from ({lines})"
            )
            memory.execute(
                f"insert into news.logentic_raw.extract_windows by name select resource || {load} as window_id,"
                f" '{load}' as run_id, resource, 'updated_at' as filter, timestamptz '2023-01-01 00:00:00+00' as"
                f" window_start, {seen} as window_end, {seen} as started_at, {seen} as finished_at,"
                f" true as is_complete, '{load}' as _dlt_load_id from (select unnest({list(RESOURCES)}) as resource)"
            )
            memory.execute(f"insert into news.logentic_raw._dlt_loads values ('{load}', 'logentic', 0, {seen}, '')")
            memory.execute("detach news")


def append_day(work: Path, day: Path) -> None:
    """What dlt would append: the rows of the day's load, table by table."""
    with duckdb.connect(str(work)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{day}' as news (read_only)")
        tables = "select table_name from duckdb_tables() where database_name = 'news'"
        for (table,) in connection.execute(tables).fetchall():
            connection.execute(f"insert into logentic_raw.{table} by name select * from news.logentic_raw.{table}")


def _make_tables(connection: duckdb.DuckDBPyConnection) -> None:
    schemas = {name: resource.schema() for name, resource in RESOURCES.items()} | {
        "extract_windows": RECEIPTS,
        "order_events": ORDER_EVENTS,
        "rejected_values": REJECTED_VALUES,
    }
    schemas |= {r.lines.table: r.lines.schema() for r in RESOURCES.values() if r.lines}
    for name, schema in schemas.items():
        empty = schema.empty_table()  # noqa: F841  (read by its name)
        connection.execute(f"create table news.logentic_raw.{name} as select *, ''::varchar as _dlt_load_id from empty")
    connection.execute(
        "create table news.logentic_raw._dlt_loads (load_id varchar, schema_name varchar, status bigint,"
        " inserted_at timestamptz, schema_version_hash varchar)"
    )
