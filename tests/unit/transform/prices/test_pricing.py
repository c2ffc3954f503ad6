"""What makes a price doubtful for a charge that is off."""

import numpy as np

from logentic.price_terms import ChargeRate
from logentic.transform.prices.card import read_price
from logentic.transform.prices.learning import Card
from logentic.transform.prices.pricing import _off_by_steps


def test_a_card_that_explains_a_part_badly_accuses_of_no_difference_between_its_own_prices() -> None:
    """2.95 for each heavy unit, which no fact counts: the card has 1.25, 4.20 and 7.15 by weight instead."""
    rates = [
        {"fixed": "1.25", "segment": {"weight": "..28"}},
        {"fixed": "4.20", "segment": {"weight": "28..57"}},
        {"fixed": "7.15", "segment": {"weight": "57.."}},
    ]
    prices = tuple(
        read_price(ChargeRate.model_validate({"charge_type": "picking", "per": "units", "per_unit": "0.90", **rate}))
        for rate in rates
    )
    card, followers = Card("picking", prices, (0.0, 0.0, 0.0), 300, 0, 0), np.array([100, 100, 100])
    gaps = np.array([2.95, -5.90, 1.00, 6 * 5.90]) * 10_000
    gaps = gaps.round().astype(np.int64)
    assert _off_by_steps(card, gaps, followers, np.array([100, 99, 80])).tolist() == [True, True, False, False]
    assert not _off_by_steps(card, gaps, followers, np.array([100, 99, 98])).any()
