"""Tables of tiers are stated in one form, as a contract has them."""

from decimal import Decimal
from math import ceil

import pytest
from billed_orders import Billed, Card, orders
from cards import EVER, tier

from logentic.transform.prices.engine import learn_prices, read_prices

ORDERS = orders(2_000)
CARDS: dict[str, tuple[Card, list[str]]] = {
    "all units at the price of the last": (
        lambda o: o["units"] * tier(o["units"], (1, "3.85"), (2, "2.65"), (3, "2.25"), (4, "1.80"), (EVER, "1.65")),
        [
            "units up to 1: 3.85 per unit",
            "units above 1 up to 2: 2.65 per unit",
            "units above 2 up to 3: 2.25 per unit",
            "units above 3 up to 4: 1.80 per unit",
            "units above 4: 1.65 per unit",
        ],
    ),
    "each unit at its own price": (
        lambda o: (
            Decimal("1.85")
            + Decimal("1.05") * min(o["units"], 3)
            + Decimal("0.80") * max(min(o["units"], 7) - 3, 0)
            + Decimal("0.60") * max(o["units"] - 7, 0)
        ),
        [
            "units up to 3: 1.85 plus 1.05 per unit",
            "units above 3 up to 7: 2.60 plus 0.80 per unit",
            "units above 7: 4.00 plus 0.60 per unit",
        ],
    ),
    "weight breaks": (
        lambda o: (
            tier(o["weight"], (1, "3.60"), (2, "5.10"), (3, "5.60"), (EVER, "5.90"))
            + Decimal("0.45") * max(ceil(o["weight"]) - 4, 0)
        ),
        [
            "weight up to 1: 3.60",
            "weight above 1 up to 2: 5.10",
            "weight above 2 up to 3: 5.60",
            "weight above 3: 5.90 for the first 4 started lbs, 0.45 for each additional one",
        ],
    ),
}


@pytest.mark.parametrize("wrong", [0, 0.01])
@pytest.mark.parametrize("name", CARDS)
def test_a_table_is_stated_in_one_form(name: str, wrong: float) -> None:
    card, rows = CARDS[name]
    billed = Billed().bill(ORDERS, "shipping", card, wrong)
    learned = learn_prices(billed.charges()).learned_prices
    assert [f"{row['tier']}: {row['formula']}" for row in learned.to_pylist()] == rows
    again = learn_prices(billed.charges(), contract=read_prices(learned))
    assert [row["formula"] for row in again.learned_prices.to_pylist()] == [row.partition(": ")[2] for row in rows]
