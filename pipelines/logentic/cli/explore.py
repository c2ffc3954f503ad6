"""Define the commands that show data: status, settings, sandbox, demo, dashboard."""

from pathlib import Path
from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, AsJson, Db, DbOrState, DestinationName, require_word, state_file
from logentic.database_file import database_path
from logentic.errors import UsageError
from logentic.monitoring.memory import hide_unneeded_modules
from logentic.sanitizer import print_json


def status(
    db: DbOrState = None,
    destination: DestinationName = None,
    of_runs: Annotated[bool, typer.Option("--runs", help="List the last runs and their outcomes instead.")] = False,
    fail_on: Annotated[str | None, typer.Option(metavar="WHAT", help="Exit with 3 if values were `rejected`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the data status: covered days, last run, rows and incomplete windows of each resource.

    \b
    Examples:
      logentic status
      logentic status --runs
      logentic status --json --fail-on rejected
    """
    hide_unneeded_modules()
    require_word("--fail-on", fail_on, "rejected")
    if of_runs and fail_on:
        raise UsageError("--fail-on checks the tables, and --runs lists the run history", "Use one of them.")
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


def settings(as_json: AsJson = False) -> None:
    """Print the settings in force and where each comes from: default, file or environment.

    Secrets are hidden.

    \b
    Examples:
      logentic settings
      LOGENTIC_CONNECTIONS=2 logentic settings --json
    """
    from logentic.reports.setting_list import list_settings, print_settings
    from logentic.settings import load_settings

    listed = list_settings(load_settings())
    if as_json:
        print_json(listed)
    else:
        print_settings(listed)


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")] = 8350,
    seed: Annotated[int, typer.Option(help="Seed of the account; each seed makes another account.")] = 1,
    scale: Annotated[
        float, typer.Option(min=0.01, help="Size of the account; 2 has twice the items and orders.")
    ] = 1.0,
    days: Annotated[int, typer.Option(min=1, help="Days of history, up to today.")] = 180,
    scenario: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Billing practice or error to add; repeat it for several.")
    ] = None,
    webhooks: Annotated[
        str | None, typer.Option(metavar="URL", help="Send events to this URL, signed with LOGENTIC_WEBHOOK_SECRET.")
    ] = None,
    accidents: Annotated[
        float, typer.Option(min=0, max=1, help="Share of events that are lost, sent twice or late.")
    ] = 0.0,
) -> None:
    """Serve a simulated account on this machine until Ctrl-C, with the API of the service.

    It prints the two variables that point other commands to it.

    \b
    Examples:
      logentic sandbox --scale 0.2 --days 30
      logentic sandbox --scenario tiers --scenario wrong_week
    """
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
    db: Annotated[
        Path, typer.Option("--db", parser=database_path, metavar="FILE", help="DuckDB file to publish.")
    ] = Path("demo/logentic.duckdb"),
    seed: Annotated[int, typer.Option(help="Seed of the account; each seed makes another account.")] = 1,
) -> None:
    """Load a simulated account, offline, and print the command that opens it. Ignores LOGENTIC_DB.

    \b
    Examples:
      logentic demo
      logentic demo --db demo/other.duckdb --seed 7
    """
    from logentic.demo import run_demo

    run_demo(db, seed)


def dashboard(
    db: Db = DEFAULT_FILE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")] = 2718,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; another than 127.0.0.1 needs the setting dashboard_password."
        ),
    ] = "127.0.0.1",
) -> None:
    """Show costs, stock, storage, invoices and orders of FILE in a browser, until Ctrl-C.

    \b
    Examples:
      logentic dashboard
      logentic dashboard --db demo/logentic.duckdb --port 0
    """
    from logentic.dashboard.serve import serve_dashboard
    from logentic.settings import load_settings

    serve_dashboard(db, host, port, load_settings().dashboard_password.get_secret_value())
