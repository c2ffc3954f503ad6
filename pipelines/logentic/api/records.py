"""Read one record, or a filtered list, as the API gives it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from logentic.api.client import Client
from logentic.api.pagination import parse_rows, read_pages, read_record
from logentic.api.values import Unreadable, reader
from logentic.errors import UsageError
from logentic.json_text import as_list
from logentic.privacy.measures import DATE_VALUE
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import DAY, RESOURCES, Resource
from logentic.settings import Settings

MASK = "***"


class RecordPseudonymizer(Pseudonymizer):
    """Pseudonymize records as the API returns them."""

    _masked_names = 0  # per record

    def record(self, resource: Resource, record: Any) -> Any:
        """Return a record with the same fields, in their order, pseudonymized by the rules of the raw tables.

        A name within an unknown object that may be personal is masked and numbered: ***1.
        """
        self._masked_names = 0
        if not isinstance(record, dict):
            return self._unknown(resource, "", record)
        nested = {name.partition("__")[0] for name in resource.columns if "__" in name}
        masked: dict[str, Any] = {}
        for name, value in record.items():
            if name in nested and isinstance(value, dict):
                masked[name] = {
                    self._field(resource, f"{name}__{inner}", inner): self._value(resource, f"{name}__{inner}", part)
                    for inner, part in value.items()
                }
            elif resource.lines and name == resource.lines.field and (lines := as_list(value)) is not None:
                masked[name] = [self._line(resource, line) for line in lines]
            else:
                masked[self._field(resource, name, name)] = self._value(resource, name, value)
        return masked

    def _line(self, resource: Resource, line: Any) -> Any:
        if not isinstance(line, dict) or resource.lines is None:
            return self._unknown(resource, "", line)
        known = resource.lines.columns
        return {
            self._field(resource, name, name): self._readable(resource, name, value, known[name])
            if name in known
            else self._unknown(resource, name, value)
            for name, value in line.items()
        }

    def _value(self, resource: Resource, name: str, value: Any) -> Any:
        if name not in resource.columns:
            return self._unknown(resource, name, value)
        if self.is_personal(name, resource.personal) and value is not None:
            return self.known(name, str(value))
        return self._readable(resource, name, value, resource.columns[name])

    def _readable(self, resource: Resource, name: str, value: Any, kind: pa.DataType) -> Any:
        """Return a known value; treat it as unknown if its column cannot store it."""
        try:
            reader(kind)(value)
        except Unreadable:
            is_day = kind == DAY and isinstance(value, str) and DATE_VALUE.fullmatch(value)
            return value if is_day else self._unknown(resource, name, value)
        return value

    def _unknown(self, resource: Resource, name: str, value: Any) -> Any:
        hide = self.pseudonymize_unlisted if resource.is_about_people else self.pseudonymize_unknown
        return hide(name, value)

    def _field(self, resource: Resource, path: str, name: str) -> str:
        is_kept = not resource.is_about_people or path in resource.columns or self.can_be_column(path)
        return name if is_kept else self._masked_name()

    def _name(self, path: str, name: str, *, again: bool) -> str:
        found = super()._name(path, name, again=again)
        return found if found == name else self._masked_name()

    def _masked_name(self) -> str:
        self._masked_names += 1
        return f"{MASK}{self._masked_names}"


class Mask(RecordPseudonymizer):
    """Hide personal values behind one mask, so that no two of them can be compared."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(b"masked, not hashed", settings.hash_fields, settings.plain_fields)

    def pseudonym(self, text: str) -> str:
        return MASK


def check_question(name: str, record_id: int | None, filters: Mapping[str, str]) -> Resource:
    """Return the resource of that name; raise `UsageError` for a filter that the reference does not list."""
    resource = next((each for each in RESOURCES.values() if name in (each.name, each.alias)), None)
    if resource is None:
        names = (each.alias or each.name for each in RESOURCES.values())
        raise UsageError(f"{name!r} is no resource", f"Choose among: {', '.join(names)}.")
    is_single = record_id is not None and resource.item_path is None
    bounds = {parameter for kind in resource.window_kinds for parameter in (kind.start, kind.end) if parameter}
    known = frozenset() if is_single else resource.filters | bounds
    if unknown := sorted(set(filters) - known):
        known_options = ", ".join(_option(filter_name) for filter_name in sorted(known))
        what = f"{name} by id" if is_single else name
        raise UsageError(f"{what}: there is no filter {_option(unknown[0])}", f"There is: {known_options or 'none'}.")
    required = (resource.window.start, resource.window.end) if resource.window.is_required else ()
    if missing := [_option(filter_name) for filter_name in required if filter_name not in filters]:
        raise UsageError(f"{name}: the API requires {' and '.join(missing)}", "Give days, as YYYY-MM-DD.")
    return resource


def read_one(client: Client, resource: Resource, record_id: int) -> Any:
    page = read_record(client, resource.path, record_id, resource.name)
    return parse_rows(page, f"{resource.name}, id {record_id}")[0]


def read_list(
    client: Client, resource: Resource, item_id: int | None, filters: Mapping[str, str]
) -> Iterator[tuple[int, list[Any]]]:
    """Yield (announced total, records) of each page."""
    where = resource.name if item_id is None else f"{resource.name} of item {item_id}"
    path = resource.path if item_id is None else (resource.item_path or "").format(item_id)
    sized = {**filters, "per_page": str(resource.page_size)} if resource.page_size else filters
    for page in read_pages(client, path, sized, where):
        yield page.total, parse_rows(page, where)


def _option(filter_name: str) -> str:
    return f"--{filter_name.replace('_', '-')}"
