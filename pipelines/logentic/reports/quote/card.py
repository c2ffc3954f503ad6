"""The card of a contract: what each charge costs, as a person writes it in TOML."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from logentic.errors import UsageError
from logentic.price_terms import RANGES, ChargeRate, DatedTerms, StorageBasis, in_turn
from logentic.sanitizer import one_line
from logentic.secret_files import error_text

EACH_ORDER = "order"
STORAGE, EVERYWHERE = "storage", "*"
MOST_BYTES, MOST_ERRORS = 1_000_000, 20
DIGITS = {"per_unit": 6, "and_per_unit": 6}  # decimals of rates; amounts and quantities have AMOUNT_DIGITS
AMOUNT_DIGITS = 4
LARGEST = 10**7
HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]\]?\s*(#.*)?")


def _in_lower_case(text: str) -> str:
    return text.strip().lower()


Type = Annotated[str, Field(min_length=1), AfterValidator(_in_lower_case)]


def _is_exact(value: Decimal, name: str) -> None:
    """Refuse a number that the pricing engine cannot hold exactly."""
    digits = DIGITS.get(name, AMOUNT_DIGITS)
    if not value.is_finite() or abs(value) >= LARGEST:
        raise ValueError(f"{name} = {value} is out of range: write less than {LARGEST:,}")
    if value != round(value, digits):
        raise ValueError(f"{name} = {value} has more than {digits} decimals")


class _Terms(DatedTerms):
    @model_validator(mode="after")
    def _holds_exact_numbers(self) -> Self:
        for name, value in self:
            if isinstance(value, Decimal):
                _is_exact(value, name)
        return self


class CardRate(ChargeRate, _Terms):
    """A price of the setting `charge_rates`. `for_each`: the orders, or a type whose billed charges are priced."""

    charge_type: Type
    for_each: Type = EACH_ORDER


class ZoneTable(_Terms):
    """A price by zone and by steps of a quantity, such as shipping by weight; `above` is for each unit beyond."""

    charge_type: Type
    per: str
    zones: dict[str, str] = Field(min_length=1)
    rows: list[dict[str, Decimal]] = Field(min_length=1)
    above: dict[str, Decimal] = Field(default_factory=dict)

    def rates(self) -> Iterator[CardRate]:
        """Yield the table as prices: one for each zone and step."""
        last = self.rows[-1]
        steps = list(pairwise([None, *(row["upto"] for row in self.rows)]))
        dates: dict[str, Any] = {"valid_from": self.valid_from, "valid_to": self.valid_to}
        for zone, regions in self.zones.items():
            where = {} if regions == EVERYWHERE else {"region": regions}
            for row, (above, upto) in zip(self.rows, steps, strict=True):
                tier = {self.per: f"{'' if above is None else f'{above:f}'}..{upto:f}"}
                yield CardRate(charge_type=self.charge_type, fixed=row[zone], segment=where | tier, **dates)
            if self.above:
                yield CardRate(
                    charge_type=self.charge_type,
                    fixed=last[zone],
                    per=self.per,
                    included=last["upto"],
                    per_unit=self.above[zone],
                    segment=where | {self.per: f"{last['upto']:f}.."},
                    **dates,
                )

    def errors(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield where the table does not fit together, and why."""
        names = {"upto", *self.zones}
        if not RANGES.fullmatch(self.per):
            yield ("per",), f"{self.per!r} is no quantity with steps: write started_weight, started_weight/139 or units"
        if sum(regions == EVERYWHERE for regions in self.zones.values()) > 1:
            yield ("zones",), f"two zones are {EVERYWHERE!r}, all other regions: leave one of them"
        regions = [region for text in self.zones.values() for region in text.split("|")]
        if twice := sorted({region for region in regions if regions.count(region) > 1} - {EVERYWHERE}):
            yield ("zones",), f"{twice[0]} is in two zones: leave it in one of them"
        for number, row in enumerate(self.rows):
            if lacking := sorted(names - set(row)):
                yield ("rows", number), f"{lacking[0]} is missing"
            elif unknown := sorted(set(row) - names):
                yield ("rows", number), f"{unknown[0]} is no zone of the table: use {', '.join(sorted(self.zones))}"
            elif number and row["upto"] <= self.rows[number - 1].get("upto", row["upto"] - 1):
                yield ("rows", number), f"upto = {row['upto']} is not above the row before it"
            for name, value in row.items():
                try:
                    _is_exact(value, name)
                except ValueError as error:
                    yield ("rows", number), str(error)
        if self.above and (differing := sorted(set(self.above) ^ set(self.zones))):
            yield ("above",), f"{differing[0]} is missing in zones or in above: both have the same names"


