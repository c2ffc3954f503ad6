"""Define the commands for webhook events: serve, events."""

from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, AsJson, Db
from logentic.sanitizer import print_json


def serve(
    db: Db,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")] = 8360,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Start a run when events arrive, at most once a minute.")
    ] = False,
    accept_unsigned: Annotated[
        bool, typer.Option("--accept-unsigned", help="Accept unsigned events, from this machine only.")
    ] = False,
) -> None:
    """Receive the service's webhook events until Ctrl-C, and keep them for the next run.

    \b
    Examples:
      logentic serve --db logentic.duckdb --refresh
      logentic serve --db logentic.duckdb --accept-unsigned --port 0
    """
    from logentic.cli.event_server import run_event_server
    from logentic.settings import load_settings

    run_event_server(load_settings(), db, host, port, accept_unsigned=accept_unsigned, refresh=refresh)


def events(
    db: Db = DEFAULT_FILE,
    dead: Annotated[bool, typer.Option("--dead", help="List only dead events: their order could not be read.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Let the next run look up the orders of dead events again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the received events and their outcomes.

    \b
    Examples:
      logentic events
      logentic events --dead --retry
    """
    from logentic.reports import event_list
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings

    load_settings()  # also registers the secrets
    found = event_list.read_event_list(db, only_dead=dead or retry)
    if retry:
        event_list.request_retries(db, found)
    if as_json:
        print_json(event_list.as_dict(found))
    else:
        event_list.print_events(found, Terminal())
