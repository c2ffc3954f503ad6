"""The command that exports the marts."""

from pathlib import Path
from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, AsJson, Db
from logentic.errors import UsageError
from logentic.sanitizer import one_line, print_json


def export(
    layout: Annotated[str, typer.Option("--format", metavar="NAME", help="parquet, delta, iceberg or ducklake.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    db: Db = DEFAULT_FILE,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export in DIR.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the published tables of FILE as Parquet, Delta, Iceberg or DuckLake, with their comments."""
    from logentic.exports.export import FORMATS, export_marts
    from logentic.reports.humanize import count

    if layout not in FORMATS:
        raise UsageError(f"--format {layout!r} is not known", f"Choose among: {', '.join(FORMATS)}.")
    found = export_marts(db, layout, to, overwrite=overwrite)
    if as_json:
        print_json(found)
        return
    tables, rows = count(len(found["tables"]), "table"), count(sum(found["tables"].values()), "row")
    print(one_line(f"{found['folder']}: {tables}, {rows}, as {layout}"))
