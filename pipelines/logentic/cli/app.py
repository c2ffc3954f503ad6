"""Define the command line: commands, printing and exit codes.

Results go to stdout, everything else to stderr. `EXIT_CODES` lists the exit codes.
"""

import io
import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from logentic.cli import account as account_commands
from logentic.cli import events as event_commands
from logentic.cli import explore, export, finance
from logentic.cli import mcp as mcp_commands
from logentic.cli import privacy as privacy_commands
from logentic.cli import push as push_commands
from logentic.cli.options import (
    DbOrState,
    DestinationName,
    EngineName,
    parse_day,
    parse_words,
    require_word,
    state_file,
)
from logentic.errors import LogenticError, UsageError
from logentic.monitoring import json_log
from logentic.monitoring.memory import exit_process, hide_unneeded_modules, limit_memory
from logentic.sanitizer import SafeRecord, one_line, print_json, printable

if TYPE_CHECKING:
    from logentic.settings import Settings

app = typer.Typer(
    help="Load a Logentic account into DuckDB and audit every invoice. Try it without an account: logentic demo.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXIT_CODES = {
    0: "Success.",
    1: "Failure. What was loaded is kept, the published file is unchanged, and the next run continues.",
    2: "Wrong option, setting or file. Nothing was attempted.",
    3: "Success, but the data have a problem that `--fail-on` names.",
}
VERSIONED = ("logentic-elt", "dlt", "duckdb", "dbt-core", "dbt-duckdb")  # dbt only if installed


def _version(is_asked: bool) -> None:
    if is_asked:
        parts = []
        for name in VERSIONED:
            with suppress(PackageNotFoundError):
                parts.append(f"{name} {version(name)}")
        print(", ".join(parts) + f", Python {sys.version.partition(' ')[0]}")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[
        bool, typer.Option("--debug", help="Print tracebacks and each request, without the token.")
    ] = False,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and those of its libraries."
        ),
    ] = False,
) -> None:
    """Take the options of every command."""


