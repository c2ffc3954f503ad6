"""List the price of each type of charge, from the user's card and as learned; write learned prices as configuration."""

import json
import re
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from shlex import quote
from typing import Any

import duckdb
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from logentic.audit_log import Row
from logentic.currencies import decimal_text, money
from logentic.errors import StateError, UsageError
from logentic.price_terms import ChargeRate, ChargeRates
from logentic.reports.humanize import count
from logentic.reports.published_file import open_published, read_known_at, read_records
from logentic.sanitizer import escaped_json, one_line

SCOPE = "concat_ws('; ', nullif(card.segment, ''), nullif(card.tier, ''))"  # segment and tier of a price, in words
PRICES = f"""
select
    card.charge_type, {SCOPE} as segment,
    card.formula, card.kind, card.valid_by,
    nullif(card.valid_from, date '1970-01-01') as valid_from, nullif(card.valid_to, date '9999-12-31') as valid_to,
    card.charges, card.explained_share, card.source, learned.is_trusted, card.note, card.driver,
    coalesce(card.included, 0) as included, coalesce(card.and_per, 'none') as and_per, learned.conditions,
    card.fixed, card.per_unit, coalesce(card.and_per_unit, 0) as and_per_unit, card.minimum, card.maximum,
    cast(card.error_amount as decimal(18, 2)) as error_amount
from rate_card as card
left join learned_prices as learned on card.price_id = learned.price_id
where $charge_type is null or card.charge_type = $charge_type
order by
    card.charge_type, card.segment, card.valid_from, card.source, card.from_quantity nulls first, card.tier,
    card.explained_share desc, card.kind
"""
# The exceptions of charges with a stated card, by direction.
OFF_CARD = """
select
    lower(charge_type) as charge_type, direction, count(*) as charges,
    cast(sum(amount_at_stake) as decimal(18, 2)) as amount
from invoice_reconciliation
where rule = 'rate_deviation' and not is_question and ($charge_type is null or lower(charge_type) = $charge_type)
group by lower(charge_type), direction
order by charge_type, direction desc
"""
# A type that has a card of the user's would get two prices at once; write it only if it is named.
LEARNED = f"""
select * replace ({SCOPE} as segment) from learned_prices as card
where source = 'learned' and case
    when $charge_type is null then charge_type not in (select charge_type from learned_prices where source = 'contract')
    else charge_type = $charge_type
end
order by charge_type, segment, valid_from, from_quantity nulls first, tier, price_id
"""
PARTS = {
    "fixed": "fixed part",
    "per_unit": "rate",
    "and_per_unit": "second rate",
    "minimum": "minimum",
    "maximum": "maximum",
}
WHOLE_LIMIT = re.compile(r"^(\d+)\.9999\.\.")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ListedPrice:
    """A price of a type of charge. `is_trusted`: differences from it are exceptions; None if trust does not apply.

    `difference` is how a learned price differs from the user's card, if both use the same quantities; `error_amount` is
    how much storage bills differ from a basis.
    """

    charge_type: str
    segment: str
    formula: str
    valid_by: str
    valid_from: date | None
    valid_to: date | None
    charges: int
    explained_share: Decimal | None
    source: str
    is_trusted: bool | None
    note: str | None
    difference: str | None
    error_amount: Decimal | None


@dataclass(frozen=True)
class PriceList:
    """`off_card`: exceptions of charges that differ from the user's card, by type and direction."""

    file: Path
    known_at: datetime
    prices: list[ListedPrice]
    off_card: list[Row]


def read_price_list(file: Path, charge_type: str | None = None) -> PriceList:
    """Return the prices of FILE, or of one type of charge."""
    chosen = {"charge_type": charge_type and charge_type.lower()}
    with open_published(file) as published:
        rows = read_records(published, PRICES, chosen)
        off_card = read_records(published, OFF_CARD, chosen)
        known_at = read_known_at(published)
        if charge_type and not rows:
            raise _no_such_type(published, file, charge_type)
    stated = [row for row in rows if row["source"] == "contract"]
    return PriceList(file, known_at, [_listed(row, stated) for row in rows], off_card)


