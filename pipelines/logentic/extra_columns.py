"""Decide which fields that the reference does not name get columns of their own.

Each raw table has at most `LIMIT` of them; the fields beyond go into one JSON column. A field that has a column keeps
it: stored columns count first, and within a run columns are only added.
"""

import re
import threading
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from itertools import chain, count

LIMIT = 200
MORE_FIELDS = "_more_fields"
LONGEST_NAME = 60  # PostgreSQL truncates names after 63 bytes, and a number may follow


class ExtraColumns:
    """The unknown columns of each table. Thread-safe."""

    def __init__(self, stored: Mapping[str, Collection[str]] | None = None) -> None:
        self._columns = {table: set(names) for table, names in (stored or {}).items()}
        self._lock = threading.Lock()

    def admit(self, table: str, names: Iterable[str]) -> set[str]:
        """Return the names that have a column, after adding columns up to the limit."""
        wanted = sorted(names)
        with self._lock:
            columns = self._columns.setdefault(table, set())
            columns.update([name for name in wanted if name not in columns][: max(LIMIT - len(columns), 0)])
            return columns.intersection(wanted)


def column_name(field: str) -> str:
    """Return a field's column name as dlt would normalize it: otherwise read rows would never equal stored ones."""
    parts = (re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", part) for part in field.split("__"))
    words = (re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") for part in parts)
    name = "__".join(word for word in words if word) or "unnamed"
    name = f"_{name}" if name[0].isdigit() else name
    if len(name) > LONGEST_NAME:  # keep two names with the same beginning apart
        name = f"{name[: LONGEST_NAME - 11]}_{blake2b(field.encode(), digest_size=5).hexdigest()}"
    return name


def column_names(fields: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Return the column of each field of one row. It depends on that row alone, so that it is the same on every
    page.
    """
    columns: dict[str, str] = {}
    used = set(taken)
    for field in sorted(fields):
        name = column_name(field)
        columns[field] = next(free for free in chain([name], (f"{name}_{n}" for n in count(2))) if free not in used)
        used.add(columns[field])
    return columns
