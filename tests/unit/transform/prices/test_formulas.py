"""Formulas: exact amounts, and the sentence of each as a contract would have it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from billed_orders import cents
from hypothesis import given
from hypothesis import strategies as st

from logentic.price_terms import ChargeRate
from logentic.transform.prices.card import OneOf, Price, read_price, write_price
from logentic.transform.prices.facts import LINES, MISSING, SCHEMA, Charges, Quantity, read_facts
from logentic.transform.prices.formulas import Formula


def facts(lines: Sequence[dict[str, Any]] = (), **columns: Any) -> Charges:
    row = {name: columns.get(name) for name in SCHEMA.names} | {"charge_type": "picking"}
    return read_facts(pa.Table.from_pylist([row], SCHEMA), lines=pa.Table.from_pylist(lines, LINES))


SENTENCES: list[tuple[dict[str, Any], str]] = [
    ({"fixed": "6.5"}, "6.50"),
    ({"per": "units", "per_unit": "0.35"}, "0.35 per unit"),
    ({"fixed": "0.9", "per": "lines", "per_unit": "0.3"}, "0.90 plus 0.30 per line"),
    (
        {"fixed": "2.5", "per": "units", "per_unit": "0.45", "included": 1},
        "2.50 for the first unit, 0.45 for each additional one",
    ),
    (
        {"fixed": "3.1", "per": "units", "per_unit": "0.4", "included": 4},
        "3.10 for the first 4 units, 0.40 for each additional one",
    ),
    (
        {"fixed": 1, "per": "lines", "per_unit": "0.3", "and_per": "units", "and_per_unit": "0.12"},
        "1.00, 0.30 per line plus 0.12 per unit",
    ),
    ({"per": "weight", "per_unit": "0.0375", "minimum": 4}, "0.0375 per lb, at least 4.00"),
    ({"per": "value", "per_unit": "0.0125", "maximum": 20}, "1.25 % of the order's value, at most 20.00"),
    ({"per": "charges of shipping", "per_unit": "0.0825"}, "8.25 % of the charges of shipping"),
    ({"fixed": "8.9", "per": "units", "from_quantity": 3, "to_quantity": 5}, "8.90"),
    ({"per": "charges of Shipping", "per_unit": "0.0825"}, "8.25 % of the charges of shipping"),
    (
        {"per": "value", "per_unit": "0.009", "included": 100, "minimum": 1},
        "0.9 % of the order's value above 100.00, at least 1.00",
    ),
    (
        {"fixed": 3, "per": "weight", "per_unit": "0.4", "included": "2.5"},
        "3.00 for the first 2.5 lbs, 0.40 for each additional one",
    ),
    (
        {"fixed": 3, "per": "units", "per_unit": "0.4", "included": 3, "and_per": "lines", "and_per_unit": "0.5"},
        "3.00 for the first 3 units, 0.40 for each additional one plus 0.50 per line",
    ),
    (
        {"fixed": 4, "per": "started_weight/139", "per_unit": "0.37"},
        "4.00 plus 0.37 per started lb of dimensional weight (divisor 139)",
    ),
    (
        {"fixed": 2, "per": "units", "per_unit": "0.85", "and_per": "units(weight>20)", "and_per_unit": "3.2"},
        "2.00, 0.85 per unit plus 3.20 per unit of items above 20 lb",
    ),
    (
        {"fixed": "2.85", "per": "units", "per_unit": "0.85", "included": 1}
        | {"and_per": "lines(longest_side>9)", "and_per_unit": 9},
        "2.85 for the first unit, 0.85 for each additional one plus 9.00 per line of items with a longest side above 9",
    ),
    ({"per": "units(hazardous=yes)", "per_unit": 1}, "1.00 per unit of items that are hazardous"),
    ({"per": "units(prepackaged=no)", "per_unit": 1}, "1.00 per unit of items that are not prepackaged"),
    ({"per": "units(item=503|511)", "per_unit": 1}, "1.00 per unit of item 503 or 511"),
    ({"fixed": 1, "per": "weight by line", "per_unit": "0.157"}, "1.00 plus 0.157 per lb, rounded for each line"),
    ({"per": "charges of pick/pack by hand", "per_unit": "0.1"}, "10 % of the charges of pick/pack by hand"),
]


@pytest.mark.parametrize(("terms", "sentence"), SENTENCES)
def test_a_formula_is_stated_as_a_contract_does_and_read_back(terms: dict[str, Any], sentence: str) -> None:
    price = read_price(ChargeRate(charge_type="picking", **terms))
    assert price.formula.sentence() == sentence
    assert read_price(write_price(price)) == price


@pytest.mark.parametrize(
    ("terms", "known", "expected"),
    [
        ({"per": "weight", "per_unit": "0.0375"}, {"weight": "2.2"}, "0.08"),  # 0.0825
        ({"per": "weight", "per_unit": "0.05"}, {"weight": "0.5"}, "0.03"),  # 0.025, half up
        ({"per": "started_weight", "per_unit": "0.05"}, {"weight": "3.0001"}, "0.20"),
        ({"per": "started_weight/139", "per_unit": 1}, {"weight": 3, "volume": "0.5"}, "7.00"),  # 864 ÷ 139 = 6.2
        ({"per": "started_weight/139", "per_unit": 1}, {"weight": 30, "volume": "0.5"}, "30.00"),
        ({"fixed": 2, "per": "units", "per_unit": 1, "included": 3}, {"units": 2}, "2.00"),
        ({"fixed": 2, "per": "units", "per_unit": 1, "maximum": 4}, {"units": 9}, "4.00"),
        ({"per": "units", "per_unit": "0.1", "minimum": 4}, {"units": 9}, "4.00"),
    ],
)
def test_amounts_are_exact(terms: dict[str, Any], known: dict[str, Any], expected: str) -> None:
    charge = facts(**{name: Decimal(value) for name, value in known.items()})
    price = read_price(ChargeRate(charge_type="picking", **terms))
    assert price.formula.expected(charge).tolist() == [int(Decimal(expected) * 10_000)]


@given(st.decimals(0, 1000, places=6), st.decimals(0, 100_000, places=4), st.decimals(0, 1000, places=4))
def test_prices_equal_decimal_arithmetic(rate: Decimal, weight: Decimal, fixed: Decimal) -> None:
    price = read_price(ChargeRate(charge_type="picking", fixed=fixed, per="weight", per_unit=rate))
    assert price.formula.expected(facts(weight=weight))[0] == int(cents(fixed + rate * weight) * 10_000)


TWO_LINES = [
    {"order_id": 7, "item_id": 503, "quantity": 3, "weight": "21.5", "hazardous": "yes", "prepackaged": "no"},
    {"order_id": 7, "item_id": 511, "quantity": 2, "weight": "0.5", "hazardous": "no", "longest_side": "50"},
    {"order_id": 8, "item_id": 511, "quantity": 9, "weight": "0.5"},
]


@pytest.mark.parametrize(
    ("per", "rate", "expected"),
    [
        ("units(weight>20)", "2", "6.00"),
        ("lines(weight>20)", "2", "2.00"),
        ("units(weight>21.5)", "2", "0.00"),
        ("units(weight>0.25)", "2", "10.00"),
        ("units(hazardous=yes)", "2", "6.00"),
        ("units(hazardous=no)", "2", "4.00"),
        ("units(item=511|600)", "2", "4.00"),
        ("units(prepackaged=no)", "2", None),  # of the other item it is not known
        ("units(longest_side>48)", "2", None),
        ("units(volume>1)", "2", None),
        ("weight by unit", "0.157", "10.30"),  # 3 × 3.3755, 2 × 0.0785
        ("weight by line", "0.157", "10.29"),  # 10.1265 and 0.157
        ("volume by line", "1", None),
    ],
)
def test_prices_by_the_lines_of_an_order_are_exact_and_unknown_where_an_item_is(
    per: str, rate: str, expected: str | None
) -> None:
    lines = [{name: row.get(name) for name in LINES.names} for row in TWO_LINES]
    for row in lines:
        for name in ("quantity", "weight", "longest_side"):
            row[name] = None if row[name] is None else Decimal(row[name])
    charge = facts(lines, order_id=7)
    price = read_price(ChargeRate(charge_type="picking", per=per, per_unit=rate))
    assert price.formula.expected(charge).tolist() == [MISSING if expected is None else int(Decimal(expected) * 10_000)]
    assert price.formula.expected(facts(lines, order_id=9)).tolist() == [MISSING], "an order whose lines are not known"


def test_a_quantity_that_is_not_known_has_no_price() -> None:
    price = read_price(ChargeRate(charge_type="picking", per="weight", per_unit=1))
    assert price.formula.expected(facts()).tolist() == [MISSING]
    assert not price.formula.explains(facts(amount=Decimal(1))).any()
    assert price.formula.expected(facts(weight=Decimal(10**9))).tolist() == [MISSING]


def test_the_rates_of_earlier_versions_are_still_read() -> None:
    old = ChargeRate(
        charge_type="Picking", zone="warehouse 2", per="units", per_unit="0.1", from_quantity=5, to_quantity=9
    )
    price = read_price(old)
    assert (price.segment, price.tier) == ("zone warehouse 2", "units from 5 up to 9")
    assert price.charge_type == "picking"
    inside = {"warehouse": "2", "units": Decimal(5)}
    assert price.holds(facts(**inside)).all()
    assert not price.holds(facts(**inside | {"units": Decimal(10)})).any()
    assert not price.holds(facts(**inside | {"warehouse": "1"})).any()


@pytest.mark.parametrize("values", [("ON", "QC"), ("",), ("", "QC"), ("parcel | ground", "a..b"), ("100%7C",)])
def test_any_values_of_a_category_are_written_and_read_back(values: tuple[str, ...]) -> None:
    price = Price("picking", (OneOf("service", values),), Formula(25_000))
    assert read_price(write_price(price)) == price


def test_dimensional_weight_is_written_with_its_divisor() -> None:
    quantity = Quantity("weight", started=True, divisor=139)
    assert str(quantity) == "started_weight/139"
    assert Quantity.parse("started_weight/139") == quantity
