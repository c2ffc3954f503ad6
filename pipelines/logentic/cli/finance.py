"""Define the commands for finance: reconcile, invoices, exceptions, prices, quote, accrual, close."""

import sys
from datetime import date
from pathlib import Path
from shlex import quote as shell_quoted
from typing import TYPE_CHECKING, Annotated

import typer

from logentic.cli.options import DEFAULT_FILE, AsJson, Db, OptionalDb, require_word
from logentic.currencies import money
from logentic.errors import UsageError
from logentic.sanitizer import one_line, print_json

if TYPE_CHECKING:
    from logentic.reports.reconciliation import Reconciliation
    from logentic.settings import Settings

exceptions = typer.Typer(
    help="List the exceptions with their status and deadline, or set a status.\n\n\b\nExamples:\n"
    "  logentic exceptions --status open\n  logentic exceptions set 4711-duplicate_charge disputed",
    invoke_without_command=True,
)
invoices = typer.Typer(
    help="List the invoices with totals, deadlines and decisions, or decide on a payment.\n\n\b\nExamples:\n"
    "  logentic invoices --open\n  logentic invoices decide 7005 approve_in_part --note 'duplicates disputed'",
    invoke_without_command=True,
)
CSV_SEPARATORS = {"comma": ",", "semicolon": ";"}


def parse_invoice(text: str | int, option: str = "") -> int:
    """Return the number of an invoice; explain the format if it is not one."""
    given = str(text).strip()
    if not (given.isascii() and given.isdigit() and int(given)):
        raise UsageError(f"{option}{given} is not an invoice number", "Give one such as 7005.")
    return int(given)


def _parse_invoice_option(text: str | int) -> int:
    return parse_invoice(text, "--invoice ")


Invoice = Annotated[
    int | None, typer.Option(metavar="N", parser=_parse_invoice_option, help="Only charges of this invoice.")
]
Month = Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only charges of this month.")]
By = Annotated[
    str | None, typer.Option(metavar="NAME", help="Author of the entry; kept for next time. Default: your user name.")
]


