"""Command `mcp`: answer an assistant."""

from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, Db
from logentic.errors import UsageError


def mcp(
    db: Db = DEFAULT_FILE,
    max_rows: Annotated[int, typer.Option(min=1, metavar="N", help="Limit the rows of a query.")] = 500,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Stop a query after this time.")] = 30,
    allow_personal_data: Annotated[
        bool, typer.Option("--allow-personal-data", help="Accept a file that was loaded with `keep_personal_data`.")
    ] = False,
) -> None:
    """Answer an assistant's questions over stdin and stdout, read-only (Model Context Protocol).

    \b
    Examples:
      logentic mcp --db logentic.duckdb
      logentic mcp --max-rows 100 --timeout 10
    """
    try:
        from logentic.assistant import server
    except ImportError as error:
        library = str(error.name).partition(".")[0]
        raise UsageError(
            f"logentic mcp needs {library}, which is not installed", "Install it: pip install 'logentic-elt[mcp]'"
        ) from None
    from logentic.reports.published_file import open_published

    open_published(db).close()
    if not allow_personal_data:
        server.require_pseudonyms(db)
    server.build_server(db.absolute(), max_rows=max_rows, seconds=timeout, allow_personal_data=allow_personal_data).run(
        "stdio"
    )
