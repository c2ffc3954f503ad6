"""Offer the five resources as an Airbyte source, each read whole, for Airbyte's own test suite."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream
from logentic.errors import LogenticError
from logentic.resources import RESOURCES, Resource
from logentic.settings import Settings

from reading import ask_anything, json_schema, records, settings_of

SPECIFICATION = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Logentic",
    "type": "object",
    "required": ["base_url", "api_token"],
    "properties": {
        "base_url": {"type": "string", "title": "Address of the API", "description": "Ends in /v1."},
        "api_token": {
            "type": "string",
            "title": "API token",
            "description": "The account's own.",
            "airbyte_secret": True,
        },
    },
}


class LogenticStream(Stream):
    def __init__(self, settings: Settings, resource: Resource) -> None:
        super().__init__()
        self._settings, self._resource = settings, resource

    @property
    def name(self) -> str:
        return self._resource.name

    @property
    def primary_key(self) -> list[list[str]]:
        return [[name] for name in self._resource.key]

    def get_json_schema(self) -> Mapping[str, Any]:
        return json_schema(self._resource)

    def read_records(self, *_: Any, **__: Any) -> Iterable[Mapping[str, Any]]:
        return records(self._settings, self._resource)


class SourceLogentic(AbstractSource):
    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return ConnectorSpecification(connectionSpecification=SPECIFICATION)

    def check_connection(self, logger: logging.Logger, config: Mapping[str, Any]) -> tuple[bool, str | None]:
        try:
            ask_anything(settings_of(config))
        except LogenticError as failure:
            return False, f"{failure} {failure.guidance}"
        return True, None

    def streams(self, config: Mapping[str, Any]) -> list[Stream]:
        return [LogenticStream(settings_of(config), resource) for resource in RESOURCES.values()]
