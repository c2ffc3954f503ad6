"""The total on the paper: read as people write it; what is ambiguous, or in another currency, is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logentic.errors import UsageError
from logentic.reports.amount_parser import parse_invoice_total


@pytest.mark.parametrize(
    "text",
    [
        "20391.55",
        "20391,55",
        "20,391.55",
        "20.391,55",
        "20 391,55 $",
        "20\u00a0391,55\u00a0$",
        "20\u202f391,55 CAD",
        "20’391.55",
        "$20,391.55",
        "$ 20 391.55",
        "CAD 20391.55",
        "cad 20391.55",
        "CAD$20,391.55",
        "CA$20,391.55",
        "  20391.55  ",
    ],
)
def test_the_ways_in_which_a_total_is_written(text: str) -> None:
    assert parse_invoice_total(text, "CAD") == Decimal("20391.55")


def test_whole_dollars_a_tenth_and_a_credit_note() -> None:
    assert (
        parse_invoice_total("20391", "CAD")
        == parse_invoice_total("20,391", "CAD")
        == parse_invoice_total("20 391", "CAD")
        == 20391
    )
    assert parse_invoice_total("12.5", "CAD") == Decimal("12.50")
    for text in ("-12.34", "(12.34)", "−12,34", "($12.34)", "-$12.34"):
        assert parse_invoice_total(text, "CAD") == Decimal("-12.34"), text


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "abc", "1e5", "NaN", "$", "CAD", "$$1", "1.5 kg", "٣.٥٠", "--1", "(1", "1-"),
        *("1.234", "1,2345", "2,0391.55", "12.345", "1 2 3", "12 34.56", "1,234.567", "1,234,56", "1.234.56"),
        *("0,391.55", "0391.55", "00.50"),  # what a shell leaves of $20,391.55 and $20391.55
    ],
)
def test_what_is_no_amount_or_could_be_two_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an amount"):
        parse_invoice_total(text, "CAD")


@pytest.mark.parametrize(("text", "code"), [("USD 10.00", "USD"), ("10,00 €", "EUR"), ("US$10", "USD"), ("£10", "GBP")])
def test_another_currency_than_the_account_s_is_not_compared(text: str, code: str) -> None:
    with pytest.raises(UsageError, match=f"is in {code}, and the setting currency is CAD"):
        parse_invoice_total(text, "CAD")
    assert parse_invoice_total(text, code) == 10


@given(st.decimals("-9999999.99", "9999999.99", places=2))
def test_every_amount_comes_back_from_either_language(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    french = english.replace(",", "\u00a0").replace(".", ",") + " $"
    german = english.replace(",", " ").replace(".", ",").replace(" ", ".")
    assert (
        parse_invoice_total(english, "CAD")
        == parse_invoice_total(french, "CAD")
        == parse_invoice_total(german, "CAD")
        == amount
    )


def test_a_currency_of_three_decimals_has_them_after_a_point() -> None:
    for text in ("20391.550", "20,391.550", "KWD 20391.55"):
        assert parse_invoice_total(text, "KWD") == Decimal("20391.55")
    assert parse_invoice_total("20,391", "KWD") == 20391
    assert parse_invoice_total("1.234", "KWD") == Decimal("1.234")
    with pytest.raises(UsageError):
        parse_invoice_total("1.234", "CAD")
