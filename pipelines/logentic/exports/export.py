"""Export the marts of FILE into a folder: all from one snapshot, and all or nothing."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from logentic.errors import StateError, UsageError, first_line
from logentic.exports.mart import Mart, read_marts
from logentic.reports.published_file import open_published, read_known_at

# Arguments: the marts, the folder to write, and its final path.
Writer = Callable[[list[Mart], Path, Path], dict[str, int]]
FORMATS = ("parquet", "delta", "iceberg", "ducklake")
LIBRARIES = {"delta": "deltalake", "iceberg": "pyiceberg"}
MARK = "logentic_export.json"  # written last; a folder without it is never replaced


def export_marts(file: Path, layout: str, folder: Path, *, overwrite: bool) -> dict[str, Any]:
    """Write all marts, and return what was written."""
    write = _writer_of(layout)
    folder = Path(os.path.realpath(folder))
    _require_free(folder, overwrite=overwrite)
    with open_published(file) as connection, _replacing_folder(folder) as partial:
        connection.execute("begin transaction")
        found: dict[str, Any] = {"format": layout, "known_at": read_known_at(connection).isoformat()}
        try:
            found["tables"] = write(read_marts(connection), partial, folder)
        except (duckdb.Error, OSError) as error:
            raise StateError(
                f"{folder} could not be written: {first_line(error)}",
                "Free space, or correct it; nothing was replaced.",
            ) from None
        (partial / MARK).write_text(json.dumps(found, indent=2) + "\n")
    return {**found, "folder": str(folder)}


def _writer_of(layout: str) -> Writer:
    try:
        write: Writer = import_module(f"logentic.exports.{layout}").write
    except ModuleNotFoundError as error:
        library = LIBRARIES.get(layout)
        if library is None or str(error.name).partition(".")[0] == "logentic":
            raise
        raise UsageError(
            f"--format {layout} needs {library}, which is not installed",
            f"Install it: pip install 'logentic-elt[{layout}]'",
        ) from None
    return write


def _require_free(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--to {folder} is no folder", "Name another.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).is_file():
        raise UsageError(
            f"--to {folder} contains files that logentic export did not write", "Name another, or an empty one."
        )
    if not overwrite:
        raise UsageError(f"--to {folder} already contains an export", "Replace it: --overwrite.")


@contextmanager
def _replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the one to write; it takes its place at the end, and is removed on an error."""
    partial, replaced = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("partial", "replaced"))
    try:
        for left in (partial, replaced):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"--to {folder} cannot be written: {error.strerror or error}", "Name another.") from None
    try:
        yield partial
        try:
            if folder.exists():
                folder.rename(replaced)
            partial.rename(folder)
        except OSError as error:
            if replaced.exists() and not folder.exists():
                replaced.rename(folder)
            raise StateError(f"--to {folder} cannot be replaced: {error.strerror or error}", "Name another.") from None
    finally:
        for left in (partial, replaced):
            shutil.rmtree(left, ignore_errors=True)
