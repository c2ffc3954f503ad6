"""Prices are learned from charges of hand-made cards, and what is off is found without a false alarm."""

from datetime import date
from decimal import ROUND_CEILING, Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from billed_orders import Billed, cents, orders
from cards import CARDS, zoned

from logentic.price_terms import ChargeRate
from logentic.transform.prices.engine import Prices, learn_prices, read_prices
from logentic.transform.prices.facts import SCHEMA, read_facts

ORDERS = orders(2_000)
# How a person would write the card, one sentence a price: segment, formula.
STATED = {
    "flat": ["2.95"],
    "first and additional": ["2.50 for the first unit, 0.45 for each additional one"],
    "included picks": ["3.10 for the first 4 units, 0.40 for each additional one"],
    "lines and units": ["1.20, 0.30 per line plus 0.12 per unit"],
    "flat tiers": ["units up to 2: 6.50", "units above 2 up to 5: 8.90", "units above 5: 12.40"],
    "order type": ["order type B2C: 2.20 plus 0.40 per unit", "order type B2B: 18.00 plus 0.25 per unit"],
    "fine rate": ["1.10 plus 0.0375 per lb"],
    "maximum": ["0.90 plus 0.60 per line, at most 2.70"],
    "price change": ["2.60 plus 0.35 per unit", "2.75 plus 0.38 per unit"],
    "dimensional": ["4.10 plus 0.37 per started lb of dimensional weight (divisor 139)"],
    "insurance minimum": ["0.9 % of the order's value, at least 1.00"],
}


def stated(prices: Prices) -> list[str]:
    rows = prices.learned_prices.to_pylist()
    return [": ".join(filter(None, (row["segment"], row["tier"], row["formula"]))) for row in rows]


def accused(billed: Billed, prices: Prices) -> set[int]:
    """Return the indexes of the charges that the prices are held against."""
    return {
        row["charge_id"] - 1
        for row in prices.charge_prices.to_pylist()
        if row["is_trusted"] and abs(billed.rows[row["charge_id"] - 1]["amount"] - row["expected"]) > row["tolerance"]
    }


@pytest.mark.parametrize("wrong", [0, 0.01, 0.05])
@pytest.mark.parametrize("name", [name for name in CARDS if not name.startswith("zones")])
def test_what_is_off_is_found_without_a_false_alarm(name: str, wrong: float) -> None:
    billed = Billed().bill(ORDERS, "picking", CARDS[name], wrong)
    prices = learn_prices(billed.charges())
    found = accused(billed, prices)
    assert found <= billed.wrong.keys()
    assert len(found) >= 0.97 * len(billed.wrong)
    assert sum(not row["is_trusted"] for row in prices.charge_prices.to_pylist()) <= 0.03 * len(billed.rows)
    assert name not in STATED or stated(prices) == STATED[name]


@pytest.mark.parametrize("name", ["zones", "zones changed"])
@pytest.mark.parametrize("wrong", [0, 0.01])
def test_tables_of_zones_and_weights_are_learned(name: str, wrong: float) -> None:
    billed = Billed().bill(orders(8_000), "shipping", CARDS[name], wrong)
    prices = learn_prices(billed.charges())
    found = accused(billed, prices)
    assert found <= billed.wrong.keys()
    assert len(found) >= 0.94 * len(billed.wrong)


def test_a_change_begins_on_its_day_and_a_promotion_ends() -> None:
    change = learn_prices(Billed().bill(ORDERS, "picking", CARDS["price change"]).charges()).learned_prices.to_pylist()
    assert [row["valid_from"] for row in change] == [date(1970, 1, 1), date(2026, 6, 1)]
    promotion = learn_prices(Billed().bill(ORDERS, "picking", CARDS["promotion"]).charges()).learned_prices.to_pylist()
    assert [(row["valid_from"], row["fixed"]) for row in promotion[1:]] == [
        (date(2026, 4, 6), Decimal("1.0000")),
        (date(2026, 4, 27), Decimal("1.6500")),
    ]


