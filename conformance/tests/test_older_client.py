"""An analyst's tool may still bring DuckDB 1.2: it opens what is published, every table of it."""

import shutil
import subprocess
from pathlib import Path

import duckdb
from logentic.job import JobOptions, run_job
from logentic.settings import Settings

from account import CONFIG

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
COUNT = """
import duckdb, sys
print(duckdb.__version__)
with duckdb.connect(sys.argv[1], read_only=True) as published:
    tables = "select table_schema, table_name from information_schema.tables where table_schema like 'logentic_%'"
    for schema, table in sorted(published.execute(tables).fetchall()):
        print(schema, table, len(published.execute(f'select * from {schema}."{table}"').fetchall()))
    print("orders", published.execute("select count(*) from orders").fetchone()[0])
"""


def test_every_table_of_a_published_file_opens_in_the_oldest_client_that_is_promised(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = Settings(**CONFIG)
    run_job(settings, file, JobOptions())
    project = str(ROOT / "conformance" / "older_client")
    counted = subprocess.run(
        [UV, "run", "--quiet", "--locked", "--project", project, "python", "-c", COUNT, str(file)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    version, *counts = counted.stdout.splitlines()
    assert f"v{version}" == settings.duckdb_storage_version
    with duckdb.connect(str(file), read_only=True) as published:
        tables = published.execute(
            "select table_schema, table_name from information_schema.tables where table_schema like 'logentic_%'"
        ).fetchall()
        expected = [
            f"{schema} {table} {published.execute(f'select count(*) from {schema}.{table}').fetchone()[0]}"
            for schema, table in sorted(tables)
        ]
        expected.append(f"orders {published.execute('select count(*) from orders').fetchone()[0]}")
    assert len(expected) > 20
    assert counts == expected
