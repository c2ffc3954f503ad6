"""Record what a person says on a page, through the audit log, as the commands do."""

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
    """Return a form that records its values, and then has the page drawn again.

    It stays as it is, with the reason, if `validate` returns one or the values cannot be recorded.
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
    """Return the field of the name, filled with the one that was typed last."""
    try:
        known = resolve_author(None, file)
    except UsageError:
        known = ""
    return mo.ui.text(label="Your name", value=known, max_length=NAME_LETTERS)


def note_field(label: str = "Note") -> Any:
    return mo.ui.text(label=label, max_length=NOTE_LETTERS, full_width=True)


def require_words(form: Any, **fields: str) -> str | None:
    """Return what is missing in a form, by field; None if nothing is."""
    return next((words for name, words in fields.items() if not str((form or {}).get(name) or "").strip()), None)


def currency() -> str:
    return load_settings().currency
