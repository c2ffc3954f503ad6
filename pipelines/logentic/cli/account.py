"""The commands that ask and change no table: check, get, verify, notify."""

import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from logentic.database_file import database_path
from logentic.errors import StateError, UsageError
from logentic.sanitizer import json_text, one_line, print_json

if TYPE_CHECKING:
    from logentic.settings import Settings

Db = Annotated[
    Path, typer.Option("--db", parser=database_path, metavar="FILE", help="The DuckDB file that analysts open.")
]
DbOrState = Annotated[
    Path | None,
    typer.Option(
        "--db",
        parser=database_path,
        metavar="FILE",
        help="The same; for another destination FILE.state is its state folder.",
    ),
]
To = Annotated[
    str | None, typer.Option("--destination", metavar="NAME", help="Where the tables go: duckdb, postgres, filesystem.")
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="NAME", help="What builds the tables of a folder: spark, at SPARK_REMOTE."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Day = Annotated[str | None, typer.Option(metavar="DAY", help="YYYY-MM-DD.")]
Moment = Annotated[
    str | None, typer.Option(metavar="TIME", help="A day for orders, a day or time for item_quantities.")
]
Text = Annotated[str | None, typer.Option(metavar="TEXT")]


def check(
    db: Annotated[
        Path | None,
        typer.Option("--db", parser=database_path, metavar="FILE", help="Keep the answers in FILE.state/check.json."),
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="WHAT", help="Exit 3 when there is something to look at: findings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the account what the reference leaves open: fields, pages, order, ends of filters, formats, limits."""
    from logentic.api.probe import check_account
    from logentic.reports import probe
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings, require_token
    from logentic.state import State

    only("--fail-on", fail_on, "findings")
    settings = load_settings()
    require_token(settings)
    state = State(db.absolute()) if db else None
    if state:
        state.prepare()
    answers = check_account(settings)
    told = probe.as_dict(answers)
    if state:
        state.write_note("check", told)
    if as_json:
        print_json(told)
    else:
        probe.print_probe(answers, Terminal())
    failed = [answer for answer in answers.lists if answer.error]
    for answer in failed:
        print(one_line(f"logentic: {answer.error}"), file=sys.stderr)
    if failed:
        raise typer.Exit(1)
    if fail_on and told["findings"]:
        raise typer.Exit(3)


def get(
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="Such as orders or payment_items; an unknown name lists all.")
    ],
    record_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="The record's; the item's for the two of stock.")
    ] = None,
    external_name: Text = None,
    shopify_order_id: Text = None,
    shopify_variant_id: Text = None,
    updated_at_start: Moment = None,
    updated_at_end: Moment = None,
    start: Day = None,
    end: Day = None,
    billed_date_start: Day = None,
    billed_date_end: Day = None,
    payment_id: Annotated[int | None, typer.Option(metavar="ID", min=1)] = None,
    group_by_invoice: Annotated[bool, typer.Option("--group-by-invoice")] = False,
    exclude_storage_info: Annotated[bool, typer.Option("--exclude-storage-info")] = False,
    exclude_storage_price: Annotated[bool, typer.Option("--exclude-storage-price")] = False,
    keep_personal_data: Annotated[
        bool, typer.Option("--keep-personal-data", help="Show personal values instead of ***.")
    ] = False,
) -> None:
    """Print one record, or a list, as the API gives it: JSON. Each filter is one of the reference."""
    given: dict[str, Any] = {
        "external_name": external_name,
        "shopify_order_id": shopify_order_id,
        "shopify_variant_id": shopify_variant_id,
        "payment_id": payment_id,
        "updated_at_start": _moment("--updated-at-start", updated_at_start),
        "updated_at_end": _moment("--updated-at-end", updated_at_end),
        "start": day("--start", start),
        "end": day("--end", end),
        "billed_date_start": day("--billed-date-start", billed_date_start),
        "billed_date_end": day("--billed-date-end", billed_date_end),
        # Laravel takes 1 for true, and the word itself not everywhere.
        "group_by_invoice": 1 if group_by_invoice else None,
        "exclude_storage_info": 1 if exclude_storage_info else None,
        "exclude_storage_price": 1 if exclude_storage_price else None,
    }
    filters = {name: str(value) for name, value in given.items() if value is not None}
    _print_records(resource, record_id, filters, keep_personal_data)


