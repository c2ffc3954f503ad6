"""What every table of stock must hold at a moment: movements as they were made, day by day."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from logentic.sandbox.account import Account
from logentic.sandbox.days import ONE_DAY
from logentic.sandbox.events import COUNTERS, AccountEvent, effect
from logentic.sandbox.history import cubic_feet, storage_price

TruthRow = dict[str, Any]

STOCK_MOVES = {"received": 1, "shipped": -1, "returned": 1, "adjusted": 1}
MOVEMENT_TYPES = ("announced", "received", "picked", "shipped", "returned", "adjusted", "back_ordered")


def events(account: Account, at: datetime, *resources: str) -> Iterator[AccountEvent]:
    """What has happened to these lists by then."""
    return (event for event in account.events if event.at <= at and event.resource in resources)


def stock_movements(account: Account, at: datetime) -> list[TruthRow]:
    """One row per movement, in order of time."""
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
    """What moved, how much, and whether the record is known to hide something."""
    moves = dict(event.change or {})
    if event.kind == "opening":
        yield from (("opening", moves[counter], False) for counter in COUNTERS if moves.get(counter))
        return
    announced, received = moves.get("announced", 0), moves.get("received", 0)
    if announced > 0 and received > 0:
        # Both between two records: what was announced and came at once looks like a correction of the shelf.
        at_once = min(announced, received)
        moves |= {"announced": announced - at_once, "received": received - at_once}
        moves["adjusted"] = moves.get("adjusted", 0) + at_once
    is_compound = announced > received > 0
    yield from ((name, moves[name], is_compound) for name in MOVEMENT_TYPES if moves.get(name))


def stock_ledger_daily(account: Account, at: datetime) -> list[TruthRow]:
    """One row per item and day from its first record to today: what came, what went, what is there."""
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
    """One row per day and item that existed at its end: stock, volume and price, as history shows them, or once
    priced them.
    """
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