def read_learned_rates(file: Path, charge_type: str | None = None) -> tuple[list[ChargeRate], list[Row]]:
    """Return the learned prices as the setting `charge_rates` has them, and as rows of `learned_prices`."""
    import pyarrow as pa

    from logentic.transform.prices.engine import LEARNED_PRICES, read_prices

    with open_published(file) as published:
        chosen = {"charge_type": charge_type and charge_type.lower()}
        rows = read_records(published, LEARNED, chosen)
        if not rows:
            if charge_type and not read_records(published, PRICES, chosen):
                raise _no_such_type(published, file, charge_type)
            raise UsageError(
                f"{file} has no learned price{f' of {charge_type}' if charge_type else ''} to write",
                f"See why: logentic prices --db {quote(str(file))}",
            )
    return read_prices(pa.Table.from_pylist(rows, LEARNED_PRICES)), rows


def _no_such_type(published: duckdb.DuckDBPyConnection, file: Path, charge_type: str) -> UsageError:
    known = read_records(published, "select distinct charge_type from rate_card order by charge_type")
    types = ", ".join(row["charge_type"] for row in known) or "none yet"
    return UsageError(f"{file} has no charges of type {charge_type!r}", f"The types: {types}.")


def _listed(row: Row, stated: list[Row]) -> ListedPrice:
    names = (
        "charge_type",
        "segment",
        "valid_by",
        "valid_from",
        "valid_to",
        "explained_share",
        "source",
        "note",
        "error_amount",
    )
    is_storage = row["source"] == "bills"
    formula = f"by the basis {row['kind']}" if is_storage else row["formula"] or ""
    difference = _difference(row, stated) if row["source"] == "learned" else None
    return ListedPrice(
        **{name: row[name] for name in names},
        formula=formula,
        charges=row["charges"] or 0,
        is_trusted=row["is_trusted"],
        difference=difference,
    )


def _difference(row: Row, stated: list[Row]) -> str | None:
    """Return how a learned price differs from the user's: in words, None if the user has none for its type."""
    of_type = [other for other in stated if other["charge_type"] == row["charge_type"]]
    alike = [
        other
        for other in of_type
        if _terms_of(other) == _terms_of(row)
        and (other["valid_from"] or date.min) <= (row["valid_to"] or date.max)
        and (row["valid_from"] or date.min) <= (other["valid_to"] or date.max)
    ]
    if not of_type:
        return None
    if not alike:
        return "Your card has no price by the same quantities for the same charges."
    gaps = list(filter(None, (_gap(name, label, row, alike[-1]) for name, label in PARTS.items())))
    since = f" since {alike[-1]['valid_from']}" if len(alike) > 1 else ""
    return f"Against your card{since}: {', '.join(gaps)}." if gaps else f"As your card says{since}."


def _terms_of(row: Row) -> tuple[Any, ...]:
    """Return the conditions and quantities of a price; a tier from 3 units on is written as above 2."""
    conditions = {name: WHOLE_LIMIT.sub(r"\1..", text) for name, text in json.loads(row["conditions"]).items()}
    driver = row["driver"] if row["per_unit"] else "none"
    return (conditions, driver, row["included"], row["and_per"])


def _gap(name: str, label: str, row: Row, other: Row) -> str:
    """Return how a part of a price differs: "fixed part 0.10 higher"; "" if it is the same."""
    from logentic.transform.prices.facts import Quantity
    from logentic.transform.prices.formulas import is_money, unit

    if row[name] == other[name]:
        return ""
    if row[name] is None or other[name] is None:
        return f"{'a' if other[name] is None else 'no'} {label}"
    gap = row[name] - other[name]
    direction = "higher" if gap > 0 else "lower"
    if not name.endswith("per_unit"):
        return f"{label} {decimal_text(abs(gap))} {direction}"
    quantity = Quantity.parse(row["driver" if name == "per_unit" else "and_per"])
    if is_money(quantity):
        return f"{decimal_text(abs(gap) * 100)} percentage points {direction}"
    return f"{decimal_text(abs(gap))} {direction} per {unit(quantity)}"


