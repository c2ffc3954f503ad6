"""The pricing engine's front: facts in, `learned_prices` and `charge_prices` out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from logentic.price_terms import ChargeRate
from logentic.transform.prices.card import Price, Range, read_price, write_price
from logentic.transform.prices.facts import MISSING, QUANTITY_SCALE, Charges, Integers
from logentic.transform.prices.formulas import decimal
from logentic.transform.prices.learning import learn_cards
from logentic.transform.prices.pricing import Priced, price_charges

AMOUNT = pa.decimal128(18, 4)
IN_CONDITIONS = ("segment", "from_quantity", "to_quantity")
RATE = pa.decimal128(18, 6)
GOES_BEFORE = "Your rate card goes before it."
LEARNED_PRICES = pa.schema(
    [
        pa.field("price_id", pa.string()),
        pa.field("charge_type", pa.string()),
        pa.field("segment", pa.string()),  # in words: order type, warehouse, region, ...
        pa.field("tier", pa.string()),  # in words: limits of units, weight, the month's volume, ...
        pa.field("family", pa.string()),
        pa.field("formula", pa.string()),  # the sentence that a contract would have
        pa.field("fixed", AMOUNT),
        pa.field("per", pa.string()),
        pa.field("per_unit", RATE),
        pa.field("included", AMOUNT),
        pa.field("and_per", pa.string()),
        pa.field("and_per_unit", RATE),
        pa.field("minimum", AMOUNT),
        pa.field("maximum", AMOUNT),
        pa.field("from_quantity", AMOUNT),  # of a tier, in the form of the setting `charge_rates`
        pa.field("to_quantity", AMOUNT),
        pa.field("conditions", pa.string()),  # segment and tier as JSON, in the form of the setting `charge_rates`
        pa.field("valid_by", pa.string()),
        pa.field("valid_from", pa.date32()),
        pa.field("valid_to", pa.date32()),
        pa.field("charges", pa.int64()),
        pa.field("explained", pa.int64()),
        pa.field("explained_share", pa.decimal128(9, 4)),
        pa.field("margin", pa.int64()),  # how many charges more it explains than the next best formula
        pa.field("is_trusted", pa.bool_()),
        pa.field("source", pa.string()),  # contract or learned
        pa.field("note", pa.string()),  # why it is not trusted
    ]
)
CHARGE_PRICES = pa.schema(
    [
        pa.field("charge_id", pa.int64()),  # null for a charge that is only expected
        pa.field("order_id", pa.int64()),
        pa.field("charge_type", pa.string()),
        pa.field("price_id", pa.string()),  # null if no price applies
        pa.field("expected", AMOUNT),
        pa.field("tolerance", AMOUNT),
        pa.field("is_trusted", pa.bool_()),  # a difference from the price is an exception
        pa.field("alike", pa.int64()),  # other charges of the type with the same difference
        pa.field("reason", pa.string()),  # why it is not trusted; null if it is
    ]
)


@dataclass(frozen=True)
class Prices:
    """The output of the engine: the cards in force, the price of each charge, and prices learned beside the
    contract.
    """

    learned_prices: pa.Table
    charge_prices: pa.Table
    beside_contract: pa.Table


def learn_prices(charges: Charges, contract: Sequence[ChargeRate] = ()) -> Prices:
    """Learn the account's prices from its charges, and price each of them."""
    cards, beside_contract = learn_cards(charges, [read_price(terms) for terms in contract])
    rows: list[dict[str, Any]] = []
    tables: list[pa.Table] = []
    for card in cards.values():
        priced = price_charges(charges, card)
        identities = [_identity(price) for price in card.prices]
        if card.is_accepted:
            rows += [_learned(priced, index, identities[index]) for index in range(len(card.prices))]
        tables.append(_priced(priced, identities))
    return Prices(
        pa.Table.from_pylist(rows, LEARNED_PRICES),
        pa.concat_tables([CHARGE_PRICES.empty_table(), *tables]),
        pa.Table.from_pylist(
            [
                row
                for card in beside_contract.values()
                if card.is_accepted
                for row in _beside_contract(price_charges(charges, card))
            ],
            LEARNED_PRICES,
        ),
    )


