"""A contract between a merchant and a warehouse: what is charged for, at which price, from when, billed how often."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from benchmarks.practices.prices import Price
from benchmarks.practices.world import DAY, FIRST_DAY

ALL = "all"
Prices = dict[str, Price]  # by segment; ALL where there is one


class Bill(NamedTuple):
    first: date
    last: date
    billed: date


def bill_of(rhythm: str, day: date) -> Bill:
    """Return the bill to which a day belongs."""
    if rhythm == "week":
        first = day - timedelta(day.weekday())
        return Bill(first, first + timedelta(6), first + timedelta(7))
    if rhythm == "four_weeks":
        first = FIRST_DAY + timedelta((day - FIRST_DAY).days // 28 * 28)
        return Bill(first, first + timedelta(27), first + timedelta(29))
    last = day.replace(day=monthrange(day.year, day.month)[1])
    first = day.replace(day=1)
    if rhythm == "half_month":
        first, last = (first, day.replace(day=15)) if day.day <= 15 else (day.replace(day=16), last)
    return Bill(first, last, last + timedelta(2))


@dataclass(frozen=True)
class Term:
    """One kind of charge.

    `segment`: all, zone, province, warehouse, order_type; month_running or month_whole (by `steps`: orders of the month
    so far, or of the whole month). `subject`: order, parcel, delivery, return, kit, adjustment. `only`: charged where
    this driver is above `more_than`. A period without a price for the segment charges nothing.
    """

    charge_type: str | None
    label: str
    periods: tuple[tuple[date, Prices], ...]
    segment: str = ALL
    steps: tuple[int, ...] = ()
    subject: str = "order"
    counted: str = "units"  # of a delivery: units, cartons, pallets, half_hours
    only: str = ""
    more_than: int = 0
    text: str = "{label}"
    days_late: tuple[int, int] = (0, 0)
    names_order: bool = True
    is_pass_through: bool = False  # the amount follows from nothing that the account shows
    feeds: str = ""  # later terms know the amount by this name

    def period(self, day: date) -> tuple[date, Prices]:
        return next((entry for entry in reversed(self.periods) if entry[0] <= day), self.periods[0])


@dataclass(frozen=True)
class Storage:
    """`basis`: daily, average, month_start, month_end, peak. `rate`: per cubic foot, pallet or bin and day or month."""

    basis: str
    rates: tuple[tuple[date, Decimal], ...]
    per: str = "month"  # day: the rate is for one day
    unit: str = "cubic_foot"  # pallet, bin: started ones
    unit_size: Decimal = Decimal(1)
    rhythm: str = "month"
    is_per_item: bool = True
    is_in_advance: bool = False
    shows_price: bool = True

    def rate(self, day: date) -> Decimal:
        return next((rate for first, rate in reversed(self.rates) if first <= day), self.rates[0][1])


@dataclass(frozen=True)
class Recurring:
    charge_type: str
    label: str
    amount: Decimal
    rhythm: str = "month"
    is_in_advance: bool = False


@dataclass(frozen=True)
class Aged:
    """Each month's 15th: stock older than so many days, per cubic foot, in addition to storage."""

    days: int
    rate: Decimal


@dataclass(frozen=True)
class Contract:
    terms: tuple[Term, ...]
    storage: Storage | None
    recurring: tuple[Recurring, ...] = ()
    aged: Aged | None = None
    minimum: Decimal | None = None  # of a month's fulfilment and shipping
    rhythm: str = "month"
    appears: str = "daily"  # billed: charges appear with their bill
    currency: str = "CAD"
    has_credits: bool = False

    @property
    def digits(self) -> int:
        return 0 if self.currency == "JPY" else 2


def month_days(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def next_bill(rhythm: str, bill: Bill) -> Bill:
    return bill_of(rhythm, bill.last + DAY)