def as_dict(found: PriceList) -> dict[str, Any]:
    return {
        "file": str(found.file),
        "known_at": found.known_at.isoformat(),
        "prices": [asdict(price) for price in found.prices],
        "off_card": found.off_card,
    }


def print_prices(found: PriceList, console: Console, currency: str) -> None:
    """Print a line for each price, and below it the formula and notes."""
    if not found.prices:
        console.print("No charges yet.")
        return
    width = max(11, *(len(price.charge_type) for price in found.prices))
    line = f"{{:<{width}}} {{:<10}} {{:<10}} {{:>9}} {{:>9}} {{:<8}} {{:<7}}"
    console.print(line.format("charge type", "from", "to", "charges", "explained", "source", "trusted"), style="bold")
    for price in found.prices:
        trusted = "" if price.is_trusted is None else "yes" if price.is_trusted else "no"
        dates = (price.valid_from or "", price.valid_to or "")
        figures = (f"{price.charges:,}", _percent(price.explained_share))
        console.print(
            Text(line.format(price.charge_type, *map(str, dates), *figures, price.source, trusted).rstrip()),
            *(Padding(Text(words), (0, 0, 0, 4)) for words in _words(price, currency)),
        )
    for row in found.off_card:
        charges = f"{count(row['charges'], 'charge')} {'is' if row['charges'] == 1 else 'are'}"
        direction = "too high" if row["direction"] == "recoverable" else "too low"
        amount = money(row["amount"], currency)
        console.print(Text(f"{row['charge_type']}: by your card {charges} {direction}, {amount} in all"))


def _words(price: ListedPrice, currency: str) -> list[str]:
    days = "" if price.valid_by == "charge_date" else f" (by {price.valid_by.replace('_', ' ')})"
    stated = f"{price.formula}{f', for {price.segment}' if price.segment else ''}{days}"
    unused = None
    if price.source == "contract" and not price.charges:
        is_storage = price.charge_type == "storage"
        unused = "Not used: storage has storage_rates." if is_storage else "No charge matches it yet."
    off = None if price.error_amount is None else f"The bills are {money(price.error_amount, currency)} off it in all."
    return list(filter(None, (stated, price.difference, off, price.note, unused)))


def _percent(share: Decimal | None) -> str:
    """Return a share rounded down, so that only all of them are 100 %."""
    return "" if share is None else f"{(share * 100).quantize(Decimal('0.1'), ROUND_DOWN)} %"


def as_toml(file: Path, rates: list[ChargeRate], rows: list[Row]) -> str:
    """Return learned prices as a part of config.toml, each below a comment with its evidence."""
    try:
        TypeAdapter(ChargeRates).validate_python([rate.model_dump(exclude_defaults=True) for rate in rates])
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise StateError(f"the learned prices cannot be a rate card: {reason}", "Choose a type: --type NAME.") from None
    blocks = [
        f"# Learned from the charges in {one_line(file)}. Check each price, and delete any that you disagree with."
    ]
    for rate, row in zip(rates, rows, strict=True):
        segment = f", for {row['segment']}" if row["segment"] else ""
        comments = [f"{row['formula']}{segment}: explains {row['explained']:,} of {count(row['charges'], 'charge')}."]
        comments += [f"Not trusted: {row['note']}"] if row["note"] else []
        terms = rate.model_dump(exclude_defaults=True)
        names = sorted(terms, key=lambda name: name.startswith("valid_"))
        lines = [*(f"# {one_line(text)}" for text in comments), "[[logentic.charge_rates]]"]
        blocks.append("\n".join([*lines, *(f"{name} = {_toml(terms[name])}" for name in names)]))
    return "\n\n".join(blocks)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{name if BARE_KEY.fullmatch(name) else _toml(name)} = {_toml(text)}" for name, text in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, date):
        return value.isoformat()
    text = decimal_text(value) if isinstance(value, Decimal) else value
    return escaped_json(json.dumps(text, ensure_ascii=False))
