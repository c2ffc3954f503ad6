"""Contract prices that the user writes; they replace prices learned from the account."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ALWAYS, FOR_EVER = date(1970, 1, 1), date(9999, 12, 31)
# What a price goes by: a count, a measure (by started units, or as dimensional weight with its divisor), or money.
Driver = Annotated[
    str,
    Field(
        pattern=r"^(none|units|lines|cartons|quantity|(started_)?(weight|volume)(/[1-9][0-9]*)?|value|charges of .+)$"
    ),
]
Day = Literal["charge_date", "ordered_date", "shipped_date", "billed_date"]


class DatedTerms(BaseModel):
    """A contract price from `valid_from` up to and including `valid_to`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valid_from: date = ALWAYS
    valid_to: date = FOR_EVER

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.valid_from > self.valid_to:
            raise ValueError(f"valid_to {self.valid_to} lies before valid_from {self.valid_from}")
        return self


class StorageRate(DatedTerms):
    """A price of storage, per cubic foot and day. The latest one that has started applies."""

    rate: Decimal = Field(gt=0)


class ChargeRate(DatedTerms):
    """A price for a type of charge: fixed + per_unit × what it is charged `per`, within `minimum` and `maximum`.

    The fixed part holds the first `included` units; `and_per` is a second quantity. It may hold for some charges only:
    for one `zone` (a province's code, or the country's where there is none; `warehouse 2`; a type of order), for
    quantities from `from_quantity` up to and with `to_quantity`, and for what `segment` names: values of a category
    (`region = "ON|QC"`) or a range, its lower end excluded (`weight = "5..10"`).
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
    segment: dict[str, str] = {}
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
        if self.and_per != "none" and self.per == "none":
            raise ValueError("and_per needs per: what is counted first")
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

    def is_beside(self, other: "ChargeRate") -> bool:
        """Return whether both prices may apply to one charge. A tier precedes a price without quantities."""
        return (
            self.charge_type.lower() == other.charge_type.lower()
            and self.is_tier == other.is_tier
            and (not self.zone or not other.zone or self.zone == other.zone)
            and (not self.segment or not other.segment or self.segment == other.segment)
            and self.lowest < other.highest
            and other.lowest < self.highest
        )


def _in_turn(rates: list[ChargeRate]) -> list[ChargeRate]:
    """End an open-ended price when the next of its kind begins; refuse two at once."""
    ended = [rate.model_copy(update={"valid_to": min([rate.valid_to, *_ends(rate, rates)])}) for rate in rates]
    for one, other in combinations(ended, 2):
        if one.is_beside(other) and one.valid_from <= other.valid_to and other.valid_from <= one.valid_to:
            day = max(one.valid_from, other.valid_from)
            when = "at once" if day == ALWAYS else f"on {day}"
            raise ValueError(f"two prices of {one.charge_type} hold {when}: end one before the other begins")
    return ended


def _ends(rate: ChargeRate, rates: list[ChargeRate]) -> Iterator[date]:
    if rate.valid_to == FOR_EVER:
        yield from (
            other.valid_from - timedelta(days=1)
            for other in rates
            if other.valid_from > rate.valid_from
            and (other.zone, other.segment) == (rate.zone, rate.segment)
            and rate.is_beside(other)
        )


def _begin_on_different_days(rates: list[StorageRate]) -> list[StorageRate]:
    days = [rate.valid_from for rate in rates]
    if twice := {day for day in days if days.count(day) > 1}:
        raise ValueError(f"two rates of storage begin on {min(twice)}: leave one of them")
    return rates


StorageRates = Annotated[list[StorageRate], AfterValidator(_begin_on_different_days)]
ChargeRates = Annotated[list[ChargeRate], AfterValidator(_in_turn)]
