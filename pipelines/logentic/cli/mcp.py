"""The command that serves an assistant."""

from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, Db
from logentic.errors import UsageError


def mcp(
    db: Db = DEFAULT_FILE,
    max_rows: Annotated[int, typer.Option(min=1, metavar="N", help="The most rows of a query.")] = 500,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Stop a query after it.")] = 30,
    allow_personal_data: Annotated[
        bool, typer.Option("--allow-personal-data", help="Also a file that was loaded with keep_personal_data.")
    ] = False,
) -> None:
    """Answer an assistant's questions about FILE over stdin and stdout (Model Context Protocol); read-only."""
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
