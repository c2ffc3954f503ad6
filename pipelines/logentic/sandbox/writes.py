"""Accept POST, PUT and DELETE of orders and items, with Laravel's answers to invalid bodies."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from logentic.sandbox.api import ApiResponse, invalid_response, unknown_response
from logentic.sandbox.live_account import LiveAccount

Fields = dict[str, Any]
Errors = dict[str, list[str]]
Rule = Callable[[Any], str | None]

ROUTE = re.compile(r"/v1/(orders|items|shopify_orders)(?:/([^/]+))?")
ALLOWED = {  # methods by route, with and without an id
    ("orders", False): ("GET", "HEAD", "POST"),
    ("orders", True): ("GET", "HEAD", "PUT"),
    ("items", False): ("GET", "HEAD", "POST"),
    ("items", True): ("GET", "HEAD", "PUT", "DELETE"),
    ("shopify_orders", True): ("PUT",),
}
STATUSES = ("PENDING", "CANCELLED", "IN_TRANSIT", "COMPLETED")
COUNTRY = re.compile("[A-Z]{2}")


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a string"


def _integer(value: Any) -> str | None:
    return None if (number := _as_number(value)) is not None and number == int(number) else "must be an integer"


def _number(value: Any) -> str | None:
    return None if _as_number(value) is not None else "must be a number"


def _at_least_one(value: Any) -> str | None:
    return _number(value) or (None if Decimal(str(value)) >= 1 else "must be at least 1")


def _truth(value: Any) -> str | None:
    return None if value in (True, False, 0, 1, "0", "1") else "must be true or false"


def _country(value: Any) -> str | None:
    return _text(value) or (None if COUNTRY.fullmatch(value) else "must be 2 characters")


def _status(value: Any) -> str | None:
    return None if value in STATUSES else "is invalid"


ITEM_RULES: dict[str, Rule] = {
    **dict.fromkeys(("name", "external_name", "shopify_variant_id", "description", "notify_email"), _text),
    **dict.fromkeys(("ht_code", "country_of_origin"), _text),
    **dict.fromkeys(("width_in", "depth_in", "height_in", "weight", "price"), _number),
    **dict.fromkeys(("expiration_warning_in_days", "back_order_limit"), _integer),
    "is_prepackaged": _truth,
}
ITEM_REQUIRED = ("name", "width_in", "depth_in", "height_in", "weight")
ORDER_RULES: dict[str, Rule] = {
    **dict.fromkeys(("order_type", "external_name", "shopify_order_id"), _text),
    "status": _status,
    "warehouse_id": _integer,
    **{f"recipient.{name}": _text for name in ("name", "email", "phone")},
    **{f"place.{name}": _text for name in ("address1", "address2", "postal_code", "city", "province_code")},
    "place.country_code": _country,
}
ORDER_REQUIRED = tuple(
    name for name in ORDER_RULES if name not in {"external_name", "shopify_order_id", "place.address2"}
)
NAMES = {"orders": ("external_name", "shopify_order_id"), "items": ("external_name", "shopify_variant_id")}
DECIMALS = {"width_in", "depth_in", "height_in", "weight", "price"}
GROUPS = ("recipient", "place")
EMPTY_PLACE = dict.fromkeys(("address1", "address2", "postal_code", "city", "province_code", "country_code"))


class Writes:
    """Change an account as requests say. What was written is part of the account's events, and so of its truth."""

    def __init__(self, live: LiveAccount) -> None:
        self._live, self._readings = live, live.readings
        self._next_ids: dict[str, int] = {}

    def respond(self, method: str, path: str, body: bytes) -> ApiResponse:
        """Return the response to one request, after the change that it makes."""
        found = ROUTE.fullmatch(path)
        allowed = ALLOWED.get((found[1], found[2] is not None), ("GET", "HEAD")) if found else ("GET", "HEAD")
        if not found or method not in allowed:
            supported = ", ".join(allowed)
            text = f"The {method} method is not supported for route {path[1:]}. Supported methods: {supported}."
            return ApiResponse(405, error={"message": text})
        with self._live.lock:
            self._live.state()
            return self._respond(method, found[1], found[2], body)

    def _respond(self, method: str, route: str, key: str | None, body: bytes) -> ApiResponse:
        resource = "items" if route == "items" else "orders"
        table = self._live.state().tables[resource]
        if key is None:
            return self._create(resource, body)
        name = "shopify_order_id" if route == "shopify_orders" else "id"
        row = next((row for row in table.values() if str(row[name]) == key), None) if name != "id" else None
        if name == "id" and key.isdigit():
            row = table.get(int(key))
        if row is None:
            return unknown_response(resource, key)
        if method == "DELETE":
            self._live.remove(resource, row["id"])
            return ApiResponse(204)
        return self._update(resource, row, body)

    def _create(self, resource: str, body: bytes) -> ApiResponse:
        given, errors = self._read(resource, body, ())
        if resource == "orders" and "status" not in errors and given.get("status") != "PENDING":
            errors["status"] = ["The selected status is invalid."]
        if errors:
            return invalid_response(errors)
        fields = self._complete(resource, given, {})
        if resource not in self._next_ids:
            self._next_ids[resource] = max(
                (event.key for event in self._live.account.events if event.resource == resource), default=0
            )
        self._next_ids[resource] += 1
        key = self._live.insert(resource, fields, self._next_ids[resource])
        return ApiResponse(201, record_id=key)

    def _update(self, resource: str, row: Mapping[str, Any], body: bytes) -> ApiResponse:
        if resource == "orders" and row["status"] != "PENDING":
            return invalid_response({"status": ["Only pending orders can be updated."]})
        is_patch = self._readings.put == "patches"
        given, errors = self._read(resource, body, row if is_patch else ())
        if errors:
            return invalid_response(errors)
        names = {name: row[name] for name in NAMES[resource]} if self._readings.written_names == "ignored" else {}
        before = row if is_patch else {}
        self._live.alter(resource, row["id"], **(self._complete(resource, given, before) | names))
        return ApiResponse(200, record_id=row["id"])

    def _read(self, resource: str, body: bytes, known: Any) -> tuple[Fields, Errors]:
        """Return the fields of a body and the errors in them; `known`: a record that has what the body lacks."""
        try:
            given = json.loads(body or b"{}", parse_float=Decimal)
        except ValueError:
            given = {}
        given = given if isinstance(given, dict) else {}
        rules, required = (ORDER_RULES, ORDER_REQUIRED) if resource == "orders" else (ITEM_RULES, ITEM_REQUIRED)
        errors: Errors = {}
        for name in rules:
            value, is_given = _at(given, name)
            words = name.replace("_", " ")
            if value in (None, ""):
                if name in required and (is_given or not known):
                    errors[name] = [f"The {words} field is required."]
            elif problem := rules[name](value):
                is_choice = problem == "is invalid"
                errors[name] = [f"The selected {words} is invalid." if is_choice else f"The {words} field {problem}."]
        if resource == "orders" and ("stored_items" in given or not known):
            errors |= self._line_errors(given.get("stored_items"))
        return given, errors

    def _line_errors(self, lines: Any) -> Errors:
        if not isinstance(lines, list) or not lines:
            return {"stored_items": ["The stored items field is required."]}
        errors: Errors = {}
        items = self._live.state().tables["items"]
        variants = set(self._live.state().variants.values()) - {None}
        for number, given in enumerate(lines):
            where, line = f"stored_items.{number}", given if isinstance(given, dict) else {}
            item_id, variant = line.get("item_id"), line.get("shopify_variant_id")
            if item_id is None and variant is None:
                for name, other in (("item_id", "shopify variant id"), ("shopify_variant_id", "item id")):
                    text = (
                        f"The {where}.{name} field is required when {where}.{other.replace(' ', '_')} is not present."
                    )
                    errors[f"{where}.{name}"] = [text]
            elif item_id is not None and item_id not in items:
                errors[f"{where}.item_id"] = [f"The selected {where}.item_id is invalid."]
            elif item_id is None and variant not in variants:
                errors[f"{where}.shopify_variant_id"] = [f"The selected {where}.shopify_variant_id is invalid."]
            if line.get("quantity") is None:
                errors[f"{where}.quantity"] = [f"The {where}.quantity field is required."]
            elif problem := _at_least_one(line["quantity"]):
                errors[f"{where}.quantity"] = [f"The {where}.quantity field {problem}."]
        return errors

    def _complete(self, resource: str, given: Fields, before: Mapping[str, Any]) -> Fields:
        """Return all fields of a record: those given, else those of the record before, else null."""
        rules = ORDER_RULES if resource == "orders" else ITEM_RULES
        fields: Fields = {}
        for name in (name for name in rules if "." not in name):
            value = given[name] if name in given else before.get(name)
            fields[name] = Decimal(str(value)) if name in DECIMALS and value is not None else value
        if self._readings.written_names == "ignored":
            fields |= dict.fromkeys(NAMES[resource], None)
        if resource == "orders":
            for group in GROUPS:
                known = before.get(group) or (EMPTY_PLACE if group == "place" else {})
                fields[group] = {**known, **(given.get(group) or {})}
            lines = given.get("stored_items")
            fields["stored_items"] = before["stored_items"] if lines is None else [self._line(line) for line in lines]
        return fields

    def _line(self, line: Fields) -> Fields:
        variants = self._live.state().variants
        item_id, variant = line.get("item_id"), line.get("shopify_variant_id")
        if item_id is None:
            item_id = next(key for key, other in variants.items() if other == variant)
        return {
            "item_id": item_id,
            "shopify_variant_id": variants.get(item_id),
            "quantity": int(Decimal(str(line["quantity"]))),
        }


def _at(given: Fields, path: str) -> tuple[Any, bool]:
    """Return the value at a path, and whether it is given."""
    value: Any = given
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return None, False
        value = value[name]
    return value, True


def _as_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
