# /// script
# requires-python = ">=3.11,<3.12"
# dependencies = ["dlt[duckdb,parquet]>=1.31,<1.32", "duckdb>=2.0,<2.1", "orjson"]
# ///
"""Load the account with dlt's rest_api and the options of its page on performance: parallel resources, larger buffers
and files, several processes that normalize, Parquet.

Reads BASE_URL, TOKEN and FILE from the environment; writes schema `raw` of FILE.
"""

import os

TUNING = {
    "EXTRACT__WORKERS": "4",
    "NORMALIZE__WORKERS": "2",
    "LOAD__WORKERS": "2",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
}
os.environ.update(TUNING)

import dlt  # noqa: E402 - dlt reads the environment when it is imported
from dlt.sources.rest_api import rest_api_source  # noqa: E402


def resource(name: str, path: str, **more: object) -> dict[str, object]:
    return {"name": name, "parallelized": True, "endpoint": {"path": path, "data_selector": "data", **more}}


def source() -> object:
    return rest_api_source(
        {
            "client": {
                "base_url": f"{os.environ['BASE_URL']}/",
                "auth": {"type": "bearer", "token": os.environ["TOKEN"]},
                "paginator": {"type": "json_link", "next_url_path": "meta.pagination.links.next"},
            },
            "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
            "resources": [
                resource("items", "items"),
                resource("orders", "orders"),
                resource("item_quantities", "items/item_quantities"),
                {
                    **resource(
                        "inventory_history", "items/inventory", params={"start": "2015-01-01", "end": "2100-01-01"}
                    ),
                    "primary_key": ["id", "date"],
                },
                resource("payment_items", "payment_items"),
            ],
        }
    )


if __name__ == "__main__":
    pipeline = dlt.pipeline("benchmark", destination=dlt.destinations.duckdb(os.environ["FILE"]), dataset_name="raw")
    pipeline.run(source(), loader_file_format="parquet")
