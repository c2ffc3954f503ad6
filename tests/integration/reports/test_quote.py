"""A quote equals what the biller's own code charges: for the card in force, and for one that never was."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from benchmarks.audit_models import Models
from benchmarks.practices.account import PracticeAccount
from benchmarks.practices.billing import Charge, charges_of, storage_charges
from benchmarks.practices.catalogue import PRACTICES
from benchmarks.practices.contract import ALL, Contract, Recurring, Storage, Term
from benchmarks.practices.prices import ENDLESS, Part, Price
from benchmarks.practices.raw import write_raw
from benchmarks.practices.world import FIRST_DAY, NOW, PROVINCES, ZONES, Shape, World, make_world
from logentic.reports.quote.card import read_card
from logentic.reports.quote.comparison import Contract as Quoted
from logentic.reports.quote.comparison import Quote, quote
from logentic.settings import Settings

SEED = 7
LAST_MONTH = date(2026, 2, 1)
CHANGED = date(2025, 12, 15)
D = Decimal
Lines = dict[tuple[date, str], Decimal]


@dataclass(frozen=True)
class Figures:
    """What differs between the two contracts; both are written twice, for the biller's code and as a card."""

    handling: Decimal
    later_handling: Decimal
    first: Decimal
    additional: Decimal
    carton: tuple[Decimal, ...]
    base: Decimal
    over: Decimal
    fuel: Decimal
    insured: Decimal
    steps: tuple[Decimal, ...]
    pallet: Decimal
    minimum: Decimal

    def zone_price(self, zone: int, step: int) -> Decimal:
        return self.base + zone * (1 + D("0.25") * step) + D("1.30") * step

    def contract(self, storage: Storage) -> Contract:
        tables = {
            str(zone): Price(
                driver="dim_139",
                table=(
                    (D(1), self.zone_price(zone, 0)),
                    (D(4), self.zone_price(zone, 1)),
                    (ENDLESS, self.zone_price(zone, 1)),
                ),
                over=self.over,
            )
            for zone in range(1, 7)
        }
        cartons = tuple(zip((D("0.25"), D(2), ENDLESS), self.carton, strict=True))
        graduated = tuple(zip((D(2), D(5), ENDLESS), self.steps, strict=True))
        terms = (
            term("handling", Price(fixed=self.handling), later=Price(fixed=self.later_handling)),
            Term(
                "picking", "Picking",
                ((FIRST_DAY, {
                    "DELIVERY": Price(fixed=self.first, parts=(Part("units", self.additional, 1),)),
                    "WHOLESALE": Price(fixed=self.first * 4, parts=(Part("lines", self.additional), Part("units", D("0.11")))),
                }),),
                "order_type",
            ),
            term("packing", Price(driver="units", graduated=graduated)),
            term("bare units", Price(parts=(Part("bare_units", self.additional),))),
            term("heavy units", Price(parts=(Part("heavy_units", D("2.15")),))),
            term("weighing", Price(parts=(Part("weight", D("0.137")),), rounding="line")),
            term("carton", Price(driver="volume", table=cartons)),
            term("control", Price(parts=(Part("units", D("0.35")),), minimum=D("0.80"), maximum=D("2.10"))),
            Term("label", "Label", ((FIRST_DAY, {"0": Price(fixed=D("0.40")), "1": Price(fixed=D("0.22"))}),), "month_running", (60,)),
            Term("plan", "Plan", ((FIRST_DAY, {"0": Price(fixed=D("0.31")), "1": Price(fixed=D("0.19"))}),), "month_whole", (95,)),
            Term("shipping", "Shipping", ((FIRST_DAY, tables),), "zone", feeds="shipping"),
            term("fuel", Price(parts=(Part("shipping", self.fuel),))),
            term("insurance", Price(parts=(Part("value", self.insured),), minimum=D("0.60"))),
            term("receiving", Price(parts=(Part("quantity", self.pallet),)), subject="delivery", counted="pallets"),
            term("returns", Price(fixed=D("1.50"), parts=(Part("quantity", self.additional),)), subject="return"),
        )  # fmt: skip
        software = Recurring("software", "Software", D("79.00"))
        return Contract(terms, storage, recurring=(software,), minimum=self.minimum)

    def toml(self, name: str, storage: str) -> str:
        regions = defaultdict(list)
        for province in PROVINCES:
            regions[ZONES[province]].append(province)
        named = {**{f"z{zone}": "|".join(found) for zone, found in sorted(regions.items())}, "z6": "*"}
        zones = [int(zone[1:]) for zone in named]
        first, second, third = self.steps
        rows = [
            f"{{ upto = {upto}, {', '.join(f'z{zone} = {self.zone_price(zone, step)}' for zone in zones)} }},"
            for step, upto in enumerate((1, 4))
        ]
        rates = [
            rate("handling", fixed=self.handling, valid_to="2025-12-14"),
            rate("handling", fixed=self.later_handling, valid_from="2025-12-15"),
            rate("picking", fixed=self.first, included=1, per="units", per_unit=self.additional, segment='{ order_type = "DELIVERY" }'),
            rate("picking", fixed=self.first * 4, per="lines", per_unit=self.additional, and_per="units",
                 and_per_unit="0.11", segment='{ order_type = "WHOLESALE" }'),
            rate("packing", per="units", per_unit=first, segment='{ units = "..2" }'),
            rate("packing", fixed=2 * first, included=2, per="units", per_unit=second, segment='{ units = "2..5" }'),
            rate("packing", fixed=2 * first + 3 * second, included=5, per="units", per_unit=third, segment='{ units = "5.." }'),
            rate("bare units", per="units(prepackaged=no)", per_unit=self.additional),
            rate("heavy units", per="units(weight>20)", per_unit="2.15"),
            rate("weighing", per="weight by line", per_unit="0.137"),
            *(rate("carton", fixed=price, segment=f'{{ volume = "{span}" }}')
              for price, span in zip(self.carton, ("..0.25", "0.25..2", "2.."), strict=True)),
            rate("control", per="units", per_unit="0.35", minimum="0.80", maximum="2.10"),
            rate("label", fixed="0.40", segment='{ month_rank = "..60" }'),
            rate("label", fixed="0.22", segment='{ month_rank = "60.." }'),
            rate("plan", fixed="0.31", segment='{ month_orders = "..95" }'),
            rate("plan", fixed="0.19", segment='{ month_orders = "95.." }'),
            rate("fuel", per="charges of shipping", per_unit=self.fuel),
            rate("insurance", per="value", per_unit=self.insured, minimum="0.60"),
            rate("receiving", for_each="receiving", per="quantity", per_unit=self.pallet),
            rate("returns", for_each="returns", fixed="1.50", per="quantity", per_unit=self.additional),
        ]  # fmt: skip
        above = ", ".join(f"{zone} = {self.over}" for zone in named)
        regions_of = ", ".join(f'{zone} = "{found}"' for zone, found in named.items())
        of = sorted(ORDER_TYPES)
        return "\n".join(
            [
                f'name = "{name}"',
                *rates,
                '[[zone_tables]]\ncharge_type = "shipping"\nper = "started_weight/139"',
                f"zones = {{ {regions_of} }}",
                f"rows = [\n{chr(10).join(rows)}\n]\nabove = {{ {above} }}",
                '[[fees]]\ncharge_type = "software"\namount = "79.00"',
                f'[[minimums]]\ncharge_type = "monthly_minimum"\namount = "{self.minimum}"\nof = {of}',
                f"[[storage]]\n{storage}",
            ]
        )