def reconcile(
    db: Db = DEFAULT_FILE,
    invoice: Invoice = None,
    month: Month = None,
    invoice_total: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Invoice total with tax, to tie out to the cent; it is kept.")
    ] = None,
    xlsx: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the workbook to this file.")] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each sheet of the workbook as a CSV file into this folder."),
    ] = None,
    csv_separator: Annotated[
        str, typer.Option(metavar="NAME", help="Separator of --csv: `comma`, or `semicolon` with decimal commas.")
    ] = "comma",
    letter: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the letter to the warehouse: .docx, .html, .txt or .md.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="Exit with 3 if `exceptions` are open or the invoice total does not tie out."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Audit an invoice or a month: on the screen, as a workbook, as a letter to the warehouse.

    \b
    Examples:
      logentic reconcile --invoice 7005
      logentic reconcile --invoice 7005 --xlsx audit.xlsx --letter letter.docx
      logentic reconcile --month 2026-01 --csv month
    """
    from logentic.reports import reconciliation as report
    from logentic.reports.amount_parser import parse_invoice_total
    from logentic.reports.exceptions import resolve_author
    from logentic.reports.invoice_totals import record_invoice_total
    from logentic.reports.published_file import list_newest_invoices, open_published
    from logentic.reports.reconciliation_screen import as_dict, print_reconciliation
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings

    require_word("--fail-on", fail_on, "exceptions")
    csv_separator = {sign: word for word, sign in CSV_SEPARATORS.items()}.get(csv_separator, csv_separator)
    require_word("--csv-separator", csv_separator, *CSV_SEPARATORS)
    if (invoice is None) == (month is None):
        with open_published(db) as published:
            newest = list_newest_invoices(published)
        raise UsageError("--invoice N or --month YYYY-MM: one of them is needed", newest)
    if invoice_total is not None and invoice is None:
        raise UsageError("--invoice-total needs one invoice", "Name it, such as --invoice 7005.")
    settings = load_settings()
    paper = None if invoice_total is None else parse_invoice_total(invoice_total, settings.currency)
    found = report.reconcile(db, settings, invoice=invoice, month=month_of(month), paper=paper)
    if invoice is not None and paper is not None:
        record_invoice_total(db, invoice, paper, settings.currency, resolve_author(None, db))
    if xlsx:
        try:
            from logentic.reports.workbook import write_workbook
        except ModuleNotFoundError:
            raise UsageError("--xlsx needs xlsxwriter", "Install it: pip install 'logentic-elt[excel]'.") from None
        write_workbook(found, xlsx)
        print(one_line(f"workbook: {xlsx}"), file=sys.stderr)
    if csv:
        from logentic.reports.cover import build_cover
        from logentic.reports.sheets import write_csv

        for path in write_csv(build_cover(found).sheets, csv, found.currency, CSV_SEPARATORS[csv_separator]):
            print(one_line(f"table: {path}"), file=sys.stderr)
    unwritten = None
    if letter:
        unwritten = _write_letter(found, settings, letter)
    # Print last, so that the files are written even if the reader closes the pipe early.
    if as_json:
        print_json(as_dict(found))
    else:
        print_reconciliation(found, Terminal())
    if unwritten:
        raise unwritten
    is_open = any(finding.status == "open" for finding in found.findings)
    if fail_on and (is_open or (found.tie_out and found.tie_out.difference)):
        raise typer.Exit(3)


def _write_letter(found: "Reconciliation", settings: "Settings", path: Path) -> UsageError | None:
    """Write the letter; return the error if there is none to write, because the screen comes first."""
    from logentic.reports.letter import missing_settings, write_letter

    try:
        letter = write_letter(found, settings, path)
    except UsageError as error:
        return error
    print(one_line(f"letter: {path}, {len(letter.evidence)} disputed"), file=sys.stderr)
    if missing := missing_settings(settings):
        print(f"The letter is not complete: set {', '.join(missing)}.", file=sys.stderr)
    return None


@invoices.callback()
def list_invoices(
    context: typer.Context,
    db: OptionalDb = None,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Only invoices with a charge of this month.")
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only invoices that need a review.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the invoices, newest first."""
    from logentic.settings import load_settings

    context.obj, settings = db, load_settings()
    if context.invoked_subcommand:
        return
    from logentic.reports import invoices as report
    from logentic.reports.terminal import Terminal

    listed = report.read_invoices(db or DEFAULT_FILE, settings, month_of(month))
    shown = [invoice for invoice in listed if invoice.is_open or not is_open]
    if as_json:
        print_json([invoice.as_dict() for invoice in shown])
    else:
        report.print_invoices(shown, Terminal())


@invoices.command("decide")
def decide(
    context: typer.Context,
    number: Annotated[
        int, typer.Argument(metavar="N", parser=parse_invoice, help="Number of the invoice, such as 7005.")
    ],
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="Decision: approve, approve_in_part or hold.")],
    amount: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT", help="Amount to pay with tax, for approve_in_part; default: the recommended payment."
        ),
    ] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Reason for the decision.")] = None,
    by: By = None,
    db: OptionalDb = None,
) -> None:
    """Decide on the payment of an invoice. The decision is published with the next run.

    \b
    Examples:
      logentic invoices decide 7005 approve --note 'ties out'
    """
    from logentic.reports.amount_parser import parse_invoice_total
    from logentic.reports.exceptions import resolve_author
    from logentic.reports.invoice_approval import record_invoice_decision
    from logentic.settings import load_settings

    file, settings = db or context.obj or DEFAULT_FILE, load_settings()
    paid = None if amount is None else parse_invoice_total(amount, settings.currency, "--amount")
    author = resolve_author(by, file)
    decided = record_invoice_decision(file, settings, number, decision, author, amount=paid, note=note)
    if decided.decision:
        print(one_line(f"Invoice {number}: {decided.decision.text(settings.currency)}"))


