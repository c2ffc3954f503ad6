"""The invoice on paper beside the charges of the API, to the cent, before any rule is looked at.

In: the charges of an invoice, the taxes, the total on the paper. Out: whether they tie; and if not, the one tax or
charge that makes the difference, where one does. Pure: no file, no clock. Next: reconciliation.py, which reads for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from logentic.settings import Tax

CENT = Decimal("0.01")
NAMED = 5


@dataclass(frozen=True)
class Line:
    """A charge; `earlier` are the amounts that the API once gave for it."""

    charge_id: int
    charge_type: str
    amount: Decimal
    earlier: tuple[Decimal, ...] = ()


@dataclass(frozen=True)
class TieOut:
    subtotal: Decimal
    taxes: tuple[tuple[Tax, Decimal], ...]
    total: Decimal
    paper: Decimal | None
    explanations: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal:
        return Decimal(0) if self.paper is None else self.paper - self.total


def tie_out(
    lines: Sequence[Line], taxes: Sequence[Tax], paper: Decimal | None, elsewhere: Sequence[Line] = ()
) -> TieOut:
    """Compare; `elsewhere` are charges that the API puts on no invoice, on another one, or no longer gives."""
    subtotal = cents(sum((line.amount for line in lines), Decimal(0)))
    amounts = tuple((tax, cents(subtotal * tax.rate / 100)) for tax in taxes)
    total = subtotal + sum((amount for _, amount in amounts), Decimal(0))
    if paper is None or paper == total:
        return TieOut(subtotal, amounts, total, paper)
    for kind in (_of_taxes, _of_earlier, _of_lines, _of_types, _of_elsewhere):
        if found := tuple(kind(lines, taxes, subtotal, paper, elsewhere)):
            return TieOut(subtotal, amounts, total, paper, found)
    return TieOut(subtotal, amounts, total, paper, ("No single charge or tax makes this difference.",))


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def with_taxes(subtotal: Decimal, taxes: Sequence[Tax]) -> Decimal:
    return cents(subtotal) + sum((cents(cents(subtotal) * tax.rate / 100) for tax in taxes), Decimal(0))


def _of_taxes(
    lines: Sequence[Line], taxes: Sequence[Tax], subtotal: Decimal, paper: Decimal, _: object
) -> Iterator[str]:
    if taxes and paper == subtotal:
        yield "It is the total before tax."
        return
    for tax in taxes:
        others = [other for other in taxes if other is not tax]
        if paper == with_taxes(subtotal, others):
            yield f"The paper has no {tax.name}."
        if paper == with_taxes(subtotal, [*taxes, tax]):
            yield f"The paper has {tax.name} twice."
        upon = subtotal + sum((cents(subtotal * other.rate / 100) for other in others), Decimal(0))
        if others and paper == upon + cents(upon * tax.rate / 100):
            yield f"The paper takes {tax.name} on the other tax as well."
    by_line = sum((with_taxes(line.amount, taxes) for line in lines), Decimal(0))
    if paper == by_line:
        yield "The paper rounds the tax of each charge by itself."
    together = cents(subtotal * sum((tax.rate for tax in taxes), Decimal(0)) / 100)
    if len(taxes) > 1 and paper == subtotal + together:
        yield "The paper rounds the taxes together."


def _of_earlier(
    lines: Sequence[Line], taxes: Sequence[Tax], subtotal: Decimal, paper: Decimal, _: object
) -> Iterator[str]:
    return _some(
        f"Charge {line.charge_id} ({line.charge_type}) stands on the paper with {cents(before)}, as the API said"
        f" before; now it says {cents(line.amount)}."
        for line in lines
        for before in line.earlier
        if paper == with_taxes(subtotal - line.amount + before, taxes)
    )


def _of_lines(
    lines: Sequence[Line], taxes: Sequence[Tax], subtotal: Decimal, paper: Decimal, _: object
) -> Iterator[str]:
    return _some(
        f"Charge {line.charge_id} ({line.charge_type}, {cents(line.amount)}) {what}."
        for line in lines
        for what, seen in (
            ("is not on the paper", with_taxes(subtotal - line.amount, taxes)),
            ("is on the paper twice", with_taxes(subtotal + line.amount, taxes)),
            ("is on the paper without its sign", with_taxes(subtotal - 2 * line.amount, taxes)),
            ("is on the paper without tax", with_taxes(subtotal - line.amount, taxes) + cents(line.amount)),
        )
        if paper == seen and line.amount
    )


def _of_types(
    lines: Sequence[Line], taxes: Sequence[Tax], subtotal: Decimal, paper: Decimal, _: object
) -> Iterator[str]:
    for kind in sorted({line.charge_type for line in lines}):
        of_kind = sum((line.amount for line in lines if line.charge_type == kind), Decimal(0))
        if paper == with_taxes(subtotal - of_kind, taxes):
            yield f"The charges of type {kind} ({cents(of_kind)}) are not on the paper."
        if paper == with_taxes(subtotal - of_kind, taxes) + cents(of_kind):
            yield f"The charges of type {kind} ({cents(of_kind)}) are on the paper without tax."


def _of_elsewhere(
    lines: Sequence[Line], taxes: Sequence[Tax], subtotal: Decimal, paper: Decimal, elsewhere: Sequence[Line]
) -> Iterator[str]:
    return _some(
        f"Charge {line.charge_id} ({line.charge_type}, {cents(line.amount)}) is on the paper; the API does not put"
        " it on this invoice."
        for line in elsewhere
        if line.amount and paper == with_taxes(subtotal + line.amount, taxes)
    )


def _some(explanations: Iterator[str]) -> Iterator[str]:
    """The first few; more than one charge of an amount is no explanation but a choice."""
    found = list(explanations)
    if len(found) > 1:
        yield f"Any one of {len(found)} charges would make it:"
    yield from found[:NAMED]
