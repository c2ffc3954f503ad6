# /// script
# requires-python = ">=3.11,<3.12"
# dependencies = ["singer-sdk>=0.47,<0.48", "target-duckdb"]
# ///
"""Load the account with a tap like the Singer SDK's template, piped into target-duckdb.

Reads BASE_URL, TOKEN and FILE from the environment; writes schema `raw` of FILE. With an argument it is the tap alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import requests
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseHATEOASPaginator

INTEGER, NUMBER, TEXT, MOMENT = th.IntegerType, th.NumberType, th.StringType, th.DateTimeType
Fields = dict[str, Any]


def schema(fields: Fields) -> dict[str, Any]:
    return th.PropertiesList(*(th.Property(name, kind) for name, kind in fields.items())).to_dict()


def texts(*names: str) -> Any:
    return th.ObjectType(*(th.Property(name, TEXT) for name in names))


LINE = th.ObjectType(
    th.Property("item_id", INTEGER), th.Property("shopify_variant_id", TEXT), th.Property("quantity", NUMBER)
)
STREAMS: dict[str, tuple[str, tuple[str, ...], Fields]] = {
    "items": (
        "/items",
        ("id",),
        {
            **{"id": INTEGER, "name": TEXT, "external_name": TEXT, "shopify_variant_id": TEXT, "description": TEXT},
            **dict.fromkeys(("width_in", "depth_in", "height_in", "weight", "price"), NUMBER),
            **{"notify_email": TEXT, "expiration_warning_in_days": INTEGER, "ht_code": TEXT},
            **{"country_of_origin": TEXT, "back_order_limit": INTEGER, "is_prepackaged": th.BooleanType},
            **{"created_at": MOMENT, "updated_at": MOMENT},
        },
    ),
    "orders": (
        "/orders",
        ("id",),
        {
            **{"id": INTEGER, "order_type": TEXT, "status": TEXT, "warehouse_id": INTEGER, "external_name": TEXT},
            **{"shopify_order_id": TEXT, "created_at": MOMENT, "updated_at": MOMENT},
            "recipient": texts("name", "email", "phone"),
            "place": texts("address1", "address2", "postal_code", "city", "province_code", "country_code"),
            "stored_items": th.ArrayType(LINE),
        },
    ),
    "item_quantities": (
        "/items/item_quantities",
        ("id",),
        {
            **{"id": INTEGER, "item_id": INTEGER, "sku": TEXT},
            **dict.fromkeys(("supply", "receiving", "prepared", "back_ordered", "delivered"), INTEGER),
            **{"created_at": MOMENT, "updated_at": MOMENT},
        },
    ),
    "inventory_history": (
        "/items/inventory",
        ("id", "date"),
        {
            **{"id": INTEGER, "name": TEXT, "external_name": TEXT, "cubic_size": NUMBER, "weight": NUMBER},
            **{"date": th.DateType, "total_volume": NUMBER, "total_storage_price": NUMBER},
            **dict.fromkeys(("prepared", "receiving", "supply"), INTEGER),
        },
    ),
    "payment_items": (
        "/payment_items",
        ("id",),
        {
            **{"id": INTEGER, "payment_id": INTEGER, "type": TEXT, "description": TEXT, "amount": NUMBER},
            **{"quantity": NUMBER, "start": th.DateType, "end": th.DateType, "billed_date": th.DateType},
            **{"order_id": INTEGER, "item_id": INTEGER, "total_volume": NUMBER},
            **{"created_at": MOMENT, "updated_at": MOMENT},
        },
    ),
}


class Paginator(BaseHATEOASPaginator):
    def get_next_url(self, response: requests.Response) -> str | None:
        return (response.json()["meta"]["pagination"]["links"] or {}).get("next")


class LogenticStream(RESTStream[Any]):
    url_base = os.environ.get("BASE_URL", "")
    records_jsonpath = "$.data[*]"

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(stream=self, token=os.environ["TOKEN"])

    def get_new_paginator(self) -> Paginator:
        return Paginator()

    def get_url_params(self, context: Mapping[str, Any] | None, next_page_token: Any) -> dict[str, Any]:
        params = {"start": "2015-01-01", "end": "2100-01-01"} if self.name == "inventory_history" else {}
        if next_page_token:
            params["page"] = dict(part.split("=") for part in next_page_token.query.split("&"))["page"]
        return params


def stream(tap: Tap, name: str) -> LogenticStream:
    path, keys, fields = STREAMS[name]
    made = LogenticStream(tap, name=name, schema=schema(fields), path=path)
    made.primary_keys = keys
    return made


class TapLogentic(Tap):
    name = "tap-benchmark"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList().to_dict()

    def discover_streams(self) -> Iterable[LogenticStream]:
        return [stream(self, name) for name in STREAMS]


def load() -> int:
    """Pipe the tap into the target, a process each as Singer has it; return the first failure's exit status."""
    configuration = Path(f"{os.environ['FILE']}.config.json")
    configuration.write_text(json.dumps({"path": os.environ["FILE"], "default_target_schema": "raw"}), "utf-8")
    target_command = [str(Path(sys.executable).with_name("target-duckdb")), "--config", str(configuration)]
    with (
        subprocess.Popen([sys.executable, __file__, "tap"], stdout=subprocess.PIPE) as tap,
        subprocess.Popen(target_command, stdin=tap.stdout, stdout=subprocess.DEVNULL) as target,
    ):
        assert tap.stdout
        tap.stdout.close()  # so that the tap fails if the target ends early
        return target.wait() or tap.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["tap"]:
        TapLogentic.cli(["--config", "ENV"])
    sys.exit(load())
