"""Compare an invoice total with the charges of the API, to the cent, and explain a difference."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal

from logentic.currencies import minor_unit
from logentic.settings import Tax

SHOWN_CAUSES = 5
# Other tax rates that an invoice may have: a whole percentage, as everywhere except Quebec, or Quebec's.
OTHER_RATES = (*map(Decimal, range(1, 26)), Decimal("14.975"))
FEDERAL = Decimal(5)


@dataclass(frozen=True)
class Line:
    """A charge.

    `earlier` has earlier amounts of it, `rule` the rule that finds it wrong. `place` is where the API has a charge that
    is not on this invoice.
    """

    charge_id: int
    charge_type: str
    amount: Decimal
    earlier: tuple[Decimal, ...] = ()
    rule: str | None = None
    place: str = ""


@dataclass(frozen=True)
class Cause:
    """A possible cause of the difference; `line` if it is a charge."""

    words: str
    line: Line | None = None


@dataclass(frozen=True)
class TieOut:
    """The comparison; `charges` are those in the explanations, most likely first."""

    subtotal: Decimal
    taxes: tuple[tuple[Tax, Decimal], ...]
    total: Decimal
    paper: Decimal | None
    explanations: tuple[str, ...] = ()
    charges: tuple[int, ...] = ()

    @property
    def difference(self) -> Decimal:
        return Decimal(0) if self.paper is None else self.paper - self.total

    @property
    def payable(self) -> Decimal:
        """Return what paying in full costs: the invoice total, or the total of the charges without one."""
        return self.total if self.paper is None else self.paper

    @property
    def side(self) -> str:
        """Return which side is lower; empty if they are equal."""
        return "" if not self.difference else f"The paper is {'lower' if self.difference < 0 else 'higher'}."

    @property
    def before_tax(self) -> Decimal:
        """Return the amount of a charge that would explain the difference, including its tax."""
        return self.difference / (1 + sum((tax.rate for tax, _ in self.taxes), Decimal(0)) / 100)


@dataclass(frozen=True)
class Sums:
    """The figures from which causes are computed."""

    lines: Sequence[Line]
    taxes: Sequence[Tax]
    subtotal: Decimal
    total: Decimal
    paper: Decimal
    elsewhere: Sequence[Line]
    unit: Decimal

    def rounded(self, amount: Decimal) -> Decimal:
        return cents(amount, self.unit)

    def taxed(self, subtotal: Decimal, taxes: Sequence[Tax] | None = None, rounding: str = ROUND_HALF_UP) -> Decimal:
        return with_taxes(subtotal, self.taxes if taxes is None else taxes, self.unit, rounding)

    def explains(self, subtotal: Decimal, untaxed: Decimal = Decimal(0)) -> bool:
        return self.paper == self.taxed(subtotal) + self.rounded(untaxed)

    def describe(self, line: Line) -> str:
        rule = f", {line.rule}" if line.rule else ""
        return f"Charge {line.charge_id} ({line.charge_type}, {self.rounded(line.amount)}{rule})"


def tie_out(
    lines: Sequence[Line],
    taxes: Sequence[Tax],
    paper: Decimal | None,
    elsewhere: Sequence[Line] = (),
    currency: str = "CAD",
    unreadable: Sequence[int] = (),
) -> TieOut:
    """Compare the invoice total with the charges, rounded to the smallest amount of the currency.

    `elsewhere` are charges that the API has on no invoice, on another one, or no longer returns. `unreadable` are
    charges of this invoice whose amount could not be read; they are the first explanation.
    """
    unit = minor_unit(currency)
    untaxed = taxed_total(sum((line.amount for line in lines), Decimal(0)), taxes, unit)
    subtotal, total = untaxed.subtotal, untaxed.total
    tied = replace(untaxed, paper=paper)
    if paper is None or paper == total:
        return tied
    if unreadable:
        return replace(
            tied, explanations=(_of_unreadable(tied, unreadable, unit),), charges=tuple(unreadable[:SHOWN_CAUSES])
        )
    sums = Sums(lines, taxes, subtotal, total, paper, elsewhere, unit)
    typed = list(_of_digits(sums))
    for kind in (_of_taxes, _of_earlier, _of_lines, _of_types, _of_elsewhere, _of_other_rates, _of_cents):
        if causes := [*typed, *kind(sums)]:  # a transposition is more likely, but do not hide a charge of that amount
            named = [cause for cause in causes if cause.line][:SHOWN_CAUSES]
            charges = tuple(cause.line.charge_id for cause in named if cause.line)
            return replace(tied, explanations=tuple(_explanations(causes)), charges=charges)
    return replace(tied, explanations=("No single charge or tax makes this difference.",))


def taxed_total(subtotal: Decimal, taxes: Sequence[Tax], unit: Decimal) -> TieOut:
    """Return a sum with each of its taxes and the total."""
    base = cents(subtotal, unit)
    amounts = tuple((tax, cents(base * tax.rate / 100, unit)) for tax in taxes)
    return TieOut(base, amounts, base + sum((amount for _, amount in amounts), Decimal(0)), None)


def recommended_payment(subtotal: Decimal, recoverable: Decimal, taxes: Sequence[Tax], currency: str) -> TieOut:
    """Return the billed less the recoverable amount, with taxes on the difference."""
    return taxed_total(subtotal - recoverable, taxes, minor_unit(currency))


def cents(amount: Decimal, unit: Decimal, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Round to the currency's smallest amount."""
    return amount.quantize(unit, rounding)


