"""An answer of the service, and what its headers say.

In: the bytes of head and body. Out: an `Answer`; the service's time; how long it wants us to wait.
Next: client.py, which acts on it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

DATE = re.compile(rb"^date:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    body: bytes
    at: datetime  # the service's time, UTC, whole seconds
    head: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        return read_headers(self.head)


def read_headers(head: bytes) -> dict[str, str]:
    """Names in lower case; of a name that stands twice, the last."""
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers


def time_of(head: bytes) -> datetime | None:
    """The service's time, where the answer bears it."""
    date = DATE.search(head)
    return _time(date[1]) if date else None


@lru_cache(maxsize=8)
def _time(date: bytes) -> datetime | None:
    """Many answers bear the same second."""
    try:
        return parsedate_to_datetime(date.decode("latin-1")).astimezone(UTC)
    except ValueError:
        return None


def retry_after(headers: Mapping[str, str], now: datetime | None) -> float:
    """Seconds to wait as the service asks, given as seconds or a date; 0 where it does not say."""
    value = headers.get("retry-after", "")
    if value.isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds(), 0.0)
    except ValueError:
        return 0
