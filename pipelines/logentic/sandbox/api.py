"""Respond to a path and a query with a page of JSON, according to the reference and the chosen readings."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from logentic.sandbox.encoding import Encoding
from logentic.sandbox.events import Row
from logentic.sandbox.filters import Filters, Invalid, Query
from logentic.sandbox.state import AccountState

PAGE_SIZE, LARGEST_PAGE, CAP = 50, 250, 20
QUERIES_KEPT = 64
MODELS = {"orders": "Order", "items": "Item", "payment_items": "PaymentItem", "inventory_history": "Item"}
LISTS = {
    "/v1/orders": "orders",
    "/v1/items": "items",
    "/v1/items/inventory": "inventory_history",
    "/v1/items/item_quantities": "item_quantities",
    "/v1/payment_items": "payment_items",
}
BY_ID = re.compile(r"/v1/(orders|items|payment_items)/(\d+)")
OF_ITEM = re.compile(r"/v1/items/(?:(inventory)/)?(\d+)(?:/(item_quantities))?")
ALIASES = {
    "type": "charge_type",
    "amount": "total",
    "start": "start_date",
    "end": "end_date",
    "billed_date": "billed_at",
}
MISSING = {
    "orders": {"shopify_order_id"},
    "items": {"ht_code", "back_order_limit"},
    "item_quantities": {"sku"},
    "inventory_history": {"weight"},
    "payment_items": {"description", "updated_at"},
}
EXTRA: dict[str, Any] = {
    "channel": {"name": "web", "tags": ["spring", "été"]},
    "handled_by": "lea.roy@boutique.example",
    "insured_value": Decimal("1234.567890123456789"),
}


@dataclass
class ApiResponse:
    """A response to send: a single record, a page of a list, or an error."""

    status: int = 200
    record: str | None = None
    records: list[str] | None = None
    pagination: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    record_id: int | None = None  # of a record that was written: `Api.written` makes its text

    def body(self) -> str:
        if self.error is not None:
            return json.dumps(self.error, ensure_ascii=False, separators=(",", ":"))
        if self.status == 204:
            return ""
        if self.records is None:
            return f'{{"data":{self.record}}}'
        pagination = json.dumps({"pagination": self.pagination}, ensure_ascii=False, separators=(",", ":"))
        return f'{{"data":[{",".join(self.records)}],"meta":{pagination}}}'


class Api:
    """Respond to GET requests about one account."""

    def __init__(self, state: AccountState, origin: str) -> None:
        self._state, self._readings, self._origin = state, state.readings, origin
        self._encoding = Encoding(state.readings, state.account.days.zone)
        self._filters = Filters(state.readings, state.account.days, lambda: state.variants)
        self._lists: dict[Any, list[Row]] = {}
        self._lists_version = -1

    def respond(self, path: str, query: Query) -> ApiResponse:
        """Return the response to one request."""
        try:
            if path in LISTS:
                return self._list(path, LISTS[path], query)
            if found := BY_ID.fullmatch(path):
                return self._one(found[1], int(found[2]))
            if (found := OF_ITEM.fullmatch(path)) and (found[1] is None) != (found[3] is None):
                return self._of_item(path, "inventory_history" if found[1] else "item_quantities", int(found[2]), query)
        except Invalid as invalid:
            return invalid_response(invalid.errors)
        return ApiResponse(404, error={"message": f"The route {path[1:]} could not be found."})

    def written(self, path: str, response: ApiResponse) -> ApiResponse:
        """Add the record that a request has written to its response."""
        if response.record_id is not None:
            resource = "items" if path.startswith("/v1/items") else "orders"
            response.record = self._one(resource, response.record_id).record
        return response

    def _one(self, resource: str, key: int) -> ApiResponse:
        row = self._state.tables[resource].get(key)
        if row is None:
            return unknown_response(resource, key)
        return ApiResponse(record=self._text(resource, row, {}))

    def _of_item(self, path: str, resource: str, item_id: int, query: Query) -> ApiResponse:
        if item_id not in self._state.variants:
            return unknown_response("items", item_id)
        return self._list(path, resource, query, item_id)

    def _list(self, path: str, resource: str, query: Query, item_id: int | None = None) -> ApiResponse:
        rows = self._found(resource, query, item_id)
        if resource == "payment_items" and _is_true(query, "group_by_invoice"):
            rows = _by_invoice(rows)
        size, page = self._page_size(query), positive(query.get("page")) or 1
        shown = rows[(page - 1) * size : page * size]
        pages = max(1, -(-len(rows) // size))
        return ApiResponse(
            records=[self._text(resource, row, query) for row in shown],
            pagination={
                "total": len(rows),
                "count": len(shown),
                "per_page": size,
                "current_page": page,
                "total_pages": pages,
                "links": self._links(path, query, page, pages),
            },
        )

    def _page_size(self, query: Query) -> int:
        asked = positive(query.get("per_page"))
        if self._readings.page_size == "ignored" or asked is None:
            return PAGE_SIZE
        return min(asked, CAP if self._readings.page_size == "capped" else LARGEST_PAGE)

    def _links(self, path: str, query: Query, page: int, pages: int) -> dict[str, str | None] | list[str]:
        """Return the links of a page: `previous` after the first, `next` before the last; PHP writes an empty map as a
        list.
        """
        links: dict[str, str | None] = {}
        if page > 1:
            links["previous"] = self._link(path, query, page - 1)
        if page < pages:
            links["next"] = self._link(path, query, page + 1)
        elif self._readings.last_page == "null":
            links = {"previous": None, **links, "next": None}
        elif self._readings.last_page == "empty":
            links = {}
        return links or []

    def _link(self, path: str, query: Query, page: int) -> str:
        return f"{self._origin}{path}?{urlencode({**query, 'page': page})}"

    def _found(self, resource: str, query: Query, item_id: int | None) -> list[Row]:
        """Return the rows of a query, sorted; cached for the next pages until the account changes."""
        asked = frozenset((name, value) for name, value in query.items() if name not in {"page", "per_page"})
        if self._lists_version != self._state.version or len(self._lists) >= QUERIES_KEPT:
            self._lists.clear()
            self._lists_version = self._state.version
        key = (resource, item_id, asked)
        if key not in self._lists:
            rows: Iterable[Row] = self._state.rows(resource)
            if item_id is not None:
                name = "id" if resource == "inventory_history" else "item_id"
                rows = [row for row in rows if row[name] == item_id]
            for test in self._filters.tests(resource, query):
                rows = filter(test, rows)
            if resource == "inventory_history" and self._readings.history_rows == "warehouse":
                rows = [half for row in rows for half in _by_warehouse(row)]
            self._lists[key] = self._sorted(resource, rows)
        return self._lists[key]

    def _sorted(self, resource: str, rows: Iterable[Row]) -> list[Row]:
        sort = self._readings.sort
        is_history = resource == "inventory_history"
        keys: dict[str, Callable[[Row], Any]] = {
            "id": (lambda row: (row["date"], row["id"])) if is_history else (lambda row: row["id"]),
            "updated_at": lambda row: (row["date" if is_history else "updated_at"], row["id"]),
            "none": lambda row: crc32(f"{row['id']} {row.get('date')} {row.get('warehouse_id')}".encode()),
        }
        return sorted(rows, key=keys[sort.removeprefix("-")], reverse=sort.startswith("-"))

    def _text(self, resource: str, row: Row, query: Query) -> str:
        """Return a record as JSON, cached unless the query excludes fields."""
        hidden = set()
        if resource == "payment_items" and _is_true(query, "exclude_storage_info"):
            hidden.add("total_volume")
        if resource == "inventory_history" and _is_true(query, "exclude_storage_price"):
            hidden.add("total_storage_price")
        if row.text is not None and not hidden:
            return row.text
        fields = self._fields(resource, row)
        text = self._encoding.encode({name: value for name, value in fields.items() if name not in hidden})
        if not hidden:
            row.text = text
        return text

    def _fields(self, resource: str, row: Row) -> Mapping[str, Any]:
        readings = self._readings
        fields: dict[str, Any] = dict(row)
        if resource == "orders" and not readings.order_updated_at:
            del fields["updated_at"]
        if resource == "inventory_history" and readings.storage_prices != "shown":
            fields["total_storage_price"] = None
            if readings.storage_prices == "absent":
                del fields["total_storage_price"]
        if readings.missing_fields:
            fields = {name: value for name, value in fields.items() if name not in MISSING[resource]}
        if resource == "payment_items" and readings.charge_names == "aliases":
            fields = {ALIASES.get(name, name): value for name, value in fields.items()}
        return fields | EXTRA if readings.extra_fields else fields


def _by_invoice(rows: Iterable[Row]) -> list[Row]:
    invoices: dict[int | None, Row] = {}
    for row in rows:
        empty = Row(payment_id=row["payment_id"], billed_date=row["billed_date"], charges=0, amount=Decimal(0))
        invoice = invoices.setdefault(row["payment_id"], empty)
        invoice["charges"] += 1
        invoice["amount"] += row["amount"]
    return sorted(invoices.values(), key=lambda invoice: (invoice["payment_id"] is None, invoice["payment_id"]))


def _by_warehouse(row: Row) -> tuple[Row, Row]:
    """Put a third of each item's units into the second warehouse."""
    counters = ("supply", "prepared", "receiving")
    second: dict[str, Any] = {name: row[name] // 3 for name in counters}
    second["total_volume"] = row["cubic_size"] * (second["supply"] + second["prepared"])
    units = row["supply"] + row["prepared"]
    share = Decimal(second["supply"] + second["prepared"]) / units if units else Decimal(0)
    second["total_storage_price"] = round(row["total_storage_price"] * share, 6)
    first = {name: row[name] - part for name, part in second.items()}
    return Row(row | first | {"warehouse_id": 1}), Row(row | second | {"warehouse_id": 2})


def _is_true(query: Query, name: str) -> bool:
    return query.get(name, "").lower() in {"1", "true"}


def positive(text: str | None) -> int | None:
    """Return a whole number above 0, else None; Laravel ignores an invalid page."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text) > 0 else None


def unknown_response(resource: str, key: object) -> ApiResponse:
    return ApiResponse(404, error={"message": f"No query results for model [App\\Models\\{MODELS[resource]}] {key}"})


def invalid_response(errors: dict[str, list[str]]) -> ApiResponse:
    message = next(iter(errors.values()))[0]
    if len(errors) > 1:
        message += f" (and {len(errors) - 1} more error{'s' if len(errors) > 2 else ''})"
    return ApiResponse(422, error={"message": message, "errors": errors})
