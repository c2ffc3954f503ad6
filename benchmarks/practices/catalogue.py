"""The practices: what each one is, who publishes it, and its contract for a seed.

A practice changes a plain contract (handling per order, shipping by started pound, storage by day) where it differs.
The figures of a contract are drawn from the seed, around those that the sources publish.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.practices.contract import ALL, Aged, Contract, Prices, Recurring, Storage, Term
from benchmarks.practices.prices import ENDLESS, Part, Price, Step
from benchmarks.practices.world import FIRST_DAY, HORIZON, PROVINCES, ZONES, Shape

NEW_YEAR, MID_MONTH = date(2026, 1, 1), date(2025, 12, 15)
PEAK = (date(2025, 10, 27), date(2026, 1, 19))


class Draw:
    """The figures of one contract."""

    def __init__(self, name: str, seed: int) -> None:
        self.dice = random.Random(f"{name} {seed}")

    def money(self, least: str, most: str, step: str = "0.05") -> Decimal:
        size = Decimal(step)
        return size * self.dice.randint(int(Decimal(least) / size), int(Decimal(most) / size))

    def count(self, least: int, most: int) -> int:
        return self.dice.randint(least, most)


@dataclass(frozen=True)
class Practice:
    name: str
    says: str
    sources: tuple[str, ...]
    make: Callable[[Draw], Contract]
    shape: Shape = field(default_factory=Shape)

    def contract(self, seed: int) -> Contract:
        return self.make(Draw(self.name, seed))


PRACTICES: dict[str, Practice] = {}


def practice(
    says: str, *sources: str, **shape: Any
) -> Callable[[Callable[[Draw], Contract]], Callable[[Draw], Contract]]:
    def keep(make: Callable[[Draw], Contract]) -> Callable[[Draw], Contract]:
        PRACTICES[make.__name__] = Practice(make.__name__, says, sources, make, Shape(**shape))
        return make

    return keep


def since(price: Price, *later: tuple[date, Price]) -> tuple[tuple[date, Prices], ...]:
    return ((FIRST_DAY, {ALL: price}), *((first, {ALL: changed}) for first, changed in later))


def term(kind: str | None, label: str, price: Price, *later: tuple[date, Price], **more: Any) -> Term:
    return Term(kind, label, since(price, *later), **more)


def by(prices: Prices) -> tuple[tuple[date, Prices], ...]:
    return ((FIRST_DAY, prices),)


def per(driver: str, amount: Decimal, above: int = 0) -> Part:
    return Part(driver, amount, above)


def steps(*pairs: tuple[int | str | None, Decimal]) -> tuple[Step, ...]:
    return tuple((ENDLESS if up_to is None else Decimal(up_to), amount) for up_to, amount in pairs)


def raised(price: Price, percent: str) -> Price:
    """Raise every figure of a price, each rounded to cents, as a new rate card would print it."""

    def more(amount: Decimal) -> Decimal:
        return (amount * (1 + Decimal(percent) / 100)).quantize(Decimal("0.01"))

    return replace(
        price,
        fixed=more(price.fixed),
        parts=tuple(replace(part, amount=more(part.amount)) for part in price.parts),
        table=tuple((up_to, more(amount)) for up_to, amount in price.table),
        over=more(price.over),
    )


def handling(draw: Draw) -> Term:
    return term("handling", "Order handling", Price(fixed=draw.money("1.50", "3.50")))


def shipping(draw: Draw, **more: Any) -> Term:
    price = Price(fixed=draw.money("6.00", "9.00"), parts=(per("started_weight", draw.money("0.30", "0.80")),))
    return term("shipping", "Ground shipping", price, **more)


def picking(draw: Draw) -> Price:
    return Price(fixed=draw.money("2.00", "3.00"), parts=(per("units", draw.money("0.30", "0.90"), 1),))


def storage(draw: Draw, basis: str = "daily", **more: Any) -> Storage:
    if basis == "daily":
        more.setdefault("per", "day")
    rate = draw.money("0.020", "0.040", "0.001") if more.get("per") == "day" else draw.money("0.60", "0.95")
    return Storage(basis, ((FIRST_DAY, rate),), **more)


def plain(draw: Draw, *terms: Term, **more: Any) -> Contract:
    more.setdefault("storage", storage(draw))
    return Contract(terms=terms or (handling(draw), shipping(draw)), **more)


# --- Picking and fulfilment -------------------------------------------------------------------------------------------


@practice("first unit and each additional unit", "efulfillment")
def first_additional(draw: Draw) -> Contract:
    return plain(draw, term("picking", "Pick and pack", picking(draw)), shipping(draw))


@practice("a price that includes some picks, additional picks as a charge of their own", "fulfyld", "shiphero")
def included_picks(draw: Draw) -> Contract:
    included = draw.count(2, 4)
    extra = Price(parts=(per("units", draw.money("0.20", "0.45"), included),))
    return plain(
        draw,
        handling(draw),
        term("additional_picks", "Additional picks", extra, only="units", more_than=included),
        shipping(draw),
    )


@practice("a fee per order and one per unit", "printful")
def order_and_units(draw: Draw) -> Contract:
    price = Price(fixed=draw.money("1.80", "2.60"), parts=(per("units", draw.money("0.60", "1.10")),))
    return plain(draw, term("fulfilment", "Order fulfilment", price), shipping(draw))


@practice("first unit of each SKU, and each further unit of the same SKU", "kingbuddha", lines=(40, 30, 20, 10))
def lines_and_units(draw: Draw) -> Contract:
    more = draw.money("0.50", "0.90")
    price = Price(parts=(per("lines", draw.money("0.60", "0.90")), per("units", more)))
    return plain(draw, term("picking", "Picking", price), shipping(draw))


@practice("a price per unit that falls with the units of the order, for all of them", "amazon_mcf")
def order_tiers_whole(draw: Draw) -> Contract:
    first = draw.money("3.60", "4.20")
    price = Price(
        driver="units",
        whole=steps(
            (1, first),
            (2, first - Decimal("1.20")),
            (3, first - Decimal("1.60")),
            (4, first - Decimal("2.05")),
            (None, first - Decimal("2.20")),
        ),
    )
    return plain(draw, term("fulfilment", "Fulfilment", price), shipping(draw))


@practice("graduated price per unit: the first few, the next, the rest", "oawms", units=(30, 20, 14, 10, 8, 7, 6, 5))
def order_tiers_graduated(draw: Draw) -> Contract:
    first, limit = draw.money("0.90", "1.30"), draw.count(2, 3)
    price = Price(
        fixed=draw.money("1.00", "2.00"),
        driver="units",
        graduated=steps((limit, first), (limit + 4, first - Decimal("0.25")), (None, first - Decimal("0.45"))),
    )
    return plain(draw, term("picking", "Picking", price), shipping(draw))


@practice("each order of the month at the price of its own step", "pulpo")
def month_running(draw: Draw) -> Contract:
    price, limits = draw.money("2.90", "3.60"), (100, 180)
    prices = {str(step): Price(fixed=price - Decimal("0.30") * step) for step in range(3)}
    return plain(draw, Term("handling", "Order handling", by(prices), "month_running", limits), shipping(draw))


@practice("all orders of the month at the price of the month's volume", "prep", is_seasonal=True)
def month_whole(draw: Draw) -> Contract:
    price, limits = draw.money("2.90", "3.60"), (205, 300)
    prices = {str(step): Price(fixed=price - Decimal("0.35") * step) for step in range(3)}
    handled = Term("handling", "Order handling", by(prices), "month_whole", limits)
    return plain(draw, handled, shipping(draw), appears="billed")


@practice("a surcharge per heavy unit within the picking price", "shiphero", heavy=0.2)
def heavy_within_picking(draw: Draw) -> Contract:
    price = picking(draw)
    price = replace(price, parts=(*price.parts, per("heavy_units", draw.money("2.50", "4.00"))))
    return plain(draw, term("picking", "Pick and pack", price), shipping(draw))


@practice("a weight surcharge of its own, by the order's weight", "shipmonk_weight", heavy=0.2)
def weight_surcharge(draw: Draw) -> Contract:
    step = draw.money("0.80", "1.20", "0.10")
    table = steps((10, step), (15, 2 * step), (20, 3 * step), (30, 4 * step), (40, 5 * step), (None, 7 * step))
    extra = term(
        "weight_surcharge", "Weight surcharge", Price(driver="weight", table=table), only="weight", more_than=5
    )
    return plain(draw, term("picking", "Pick and pack", picking(draw)), extra, shipping(draw))


@practice("a surcharge per hazardous unit", "walmart_fees", "flexport")
def hazmat(draw: Draw) -> Contract:
    extra = Price(parts=(per("hazmat_units", draw.money("0.40", "1.20")),))
    return plain(draw, handling(draw), term("hazmat", "Dangerous goods", extra, only="hazmat_units"), shipping(draw))


@practice("an oversize surcharge within the fulfilment price", "walmart_fees", "ups_divisor", heavy=0.3)
def oversize(draw: Draw) -> Contract:
    price = Price(fixed=draw.money("3.00", "4.00"), parts=(per("oversize_units", draw.money("3.00", "12.00")),))
    return plain(draw, term("fulfilment", "Fulfilment", price), shipping(draw))


@practice("a surcharge per unit that does not ship in its own container", "flexport")
def own_container(draw: Draw) -> Contract:
    price = Price(fixed=draw.money("2.00", "3.00"), parts=(per("bare_units", draw.money("0.40", "0.90")),))
    return plain(draw, term("packing", "Packing", price), shipping(draw))


@practice("a carton chosen by the order's volume", "shipmonk_wholesale", "racklify", heavy=0.15)
def carton_choice(draw: Draw) -> Contract:
    small = draw.money("0.45", "0.70")
    table = steps(
        ("0.25", small),
        ("0.75", small + Decimal("0.35")),
        ("2", small + Decimal("0.95")),
        (None, small + Decimal("2.40")),
    )
    box = term("packaging", "Carton", Price(driver="volume", table=table))
    return plain(draw, handling(draw), box, shipping(draw))


@practice(
    "wholesale and consumer orders at prices of their own",
    "shipmonk_wholesale",
    "shipbob",
    order_types=(("DELIVERY", 75), ("WHOLESALE", 25)),
)
def order_types(draw: Draw) -> Contract:
    prices = {
        "DELIVERY": picking(draw),
        "WHOLESALE": Price(fixed=draw.money("12.00", "20.00"), parts=(per("lines", draw.money("1.00", "2.50")),)),
    }
    return plain(draw, Term("picking", "Picking", by(prices), "order_type"), shipping(draw))


@practice("prices by warehouse", "infor", "flexport", warehouses=(1, 2, 3))
def warehouses(draw: Draw) -> Contract:
    prices = {str(number): picking(draw) for number in (1, 2, 3)}
    return plain(draw, Term("picking", "Picking", by(prices), "warehouse"), shipping(draw))


@practice("a minimum and a maximum per order", "extensiv", "fedex_increase", heavy=0.2)
def minimum_maximum(draw: Draw) -> Contract:
    price = Price(
        parts=(per("weight", draw.money("0.90", "1.40")),),
        minimum=draw.money("5.00", "7.00"),
        maximum=draw.money("24.00", "32.00"),
    )
    return plain(draw, handling(draw), term("shipping", "Shipping by weight", price))


# --- Carriers ---------------------------------------------------------------------------------------------------------


@practice("weight breaks, and a price per pound above the last", "walmart_fees", "walmart_calculator")
def weight_breaks(draw: Draw) -> Contract:
    first = draw.money("3.25", "3.75")
    table = steps(
        (1, first),
        (2, first + Decimal("1.50")),
        (3, first + Decimal("2.00")),
        (4, first + Decimal("2.30")),
        (None, first + Decimal("2.30")),
    )
    price = Price(driver="started_weight", table=table, over=draw.money("0.30", "0.50"))
    return plain(draw, handling(draw), term("shipping", "Shipping", price))


def zoned(draw: Draw, driver: str) -> Prices:
    base, step = draw.money("6.50", "8.50"), draw.money("0.60", "1.10")
    pound = draw.money("0.25", "0.45", "0.01")
    return {
        str(zone): Price(
            driver=driver,
            table=steps(
                (1, base + zone * step),
                (3, base + zone * (step + Decimal("0.20")) + 1),
                (6, base + zone * (step + Decimal("0.45")) + 2),
                (None, base + zone * (step + Decimal("0.45")) + 2),
            ),
            over=pound + zone * Decimal("0.04"),
        )
        for zone in range(1, 7)
    }


@practice("zone by weight, the zone from the province", "shiphero", "carrier_rates", orders=2200)
def zone_by_weight(draw: Draw) -> Contract:
    return plain(draw, handling(draw), Term("shipping", "Zone shipping", by(zoned(draw, "started_weight")), "zone"))


@practice("a price by province", "epi")
def regions(draw: Draw) -> Contract:
    base = draw.money("7.00", "9.00")
    prices = {name: Price(fixed=base + Decimal("1.35") * int(ZONES[name])) for name in PROVINCES}
    return plain(draw, handling(draw), Term("shipping", "Shipping", by(prices), "province"))


@practice("dimensional weight, divisor 166", "shiphero", "shiphero_storage", heavy=0.15)
def dimensional_166(draw: Draw) -> Contract:
    price = Price(fixed=draw.money("5.00", "7.00"), parts=(per("dim_166", draw.money("0.40", "0.90")),))
    return plain(draw, handling(draw), term("shipping", "Shipping", price))


@practice("dimensional weight, divisor 139, in breaks", "ups_divisor", "carrier_terms", heavy=0.15)
def dimensional_139(draw: Draw) -> Contract:
    first = draw.money("6.00", "8.00")
    table = steps((1, first), (3, first + 1), (6, first + Decimal("2.40")), (None, first + Decimal("2.40")))
    price = Price(driver="dim_139", table=table, over=draw.money("0.35", "0.60"))
    return plain(draw, handling(draw), term("shipping", "Shipping", price))


def fuel_weeks(draw: Draw) -> list[tuple[date, Decimal]]:
    week, percent, found = FIRST_DAY, Decimal("16.50"), []
    while week <= HORIZON:
        found.append((week, percent))
        week += timedelta(7)
        percent += Decimal("0.25") * draw.dice.choice((-2, -1, 0, 0, 1, 2))
    return found


@practice("fuel as a line of its own: a percentage of shipping that changes every week", "ups_fuel", "epi")
def fuel_line(draw: Draw) -> Contract:
    weeks = tuple((week, {ALL: Price(parts=(per("shipping", percent / 100),))}) for week, percent in fuel_weeks(draw))
    return plain(
        draw, handling(draw), shipping(draw, feeds="shipping"), Term("fuel", "Fuel surcharge", weeks), rhythm="week"
    )


@practice("fuel within shipping: the same percentage, not shown", "ups_fuel", "carrier_terms")
def fuel_within(draw: Draw) -> Contract:
    price = shipping(draw).periods[0][1][ALL]
    weeks = tuple((week, {ALL: replace(price, markup=percent)}) for week, percent in fuel_weeks(draw))
    return plain(draw, handling(draw), Term("shipping", "Shipping, fuel included", weeks))


@practice("insurance: a percentage of the goods' value, with a minimum", "ups_value", "carrier_terms")
def insurance(draw: Draw) -> Contract:
    price = Price(parts=(per("value", draw.money("0.008", "0.015", "0.001")),), minimum=draw.money("0.75", "1.50"))
    return plain(draw, handling(draw), shipping(draw), term("insurance", "Declared value", price))


@practice(
    "one shipping line per parcel, numbered and with its tracking number",
    "carrier_terms",
    "fedex_fees",
    units=(30, 15, 10, 10, 10, 10, 8, 7),
)
def numbered_parcels(draw: Draw) -> Contract:
    text = "Parcel {number} of {of}, tracking {tracking}"
    parcel = term("shipping", "Parcel", Price(fixed=draw.money("7.00", "10.00")), subject="parcel", text=text)
    return plain(draw, handling(draw), parcel)


@practice(
    "one line per carton, the same text but for its number",
    "shipmonk_wholesale",
    "fulfillor",
    units=(25, 15, 12, 12, 10, 10, 8, 8),
)
def numbered_cartons(draw: Draw) -> Contract:
    label = term(
        "carton_label", "Label", Price(fixed=draw.money("0.60", "1.20")), subject="parcel", text="Carton label {number}"
    )
    return plain(draw, handling(draw), label, shipping(draw))


@practice(
    "one line per carton, all fields equal", "shipmonk_wholesale", "shipcalm", units=(25, 15, 12, 12, 10, 10, 8, 8)
)
def equal_cartons(draw: Draw) -> Contract:
    label = term("carton_label", "Carton label", Price(fixed=draw.money("0.60", "1.20")), subject="parcel")
    return plain(draw, handling(draw), label, shipping(draw))


@practice("shipping lines that name their order in the text only", "shipmonk_billing", "drexel")
def order_in_text(draw: Draw) -> Contract:
    named = shipping(draw, names_order=False, text="Ground shipping, order {order}")
    return plain(draw, handling(draw), named)


@practice("duties of orders abroad, weeks after the order", "duties", abroad=25)
def late_duties(draw: Draw) -> Contract:
    # The states of the United States are one segment.
    duty = Term(
        "duties",
        "Duties",
        by({"US": Price(parts=(per("value", draw.money("0.05", "0.15", "0.01")),))}),
        "province",
        days_late=(15, 40),
    )
    return plain(draw, handling(draw), shipping(draw), duty)


@practice("carrier adjustments that arrive late, in both directions", "shipmonk_billing")
def late_adjustments(draw: Draw) -> Contract:
    adjusted = term(
        "carrier_adjustment",
        "Period adjustment",
        Price(),
        subject="adjustment",
        days_late=(10, 30),
        is_pass_through=True,
    )
    return plain(draw, handling(draw), shipping(draw), adjusted)


@practice("a peak surcharge per order in the season only", "fedex_peak", is_seasonal=True)
def peak_surcharge(draw: Draw) -> Contract:
    price = Price(fixed=draw.money("0.40", "1.90"))
    season = ((FIRST_DAY, {}), (PEAK[0], {ALL: price}), (PEAK[1] + timedelta(1), {}))
    return plain(draw, handling(draw), shipping(draw), Term("peak_surcharge", "Demand surcharge", season))


# --- Prices that change -----------------------------------------------------------------------------------------------


@practice(
    "higher prices in the peak season, which go back afterwards", "fedex_peak", "amazon_storage", is_seasonal=True
)
def peak_prices(draw: Draw) -> Contract:
    price = picking(draw)
    higher = replace(price, fixed=price.fixed + draw.money("0.30", "0.80"))
    return plain(
        draw, term("picking", "Picking", price, (PEAK[0], higher), (PEAK[1] + timedelta(1), price)), shipping(draw)
    )


@practice("a promotion of three weeks", "promotions")
def promotion(draw: Draw) -> Contract:
    price = picking(draw)
    lower = replace(price, fixed=price.fixed - draw.money("0.50", "1.00"))
    first = date(2025, 11, 3)
    return plain(
        draw, term("picking", "Picking", price, (first, lower), (first + timedelta(21), price)), shipping(draw)
    )


@practice("a general increase on 1 January", "fedex_increase")
def new_year_increase(draw: Draw) -> Contract:
    pick, ship = picking(draw), shipping(draw).periods[0][1][ALL]
    return plain(
        draw,
        term("picking", "Picking", pick, (NEW_YEAR, raised(pick, "4.5"))),
        term("shipping", "Shipping", ship, (NEW_YEAR, raised(ship, "5.9"))),
    )


@practice("an increase in the middle of a month, of storage as well", "promotions", "deliverr")
def mid_month_increase(draw: Draw) -> Contract:
    pick, held = picking(draw), storage(draw)
    held = replace(held, rates=(*held.rates, (MID_MONTH, held.rates[0][1] + Decimal("0.004"))))
    return plain(draw, term("picking", "Picking", pick, (MID_MONTH, raised(pick, "6"))), shipping(draw), storage=held)


# --- Storage ----------------------------------------------------------------------------------------------------------


@practice("storage by day, per item", "shipmonk_billing", "efulfillment_guide")
def storage_daily(draw: Draw) -> Contract:
    return plain(draw)


@practice("storage by day, one charge for all items, weekly", "shiphero_storage", "efulfillment")
def storage_weekly(draw: Draw) -> Contract:
    held = storage(draw, per="day", rhythm="week", is_per_item=False)
    return plain(draw, storage=held, rhythm="week")


@practice("average daily volume by a monthly rate, higher from October to December", "amazon_storage", "deliverr")
def storage_average(draw: Draw) -> Contract:
    held = storage(draw, "average")
    rate = held.rates[0][1]
    rates = ((FIRST_DAY, rate), (date(2025, 10, 1), rate * 3), (NEW_YEAR, rate))
    return plain(draw, storage=replace(held, rates=rates))


@practice("stock of the first of the month, in advance", "kingbuddha", "extensiv")
def storage_month_start(draw: Draw) -> Contract:
    return plain(draw, storage=storage(draw, "month_start", is_in_advance=True))


@practice("stock of the last of the month", "wares", "extensiv")
def storage_month_end(draw: Draw) -> Contract:
    return plain(draw, storage=storage(draw, "month_end"))


@practice("the month's peak stock", "extensiv")
def storage_peak(draw: Draw) -> Contract:
    return plain(draw, storage=storage(draw, "peak"))


@practice("storage and invoices twice a month", "extensiv", "shipmonk_billing")
def semi_monthly(draw: Draw) -> Contract:
    held = storage(draw, per="day", rhythm="half_month")
    return plain(draw, storage=held, rhythm="half_month")


@practice("storage and invoices every 28 days", "infor", "wares")
def four_weeks(draw: Draw) -> Contract:
    held = storage(draw, "average", rhythm="four_weeks")
    return plain(draw, storage=held, rhythm="four_weeks")


@practice("started pallets at the first of the month, flat", "fulfillment_box", "efillsource", heavy=0.4)
def pallets(draw: Draw) -> Contract:
    held = Storage(
        "month_start",
        ((FIRST_DAY, draw.money("18.00", "30.00", "0.50")),),
        unit="pallet",
        unit_size=Decimal(50),
        shows_price=False,
    )
    return plain(draw, storage=held)


@practice("started bins at the first of the month, flat", "shiphero_storage", "fulfillment_box")
def bins(draw: Draw) -> Contract:
    held = Storage(
        "month_start",
        ((FIRST_DAY, draw.money("3.00", "6.00", "0.25")),),
        unit="bin",
        unit_size=Decimal("2.5"),
        shows_price=False,
    )
    return plain(draw, storage=held)


@practice("a surcharge for stock older than 60 days", "amazon_aged", "redstag")
def aged_stock(draw: Draw) -> Contract:
    return plain(draw, storage=storage(draw), aged=Aged(60, draw.money("0.50", "1.50")))


# --- Other charges ----------------------------------------------------------------------------------------------------


@practice("a monthly minimum: the difference is charged", "fulfyld", "kingbuddha", orders=700)
def monthly_minimum(draw: Draw) -> Contract:
    return plain(draw, minimum=draw.money("1400.00", "1500.00", "50"))


@practice("a monthly fee in advance and a weekly one afterwards", "shipbots", "efulfillment")
def subscription(draw: Draw) -> Contract:
    fees = (
        Recurring("software_fee", "Platform fee", draw.money("75.00", "275.00", "25"), is_in_advance=True),
        Recurring("support_fee", "Client support", draw.money("20.00", "60.00", "5"), rhythm="week"),
    )
    return plain(draw, recurring=fees)


@practice("kitting: a set-up and a price per kit", "efulfillment", "prep")
def kitting(draw: Draw) -> Contract:
    price = Price(fixed=Decimal(20), parts=(per("quantity", draw.money("0.20", "0.60")),))
    return plain(draw, handling(draw), shipping(draw), term("kitting", "Kitting", price, subject="kit"))


@practice("returns: per package and per unit", "efulfillment", "flexport", returned=0.12)
def returns(draw: Draw) -> Contract:
    price = Price(fixed=draw.money("2.40", "3.50"), parts=(per("quantity", draw.money("0.40", "0.80")),))
    return plain(draw, handling(draw), shipping(draw), term("returns", "Return processing", price, subject="return"))


@practice("receiving per pallet and per carton", "fulfillment_box", "drexel", items=40)
def receiving_pallets_cartons(draw: Draw) -> Contract:
    pallet = term(
        "receiving_pallet",
        "Pallets received",
        Price(parts=(per("quantity", draw.money("8.00", "12.00")),)),
        subject="delivery",
        counted="pallets",
    )
    carton = term(
        "receiving_carton",
        "Cartons received",
        Price(parts=(per("quantity", draw.money("1.20", "2.70")),)),
        subject="delivery",
        counted="cartons",
    )
    return plain(draw, handling(draw), shipping(draw), pallet, carton)


@practice("receiving per unit", "fulfillment_box", "shiphero_3pl", items=40)
def receiving_units(draw: Draw) -> Contract:
    price = Price(parts=(per("quantity", draw.money("0.08", "0.25", "0.01")),), minimum=Decimal(5))
    return plain(draw, handling(draw), shipping(draw), term("receiving", "Units received", price, subject="delivery"))


@practice("receiving per half hour", "efulfillment", items=40)
def receiving_hours(draw: Draw) -> Contract:
    price = Price(parts=(per("quantity", draw.money("8.50", "12.00")),))
    received = term("receiving", "Receiving, half hours", price, subject="delivery", counted="half_hours")
    return plain(draw, handling(draw), shipping(draw), received)


# --- How it is written ------------------------------------------------------------------------------------------------


@practice("charges without a type: the text says what they are", "drexel")
def untyped(draw: Draw) -> Contract:
    terms = (replace(handling(draw), charge_type=None), replace(shipping(draw), charge_type=None))
    return plain(draw, *terms)


@practice("weekly invoices, charges that appear with the invoice", "efulfillment", "infor")
def weekly_invoices(draw: Draw) -> Contract:
    held = storage(draw, per="day", rhythm="week")
    return plain(
        draw, term("picking", "Picking", picking(draw)), shipping(draw), storage=held, rhythm="week", appears="billed"
    )


@practice("credits: whole, partial, without an order, and billed again", "shipbob", "shipmonk_billing")
def credits(draw: Draw) -> Contract:  # noqa: A001
    return plain(draw, term("picking", "Picking", picking(draw)), shipping(draw), has_credits=True)


@practice("a price by weight, rounded for each unit", "extensiv", "shiphero_3pl")
def rounded_per_unit(draw: Draw) -> Contract:
    price = Price(
        fixed=draw.money("1.00", "2.00"), rounding="unit", parts=(per("weight", draw.money("0.110", "0.180", "0.001")),)
    )
    return plain(draw, term("picking", "Picking by weight", price), shipping(draw))


@practice("a price by weight, rounded for each line", "extensiv", "shiphero_3pl")
def rounded_per_line(draw: Draw) -> Contract:
    price = Price(
        fixed=draw.money("1.00", "2.00"), rounding="line", parts=(per("weight", draw.money("0.110", "0.180", "0.001")),)
    )
    return plain(draw, term("picking", "Picking by weight", price), shipping(draw))


@practice("yen: no cents", "japan")
def yen(draw: Draw) -> Contract:
    pick = Price(fixed=draw.money("300", "450", "10"), parts=(per("units", draw.money("30", "60", "5"), 1),))
    ship = Price(fixed=draw.money("500", "800", "10"), parts=(per("started_weight", draw.money("40", "90", "5")),))
    held = Storage("daily", ((FIRST_DAY, draw.money("3.00", "5.00", "0.1")),), per="day")
    return plain(
        draw, term("picking", "Picking", pick), term("shipping", "Shipping", ship), storage=held, currency="JPY"
    )


# --- Combinations -----------------------------------------------------------------------------------------------------


@practice(
    "a marketplace: units in the order, average volume with a peak rate, aged stock",
    "amazon_mcf",
    "amazon_storage",
    "amazon_aged",
    is_seasonal=True,
    orders=1800,
)
def marketplace(draw: Draw) -> Contract:
    return replace(storage_average(draw), terms=order_tiers_whole(draw).terms, aged=Aged(60, Decimal("0.50")))


@practice(
    "a provider: included picks, cartons, returns, receiving, a software fee, semi-monthly",
    "shipmonk_billing",
    "fulfyld",
    "shipmonk_wholesale",
    orders=1800,
    units=(45, 20, 12, 8, 6, 4, 3, 2),
)
def provider(draw: Draw) -> Contract:
    picks, box, back = included_picks(draw).terms[:2], carton_choice(draw).terms[1], returns(draw).terms[2]
    fee = Recurring("software_fee", "Platform fee", draw.money("75.00", "250.00", "25"))
    terms = (*picks, box, shipping(draw), back, receiving_units(draw).terms[2])
    held = storage(draw, per="day", rhythm="half_month")
    return plain(draw, *terms, storage=held, recurring=(fee,), rhythm="half_month")


@practice(
    "a carrier: zones, dimensional weight, weekly fuel, insurance, a 1 January increase of handling",
    "ups_divisor",
    "ups_fuel",
    "ups_value",
    "fedex_increase",
    orders=2400,
    heavy=0.15,
)
def carrier(draw: Draw) -> Contract:
    zones = Term("shipping", "Zone shipping", by(zoned(draw, "dim_139")), "zone", feeds="shipping")
    fee = handling(draw).periods[0][1][ALL]
    handled = term("handling", "Order handling", fee, (NEW_YEAR, raised(fee, "5.9")))
    return plain(draw, handled, zones, fuel_line(draw).terms[2], insurance(draw).terms[2])


@practice("heavy goods: surcharge, pallets, minimum and maximum", "redstag", "fulfillment_box", heavy=0.5)
def heavy_goods(draw: Draw) -> Contract:
    return replace(pallets(draw), terms=(heavy_within_picking(draw).terms[0], minimum_maximum(draw).terms[1]))


@practice(
    "two warehouses, wholesale orders, numbered cartons, weekly",
    "infor",
    "shipmonk_wholesale",
    warehouses=(1, 2),
    order_types=(("DELIVERY", 80), ("WHOLESALE", 20)),
    orders=1800,
)
def two_channels(draw: Draw) -> Contract:
    label = replace(numbered_cartons(draw).terms[1], text="Carton {number} of {of}")
    held = storage(draw, per="day", rhythm="week")
    return plain(draw, order_types(draw).terms[0], label, shipping(draw), storage=held, rhythm="week")


@practice(
    "everything that moves: promotion, peak prices, weekly fuel, credits, late duties",
    "promotions",
    "fedex_peak",
    "ups_fuel",
    "duties",
    abroad=20,
    is_seasonal=True,
    orders=2000,
)
def moving_prices(draw: Draw) -> Contract:
    terms = (
        promotion(draw).terms[0],
        shipping(draw, feeds="shipping"),
        fuel_line(draw).terms[2],
        peak_surcharge(draw).terms[2],
        late_duties(draw).terms[2],
    )
    return plain(draw, *terms, has_credits=True)


# --- Tuned on, and only measured --------------------------------------------------------------------------------------

# Rules may be tuned on these practices and seeds; all others are only measured. The split is made once, here.
TUNED = frozenset(
    {
        "first_additional",
        "lines_and_units",
        "order_tiers_graduated",
        "month_running",
        "heavy_within_picking",
        "hazmat",
        "carton_choice",
        "warehouses",
        "minimum_maximum",
        "weight_breaks",
        "zone_by_weight",
        "dimensional_166",
        "fuel_line",
        "insurance",
        "numbered_parcels",
        "order_in_text",
        "late_adjustments",
        "promotion",
        "new_year_increase",
        "storage_daily",
        "storage_average",
        "storage_month_end",
        "semi_monthly",
        "bins",
        "subscription",
        "returns",
        "receiving_units",
        "untyped",
        "credits",
        "rounded_per_line",
        "provider",
        "two_channels",
        # Held out at first, then looked into.
        "order_tiers_whole",
        "month_whole",
        "dimensional_139",
        "heavy_goods",
        "moving_prices",
    }
)
TUNED_SEEDS, HELD_OUT_SEEDS = (11, 12, 13, 14, 15), (211, 212, 213, 214, 215)
RATES = (0, 1, 5, 0, 0)  # per cent of the charges that are wrong, seed by seed: most accounts are free of errors