ORDER_TYPES = ("handling", "picking", "packing", "bare units", "heavy units", "weighing", "carton", "control", "label")
ORDER_TYPES += ("plan", "shipping", "fuel", "insurance")
TRUE = Figures(
    D("2.50"), D("2.75"), D("1.60"), D("0.45"), (D("0.55"), D("0.90"), D("2.95")), D("6.20"), D("0.41"), D("0.0825"),
    D("0.012"), (D("0.90"), D("0.65"), D("0.40")), D("14.50"), D("2900.00"),
)  # fmt: skip
OTHER = Figures(
    D("1.95"), D("2.05"), D("2.10"), D("0.33"), (D("0.40"), D("1.15"), D("3.20")), D("7.05"), D("0.37"), D("0.1175"),
    D("0.009"), (D("1.05"), D("0.60"), D("0.35")), D("11.25"), D("3100.00"),
)  # fmt: skip
SHAPE = Shape(
    orders=650, items=16, heavy=0.2, abroad=8, order_types=(("DELIVERY", 80), ("WHOLESALE", 20)), returned=0.1
)  # fmt: skip
DAILY = Storage("daily", ((FIRST_DAY, D("0.031")),), per="day")
STORAGES = {
    "daily": (Storage("daily", ((FIRST_DAY, D("0.027")), (CHANGED, D("0.029"))), per="day"),
              'rate = "0.027"\n[[storage]]\nrate = "0.029"\nvalid_from = 2025-12-15'),
    "average": (Storage("average", ((FIRST_DAY, D("0.83")),)), 'basis = "average"\nrate = "0.83"\nper = "month"'),
    "month_start": (Storage("month_start", ((FIRST_DAY, D("0.021")),), per="day"), 'basis = "month_start"\nrate = "0.021"'),
    "month_end": (Storage("month_end", ((FIRST_DAY, D("0.79")),)), 'basis = "month_end"\nrate = "0.79"\nper = "month"'),
    "peak": (Storage("peak", ((FIRST_DAY, D("0.66")),)), 'basis = "peak"\nrate = "0.66"\nper = "month"'),
    "pallet": (Storage("month_start", ((FIRST_DAY, D("17.50")),), unit="pallet", unit_size=D(60)),
               'basis = "month_start"\nrate = "17.50"\nper = "month"\nunit = "pallet"\nunit_size = 60'),
    "bin": (Storage("daily", ((FIRST_DAY, D("0.12")),), per="day", unit="bin", unit_size=D(2)),
            'rate = "0.12"\nunit = "bin"\nunit_size = 2'),
    "account": (Storage("daily", ((FIRST_DAY, D("0.0333")),), per="day", is_per_item=False),
                'rate = "0.0333"\ncharged_by = "account"'),
}  # fmt: skip


