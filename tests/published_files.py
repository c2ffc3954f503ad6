"""What an engine has published in a folder, as anyone reads it: by the small file that names the build.

In: the folder. Out: views of it in DuckDB, in a schema of the same name as elsewhere.
"""

import json
from pathlib import Path

import duckdb


def views(lake: Path, reader: duckdb.DuckDBPyConnection) -> list[str]:
    """Make them, and say their names."""
    marts = lake / "logentic_marts"
    published = json.loads((marts / "_published.json").read_text("utf-8"))
    reader.execute("set TimeZone = 'UTC'; create schema if not exists logentic_marts")
    for table in published["tables"]:
        files = str(marts / published["build"] / table / "*.parquet").replace("'", "''")
        reader.execute(f"create or replace view logentic_marts.{table} as select * from read_parquet('{files}')")
    return list(published["tables"])
