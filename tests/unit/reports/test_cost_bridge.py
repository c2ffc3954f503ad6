"""The change of the cost is split into volume, mix and price, and the parts add up to the cent."""

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from logentic.reports.cost_bridge import Cell, split_by_type, sum_changes

CENT = Decimal("0.01")
AMOUNTS = st.decimals(-(10**13), 10**13, places=24)  # as the API may give them
QUANTITIES = st.decimals(0, 10**4, places=4)
CELLS = st.lists(st.builds(Cell, st.sampled_from(["shipping", "storage"]), QUANTITIES, AMOUNTS, QUANTITIES, AMOUNTS))


def cell(*numbers: str) -> Cell:
    return Cell("shipping", *(Decimal(number) for number in numbers))


def parts(*cells: Cell) -> tuple[Decimal, ...]:
    change = split_by_type(cells, CENT)["shipping"]
    assert change.before + change.volume + change.mix + change.price == change.after
    return change.volume, change.mix, change.price


def test_a_higher_price_of_the_same_things_is_price() -> None:
    assert parts(cell("10", "50.00", "10", "55.00")) == (0, 0, 5)


def test_more_of_the_same_things_is_volume() -> None:
    assert parts(cell("10", "50.00", "12", "60.00"), cell("5", "100.00", "6", "120.00")) == (30, 0, 0)


def test_more_of_the_expensive_things_is_mix() -> None:
    assert parts(cell("10", "50.00", "8", "40.00"), cell("10", "100.00", "12", "120.00")) == (0, 10, 0)


def test_volume_mix_and_price_at_once_as_calculated_by_hand() -> None:
    # 20 for 150.00 (7.50 each) became 24 for 190.00: 4 × 7.50; 16 × 5 + 8 × 10 − 24 × 7.50; 16 × 0.50 + 8 × 2.75.
    assert parts(cell("10", "50.00", "16", "88.00"), cell("10", "100.00", "8", "102.00")) == (30, -20, 30)


def test_what_is_charged_in_one_period_only_has_no_price_to_compare_with() -> None:
    ended, kept, begun = cell("2", "30.00", "0", "0"), cell("8", "80.00", "8", "80.00"), cell("0", "0", "2", "50.00")
    assert parts(ended, kept, begun) == (0, 20, 0)
    assert parts(begun) == (50, 0, 0)
    assert parts(ended) == (-30, 0, 0)


def test_what_has_no_quantity_has_no_price() -> None:
    assert parts(cell("10", "50.00", "10", "50.00"), cell("0", "0", "0", "3.00")) == (0, 3, 0)
    assert parts(cell("9", "45.00", "10", "50.00"), cell("1", "5.00", "0", "3.00")) == (0, 3, 0)


def test_what_rounding_leaves_is_mix() -> None:
    thirds = [cell("3", "10.00", "1", "3.33"), cell("3", "10.00", "4", "13.33")]
    assert parts(*thirds) == (Decimal("-3.33"), Decimal("0.00"), Decimal("-0.01"))


def test_the_compared_part_is_what_has_a_price_before() -> None:
    change = split_by_type([cell("1", "5.00", "2", "10.00"), cell("0", "0", "1", "7.00")], CENT)["shipping"]
    assert (change.after, change.compared) == (17, 10)


@given(CELLS, st.sampled_from([Decimal(1), CENT, Decimal("0.001")]))
def test_rows_and_columns_add_up_to_the_cent(cells: list[Cell], unit: Decimal) -> None:
    changes = split_by_type(cells, unit)
    total = sum_changes(changes.values())
    for change in (*changes.values(), total):
        assert change.before + change.volume + change.mix + change.price == change.after
        assert all(part % unit == 0 for part in (change.volume, change.mix, change.price))
    for name, change in changes.items():
        with localcontext(prec=50):
            costs = sum((each.cost_after for each in cells if each.charge_type == name), Decimal(0))
            assert abs(change.after - costs) <= unit / 2


@given(CELLS)
def test_nothing_changes_between_two_equal_periods(cells: list[Cell]) -> None:
    same = [Cell(c.charge_type, c.quantity_before, c.cost_before, c.quantity_before, c.cost_before) for c in cells]
    total = sum_changes(split_by_type(same, CENT).values())
    assert (total.volume, total.mix, total.price) == (0, 0, 0)
