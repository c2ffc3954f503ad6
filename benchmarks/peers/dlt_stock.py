# /// script
# requires-python = ">=3.11,<3.12"
# dependencies = ["dlt[duckdb]>=1.31,<1.32", "duckdb>=1.4,<1.5"]
# ///
"""Load the account with dlt's rest_api as its tutorial shows it: `merge` by primary key, nothing tuned.

Reads BASE_URL, TOKEN and FILE from the environment; writes schema `raw` of FILE.
"""

import os

import dlt
from dlt.sources.rest_api import rest_api_source


def resource(name: str, path: str, **more: object) -> dict[str, object]:
    return {"name": name, "endpoint": {"path": path, "data_selector": "data", **more}}


source = rest_api_source(
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
                **resource("inventory_history", "items/inventory", params={"start": "2015-01-01", "end": "2100-01-01"}),
                "primary_key": ["id", "date"],
            },
            resource("payment_items", "payment_items"),
        ],
    }
)

if __name__ == "__main__":
    pipeline = dlt.pipeline("benchmark", destination=dlt.destinations.duckdb(os.environ["FILE"]), dataset_name="raw")
    pipeline.run(source)