class Storage(_Terms):
    """A price of storage. `unit_size`: cubic feet that a pallet or bin holds; started ones are charged."""

    basis: StorageBasis = "daily"
    rate: Decimal = Field(ge=0)
    per: Literal["day", "month"] = "day"
    unit: Literal["cubic_foot", "pallet", "bin"] = "cubic_foot"
    unit_size: Decimal = Field(default=Decimal(1), gt=0)
    charged_by: Literal["item", "account"] = "item"

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        if self.unit != "cubic_foot" and "unit_size" not in self.model_fields_set:
            raise ValueError(f"unit_size is missing: how many cubic feet a {self.unit} holds")
        if self.unit == "cubic_foot" and self.unit_size != 1:
            raise ValueError("unit_size needs unit: pallet or bin")
        return self


class Fee(_Terms):
    """An amount for every month, whatever was shipped."""

    charge_type: Type
    amount: Decimal = Field(ge=0)


class Minimum(_Terms):
    """What the charges of some types come to in a month, at least; the difference is a charge of its own."""

    charge_type: Type = "monthly_minimum"
    amount: Decimal = Field(gt=0)
    of: list[Type] = Field(min_length=1)


class ContractCard(BaseModel):
    """A contract. `included`: types that other prices contain; `as_billed`: types that stay what they were."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=60)
    currency: str | None = None
    charge_rates: Annotated[list[CardRate], AfterValidator(in_turn)] = []
    zone_tables: list[ZoneTable] = []
    storage: list[Storage] = []
    fees: list[Fee] = []
    minimums: list[Minimum] = []
    included: list[Type] = []
    as_billed: list[Type] = []

    @property
    def rates(self) -> list[CardRate]:
        return [*self.charge_rates, *(rate for table in self.zone_tables for rate in table.rates())]

    @property
    def priced_types(self) -> set[str]:
        """The types of charges that the card states a price for."""
        stated = {rate.charge_type for rate in self.charge_rates} | {fee.charge_type for fee in self.fees}
        stated |= {table.charge_type for table in self.zone_tables}
        return stated | ({STORAGE} if self.storage else set())

    def errors(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield where parts of the card contradict each other, and why."""
        for number, table in enumerate(self.zone_tables):
            for location, message in table.errors():
                yield ("zone_tables", number, *location), message
        subjects: dict[str, str] = {}
        for number, rate in enumerate(self.charge_rates):
            if subjects.setdefault(rate.charge_type, rate.for_each) != rate.for_each:
                yield ("charge_rates", number, "for_each"), f"all prices of {rate.charge_type} need the same for_each"
            if rate.charge_type == STORAGE:
                yield ("charge_rates", number, "charge_type"), "storage has a table of its own: write [[storage]]"
        for number, table in enumerate(self.zone_tables):
            if subjects.get(table.charge_type, EACH_ORDER) != EACH_ORDER:
                yield ("zone_tables", number, "charge_type"), f"{table.charge_type} is priced for each charge above"
        for number, minimum in enumerate(self.minimums):
            if unknown := sorted(set(minimum.of) - self.priced_types - set(self.as_billed)):
                yield ("minimums", number, "of"), f"the card has no price of {unknown[0]}"
        days = [storage.valid_from for storage in self.storage]
        if twice := [number for number, day in enumerate(days) if day in days[:number]]:
            yield ("storage", twice[0], "valid_from"), "two prices of storage begin on one day: leave one of them"
        for name in ("included", "as_billed"):
            if stated := sorted(set(getattr(self, name)) & self.priced_types):
                yield (name,), f"{stated[0]} has a price in this card: leave one of them"
        if not self.priced_types:
            yield (), "the card has no price: write [[charge_rates]], [[zone_tables]], [[storage]] or [[fees]]"


