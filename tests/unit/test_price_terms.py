"""Prices that the user writes: which of them holds, and what is refused."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from logentic.errors import UsageError
from logentic.price_terms import FOR_EVER, ChargeRates
from logentic.settings import load_settings


def spans(*rates: dict[str, object]) -> list[tuple[str, str]]:
    read = TypeAdapter(ChargeRates).validate_python([{"charge_type": "picking", "per": "units"} | r for r in rates])
    return [(str(r.valid_from), "" if r.valid_to == FOR_EVER else str(r.valid_to)) for r in read]


def test_a_price_without_an_end_holds_until_the_next_of_its_kind_begins() -> None:
    assert spans({"valid_from": "2026-06-01"}, {}, {"valid_from": "2026-01-01", "charge_type": "Picking"}) == [
        ("2026-06-01", ""),
        ("1970-01-01", "2025-12-31"),
        ("2026-01-01", "2026-05-31"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"charge_type": "handling"},
        {"zone": "QC"},
        {"from_quantity": "5"},
        {"to_quantity": "4"},
        {"to_quantity": "10", "from_quantity": "4"},
    ],
)
def test_prices_for_other_charges_do_not_end_each_other(other: dict[str, object]) -> None:
    first = {"zone": "ON"} if "zone" in other else {"to_quantity": 4} if "from_quantity" in other else {}
    assert spans(first, other) == [("1970-01-01", "")] * 2
    assert spans(first, other | {"valid_from": "2026-01-01"}) == [("1970-01-01", ""), ("2026-01-01", "")]


@pytest.mark.parametrize(
    ("rates", "reason"),
    [
        ([{}, {}], "two prices of picking hold at once"),
        ([{"valid_to": "2026-03-31"}, {"valid_from": "2026-03-31"}], "two prices of picking hold on 2026-03-31"),
        ([{"zone": "QC"}, {"valid_from": "2026-01-01"}], "two prices of picking hold on 2026-01-01"),
        ([{"to_quantity": 5}, {"from_quantity": 4}], "two prices of picking hold at once"),
        ([{"valid_from": "2026-02-01", "valid_to": "2026-01-01"}], "valid_to 2026-01-01 is before valid_from"),
        ([{"from_quantity": 9, "to_quantity": 2}], "to_quantity 2 is not above from_quantity 9"),
        ([{"per": "none", "per_unit": "0.1"}], "per_unit needs per"),
        ([{"per": "none", "to_quantity": 2}], "need per"),
        ([{"minimum": -1}], "greater than or equal to 0"),
        ([{"charge_type": ""}], "at least 1 character"),
        ([{"per": "none", "included": 1}], "included needs per"),
        ([{"per": "none", "and_per": "lines"}], "and_per needs per"),
        ([{"and_per_unit": 1}], "and_per_unit needs and_per"),
        ([{"minimum": 2, "maximum": 1}], "minimum 2 is above maximum 1"),
    ],
)
def test_what_no_charge_could_be_held_against_is_refused(rates: list[dict[str, object]], reason: str) -> None:
    with pytest.raises(UsageError, match=r"^setting 'charge_rates") as raised:
        load_settings(charge_rates=[{"charge_type": "picking", "per": "units"} | rate for rate in rates])
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("per", "pallets", "'pallets' is not a quantity: use units, lines, "),
        ("and_per", "started_weight/0", "'started_weight/0' is not a quantity"),
        ("per_unit", "0,35", "valid decimal"),
        ("fixed", "cheap", "valid decimal"),
        ("maximum", -1, "greater than or equal to 0"),
        ("segment", {"country": "CA"}, "'country' is not a segment: use order_type, warehouse, region, "),
        ("segment", {"weight": "5-10"}, "weight = '5-10' is not a range: write it as \"5..10\""),
        ("segment", {"weight": "10..5"}, "is not a range"),
        ("segment", {"weight": ".."}, "is not a range"),
        ("segment", {"weight": "5..heavy"}, "is not a range"),
        ("valid_by", "paid_date", "'charge_date', 'ordered_date', 'shipped_date' or 'billed_date'"),
        ("valid_from", "soon", "valid date"),
        ("driver", "units", "not permitted"),
    ],
)
def test_a_wrong_price_is_one_line_that_names_its_entry_and_field(field: str, value: object, reason: str) -> None:
    right = {"charge_type": "picking", "per": "units"}
    with pytest.raises(UsageError, match=f"^setting 'charge_rates', entry 2, field '{field}'") as raised:
        load_settings(charge_rates=[right | {"charge_type": "handling"}, right | {field: value}])
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "LOGENTIC_CHARGE_RATES" in raised.value.guidance


def test_two_prices_at_once_are_named_by_their_entries() -> None:
    rates = [{"charge_type": "picking"}, {"charge_type": "handling"}, {"charge_type": "picking"}]
    with pytest.raises(UsageError, match=r"two prices of picking hold at once.* \(entries 1 and 3\)"):
        load_settings(charge_rates=rates)


def test_segments_and_the_price_for_all_stand_beside_each_other() -> None:
    segments = [{}, {"segment": {"region": "QC|ON"}}, {"segment": {"weight": "5..10", "warehouse": "2"}}]
    assert spans(*segments) == [("1970-01-01", "")] * 3


def test_rates_of_storage_begin_on_different_days() -> None:
    rate = {"rate": "0.021", "valid_from": date(2026, 1, 1)}
    with pytest.raises(UsageError, match="two rates of storage begin on 2026-01-01"):
        load_settings(storage_rates=[rate, rate | {"rate": Decimal("0.022")}])


def test_what_is_no_json_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGENTIC_CHARGE_RATES", "picking=0.90")
    with pytest.raises(UsageError, match=r"^LOGENTIC_CHARGE_RATES is no JSON$"):
        load_settings()
