"""Offer the five resources as a Singer tap for Singer's test suite; lists by update are replicated incrementally."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from logentic.resources import RESOURCES, Resource
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

from reading import ask_anything, json_schema, records, settings_of

INCREMENTAL = {"orders", "item_quantities"}


class LogenticStream(Stream):
    def __init__(self, tap: Tap, resource: Resource) -> None:
        self._resource = resource
        super().__init__(tap, schema=json_schema(resource), name=resource.name)
        self.primary_keys = resource.key
        if resource.name in INCREMENTAL:
            self.replication_key = "updated_at"

    def get_records(self, context: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:
        start = self.get_starting_timestamp(context)
        return records(settings_of(self.config), self._resource, start)


class TapLogentic(Tap):
    name = "tap-logentic"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("base_url", th.StringType, required=True),
        th.Property("api_token", th.StringType, required=True, secret=True),
    ).to_dict()

    def discover_streams(self) -> list[LogenticStream]:
        return [LogenticStream(self, resource) for resource in RESOURCES.values()]

    def run_connection_test(self) -> bool:
        ask_anything(settings_of(self.config))
        return super().run_connection_test()
