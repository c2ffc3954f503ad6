"""Format times, counts and codes for people."""

import re
from datetime import datetime

ABBREVIATIONS = ("sku", "id", "api")
SHOUTED = re.compile("[A-Z_]{4,}")  # unlike B2B, which is kept
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def age(then: datetime, now: datetime) -> str:
    """Return how long ago a time was, in the largest unit that fits."""
    seconds = int((now - then).total_seconds())
    if seconds < 0:  # the service's clock is ahead of this machine's
        return "just now" if seconds > -60 else "today" if then.date() == now.date() else "in the future"
    for size, unit in UNITS:
        if number := seconds // size:
            return f"{count(number, unit)} ago"
    return "just now"


def count(number: int, noun: str) -> str:
    """Return the number and the noun, in the plural unless it is 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def verb(number: int) -> str:
    """Return the verb of a count: 1 order is late, 2 orders are late."""
    return "is" if number == 1 else "are"


def words(code: str) -> str:
    """Return a code such as `in_transit` or `IN_TRANSIT` as words of a sentence."""
    return (code.lower() if SHOUTED.fullmatch(code) else code).replace("_", " ")


def label(code: str) -> str:
    """Return a code or the name of a column as a label: `In transit`, `SKU`, `Charge ID`."""
    text = " ".join(each.upper() if each in ABBREVIATIONS else each for each in words(code).split(" "))
    return text[:1].upper() + text[1:]
