"""What every table must hold at a moment, straight from what happened: movements as they were made, bills as
they add up.
"""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from logentic.sandbox.account import Account
from logentic.sandbox.billing_errors import InjectedError
from logentic.sandbox.days import ONE_DAY, next_month
from logentic.sandbox.history import CENT, cubic_feet
from logentic.sandbox.stock_truth import TruthRow, events, item_days, stock_ledger_daily, stock_movements

__all__ = [
    "charges",
    "errors",
    "invoices",
    "item_days",
    "items",
    "order_lines",
    "orders",
    "stock_ledger_daily",
    "stock_movements",
]


def _folded(account: Account, at: datetime, resource: str) -> dict[int, TruthRow]:
    """The last known fields of every record there ever was; `is_gone` where it was removed."""
    records: dict[int, TruthRow] = {}
    for event in events(account, at, resource):
        record = records.setdefault(event.key, {"created_at": event.at})
        record.update(event.change or {}, is_gone=event.change is None, updated_at=event.at)
    return records


def items(account: Account, at: datetime) -> list[TruthRow]:
    """One row per item that ever was."""
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
    """One row per order."""
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
    """One row per line of an order as it stands."""
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
    """One row per charge there ever was."""
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
    """What each item's storage was priced at each day; under None all items together."""
    prices: dict[int | None, dict[date, Decimal]] = {}
    for row in item_days(account, at, restated=False):
        for item_id in (row["item_id"], None):
            by_day = prices.setdefault(item_id, {})
            by_day[row["date"]] = by_day.get(row["date"], Decimal(0)) + row["price"]
    return prices


def invoices(account: Account, at: datetime) -> list[TruthRow]:
    """One row per payment and charge type."""
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
    """The billing errors that can be known by then."""
    return [
        error
        for error in account.errors
        if error.known_at <= at and (error.known_until is None or at < error.known_until)
    ]