def _print_records(name: str, record_id: int | None, filters: dict[str, str], keep_personal_data: bool) -> None:
    from logentic.api.client import Client
    from logentic.api.records import Mask, check_question, read_list, read_one
    from logentic.settings import load_settings, require_token

    resource = check_question(name, record_id, filters)
    settings = load_settings()
    require_token(settings)
    client, mask = Client(settings), Mask(settings)

    def written(record: Any) -> str:
        shown = record if keep_personal_data or settings.keep_personal_data else mask.record(resource, record)
        return json_text(shown, is_exact=True)

    if record_id is not None and not resource.item_path:
        print(written(read_one(client, resource, record_id)))
        return
    announced, count, opening = set(), 0, "[\n"
    for total, records in read_list(client, resource, record_id, filters):
        announced.add(total)
        for record in records:
            print(opening + written(record), end="")
            opening, count = ",\n", count + 1
    print("[]" if not count else "\n]")
    if announced != {count}:
        print(f"logentic: {name} moved while it was read, or its total is wrong. Ask again.", file=sys.stderr)


def verify(
    db: Db,
    start: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Compare from this day on.")] = None,
    end: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Compare up to and with this day.")] = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="WHAT", help="Exit 3 when FILE and the account differ: differences.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what FILE holds with what the account announces for past days, and name every difference."""
    from logentic.reports import verification
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings, require_token

    only("--fail-on", fail_on, "differences")
    first, last = day("--start", start), day("--end", end)
    if first and last and first > last:
        raise UsageError(f"--start {start} lies after --end {end}", "Give the earlier day as --start.")
    settings = load_settings()
    require_token(settings)
    verdicts = verification.verify_file(settings, db, first, last)
    if as_json:
        print_json(verification.as_dict(db, verdicts))
    else:
        verification.print_verification(db, verdicts, Terminal())
    failures = [verdict.failure for verdict in verdicts if verdict.failure]
    for failure in failures:
        print(one_line(f"logentic: {failure}"), file=sys.stderr)
    if failures:
        raise typer.Exit(1)
    if fail_on and any(verdict.differences for verdict in verdicts):
        raise typer.Exit(3)


def notify(
    db: Annotated[
        Path | None,
        typer.Option("--db", parser=database_path, metavar="FILE", help="The DuckDB file that is watched."),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test message and nothing else.")] = False,
) -> None:
    """Tell by alert_urls what is wrong with FILE and its runs, once; and what is well again."""
    from logentic.monitoring.alerts import find_problems, send_alerts, send_test_alert
    from logentic.monitoring.run_history import record_killed_run
    from logentic.settings import load_settings
    from logentic.state import State

    settings = load_settings()
    if not settings.alert_urls:
        raise UsageError("alert_urls is not set", "Set LOGENTIC_ALERT_URLS, or alert_urls in secrets.toml.")
    if test:
        send_test_alert(settings)
        print(f"a test was sent to {len(settings.alert_urls)} addresses")
        return
    if db is None or not (db.exists() or State(db).folder.exists()):
        raise UsageError(f"--db {db or ''} does not exist", "Name the file that is watched, or use --test.")
    state = State(db.absolute())
    state.prepare()
    # A run at work holds the lock: what it left in the history is told all the same.
    with suppress(StateError), state.locked():
        record_killed_run(state)
    wrong = find_problems(settings, state, datetime.now(UTC))
    sent = send_alerts(settings, state, wrong)
    print("\n".join(map(one_line, wrong.values())) or "nothing is wrong")
    print(one_line(f"sent: {'; '.join(sent)}") if sent else "nothing to send")


def only(option: str, given: str | None, known: str) -> None:
    """An option that takes one word."""
    if given not in (None, known):
        raise UsageError(f"{option} {given!r} is not known", f"Use: {option} {known}.")


def any_of(option: str, given: str | None, known: tuple[str, ...]) -> frozenset[str]:
    """An option that takes one word or several, with commas between them."""
    words = frozenset(word.strip() for word in given.split(",")) if given is not None else frozenset()
    if unknown := sorted(words - set(known)):
        raise UsageError(f"{option} {unknown[0]!r} is not known", f"Use: {option} {', '.join(known)}, or several.")
    return words


def file_of(db: Path | None, settings: "Settings") -> Path:
    """What the state folder is named after; the tables of another destination than DuckDB are no file."""
    if db is None and settings.publishes_file:
        raise TyperException("Missing option '--db'")
    return db or Path(f"logentic.{settings.destination}")


def day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a day", "Write it as YYYY-MM-DD, such as 2026-01-31.") from None


def _moment(option: str, text: str | None) -> str | None:
    try:
        return text if text is None or datetime.fromisoformat(text) else None
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is neither a day nor a time", "Write 2026-01-31 or 2026-01-31T05:00:00Z."
        ) from None
