"""Define the commands that write to the account: push items, push orders."""

import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, file_option, state_file
from logentic.errors import UsageError
from logentic.sanitizer import one_line, print_json

push = typer.Typer(
    help="Write items or orders back to the account. It is off unless LOGENTIC_ALLOW_WRITES=true.\n\n\b\nExamples:\n"
    "  logentic push items items.csv\n  LOGENTIC_ALLOW_WRITES=true logentic push items items.csv --apply",
    no_args_is_help=True,
)

Rows = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON or JSON Lines file in the fields of the API.")]
Apply = Annotated[bool, typer.Option("--apply", help="Send the plan. It needs LOGENTIC_ALLOW_WRITES=true.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the plan and the outcome of each row as JSON.")]
StateFile = Annotated[
    Path | None, file_option("File whose state folder, FILE.state, holds the push log; default: logentic.duckdb.")
]


@push.command("items")
def push_items(
    rows: Rows,
    db: StateFile = None,
    apply: Apply = False,
    allow_delete: Annotated[
        bool, typer.Option("--allow-delete", help="Delete the items of rows whose column `delete` is true.")
    ] = False,
    from_findings: Annotated[
        bool,
        typer.Option(
            "--from-findings", help="Write FILE instead: items billed at another size than recorded, to be measured."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a file with the items of the account, print the plan, and with --apply send it.

    An item is found by id, external_name or shopify_variant_id. An empty cell leaves the field as it is.

    \b
    Examples:
      logentic push items items.csv
      LOGENTIC_ALLOW_WRITES=true logentic push items items.csv --apply
      logentic push items sizes.csv --from-findings --db logentic.duckdb
    """
    if from_findings:
        _propose(rows, db, apply=apply or allow_delete or as_json)
        return
    _push("items", rows, db, apply=apply, allow_delete=allow_delete, as_json=as_json)


@push.command("orders")
def push_orders(
    rows: Rows,
    db: StateFile = None,
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Compare a file with the orders of the account, print the plan, and with --apply send it.

    An order is found by id, external_name or shopify_order_id. Only orders that are PENDING are updated.

    \b
    Examples:
      logentic push orders orders.csv
      LOGENTIC_ALLOW_WRITES=true logentic push orders orders.json --apply
    """
    _push("orders", rows, db, apply=apply, allow_delete=False, as_json=as_json)


def _propose(file: Path, db: Path | None, *, apply: bool) -> None:
    from logentic.reports.humanize import count
    from logentic.reports.item_sizes import read_proposals, write_proposals
    from logentic.settings import load_settings

    if apply:
        raise UsageError("--from-findings writes a file and sends nothing", "Measure the items, then push the file.")
    settings = load_settings()
    proposals = read_proposals(db or DEFAULT_FILE)
    write_proposals(proposals, file)
    yearly = sum((each.yearly_amount or 0 for each in proposals), Decimal(0))
    print(one_line(f"{file}: {count(len(proposals), 'item')} to measure, {yearly:.2f} {settings.currency} a year"))
    print("Fill in width_in, depth_in and height_in as measured: rows without them change nothing.")


def _push(resource: str, file: Path, db: Path | None, *, apply: bool, allow_delete: bool, as_json: bool) -> None:
    from logentic.push.pusher import push_rows
    from logentic.push.rows import TARGETS, read_file, validate
    from logentic.push.write_client import require_writes
    from logentic.reports import push_report
    from logentic.reports.humanize import count
    from logentic.reports.progress import display_progress
    from logentic.settings import load_settings

    settings = load_settings()
    if apply:
        require_writes(settings.allow_writes)
    target = TARGETS[resource]
    rows, errors = validate(target, read_file(file))
    for error in errors:
        print(one_line(f"logentic: {error}"), file=sys.stderr)
    if errors:
        raise UsageError(f"{file} has {count(len(errors), 'error')}: nothing was sent", "Correct the rows above.")
    with display_progress() as display:
        report = push_rows(
            settings,
            state_file(db, settings),
            target,
            rows,
            apply=apply,
            allow_delete=allow_delete,
            progress=partial(display.pushed, resource),
        )
    if as_json:
        print_json(push_report.as_dict(report))
    else:
        print("\n".join(map(one_line, push_report.as_lines(report))))
    for line in push_report.failure_lines(report):
        print(f"logentic: {line}", file=sys.stderr)
    if report.stopped:
        raise report.stopped
    if report.has_failures:
        raise typer.Exit(1)
