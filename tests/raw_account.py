"""Fill the raw tables of a DuckDB file row by row, for the tests of the models."""

from pathlib import Path
from shutil import copyfile
from typing import Any

import duckdb

from logentic.destinations.duckdb import DuckdbEngine
from logentic.transform.raw_tables import raw_tables

LOAD = "1.0"
MEASURE = "decimal(38, 24)"
_VERSION = "_seen_at timestamptz, _is_removed boolean, _dlt_load_id varchar"

TABLES = {
    "orders": f"""id bigint, order_type varchar, status varchar, warehouse_id bigint, external_name varchar,
        shopify_order_id varchar, created_at timestamptz, updated_at timestamptz, recipient__name varchar,
        recipient__email varchar, recipient__phone varchar, place__address1 varchar, place__address2 varchar,
        place__postal_code varchar, place__city varchar, place__province_code varchar, place__country_code varchar,
        {_VERSION}""",
    "orders__stored_items": """order_id bigint, line_number bigint, item_id bigint, shopify_variant_id varchar,
        quantity decimal(18, 4), _seen_at timestamptz, _dlt_load_id varchar""",
    "items": f"""id bigint, name varchar, external_name varchar, shopify_variant_id varchar, description varchar,
        width_in {MEASURE}, depth_in {MEASURE}, height_in {MEASURE}, weight {MEASURE}, price {MEASURE},
        notify_email varchar, expiration_warning_in_days bigint, ht_code varchar, country_of_origin varchar,
        back_order_limit bigint, is_prepackaged boolean, created_at timestamptz, updated_at timestamptz, {_VERSION}""",
    "item_quantities": f"""id bigint, item_id bigint, sku varchar, supply bigint, receiving bigint, prepared bigint,
        back_ordered bigint, delivered bigint, created_at timestamptz, updated_at timestamptz, {_VERSION}""",
    "inventory_history": f"""id bigint, name varchar, external_name varchar, cubic_size {MEASURE}, weight {MEASURE},
        date date, total_volume {MEASURE}, total_storage_price {MEASURE}, prepared bigint, receiving bigint,
        supply bigint, warehouse_id bigint, {_VERSION}""",
    "payment_items": f"""id bigint, payment_id bigint, type varchar, description varchar, amount {MEASURE},
        quantity {MEASURE}, start date, "end" date, billed_date date, order_id bigint, item_id bigint,
        total_volume {MEASURE}, created_at timestamptz, updated_at timestamptz, {_VERSION}""",
    "order_events": """event_id varchar, order_id bigint, topic varchar, occurred_at timestamptz,
        received_at timestamptz, api_version varchar, is_known_version boolean, topic_mismatch boolean, body varchar,
        outcome varchar, attempts bigint, reason varchar, _seen_at timestamptz, _dlt_load_id varchar""",
    "rejected_values": f"""resource varchar, key varchar, field varchar, text varchar, reason varchar, {_VERSION}""",
    "extract_windows": """window_id varchar, run_id varchar, resource varchar, filter varchar,
        window_start timestamptz, window_end timestamptz, total_announced bigint, rows_read bigint,
        distinct_keys bigint, rows_new bigint, rows_changed bigint, rows_removed bigint, requests bigint, bytes bigint,
        started_at timestamptz, finished_at timestamptz, is_complete boolean, is_confirmed boolean, reason varchar,
        _dlt_load_id varchar""",
    "_dlt_loads": """load_id varchar, schema_name varchar, status bigint, inserted_at timestamptz,
        schema_version_hash varchar""",
}


class RawAccount:
    """One DuckDB file with empty raw tables; every row that is added was seen at `seen_at` unless it says otherwise."""

    def __init__(self, path: Path, seen_at: str = "2026-03-01 12:00:00+00") -> None:
        self.path = path
        self.seen_at = seen_at
        with self.connect() as connection:
            connection.execute("create schema logentic_raw")
            for name, columns in TABLES.items():
                connection.execute(f"create table logentic_raw.{name} ({columns})")
            DuckdbEngine(connection, "", keep_steps=False).complete_raw(raw_tables())  # as every run does
        self.add("_dlt_loads", load_id=LOAD, schema_name="logentic", status=0)

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.path))
        connection.execute("set timezone = 'UTC'")
        return connection

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(statement).fetchall()

    def copy(self, path: Path) -> Path:
        """The file as it stands, elsewhere; what dbt, in this process, has not yet written to it included."""
        self.execute("checkpoint")
        return Path(copyfile(self.path, path))

    def add(self, table: str, **row: Any) -> None:
        if table != "_dlt_loads":
            row.setdefault("_dlt_load_id", LOAD)
        if "_seen_at" in TABLES[table]:
            row.setdefault("_seen_at", self.seen_at)
        if "_is_removed" in TABLES[table]:
            row.setdefault("_is_removed", False)
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        with self.connect() as connection:
            connection.execute(f"insert into logentic_raw.{table} ({names}) values ({marks})", list(row.values()))

    def read(self, resource: str, finished_at: str, window_end: str | None = None, **receipt: Any) -> None:
        """A receipt: `resource` was read whole, up to `window_end` or else to the moment of reading."""
        receipt = {
            "window_id": f"{resource} {finished_at} {window_end}",
            "run_id": finished_at,
            "resource": resource,
            "filter": "updated_at",
            "window_start": "2025-01-01 00:00:00+00",
            "window_end": window_end or finished_at,
            "started_at": finished_at,
            "finished_at": finished_at,
            "is_complete": True,
        } | receipt
        self.add("extract_windows", **receipt)