def read_card(path: Path) -> ContractCard:
    """Return the card that a file states; raise an error with one line for each mistake in it."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error_text(error) if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CardError(path, [f"{path}: {reason}"]) from None
    if len(text) > MOST_BYTES:
        raise CardError(path, [f"{path}: it is larger than {MOST_BYTES:,} bytes"])
    try:
        stated = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        found = re.search(r"at line (\d+)", str(error))
        line = found.group(1) if found else text.count("\n") + 1
        reason = str(error).partition(" (at ")[0]
        raise CardError(path, [f"{path}:{line}: {reason}"]) from None
    try:
        card = ContractCard.model_validate(stated)
    except ValidationError as error:
        mistakes = [(tuple(one["loc"]), _message(dict(one))) for one in error.errors(include_url=False)]
    else:
        try:
            mistakes = list(card.errors())
        except (KeyError, ValidationError) as error:  # a table that is already known not to fit together
            mistakes = [((), str(error))]
    if not mistakes:
        try:
            in_turn(list[ChargeRate](card.rates))
        except ValueError as error:
            mistakes = [(("zone_tables", 0), str(error))]
    if mistakes:
        lines = sorted((_line_of(text, location), location, message) for location, message in mistakes)
        raise CardError(path, [f"{path}:{line}: {_named(loc)}{message}" for line, loc, message in lines])
    return card


class CardError(UsageError):
    """What is wrong with a card; `mistakes` has a line for each."""

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        more = len(mistakes) - MOST_ERRORS
        shown = [*mistakes[:MOST_ERRORS], *([f"{path}: {more} more"] if more > 0 else [])]
        super().__init__(mistakes[0], "The format of a card: docs/quote.md.")
        self.mistakes = [one_line(text) for text in shown]


def _message(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "this field is not known"
    if error["type"] == "missing":
        return "this field is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _named(location: tuple[str | int, ...]) -> str:
    """Return a place in the card as words: "charge_rates 2, per_unit: "."""
    words: list[str] = []
    for part in location:
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        else:
            words.append(str(part))
    return f"{', '.join(words)}: " if words else ""


def _line_of(text: str, location: tuple[str | int, ...]) -> int:
    """Return the line of the text that states a field, or of the table that lacks it."""
    lines = text.splitlines()
    begin, end = 0, len(lines)
    headers = [(number, found.group(1)) for number, line in enumerate(lines) if (found := HEADER.fullmatch(line))]
    name, rest = (location[0], location[1:]) if location else ("", ())
    own = [number for number, header in headers if header == name]
    if own:
        index = rest[0] if rest and isinstance(rest[0], int) else 0
        begin = own[min(index, len(own) - 1)]
        rest = rest[1:] if rest and isinstance(rest[0], int) else rest
        end = next((number for number, _ in headers if number > begin), len(lines))
    else:
        rest = location
        end = headers[0][0] if headers else len(lines)
    line = begin
    for part in rest:
        if isinstance(part, str):
            key = re.compile(rf"\s*[\"']?{re.escape(part)}[\"']?\s*=")
            line = next((number for number in range(line, end) if key.match(lines[number])), line)
        else:
            # The entry of a list: each opens a brace or stands on a line of its own.
            begun = [number for number in range(line, end) for _ in re.findall(r"\{", lines[number])]
            line = begun[part] if part < len(begun) else line
    return line + 1


def valid_by_type(terms: list[Any], day: date) -> list[Any]:
    """Return the terms in force on a day, at most one of each charge type."""
    types = dict.fromkeys(one.charge_type for one in terms)
    found = [valid_on([one for one in terms if one.charge_type == name], day) for name in types]
    return [one for one in found if one]


def valid_on(terms: list[Any], day: date) -> Any | None:
    """Return the terms in force on a day: of those that have begun and not ended, the last to begin."""
    begun = [one for one in terms if one.valid_from <= day <= one.valid_to]
    return max(begun, key=lambda one: one.valid_from, default=None)
