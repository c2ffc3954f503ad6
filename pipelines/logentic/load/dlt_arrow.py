"""Make `pipeline.dataset().orders.arrow()` work with DuckDB 2.0.

dlt 1.31, the newest, calls DuckDB's `fetch_arrow_table`, which DuckDB 2.0 removed in favour of `to_arrow_table`.
"""

from collections.abc import Generator
from typing import Any

import duckdb
from dlt.destinations.impl.duckdb.sql_client import DuckDBDBApiCursorImpl


def use_present_method() -> None:
    """Let dlt's cursor call `to_arrow_table` where DuckDB has no `fetch_arrow_table`."""
    if hasattr(duckdb.DuckDBPyConnection, "fetch_arrow_table"):
        return
    in_chunks = DuckDBDBApiCursorImpl.iter_arrow

    def iter_arrow(self: DuckDBDBApiCursorImpl, chunk_size: int) -> Generator[Any, None, None]:
        if chunk_size:
            yield from in_chunks(self, chunk_size)
        else:
            yield self.native_cursor.to_arrow_table()

    DuckDBDBApiCursorImpl.iter_arrow = iter_arrow  # type: ignore[method-assign]