@exceptions.callback()
def list_exceptions(
    context: typer.Context,
    db: OptionalDb = None,
    invoice: Invoice = None,
    month: Month = None,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="S", help="Only this status: open, accepted, disputed, credited, rejected, cleared or withdrawn."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the exceptions, those of the newest invoice first."""
    from logentic.settings import load_settings

    context.obj, settings = db, load_settings()  # also registers the secrets
    if context.invoked_subcommand:
        return
    from logentic.reports import exceptions as report
    from logentic.reports.terminal import Terminal

    known = (*report.STATUSES, *report.OVER_STATUSES)
    if status is not None and status not in known:
        raise UsageError(f"--status {status!r} is not known", f"Choose among: {', '.join(known)}.")
    findings = report.read_findings(db or DEFAULT_FILE, invoice, month_of(month), status)
    if as_json:
        print_json(report.as_dicts(findings))
    else:
        report.print_exceptions(findings, Terminal(), settings.currency)


@exceptions.command("set")
def set_exception(
    context: typer.Context,
    exception_id: Annotated[str, typer.Argument(metavar="ID", help="Id as listed, such as 4711-duplicate_charge.")],
    status: Annotated[
        str, typer.Argument(metavar="STATUS", help="Status: open, accepted, disputed, credited or rejected.")
    ],
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Reason, or whom you wrote to.")] = None,
    by: By = None,
    db: OptionalDb = None,
) -> None:
    """Set the status of an exception. The status is published with the next run.

    \b
    Examples:
      logentic exceptions set 4711-duplicate_charge accepted --note 'agreed'
    """
    from logentic.reports.exceptions import record_decision, resolve_author

    file = db or context.obj or DEFAULT_FILE
    finding = record_decision(file, exception_id, status, note, resolve_author(by, file))
    said = f"says {finding.set_by} at {finding.set_at:%Y-%m-%d %H:%M} UTC"
    print(one_line(f"{finding.exception_id} is {finding.status}, {said}"))


def prices(
    db: Db = DEFAULT_FILE,
    charge_type: Annotated[
        str | None, typer.Option("--type", metavar="NAME", help="Only charges of this type.")
    ] = None,
    toml: Annotated[
        bool,
        typer.Option("--toml", help="Print learned prices as charge_rates for config.toml, to check and sign off."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the price of each type of charge: learned from invoices, and from your rate card.

    \b
    Examples:
      logentic prices
      logentic prices --toml --type picking
    """
    from logentic.reports import price_list as report
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings

    if toml and as_json:
        raise UsageError("--toml and --json cannot be combined", "Use one of them.")
    settings = load_settings()
    if toml:
        print(report.as_toml(db, *report.read_learned_rates(db, charge_type)))
    elif as_json:
        print_json(report.as_dict(report.read_price_list(db, charge_type)))
    else:
        report.print_prices(report.read_price_list(db, charge_type), Terminal(), settings.currency)


def quote(
    card: Annotated[
        list[Path] | None,
        typer.Option("--card", metavar="CARD", help="Card of a contract, as TOML; repeat for others."),
    ] = None,
    db: Db = DEFAULT_FILE,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM", help="First month to price.")] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="YYYY-MM", help="Last month to price. Default: the last twelve that have ended."),
    ] = None,
    dimensions: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="Measured sizes of items: price their effect under each card, by item and year."
        ),
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the cost by volume, mix and storage as this .svg file.")
    ] = None,
    xlsx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the tables of the quote as a workbook.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the tables of the quote as CSV files into this folder.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the result; the next run publishes it as quotes and quote_lines.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Price your history under other contracts. Without a card: check the learned prices.

    \b
    Examples:
      logentic quote --card examples/cards/per-order.toml
      logentic quote --card examples/cards/monthly.toml --from 2026-01 --chart quote.svg
    """
    from logentic.reports.exceptions import resolve_author
    from logentic.reports.quote.card import CardError, read_card
    from logentic.reports.quote.chart import write_chart
    from logentic.reports.quote.comparison import quote as price_history
    from logentic.reports.quote.saved import save_quote
    from logentic.reports.quote.screen import as_dict, build_sheets, print_quote
    from logentic.reports.sheets import write_csv
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings

    if dimensions and not card:
        raise UsageError("--dimensions needs a card", "Name one: --card CARD.")
    settings, cards = load_settings(), []
    try:
        cards = [read_card(path) for path in card or []]
    except CardError as error:
        for mistake in error.mistakes[1:]:
            print(mistake, file=sys.stderr)
        raise
    found = price_history(db, settings, cards, month_of(first), month_of(last), dimensions)
    if save:
        print(f"quote: {save_quote(found, resolve_author(by, db))}", file=sys.stderr)
    if chart:
        write_chart(found, chart)
        print(one_line(f"chart: {chart}"), file=sys.stderr)
    if xlsx:
        try:
            from logentic.reports.workbook import write_sheets
        except ModuleNotFoundError:
            raise UsageError("--xlsx needs xlsxwriter", "Install it: pip install 'logentic-elt[excel]'.") from None
        write_sheets(found, build_sheets(found), xlsx, "Cost of the history under other contracts")
        print(one_line(f"workbook: {xlsx}"), file=sys.stderr)
    for path in write_csv(build_sheets(found), csv, found.currency) if csv else ():
        print(one_line(f"table: {path}"), file=sys.stderr)
    if as_json:
        print_json(as_dict(found))
    else:
        print_quote(found, Terminal())


def accrual(
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Month to accrue.")],
    db: Db = DEFAULT_FILE,
    leave_out_billed: Annotated[
        bool, typer.Option("--leave-out-billed", help="Leave out charges that were billed after the month.")
    ] = False,
    journal: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write journal entries and their reversal to this .csv file.")
    ] = None,
    layout: Annotated[
        str, typer.Option("--format", metavar="NAME", help="Format of the journal: quickbooks or xero.")
    ] = "quickbooks",
    as_json: AsJson = False,
) -> None:
    """Accrue the costs of a month that were not billed in it, by type of charge.

    \b
    Examples:
      logentic accrual --month 2026-01
      logentic accrual --month 2026-01 --journal accrual.csv --format xero
    """
    from logentic.reports import accrual as report
    from logentic.reports.journal import LAYOUTS, build_journal, write_journal
    from logentic.reports.terminal import Terminal
    from logentic.settings import load_settings

    if layout not in LAYOUTS:
        raise UsageError(f"--format {layout!r} is not known", f"Choose among: {', '.join(LAYOUTS)}.")
    settings = load_settings()
    accrued = report.read_accrual(db, _month(month), settings, with_billed=not leave_out_billed)
    if journal:
        write_journal(build_journal(accrued, settings), journal, layout, settings)
        print(one_line(f"journal: {journal}, for {layout}"), file=sys.stderr)
    if as_json:
        print_json(accrued.as_dict())
    else:
        report.print_accrual(accrued, Terminal())


def close(
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="Month to close, such as 2026-01.")],
    db: Db = DEFAULT_FILE,
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", help="Close without a confirmation, as scripts need.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Reopen the month; requires --note.")] = False,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Reason for reopening the month.")] = None,
) -> None:
    """Freeze the figures of a month; later changes are listed in the table restatements.

    \b
    Examples:
      logentic close 2026-01 --yes
      logentic close 2026-01 --undo --note 'two bills were late'
    """
    from logentic.reports.exceptions import read_findings, resolve_author, sum_open_amounts
    from logentic.reports.humanize import count
    from logentic.reports.month_close import close_month, preview_close, reopen_month
    from logentic.settings import load_settings

    day, settings = _month(month), load_settings()
    if undo != bool((note or "").strip()):
        raise UsageError(
            "--undo and --note TEXT go together", f"Such as: --undo --note 'two bills of {month} were late'."
        )
    if undo:
        author = resolve_author(by, db)
        reopen_month(db, day, author, one_line(note or "").strip())
        print(one_line(f"Reopened {month} ({author}). Published with the next run; it can then be closed again"))
        return
    frozen = preview_close(db, day, settings.timezone)
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"closing {month} has to be confirmed, and there is no terminal", "Add --yes.")
    print(f"{month} as known at {frozen.known_at:%Y-%m-%d %H:%M} UTC: {frozen.frozen_text}", file=sys.stderr)
    print(f"charges: {money(frozen.charged, settings.currency)} {settings.currency} before tax", file=sys.stderr)
    if waiting := read_findings(db, month=day, status="open"):
        amounts = sum_open_amounts(waiting).text(settings.currency)
        listed = f"logentic exceptions --month {month} --status open --db {shell_quoted(str(db))}"
        print(
            one_line(f"warning: {count(len(waiting), 'exception')} still open: {amounts}. See: {listed}"),
            file=sys.stderr,
        )
    if not yes and not typer.confirm("Freeze these figures?", err=True):
        print(f"{month} stays open", file=sys.stderr)
        raise typer.Exit(1)
    closed = close_month(db, day, resolve_author(by, db), settings.timezone)
    print(f"{month} is closed as known at {closed.known_at:%Y-%m-%d %H:%M} UTC: {closed.frozen_text}")


def month_of(text: str | None) -> date | None:
    return None if text is None else _month(text)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise UsageError(f"{text!r} is not a month", "Write it as YYYY-MM, such as 2026-01.") from None
