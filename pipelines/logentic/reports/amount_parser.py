"""Parse an invoice total as a person types it: 1234.56, 1,234.56, 1 234,56 $, CAD 1234.56, 1.234,56, (12.34)."""

import re
from decimal import Decimal

from logentic.currencies import minor_digits
from logentic.errors import UsageError

SIGNS = {"US$": "USD", "CA$": "CAD", "C$": "CAD", "€": "EUR", "£": "GBP"}
SPACE = r"[ \u00a0\u202f'’]"
# No leading zero: a shell turns $20,391.55 into 0,391.55.
NUMBERS = (
    r"(0|[1-9]\d*)([.,]\d{1,2})?",
    r"[1-9]\d{0,2}(,\d{3})+(\.\d{1,2})?",
    r"[1-9]\d{0,2}(\.\d{3})+,\d{1,2}",
    rf"[1-9]\d{{0,2}}({SPACE}\d{{3}})+([.,]\d{{1,2}})?",
)
# In a currency with three decimals, a point before three digits is the decimal point.
NUMBERS_OF_THREE = (r"(0|[1-9]\d*)\.\d{3}", r"[1-9]\d{0,2}(,\d{3})+\.\d{3}", *NUMBERS)


def parse_invoice_total(text: str, currency: str, option: str = "--invoice-total") -> Decimal:
    """Return the amount to the cent; the last comma or point before one or two digits separates the cents."""
    marks = re.sub(r"[\d.,\s'’()−-]", "", text).upper()
    plain = re.sub(rf"\s*{re.escape(marks)}\s*", "", text.strip(), flags=re.IGNORECASE) if marks else text.strip()
    is_negative = plain[:1] in ("-", "−") or (plain[:1] == "(" and plain[-1:] == ")")
    plain = plain[1 : -1 if plain[:1] == "(" else None] if is_negative else plain
    code = SIGNS.get(marks, marks.removesuffix("$"))
    has_three = minor_digits(currency) == 3
    is_amount = any(re.fullmatch(number, plain, re.ASCII) for number in (NUMBERS_OF_THREE if has_three else NUMBERS))
    if not is_amount or not re.fullmatch("|[A-Z]{3}", code):
        raise UsageError(f"{option} {text!r} is not an amount", "Write it as 1234.56, without the currency's sign.")
    if code not in ("", currency):
        raise UsageError(
            f"{option} {text!r} is in {code}, and the setting currency is {currency}",
            f"Write it in {currency}; or set LOGENTIC_CURRENCY={code}, if the account's charges are in {code}.",
        )
    whole, _, fraction = re.sub(r"[.,](?=\d{1,2}$)" + (r"|\.(?=\d{3}$)" if has_three else ""), ":", plain).partition(
        ":"
    )
    return Decimal(("-" if is_negative else "") + re.sub(r"\D", "", whole) + "." + fraction)
