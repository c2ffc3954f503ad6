"""Command `export`: write the marts as files."""

from pathlib import Path
from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, AsJson, Db
from logentic.errors import UsageError
from logentic.sanitizer import one_line, print_json


def export(
    layout: Annotated[
        str, typer.Option("--format", metavar="NAME", help="Format: `parquet`, `delta`, `iceberg` or `ducklake`.")
    ],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Write the tables into this folder.")],
    db: Db = DEFAULT_FILE,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export in DIR.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the published tables as Parquet, Delta, Iceberg or DuckLake, with their comments.

    \b
    Examples:
      logentic export --format parquet --to lake/parquet
      logentic export --format delta --to lake/delta --overwrite
    """
    from logentic.exports.export import FORMATS, export_marts
    from logentic.reports.humanize import count
    from logentic.settings import load_settings

    load_settings()  # from here on, output hides the secrets
    if layout not in FORMATS:
        raise UsageError(f"--format {layout!r} is not known", f"Choose among: {', '.join(FORMATS)}.")
    found = export_marts(db, layout, to, overwrite=overwrite)
    if as_json:
        print_json(found)
        return
    tables, rows = count(len(found["tables"]), "table"), count(sum(found["tables"].values()), "row")
    print(one_line(f"{found['folder']}: {tables}, {rows}, as {layout}"))
