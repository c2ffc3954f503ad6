"""A DuckLake, by DuckDB's own extension: a catalog that is a DuckDB file, and its data beside it."""

from importlib.util import find_spec
from pathlib import Path

import duckdb

from logentic.errors import UsageError, first_line
from logentic.exports.mart import Mart

CATALOG, DATA = "catalog.ducklake", "data"


def write(marts: list[Mart], folder: Path, named: Path) -> dict[str, int]:
    rows = {}
    with duckdb.connect() as connection:
        _load_extension(connection)
        catalog = folder / CATALOG
        connection.execute(f"attach {_text(f'ducklake:{catalog}')} as lake (data_path {_text(f'{folder / DATA}/')})")
        for mart in marts:
            table = f'lake.main."{mart.name}"'
            connection.register("rows_of_mart", mart.reader("comment"))
            (created,) = connection.execute(f"create table {table} as from rows_of_mart").fetchall()
            connection.unregister("rows_of_mart")
            rows[mart.name] = created[0]
            if mart.comment:
                connection.execute(f"comment on table {table} is {_text(mart.comment)}")
            for column, comment in mart.column_comments.items():
                connection.execute(f'comment on column {table}."{column}" is {_text(comment)}')
        connection.execute("detach lake")
        connection.execute(f"attach {_text(str(catalog))} as catalog")
        connection.execute(
            "update catalog.ducklake_metadata set value = ? where key = 'data_path'", [f"{named / DATA}/"]
        )
    return rows


def _load_extension(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("set autoinstall_known_extensions = false")
    package = find_spec("duckdb_extension_ducklake")
    folder = Path(package.origin or "").parent / "extensions" if package else None
    brought = folder / f"v{duckdb.__version__}" / "ducklake.duckdb_extension" if folder else None
    try:
        connection.execute(f"load {_text(str(brought))}" if brought and brought.exists() else "load ducklake")
    except duckdb.Error as error:
        raise UsageError(
            f"--format ducklake needs DuckDB's extension of that name: {first_line(error).rstrip('.')}",
            "Install it where there is a network: python -c \"import duckdb; duckdb.sql('install ducklake')\"",
        ) from None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
