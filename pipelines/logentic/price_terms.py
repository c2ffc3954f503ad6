"""Contract prices that the user writes; they replace prices learned from the account."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ALWAYS, FOR_EVER = date(1970, 1, 1), date(9999, 12, 31)
CATEGORIES = ("order_type", "warehouse", "region", "item_class", "service", "weekend")
# A count, a measure (by started units, as dimensional weight with its divisor, or rounded by unit or line), money, or
# the units or lines of some items.
ITEM = r"(weight|volume|longest_side)>[0-9]+(\.[0-9]+)?|(hazardous|prepackaged)=(yes|no)|item=[0-9]+(\|[0-9]+)*"
QUANTITY = (
    r"units|lines|cartons|quantity|(started_)?(weight(/[1-9][0-9]*)?|volume)|(weight|volume) by (unit|line)|value|"
    rf"charges of .+|(units|lines)\(({ITEM})\)"
)
RANGES = re.compile(QUANTITY + "|heaviest_item|longest_side|month_rank|month_orders")
CUBIC_INCHES = 1_728  # in a cubic foot
StorageBasis = Literal["daily", "average", "month_start", "month_end", "peak"]
Day = Literal["charge_date", "ordered_date", "shipped_date", "billed_date"]


def _is_a_quantity(text: str) -> str:
    if not re.fullmatch(f"none|{QUANTITY}", text):
        raise ValueError(
            f"{text!r} is not a quantity: use units, lines, quantity, weight, volume, started_weight, started_volume, "
            "started_weight/139 (dimensional weight), weight by line (rounded for each), value, charges of TYPE, or "
            "units(weight>20), units(hazardous=yes), units(item=503|511) (of some items)"
        )
    return text


def _are_segments(segment: dict[str, str]) -> dict[str, str]:
    for name, text in segment.items():
        if name in CATEGORIES or name == "zone":
            continue
        if not RANGES.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a segment: use {', '.join(CATEGORIES)}, or a range of units, lines, weight, volume, "
                "value, heaviest_item, longest_side, month_rank or month_orders"
            )
        if not _is_a_range(text):
            raise ValueError(f'{name} = {text!r} is not a range: write it as "5..10", "5.." or "..10"')
    return segment


def _is_a_range(text: str) -> bool:
    above, dots, upto = text.partition("..")
    try:
        bounds = [Decimal(bound) for bound in (above, upto) if bound]
    except InvalidOperation:
        return False
    return bool(dots and bounds) and all(bound.is_finite() for bound in bounds) and bounds == sorted(set(bounds))


# The quantities that a price can depend on.
Driver = Annotated[str, AfterValidator(_is_a_quantity)]
Segment = Annotated[dict[str, str], AfterValidator(_are_segments)]


class DatedTerms(BaseModel):
    """A contract price from `valid_from` up to and including `valid_to`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valid_from: date = ALWAYS
    valid_to: date = FOR_EVER

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.valid_from > self.valid_to:
            raise ValueError(f"valid_to {self.valid_to} is before valid_from {self.valid_from}")
        return self


class StorageRate(DatedTerms):
    """A price of storage, per cubic foot and day. The latest one that has started applies."""

    rate: Decimal = Field(gt=0)


class ChargeRate(DatedTerms):
    """A price for a type of charge: fixed + per_unit × what it is charged `per`, within `minimum` and `maximum`.

    The fixed part holds the first `included` units; `and_per` is a second quantity. It may hold for some charges only:
    for one `zone` (a province's code, or the country's where there is none; `warehouse 2`; a type of order), for
    quantities from `from_quantity` up to and with `to_quantity`, and for what `segment` names: values of a category
    (`region = "ON|QC"`) or a range, its lower end excluded (`weight = "5..10"`). A price with a segment has precedence
    over one without.
    """

    charge_type: str = Field(min_length=1)
    fixed: Decimal = Decimal(0)
    per: Driver = "none"
    per_unit: Decimal = Field(default=Decimal(0), ge=0)
    included: Decimal = Field(default=Decimal(0), ge=0)
    and_per: Driver = "none"
    and_per_unit: Decimal = Field(default=Decimal(0), ge=0)
    minimum: Decimal | None = Field(default=None, ge=0)
    maximum: Decimal | None = Field(default=None, ge=0)
    segment: Segment = {}
    valid_by: Day = "charge_date"
    zone: str = ""
    from_quantity: Decimal | None = None
    to_quantity: Decimal | None = None

    @model_validator(mode="after")
    def _is_a_price(self) -> Self:
        if self.per_unit and self.per == "none":
            raise ValueError("per_unit needs per: what it is charged for")
        if self.is_tier and self.per == "none":
            raise ValueError("from_quantity and to_quantity need per: what is counted")
        if self.included and self.per == "none":
            raise ValueError("included needs per: what the fixed part holds some of")
        if self.and_per != "none" and self.per == "none":
            raise ValueError("and_per needs per: what is counted first")
        if self.and_per_unit and self.and_per == "none":
            raise ValueError("and_per_unit needs and_per: what it is charged for")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if self.lowest >= self.highest:
            raise ValueError(f"to_quantity {self.to_quantity} is not above from_quantity {self.from_quantity}")
        return self

    @property
    def is_tier(self) -> bool:
        return self.from_quantity is not None or self.to_quantity is not None

    @property
    def lowest(self) -> Decimal:
        return Decimal("-Infinity") if self.from_quantity is None else self.from_quantity

    @property
    def highest(self) -> Decimal:
        return Decimal("Infinity") if self.to_quantity is None else self.to_quantity

    def conflicts_with(self, other: "ChargeRate") -> bool:
        """Return whether both prices apply to one charge, with equal precedence."""
        return (
            self.charge_type.lower() == other.charge_type.lower()
            and self.is_tier == other.is_tier
            and (not self.zone or not other.zone or self.zone == other.zone)
            and self.segment == other.segment
            and self.lowest < other.highest
            and other.lowest < self.highest
        )


def in_turn(rates: list[ChargeRate]) -> list[ChargeRate]:
    """End an open-ended price when the next of its kind begins; refuse two at once."""
    ended = [rate.model_copy(update={"valid_to": min([rate.valid_to, *_ends(rate, rates)])}) for rate in rates]
    for (number, one), (next_number, other) in combinations(enumerate(ended, 1), 2):
        if one.conflicts_with(other) and one.valid_from <= other.valid_to and other.valid_from <= one.valid_to:
            day = max(one.valid_from, other.valid_from)
            when = "at once" if day == ALWAYS else f"on {day}"
            raise ValueError(
                f"two prices of {one.charge_type} hold {when}: end one before the other begins "
                f"(entries {number} and {next_number})"
            )
    return ended


def _ends(rate: ChargeRate, rates: list[ChargeRate]) -> Iterator[date]:
    if rate.valid_to == FOR_EVER:
        yield from (
            other.valid_from - timedelta(days=1)
            for other in rates
            if other.valid_from > rate.valid_from
            and (other.zone, other.segment) == (rate.zone, rate.segment)
            and rate.conflicts_with(other)
        )


def _begin_on_different_days(rates: list[StorageRate]) -> list[StorageRate]:
    days = [rate.valid_from for rate in rates]
    if twice := {day for day in days if days.count(day) > 1}:
        raise ValueError(f"two rates of storage begin on {min(twice)}: remove one of them")
    return rates


StorageRates = Annotated[list[StorageRate], AfterValidator(_begin_on_different_days)]
ChargeRates = Annotated[list[ChargeRate], AfterValidator(in_turn)]
