"""Build the page to sign and the summary of a reconciliation, and the sheets behind them."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from logentic.reports.exceptions import IN_YOUR_FAVOUR, Finding, sum_open_amounts
from logentic.reports.humanize import count
from logentic.reports.reconciliation import Books, Reconciliation
from logentic.reports.sheets import Sheet, SheetColumn
from logentic.reports.tie_out import TieOut
from logentic.settings import Tax

AUDIT_RESULT_TEXTS = {
    "matched": "As expected.",
    "exception": "A rule says that they are wrong: see Exceptions.",
    "settled": "A credit and its charge cancel each other.",
    "not_checked": "No price to compare with; the sheet Charges has the reason.",
}
DECISION_TEXTS = {
    "open": "No decision yet.",
    "disputed": "Disputed with the warehouse.",
    "accepted": "Paid anyway.",
    "rejected": "Rejected by the warehouse.",
    "credited": "Given back.",
    "cleared": "No longer wrong.",
    "withdrawn": "No rule finds them any more.",
}
# An underbilled charge was not overpaid, and a charge that was never billed was not paid at all.
UNDERBILLED_TEXTS = {"accepted": "Left as billed.", "credited": "Corrected."}
NEVER_BILLED_TEXTS = {"accepted": "Never billed, and left unbilled.", "credited": "Billed since."}
MISSING_CHARGE = "missing_charge"
EXCEPTIONS = {
    "charge_id": "id",
    "payment_id": "id",
    "rule": "text",
    "charge_type": "text",
    "order_id": "id",
    "sku": "text",
    "billed": "amount",
    "expected": "amount",
    "difference": "amount",
    "recoverable": "money",
    "in_your_favour": "money",
    "status": "text",
    "dispute_until": "date",
    "evidence": "text",
    "what_was_said": "text",
    "days_left": "count",
    "amount_at_stake": "amount",
    "direction": "text",
    "exception_id": "text",
}
SUMMED = "SUM({{Charges.{column}}})"
OF_STATUS = 'SUMPRODUCT(({{Charges.status}}="{status}")*{{Charges.{column}}})'
COUNT_OF_STATUS = 'SUMPRODUCT(--({{Charges.status}}="{status}"))'
OF_TYPE = 'SUMPRODUCT(EXACT({Charges.charge_type},{here})*({Charges.status}="not_checked")*{Charges.billed})'
COUNT_OF_TYPE = 'SUMPRODUCT(EXACT({Charges.charge_type},{here})*({Charges.status}="not_checked"))'


class CoverLine(NamedTuple):
    """A line of a page: a label, an amount, a number with its unit, and words.

    The formulas are those of the amount and the number in a workbook: `{Charges.billed}` stands for a column of a
    sheet, `{here}` for the label of this line, `{Billed}` for the amount of the line with that label. A line to fill in
    has a rule to write on in the place of its amount. A wrong amount is coloured.
    """

    label: str
    amount: Decimal | None = None
    words: str = ""
    number: int | None = None
    noun: str = ""
    formula: str = ""
    number_formula: str = ""
    is_to_fill_in: bool = False
    is_wrong: bool = False
    is_sum: bool = False

    @property
    def sentence(self) -> str:
        """Return the number and the words, for a screen without a column for numbers."""
        return " ".join(filter(None, (f"{count(self.number or 0, self.noun)}." if self.noun else "", self.words)))


@dataclass(frozen=True)
class CoverPart:
    """Lines under a heading; `is_for_signing` puts them on the first page of the workbook, else they are a summary."""

    heading: str
    lines: list[CoverLine]
    is_for_signing: bool = False
    is_on_screen: bool = True


@dataclass(frozen=True)
class Cover:
    """`facts` are labels with their values; an empty value is to be filled in."""

    title: str
    subtitle: str
    facts: list[tuple[str, str]]
    parts: list[CoverPart]
    sheets: list[Sheet]


def build_cover(found: Reconciliation) -> Cover:
    billed = f", billed {found.billed_date}" if found.billed_date else ""
    return Cover(
        title=f"{found.title}{billed}",
        subtitle=f"As known at {found.known_at:%Y-%m-%d %H:%M} UTC."
        f" Amounts in {found.currency}, before tax unless stated.",
        facts=list(_facts(found)),
        parts=[part for part in _parts(found) if part.lines],
        sheets=[build_exceptions_sheet(found), found.charges, *found.sheets],
    )


def build_exceptions_sheet(found: Reconciliation) -> Sheet:
    """Return the exceptions with the order and item of their charge, their evidence and decisions."""
    names = [column.name for column in found.charges.columns]
    charges = {row[0]: dict(zip(names, row, strict=True)) for row in found.charges.rows}
    rows = []
    for finding in found.findings:
        charge = charges.get(finding.charge_id, {})
        row = finding.as_dict() | {"what_was_said": "\n".join(finding.history), "sku": charge.get("sku")}
        row["order_id"] = finding.order_id or charge.get("order_id")
        is_compared = finding.billed is not None and finding.expected is not None
        row["difference"] = (finding.billed or 0) - (finding.expected or 0) if is_compared else None
        rows.append(tuple(row[name] for name in EXCEPTIONS))
    return Sheet("Exceptions", tuple(SheetColumn(name, kind) for name, kind in EXCEPTIONS.items()), rows)


def _facts(found: Reconciliation) -> Iterator[tuple[str, str]]:
    yield "Company", found.company
    yield "Warehouse", found.warehouse
    if found.invoice is not None:
        yield "Invoice", str(found.invoice)
        yield "Billed on", str(found.billed_date or "not billed yet")
    if found.period:
        first, last = found.period
        yield "Period", str(first) if first == last else f"{first} to {last}"
    if found.incomplete:
        yield "Not complete", f"{count(len(found.incomplete), 'date range')} could not be read completely: see Summary."


def _parts(found: Reconciliation) -> Iterator[CoverPart]:
    """Yield all parts in the order of the screen."""
    yield CoverPart("Tie-out", list(tie_out_lines(found)), is_for_signing=True)
    yield CoverPart("The books", list(_books(found.books)) if found.books else [], is_for_signing=True)
    yield CoverPart("Audit results", list(_audit_results(found)))
    yield CoverPart("Billed against expected", list(_billed_against_expected(found)), is_for_signing=True)
    yield CoverPart("What is wrong", list(_wrong(found)), is_for_signing=True)
    yield CoverPart("What was decided", list(_decisions(found)))
    yield CoverPart("What to pay", [*_recommended_payment(found), *_payment_decision(found)], is_for_signing=True)
    changes = [
        CoverLine("Cost of a year", change.yearly_cost, f"{change.words} At the volume of that day. Was it agreed?")
        for change in found.rate_changes
    ]
    yield CoverPart("Changes of the storage rate", changes)
    yield CoverPart("What could not be checked", list(_not_checked(found)))
    others = [CoverLine(sheet.tab or sheet.name, None, sheet.about, len(sheet.rows)) for sheet in found.sheets]
    yield CoverPart("On the other sheets", others, is_on_screen=False)


def tie_out_lines(found: Reconciliation) -> Iterator[CoverLine]:
    """Yield the lines from the charges to the total, and on to the invoice total."""
    tie = found.tie_out
    if tie is None:
        return
    charges, total = "Charges of the API", "Total with tax"
    words = found.unreadable_sentence or "The sum of their amounts."
    yield CoverLine(charges, tie.subtotal, words, formula=SUMMED.format(column="billed"))
    yield from _tax_lines(tie, charges)
    formula = _total_formula(tie, charges)
    if tie.paper is None:
        yield CoverLine(total, tie.total, formula=formula, is_sum=True)
        no_paper = "No total of the paper was given (--invoice-total)."
        yield CoverLine("Total on the paper", None, no_paper, is_to_fill_in=True)
        return
    yield CoverLine(total, tie.total, formula=formula, is_sum=True)
    yield CoverLine("Total on the paper", tie.paper)
    words = f"{tie.side} {tie.explanations[0]}" if tie.difference else "They tie to the cent."
    formula = f"{{Total on the paper}}-{{{total}}}"
    yield CoverLine("Difference", tie.difference, words, formula=formula, is_wrong=bool(tie.difference))
    for words in tie.explanations[1:]:
        yield CoverLine("", None, words)


def _tax_lines(taxed: TieOut, subtotal: str) -> Iterator[CoverLine]:
    for tax, amount in taxed.taxes:
        yield CoverLine(_tax_label(tax), amount, formula=f"{{{subtotal}}}*{tax.rate}/100")


def _tax_label(tax: Tax) -> str:
    return f"{tax.name} {tax.rate} %"


def _total_formula(taxed: TieOut, subtotal: str) -> str:
    return "+".join(f"{{{label}}}" for label in (subtotal, *(_tax_label(tax) for tax, _ in taxed.taxes)))


def _books(books: Books) -> Iterator[CoverLine]:
    if books.closed_at is None:
        yield CoverLine("Open", None, "The month is not closed: its figures may still change.")
        return
    yield CoverLine("Closed", None, f"By {books.closed_by} at {books.closed_at:%Y-%m-%d %H:%M} UTC.")
    changed = "See Restatements." if books.charges_changed else ""
    yield CoverLine("Changed since", books.difference, changed, books.charges_changed, "charge")


def _audit_results(found: Reconciliation) -> Iterator[CoverLine]:
    number, billed = found.amount_of()
    yield CoverLine("Charges", None, "", number, number_formula="ROWS({Charges.charge_id})")
    yield CoverLine("Billed", billed, "All of them, before tax.", formula=SUMMED.format(column="billed"))
    if found.unreadable:
        yield CoverLine("Not readable", None, found.unreadable_sentence, len(found.unreadable))
    for status, words in AUDIT_RESULT_TEXTS.items():
        number, amount = found.amount_of(status)
        yield CoverLine(
            status.replace("_", " ").capitalize(),
            amount,
            words,
            number,
            "charge",
            OF_STATUS.format(status=status, column="billed"),
            COUNT_OF_STATUS.format(status=status),
        )


def _billed_against_expected(found: Reconciliation) -> Iterator[CoverLine]:
    """Yield the lines that reconcile the expected with the billed amount."""
    expected, difference, not_checked = (
        found.amount_of(column=column)[1] for column in ("expected", "difference", "not_checked")
    )
    _, billed = found.amount_of()
    for label, amount, words in (
        ("Expected", expected, "The expected amount of the charges that could be checked."),
        ("Difference", difference, "Billed above the expected amount; below it where negative."),
        ("Not checked", not_checked, "No price to compare with; the sheet Charges has the reason."),
    ):
        yield CoverLine(label, amount, words, formula=SUMMED.format(column=label.lower().replace(" ", "_")))
    if rounding := billed - expected - difference - not_checked:
        yield CoverLine(
            "Rounding",
            rounding,
            "Charges with parts of cents, which the sums above round.",
            formula="ROUND(SUM({Charges.billed}),{digits})-{Expected}-{Difference}-{Not checked}",
        )
    words = "Expected, difference and not checked together."
    yield CoverLine("Billed", billed, words, formula=SUMMED.format(column="billed"), is_sum=True)


def _wrong(found: Reconciliation) -> Iterator[CoverLine]:
    """Yield both figures and the days left to dispute. The two directions are never added up."""
    if not found.findings:
        yield CoverLine("Nothing", None, "No rule finds anything wrong.")
        return
    amounts = found.open_amounts
    for label, amount, number, words in (
        ("Recoverable", amounts.recoverable, amounts.recoverable_count, "you paid too much."),
        ("In your favour", amounts.in_your_favour, amounts.in_your_favour_count, "billed too little or not at all."),
    ):
        cells = f"{{Exceptions.{label.lower().replace(' ', '_')}}}"
        yield CoverLine(
            label, amount, f"Open or disputed: {words}", number, "exception", f"SUM({cells})", f"COUNT({cells})"
        )
    disputable = [each for each in found.findings if each.days_left is not None and not each.is_underbilled]
    if waiting := [finding for finding in disputable if not finding.is_past]:
        first = min(waiting, key=lambda finding: finding.days_left or 0)
        words = f"The last day of the first, {first.exception_id}, is {first.dispute_until}."
        yield CoverLine("Days left to dispute", None, words, first.days_left)
    if late := [finding for finding in disputable if finding.is_past]:
        amount = sum_open_amounts(late).recoverable
        yield CoverLine("Too late to dispute", amount, "The last day has passed.", len(late), "exception")


def _decisions(found: Reconciliation) -> Iterator[CoverLine]:
    """Yield the amounts by decision, of each direction apart."""
    by_decision: dict[tuple[str, str, str, str], list[Decimal]] = {}
    for finding in sorted(found.findings, key=lambda each: (each.is_underbilled, [*DECISION_TEXTS].index(each.status))):
        words, where = _decision_text(finding)
        decision = (finding.direction, finding.status, words, where)
        by_decision.setdefault(decision, []).append(finding.amount_at_stake)
    for (direction, status, words, where), sums in by_decision.items():
        chosen = f'({{Exceptions.status}}="{status}")*({{Exceptions.direction}}="{direction}"){where}'
        yield CoverLine(
            f"{status.capitalize()}, in your favour" if direction == IN_YOUR_FAVOUR else status.capitalize(),
            sum(sums, Decimal(0)),
            words,
            len(sums),
            "exception",
            f"SUMPRODUCT({chosen}*{{Exceptions.amount_at_stake}})",
            f"SUMPRODUCT({chosen})",
        )


def _decision_text(finding: Finding) -> tuple[str, str]:
    """Return the meaning of a status for this exception and, if the direction does not imply it, the condition on its
    row.
    """
    words = DECISION_TEXTS[finding.status]
    if not finding.is_underbilled or finding.status not in UNDERBILLED_TEXTS:
        return words, ""
    if finding.rule == MISSING_CHARGE:
        return NEVER_BILLED_TEXTS[finding.status], f'*({{Exceptions.rule}}="{MISSING_CHARGE}")'
    return UNDERBILLED_TEXTS[finding.status], f'*({{Exceptions.rule}}<>"{MISSING_CHARGE}")'


def _not_checked(found: Reconciliation) -> Iterator[CoverLine]:
    for row in found.not_checked:
        words = f"For example: {row['for_example']}"
        label = row["charge_type"] or "unknown"
        yield CoverLine(label, row["billed"], words, row["charges"], "charge", OF_TYPE, COUNT_OF_TYPE)
    for window in found.incomplete:
        yield CoverLine("Not whole", None, f"{window}: not everything was read.")


def _recommended_payment(found: Reconciliation) -> Iterator[CoverLine]:
    if (recommended := found.recommended) is None:
        return
    remaining = "Billed less recoverable"
    formula = "{Billed}-{Recoverable}" if found.findings else "{Billed}"
    words = "Before tax, without amounts in your favour."
    yield CoverLine(remaining, recommended.subtotal, words, formula=formula)
    yield from _tax_lines(recommended, remaining)
    formula = _total_formula(recommended, remaining)
    yield CoverLine(
        "Recommended payment",
        recommended.total,
        "With the taxes on the remaining amount.",
        formula=formula,
        is_sum=True,
    )


def _payment_decision(found: Reconciliation) -> Iterator[CoverLine]:
    if (decision := found.decision) is None:
        return
    yield CoverLine("Decision", decision.amount, decision.text_without_amount)
    if found.tie_out and found.tie_out.total != decision.total:
        yield CoverLine("Total when decided", decision.total, "It has changed since: decide again.")
