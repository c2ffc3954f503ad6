"""Find the records of an account by their names, and say whether a record that was not found does not exist.

Filters are documented, and whether they are obeyed is not known: every row is compared here. A service that ignores a
filter returns other rows, and then the whole list is read. A look-up that must prove that a record does not exist
looks for controls as well: records that are known to exist. If it does not find them, it proves nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from logentic.api.client import Client
from logentic.api.pagination import Page, parse_rows, read_page, read_pages, read_record
from logentic.errors import NotFound
from logentic.push.rows import Name, Target
from logentic.push.write_client import record_id

Record = dict[str, Any]
BATCH_NAMES, BATCH_CHARACTERS = 50, 1500
LARGEST_READINGS = 4  # of a whole list, until two in a row agree
BATCHED = ("orders", "external_name")  # the only filter that takes several values, separated by commas


class FilterIgnored(Exception):
    """The service returned a row that the filter excludes."""


@dataclass
class Found:
    """The records by name. `proves_absence`: a name without a record has none; else `reason` says why it may."""

    by_name: dict[Name, list[Record]] = field(default_factory=dict)
    by_id: dict[int, Record] = field(default_factory=dict)
    proves_absence: bool = True
    reason: str = ""

    def records(self, names: Iterable[Name]) -> list[Record]:
        """Return the records that have one of the names, each once."""
        found = {record_id(each): each for name in names for each in self.by_name.get(name, [])}
        return list(found.values())


class Lookup:
    """Look records up by filters, or in the whole list where that is cheaper or filters are not obeyed."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client, self._target = client, target
        self._path = target.resource.path
        self._has_filters = target.name == "orders"  # the list of items is short, and is read whole
        self._first: Page | None = None

    def find(
        self, names: Collection[Name], controls: Sequence[tuple[Name, int]] = (), *, must_prove: bool = False
    ) -> Found:
        """Find records by their names. `must_prove`: without a control that is found, absence is not proved."""
        names = set(names)
        if not names:
            return Found()
        found = None
        if self._has_filters and self._is_filter_cheaper(names):
            found = self._find_by_filter(names, controls or self._known_names())
        if found is None:
            found = self._find_in_list(names)
        if must_prove and found.proves_absence:
            seen = any(record_id(each) == known for name, known in controls for each in found.by_name.get(name, []))
            if not seen:
                found.proves_absence = False
                found.reason = "no record that this program created can be found by its name"
        return found

    def read(self, record: int) -> Record | None:
        """Return one record as it is now; None if the service does not know it."""
        try:
            page = read_record(self._client, self._path, record, self._target.name)
        except NotFound:
            return None
        rows = parse_rows(page, self._target.name)
        return rows[0] if record_id(rows[0]) == record else None

    def read_all(self) -> Found:
        return self._find_in_list(set())

    def _is_filter_cheaper(self, names: Collection[Name]) -> bool:
        self._first = self._first or read_page(self._client, self._path, {}, f"{self._target.name}, page 1")
        batched = sum((self._target.name, name) == BATCHED for name, _ in names)
        requests = -(-batched // (BATCH_NAMES - 1)) + len(names) - batched
        return requests <= 2 * self._first.total_pages

    def _known_names(self) -> list[tuple[Name, int]]:
        """Return a record of the account by whose name a filter can be tried; none in an empty account."""
        rows = parse_rows(self._first, self._target.name) if self._first else []
        for row in rows:
            name, key = row.get("external_name"), record_id(row)
            if isinstance(name, str) and name.strip() == name and name and "," not in name and key is not None:
                return [(("external_name", name), key)]
        return []

    def _find_by_filter(self, names: Collection[Name], controls: Sequence[tuple[Name, int]]) -> Found | None:
        """Return what the filters find; None if they are not obeyed."""
        found = Found()
        control_names = [name for name, _ in controls if name[0] == "external_name"][-1:]
        try:
            for batch in self._batches(names, control_names):
                self._read_filtered(batch, found)
        except FilterIgnored:
            self._has_filters = False
            return None
        if controls and not any(
            record_id(each) == known for name, known in controls for each in found.by_name.get(name, [])
        ):
            return None
        return found

    def _batches(self, names: Collection[Name], controls: list[Name]) -> Iterable[list[Name]]:
        batch: list[Name] = []
        for name in sorted(names):
            if (self._target.name, name[0]) != BATCHED:
                yield [name]
                continue
            if len(batch) + len(controls) >= BATCH_NAMES or sum(len(n[1]) + 3 for n in batch) > BATCH_CHARACTERS:
                yield [*batch, *controls]
                batch = []
            batch.append(name)
        if batch or controls:
            yield [*batch, *controls]

    def _read_filtered(self, batch: list[Name], found: Found) -> None:
        where = f"{self._target.name} by {batch[0][0]}"
        query = {batch[0][0]: ",".join(dict.fromkeys(value for _, value in batch))}
        records, is_whole = _read_list(self._client, self._path, query, where, self._target, batch)
        for record in records.values():
            _add(found, record, self._target)
        if not is_whole:
            found.proves_absence, found.reason = False, "the list changed while it was read"

    def _find_in_list(self, names: Collection[Name]) -> Found:
        """Read the whole list until two readings in a row agree that no record left it."""
        found, before = Found(), None
        is_proved = False
        for _ in range(LARGEST_READINGS):
            records, is_whole = _read_list(self._client, self._path, {}, self._target.name, self._target, None)
            found.by_id |= records
            known = {name for record in found.by_id.values() for name in _names(record, self._target)}
            if is_whole and before is not None and records.keys() >= before:
                is_proved = True
            if is_proved or (names and set(names) <= known):
                break
            before = set(records) if is_whole else None
        for record in found.by_id.values():
            _add(found, record, self._target)
        if not is_proved:
            found.proves_absence, found.reason = False, "the list changed while it was read"
        return found


def _read_list(
    client: Client, path: str, query: Mapping[str, str], where: str, target: Target, only: Collection[Name] | None
) -> tuple[dict[int, Record], bool]:
    """Return the records by id, and whether the list was read whole. Raises `FilterIgnored` for a row not asked for."""
    records: dict[int, Record] = {}
    totals = set()
    for page in read_pages(client, path, query, where):
        totals.add(page.total)
        if page.is_not_found:
            return records, False
        for row in parse_rows(page, where):
            key = record_id(row)
            if key is None:
                return records, False
            if only is not None and not set(_names(row, target)) & set(only):
                raise FilterIgnored
            records[key] = row
    return records, totals == {len(records)}


def _names(record: Mapping[str, Any], target: Target) -> list[Name]:
    values = ((name, record.get(name)) for name in target.names)
    return [(name, str(value)) for name, value in values if value not in (None, "") and not isinstance(value, bool)]


def _add(found: Found, record: Record, target: Target) -> None:
    if (key := record_id(record)) is not None:
        found.by_id[key] = record
    for name in _names(record, target):
        known = found.by_name.setdefault(name, [])
        if key not in map(record_id, known):
            known.append(record)
