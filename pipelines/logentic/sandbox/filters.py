"""The documented filters of every list: select the rows of a query, and validate it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from logentic.sandbox.days import ONE_DAY, Days
from logentic.sandbox.events import Row
from logentic.sandbox.readings import Readings

Query = Mapping[str, str]
Test = Callable[[Row], bool]
INSTANT = timedelta(microseconds=1)


class Invalid(ValueError):
    """An invalid query: messages by parameter."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("invalid query")
        self.errors = errors


class Filters:
    """Parse queries under one set of readings."""

    def __init__(
        self, readings: Readings, account_days: Days, variants: Callable[[], Mapping[int, str | None]]
    ) -> None:
        self._readings = readings
        self._days = account_days if readings.filter_zone == "account" else Days("UTC")
        self._variants = variants

    def tests(self, resource: str, query: Query) -> list[Test]:
        """Return a test for each filter of the query."""
        by_resource: dict[str, Callable[[Query], Iterator[Test]]] = {
            "orders": self._orders,
            "items": self._items,
            "item_quantities": self._quantities,
            "inventory_history": self._history,
            "payment_items": self._charges,
        }
        return list(by_resource[resource](query))

    def _orders(self, query: Query) -> Iterator[Test]:
        if "external_name" in query and self._readings.name_filter == "exact":
            names = {name.strip() for name in query["external_name"].split(",")}
            yield lambda row: row["external_name"] in names
        yield from _equals(query, "shopify_order_id")
        yield from self._updated(query)

    def _items(self, query: Query) -> Iterator[Test]:
        if self._readings.name_filter == "exact":
            yield from _equals(query, "external_name")
        yield from _equals(query, "shopify_variant_id")

    def _quantities(self, query: Query) -> Iterator[Test]:
        if variant := query.get("shopify_variant_id"):
            items = {item_id for item_id, other in self._variants().items() if other == variant}
            yield lambda row: row["item_id"] in items
        yield from self._updated(query)

    def _history(self, query: Query) -> Iterator[Test]:
        missing = [name for name in ("start", "end") if not query.get(name)]
        if missing:
            raise Invalid({name: [f"The {name} field is required."] for name in missing})
        yield from self._between(query, "date", "start", "end")

    def _charges(self, query: Query) -> Iterator[Test]:
        last_named, first_named = {
            "overlap": ("end", "start"),
            "within": ("start", "end"),
            "ends": ("end", "end"),
        }[self._readings.payment_span]
        yield from self._from(query, last_named, "start")
        yield from self._until(query, first_named, "end")
        yield from self._between(query, "billed_date", "billed_date_start", "billed_date_end")
        if payment_id := query.get("payment_id"):
            yield lambda row: str(row["payment_id"]) == payment_id

    def _between(self, query: Query, field: str, start: str, end: str) -> Iterator[Test]:
        yield from self._from(query, field, start)
        yield from self._until(query, field, end)

    def _from(self, query: Query, field: str, name: str) -> Iterator[Test]:
        if name in query:
            first = _date(query, name) + ONE_DAY * self._readings.is_start_strict
            yield lambda row: row[field] is not None and row[field] >= first

    def _until(self, query: Query, field: str, name: str) -> Iterator[Test]:
        if name in query:
            end = _date(query, name) + ONE_DAY * self._readings.is_end_inclusive
            yield lambda row: row[field] is not None and row[field] < end

    def _updated(self, query: Query) -> Iterator[Test]:
        if "updated_at_start" in query:
            first = self._moment(query, "updated_at_start", is_next=self._readings.is_start_strict)
            yield lambda row: row["updated_at"] >= first
        if "updated_at_end" in query:
            end = self._moment(query, "updated_at_end", is_next=self._readings.is_end_inclusive)
            yield lambda row: row["updated_at"] < end

    def _moment(self, query: Query, name: str, *, is_next: bool) -> datetime:
        """Return the moment named, or the one after it; a date stands for its whole day."""
        if len(query[name]) == len("2026-01-31"):
            return self._days.start(_date(query, name) + ONE_DAY * is_next)
        try:
            moment = datetime.fromisoformat(query[name])
        except ValueError:
            raise Invalid({name: [f"The {_words(name)} field must be a valid date."]}) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) + INSTANT * is_next


def _equals(query: Query, name: str) -> Iterator[Test]:
    if name in query:
        value: Any = query[name]
        yield lambda row: row[name] == value


def _date(query: Query, name: str) -> date:
    try:
        return date.fromisoformat(query[name])
    except ValueError:
        raise Invalid({name: [f"The {_words(name)} field must be a valid date."]}) from None


def _words(name: str) -> str:
    return name.replace("_", " ")
