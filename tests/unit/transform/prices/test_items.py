"""Prices by what an order's lines hold: heavy, large and hazardous items, sets of items, sums of rounded parts."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from billed_orders import Billed, cents, orders

from logentic.transform.prices.engine import Prices, learn_prices
from logentic.transform.prices.facts import LINES

Line = dict[str, Any]


def shop(count: int = 1_500, unknown: int = 0) -> tuple[list[dict[str, Any]], list[Line]]:
    """Return orders with lines of 24 items, of which some are heavy, large, hazardous or not prepackaged.

    `unknown`: of so many items no measure is known.
    """
    random = Random(5)
    items = [
        {
            "item_id": 500 + number,
            "weight": Decimal(random.randint(2100, 4500) if number % 5 == 0 else random.randint(10, 600)) / 100,
            "volume": Decimal(random.randint(200, 9_000)) / 10_000,
            "longest_side": Decimal(random.choice((50, 60)) if number % 7 == 3 else random.randint(4, 36)),
            "hazardous": "yes" if number % 8 == 3 else "no",
            "prepackaged": "yes" if number % 3 else "no",
        }
        for number in range(24)
    ]
    made, lines = orders(count), []
    for order in made:
        chosen = random.sample(items, random.choices((1, 2, 3), (60, 30, 10))[0])
        own = [
            item | {"order_id": order["order_id"], "quantity": Decimal(random.choice((1, 1, 2, 3)))} for item in chosen
        ]
        order["units"], order["lines"] = sum(line["quantity"] for line in own), Decimal(len(own))
        order["own"] = own
        for name in ("weight", "volume"):
            order[name] = sum(line["quantity"] * line[name] for line in own)
        for name in ("heaviest_item", "longest_side"):
            order[name] = max(line["weight" if name == "heaviest_item" else name] for line in own)
        for line in own:
            is_unknown = line["item_id"] < 500 + unknown
            lines.append(dict.fromkeys(LINES.names) | {"order_id": order["order_id"]} if is_unknown else line)
        if any(line["item_id"] < 500 + unknown for line in own):
            order.update(dict.fromkeys(("weight", "volume", "heaviest_item", "longest_side")))
    return made, lines


def learn(billed: Billed, lines: list[Line]) -> Prices:
    return learn_prices(billed.charges(lines=pa.Table.from_pylist(lines, LINES)))


def units_of(is_counted: Callable[[Line], bool]) -> Callable[[dict[str, Any]], Decimal]:
    return lambda order: sum((line["quantity"] for line in order["own"] if is_counted(line)), Decimal(0))


HEAVY = units_of(lambda line: line["weight"] > 20)
LARGE = units_of(lambda line: line["longest_side"] > 48)
HAZARDOUS = units_of(lambda line: line["hazardous"] == "yes")
BARE = units_of(lambda line: line["prepackaged"] == "no")


def by_part(rate: str, each: str) -> Callable[[dict[str, Any]], Decimal]:
    def price(order: dict[str, Any]) -> Decimal:
        total = Decimal("1.30")
        for line in order["own"]:
            units = line["quantity"] if each == "line" else Decimal(1)
            part = (Decimal(rate) * line["weight"] * units).quantize(Decimal("0.01"), ROUND_HALF_UP)
            total += part * (line["quantity"] / units)
        return total

    return price


CARDS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "heavy": (
        lambda o: 2 + Decimal("0.85") * o["units"] + Decimal("3.2") * HEAVY(o),
        "2.00, 0.85 per unit plus 3.20 per unit of items above 10 lb",
    ),
    "heavy lines": (
        lambda o: 2 + Decimal("3.2") * sum(line["weight"] > 20 for line in o["own"]),
        "2.00 plus 3.20 per line of items above 10 lb",
    ),
    "large": (lambda o: 3 + 7 * LARGE(o), "3.00 plus 7.00 per unit of items with a longest side above 30"),
    "hazardous": (lambda o: HAZARDOUS(o) or None, "1.00 per unit of items that are hazardous"),
    "bare": (
        lambda o: Decimal("2.50") + Decimal("0.60") * BARE(o),
        "2.50 plus 0.60 per unit of items that are not prepackaged",
    ),
    "by line": (by_part("0.157", "line"), "1.30 plus 0.157 per lb, rounded for each line"),
    "by unit": (by_part("0.143", "unit"), "1.30 plus 0.143 per lb, rounded for each unit"),
}


@pytest.mark.parametrize("wrong", [0, 0.02])
@pytest.mark.parametrize("name", CARDS)
def test_what_the_items_of_an_order_add_is_learned(name: str, wrong: float) -> None:
    made, lines = shop()
    card, sentence = CARDS[name]
    billed = Billed().bill(made, "picking", card, wrong)
    prices = learn(billed, lines)
    assert [row["formula"] for row in prices.learned_prices.to_pylist()] == [sentence]
    off = {
        row["charge_id"] - 1
        for row in prices.charge_prices.to_pylist()
        if row["is_trusted"] and abs(billed.rows[row["charge_id"] - 1]["amount"] - row["expected"]) > row["tolerance"]
    }
    assert off <= billed.wrong.keys()
    assert len(off) >= 0.9 * len(billed.wrong)


def test_an_order_with_an_item_that_is_not_known_has_no_price() -> None:
    made, lines = shop(unknown=2)
    billed = Billed().bill(made, "picking", CARDS["heavy"][0])
    prices = learn(billed, lines)
    assert [row["formula"] for row in prices.learned_prices.to_pylist()] == [CARDS["heavy"][1]]
    is_unknown = {order["order_id"] for order in made if order["weight"] is None}
    assert {row["order_id"] for row in prices.charge_prices.to_pylist() if row["expected"] is None} == is_unknown
    assert is_unknown
    assert all(
        row["expected"] == cents(billed.rows[row["charge_id"] - 1]["amount"])
        for row in prices.charge_prices.to_pylist()
        if row["expected"] is not None
    )