def with_taxes(subtotal: Decimal, taxes: Sequence[Tax], unit: Decimal, rounding: str = ROUND_HALF_UP) -> Decimal:
    base = cents(subtotal, unit)
    return base + sum((cents(base * tax.rate / 100, unit, rounding) for tax in taxes), Decimal(0))


def _of_digits(sums: Sums) -> Iterator[Cause]:
    """Yield transpositions: two neighbouring digits typed in the other order."""
    typed = str(sums.paper)
    for place in range(len(typed) - 1):
        pair = typed[place : place + 2]
        swapped = f"{typed[:place]}{pair[::-1]}{typed[place + 2 :]}"
        if pair.isdigit() and Decimal(swapped) == sums.total:
            yield Cause(f"Two digits may be swapped: {sums.paper:,} was typed, and {sums.total:,} ties.")


def _of_taxes(sums: Sums) -> Iterator[Cause]:
    taxes, subtotal, paper = sums.taxes, sums.subtotal, sums.paper
    if taxes and paper == subtotal:
        yield Cause("It is the total before tax.")
        return
    for tax in taxes:
        others = [other for other in taxes if other is not tax]
        if paper == sums.taxed(subtotal, others):
            yield Cause(f"The paper has no {tax.name}.")
        if paper == sums.taxed(subtotal, [*taxes, tax]):
            yield Cause(f"The paper has {tax.name} twice.")
        with_others = sums.taxed(subtotal, others)
        if others and paper == with_others + sums.rounded(with_others * tax.rate / 100):
            yield Cause(f"The paper takes {tax.name} on the other tax as well.")
    rounded = sum((sums.rounded(line.amount) for line in sums.lines), Decimal(0))
    if rounded != subtotal and paper == sums.taxed(rounded):
        yield Cause("The paper rounds each charge to cents before it adds them up.")
    together = sums.rounded(subtotal * sum((tax.rate for tax in taxes), Decimal(0)) / 100)
    for words, seen in (
        ("the tax of each charge by itself", sum((sums.taxed(line.amount) for line in sums.lines), Decimal(0))),
        ("the tax of each type of charge by itself", sum((sums.taxed(a) for a in _by_type(sums)), Decimal(0))),
        ("the taxes together", subtotal + together),
        ("the taxes down", sums.taxed(subtotal, rounding=ROUND_DOWN)),
        ("the taxes up", sums.taxed(subtotal, rounding=ROUND_UP)),
    ):
        if taxes and paper == seen:
            yield Cause(f"The paper rounds {words}.")


def _by_type(sums: Sums) -> list[Decimal]:
    added: dict[str, Decimal] = {}
    for line in sums.lines:
        added[line.charge_type] = added.get(line.charge_type, Decimal(0)) + line.amount
    return list(added.values())


