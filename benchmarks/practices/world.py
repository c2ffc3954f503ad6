"""What happened in the warehouse: items, orders, deliveries, returns, and every change of stock, from one seed.

The world runs on until HORIZON, beyond NOW: the bills that follow are known to the truth, and to nobody else.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

from benchmarks.practices.prices import ZERO

FIRST_DAY, TODAY, HORIZON = date(2025, 9, 1), date(2026, 3, 17), date(2026, 4, 30)
NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
DAY = timedelta(1)
ZONES = {"QC": "1", "ON": "2", "NB": "3", "NS": "3", "MB": "4", "AB": "4", "BC": "5"}
PROVINCES = {"QC": 40, "ON": 28, "NB": 5, "NS": 5, "MB": 6, "AB": 8, "BC": 8}
CUBIC_INCHES = 1728
T = TypeVar("T")


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(number) for number in range((last - first).days + 1)]


def moment(day: date, hour: float) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(seconds=round(hour * 3600))


@dataclass(frozen=True)
class Shape:
    """How the merchant's business looks."""

    orders: int = 1300  # from FIRST_DAY to TODAY
    items: int = 24
    units: tuple[int, ...] = (55, 20, 10, 6, 4, 2, 2, 1)  # how many orders of a hundred have lines of 1, 2, 3… units
    lines: tuple[int, ...] = (60, 25, 10, 5)
    order_types: tuple[tuple[str, int], ...] = (("DELIVERY", 100),)
    warehouses: tuple[int, ...] = (1,)
    abroad: int = 0  # orders of a hundred that go to the United States
    heavy: float = 0.1
    is_seasonal: bool = False
    returned: float = 0.04


@dataclass(frozen=True)
class Item:
    item_id: int
    sides: tuple[Decimal, Decimal, Decimal]
    weight: Decimal
    price: Decimal
    is_prepackaged: bool
    is_hazmat: bool

    @property
    def cubic_inches(self) -> Decimal:
        return self.sides[0] * self.sides[1] * self.sides[2]

    @property
    def cubic_feet(self) -> Decimal:
        return (self.cubic_inches / CUBIC_INCHES).quantize(Decimal("0.0001"))

    def of(self, driver: str) -> Decimal:
        """Return the driver for one unit."""
        match driver:
            case "units":
                return Decimal(1)
            case "weight":
                return self.weight
            case "volume":
                return self.cubic_feet
            case "value":
                return self.price
            case "heavy_units":
                return Decimal(self.weight > 20)
            case "hazmat_units":
                return Decimal(self.is_hazmat)
            case "bare_units":
                return Decimal(not self.is_prepackaged)
            case "oversize_units":
                return Decimal(max(self.sides) > 48)
        raise KeyError(driver)


@dataclass(frozen=True)
class Order:
    """`facts` hold what bills of the order itself say, such as its shipping."""

    order_id: int
    order_type: str
    warehouse_id: int
    province: str
    country: str
    lines: tuple[tuple[Item, int], ...]
    created_at: datetime
    shipped_at: datetime | None  # None: cancelled
    facts: tuple[tuple[str, Decimal], ...] = ()

    @property
    def day(self) -> date:
        return (self.shipped_at or self.created_at).date()

    @property
    def completed_at(self) -> datetime | None:
        return self.shipped_at + timedelta(days=2 + self.order_id % 3, hours=5) if self.shipped_at else None

    @property
    def units(self) -> int:
        return sum(units for _, units in self.lines)

    @property
    def parcels(self) -> int:
        return 1 + (self.units - 1) // 4

    @property
    def zone(self) -> str:
        return ZONES.get(self.province, "6")

    def knows(self, **facts: Decimal) -> "Order":
        return replace(self, facts=(*self.facts, *facts.items()))

    def of(self, driver: str) -> Decimal:
        for name, value in self.facts:
            if name == driver:
                return value
        match driver:
            case "lines":
                return Decimal(len(self.lines))
            case "cartons":
                return Decimal(self.parcels)
            case "started_weight":
                return self.of("weight").to_integral_value(ROUND_CEILING)
            case "dim_166" | "dim_139":
                inches = sum((item.cubic_inches * units for item, units in self.lines), ZERO)
                dimensional = (inches / int(driver[-3:])).to_integral_value(ROUND_CEILING)
                return max(dimensional, self.of("started_weight"))
        return sum((item.of(driver) * units for item, units in self.lines), ZERO)

    def lines_of(self, driver: str) -> list[tuple[Decimal, Decimal]]:
        return [(item.of(driver), Decimal(units)) for item, units in self.lines]

    def status(self, at: datetime) -> str:
        if self.shipped_at is None:
            return "CANCELLED"
        if self.completed_at and self.completed_at <= at:
            return "COMPLETED"
        return "IN_TRANSIT" if self.shipped_at <= at else "PENDING"