def _beside_contract(priced: Priced) -> Iterator[dict[str, Any]]:
    """Yield the learned prices of a type that the contract prices: for comparison, never for exceptions."""
    for index, price in enumerate(priced.card.prices):
        row = _learned(priced, index, f"learned-{_identity(price)}")
        yield row | {"is_trusted": False, "note": " ".join(filter(None, (GOES_BEFORE, row["note"])))}


def read_prices(learned: pa.Table) -> list[ChargeRate]:
    """Return the rows of `learned_prices` as configuration."""
    names = [name for name in ChargeRate.model_fields if name in LEARNED_PRICES.names and name not in IN_CONDITIONS]
    return [
        ChargeRate(**{name: row[name] for name in names}, segment=json.loads(row["conditions"]))
        for row in learned.to_pylist()
    ]


def _identity(price: Price) -> str:
    return sha256(write_price(price).model_dump_json().encode()).hexdigest()[:12]


def _learned(priced: Priced, index: int, identity: str) -> dict[str, Any]:
    price, terms = priced.card.prices[index], write_price(priced.card.prices[index])
    charges, explained = int(priced.followers[index]), int(priced.explained[index])
    note = priced.notes[index]
    return {
        **terms.model_dump(exclude={"segment", "zone", "from_quantity", "to_quantity"}),
        **_limits(price),
        "price_id": identity,
        "segment": price.segment,
        "tier": price.tier,
        "family": price.formula.family,
        "formula": price.formula.sentence(),
        "conditions": json.dumps(terms.segment),
        "charges": charges,
        "explained": explained,
        "explained_share": (Decimal(explained) / charges).quantize(Decimal("0.0001")) if charges else None,
        "margin": round(priced.card.margins[index]),
        "is_trusted": not note,
        "source": "learned" if priced.card.is_learned else "contract",
        "note": note or None,
    }


def _limits(price: Price) -> dict[str, Decimal | None]:
    """Return the least and the greatest quantity of a tier."""
    counted = {replace(quantity, after=0) for _, quantity in price.formula.terms}
    for condition in price.conditions:
        if isinstance(condition, Range) and condition.quantity in counted:
            step = QUANTITY_SCALE if condition.quantity.has_whole_steps else 1
            return {
                "from_quantity": None if condition.above is None else decimal(condition.above // step * step + step),
                "to_quantity": None if condition.upto is None else decimal(condition.upto),
            }
    return {"from_quantity": None, "to_quantity": None}


def _priced(priced: Priced, identities: list[str]) -> pa.Table:
    charges, is_known = priced.charges, priced.expected != MISSING
    is_priced = (priced.price >= 0) & priced.card.is_accepted
    ids = pa.DictionaryArray.from_arrays(
        pa.array(np.where(is_priced, priced.price, 0), mask=~is_priced), pa.array(identities or [""])
    )
    columns = [
        _identifiers(charges.column("charge_id")),
        _identifiers(charges.column("order_id")),
        pa.array([priced.card.charge_type] * len(charges)),
        ids.cast(pa.string()),
        _decimals(priced.expected, is_known & is_priced),
        _decimals(priced.tolerance, is_known & is_priced),
        pa.array(np.array([not reason for reason in priced.reasons], bool)),
        pa.array(priced.alike),
        pa.array([reason or None for reason in priced.reasons], pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=CHARGE_PRICES)


def _identifiers(values: Integers) -> pa.Array:
    return pa.array(values, mask=values == MISSING)


def _decimals(values: Integers, is_known: np.ndarray) -> pa.Array:
    """Return integers of ten-thousandths as decimals, without passing through floats."""
    words = np.empty(2 * len(values), np.int64)
    words[::2], words[1::2] = values, values >> 63
    valid = pa.array(is_known).buffers()[1] if len(values) else None
    return pa.Array.from_buffers(AMOUNT, len(values), [valid, pa.py_buffer(words)])