def _of_earlier(sums: Sums) -> Iterator[Cause]:
    for line in sums.lines:
        for before in line.earlier:
            if sums.explains(sums.subtotal - line.amount + before):
                words = (
                    f"Charge {line.charge_id} ({line.charge_type}) stands on the paper with {sums.rounded(before)},"
                    f" as the API said before; now it says {sums.rounded(line.amount)}."
                )
                yield Cause(words, line)


def _of_lines(sums: Sums) -> Iterator[Cause]:
    """Yield charges that explain the difference, wrong ones first. Computed once per amount."""
    ways_by_amount = {amount: _ways(sums, amount) for amount in {line.amount for line in sums.lines}}
    found = [
        (line.rule is None, place, line.charge_id, Cause(f"{sums.describe(line)} {words}.", line))
        for line in sums.lines
        for place, words in ways_by_amount[line.amount]
    ]
    yield from (cause for *_, cause in sorted(found, key=lambda way: way[:3]))


def _ways(sums: Sums, amount: Decimal) -> list[tuple[int, str]]:
    without = sums.subtotal - amount
    ways = (
        ("is not on the paper", sums.explains(without)),
        ("is on the paper twice", sums.explains(sums.subtotal + amount)),
        ("is on the paper without its sign", amount < 0 and sums.explains(without - amount)),
        ("is on the paper without tax", sums.explains(without, untaxed=amount)),
        ("is not on the paper, though its tax is", sums.paper == sums.total - sums.rounded(amount)),
        ("is on the paper twice, once without tax", sums.paper == sums.total + sums.rounded(amount)),
    )
    return [(place, words) for place, (words, is_so) in enumerate(ways) if is_so and amount]


def _of_types(sums: Sums) -> Iterator[Cause]:
    for kind in sorted({line.charge_type for line in sums.lines}):
        of_kind = sum((line.amount for line in sums.lines if line.charge_type == kind), Decimal(0))
        for words, untaxed in (("not on the paper", Decimal(0)), ("on the paper without tax", of_kind)):
            if of_kind and sums.explains(sums.subtotal - of_kind, untaxed):
                yield Cause(f"The charges of type {kind} ({sums.rounded(of_kind)}) are {words}.")


def _of_elsewhere(sums: Sums) -> Iterator[Cause]:
    for line in sums.elsewhere:
        if line.amount and sums.explains(sums.subtotal + line.amount):
            yield Cause(
                f"{sums.describe(line)} is on the paper; the API {line.place or 'does not put it on this invoice'}.",
                line,
            )


def _of_other_rates(sums: Sums) -> Iterator[Cause]:
    """Yield the taxes of another province: combined, or with the federal one separate."""
    here = sum((tax.rate for tax in sums.taxes), Decimal(0))
    for rate in OTHER_RATES:
        apart = sums.rounded(sums.subtotal * FEDERAL / 100) + sums.rounded(sums.subtotal * (rate - FEDERAL) / 100)
        if sums.paper - sums.subtotal in (sums.rounded(sums.subtotal * rate / 100), apart) and rate != here:
            yield Cause(f"The paper has {rate} % of tax; the setting taxes has {here} %.")


def _of_cents(sums: Sums) -> Iterator[Cause]:
    if abs(sums.paper - sums.total) <= sums.unit * max(len(sums.taxes), 1):
        yield Cause("It is as small as rounding makes it; no charge and no tax is.")


def _of_unreadable(tied: TieOut, unreadable: Sequence[int], unit: Decimal) -> str:
    missing = cents(tied.before_tax, unit)
    if len(unreadable) == 1:
        return f"The amount of charge {unreadable[0]} could not be read: with {missing} the invoice would tie."
    return f"The amounts of {len(unreadable)} charges could not be read: with {missing} in all the invoice would tie."


def _explanations(causes: list[Cause]) -> Iterator[str]:
    """Yield the first causes; several charges of the same amount are alternatives."""
    charges = [cause.line for cause in causes if cause.line]
    if len(charges) > 1:
        first = "; exceptions come first" if any(line.rule for line in charges) else ""
        yield f"Any one of {len({line.charge_id for line in charges}):,} charges would make it{first}:"
    yield from (cause.words for cause in causes[:SHOWN_CAUSES])