def test_percentages_are_of_the_right_charges_by_week_also_where_a_base_is_wrong() -> None:
    billed, bases = Billed(), {}
    for name, card in {"shipping": zoned, "picking": CARDS["first and additional"], "returns": CARDS["flat"]}.items():
        bases[name] = {order["order_id"]: cents(card(order) or 0) for order in MANY}
        billed.bill(MANY, name, card, 0.01)
    billed.bill(
        MANY,
        "fuel",
        lambda o: Decimal(10 + o["charge_date"].toordinal() // 28 % 5) / 100 * bases["shipping"][o["order_id"]],
        0.01,
    )
    billed.bill(
        MANY, "admin", lambda o: Decimal("0.025") * (bases["shipping"][o["order_id"]] + bases["picking"][o["order_id"]])
    )
    prices = learn_prices(billed.charges())
    assert accused(billed, prices) <= billed.wrong.keys()
    assert "2.5 % of the charges of shipping + picking" in stated(prices)
    fuel = [row["formula"] for row in prices.learned_prices.to_pylist() if row["charge_type"] == "fuel"]
    assert len(fuel) >= 8
    assert all(text.endswith("% of the charges of shipping") for text in fuel)


MANY = orders(3_000)


def amounts(*values: str, count: int = 800, seed: int = 5) -> Billed:
    random = Random(seed)
    return Billed().bill(ORDERS[:count], "work", lambda _: random.choice(values))


def test_random_amounts_are_no_card() -> None:
    random = Random(11)
    billed = Billed().bill(ORDERS[:800], "duties", lambda _: Decimal(random.randint(100, 9_000)) / 100)
    prices = learn_prices(billed.charges())
    assert prices.learned_prices.num_rows == 0
    reasons = {row["reason"] for row in prices.charge_prices.to_pylist()}
    assert all(reason.startswith("No price found: ") and "of 800 charges" in reason for reason in reasons)


@pytest.mark.parametrize("values", [("3.00", "4.50", "7.25"), ("1.00",) * 9 + ("2.00",), ("1.00",) * 29 + ("2.00",)])
def test_an_amount_that_comes_again_and_again_is_a_practice(values: tuple[str, ...]) -> None:
    billed = amounts(*values)
    assert not accused(billed, learn_prices(billed.charges()))


def test_a_few_charges_prove_nothing() -> None:
    billed = Billed().bill(ORDERS[:19], "picking", CARDS["flat"])
    billed.rows[3]["amount"] = Decimal("5.00")
    prices = learn_prices(billed.charges())
    assert not accused(billed, prices)
    assert prices.learned_prices.to_pylist()[0]["note"] == "The price rests on 19 charges; 20 are needed."


def test_a_region_whose_charges_are_off_is_not_accused() -> None:
    billed = Billed().bill(ORDERS, "picking", lambda o: "2.00" if o["region"] == "NB" else "1.40")
    for index, row in enumerate(billed.rows):
        row["amount"] += Decimal(index % 13) / 10 if row["amount"] == 2 else 0
    assert not accused(billed, learn_prices(billed.charges()))


def test_what_is_set_aside_teaches_nothing_but_is_priced() -> None:
    billed = Billed().bill(ORDERS[:60], "picking", CARDS["flat"])
    for row in billed.rows[:30]:
        row |= {"amount": Decimal("9.99"), "set_aside": "duplicate"}
    billed.rows.append({**billed.rows[0], "charge_id": None, "amount": None, "set_aside": None})
    prices = learn_prices(billed.charges())
    assert prices.learned_prices.to_pylist()[0]["charges"] == 30
    assert {row["expected"] for row in prices.charge_prices.to_pylist()} == {Decimal("2.9500")}


def test_the_contract_takes_the_place_of_learning() -> None:
    billed = Billed().bill(ORDERS[:50], "picking", CARDS["flat"])
    terms = [
        ChargeRate(charge_type="Picking", fixed=Decimal("2.50"), valid_to=date(2026, 1, 3)),
        ChargeRate(charge_type="picking", fixed=Decimal("2.95"), valid_from=date(2026, 1, 4)),
    ]
    prices = learn_prices(billed.charges(), contract=terms)
    days = {billed.rows[index]["charge_date"] for index in accused(billed, prices)}
    assert days
    assert max(days) <= date(2026, 1, 3)
    assert {row["source"] for row in prices.learned_prices.to_pylist()} == {"contract"}


def test_what_is_learned_beside_the_contract_is_kept_to_compare() -> None:
    billed = Billed().bill(ORDERS, "picking", CARDS["price change"], 0.01).bill(ORDERS, "handling", CARDS["flat"])
    terms = ChargeRate(charge_type="picking", fixed=Decimal("2.60"), per="units", per_unit=Decimal("0.35"))
    same = ChargeRate(charge_type="handling", fixed=Decimal("2.95"))
    never = ChargeRate(charge_type="pickling", fixed=Decimal(1))
    prices = learn_prices(billed.charges(), contract=[terms, same, never])
    shown = [(row["charge_type"], row["source"], row["charges"] > 0) for row in prices.learned_prices.to_pylist()]
    assert sorted(shown) == [
        ("handling", "contract", True),
        ("picking", "contract", True),
        ("pickling", "contract", False),
    ]
    beside = prices.beside_contract.to_pylist()
    assert [row["formula"] for row in beside if row["charge_type"] == "picking"] == STATED["price change"]
    assert [row["formula"] for row in beside if row["charge_type"] == "handling"] == STATED["flat"]
    assert not any(row["is_trusted"] for row in beside)
    ids = [row["price_id"] for row in [*prices.learned_prices.to_pylist(), *beside]]
    assert len(set(ids)) == len(ids), "also where the contract says the same"


def test_a_contract_s_narrower_price_goes_before_a_wider_one_whatever_their_dates() -> None:
    billed = Billed().bill(ORDERS[:200], "picking", CARDS["flat"])
    wide = ChargeRate(charge_type="picking", fixed=Decimal(1), valid_from=date(2020, 1, 1), valid_to=date(2030, 1, 1))
    narrow = ChargeRate(charge_type="picking", fixed=Decimal(2), segment={"region": "QC|ON"})
    for contract in ([wide, narrow], [narrow, wide]):
        found = learn_prices(billed.charges(), contract=contract).charge_prices.to_pylist()
        expected = [2 if billed.rows[row["charge_id"] - 1]["region"] in ("QC", "ON") else 1 for row in found]
        assert [row["expected"] for row in found] == expected


def test_a_contract_s_percentage_is_of_prices_whatever_the_order_of_types_and_of_bills_where_there_is_none() -> None:
    random = Random(3)
    billed = Billed()
    carrier = {order["order_id"]: Decimal(random.randint(500, 9_000)) / 100 for order in ORDERS[:300]}
    for name in ("admin", "duties"):
        billed.bill(ORDERS[:300], name, lambda _: "1.00")
    billed.bill(ORDERS[:300], "fuel", lambda o: carrier[o["order_id"]] / 10, 0.05)
    billed.bill(ORDERS[:300], "shipping", lambda o: carrier[o["order_id"]])
    billed.bill(ORDERS[:300], "picking", CARDS["per unit"])
    for number in range(10):  # more types than bases are looked for among
        billed.bill(ORDERS[:400], f"work {number}", CARDS["flat"])
    shares = {"admin": "charges of fuel + picking", "fuel": "charges of shipping", "duties": "charges of postage"}
    contract = [ChargeRate(charge_type=name, per=per, per_unit=Decimal("0.1")) for name, per in shares.items()]
    found = learn_prices(billed.charges(), contract=contract).charge_prices.to_pylist()
    by_order = {(row["charge_type"], row["order_id"]): row["expected"] for row in found}
    for order in ORDERS[:300]:
        fuel = cents(carrier[order["order_id"]] / 10)
        assert by_order["fuel", order["order_id"]] == fuel
        assert by_order["admin", order["order_id"]] == cents((fuel + cents(CARDS["per unit"](order) or 0)) / 10)
        assert by_order["duties", order["order_id"]] is None, "no charge has that type"


def test_learned_prices_can_be_written_as_configuration_and_read_back() -> None:
    billed = Billed()
    for name in ("flat tiers", "promotion", "lines and units", "insurance minimum", "zones changed"):
        billed.bill(ORDERS, name, CARDS[name])
    learned = learn_prices(billed.charges())
    again = learn_prices(billed.charges(), contract=read_prices(learned.learned_prices))

    def key(row: dict[str, Any]) -> int:
        return int(row["charge_id"])

    pairs = zip(
        sorted(learned.charge_prices.to_pylist(), key=key),
        sorted(again.charge_prices.to_pylist(), key=key),
        strict=True,
    )
    assert all(one["expected"] == other["expected"] and one["price_id"] == other["price_id"] for one, other in pairs)


def test_charges_without_a_type_are_told_apart_by_their_description() -> None:
    billed = Billed().bill(ORDERS[:100], "", CARDS["flat"]).bill(ORDERS[:100], "", lambda _: "4.00")
    for index, row in enumerate(billed.rows):
        row |= {"charge_type": None, "description": f"{'Label' if index < 100 else 'Box'} A-{index}"}
    rows = learn_prices(billed.charges()).learned_prices.to_pylist()
    assert [(row["charge_type"], row["formula"]) for row in rows] == [("label #", "2.95"), ("box #", "4.00")]


def test_nothing_to_learn_from_is_no_error() -> None:
    empty = learn_prices(Billed().charges())
    assert (empty.learned_prices.num_rows, empty.charge_prices.num_rows) == (0, 0)
    nulls = pa.table(
        {"charge_id": [1, 2], "charge_type": ["picking", None], "amount": pa.nulls(2, pa.decimal128(38, 24))}
    )
    assert learn_prices(read_facts(nulls)).charge_prices.num_rows == 2


def test_currencies_without_cents_are_rounded_to_whole_units() -> None:
    billed = Billed().bill(
        ORDERS[:300], "picking", lambda o: (Decimal("36.5") * o["units"]).quantize(Decimal(1), "ROUND_HALF_UP"), 0
    )
    rows = learn_prices(billed.charges(10_000)).learned_prices.to_pylist()
    assert [row["formula"] for row in rows] == ["36.50 per unit"]


def test_a_dimensional_weight_that_rounding_lifts_over_a_whole_pound_is_no_deviation() -> None:
    """0.28819 cubic feet are 2.99996 lb by the divisor 166; the item's volume is stored as 0.2882, 3.00006 lb."""
    random, rows = Random(4), []
    for number in range(1, 401):
        volume = Decimal(random.randrange(500, 20_000)) / 10_000
        pounds = (volume * 1728 / 166).to_integral_value(ROUND_CEILING)
        row = {"charge_id": number, "order_id": number, "charge_type": "shipping", "weight": Decimal("0.5")}
        rows.append(row | {"volume": volume, "amount": 5 + pounds * Decimal("0.90"), "charge_date": date(2026, 1, 5)})
    rows[7] |= {"volume": Decimal("0.2882"), "amount": 5 + 3 * Decimal("0.90")}
    rows[8] |= {"volume": Decimal("0.4000"), "amount": 5 + 4 * Decimal("0.90")}  # 4.16 lb: a pound too little
    prices = learn_prices(read_facts(pa.Table.from_pylist(rows, SCHEMA))).charge_prices.to_pylist()
    off = {
        row["charge_id"]
        for row, billed in zip(sorted(prices, key=lambda row: row["charge_id"]), rows, strict=True)
        if row["is_trusted"] and abs(billed["amount"] - row["expected"]) > row["tolerance"]
    }
    assert off == {9}


def changed_on_june_1(late: int) -> Billed:
    """Return charges of a price that changed, one of them at the old price so many days after the change."""
    billed = Billed().bill(ORDERS, "picking", lambda o: "2.95" if o["charge_date"] < date(2026, 6, 1) else "3.10")
    for row in billed.rows:
        if (row["charge_date"] - date(2026, 6, 1)).days == late and row["ordered_date"] >= date(2026, 6, 1):
            row["amount"] = Decimal("2.95")
            return billed
    raise AssertionError("no charge on that day")


@pytest.mark.parametrize(("late", "count"), [(1, 0), (13, 0), (20, 1)])
@pytest.mark.parametrize("is_stated", [False, True], ids=["learned", "contract"])
def test_an_old_price_is_right_for_two_weeks_after_its_end(late: int, count: int, is_stated: bool) -> None:
    billed = changed_on_june_1(late)
    prices = learn_prices(billed.charges())
    if is_stated:
        prices = learn_prices(billed.charges(), contract=read_prices(prices.learned_prices))
    assert [row["valid_from"] for row in prices.learned_prices.to_pylist()] == [date(1970, 1, 1), date(2026, 6, 1)]
    assert len(accused(billed, prices)) == count


def test_the_contract_states_also_types_that_were_never_charged() -> None:
    billed = Billed().bill(ORDERS[:50], "picking", CARDS["flat"])
    prices = learn_prices(billed.charges(), contract=[ChargeRate(charge_type="Kitting", fixed=Decimal("1.20"))])
    rows = {row["charge_type"]: (row["formula"], row["charges"]) for row in prices.learned_prices.to_pylist()}
    assert rows == {"kitting": ("1.20", 0), "picking": ("2.95", 50)}
    assert len(accused(billed, prices)) == 0


def test_the_last_orders_of_a_tier_of_the_month_are_not_accused_where_the_biller_counts_a_few_more() -> None:
    billed = Billed().bill(ORDERS, "handling", CARDS["graduated month"])
    assert len(billed.rows) == len(ORDERS)
    for row in billed.rows:
        row["month_rank"] += 2 if row["charge_date"].month % 2 else 0
    prices = learn_prices(billed.charges())
    assert accused(billed, prices) == set()
    assert sum(row["is_trusted"] for row in prices.charge_prices.to_pylist()) >= 0.97 * len(billed.rows)


@pytest.mark.parametrize(
    "extra", [{"amount": Decimal("-4.10")}, {"set_aside": "billed again"}], ids=["credit", "again"]
)
def test_a_percentage_is_of_what_an_order_costs_once(extra: dict[str, Any]) -> None:
    """Some orders have a credit of their shipping, or shipping that was credited and billed again."""
    billed = Billed().bill(ORDERS, "shipping", CARDS["zones"])
    of_order = {row["order_id"]: row["amount"] for row in billed.rows}
    billed.bill(ORDERS, "fuel", lambda o: of_order[o["order_id"]] * Decimal("0.16"))
    billed.rows += [{**row, "charge_id": 10**6 + row["charge_id"], **extra} for row in billed.rows[100:112]]
    prices = learn_prices(billed.charges())
    assert "16 % of the charges of shipping" in stated(prices), stated(prices)
    is_fuel = {row["charge_id"] for row in billed.rows if row["charge_type"] == "fuel"}
    off = [
        row["charge_id"]
        for row in prices.charge_prices.to_pylist()
        if row["charge_id"] in is_fuel
        and abs(billed.rows[row["charge_id"] - 1]["amount"] - row["expected"]) > row["tolerance"]
    ]
    assert off == []
