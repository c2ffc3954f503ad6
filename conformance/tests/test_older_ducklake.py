"""The package index has the extension ducklake for an older DuckDB only: by that one, a DuckLake is exported."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import duckdb
from logentic.job import JobOptions, run_job
from logentic.settings import Settings

from account import CONFIG

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
# Its own DuckDB goes before the one of this environment, which has all else.
COMMAND = "import site, sys; site.addsitedir(sys.argv.pop(1)); from logentic.cli.app import main; main()"
COMPARE = """
import duckdb, duckdb_extension_ducklake, sys
from pathlib import Path

def types(table):
    found = reader.execute(f"select column_name, column_type from (describe {table})").fetchall()
    return [(column, "DECIMAL(38,0)" if kind == "HUGEINT" else kind) for column, kind in found]

extension = Path(duckdb_extension_ducklake.__file__).parent / "extensions" / f"v{duckdb.__version__}"
with duckdb.connect() as reader:
    reader.execute(f"load '{extension}/ducklake.duckdb_extension'; set TimeZone = 'UTC'")
    reader.execute(f"attach '{sys.argv[1]}' as published (read_only)")
    reader.execute(f"attach 'ducklake:{sys.argv[2]}/catalog.ducklake' as lake (read_only)")
    tables = "select table_name from duckdb_tables() where database_name = 'lake' order by table_name"
    for (name,) in reader.execute(tables).fetchall():
        theirs, ours = f'lake."{name}"', f'published.logentic_marts."{name}"'
        missing = reader.execute(f"from {ours} except all from {theirs}").fetchall()
        added = reader.execute(f"from {theirs} except all from {ours}").fetchall()
        print(name, missing, added, types(theirs) == types(ours))
    of_charges = "where database_name = 'lake' and table_name = 'charges' and comment is not null"
    print(*reader.execute(f"select comment from duckdb_tables() {of_charges}").fetchone())
    amount = f"select comment from duckdb_columns() {of_charges} and column_name = 'amount'"
    print(*reader.execute(amount).fetchone())
"""
MARTS = "select table_name from duckdb_tables() where schema_name = 'logentic_marts' order by table_name"


def test_a_ducklake_has_every_mart_with_its_types_and_comments(tmp_path: Path) -> None:
    file, lake = tmp_path / "logentic.duckdb", tmp_path / "lake"
    run_job(Settings(**CONFIG), file, JobOptions())
    with duckdb.connect(str(file)) as published:
        published.execute("comment on table logentic_marts.charges is 'It''s a charge.'")
        published.execute("comment on column logentic_marts.charges.amount is 'Before tax.'")
        marts = [name for (name,) in published.execute(MARTS).fetchall()]
    project = str(ROOT / "conformance" / "older_ducklake")

    def run(*words: object) -> list[str]:
        command = [UV, "run", "--quiet", "--locked", "--project", project, *map(str, words)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        return done.stdout.splitlines()

    packages = sysconfig.get_path("purelib")
    run("python", "-c", COMMAND, packages, "export", "--db", file, "--format", "ducklake", "--to", lake)
    compared = run("python", "-c", COMPARE, file, lake)
    assert compared == [*(f"{name} [] [] True" for name in marts), "It's a charge.", "Before tax."]
    assert len(marts) > 20
