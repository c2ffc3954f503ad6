# /// script
# requires-python = ">=3.11,<3.12"
# dependencies = ["airbyte"]
# ///
"""Load the account with PyAirbyte: a declarative manifest, into its DuckDB cache.

Reads BASE_URL, TOKEN and FILE from the environment; writes schema `raw` of FILE.
"""

import os
from pathlib import Path
from typing import Any

os.environ["AIRBYTE_OFFLINE_MODE"] = os.environ["DO_NOT_TRACK"] = "1"

import airbyte as ab
from airbyte.caches import DuckDBCache

INTEGER, NUMBER, TEXT, BOOLEAN = ({"type": [name, "null"]} for name in ("integer", "number", "string", "boolean"))
MOMENT, DAY = ({**TEXT, "format": name} for name in ("date-time", "date"))
OBJECT = {"type": ["object", "null"], "additionalProperties": True}
LINES = {"type": ["array", "null"], "items": {"type": "object", "additionalProperties": True}}
TIMES = {"created_at": MOMENT, "updated_at": MOMENT}
Fields = dict[str, Any]


def fields_of(kind: Fields, names: str) -> dict[str, Fields]:
    return dict.fromkeys(names.split(), kind)


ITEMS = {
    **fields_of(INTEGER, "id expiration_warning_in_days back_order_limit"),
    **fields_of(TEXT, "name external_name shopify_variant_id description notify_email ht_code country_of_origin"),
    **fields_of(NUMBER, "width_in depth_in height_in weight price"),
    **{"is_prepackaged": BOOLEAN, **TIMES},
}
ORDERS = {
    **fields_of(INTEGER, "id warehouse_id"),
    **fields_of(TEXT, "order_type status external_name shopify_order_id"),
    **{"recipient": OBJECT, "place": OBJECT, "stored_items": LINES, **TIMES},
}
ITEM_QUANTITIES = {
    **fields_of(INTEGER, "id item_id supply receiving prepared back_ordered delivered"),
    **{"sku": TEXT, **TIMES},
}
INVENTORY_HISTORY = {
    **fields_of(INTEGER, "id prepared receiving supply"),
    **fields_of(TEXT, "name external_name"),
    **fields_of(NUMBER, "cubic_size weight total_volume total_storage_price"),
    "date": DAY,
}
PAYMENT_ITEMS = {
    **fields_of(INTEGER, "id payment_id order_id item_id"),
    **fields_of(TEXT, "type description"),
    **fields_of(NUMBER, "amount quantity total_volume"),
    **fields_of(DAY, "start end billed_date"),
    **TIMES,
}


def stream(name: str, path: str, fields: Fields, key: tuple[str, ...] = ("id",), **parameters: str) -> dict[str, Any]:
    requester = {
        "type": "HttpRequester",
        "url_base": "{{ config['base_url'] }}",
        "http_method": "GET",
        "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['api_token'] }}"},
        "path": path,
        "request_parameters": parameters,
    }
    pagination = "response['meta']['pagination']"
    paginator = {
        "type": "DefaultPaginator",
        "page_token_option": {"type": "RequestPath"},
        "pagination_strategy": {
            "type": "CursorPagination",
            "cursor_value": f"{{{{ {pagination}['links']['next'] }}}}",
            "stop_condition": f"{{{{ {pagination}['current_page'] >= {pagination}['total_pages'] }}}}",
        },
    }
    selector = {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["data"]}}
    return {
        "type": "DeclarativeStream",
        "name": name,
        "primary_key": list(key),
        "retriever": {
            "type": "SimpleRetriever",
            "requester": requester,
            "record_selector": selector,
            "paginator": paginator,
        },
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": fields}},
    }


MANIFEST = {
    "version": "7.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["items"]},
    "spec": {
        "type": "Spec",
        "connection_specification": {
            "type": "object",
            "required": ["base_url", "api_token"],
            "properties": {"base_url": {"type": "string"}, "api_token": {"type": "string", "airbyte_secret": True}},
        },
    },
    "streams": [
        stream("items", "/items", ITEMS),
        stream("orders", "/orders", ORDERS),
        stream("item_quantities", "/items/item_quantities", ITEM_QUANTITIES),
        stream(
            "inventory_history",
            "/items/inventory",
            INVENTORY_HISTORY,
            key=("id", "date"),
            start="2015-01-01",
            end="2100-01-01",
        ),
        stream("payment_items", "/payment_items", PAYMENT_ITEMS),
    ],
}

if __name__ == "__main__":
    config = {"base_url": os.environ["BASE_URL"], "api_token": os.environ["TOKEN"]}
    source = ab.get_source("source-logentic", config=config, source_manifest=MANIFEST, streams="*")
    cache = DuckDBCache(db_path=os.environ["FILE"], schema_name="raw", cache_dir=Path(os.environ["FILE"]).parent)
    source.read(cache=cache)
