"""Cards as contracts have them: what an order costs, and how many prices a person would write for it."""

from datetime import date
from decimal import Decimal
from math import ceil

from billed_orders import Card, Order, cents


def tier(value: Decimal | int, *steps: tuple[int | float, str]) -> Decimal:
    """Return the price of the first step that reaches the value."""
    return next(Decimal(price) for upto, price in steps if value <= upto)


EVER = 10**9
ZONES = {"QC": 0, "ON": 0, "NB": 1, "NS": 1, "MB": 2, "SK": 2, "AB": 3, "BC": 3}


def dimensional(o: Order, divisor: int) -> int:
    return max(ceil(o["weight"]), ceil(o["volume"] * 1728 / divisor))


def zoned(o: Order, raised: Decimal = Decimal(1)) -> Decimal:
    base = [Decimal("6.10"), Decimal("7.35"), Decimal("8.80"), Decimal("11.20")][ZONES[o["region"]]]
    return cents(
        (base + tier(o["weight"], (1, "0"), (2, "1.15"), (5, "2.90"), (10, "5.05"), (20, "9.45"), (EVER, "19.9")))
        * raised
    )


def weekly(o: Order) -> Decimal:
    return Decimal(10 + o["charge_date"].toordinal() // 7 * 7 % 13) / 100


CARDS: dict[str, Card] = {
    "flat": lambda o: "2.95",
    "per unit": lambda o: Decimal("0.35") * o["units"],
    "fixed and units": lambda o: Decimal("0.90") + Decimal("0.35") * o["units"],
    "first and additional": lambda o: Decimal("2.50") + Decimal("0.45") * (o["units"] - 1),
    "included picks": lambda o: Decimal("3.10") + Decimal("0.40") * max(o["units"] - 4, 0),
    "lines and units": lambda o: Decimal("1.20") + Decimal("0.30") * o["lines"] + Decimal("0.12") * o["units"],
    "flat tiers": lambda o: tier(o["units"], (2, "6.50"), (5, "8.90"), (EVER, "12.40")),
    "order type": lambda o: (
        Decimal("18") + Decimal("0.25") * o["units"]
        if o["order_type"] == "B2B"
        else Decimal("2.20") + Decimal("0.40") * o["units"]
    ),
    "fine rate": lambda o: Decimal("0.0375") * o["weight"] + Decimal("1.10"),
    "started weight": lambda o: Decimal("0.80") + Decimal("0.22") * ceil(o["weight"]),
    "started volume": lambda o: Decimal("1.35") * ceil(o["volume"]),
    "minimum": lambda o: max(Decimal("0.31") * o["units"], Decimal("1.50")),
    "maximum": lambda o: min(Decimal("0.60") * o["lines"] + Decimal("0.90"), Decimal("2.70")),
    "weight minimum": lambda o: max(Decimal("0.085") * o["weight"], Decimal("4.25")),
    "heavy item": lambda o: Decimal("1.80") + Decimal("0.30") * o["units"] + (2 if o["heaviest_item"] > 20 else 0),
    "price change": lambda o: (
        Decimal("2.60") + Decimal("0.35") * o["units"]
        if o["charge_date"] < date(2026, 6, 1)
        else Decimal("2.75") + Decimal("0.38") * o["units"]
    ),
    "promotion": lambda o: (
        Decimal("1.00") if date(2026, 4, 6) <= o["ordered_date"] < date(2026, 4, 27) else Decimal("1.65")
    ),
    "warehouse": lambda o: (
        Decimal("1.10") + Decimal("0.33") * o["units"]
        if o["warehouse"] == "2"
        else Decimal("1.45") + Decimal("0.29") * o["units"]
    ),
    "zones": zoned,
    "zones changed": lambda o: zoned(o, Decimal("1.059") if o["charge_date"] >= date(2026, 5, 1) else Decimal(1)),
    "dimensional": lambda o: Decimal("4.10") + Decimal("0.37") * dimensional(o, 139),
    "dimensional breaks": lambda o: tier(
        dimensional(o, 166), (2, "5.20"), (5, "7.90"), (12, "11.30"), (30, "19.90"), (EVER, "45")
    ),
    "graduated month": lambda o: tier(o["month_rank"], (150, "3.20"), (300, "2.90"), (EVER, "2.55")),
    "whole month": lambda o: tier(o["month_orders"], (260, "3.20"), (EVER, "2.90")),
    "insurance": lambda o: Decimal("0.0125") * o["value"],
    "insurance minimum": lambda o: max(Decimal("0.009") * o["value"], Decimal("1.00")),
    "weekend": lambda o: Decimal("2.00") if o["ordered_date"].weekday() >= 5 else Decimal("1.40"),
}