def term(charge_type: str, price: Price, later: Price | None = None, **more: object) -> Term:
    periods = ((FIRST_DAY, {ALL: price}), *([(CHANGED, {ALL: later})] if later else []))
    return Term(charge_type, charge_type.capitalize(), periods, **more)  # type: ignore[arg-type]


def rate(charge_type: str, **terms: object) -> str:
    bare = ("segment", "valid_from", "valid_to")
    lines = [f"{name} = {value}" if name in bare else f'{name} = "{value}"' for name, value in terms.items()]
    return "\n".join(["[[charge_rates]]", f'charge_type = "{charge_type}"', *lines])


@dataclass
class Billed:
    world: World
    file: Path
    charges: list[Charge]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Billed:
    """An account that was billed by the true contract, without a mistake."""
    contract, world = TRUE.contract(DAILY), make_world(SEED, SHAPE)
    charges = charges_of(contract, world, SEED)
    for number, charge in enumerate(charges, 300_001):
        charge.charge_id = number
    practice = replace(PRACTICES["first_additional"], shape=SHAPE)
    file = tmp_path_factory.mktemp("quote") / "account.duckdb"
    write_raw(PracticeAccount(practice, SEED, 0, contract, world, charges, []), file)
    Models().run(file)
    return Billed(make_world(SEED, SHAPE), file, charges)


def price(account: Billed, folder: Path, *cards: str) -> Quote:
    """Quote cards, written as files, for the whole months."""
    paths = [folder / f"card{number}.toml" for number in range(len(cards))]
    for path, text in zip(paths, cards, strict=True):
        path.write_text(text, "utf-8")
    return quote(account.file, Settings(), [read_card(path) for path in paths], FIRST_DAY, LAST_MONTH)


def billed_lines(account: Billed, charges: Iterable[Charge]) -> Lines:
    """Add up the charges by type and month: that of the order, also for what was charged later, such as a return."""
    days = {order.order_id: order.day for order in account.world.orders}
    lines: Lines = defaultdict(Decimal)
    for charge in charges:
        month = days.get(charge.order_id or 0, charge.start).replace(day=1)
        if month <= LAST_MONTH and charge.created_at <= NOW:
            lines[month, charge.charge_type or ""] += charge.amount
    return {key: amount for key, amount in lines.items() if amount}


def nonzero(quoted: Quoted) -> Lines:
    return {key: amount for key, amount in quoted.lines.items() if amount}


def test_the_card_in_force_gives_the_bills_to_the_cent(account: Billed, tmp_path: Path) -> None:
    found = price(account, tmp_path, TRUE.toml("true", 'rate = "0.031"'))
    billed, _, card = found.contracts

    assert nonzero(billed) == billed_lines(account, account.charges)
    assert nonzero(card) == nonzero(billed)
    assert {charge_type for _, charge_type in nonzero(card)} >= {*ORDER_TYPES, "storage", "monthly_minimum", "returns"}
    assert (card.by_order == billed.by_order).all()
    assert card.unpriced == []
    assert found.order_differences == []


def test_another_card_gives_what_the_biller_would_have_charged(account: Billed, tmp_path: Path) -> None:
    found = price(account, tmp_path, OTHER.toml("other", 'rate = "0.031"'))
    charged = charges_of(OTHER.contract(DAILY), make_world(SEED, SHAPE), SEED)

    assert nonzero(found.cards[0]) == billed_lines(account, charged)
    assert nonzero(found.cards[0]) != nonzero(found.contracts[0])


@pytest.mark.parametrize("basis", STORAGES)
def test_storage_is_priced_by_each_basis(account: Billed, tmp_path: Path, basis: str) -> None:
    terms, text = STORAGES[basis]
    found = price(account, tmp_path, f'name = "storage"\n[[storage]]\n{text}\n')
    charged = storage_charges(TRUE.contract(terms), terms, account.world)

    quoted = {key: amount for key, amount in nonzero(found.cards[0]).items() if key[1] == "storage"}
    assert quoted == billed_lines(account, charged)
    assert len(quoted) == 6
