# /// script
# requires-python = ">=3.11,<3.12"
# dependencies = ["duckdb>=2.0,<2.1", "pandas>=3", "requests"]
# ///
"""Load the account with the script that most people write first: requests in a loop, a list of records, pandas, DuckDB.

Reads BASE_URL, TOKEN and FILE from the environment; writes a table of FILE for each list.
"""

import os
from typing import Any

import duckdb
import pandas as pd
import requests

LISTS = {
    "items": "/items",
    "orders": "/orders",
    "item_quantities": "/items/item_quantities",
    "inventory_history": "/items/inventory?start=2015-01-01&end=2100-01-01",
    "payment_items": "/payment_items",
}


def read(session: requests.Session, path: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    url = os.environ["BASE_URL"] + path
    while url:
        response = session.get(url, timeout=60)
        response.raise_for_status()
        document = response.json()
        records += document["data"]
        url = (document["meta"]["pagination"]["links"] or {}).get("next")
    return records


def main() -> None:
    connection = duckdb.connect(os.environ["FILE"])
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
        for name, path in LISTS.items():
            records = read(session, path)
            frame = pd.json_normalize(records, sep="__")
            if name == "orders":
                connection.register("lines", pd.json_normalize(records, "stored_items", ["id"], record_prefix="line__"))
                connection.execute("create table orders__stored_items as select * from lines")
                frame = frame.drop(columns="stored_items")
            connection.execute(f"create table {name} as select * from frame")


if __name__ == "__main__":
    main()
