"""Define options that several commands share, and their parsers."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logentic.database_file import database_path
from logentic.errors import UsageError

if TYPE_CHECKING:
    from logentic.settings import Settings

FILE_VARIABLE = "LOGENTIC_DB"
DEFAULT_FILE = Path("logentic.duckdb")  # in the working directory


def file_option(text: str) -> Any:
    """Return the option that names FILE, with a help text."""
    return typer.Option(
        "--db", parser=database_path, envvar=FILE_VARIABLE, show_default=False, metavar="FILE", help=text
    )


ANALYSTS_FILE = file_option("DuckDB file that analysts open; default: logentic.duckdb.")
Db = Annotated[Path, ANALYSTS_FILE]
OptionalDb = Annotated[Path | None, ANALYSTS_FILE]
DbOrState = Annotated[
    Path | None, file_option("DuckDB file to publish; for another destination FILE.state is its state folder.")
]
DestinationName = Annotated[
    str | None,
    typer.Option(
        "--destination", metavar="NAME", help="Destination instead of the setting: duckdb, postgres or filesystem."
    ),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="NAME", help="Engine that builds the tables in a folder or bucket: spark, at SPARK_REMOTE."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; secrets are hidden.")]


def require_word(option: str, given: str | None, *known: str) -> None:
    """Refuse a value that is not one of these words."""
    if given is not None and given not in known:
        raise UsageError(f"{option} {given!r} is not known", f"Use: {option} {' or '.join(known)}.")


def parse_words(option: str, given: str | None, known: tuple[str, ...]) -> frozenset[str]:
    """Return the comma-separated words of an option."""
    words = frozenset(word.strip() for word in given.split(",")) if given is not None else frozenset()
    if unknown := sorted(words - set(known)):
        raise UsageError(f"{option} {unknown[0]!r} is not known", f"Use: {option} {', '.join(known)}, or several.")
    return words


def state_file(db: Path | None, settings: "Settings") -> Path:
    """Return the file that the state folder is named after; a destination other than DuckDB has no file."""
    from logentic.destinations.base import destination_class

    if db is None and destination_class(settings).publishes_file:
        return DEFAULT_FILE
    return db or Path(f"logentic.{settings.destination}")


def parse_day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a day", "Write it as YYYY-MM-DD, such as 2026-01-31.") from None