def run(
    db: DbOrState = None,
    destination: DestinationName = None,
    engine: EngineName = None,
    start: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Read this day and later ones again.")] = None,
    end: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Read no later day; this day is included.")
    ] = None,
    select: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Load only these resources, separated by commas.")
    ] = None,
    models: Annotated[
        bool, typer.Option("--models/--no-models", help="Build the tables, or keep them as last built.")
    ] = True,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Rebuild the tables for all days, not only for changed ones.")
    ] = False,
    keep_steps: Annotated[
        bool, typer.Option("--keep-steps", help="Keep intermediate tables, in the schema logentic_build.")
    ] = False,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Wait this long for another run to end.")] = 0,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="Exit with 3 if windows are `incomplete` or values were `rejected`; separate both by a comma.",
        ),
    ] = None,
    new_hash_key: Annotated[
        bool, typer.Option("--new-hash-key", help="Accept another pseudonym key when the old one is lost.")
    ] = False,
    max_duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Stop reading after this time; the next run continues."),
    ] = None,
    log_format: Annotated[
        str, typer.Option(metavar="FORMAT", help="Format of stderr: `text`, or `json` with one object per line.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Load what changed, build and check the tables, and publish FILE.

    \b
    Examples:
      logentic run --db logentic.duckdb
      logentic run --db logentic.duckdb --start 2026-01-01 --select orders
      logentic run --db logentic.duckdb --wait 600 --fail-on incomplete
    """
    from logentic.settings import interval_of_schedule, load_settings

    settings = load_settings(destination=destination, engine=engine)
    if settings.engine == "none":  # needed by Spark's client
        hide_unneeded_modules(models=models)
    from logentic.job import JobOptions, run_job
    from logentic.monitoring.pings import pinging
    from logentic.reports import summary
    from logentic.reports.progress import display_progress

    if log_format != "text":
        require_word("--log-format", log_format, "json")
        json_log.enable()
    failing = parse_words("--fail-on", fail_on, ("incomplete", "rejected"))
    first, last = parse_day("--start", start), parse_day("--end", end)
    if not first and not last:
        first, last = interval_of_schedule()
    options = JobOptions(
        first,
        last,
        _resources(select),
        models=models,
        full_refresh=full_refresh,
        keep_steps=keep_steps,
        wait_seconds=wait,
        max_seconds=inf if max_duration is None else max_duration,
        accept_new_key=new_hash_key,
    )
    if options.start and options.end and options.start > options.end:
        raise UsageError(f"--start {start} lies after --end {end}", "Give the earlier day as --start.")
    with pinging(settings):
        with display_progress() as display:
            result = run_job(settings, state_file(db, settings), options, display, display.step)
        if as_json:
            print_json(summary.as_dict(result))
        else:
            print("\n".join(map(one_line, summary.as_lines(result))))
        if settings.approval_tolerance is not None and models and not result.loaded.failures:
            _approve_by_tolerance(state_file(db, settings), settings)
        for failure in result.loaded.failures.values():
            _print_error(failure)
        if result.loaded.failures:
            raise typer.Exit(1)
        left = {
            "incomplete": result.loaded.incomplete or result.loaded.unread,
            "rejected": result.loaded.rejected,
        }
        if any(left[name] for name in failing):
            raise typer.Exit(3)


def _approve_by_tolerance(file: Path, settings: "Settings") -> None:
    from logentic.destinations.base import destination_class
    from logentic.reports.invoice_approval import approve_by_tolerance

    if not destination_class(settings).publishes_file:
        return
    for invoice in approve_by_tolerance(file, settings):
        if invoice.decision:
            text = invoice.decision.text(settings.currency)
            print(one_line(f"invoice {invoice.payment_id}: {text}"), file=sys.stderr)


def build(
    db: DbOrState = None,
    destination: DestinationName = None,
    engine: EngineName = None,
    keep_steps: Annotated[
        bool, typer.Option("--keep-steps", help="Keep intermediate tables, in the schema logentic_build.")
    ] = False,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Wait this long for another run to end.")] = 0,
    fail_on: Annotated[str | None, typer.Option(metavar="WHAT", help="Exit with 3 if values were `rejected`.")] = None,
) -> None:
    """Build and check the tables from what is loaded, and publish FILE, without a request to the account.

    \b
    Examples:
      logentic build --db logentic.duckdb
    """
    from logentic.job import JobOptions, run_job
    from logentic.reports import summary
    from logentic.reports.progress import display_progress
    from logentic.settings import load_settings

    require_word("--fail-on", fail_on, "rejected")
    settings, options = (
        load_settings(destination=destination, engine=engine),
        JobOptions(extract=False, keep_steps=keep_steps, wait_seconds=wait),
    )
    with display_progress() as display:
        result = run_job(settings, state_file(db, settings), options, step=display.step)
    print("\n".join(map(one_line, summary.as_lines(result))))
    if fail_on and result.loaded.rejected:
        raise typer.Exit(3)


GROUPS: dict[str, tuple[Callable[..., None] | tuple[str, typer.Typer], ...]] = {
    "Run": (run, build, explore.status, account_commands.notify),
    "Explore": (explore.demo, explore.dashboard, export.export),
    "Finance": (
        finance.reconcile,
        ("invoices", finance.invoices),
        ("exceptions", finance.exceptions),
        *(finance.prices, finance.quote, finance.accrual, finance.close),
    ),
    "Account": (
        *(account_commands.check, account_commands.get, account_commands.verify),
        *(explore.settings, privacy_commands.privacy, ("push", push_commands.push)),
    ),
    "Serve": (event_commands.serve, event_commands.events, mcp_commands.mcp, explore.sandbox),
}
for _group, _commands in GROUPS.items():
    for _command in _commands:
        if isinstance(_command, tuple):
            app.add_typer(_command[1], name=_command[0], rich_help_panel=_group)
        else:
            app.command(rich_help_panel=_group)(_command)

COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
COMMANDS |= {"exceptions", "invoices", "push"}
FILE_COMMANDS = {"verify", "reconcile", "exceptions", "invoices", "prices", "quote", "accrual", "close", "dashboard"}
FILE_COMMANDS |= {"notify", "events", "privacy", "mcp", "export"}
FILE_GUIDANCE = "Run into a file as well: logentic run --destination duckdb --db FILE."


def program() -> NoReturn:
    """Run the command and end the process."""
    try:
        main()
    except SystemExit as ended:
        exit_process(int(ended.code or 0))
    exit_process(0)


def main() -> None:
    """Run the command; an error is one line on stderr, a traceback only with --debug."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    limit_memory()
    logging.setLogRecordFactory(SafeRecord)
    for stream in (sys.stdout, sys.stderr):  # the locale may not support all characters
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    debug = len(arguments) < len(sys.argv) - 1
    if debug:
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
        logging.getLogger("logentic").setLevel(logging.DEBUG)
    try:
        code = app(arguments, prog_name="logentic", standalone_mode=False) or 0
        if code == 130:  # typer's exit code for Ctrl-C
            _exit_interrupted()
        sys.exit(code)
    except TyperException as error:
        if not arguments:
            print(error.format_message())
            sys.exit(2)
        command = f"logentic {arguments[0]}" if arguments[0] in COMMANDS else "logentic"
        what, guidance = error.format_message().rstrip(".?"), f"See: {command} --help"
        if arguments[0] in FILE_COMMANDS and "--destination" in what:
            what, guidance = f"{command} reads a DuckDB file, whatever the destination", FILE_GUIDANCE
        print(one_line(f"logentic: {what}. {guidance}"), file=sys.stderr)
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        _exit_interrupted()
    except LogenticError as error:
        if debug:
            _exit_with_traceback(error.exit_code)
        _print_error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            _exit_with_traceback(1)
        reason = next(iter(str(error).splitlines()), "")
        message = f"logentic: unexpected {type(error).__name__}: {reason}. Run again with --debug."
        print(one_line(message), file=sys.stderr)
        sys.exit(1)


def _exit_with_traceback(code: int) -> NoReturn:
    print(printable(traceback.format_exc()), end="", file=sys.stderr)
    sys.exit(code)


def _exit_interrupted() -> NoReturn:
    print("logentic: interrupted; what was loaded is kept, and the next run continues", file=sys.stderr)
    sys.exit(1)


def _print_error(error: LogenticError) -> None:
    """Print an error as one line, even if a library's message has several."""
    what = " ".join(str(error).split()).rstrip(".!")
    if json_log.is_enabled():
        json_log.write("error", "error", message=what, guidance=error.guidance, exit_code=error.exit_code)
        return
    print(one_line(f"logentic: {what}. {error.guidance}").rstrip(), file=sys.stderr)


def resource_names() -> tuple[str, ...]:
    from logentic.resources import RESOURCES  # imports pyarrow, which `--help` does not need

    return tuple(RESOURCES)


def _resources(names: str | None) -> frozenset[str]:
    known = resource_names()
    if names is None:
        return frozenset(known)
    chosen = frozenset(name.strip() for name in names.split(","))
    if unknown := sorted(chosen - set(known)):
        raise UsageError(f"--select {unknown[0]!r} is no resource", f"Choose among: {', '.join(known)}.")
    return chosen
