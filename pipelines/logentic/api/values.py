"""Read single values: a JSON value as its column stores it, or `Unreadable` with the reason.

An empty text is null in every column but a text column, and so is a zero date (0000-00-00, -0001-11-30).
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from logentic.resources import DAY, INTEGER, MOMENT, TEXT, TRUTH

NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
# Placeholders of PHP and MySQL for "no date".
ZERO_DATE = re.compile(r"-0001-11-(29|30)(?!\d).*|0000-.*", re.DOTALL)
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
INTEGER_DIGITS = 19  # of a 64-bit integer


class Unreadable(Exception):
    """`str(error)` is the reason, without the value."""


def reader(kind: pa.DataType, zone: tzinfo = UTC) -> Callable[[Any], Any]:
    """Return a function from a JSON value to the value of a column; the function raises `Unreadable`."""
    if kind == TEXT:
        return lambda value: None if value is None else _text(value)
    if pa.types.is_decimal(kind):
        rounded = _rounding(kind)
        return lambda value: None if _is_empty(value) else rounded(value)
    if kind == DAY:
        return lambda value: None if _is_no_date(value) else _day(value, zone)
    if kind == MOMENT:
        return lambda value: None if _is_no_date(value) else _moment(value)
    read = {INTEGER: _integer, TRUTH: _truth}[kind]
    return lambda value: None if _is_empty(value) else read(value)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_no_date(value: Any) -> bool:
    return _is_empty(value) or (isinstance(value, str) and bool(ZERO_DATE.fullmatch(value.strip())))


def _number(value: Any) -> Decimal:
    """Parse exactly; NaN and the infinities, which are floats in Python's JSON, are not numbers."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and NUMBER.fullmatch(text := value.strip()):
        try:
            return Decimal(text)
        except InvalidOperation:
            raise Unreadable("the exponent is too large") from None
    raise Unreadable("not a finite number" if isinstance(value, float) else "not a number")


def _integer(value: Any) -> int:
    number = _number(value)
    # Check this first: converting 1e999999999 to an integer would take hours.
    if number and number.adjusted() >= INTEGER_DIGITS:
        raise Unreadable("too large for 64 bits")
    if number != number.to_integral_value():
        raise Unreadable("not a whole number")
    whole = int(number)
    if not -(2**63) <= whole < 2**63:
        raise Unreadable("too large for 64 bits")
    return whole


def _rounding(kind: pa.DataType) -> Callable[[Any], Decimal]:
    """Round to the scale of the column, halves to even."""
    unit, context = Decimal(1).scaleb(-kind.scale), Context(prec=kind.precision, rounding=ROUND_HALF_EVEN)
    too_large = f"more than {kind.precision - kind.scale} digits before the point"

    def rounded(value: Any) -> Decimal:
        number = _number(value)
        if not number or number.adjusted() < -kind.scale - 1:
            return Decimal(0)
        if number.adjusted() >= kind.precision - kind.scale:
            raise Unreadable(too_large)
        try:
            return number.quantize(unit, context=context)
        except InvalidOperation:
            raise Unreadable(too_large) from None

    return rounded


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal) and value in (0, 1):
        return value == 1
    if isinstance(value, str) and (text := value.strip().lower()) in TRUTHS:
        return TRUTHS[text]
    raise Unreadable("not true or false")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise Unreadable("not a text")


def _moment(value: Any) -> datetime:
    """Return the moment in UTC; a time without a zone is in UTC."""
    if not isinstance(value, str):
        raise Unreadable("not a time")
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("not a time") from None


def _day(value: Any, zone: tzinfo) -> date:
    """Return the day. A day may also be written as the moment at which it begins, on the clock as written or in the
    zone.
    """
    moment = _moment(value)
    written = datetime.fromisoformat(value.strip())
    if written.time() == time():
        return written.date()
    try:
        local = moment.astimezone(zone)
        # If the clock skips midnight, the day begins an hour later.
        begins = datetime.combine(local.date(), time(), zone).astimezone(UTC)
    except OverflowError:
        raise Unreadable("not a day") from None
    if local.time() == time() or begins == moment:
        return local.date()
    raise Unreadable("a time that begins no day")