@dataclass(frozen=True)
class Quantity:
    """A charge that concerns no order's lines: so many cartons, hours, kits."""

    quantity: Decimal

    def of(self, driver: str) -> Decimal:
        return self.quantity if driver == "quantity" else Decimal(1)

    def lines_of(self, driver: str) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(1), self.quantity)]


@dataclass(frozen=True)
class Delivery:
    item: Item
    units: int
    announced_at: datetime
    received_at: datetime


@dataclass(frozen=True)
class Return:
    order: Order
    item: Item
    units: int
    at: datetime


@dataclass(frozen=True)
class Record:
    """The counters of an item after one change."""

    item: Item
    at: datetime
    supply: int
    receiving: int
    prepared: int
    delivered: int


@dataclass
class World:
    items: list[Item]
    orders: list[Order]
    deliveries: list[Delivery] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    closing: dict[tuple[int, date], Record] = field(default_factory=dict)

    def units_on(self, item: Item, day: date) -> int:
        record = self.closing[item.item_id, day]
        return record.supply + record.prepared


def make_world(seed: int, shape: Shape) -> World:
    dice = random.Random(f"world {seed}")
    items = [_item(dice, number, shape) for number in range(1, shape.items + 1)]
    world = World(items, list(_orders(dice, items, shape)))
    for order in world.orders:
        if order.shipped_at and dice.random() < shape.returned:
            item, units = dice.choice(order.lines)
            at = order.shipped_at + timedelta(days=dice.randint(9, 25), hours=1)
            world.returns.append(Return(order, item, dice.randint(1, units), at))
    for item in items:
        _stock(dice, world, item)
    world.records.sort(key=lambda record: (record.at, record.item.item_id))
    return world


def _item(dice: random.Random, number: int, shape: Shape) -> Item:
    is_heavy = dice.random() < shape.heavy
    longest = (
        dice.choice((50, 54, 60))
        if is_heavy and number % 2
        else dice.randint(12, 36)
        if is_heavy
        else dice.randint(4, 14)
    )
    sides = (
        (longest, dice.randint(8, 20), dice.randint(6, 16))
        if is_heavy
        else (longest, dice.randint(3, 10), dice.randint(1, 6))
    )
    weight = dice.randint(2100, 4500) if is_heavy else dice.randint(10, 600)
    return Item(
        item_id=500 + number,
        sides=(Decimal(sides[0]), Decimal(sides[1]), Decimal(sides[2])),
        weight=Decimal(weight) / 100,
        price=Decimal(dice.randint(800, 14000)) / 100,
        is_prepackaged=dice.random() < 0.7,
        is_hazmat=number % 8 == 3,
    )


