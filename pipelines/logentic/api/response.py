"""A response of the service, and what its headers say.

Headers are text that the service chooses: one that cannot be read is ignored, and never an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

DATE = re.compile(rb"^date:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
DIGITS = re.compile(r"[0-9]{1,15}")
SECONDS = re.compile(r"[0-9]+(\.[0-9]{1,9})?")
REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# A clock outside these years is wrong: an unset one says 1970, and later dates overflow what is computed from them.
FIRST_YEAR, LAST_YEAR = 2015, 2199
LARGEST_OFFSET = timedelta(hours=14)  # of a time zone
SHORTEST_WAIT_SECONDS = 1.0
LONGEST_PLAUSIBLE_WAIT_SECONDS = 31 * 86_400  # a longer Retry-After is a fault of the service, not a limit


@dataclass(frozen=True)
class Answer:
    body: bytes
    at: datetime  # the service's time, UTC, whole seconds
    head: bytes
    status: int = 200

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        return read_headers(self.head)


def read_headers(head: bytes) -> dict[str, str]:
    """Return the headers, names in lower case. If a header is repeated, the last one wins."""
    headers = {}
    for line in head.decode("latin-1").split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers


def time_of(head: bytes) -> datetime | None:
    """Return the service's time; None where the response has no usable `Date`."""
    date = DATE.search(head)
    return _time(date[1]) if date else None


@lru_cache(maxsize=8)
def _time(date: bytes) -> datetime | None:
    """Many responses bear the same second."""
    at = _parse_date(date.decode("latin-1"))
    return at if at and FIRST_YEAR <= at.year <= LAST_YEAR else None


def retry_after(headers: Mapping[str, str], now: datetime | None) -> float:
    """Return the seconds to wait that the service asks for, given as seconds or a date; 0 where it asks for none."""
    value = headers.get("retry-after", "")
    if SECONDS.fullmatch(value):
        seconds = float(value)
    elif at := _parse_date(value):
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    else:
        return 0.0
    return max(seconds, SHORTEST_WAIT_SECONDS) if 0 < seconds <= LONGEST_PLAUSIBLE_WAIT_SECONDS else 0.0


def whole_number(text: str) -> int | None:
    """Return a count given in a header; None where it is none."""
    return int(text) if DIGITS.fullmatch(text) else None


def request_id(headers: Mapping[str, str]) -> str:
    """Return the id by which the service can find the request; empty where it could hold anything else."""
    value = headers.get("x-request-id", "")
    return value if REQUEST_ID.fullmatch(value) else ""


def _parse_date(text: str) -> datetime | None:
    """Parse an HTTP date of any of its three forms. One without a zone is in UTC, as HTTP requires."""
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC) if abs(at.utcoffset() or timedelta()) <= LARGEST_OFFSET else None
    except (ValueError, TypeError, ArithmeticError, LookupError):
        return None
