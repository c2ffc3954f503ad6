"""Build the cover of a reconciliation: what was checked, the exceptions, and what could not be checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from logentic.reports.exceptions import Finding, sum_open_amounts
from logentic.reports.humanize import count
from logentic.reports.reconciliation import Books, Reconciliation
from logentic.reports.sheets import Sheet, SheetColumn

AUDIT_RESULT_TEXTS = {
    "matched": "As expected.",
    "exception": "A rule says that they are wrong: see Exceptions.",
    "settled": "A credit and its charge cancel each other.",
    "not_checked": "No price to compare with; see Reason.",
}
DECISION_TEXTS = {
    "open": "nobody has decided yet",
    "disputed": "written to the warehouse",
    "accepted": "paid all the same",
    "rejected": "the warehouse says no",
    "credited": "given back",
    "cleared": "nothing is wrong any more",
    "withdrawn": "no rule finds them any more",
}
# What was billed too low was not overpaid, and what was never billed was not paid at all.
UNDERBILLED_TEXTS = {"accepted": "left as billed", "credited": "corrected"}
NEVER_BILLED_TEXTS = {"accepted": "never billed, and left so", "credited": "billed since"}
EXCEPTIONS = {
    "exception_id": "text",
    "payment_id": "id",
    "charge_type": "text",
    "amount_at_stake": "amount",
    "recoverable": "money",
    "in_your_favour": "money",
    "status": "text",
    "days_left": "count",
    "dispute_until": "date",
    "evidence": "text",
    "what_was_said": "text",
}
Line = tuple[str, Decimal | int | None, str]


@dataclass(frozen=True)
class CoverPart:
    heading: str
    lines: list[Line]


@dataclass(frozen=True)
class Cover:
    title: str
    subtitle: str
    parts: list[CoverPart]
    sheets: list[Sheet]


def build_cover(found: Reconciliation) -> Cover:
    billed = f", billed {found.billed_date}" if found.billed_date else ""
    return Cover(
        title=f"{found.title}{billed}",
        subtitle=f"As known at {found.known_at:%Y-%m-%d %H:%M} UTC. Amounts in {found.currency}, before tax.",
        parts=[CoverPart(heading, lines) for heading, lines in _parts(found) if lines],
        sheets=[build_exceptions_sheet(found), found.charges, *found.sheets],
    )


def build_exceptions_sheet(found: Reconciliation) -> Sheet:
    """Return the exceptions with their evidence and decisions."""
    shown = {name: kind for name, kind in EXCEPTIONS.items() if found.month or name != "payment_id"}
    rows = [finding.as_dict() | {"what_was_said": "\n".join(finding.history)} for finding in found.findings]
    columns = tuple(SheetColumn(name, kind) for name, kind in shown.items())
    return Sheet("Exceptions", columns, [tuple(row[name] for name in shown) for row in rows])


def _parts(found: Reconciliation) -> Iterator[tuple[str, list[Line]]]:
    if found.tie_out:
        yield "Does the paper tie?", list(tie_out_lines(found))
    if found.books:
        yield "The books", list(_books(found.books))
    number, billed = found.amount_of()
    states: list[Line] = [("Charges", number, ""), ("Billed", billed, "All of them, before tax.")]
    if found.unreadable:
        states.append(("Not readable", len(found.unreadable), found.unreadable_sentence))
    for status, words in AUDIT_RESULT_TEXTS.items():
        number, amount = found.amount_of(status)
        states.append((status.replace("_", " ").capitalize(), amount, f"{count(number, 'charge')}. {words}"))
    yield "What became of the charges", states
    yield "Billed against expected", list(_billed_against_expected(found))
    yield "What is wrong", list(_wrong(found))
    yield "What to pay", list(_recommended_payment(found))
    yield (
        "Changes of the storage rate",
        [
            ("Cost of a year", change.yearly_cost, f"{change.words} At the volume of that day. Was it agreed?")
            for change in found.rate_changes
        ],
    )
    yield (
        "What could not be checked",
        [
            (
                row["charge_type"] or "unknown",
                row["billed"],
                f"{count(row['charges'], 'charge')}. For example: {row['for_example']}",
            )
            for row in found.not_checked
        ]
        + [("Not whole", None, f"{window}: not everything was read.") for window in found.incomplete],
    )
    yield "On the other sheets", [(sheet.name, len(sheet.rows), sheet.about) for sheet in found.sheets]


def tie_out_lines(found: Reconciliation) -> Iterator[Line]:
    """Yield the lines from the charges to the total, and on to the invoice total."""
    tie = found.tie_out
    if tie is None:
        return
    yield "Charges of the API", tie.subtotal, found.unreadable_sentence or "The sum of their amounts."
    for tax, amount in tie.taxes:
        yield f"{tax.name} {tax.rate} %", amount, ""
    if tie.paper is None:
        yield "Total with tax", tie.total, "No total of the paper was given to compare it with (--invoice-total)."
        return
    yield "Total with tax", tie.total, ""
    yield "Total on the paper", tie.paper, ""
    yield "Difference", tie.difference, "They tie to the cent." if not tie.difference else tie.explanations[0]
    for words in tie.explanations[1:]:
        yield "", None, words


def _books(books: Books) -> Iterator[Line]:
    if books.closed_at is None:
        yield "Open", None, "The month is not closed: its numbers follow what the warehouse says."
        return
    yield "Closed", None, f"By {books.closed_by} at {books.closed_at:%Y-%m-%d %H:%M} UTC."
    changed = f"{count(books.charges_changed, 'charge')}: see Restatements." if books.charges_changed else "No charge."
    yield "Changed since", books.difference, changed


def _billed_against_expected(found: Reconciliation) -> Iterator[Line]:
    """Yield the lines that reconcile the expected with the billed amount."""
    expected, difference, not_checked = (
        found.amount_of(column=column)[1] for column in ("expected", "difference", "not_checked")
    )
    _, billed = found.amount_of()
    yield "Expected", expected, "The expected amount of the charges that could be checked."
    yield "Difference", difference, "Billed above the expected amount; below it where negative."
    yield "Not checked", not_checked, "No price to compare with; see Reason."
    if rounding := billed - expected - difference - not_checked:
        yield "Rounding", rounding, "Charges with parts of cents, which the sums above round."
    yield "Billed", billed, "Expected, difference and not checked together."


def _wrong(found: Reconciliation) -> Iterator[Line]:
    """Yield both figures, then the amounts by decision. Amounts of the two directions are never added up."""
    if found.findings:
        amounts = found.open_amounts
        paid, favour = (count(n, "exception") for n in (amounts.recoverable_count, amounts.in_your_favour_count))
        yield "Recoverable", amounts.recoverable, f"{paid}, open or disputed, where you paid too much."
        yield "In your favour", amounts.in_your_favour, f"{favour}, open or disputed: billed too little or not at all."
    by_decision: dict[tuple[bool, str, str], list[Decimal]] = {}
    for finding in sorted(found.findings, key=lambda each: (each.is_underbilled, [*DECISION_TEXTS].index(each.status))):
        decision = (finding.is_underbilled, finding.status, _decision_text(finding))
        by_decision.setdefault(decision, []).append(finding.amount_at_stake)
    for (is_underbilled, status, words), sums in by_decision.items():
        label = f"{status.capitalize()}, in your favour" if is_underbilled else status.capitalize()
        yield label, sum(sums, Decimal(0)), f"{count(len(sums), 'exception')}: {words}."
    disputable = [each for each in found.findings if each.days_left is not None and not each.is_underbilled]
    if waiting := [finding for finding in disputable if not finding.is_past]:
        first = min(waiting, key=lambda finding: finding.days_left or 0)
        yield (
            "Days left to dispute",
            first.days_left,
            f"The last day of the first, {first.exception_id}, is {first.dispute_until}.",
        )
    if late := [finding for finding in disputable if finding.is_past]:
        passed = f"{count(len(late), 'exception')}: the last day has passed."
        yield "Too late to dispute", sum_open_amounts(late).recoverable, passed
    if not found.findings:
        yield "Nothing", None, "No rule finds anything wrong."


def _decision_text(finding: Finding) -> str:
    """Return what a status means for this exception."""
    if not finding.is_underbilled:
        return DECISION_TEXTS[finding.status]
    special = NEVER_BILLED_TEXTS if finding.charge_id is None else UNDERBILLED_TEXTS
    return special.get(finding.status, DECISION_TEXTS[finding.status])


def _recommended_payment(found: Reconciliation) -> Iterator[Line]:
    if (recommended := found.recommended) is None:
        return
    yield "Billed less recoverable", recommended.subtotal, "Before tax. What is in your favour changes nothing here."
    for tax, amount in recommended.taxes:
        yield f"{tax.name} {tax.rate} %", amount, ""
    yield "Recommended payment", recommended.total, "With the taxes on what remains."
