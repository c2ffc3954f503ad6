"""The practices are checked by themselves: amounts by a second calculation, stock by its movements, errors by count."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks.practices.account import PracticeAccount, accounts, make_account
from benchmarks.practices.billing import Charge
from benchmarks.practices.catalogue import HELD_OUT_SEEDS, PRACTICES, RATES, TUNED, TUNED_SEEDS
from benchmarks.practices.contract import ALL, Term, bill_of
from benchmarks.practices.errors import RULES
from benchmarks.practices.prices import ENDLESS, Part, Price, Step
from benchmarks.practices.raw import LINES, tables, write_raw
from benchmarks.practices.sources import SOURCES
from benchmarks.practices.world import FIRST_DAY, NOW, TODAY, Order, days

SEED = 31
# Each has a world or a way of billing of its own.
WORLDS = ("heavy_goods", "late_duties", "receiving_units", "returns")
BILLED = (
    *("first_additional", "order_in_text", "late_duties", "month_whole", "storage_weekly", "four_weeks"),
    *("credits", "yen", "subscription"),
)
Figures = dict[str, Fraction]


@pytest.fixture(scope="module")
def account() -> Callable[[str, int], PracticeAccount]:
    made: dict[tuple[str, int], PracticeAccount] = {}

    def get(name: str, percent: int = 0) -> PracticeAccount:
        if (name, percent) not in made:
            made[name, percent] = make_account(name, SEED, percent)
        return made[name, percent]

    return get


def cents(amount: Fraction) -> Decimal:
    """Half up, by whole numbers only."""
    sign = 1 if amount >= 0 else -1
    return Decimal(sign * floor(abs(amount) * 100 + Fraction(1, 2))) / 100


def order_figures(account: PracticeAccount) -> dict[int, Figures]:
    """Count each order again, from the raw rows alone."""
    rows = tables(account)
    items = {row["id"]: row for row in rows["items"]}
    lines = defaultdict(list)
    for line in rows[LINES]:
        lines[line["order_id"]].append((items[line["item_id"]], line["quantity"]))
    found = {}
    for order, ordered in lines.items():
        inches = sum(i["width_in"] * i["depth_in"] * i["height_in"] * q for i, q in ordered)
        weight = Fraction(sum(i["weight"] * q for i, q in ordered))
        found[order] = {
            "lines": Fraction(len(ordered)),
            "units": Fraction(sum(q for _, q in ordered)),
            "weight": weight,
            "started_weight": Fraction(ceil(weight)),
            "dim_166": Fraction(max(ceil(weight), ceil(Fraction(inches) / 166))),
            "dim_139": Fraction(max(ceil(weight), ceil(Fraction(inches) / 139))),
            "heavy_units": Fraction(sum(q for i, q in ordered if i["weight"] > 20)),
            "hazmat_units": Fraction(sum(q for i, q in ordered if i["ht_code"] == "3606.90")),
            "bare_units": Fraction(sum(q for i, q in ordered if not i["is_prepackaged"])),
            "value": Fraction(sum(i["price"] * q for i, q in ordered)),
        }
    return found


def figures_of(price: Price) -> tuple[Fraction, ...]:
    return (Fraction(price.fixed), *(Fraction(part.amount) for part in price.parts))


def test_there_are_forty_practices_and_more_each_with_a_source() -> None:
    assert len(PRACTICES) >= 40
    for practice in PRACTICES.values():
        assert practice.sources
        assert set(practice.sources) <= set(SOURCES), practice.name
    assert {name for practice in PRACTICES.values() for name in practice.sources} == set(SOURCES)
    assert all(address.startswith("http") for _, address in SOURCES.values())


def test_practices_and_seeds_are_split_and_most_accounts_are_free_of_errors() -> None:
    assert set(PRACTICES) > TUNED
    assert not set(TUNED_SEEDS) & set(HELD_OUT_SEEDS)
    listed = list(accounts())
    assert len(set(listed)) == len(listed) == len(PRACTICES) * len(RATES)
    assert all((seed in TUNED_SEEDS) == (name in TUNED) for name, seed, _ in listed)
    assert sum(percent == 0 for *_, percent in listed) * 2 > len(listed)


@pytest.mark.parametrize("name", ["credits", "aged_stock"])
def test_an_account_is_the_same_every_time(name: str) -> None:
    first, second = make_account(name, 7, 5), make_account(name, 7, 5)
    assert tables(first) == tables(second)
    assert first.wrong() == second.wrong()
    assert tables(make_account(name, 8, 5)) != tables(first)


CALCULATED: dict[str, tuple[str, Callable[[tuple[Fraction, ...], Figures], Fraction]]] = {
    "first_additional": ("picking", lambda p, f: p[0] + p[1] * (f["units"] - 1)),
    "order_and_units": ("fulfilment", lambda p, f: p[0] + p[1] * f["units"]),
    "lines_and_units": ("picking", lambda p, f: p[1] * f["lines"] + p[2] * f["units"]),
    "heavy_within_picking": ("picking", lambda p, f: p[0] + p[1] * (f["units"] - 1) + p[2] * f["heavy_units"]),
    "hazmat": ("hazmat", lambda p, f: p[1] * f["hazmat_units"]),
    "own_container": ("packing", lambda p, f: p[0] + p[1] * f["bare_units"]),
    "dimensional_166": ("shipping", lambda p, f: p[0] + p[1] * f["dim_166"]),
    "storage_daily": ("shipping", lambda p, f: p[0] + p[1] * f["started_weight"]),
}


@pytest.mark.parametrize("name", CALCULATED)
def test_amounts_are_the_contracts_calculated_again(name: str, account: Any) -> None:
    made = account(name)
    charge_type, again = CALCULATED[name]
    (term,) = [term for term in made.contract.terms if term.charge_type == charge_type]
    price, found = figures_of(term.periods[0][1][ALL]), order_figures(made)
    rows = [row for row in tables(made)["payment_items"] if row["type"] == charge_type]
    assert len(rows) > 200
    for row in rows:
        assert row["amount"] == cents(again(price, found[row["order_id"]])), row


def test_minimum_and_maximum_both_hold(account: Any) -> None:
    made = account("minimum_maximum")
    price, found = made.contract.terms[1].periods[0][1][ALL], order_figures(made)
    amounts = Counter[str]()
    for row in tables(made)["payment_items"]:
        if row["type"] == "shipping":
            free = cents(Fraction(price.parts[0].amount) * found[row["order_id"]]["weight"])
            assert row["amount"] == max(min(free, price.maximum), price.minimum)
            amounts["least" if free < price.minimum else "most" if free > price.maximum else "free"] += 1
    assert min(amounts["least"], amounts["most"], amounts["free"]) > 20


def test_steps_of_orders_and_weights(account: Any) -> None:
    made = account("order_tiers_whole")
    steps, found = made.contract.terms[0].periods[0][1][ALL].whole, order_figures(made)
    each = {number: steps[min(number, len(steps)) - 1][1] for number in range(1, 50)}
    for row in tables(made)["payment_items"]:
        if row["type"] == "fulfilment":
            units = int(found[row["order_id"]]["units"])
            assert row["amount"] == units * each[units]
    made = account("zone_by_weight")
    found, rows = order_figures(made), tables(made)
    provinces = {row["id"]: row["place__province_code"] for row in rows["orders"]}
    zones = {"QC": "1", "ON": "2", "NB": "3", "NS": "3", "MB": "4", "AB": "4", "BC": "5"}
    for row in rows["payment_items"]:
        if row["type"] == "shipping":
            price, weight = (
                made.contract.terms[1].periods[0][1][zones[provinces[row["order_id"]]]],
                found[row["order_id"]]["started_weight"],
            )
            base = next(amount for up_to, amount in price.table if weight <= up_to)
            more = price.over * int(weight - 6) if weight > 6 else 0
            assert row["amount"] == base + more


def test_graduated_units_each_cost_their_own_step() -> None:
    steps: tuple[Step, ...] = ((Decimal(2), Decimal("1.00")), (Decimal(4), Decimal("0.70")), (ENDLESS, Decimal("0.50")))

    class Units:
        def __init__(self, units: int) -> None:
            self.units = units

        def of(self, driver: str) -> Decimal:
            return Decimal(self.units)

        def lines_of(self, driver: str) -> list[tuple[Decimal, Decimal]]:
            return [(Decimal("0.333"), Decimal(self.units))]

    price = Price(driver="units", graduated=steps)
    assert [str(price.amount(Units(n), 2)) for n in (1, 2, 3, 5, 9)] == ["1.00", "2.00", "2.70", "3.90", "5.90"]
    by_unit = Price(parts=(Part("weight", Decimal(1)),), rounding="unit")
    by_line = Price(parts=(Part("weight", Decimal(1)),), rounding="line")
    assert (by_unit.amount(Units(3), 2), by_line.amount(Units(3), 2)) == (Decimal("0.99"), Decimal("1.00"))


def test_fuel_is_the_weeks_percentage_of_shipping(account: Any) -> None:
    made = account("fuel_line")
    rows = tables(made)["payment_items"]
    base = {row["order_id"]: row["amount"] for row in rows if row["type"] == "shipping"}
    fuel = next(term for term in made.contract.terms if term.charge_type == "fuel")
    percents = {first: prices[ALL].parts[0].amount for first, prices in fuel.periods}
    lines = [row for row in rows if row["type"] == "fuel"]
    assert len({percents[row["start"] - timedelta(row["start"].weekday())] for row in lines}) > 4
    for row in lines:
        monday = row["start"] - timedelta(row["start"].weekday())
        assert row["amount"] == cents(Fraction(base[row["order_id"]]) * Fraction(percents[monday]))


def test_monthly_steps_count_the_months_orders(account: Any) -> None:
    made = account("month_running")
    term: Term = made.contract.terms[0]
    shipped = sorted((order.shipped_at, order.order_id) for order in made.world.orders if order.shipped_at)
    rank, months = {}, Counter[str]()
    for at, order_id in shipped:
        months[f"{at:%Y-%m}"] += 1
        rank[order_id] = months[f"{at:%Y-%m}"]
    for row in tables(made)["payment_items"]:
        if row["type"] == "handling":
            step = str(sum(rank[row["order_id"]] > limit for limit in term.steps))
            assert row["amount"] == term.periods[0][1][step].fixed


@pytest.mark.parametrize(
    "name", ["storage_daily", "semi_monthly", "storage_average", "four_weeks", "mid_month_increase"]
)
def test_storage_is_the_sum_of_the_days_that_the_history_prices(name: str, account: Any) -> None:
    rows = tables(account(name))
    prices = {(row["id"], row["date"]): row["total_storage_price"] for row in rows["inventory_history"]}
    billed = [row for row in rows["payment_items"] if row["type"] == "storage"]
    assert len(billed) > 100
    for row in billed:
        total = sum(prices[row["item_id"], day] for day in days(row["start"], row["end"]))
        assert abs(row["amount"] - total) <= Decimal("0.0051")


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("storage_month_start", lambda volumes: volumes[0]),
        ("storage_month_end", lambda volumes: volumes[-1]),
        ("storage_peak", max),
    ],
)
def test_storage_by_the_months_start_end_or_peak(
    name: str, held: Callable[[list[Decimal]], Decimal], account: Any
) -> None:
    made = account(name)
    rows = tables(made)
    volumes = {(row["id"], row["date"]): row["total_volume"] for row in rows["inventory_history"]}
    for row in rows["payment_items"]:
        if row["type"] == "storage" and row["end"] < TODAY:
            volume = held([volumes[row["item_id"], day] for day in days(row["start"], row["end"])])
            assert row["amount"] == cents(Fraction(volume) * Fraction(made.contract.storage.rates[0][1]))


@pytest.mark.parametrize("name", WORLDS)
def test_stock_is_consistent_with_what_was_shipped_received_and_returned(name: str, account: Any) -> None:
    made = account(name)
    rows = tables(made)
    shipped = Counter[int]()
    statuses = {row["id"]: row["status"] for row in rows["orders"]}
    for line in rows[LINES]:
        if statuses[line["order_id"]] in ("IN_TRANSIT", "COMPLETED"):
            shipped[line["item_id"]] += line["quantity"]
    returned = Counter[int]()
    for back in made.world.returns:
        if back.at <= NOW:
            returned[back.item.item_id] += back.units
    last: dict[int, dict[str, Any]] = {}
    for record in rows["item_quantities"]:
        assert min(record["supply"], record["prepared"], record["receiving"]) >= 0
        last[record["item_id"]] = record
    for item, record in last.items():
        assert record["delivered"] == shipped[item] - returned[item], item
    history = {(row["id"], row["date"]): row for row in rows["inventory_history"]}
    assert len(history) == len(last) * ((TODAY - FIRST_DAY).days + 1)
    for item, record in last.items():
        assert history[item, TODAY]["supply"] == record["supply"]


@pytest.mark.parametrize(("name", "percent"), [*((name, 5) for name in BILLED), ("provider", 1)])
def test_as_many_errors_are_injected_as_stated(name: str, percent: int, account: Any) -> None:
    clean, made = account(name), make_account(name, SEED, percent)
    assert not clean.wrong()
    wrong = made.wrong()
    assert len(wrong) == round(len(clean.visible()) * percent / 100)
    assert {rule for rule, _ in wrong} <= set(RULES)
    money = {(rule, subject): at_stake for (rule, subject), (at_stake, _) in wrong.items()}
    assert all(at_stake > 0 for at_stake in money.values())
    orders = {order.order_id: order for order in made.world.orders}
    for charge in made.visible():
        _check_error(made, orders, charge)


def _check_error(made: PracticeAccount, orders: dict[int, Order], charge: Charge) -> None:
    match charge.rule:
        case None:
            assert charge.amount == charge.right
            assert charge.order_id is None or orders[charge.order_id].shipped_at is not None
            if not charge.is_late and not charge.is_credit:
                bill = bill_of(made.contract.rhythm, charge.end)
                assert charge.bill in (bill, bill_of(made.contract.rhythm, charge.start))
        case "cancelled_order":
            assert orders[charge.order_id or 0].shipped_at is None
        case "unknown_order":
            assert charge.order_id not in orders
        case "outside_period":
            assert charge.end < charge.bill.first
        case "storage_overbilled" | "storage_underbilled":
            assert (charge.amount > charge.right) == (charge.rule == "storage_overbilled")
        case "rate_deviation":
            assert charge.amount not in (charge.right, Decimal(0))
        case "duplicate_charge":
            twins = [
                other
                for other in made.visible()
                if (other.charge_type, other.description, other.order_id, other.start, other.amount)
                == (charge.charge_type, charge.description, charge.order_id, charge.start, charge.amount)
            ]
            assert min(twin.charge_id for twin in twins) < charge.charge_id


def test_what_nobody_could_know_is_marked() -> None:
    for name, charge_type, reason in (("equal_cartons", "carton_label", "equal_lines"), ("untyped", None, "no_type")):
        copies = [c for c in make_account(name, SEED, 5).visible() if c.rule == "duplicate_charge"]
        assert {c.beyond for c in copies if c.charge_type == charge_type} == {reason}
        assert {c.beyond for c in copies if c.charge_type != charge_type} <= {None}


def test_what_is_unbilled_is_what_later_bills_charge(account: Any) -> None:
    made = account("storage_daily")
    open_days = [charge for charge in made.charges if charge.bill.billed > TODAY and charge.start <= TODAY]
    orders = sum(charge.amount for charge in open_days if charge.is_order_term and charge.happened_at <= NOW)
    rate, first = made.contract.storage.rates[0][1], TODAY.replace(day=1)
    volume = sum(
        item.cubic_feet * made.world.units_on(item, day) for item in made.world.items for day in days(first, TODAY)
    )
    assert abs(made.unbilled(TODAY) - orders - volume * rate) < Decimal("0.01")


def test_the_raw_file_holds_the_rows(tmp_path: Path, account: Any) -> None:
    made = account("yen")
    write_raw(made, tmp_path / "account.duckdb")
    with duckdb.connect(str(tmp_path / "account.duckdb")) as connection:
        for table, rows in tables(made).items():
            assert connection.execute(f"select count(*) from logentic_raw.{table}").fetchone() == (len(rows),)
        amounts = connection.execute("select id, amount from logentic_raw.payment_items").fetchall()
    assert {charge_id: amount.normalize() for charge_id, amount in amounts} == {
        charge.charge_id: charge.amount.normalize() for charge in made.visible()
    }
    assert all(charge.amount == charge.amount.to_integral_value(ROUND_HALF_UP) for charge in made.visible())
