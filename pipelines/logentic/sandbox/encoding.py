"""Write values as JSON, in one of the ways that the service may use."""

import json
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from logentic.sandbox.readings import Readings


class Encoding:
    """Write JSON; decimals are never converted to floats."""

    def __init__(self, readings: Readings, zone: tzinfo) -> None:
        self._decimals, self._times, self._zone = readings.decimals, readings.times, zone

    def encode(self, value: Any) -> str:
        """Return a value as JSON."""
        if isinstance(value, str):
            return encode_basestring(value)
        if isinstance(value, Decimal):
            return f'"{value:f}"' if self._decimals == "text" else f"{value.normalize():f}"
        if isinstance(value, datetime):
            return f'"{self._time(value)}"'
        if isinstance(value, date):
            return f'"{value}"'
        if isinstance(value, Mapping):
            members = (f"{encode_basestring(name)}:{self.encode(part)}" for name, part in value.items())
            return "{" + ",".join(members) + "}"
        if isinstance(value, list | tuple):
            return "[" + ",".join(map(self.encode, value)) + "]"
        return json.dumps(value)

    def _time(self, value: datetime) -> str:
        if self._times == "offset":
            return value.astimezone(self._zone).isoformat(timespec="seconds")
        return value.strftime(
            {
                "zulu": "%Y-%m-%dT%H:%M:%SZ",
                "microseconds": "%Y-%m-%dT%H:%M:%S.%fZ",
                "plain": "%Y-%m-%d %H:%M:%S",
            }[self._times]
        )