def _orders(dice: random.Random, items: list[Item], shape: Shape) -> list[Order]:
    popularity = [1 / (rank + 2) for rank in range(len(items))]
    per_day = shape.orders / len(days(FIRST_DAY, TODAY))
    orders: list[Order] = []
    for day in days(FIRST_DAY, HORIZON):
        busy = 1.8 if shape.is_seasonal and date(2025, 11, 10) <= day <= date(2025, 12, 24) else 1.0
        busy *= 0.5 if day.weekday() >= 5 else 1.2
        for _ in range(_whole(dice, per_day * busy)):
            country = "US" if dice.random() * 100 < shape.abroad else "CA"
            province = dice.choice(("NY", "CA", "TX")) if country == "US" else _pick(dice, PROVINCES)
            kind = _pick(dice, dict(shape.order_types))
            number = _pick(dice, dict(enumerate(shape.lines, 1)))
            chosen = list(dict.fromkeys(dice.choices(items, popularity, k=number)))
            often = 6 if kind == "WHOLESALE" else 1
            lines = tuple((item, often * _pick(dice, dict(enumerate(shape.units, 1)))) for item in chosen)
            created_at = moment(day, dice.uniform(0, 20))
            shipped_at = created_at + timedelta(hours=dice.choice((3, 3, 4, 20)))
            is_cancelled = dice.random() < 0.02
            orders.append(
                Order(
                    0,
                    kind,
                    dice.choice(shape.warehouses),
                    province,
                    country,
                    lines,
                    created_at,
                    None if is_cancelled else shipped_at,
                )
            )
    orders.sort(key=lambda order: order.created_at)
    # Ids have gaps, as other merchants' orders share the numbers.
    return [replace(order, order_id=40_000 + 3 * number) for number, order in enumerate(orders)]


def _stock(dice: random.Random, world: World, item: Item) -> None:
    """Receive whenever the coming week would empty the shelf; record every change."""
    shipped: dict[date, list[tuple[datetime, int]]] = defaultdict(list)
    for order in world.orders:
        for line_item, units in order.lines:
            if line_item is item and order.shipped_at:
                shipped[order.day].append((order.shipped_at, units))
    returned: dict[date, list[tuple[datetime, int]]] = defaultdict(list)
    for back in world.returns:
        if back.item is item:
            returned[back.at.date()].append((back.at, back.units))
    asked = {day: sum(units for _, units in shipped[day]) for day in days(FIRST_DAY, HORIZON + 2 * DAY)}
    usual = max(sum(asked.values()) // len(asked), 1)
    counters = {"supply": 20 * usual + sum(list(asked.values())[:10]), "receiving": 0, "prepared": 0, "delivered": 0}
    world.records.append(Record(item, moment(FIRST_DAY, 0), **counters))
    coming: dict[date, Delivery] = {}
    for day in days(FIRST_DAY, HORIZON + 2 * DAY):
        changes: list[tuple[datetime, dict[str, int]]] = []
        soon = sum(asked.get(day + timedelta(number), 0) for number in range(8))
        if counters["supply"] < soon + usual and not any(known > day for known in coming):
            units = 30 * usual + soon
            arrives = day + timedelta(3)
            coming[arrives] = delivery = Delivery(item, units, moment(day, 0.5), moment(arrives, 0.6))
            world.deliveries.append(delivery)
            changes.append((delivery.announced_at, {"receiving": units}))
        if day in coming:
            delivery = coming[day]
            changes.append((delivery.received_at, {"receiving": -delivery.units, "supply": delivery.units}))
        changes += [(at, {"supply": -units, "delivered": units}) for at, units in shipped[day]]
        changes += [(at, {"supply": units, "delivered": -units}) for at, units in returned[day]]
        if dice.random() < 0.01 and counters["supply"] > soon + 2:
            changes.append((moment(day, 23.5), {"supply": dice.choice((-1, -1, 1))}))
        for at, change in sorted(changes, key=lambda entry: entry[0]):
            for name, units in change.items():
                counters[name] += units
            if counters["supply"] < 0:
                raise ValueError(f"item {item.item_id} ran out on {day}")
            world.records.append(Record(item, at, **counters))
        world.closing[item.item_id, day] = Record(item, moment(day, 24), **counters)


def _whole(dice: random.Random, expected: float) -> int:
    return int(expected) + (dice.random() < expected % 1)


def _pick(dice: random.Random, weights: dict[T, int]) -> T:
    return dice.choices(list(weights), list(weights.values()))[0]
