"""Record what a person enters on a page in the audit log, as the commands do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import marimo as mo

from logentic.errors import LogenticError, UsageError
from logentic.reports.exceptions import resolve_author
from logentic.settings import load_settings

Changed = Callable[[Callable[[int], int]], None]
NAME_LETTERS, NOTE_LETTERS = 80, 500


def entry_form(
    fields: dict[str, Any],
    button: str,
    write: Callable[[dict[str, Any]], Any],
    changed: Changed,
    validate: Callable[[Any], str | None] | None = None,
) -> Any:
    """Return a form that records its values and then redraws the page.

    If `validate` returns an error, or the values cannot be recorded, the form stays and shows the reason.
    """

    def submit(form: Any) -> None:
        if form:
            _save(changed, lambda: write(form))

    return (
        mo.md(" ".join(f"{{{name}}}" for name in fields))
        .batch(**fields)
        .form(submit_button_label=button, bordered=False, validate=validate, on_change=submit)
    )


def _save(changed: Changed, write: Callable[[], Any]) -> None:
    try:
        write()
    except LogenticError as error:
        mo.status.toast("Not saved", f"{error}. {error.guidance}", kind="danger")
    except (duckdb.Error, OSError) as error:
        mo.status.toast("Not saved", str(error).splitlines()[0], kind="danger")
    else:
        mo.status.toast("Saved", "Published with the next run.")
        changed(lambda count: count + 1)


def name_field(file: Path) -> Any:
    """Return the field for the name, filled with the last name typed."""
    try:
        known = resolve_author(None, file)
    except UsageError:
        known = ""
    return mo.ui.text(label="Your name", value=known, max_length=NAME_LETTERS)


def note_field(label: str = "Note") -> Any:
    return mo.ui.text(label=label, max_length=NOTE_LETTERS, full_width=True)


def require_words(form: Any, **fields: str) -> str | None:
    """Return the error for each missing field of a form; None if the form is complete."""
    return next((words for name, words in fields.items() if not str((form or {}).get(name) or "").strip()), None)


def currency() -> str:
    return load_settings().currency
