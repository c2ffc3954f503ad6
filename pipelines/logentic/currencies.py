"""The number of decimals of each currency, and amounts as text.

Source: ISO 4217, list one (SIX Financial Information, maintenance agency), column "minor unit", of currencies in
circulation; all others have two.
"""

from decimal import ROUND_HALF_UP, Decimal

WITHOUT_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
WITH_THREE = "BHD IQD JOD KWD LYD OMR TND"
MINOR_DIGITS = {**dict.fromkeys(WITHOUT_DECIMALS.split(), 0), **dict.fromkeys(WITH_THREE.split(), 3)}
USUAL_DIGITS = 2


def minor_digits(currency: str) -> int:
    return MINOR_DIGITS.get(currency, USUAL_DIGITS)


def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount: a cent, a yen, a fils."""
    return Decimal(1).scaleb(-minor_digits(currency))


def decimal_text(value: Decimal) -> str:
    """Return a price with two decimals, or with as many as it has: 4.00, 0.35, 0.0375."""
    return f"{value:.2f}" if value == round(value, 2) else f"{value.normalize():f}"


def money(amount: Decimal, currency: str) -> str:
    """Format an amount without its currency: 1,234.50 dollars, 1,235 yen."""
    return f"{amount.quantize(minor_unit(currency), ROUND_HALF_UP):,f}"
