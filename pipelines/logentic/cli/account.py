"""Define the commands that query the account and change no table: check, get, verify, notify."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from logentic.cli.options import DEFAULT_FILE, AsJson, Db, OptionalDb, file_option, parse_day, require_word
from logentic.errors import StateError, UsageError
from logentic.sanitizer import json_text, one_line, print_json


def day_option(text: str) -> Any:
    return typer.Option(metavar="YYYY-MM-DD", help=text)


def time_option(text: str) -> Any:
    return typer.Option(metavar="TIME", help=f"{text}: a day for orders, a day or time for item_quantities.")


def text_option(text: str) -> Any:
    return typer.Option(metavar="TEXT", help=text)


def check(
    db: Annotated[Path | None, file_option("Keep the result in FILE.state/check.json.")] = None,
    fail_on: Annotated[str | None, typer.Option(metavar="WHAT", help="Exit with 3 if there are `findings`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check what the API reference leaves open: fields, page size, order, filters, formats, rate limit.

    \b
    Examples:
      logentic check
      logentic check --json --fail-on findings
    """
    from logentic.api.probe import check_account
    from logentic.reports import probe
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings, require_token
    from logentic.state import State

    require_word("--fail-on", fail_on, "findings")
    settings = load_settings()
    require_token(settings)
    state = State(db.absolute()) if db else None
    if state:
        state.prepare()
    found = check_account(settings)
    summary = probe.as_dict(found)
    if state:
        state.write_note("check", summary)
    if as_json:
        print_json(summary)
    else:
        probe.print_probe(found, Terminal())
    failed = [failed_list for failed_list in found.lists if failed_list.error]
    for failed_list in failed:
        print(one_line(f"logentic: {failed_list.error}"), file=sys.stderr)
    if failed:
        raise typer.Exit(1)
    if fail_on and summary["findings"]:
        raise typer.Exit(3)


def get(
    resource: Annotated[
        str,
        typer.Argument(
            metavar="RESOURCE", help="Resource, such as orders or payment_items; an unknown name lists all."
        ),
    ],
    record_id: Annotated[
        int | None,
        typer.Argument(metavar="[ID]", min=1, help="Id of the record; of the item for inventory and item_quantities."),
    ] = None,
    external_name: Annotated[
        str | None, text_option("Name in the shop, of orders or items; several orders with commas.")
    ] = None,
    shopify_order_id: Annotated[str | None, text_option("Shopify's id of the order.")] = None,
    shopify_variant_id: Annotated[str | None, text_option("Shopify's id of the item, of items or stock.")] = None,
    updated_at_start: Annotated[str | None, time_option("Updated since")] = None,
    updated_at_end: Annotated[str | None, time_option("Updated until")] = None,
    start: Annotated[str | None, day_option("First day of inventory history.")] = None,
    end: Annotated[str | None, day_option("Last day of inventory history.")] = None,
    billed_date_start: Annotated[str | None, day_option("First billing day of payment_items.")] = None,
    billed_date_end: Annotated[str | None, day_option("Last billing day of payment_items.")] = None,
    payment_id: Annotated[
        int | None, typer.Option(metavar="ID", min=1, help="Payment that the payment_items belong to.")
    ] = None,
    group_by_invoice: Annotated[
        bool, typer.Option("--group-by-invoice", help="Group payment_items by invoice.")
    ] = False,
    exclude_storage_info: Annotated[
        bool, typer.Option("--exclude-storage-info", help="Leave out the storage details of payment_items.")
    ] = False,
    exclude_storage_price: Annotated[
        bool, typer.Option("--exclude-storage-price", help="Leave out the storage prices of inventory.")
    ] = False,
    keep_personal_data: Annotated[
        bool, typer.Option("--keep-personal-data", help="Print personal values instead of ***.")
    ] = False,
) -> None:
    """Print one record or a filtered list as the API returns it, as JSON.

    \b
    Examples:
      logentic get orders 19015
      logentic get items --external-name SKU-1
      logentic get inventory --start 2026-01-01 --end 2026-01-02
      logentic get payment_items --group-by-invoice
    """
    given: dict[str, Any] = {
        "external_name": external_name,
        "shopify_order_id": shopify_order_id,
        "shopify_variant_id": shopify_variant_id,
        "payment_id": payment_id,
        "updated_at_start": _require_moment("--updated-at-start", updated_at_start),
        "updated_at_end": _require_moment("--updated-at-end", updated_at_end),
        "start": parse_day("--start", start),
        "end": parse_day("--end", end),
        "billed_date_start": parse_day("--billed-date-start", billed_date_start),
        "billed_date_end": parse_day("--billed-date-end", billed_date_end),
        # Laravel accepts 1 for true everywhere, but not the word.
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

    def to_json(record: Any) -> str:
        shown = record if keep_personal_data or settings.keep_personal_data else mask.record(resource, record)
        return json_text(shown, is_exact=True)

    if record_id is not None and not resource.item_path:
        print(to_json(read_one(client, resource, record_id)))
        return
    announced, count, opening = set(), 0, "[\n"
    for total, records in read_list(client, resource, record_id, filters):
        announced.add(total)
        for record in records:
            print(opening + to_json(record), end="")
            opening, count = ",\n", count + 1
    print("[]" if not count else "\n]")
    if announced != {count}:
        print(f"logentic: {name} changed while it was read, or its total is wrong. Try again.", file=sys.stderr)


def verify(
    db: Db = DEFAULT_FILE,
    start: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Compare this day and later ones.")] = None,
    end: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Compare no later day; this day is included.")
    ] = None,
    fail_on: Annotated[str | None, typer.Option(metavar="WHAT", help="Exit with 3 if there are `differences`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare FILE with the totals that the account announces, and list every difference.

    \b
    Examples:
      logentic verify
      logentic verify --start 2026-01-01 --end 2026-01-31 --fail-on differences
    """
    from logentic.reports import verification
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings, require_token

    require_word("--fail-on", fail_on, "differences")
    first, last = parse_day("--start", start), parse_day("--end", end)
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
    db: OptionalDb = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test message only.")] = False,
) -> None:
    """Send an alert for each new problem of FILE and its runs, and one when a problem is over.

    Alerts go to the setting alert_urls.

    \b
    Examples:
      logentic notify --test
      logentic notify --db logentic.duckdb
    """
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
    db = db or DEFAULT_FILE
    if not (db.exists() or State(db).folder.exists()):
        raise UsageError(f"--db {db} does not exist", "Name the file that is watched, or use --test.")
    state = State(db.absolute())
    state.prepare()
    # A run in progress holds the lock; send alerts about earlier runs anyway.
    with suppress(StateError), state.locked():
        record_killed_run(state)
    problems = find_problems(settings, state, datetime.now(UTC))
    sent = send_alerts(settings, state, problems)
    print("\n".join(map(one_line, problems.values())) or "nothing is wrong")
    print(one_line(f"sent: {'; '.join(sent)}") if sent else "nothing to send")


def _require_moment(option: str, text: str | None) -> str | None:
    try:
        return text if text is None or datetime.fromisoformat(text) else None
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is neither a day nor a time", "Write 2026-01-31 or 2026-01-31T05:00:00Z."
        ) from None
