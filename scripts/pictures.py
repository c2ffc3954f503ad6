"""Draw the pictures of docs/finance.md in docs/pictures: the terminal as SVG, pages of the workbook as PNG.

The account of the sandbox is always the same. Needs LibreOffice (soffice) and pdftoppm.
"""

import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from logentic.job import JobOptions, run_job
from logentic.reports import accrual, exceptions, invoices, reconciliation_screen
from logentic.reports.invoice_approval import record_invoice_decision
from logentic.reports.invoice_totals import record_invoice_total
from logentic.reports.month_close import close_month
from logentic.reports.reconciliation import Reconciliation, reconcile
from logentic.reports.workbook import write_workbook
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
INVOICE = 7003
MONTH = date(2026, 2, 1)
PAGES = {"cover": 1, "summary": 2, "exceptions": 3, "charges": 4}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        Sandbox(Account(seed=1, scale=0.3, days=90, today=date(2026, 3, 17))) as sandbox,
    ):
        file = Path(folder) / "logentic.duckdb"
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")
        run_job(settings, file, JobOptions())
        found = untied(file, settings)
        draw(
            "reconcile",
            f"logentic reconcile --db logentic.duckdb --invoice {INVOICE} …",
            lambda c: reconciliation_screen.print_reconciliation(found, c),
        )
        first, second, *_ = exceptions.read_findings(file, INVOICE)
        exceptions.record_decision(file, first.exception_id, "disputed", "written to the warehouse", "marie")
        exceptions.record_decision(file, second.exception_id, "accepted", "agreed by phone", "marie")
        listed = exceptions.read_findings(file, INVOICE)
        command = f"logentic exceptions --db logentic.duckdb --invoice {INVOICE}"
        draw("exceptions", command, lambda c: exceptions.print_exceptions(listed, c, found.currency))
        draw_month_end(file, settings)
        draw_workbook(untied(file, settings), Path(folder), PAGES)
        restate(sandbox, settings, file, listed)
        draw_workbook(reconcile(file, settings, month=MONTH), Path(folder), {"restatements": -1})


def draw_month_end(file: Path, settings: Settings) -> None:
    """Draw the list of invoices, one approved in part and one that ties, and the accrual of the month."""
    older = invoices.read_invoice(file, settings, INVOICE - 1)
    record_invoice_total(file, older.payment_id, older.total.total, settings.currency, "marie")
    note = "two charges disputed"
    record_invoice_decision(file, settings, INVOICE, "approve_in_part", "marie", note=note)
    listed = invoices.read_invoices(file, settings)
    draw("invoices", "logentic invoices --db logentic.duckdb", lambda c: invoices.print_invoices(listed, c), 80)
    accrued = accrual.read_accrual(file, MONTH, settings)
    command = f"logentic accrual --month {MONTH:%Y-%m} --db logentic.duckdb"
    draw("accrual", command, lambda c: accrual.print_accrual(accrued, c), 80)


def restate(sandbox: Sandbox, settings: Settings, file: Path, found: list[exceptions.Finding]) -> None:
    """Close the month; then restate one charge and withdraw another."""
    close_month(file, MONTH, "marie", settings.timezone)
    changed, withdrawn = [f for f in found if f.month == MONTH and f.charge_id][:2]
    sandbox.alter("payment_items", changed.charge_id, amount=changed.amount_at_stake + 1)
    sandbox.remove("payment_items", withdrawn.charge_id)
    sandbox.clock.advance(timedelta(days=8))
    run_job(settings, file, JobOptions())


def untied(file: Path, settings: Settings) -> Reconciliation:
    """Draw an invoice whose paper lacks the most expensive shipping charge."""
    whole = reconcile(file, settings, invoice=INVOICE)
    names = [column.name for column in whole.charges.columns]
    dearest = max(
        row[names.index("billed")] for row in whole.charges.rows if row[names.index("charge_type")] == "shipping"
    )
    assert whole.tie_out
    taxes = sum((dearest * tax.rate / 100 for tax in settings.taxes), dearest)
    return reconcile(file, settings, invoice=INVOICE, paper=round(whole.tie_out.total - taxes, 2))


def draw(name: str, command: str, show: Callable[[Console], None], width: int = 100) -> None:
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True, highlight=False)
    console.print(f"$ {command}", style="bold green", highlight=False)
    show(console)
    (FOLDER / f"{name}.svg").write_text(console.export_svg(title="Terminal", unique_id=name), "utf-8")


def draw_workbook(found: Reconciliation, folder: Path, pages: dict[str, int]) -> None:
    """Draw the pages of the workbook by number; -1 is the last."""
    write_workbook(found, folder / "invoice.xlsx")
    office = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "pdf"]
    subprocess.run([*office, "--outdir", str(folder), str(folder / "invoice.xlsx")], check=True, capture_output=True)
    told = subprocess.run(["pdfinfo", str(folder / "invoice.pdf")], check=True, capture_output=True, text=True).stdout
    last = next(line.split()[1] for line in told.splitlines() if line.startswith("Pages:"))
    for name, page in pages.items():
        number = last if page < 0 else str(page)
        picture = ["-singlefile", "-f", number, "-l", number, str(folder / "invoice.pdf")]
        subprocess.run(["pdftoppm", "-r", "80", "-png", *picture, str(FOLDER / f"workbook-{name}")], check=True)


if __name__ == "__main__":
    sys.exit(main())
