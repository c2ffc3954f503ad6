"""The commands that show data: status, sandbox, demo, dashboard."""

from pathlib import Path
from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, Db, DbOrState, DestinationName, require_word, state_file
from logentic.database_file import database_path
from logentic.errors import UsageError
from logentic.monitoring.memory import hide_unneeded_modules
from logentic.sanitizer import print_json


def status(
    db: DbOrState = None,
    destination: DestinationName = None,
    of_runs: Annotated[bool, typer.Option("--runs", help="The last runs instead: how each ended.")] = False,
    fail_on: Annotated[
        str | None, typer.Option(metavar="WHAT", help="Exit 3 when values could not be read: rejected.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """What FILE or PostgreSQL holds: covered days, last success, rows and incomplete windows of each resource."""
    hide_unneeded_modules()
    require_word("--fail-on", fail_on, "rejected")
    if of_runs and fail_on:
        raise UsageError("--fail-on looks at the tables, and --runs at the history of runs", "Use one of them.")
    from logentic.monitoring.run_history import read_runs
    from logentic.reports import runs
    from logentic.reports import status as report
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings
    from logentic.state import State

    settings = load_settings(destination=destination)
    file = state_file(db, settings)
    if of_runs:
        history = read_runs(State(file.absolute()))
        if as_json:
            print_json(history)
        else:
            runs.print_runs(history, Terminal())
        return
    found = report.read_status(file, settings)
    if as_json:
        print_json(found)
    else:
        report.print_status(found, Terminal())
    if fail_on and found["rejected_values"]:
        raise typer.Exit(3)


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8350,
    seed: Annotated[int, typer.Option(help="Another seed, another account.")] = 1,
    scale: Annotated[float, typer.Option(min=0.01, help="2 has twice the items and orders.")] = 1.0,
    days: Annotated[int, typer.Option(min=1, help="Days of history up to today.")] = 180,
    scenario: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="An oddity of billing to add; more than one can be given.")
    ] = None,
    webhooks: Annotated[
        str | None, typer.Option(metavar="URL", help="Send events there, signed with LOGENTIC_WEBHOOK_SECRET.")
    ] = None,
    accidents: Annotated[float, typer.Option(min=0, max=1, help="Share of events lost, and doubled, and late.")] = 0.0,
) -> None:
    """Serve a made-up account on this machine, with the API of the real one."""
    from logentic.sandbox.billing import ALL_SCENARIOS, SCENARIOS
    from logentic.sandbox.standalone import serve_sandbox
    from logentic.settings import load_settings, webhook_secrets

    unknown = ", ".join(sorted(set(scenario or ()) - ALL_SCENARIOS))
    if unknown:
        names = ", ".join(sorted(ALL_SCENARIOS - SCENARIOS))
        raise UsageError(f"The sandbox has no scenario {unknown}", f"Those that can be added: {names}.")
    if webhooks and not (webhooks.startswith("http://") and webhooks.count("/") > 2):
        raise UsageError(
            f"--webhooks {webhooks!r} is no URL", "Give one such as http://127.0.0.1:8360/webhooks/logentic."
        )
    secret = (webhook_secrets(load_settings()) or [""])[0]
    serve_sandbox(
        port=port,
        seed=seed,
        scale=scale,
        days=days,
        scenarios=SCENARIOS.union(scenario or ()),
        webhooks=webhooks,
        webhook_secret=secret,
        webhook_accidents=accidents,
    )


def demo(
    db: Annotated[Path, typer.Option("--db", parser=database_path, metavar="FILE", help="Where the tables go.")] = Path(
        "demo/logentic.duckdb"
    ),
    seed: Annotated[int, typer.Option(help="Another seed, another account.")] = 1,
) -> None:
    """Load a made-up account into FILE, offline, in seconds. LOGENTIC_DB, which names your own file, does not count."""
    from logentic.demo import run_demo

    run_demo(db, seed)


def dashboard(
    db: Db = DEFAULT_FILE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 2718,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Let others in; needs dashboard_password.")
    ] = "127.0.0.1",
) -> None:
    """Show FILE in a browser, on this machine: costs, stock, storage, invoices, month, orders."""
    from logentic.dashboard.serve import serve_dashboard
    from logentic.settings import load_settings

    serve_dashboard(db, host, port, load_settings().dashboard_password.get_secret_value())
