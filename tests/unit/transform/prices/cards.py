"""Cards as contracts have them: what an order costs, and how many prices a person would write for it."""

from datetime import date
from decimal import Decimal as D
from math import ceil

from billed_orders import Card, Order, cents


def tier(value: D | int, *steps: tuple[int | float, str]) -> D:
    """Return the price of the first step that reaches the value."""
    return next(D(price) for upto, price in steps if value <= upto)


EVER = 10**9
ZONES = {"QC": 0, "ON": 0, "NB": 1, "NS": 1, "MB": 2, "SK": 2, "AB": 3, "BC": 3}


def dimensional(o: Order, divisor: int) -> int:
    return max(ceil(o["weight"]), ceil(o["volume"] * 1728 / divisor))


def zoned(o: Order, raised: D = D(1)) -> D:
    base = [D("6.10"), D("7.35"), D("8.80"), D("11.20")][ZONES[o["region"]]]
    return cents(
        (base + tier(o["weight"], (1, "0"), (2, "1.15"), (5, "2.90"), (10, "5.05"), (20, "9.45"), (EVER, "19.9")))
        * raised
    )


def weekly(o: Order) -> D:
    return D(10 + o["charge_date"].toordinal() // 7 * 7 % 13) / 100


CARDS: dict[str, Card] = {
    "flat": lambda o: "2.95",
    "per unit": lambda o: D("0.35") * o["units"],
    "fixed and units": lambda o: D("0.90") + D("0.35") * o["units"],
    "first and additional": lambda o: D("2.50") + D("0.45") * (o["units"] - 1),
    "included picks": lambda o: D("3.10") + D("0.40") * max(o["units"] - 4, 0),
    "lines and units": lambda o: D("1.20") + D("0.30") * o["lines"] + D("0.12") * o["units"],
    "flat tiers": lambda o: tier(o["units"], (2, "6.50"), (5, "8.90"), (EVER, "12.40")),
    "order type": lambda o: (
        D("18") + D("0.25") * o["units"] if o["order_type"] == "B2B" else D("2.20") + D("0.40") * o["units"]
    ),
    "fine rate": lambda o: D("0.0375") * o["weight"] + D("1.10"),
    "started weight": lambda o: D("0.80") + D("0.22") * ceil(o["weight"]),
    "started volume": lambda o: D("1.35") * ceil(o["volume"]),
    "minimum": lambda o: max(D("0.31") * o["units"], D("1.50")),
    "maximum": lambda o: min(D("0.60") * o["lines"] + D("0.90"), D("2.70")),
    "weight minimum": lambda o: max(D("0.085") * o["weight"], D("4.25")),
    "heavy item": lambda o: D("1.80") + D("0.30") * o["units"] + (2 if o["heaviest_item"] > 20 else 0),
    "price change": lambda o: (
        D("2.60") + D("0.35") * o["units"]
        if o["charge_date"] < date(2026, 6, 1)
        else D("2.75") + D("0.38") * o["units"]
    ),
    "promotion": lambda o: D("1.00") if date(2026, 4, 6) <= o["ordered_date"] < date(2026, 4, 27) else D("1.65"),
    "warehouse": lambda o: (
        D("1.10") + D("0.33") * o["units"] if o["warehouse"] == "2" else D("1.45") + D("0.29") * o["units"]
    ),
    "zones": lambda o: zoned(o),
    "zones changed": lambda o: zoned(o, D("1.059") if o["charge_date"] >= date(2026, 5, 1) else D(1)),
    "dimensional": lambda o: D("4.10") + D("0.37") * dimensional(o, 139),
    "dimensional breaks": lambda o: tier(
        dimensional(o, 166), (2, "5.20"), (5, "7.90"), (12, "11.30"), (30, "19.90"), (EVER, "45")
    ),
    "graduated month": lambda o: tier(o["month_rank"], (150, "3.20"), (300, "2.90"), (EVER, "2.55")),
    "whole month": lambda o: tier(o["month_orders"], (260, "3.20"), (EVER, "2.90")),
    "insurance": lambda o: D("0.0125") * o["value"],
    "insurance minimum": lambda o: max(D("0.009") * o["value"], D("1.00")),
    "weekend": lambda o: D("2.00") if o["ordered_date"].weekday() >= 5 else D("1.40"),
}
