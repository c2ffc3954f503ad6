"""Define the raw tables that models read, with the columns that they always have."""

import pyarrow as pa

from logentic.audit_log import PUBLISHED_LOGS, RUNS
from logentic.resources import (
    DAY,
    INTEGER,
    MEASURE,
    MOMENT,
    ORDER_EVENTS,
    QUANTITY,
    RECEIPTS,
    REJECTED_VALUES,
    RESOURCES,
    TEXT,
    TRUTH,
)

SQL_TYPES = {
    INTEGER: "bigint",
    TEXT: "varchar",
    MOMENT: "timestamp with time zone",
    DAY: "date",
    TRUTH: "boolean",
    MEASURE: "decimal(38, 24)",
    QUANTITY: "decimal(18, 4)",
}
LOADS = {"load_id": "varchar", "status": "bigint"}


def raw_tables() -> dict[str, dict[str, str]]:
    """Return {table: {column: type in SQL}}. A load may add further columns."""
    schemas: dict[str, pa.Schema] = {name: resource.schema() for name, resource in RESOURCES.items()}
    schemas |= {each.lines.table: each.lines.schema() for each in RESOURCES.values() if each.lines}
    schemas |= {"order_events": ORDER_EVENTS, "rejected_values": REJECTED_VALUES, "extract_windows": RECEIPTS}
    loaded = {
        table: {**{column.name: SQL_TYPES[column.type] for column in schema}, "_dlt_load_id": "varchar"}
        for table, schema in schemas.items()
    }
    audit_logs = {
        audit_log.name: {name: kind.replace("double", "double precision") for name, kind in audit_log.columns.items()}
        for audit_log in (*PUBLISHED_LOGS, RUNS)
    }
    return {**loaded, **audit_logs, "_dlt_loads": LOADS}
