"""The commands about events: serve receives them, events lists their outcomes."""

from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, AsJson, Db
from logentic.sanitizer import print_json


def serve(
    db: Db,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8360,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Run when events have come, at most once a minute.")
    ] = False,
    accept_unsigned: Annotated[
        bool, typer.Option("--accept-unsigned", help="Take unsigned events, from this machine only.")
    ] = False,
) -> None:
    """Take the service's events as they happen, and keep them for the next run."""
    from logentic.cli.event_server import run_event_server
    from logentic.settings import load_settings

    run_event_server(load_settings(), db, host, port, accept_unsigned=accept_unsigned, refresh=refresh)


def events(
    db: Db = DEFAULT_FILE,
    dead: Annotated[bool, typer.Option("--dead", help="Only events whose order could not be read.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Have the next run ask for the dead ones again.")] = False,
    as_json: AsJson = False,
) -> None:
    """What became of the events that were received."""
    from logentic.reports import event_list
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings

    load_settings()  # which registers the secrets
    found = event_list.read_event_list(db, only_dead=dead or retry)
    if retry:
        event_list.request_retries(db, found)
    if as_json:
        print_json(event_list.as_dict(found))
    else:
        event_list.print_events(found, Terminal())
