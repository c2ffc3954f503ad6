"""A quote equals what the biller's own code charges: for the card in force, and for one that never was."""

import io
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest

from benchmarks import audit_account
from benchmarks.audit_models import Models
from benchmarks.practices.account import PracticeAccount
from benchmarks.practices.billing import Charge, charges_of, storage_charges
from benchmarks.practices.catalogue import PRACTICES
from benchmarks.practices.contract import ALL, Contract, Recurring, Storage, Term
from benchmarks.practices.prices import ENDLESS, Part, Price
from benchmarks.practices.raw import write_raw
from benchmarks.practices.world import FIRST_DAY, NOW, PROVINCES, ZONES, Shape, World, make_world
from logentic.audit_log import PUBLISHED_LOGS, QUOTE_LINES, QUOTES
from logentic.reports.quote.card import read_card
from logentic.reports.quote.chart import HEIGHT, TOP, draw_chart
from logentic.reports.quote.comparison import Contract as Quoted
from logentic.reports.quote.comparison import Quote, quote
from logentic.reports.quote.saved import save_quote
from logentic.reports.quote.screen import print_quote
from logentic.reports.terminal import Terminal
from logentic.sandbox import Account, billing, billing_traps
from logentic.settings import Settings
from logentic.state import State

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
                    "WHOLESALE": Price(
                        fixed=self.first * 4, parts=(Part("lines", self.additional), Part("units", D("0.11")))
                    ),
                }),),
                "order_type",
            ),
            term("packing", Price(driver="units", graduated=graduated)),
            term("bare units", Price(parts=(Part("bare_units", self.additional),))),
            term("heavy units", Price(parts=(Part("heavy_units", D("2.15")),))),
            term("weighing", Price(parts=(Part("weight", D("0.137")),), rounding="line")),
            term("carton", Price(driver="volume", table=cartons)),
            term("control", Price(parts=(Part("units", D("0.35")),), minimum=D("0.80"), maximum=D("2.10"))),
            by_volume("label", "month_running", 60, "0.40", "0.22"),
            by_volume("plan", "month_whole", 95, "0.31", "0.19"),
            Term("shipping", "Shipping", ((FIRST_DAY, tables),), "zone", feeds="shipping"),
            term("fuel", Price(parts=(Part("shipping", self.fuel),))),
            term("insurance", Price(parts=(Part("value", self.insured),), minimum=D("0.60"))),
            term("receiving", Price(parts=(Part("quantity", self.pallet),)), subject="delivery", counted="pallets"),
            term("returns", Price(fixed=D("1.50"), parts=(Part("quantity", self.additional),)), subject="return"),
        )  # fmt: skip
        software = Recurring("software", "Software", D("79.00"))
        return Contract(terms, storage, recurring=(software,))

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
            rate("picking", fixed=self.first, included=1, per="units", per_unit=self.additional,
                 segment='{ order_type = "DELIVERY" }'),
            rate("picking", fixed=self.first * 4, per="lines", per_unit=self.additional, and_per="units",
                 and_per_unit="0.11", segment='{ order_type = "WHOLESALE" }'),
            rate("packing", per="units", per_unit=first, segment='{ units = "..2" }'),
            rate("packing", fixed=2 * first, included=2, per="units", per_unit=second, segment='{ units = "2..5" }'),
            rate("packing", fixed=2 * first + 3 * second, included=5, per="units", per_unit=third,
                 segment='{ units = "5.." }'),
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
    D("0.012"), (D("0.90"), D("0.65"), D("0.40")), D("14.50"), D("4300.00"),
)  # fmt: skip
OTHER = Figures(
    D("1.95"), D("2.05"), D("2.10"), D("0.33"), (D("0.40"), D("1.15"), D("3.20")), D("7.05"), D("0.37"), D("0.1175"),
    D("0.009"), (D("1.05"), D("0.60"), D("0.35")), D("11.25"), D("4250.00"),
)  # fmt: skip
SHAPE = Shape(
    orders=650, items=16, heavy=0.2, abroad=8, order_types=(("DELIVERY", 80), ("WHOLESALE", 20)), returned=0.1
)  # fmt: skip
DAILY = Storage("daily", ((FIRST_DAY, D("0.031")),), per="day")
STORAGES = {
    "daily": (Storage("daily", ((FIRST_DAY, D("0.027")), (CHANGED, D("0.029"))), per="day"),
              'rate = "0.027"\n[[storage]]\nrate = "0.029"\nvalid_from = 2025-12-15'),
    "average": (Storage("average", ((FIRST_DAY, D("0.83")),)), 'basis = "average"\nrate = "0.83"\nper = "month"'),
    "month_start": (Storage("month_start", ((FIRST_DAY, D("0.021")),), per="day"),
                    'basis = "month_start"\nrate = "0.021"'),
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


def by_volume(charge_type: str, segment: str, limit: int, *amounts: str) -> Term:
    prices = {str(step): Price(fixed=D(amount)) for step, amount in enumerate(amounts)}
    return Term(charge_type, charge_type.capitalize(), ((FIRST_DAY, prices),), segment, (limit,))


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


def topped_up(lines: Lines, minimum: Decimal) -> Lines:
    """Add what the orders' charges of each month lack of a minimum."""
    reached: dict[date, Decimal] = defaultdict(Decimal)
    for (month, charge_type), amount in lines.items():
        reached[month] += amount if charge_type in ORDER_TYPES else 0
    return lines | {(month, "monthly_minimum"): minimum - sum_ for month, sum_ in reached.items() if sum_ < minimum}


def nonzero(quoted: Quoted) -> Lines:
    return {key: amount for key, amount in quoted.lines.items() if amount}


def test_the_card_in_force_gives_the_bills_to_the_cent(account: Billed, tmp_path: Path) -> None:
    found = price(account, tmp_path, TRUE.toml("true", 'rate = "0.031"'))
    billed, _, card = found.contracts

    assert nonzero(billed) == billed_lines(account, account.charges)
    assert nonzero(card) == topped_up(nonzero(billed), TRUE.minimum)
    assert {charge_type for _, charge_type in nonzero(card)} >= {*ORDER_TYPES, "storage", "monthly_minimum", "returns"}
    assert (card.by_order == billed.by_order).all()
    assert card.unpriced == []
    assert found.order_differences == []


def test_another_card_gives_what_the_biller_would_have_charged(account: Billed, tmp_path: Path) -> None:
    found = price(account, tmp_path, OTHER.toml("other", 'rate = "0.031"'))
    charged = charges_of(OTHER.contract(DAILY), make_world(SEED, SHAPE), SEED)

    assert nonzero(found.cards[0]) == topped_up(billed_lines(account, charged), OTHER.minimum)
    assert nonzero(found.cards[0]) != nonzero(found.contracts[0])


@pytest.mark.parametrize("basis", STORAGES)
def test_storage_is_priced_by_each_basis(account: Billed, tmp_path: Path, basis: str) -> None:
    terms, text = STORAGES[basis]
    found = price(account, tmp_path, f'name = "storage"\n[[storage]]\n{text}\n')
    charged = storage_charges(TRUE.contract(terms), terms, account.world)

    quoted = {key: amount for key, amount in nonzero(found.cards[0]).items() if key[1] == "storage"}
    assert quoted == billed_lines(account, charged)
    assert len(quoted) == 6


def test_storage_without_a_price_in_force_stays_as_billed(account: Billed, tmp_path: Path) -> None:
    text = 'name = "later"\n[[storage]]\nbasis = "peak"\nrate = 1\nvalid_from = {}\n'
    found = price(account, tmp_path, text.format("2026-01-01"), text.replace("later", "mid").format("2025-12-15"))
    (later, mid), billed = found.cards, found.contracts[0]
    priced = {month: later.lines[month, "storage"] != billed.lines[month, "storage"] for month in found.months}

    assert [month for month, is_priced in priced.items() if is_priced] == [date(2026, 1, 1), LAST_MONTH]
    # A monthly basis goes by the price on the first day of the month.
    assert {key for key in mid.lines if mid.lines[key] != later.lines[key]} == set()


def test_what_a_card_does_not_price_stays_as_billed(account: Billed, tmp_path: Path) -> None:
    text = 'name = "local"\nas_billed = ["storage"]\nincluded = ["label"]\n' + rate(
        "shipping", fixed="5.00", segment='{ region = "QC|ON" }'
    )
    found = price(account, tmp_path, text)
    card, billed = found.cards[0], found.contracts[0]
    orders = [order for order in account.world.orders if order.shipped_at and order.day.replace(day=1) <= LAST_MONTH]
    elsewhere = {order.order_id for order in orders if order.province not in ("QC", "ON")}
    kept = sum(
        charge.amount
        for charge in account.charges
        if charge.charge_type == "shipping" and charge.order_id in elsewhere and charge.created_at <= NOW
    )

    [shipping] = [one for one in card.unpriced if one.charge_type == "shipping"]
    assert (shipping.count, shipping.billed) == (len(elsewhere), kept)
    assert shipping.reason == "No price of the card is for these orders (regions AB, BC, CA, MB, NB, NS and 2 more)."
    assert card.of_type("shipping") == 5 * (len(orders) - len(elsewhere)) + kept
    assert card.of_type("storage") == billed.of_type("storage")
    assert card.of_type("label") == 0
    assert card.of_type("picking") == billed.of_type("picking")
    assert {one.charge_type for one in card.unpriced} == {
        charge_type for _, charge_type in nonzero(billed) if charge_type not in ("storage", "label")
    }


def test_the_learned_prices_are_checked_against_the_bills(account: Billed, tmp_path: Path) -> None:
    found = price(account, tmp_path)

    assert found.check.billed == sum(billed_lines(account, account.charges).values())
    assert found.check.not_owed == 0
    with duckdb.connect(str(account.file)) as published:
        # One charge that is off its price: the check must see it, on both sides.
        published.execute("set search_path = 'logentic_marts'")
        [(charge_id, order_id)] = published.execute(
            "select charge_id, order_id from charge_prices where charge_type = 'handling' and expected is not null"
            " and charge_id is not null order by charge_id limit 1"
        ).fetchall()
        published.execute(f"update charge_prices set expected = expected + 7 where charge_id = {charge_id}")
    again = price(account, tmp_path)
    with duckdb.connect(str(account.file)) as published:
        published.execute("set search_path = 'logentic_marts'")
        published.execute(f"update charge_prices set expected = expected - 7 where charge_id = {charge_id}")
    position = found.order_ids.index(order_id)
    assert again.check.learned - found.check.learned == 7
    assert abs(again.check.off_price - found.check.off_price) == 7
    assert again.contracts[1].by_order[position] - found.contracts[1].by_order[position] == 7_0000
    assert again.check.billed == found.check.billed
    assert found.check.unexplained_share == pytest.approx(D("0.05"), abs=D("0.05"))


def test_measured_sizes_change_what_the_biller_would_charge(account: Billed, tmp_path: Path) -> None:
    item = account.world.items[0]
    grown = replace(item, sides=(D(20), D(15), D("12.5")), weight=D("14.25"))
    world = make_world(SEED, SHAPE)
    world.items[0] = grown
    world.orders = [
        replace(
            order, lines=tuple((grown if one.item_id == item.item_id else one, units) for one, units in order.lines)
        )
        for order in world.orders
    ]
    sizes = tmp_path / "sizes.csv"
    sizes.write_text(f"item,width_in,depth_in,height_in,weight\nSKU-{item.item_id},20,15,12.5,14.25\n", "utf-8")
    (tmp_path / "card.toml").write_text(OTHER.toml("other", 'rate = "0.031"'), "utf-8")
    cards = [read_card(tmp_path / "card.toml")]
    [effect] = quote(account.file, Settings(), cards, FIRST_DAY, LAST_MONTH, sizes).packaging

    before, after = (
        billed_lines(account, charges_of(OTHER.contract(DAILY), each, SEED))
        for each in (make_world(SEED, SHAPE), world)
    )
    changes = {key: amount - before[key] for key, amount in after.items() if amount != before[key]}
    assert {charge_type for _, charge_type in changes} >= {"shipping", "fuel", "carton", "weighing", "storage"}
    assert effect.storage == sum(amount for (_, charge_type), amount in changes.items() if charge_type == "storage")
    assert effect.total == sum(changes.values())
    assert effect.per_year == 2 * effect.total


def test_every_line_of_the_chart_lies_within_its_panel(account: Billed, tmp_path: Path) -> None:
    drawn = draw_chart(price(account, tmp_path, OTHER.toml("other & <dearer>", 'rate = "0.031"')))
    lines = re.findall(r'points="([^"]+)"', drawn)

    assert len(lines) == 3 * 3
    assert all(TOP <= float(y) <= TOP + HEIGHT for line in lines for y in re.findall(r",([\d.]+)", line))
    assert "other &amp; &lt;dearer&gt;" in drawn


def test_no_amount_is_cut_on_a_narrow_screen(account: Billed, tmp_path: Path) -> None:
    found = price(account, tmp_path, OTHER.toml("a card with a name that is rather long", 'rate = "0.031"'))
    console = Terminal(file=io.StringIO(), width=60)
    print_quote(found, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]

    assert "…" not in shown
    assert all(f"{one.total:,.2f}" in shown for one in found.contracts)


def test_a_saved_quote_is_published_with_its_lines(account: Billed, tmp_path: Path) -> None:
    found = replace(price(account, tmp_path, TRUE.toml("true", 'rate = "0.031"')), file=tmp_path / "other.duckdb")
    quote_id = save_quote(found, "Ana")
    folder = State(found.file.absolute()).folder

    assert all(log in PUBLISHED_LOGS for log in (QUOTES, QUOTE_LINES))
    rows = QUOTES.read(folder)
    assert [(row["quote_id"], row["contract"], row["quoted_by"]) for row in rows] == [
        (quote_id, name, "Ana") for name in ("billed", "learned", "true")
    ]
    lines = QUOTE_LINES.read(folder)
    assert [row["total"] for row in rows] == [
        sum(line["amount"] for line in lines if line["contract"] == row["contract"]) for row in rows
    ]


@pytest.fixture(scope="module")
def sandbox_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sandbox") / "account.duckdb"
    audit_account.write_raw(_sandbox(), datetime(2026, 3, 5, tzinfo=UTC), file)
    Models().run(file)
    return file


def _sandbox() -> Account:
    return Account(seed=5, scale=0.4, days=120, today=date(2026, 3, 5), scenarios=(), errors={})


SANDBOX_CARD = """
name = "sandbox"
[[charge_rates]]
charge_type = "handling"
fixed = {handling}
[[charge_rates]]
charge_type = "picking"
fixed = 0.90
per = "units"
per_unit = 0.35
[[zone_tables]]
charge_type = "shipping"
per = "started_weight"
zones = {{ a = "QC", b = "ON", c = "NY", d = "*" }}
rows = [{{ upto = 1, a = {a}, b = {b}, c = {c}, d = {d} }}]
above = {{ a = 0.48, b = 0.48, c = 0.48, d = 0.48 }}
[[storage]]
rate = "0.0325"
[[storage]]
rate = "0.0345"
valid_from = 2026-01-20
"""


@pytest.mark.parametrize("handling", ["2.50", "1.85"])
def test_a_card_of_the_sandbox_gives_its_own_bills(
    sandbox_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handling: str
) -> None:
    cheaper = D("2.50") - D(handling)
    monkeypatch.setattr(billing_traps, "HANDLING", D(handling))
    monkeypatch.setattr(billing, "SHIPPING", {region: amount - cheaper for region, amount in billing.SHIPPING.items()})
    first, last = date(2025, 12, 1), date(2026, 2, 1)
    bases = {"a": "7.25", "b": "8.95", "c": "18.00"}
    zones = {zone: D(base) - cheaper + D("0.48") for zone, base in bases.items()} | {"d": D("13.98")}
    (tmp_path / "card.toml").write_text(SANDBOX_CARD.format(handling=handling, **zones), "utf-8")
    found = quote(sandbox_file, Settings(), [read_card(tmp_path / "card.toml")], first, last)

    account, card = _sandbox(), found.cards[0]
    by_order: dict[int, Decimal] = defaultdict(Decimal)
    storage: Lines = defaultdict(Decimal)
    for event in account.events:
        if event.kind == "charge_created" and event.change:
            by_order[event.change["order_id"]] += event.change["amount"]
    history = account.new_history()
    for event in account.events:
        history.pass_to(event.at)
        history.apply(event)
    for month, end in ((first, date(2025, 12, 31)), (date(2026, 1, 1), date(2026, 1, 31)), (last, date(2026, 2, 28))):
        for item_id in {item for rows in history.rows.values() for item in rows}:
            storage[month, "storage"] += history.storage(item_id, month, end)["amount"]
    assert card.is_whole is not None
    assert np.mean(card.is_whole) > 0.9
    for at in np.flatnonzero(card.is_whole).tolist():
        assert D(int(card.by_order[at])) / 10_000 == by_order[found.order_ids[at]], found.order_ids[at]
    assert {key: amount for key, amount in nonzero(card).items() if key[1] == "storage"} == storage
    if handling == "2.50":
        assert nonzero(card) == nonzero(found.contracts[0])
