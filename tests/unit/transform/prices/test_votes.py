"""Numbers that most charges agree on."""

from decimal import Decimal

import numpy as np
from billed_orders import Billed, cents, orders
from hypothesis import given, settings
from hypothesis import strategies as st

from logentic.transform.prices.facts import QUANTITY_SCALE, RATE_SCALE, Quantity
from logentic.transform.prices.formulas import Formula, per_unit
from logentic.transform.prices.votes import fewest_decimals, points_in_most


@given(st.integers(0, 10**8), st.integers(0, 10**6))
def test_the_number_with_the_fewest_decimals_lies_inside(low: int, width: int) -> None:
    found = fewest_decimals(low, low + width, RATE_SCALE)
    assert low <= found <= low + width
    step = next(10**k for k in range(6, -1, -1) if found % 10**k == 0)
    assert step == RATE_SCALE or -(-low // (10 * step)) * 10 * step > low + width


def test_points_are_found_in_the_order_of_their_votes() -> None:
    low = np.array([10, 11, 12, 100, 101, 102, 103, 500])
    assert points_in_most(low, low + 5, 3, 1) == [104, 13, 502]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 900), st.integers(0, 900), st.sampled_from(["units", "lines"]))
def test_a_stated_price_is_proposed_again(rate: int, fixed: int, column: str) -> None:
    card = Billed().bill(ORDERS, "picking", lambda o: cents(Decimal(fixed + rate * int(o[column])) / 100), wrong=0.05)
    proposed = list(per_unit(card.charges()))
    assert Formula(fixed * 100, ((rate * RATE_SCALE // 100, Quantity(column)),)) in proposed
    assert QUANTITY_SCALE == 10_000


ORDERS = orders(300)
