"""Compare the latest version of each raw row with what the sandbox shows; columns that are hashed are left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
from truth_tables import plain

from logentic.resources import RAW_KEYS, RESOURCES
from logentic.sandbox import Sandbox

LINES = "orders__stored_items"
RAW = ("orders", LINES, "items", "item_quantities", "inventory_history", "payment_items")
HASHED = {"notify_email", "place__postal_code"}
LATEST = """
select columns(lambda c: c not in ('_seen_at', '_is_removed', '_dlt_load_id', 'recency')) from (
    select *, row_number() over (partition by {key} order by _seen_at desc, _dlt_load_id desc) as recency
    from logentic_raw.{table}
) where recency = 1 and not _is_removed
"""
LATEST_LINES = f"""
select lines.order_id, lines.line_number, lines.item_id, lines.shopify_variant_id, lines.quantity
from (
    select *, row_number() over (partition by id order by _seen_at desc, _dlt_load_id desc) as recency
    from logentic_raw.orders
) as orders
inner join logentic_raw.{LINES} as lines on orders.id = lines.order_id and orders._seen_at = lines._seen_at
where orders.recency = 1 and not orders._is_removed
"""


def doubled_rows(count: Callable[[str, str], int]) -> dict[str, int]:
    """Return the number of rows that are stored more than once, by table; `count(table, expression)` queries one."""
    quoted = {table: ", ".join(f'"{name}"' for name in key) for table, key in RAW_KEYS.items()}
    found = {table: count(table, f"count(*) - count(distinct ({names}))") for table, names in quoted.items()}
    return {table: doubled for table, doubled in found.items() if doubled}


def raw_differences(file: Path, sandbox: Sandbox) -> dict[str, Any]:
    """{table: (rows only in the service, rows only in the file)} for each table that is not equal."""
    found = {}
    with duckdb.connect(str(file), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        for resource in RESOURCES.values():
            shown = [dict(_flat(row)) for row in sandbox.state().rows(resource.name)]
            key = ", ".join(name for name in resource.key if name != "warehouse_id")
            found[resource.name] = _compare(published, LATEST.format(table=resource.name, key=key), shown)
        found[LINES] = _compare(published, LATEST_LINES, list(_lines(sandbox)))
    return {table: rows for table, rows in found.items() if any(rows)}


def _compare(
    published: duckdb.DuckDBPyConnection, sql: str, shown: list[dict[str, Any]]
) -> tuple[list[Any], list[Any]]:
    assert shown, "the service shows nothing: nothing would be compared"
    answer = published.execute(sql)
    names = [column[0] for column in answer.description or ()]
    compared = [name for name in names if not name.startswith(("recipient__", "place__address")) and name not in HASHED]
    assert set(compared) & set(shown[0]), "no column would be compared"
    actual = _counted((dict(zip(names, row, strict=True)) for row in answer.fetchall()), compared)
    expected = _counted(shown, compared)
    return sorted((expected - actual).elements(), key=str), sorted((actual - expected).elements(), key=str)


def _counted(rows: Iterable[Mapping[str, Any]], columns: list[str]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(plain(row.get(name)) for name in columns) for row in rows)


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}__")
        else:
            yield prefix + name, value


def _lines(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    for order in sandbox.state().rows("orders"):
        for number, line in enumerate(order["stored_items"], start=1):
            yield {"order_id": order["id"], "line_number": number, **line}


def assert_same_rows(database: Path, read: Callable[[str, str], list[tuple]]) -> None:
    """What `read` finds of a table's columns, elsewhere, is what was loaded into DuckDB."""
    with duckdb.connect(str(database)) as work:
        work.execute("set TimeZone = 'UTC'")
        for table in RAW:
            columns = work.execute(f"select * from logentic_raw.{table} limit 0").description
            names = ", ".join(f'"{name}"' for name, *_ in columns if name not in ("_dlt_load_id", "_seen_at"))
            expected = Counter(work.execute(f"select {names} from logentic_raw.{table}").fetchall())
            assert Counter(read(table, names)) == expected, table
