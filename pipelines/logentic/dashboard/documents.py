"""Export an invoice or a month: the letter, whose wording can be edited, and the workbook."""

from datetime import date
from functools import partial
from html import escape
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import marimo as mo

from logentic.dashboard.filters import Elements
from logentic.dashboard.panels import Panel, Selection
from logentic.dashboard.snapshot import Snapshot
from logentic.reports.exceptions import read_findings
from logentic.reports.letter import compose_letter, has_request, missing_settings
from logentic.reports.letter_formats import RENDERERS, Letter
from logentic.reports.reconciliation import reconcile
from logentic.settings import load_settings

LETTER_FORMATS = {
    ".docx": ("Word", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ".html": ("HTML", "text/html"),
    ".txt": ("text", "text/plain"),
}
LETTER_LETTERS = 5000
# The frame has its own origin, where the newer clipboard API is blocked.
COPY_BUTTON = """<style>
button { font: inherit; padding: .3em .8em; margin-bottom: 1em; }
@media print { nav { display: none; } }
</style>
<nav><button onclick="getSelection().selectAllChildren(document.querySelector('main')); document.execCommand('copy');
this.textContent = 'Copied: paste it into an e-mail'">Copy as e-mail</button></nav>
"""


def draft(snapshot: Snapshot, selection: Selection) -> Elements:
    """Return the editable wording of the letter; nothing if there is nothing to claim."""
    composed = _compose(snapshot, selection)
    if composed is None:
        return {}
    before, after = composed.words
    return {
        "subject": mo.ui.text(composed.subject, label="Subject", full_width=True),
        "before": _words_field(before, "Before the table"),
        "after": _words_field(after, "After the table"),
    }


def letter(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The letter to the warehouse."""
    composed, words = _compose(snapshot, selection), selection["draft"]
    if composed is None or not words:
        return None
    edited = composed.reword(**words)
    missing = missing_settings(load_settings())
    return Panel(
        f"Letter: {edited.subject}",
        note=f"The letter is not complete: set {', '.join(missing)}." if missing else "",
        extra=(*_downloads(edited, f"letter-{_name_of(selection)}"), _preview(edited)),
        wide=True,
    )


def workbook(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The workbook."""
    scope = _scope_of(selection)
    if not scope:
        return None
    if not find_spec("xlsxwriter"):
        return Panel("There is no workbook", note="It needs the extra excel.")
    button = mo.download(
        lambda: _workbook_bytes(snapshot.file, scope),
        filename=f"{'invoice' if 'invoice' in scope else 'month'}-{_name_of(selection)}.xlsx",
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        label="Download the workbook",
    )
    note = "A page to sign, the summary, exceptions with their evidence, charges, storage, accrual, rate card."
    return Panel("For your files, and for the signature", note=note, extra=(button,))


DRAFTED = (letter,)


def _compose(snapshot: Snapshot, selection: Selection) -> Letter | None:
    """Return the letter; None if nothing disputed can be claimed."""
    scope, settings = _scope_of(selection), load_settings()
    if not scope or not any(map(has_request, read_findings(snapshot.file, **scope))):
        return None
    return compose_letter(reconcile(snapshot.file, settings, **scope), settings)


def _scope_of(selection: Selection) -> dict[str, Any]:
    """Return the invoice, or else the month, that is open on the page."""
    if invoice := selection.get("invoice"):
        return {"invoice": invoice}
    month = selection.get("month")
    return {"month": date.fromisoformat(f"{month}-01")} if month else {}


def _name_of(selection: Selection) -> str:
    return str(selection.get("invoice") or selection["month"])


def _words_field(words: tuple[str, ...], label: str) -> Any:
    return mo.ui.text_area("\n".join(words), label=label, rows=5, max_length=LETTER_LETTERS, full_width=True)


def _downloads(composed: Letter, name: str) -> list[mo.Html]:
    return [
        mo.download(
            partial(RENDERERS[ending], composed),
            filename=f"{name}{ending}",
            mimetype=mimetype,
            label=f"Download as {format_name}",
        )
        for ending, (format_name, mimetype) in LETTER_FORMATS.items()
    ]


def _preview(composed: Letter) -> mo.Html:
    """Return the letter, with a button that copies it, in a frame without access to the page around it."""
    page = RENDERERS[".html"](composed).decode()
    page = page.replace("<body>", f"<body>{COPY_BUTTON}<main>", 1).replace("</body>", "</main></body>", 1)
    frame = f'class="lg-letter" title="The letter" sandbox="allow-scripts" srcdoc="{escape(page)}"'
    return mo.Html(f"<iframe {frame}></iframe>")


def _workbook_bytes(file: Path, scope: dict[str, Any]) -> bytes:
    from logentic.reports.workbook import write_workbook

    with TemporaryDirectory() as folder:
        path = Path(folder) / "workbook.xlsx"
        write_workbook(reconcile(file, load_settings(), **scope), path)
        return path.read_bytes()
