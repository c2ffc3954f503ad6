"""How the cost of a contract moves with volume, mix and storage, on figures that fit on paper."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from logentic.reports.quote.card import ContractCard
from logentic.reports.quote.comparison import BreakEven, Costs, find_break_even

MONTHS = [date(2026, 1, 1), date(2026, 2, 1)]
COUNTS = [(100, 20), (200, 50)]  # orders, and those of several units


def costs(card: ContractCard | None = None, fee: str = "0") -> Costs:
    """Handling of 2.00 an order of one unit, 5.00 of several; storage of 30 and 40."""
    orders = {"handling": [260_0000, 550_0000]}
    several = {"handling": [100_0000, 250_0000]}
    storage = {MONTHS[0]: Decimal(30), MONTHS[1]: Decimal(40)}
    return Costs(MONTHS, orders, several, COUNTS, storage, {(month, "fee"): Decimal(fee) for month in MONTHS}, card)


def minimum_of(amount: str) -> ContractCard:
    return ContractCard.model_validate(
        {
            "name": "x",
            "charge_rates": [{"charge_type": "handling", "fixed": 1}],
            "minimums": [{"amount": amount, "of": ["handling"]}],
        }
    )


def test_only_orders_move_with_volume_and_only_storage_with_stock() -> None:
    moved = costs(fee="7")

    assert moved.total() == 810 + 70 + 14
    assert moved.total("volume", Fraction(3, 2)) == 1215 + 70 + 14
    assert moved.total("storage", Fraction(1, 2)) == 810 + 35 + 14


def test_another_mix_keeps_the_number_of_orders() -> None:
    # 10 % more orders of several units: 22 and 55; so 78 and 145 of one unit.
    assert costs().total("mix", Fraction(11, 10)) == (22 + 55) * 5 + (78 + 145) * 2 + 70
    # Never more than all orders.
    assert costs().total("mix", Fraction(9)) == 300 * 5 + 70


def test_a_minimum_is_topped_up_month_by_month() -> None:
    assert costs(minimum_of("400")).total() == 400 + 550 + 70
    assert costs(minimum_of("400")).total("volume", Fraction(2)) == 520 + 1100 + 70
    assert costs(minimum_of("400")).total("volume", Fraction(1, 2)) == 400 + 400 + 70


def test_the_break_even_volume_is_where_both_cost_the_same() -> None:
    dearer, cheap = costs(), costs(fee="200")
    cheap.orders = {"handling": [130_0000, 275_0000]}  # half the price, and a fee of 400 in all

    # 810 f = 405 f + 400, f = 400/405; of 150 orders a month.
    assert find_break_even(dearer, cheap, 300) == [BreakEven(148, is_cheaper_above=True)]
    assert find_break_even(cheap, dearer, 300) == [BreakEven(148, is_cheaper_above=False)]
    assert find_break_even(dearer, dearer, 300) == []


def test_the_break_even_volume_is_exact_beside_a_minimum() -> None:
    cheap = costs(minimum_of("600"))
    cheap.orders = {"handling": [130_0000, 275_0000]}

    # Both months are at the minimum until f = 600/275: 810 f = 1200.
    assert find_break_even(costs(), cheap, 300) == [BreakEven(222, is_cheaper_above=True)]
