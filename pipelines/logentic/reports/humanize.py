"""Format times for people."""

from datetime import datetime

UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def age(then: datetime, now: datetime) -> str:
    """Return how long ago it was, in the largest unit that fits."""
    seconds = int((now - then).total_seconds())
    if seconds < 0:  # the service's clock goes ahead of this machine's
        return "just now" if seconds > -60 else "today" if then.date() == now.date() else "in the future"
    for size, unit in UNITS:
        if number := seconds // size:
            return f"{count(number, unit)} ago"
    return "just now"


def count(number: int, noun: str) -> str:
    """Return the number and the noun, in the plural unless it is 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
