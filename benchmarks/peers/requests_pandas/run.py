"""What one writes first: a loop of requests, a list of records, pandas, DuckDB.

In: BASE_URL, TOKEN, FILE from the environment. Out: FILE, a table per list.
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
        answer = session.get(url, timeout=60)
        answer.raise_for_status()
        document = answer.json()
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
