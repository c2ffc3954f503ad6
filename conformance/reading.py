"""Read a resource of an account as plain records, and describe it as a JSON schema, for Singer and Airbyte."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from logentic.api.client import Client
from logentic.api.pagination import read_page
from logentic.extract.planner import Ask, plan
from logentic.extract.reader import WindowReader
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import DAY, INTEGER, ITEMS, MOMENT, TRUTH, Resource
from logentic.settings import Settings, load_settings

# Decimals travel as text: a JSON number would pass through a float.
JSON_TYPES: Mapping[pa.DataType, dict[str, Any]] = {
    INTEGER: {"type": ["integer", "null"]},
    TRUTH: {"type": ["boolean", "null"]},
    MOMENT: {"type": ["string", "null"], "format": "date-time"},
    DAY: {"type": ["string", "null"], "format": "date"},
}
TEXT = {"type": ["string", "null"]}


def settings_of(config: Mapping[str, Any]) -> Settings:
    return load_settings(base_url=config["base_url"], api_token=config["api_token"])


def json_schema(resource: Resource) -> dict[str, Any]:
    """The columns of a record, without those that only a stored one has."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {name: JSON_TYPES.get(kind, TEXT) for name, kind in resource.columns.items()},
    }


def ask_anything(settings: Settings) -> datetime:
    """The service's time, by the smallest request there is; a `LogenticError` where it does not answer."""
    client = Client(settings)
    read_page(client, ITEMS.path, {"per_page": "1"}, "the service's clock")
    return client.service_time()


def records(settings: Settings, resource: Resource, start: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Every record of the resource, or those of its windows from `start` on."""
    now = ask_anything(settings)
    reader = WindowReader(
        Client(settings),
        Pseudonymizer(b"a key for tests, of 32 bytes ..."),
        connections=settings.connections,
        window_pages=settings.window_pages,
    )
    try:
        windows = plan(resource.name, Ask(now, "conformance", start), [], settings, None)
        for reading in reader.readings(resource, windows):
            for record in reading.rows.records.to_pylist() if reading else ():
                yield {name: _plain(record[name]) for name in resource.columns}
        if failure := reader.failures.get(resource.name):
            raise failure
    finally:
        reader.close()


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # or a datetime, which is one
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
