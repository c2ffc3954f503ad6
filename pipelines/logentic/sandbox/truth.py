"""Compute the expected content of every table at a moment, from the account's events alone.

This shares no code with the sandbox's API, so that a mistake in one shows in the other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from logentic.sandbox.account import Account
from logentic.sandbox.billing_errors import InjectedError
from logentic.sandbox.days import ONE_DAY, next_month
from logentic.sandbox.events import COUNTERS, AccountEvent, effect
from logentic.sandbox.history import CENT, cubic_feet, storage_price

TruthRow = dict[str, Any]

STOCK_MOVES = {"received": 1, "shipped": -1, "returned": 1, "adjusted": 1}
MOVEMENT_TYPES = ("announced", "received", "picked", "shipped", "returned", "adjusted", "back_ordered")


def events(account: Account, at: datetime, *resources: str) -> Iterator[AccountEvent]:
    """Return the events of these lists up to a moment."""
    return (event for event in account.events if event.at <= at and event.resource in resources)


def _folded(account: Account, at: datetime, resource: str) -> dict[int, TruthRow]:
    """Return the last known fields of every record; `is_gone` if it was removed."""
    records: dict[int, TruthRow] = {}
    for event in events(account, at, resource):
        record = records.setdefault(event.key, {"created_at": event.at})
        record.update(event.change or {}, is_gone=event.change is None, updated_at=event.at)
    return records


def items(account: Account, at: datetime) -> list[TruthRow]:
    """Return one row per item, removed ones included."""
    return [
        {
            "item_id": item_id,
            "sku": item["external_name"],
            "name": item["name"],
            "cubic_feet": cubic_feet(item),
            "weight": item["weight"],
            "is_deleted": item["is_gone"],
        }
        for item_id, item in sorted(_folded(account, at, "items").items())
    ]


def orders(account: Account, at: datetime) -> list[TruthRow]:
    """Return one row per order."""
    same = ("external_name", "shopify_order_id", "order_type", "status", "warehouse_id", "created_at", "updated_at")
    return [
        {
            "order_id": order_id,
            **{name: order[name] for name in same},
            **{name: order["place"][name] for name in ("city", "province_code", "country_code")},
            "lines": len(order["stored_items"]),
            "units": sum(line["quantity"] for line in order["stored_items"]),
        }
        for order_id, order in sorted(_folded(account, at, "orders").items())
        if not order["is_gone"]
    ]


def order_lines(account: Account, at: datetime) -> list[TruthRow]:
    """Return one row per current line of an order."""
    skus = {item["item_id"]: item["sku"] for item in items(account, at)}
    return [
        {
            "order_id": order_id,
            "line_number": number,
            "item_id": line["item_id"],
            "sku": skus[line["item_id"]],
            "quantity": line["quantity"],
        }
        for order_id, order in sorted(_folded(account, at, "orders").items())
        if not order["is_gone"]
        for number, line in enumerate(order["stored_items"], 1)
    ]


def charges(account: Account, at: datetime) -> list[TruthRow]:
    """Return one row per charge, removed ones included."""
    records: dict[int, TruthRow] = {}
    for event in events(account, at, "payment_items", "invoices"):
        change = event.change or {}
        if event.resource == "invoices":
            billed = {"payment_id": event.key, "billed_date": change["billed_date"]}
            for record in records.values():
                if "billed_date" not in record and record["start"] < change["before"]:
                    record.update(billed)
        else:
            records.setdefault(event.key, {}).update(change, is_gone=event.change is None)
    prices = _daily_prices(account, at)
    yesterday = account.days.of(at) - ONE_DAY
    for charge in records.values():
        if charge["type"] == "storage" and "end" not in charge:
            last = min(next_month(charge["start"]) - ONE_DAY, yesterday)
            by_day = prices[charge.get("item_id")]
            days = [day for day in by_day if charge["start"] <= day <= last]
            charge.setdefault("amount", sum((by_day[day] for day in days), Decimal(0)).quantize(CENT, ROUND_HALF_UP))
            charge["end"] = max(days)
    return [
        {
            "charge_id": charge_id,
            "payment_id": charge.get("payment_id"),
            "charge_type": charge["type"],
            "order_id": charge.get("order_id"),
            "item_id": charge.get("item_id"),
            "amount": charge["amount"],
            "start_date": charge["start"],
            "end_date": charge["end"],
            "billed_date": charge.get("billed_date"),
            "is_billed": charge.get("billed_date") is not None,
            "is_withdrawn": charge["is_gone"],
        }
        for charge_id, charge in sorted(records.items())
    ]


def _daily_prices(account: Account, at: datetime) -> dict[int | None, dict[date, Decimal]]:
    """Return the storage price of each item and day; under None of all items together."""
    prices: dict[int | None, dict[date, Decimal]] = {}
    for row in item_days(account, at, restated=False):
        for item_id in (row["item_id"], None):
            by_day = prices.setdefault(item_id, {})
            by_day[row["date"]] = by_day.get(row["date"], Decimal(0)) + row["price"]
    return prices


def invoices(account: Account, at: datetime) -> list[TruthRow]:
    """Return one row per payment and charge type."""
    totals: dict[tuple[Any, ...], list[Decimal]] = {}
    for charge in charges(account, at):
        if not charge["is_withdrawn"]:
            key = (charge["payment_id"], charge["billed_date"], charge["charge_type"])
            totals.setdefault(key, []).append(charge["amount"])
    return [
        {
            "payment_id": key[0],
            "billed_date": key[1],
            "charge_type": key[2],
            "charges": len(amounts),
            "billed": sum(amounts),
        }
        for key, amounts in sorted(totals.items(), key=lambda entry: (entry[0][0] is None, entry[0]))
    ]


def errors(account: Account, at: datetime) -> list[InjectedError]:
    """Return the billing errors that can be known at a moment."""
    return [
        error
        for error in account.errors
        if error.known_at <= at and (error.known_until is None or at < error.known_until)
    ]


def stock_movements(account: Account, at: datetime) -> list[TruthRow]:
    """Return one row per movement, in order of time."""
    return [
        {
            "item_id": event.key,
            "moved_at": event.at,
            "movement_type": movement_type,
            "quantity": quantity,
            "is_compound": is_compound,
        }
        for event in events(account, at, "item_quantities")
        for movement_type, quantity, is_compound in movements(event)
    ]


def movements(event: AccountEvent) -> Iterator[tuple[str, int, bool]]:
    """Return each movement with its quantity, and whether the record is known to hide a movement."""
    moves = dict(event.change or {})
    if event.kind == "opening":
        yield from (("opening", moves[counter], False) for counter in COUNTERS if moves.get(counter))
        return
    announced, received = moves.get("announced", 0), moves.get("received", 0)
    if announced > 0 and received > 0:
        # Both between two records: stock that is announced and received at once looks like a correction.
        at_once = min(announced, received)
        moves |= {"announced": announced - at_once, "received": received - at_once}
        moves["adjusted"] = moves.get("adjusted", 0) + at_once
    is_compound = announced > received > 0
    yield from ((name, moves[name], is_compound) for name in MOVEMENT_TYPES if moves.get(name))


def stock_ledger_daily(account: Account, at: datetime) -> list[TruthRow]:
    """Return one row per item and day, from its first record to today."""
    moved: dict[int, dict[date, Counter[str]]] = {}
    opening: dict[int, tuple[date, int]] = {}
    for event in events(account, at, "item_quantities"):
        day = account.days.of(event.at)
        supply, _, prepared, _, _ = effect(event)
        opening.setdefault(event.key, (day, supply + prepared))
        counts = moved.setdefault(event.key, {}).setdefault(day, Counter())
        for movement_type, quantity, _ in movements(event):
            counts[movement_type] += quantity
    today = account.days.of(at)
    return [
        row
        for item_id, (first, stock) in sorted(opening.items())
        for row in _ledger(item_id, first, today, stock, moved[item_id])
    ]


def _ledger(
    item_id: int, first: date, today: date, stock: int, moved: Mapping[date, Counter[str]]
) -> Iterator[TruthRow]:
    for back in range((today - first).days, -1, -1):
        day = today - ONE_DAY * back
        counts = moved.get(day, Counter())
        row = {"item_id": item_id, "date": day, "opening": stock, **{name: counts[name] for name in STOCK_MOVES}}
        stock += sum(counts[name] * sign for name, sign in STOCK_MOVES.items())
        yield row | {"closing": stock}


def item_days(account: Account, at: datetime, *, restated: bool = True) -> list[TruthRow]:
    """Return one row per day and item that existed at its end: stock, volume, and price."""
    rows: dict[tuple[date, int], TruthRow] = {}
    fields: dict[int, TruthRow] = {}
    stock: dict[int, list[int]] = {}
    happened = list(events(account, at, "items", "item_quantities"))
    position, day = 0, account.first_day
    while day <= account.days.of(at):
        end = account.days.start(day + ONE_DAY)
        while position < len(happened) and happened[position].at < end:
            event = happened[position]
            if event.resource == "item_quantities":
                before = stock.get(event.key, [0] * len(COUNTERS))
                stock[event.key] = [sum(pair) for pair in zip(before, effect(event), strict=True)]
            elif event.change is None:
                del fields[event.key]
            else:
                fields.setdefault(event.key, {}).update(event.change)
            position += 1
        for item_id, item in fields.items():
            rows[day, item_id] = _item_day(account, day, item_id, item, stock.get(item_id, [0] * len(COUNTERS)))
        day += ONE_DAY
    if restated:
        for event in events(account, at, "inventory_history"):
            _restate(rows, event)
    return list(rows.values())


def _item_day(account: Account, day: date, item_id: int, item: Mapping[str, Any], stock: list[int]) -> TruthRow:
    supply, receiving, prepared, _, _ = stock
    volume = cubic_feet(item) * (supply + prepared)
    return {
        "item_id": item_id,
        "sku": item["external_name"],
        "date": day,
        "supply": supply,
        "prepared": prepared,
        "receiving": receiving,
        "physical": supply + prepared,
        "volume_cuft": volume,
        "price": storage_price(volume, account.storage_rates, day),
    }


def _restate(rows: dict[tuple[date, int], TruthRow], event: AccountEvent) -> None:
    item_id, day = event.key
    if event.change is None:
        rows.pop((day, item_id), None)
        return
    named = {"total_volume": "volume_cuft", "total_storage_price": "price"}
    row = rows.setdefault((day, item_id), {"item_id": item_id, "date": day})
    row.update({named.get(name, name): value for name, value in event.change.items()})
    row["physical"] = row["supply"] + row["prepared"]
