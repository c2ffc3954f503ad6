"""The paper beside the charges: it ties to the cent, or the one thing that makes the difference is named."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logentic.currencies import minor_unit
from logentic.reports.tie_out import Line, tie_out
from logentic.settings import Tax

QUEBEC = [Tax(name="GST", rate=Decimal(5)), Tax(name="QST", rate=Decimal("9.975"))]
LINES = [
    Line(1, "storage", Decimal("120.40"), earlier=(Decimal("118.15"),)),
    Line(2, "storage", Decimal("7.07")),
    Line(3, "handling", Decimal("2.50")),
    Line(4, "handling", Decimal("2.50")),
    Line(5, "shipping", Decimal("21.18")),
    Line(6, "shipping", Decimal("-4.33")),
]
SUBTOTAL = Decimal("149.32")
UNBILLED = [Line(7, "custom", Decimal("33.33"))]


def taxed(subtotal: object, gst: bool = True, qst: bool = True) -> Decimal:
    """As an accountant does it, written again."""
    base = Decimal(str(subtotal))
    cent = Decimal("0.01")
    total = base + (base * 5 / 100).quantize(cent, ROUND_HALF_UP) * gst
    return total + (base * Decimal("9.975") / 100).quantize(cent, ROUND_HALF_UP) * qst


@pytest.mark.parametrize(
    ("paper", "words"),
    [
        (SUBTOTAL, "It is the total before tax."),
        (taxed(SUBTOTAL, gst=False), "The paper has no GST."),
        (taxed(SUBTOTAL, qst=False), "The paper has no QST."),
        (taxed(SUBTOTAL) + Decimal("7.47"), "The paper has GST twice."),
        (SUBTOTAL + Decimal("7.47") + Decimal("15.64"), "The paper takes QST on the other tax as well."),
        (taxed(SUBTOTAL - Decimal("2.25")), "Charge 1 (storage) stands on the paper with 118.15"),
        (taxed(SUBTOTAL - Decimal("21.18")), "Charge 5 (shipping, 21.18) is not on the paper."),
        (taxed(SUBTOTAL + Decimal("7.07")), "Charge 2 (storage, 7.07) is on the paper twice."),
        (taxed(SUBTOTAL + Decimal("8.66")), "Charge 6 (shipping, -4.33) is on the paper without its sign."),
        (
            taxed(SUBTOTAL - Decimal("21.18")) + Decimal("21.18"),
            "Charge 5 (shipping, 21.18) is on the paper without tax.",
        ),
        (taxed(SUBTOTAL) - Decimal("21.18"), "Charge 5 (shipping, 21.18) is not on the paper, though its tax is."),
        (taxed(SUBTOTAL) + Decimal("7.07"), "Charge 2 (storage, 7.07) is on the paper twice, once without tax."),
        (taxed(SUBTOTAL - Decimal("127.47")), "The charges of type storage (127.47) are not on the paper."),
        (taxed(SUBTOTAL + Decimal("33.33")), "Charge 7 (custom, 33.33) is on the paper; the API does not put it on"),
        (taxed(SUBTOTAL - Decimal("2.50")), "Any one of 2 charges would make it:"),
        (SUBTOTAL + Decimal("19.41"), "The paper has 13 % of tax; the setting taxes has 14.975 %."),
        (SUBTOTAL + Decimal("7.47") + Decimal("10.45"), "The paper has 12 % of tax; the setting taxes has"),
        (Decimal("117.68"), "Two digits may be swapped: 117.68 was typed, and 171.68 ties."),
        (taxed(SUBTOTAL) - Decimal("0.02"), "It is as small as rounding makes it"),
        (Decimal("1000.00"), "No single charge or tax makes this difference."),
    ],
)
def test_the_one_thing_that_makes_the_difference_is_named(paper: Decimal, words: str) -> None:
    tied = tie_out(LINES, QUEBEC, paper, UNBILLED)
    assert tied.difference == paper - taxed(SUBTOTAL) != 0
    assert tied.explanations[0].startswith(words)


def test_of_many_charges_that_would_make_it_the_one_that_a_rule_finds_wrong_is_named_first() -> None:
    lines = [Line(number, "handling", Decimal("2.50")) for number in range(1, 9)]
    lines[6] = Line(7, "handling", Decimal("2.50"), rule="duplicate_charge")
    tied = tie_out(lines, QUEBEC, taxed("17.50"))
    assert tied.explanations[:2] == (
        "Any one of 8 charges would make it; exceptions come first:",
        "Charge 7 (handling, 2.50, duplicate_charge) is not on the paper.",
    )
    assert tied.charges == (7, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("taxes", "paper", "words"),
    [
        ([], "168.73", "The paper has 13 % of tax; the setting taxes has 0 %."),
        ([Tax(name="HST", rate=Decimal(13))], "149.32", "It is the total before tax."),
        ([Tax(name="HST", rate=Decimal(13))], "171.68", "The paper has 14.975 % of tax; the setting taxes has 13 %."),
        ([*QUEBEC, Tax(name="ECO", rate=Decimal("1.5"))], "171.68", "The paper has no ECO."),
    ],
)
def test_other_taxes_than_those_of_quebec(taxes: list[Tax], paper: str, words: str) -> None:
    assert tie_out(LINES, taxes, Decimal(paper)).explanations == (words,)


@pytest.mark.parametrize(
    ("amounts", "paper", "words"),
    [
        (("0.334", "0.334", "0.334", "0.334"), taxed("1.32"), "The paper rounds each charge to cents before it adds"),
        (("0.10", "0.10", "0.10"), "0.36", "The paper rounds the tax of each charge by itself."),
        (("0.30",), "0.34", "The paper rounds the taxes together."),
        (("10.19",), "11.70", "The paper rounds the taxes down."),
        (("10.09",), "11.61", "The paper rounds the taxes up."),
    ],
)
def test_how_a_paper_rounds(amounts: tuple[str, ...], paper: object, words: str) -> None:
    lines = [Line(number, "picking", Decimal(amount)) for number, amount in enumerate(amounts)]
    assert tie_out(lines, QUEBEC, Decimal(str(paper))).explanations[0].startswith(words)


@given(st.lists(st.decimals("-999.99", "9999.99", places=2), min_size=1, max_size=20))
def test_a_paper_that_says_what_the_charges_say_ties_and_a_cent_is_seen(amounts: list[Decimal]) -> None:
    lines = [Line(number, "handling", amount) for number, amount in enumerate(amounts)]
    tied = tie_out(lines, QUEBEC, taxed(sum(amounts)))
    assert (tied.difference, tied.explanations) == (0, ())
    assert tied.total == tied.subtotal + sum(amount for _, amount in tied.taxes)
    off = tie_out(lines, QUEBEC, taxed(sum(amounts)) + Decimal("0.01"))
    assert off.difference == Decimal("0.01")
    assert off.explanations


def test_without_taxes_and_without_a_paper() -> None:
    assert tie_out(LINES, [], SUBTOTAL).difference == 0
    assert tie_out(LINES, QUEBEC, None).total == taxed(SUBTOTAL)


@given(
    st.lists(st.decimals("0.01", "999.99", places=2), min_size=1, max_size=12),
    st.integers(0, 11),
    st.sampled_from(["missing", "twice"]),
)
def test_a_charge_that_makes_the_difference_is_always_among_those_named(
    amounts: list[Decimal], which: int, how: str
) -> None:
    """Unless a tax makes it as well, or more charges of its amount than are named."""
    lines = [Line(number, "handling", amount) for number, amount in enumerate(amounts)]
    line = lines[which % len(lines)]
    sign = -1 if how == "missing" else 1
    paper = taxed(sum(amounts) + sign * line.amount)
    tied = tie_out(lines, QUEBEC, paper)
    if not tied.difference or tied.explanations[0].startswith(("The paper", "It is the total")):
        return
    assert line.charge_id in tied.charges or re.match(r"Any one of \d+ charges would make it", tied.explanations[0])
    assert tied.charges
    for charge in tied.charges:  # and none is named that does not make it
        amount = lines[charge].amount
        assert paper in (
            *(taxed(sum(amounts) + sign * amount) for sign in (-1, 1)),
            taxed(sum(amounts) - amount) + amount,
            *(tied.total + sign * amount for sign in (-1, 1)),
        )


@pytest.mark.parametrize(
    ("currency", "amounts", "paper", "total"),
    [
        ("JPY", ("120.4", "7.2"), "141", "141"),
        ("KWD", ("120.4004", "7.0706"), "140.218", "140.218"),
        ("CAD", ("120.4004", "7.0706"), "140.22", "140.22"),
    ],
)
def test_amounts_are_rounded_to_the_smallest_of_the_currency(
    currency: str, amounts: tuple[str, ...], paper: str, total: str
) -> None:
    tax = [Tax(name="VAT", rate=Decimal(10))]
    lines = [Line(number, "storage", Decimal(amount)) for number, amount in enumerate(amounts)]
    tied = tie_out(lines, tax, Decimal(paper), currency=currency)
    assert (tied.total, tied.difference) == (Decimal(total), 0)
    off = tie_out(lines, tax, Decimal(paper) + minor_unit(currency), currency=currency)
    assert (off.difference, bool(off.explanations)) == (minor_unit(currency), True)
