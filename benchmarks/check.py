"""Compare a contender's file with the account that was served: rows by table, sums to the last digit.

Print the differences as a JSON list, empty when all is exact. A column of binary floats is a difference even if its sum
agrees.
"""

import json
import sys
from decimal import Decimal
from pathlib import Path

import duckdb

from benchmarks.contenders import CONTENDERS, Contender

SUMS = {
    "lines.quantity": ("orders__stored_items", "quantity"),
    "items.weight": ("items", "weight"),
    "items.price": ("items", "price"),
    "quantities.supply": ("item_quantities", "supply"),
    "quantities.delivered": ("item_quantities", "delivered"),
    "history.volume": ("inventory_history", "total_volume"),
    "history.price": ("inventory_history", "total_storage_price"),
    "history.supply": ("inventory_history", "supply"),
    "charges.amount": ("payment_items", "amount"),
}
DECIMALS = {
    *("items.weight", "items.price", "payment_items.amount"),
    *("inventory_history.total_volume", "inventory_history.total_storage_price"),
}


def differences(file: Path, contender: Contender, truth: dict[str, dict[str, str | int]]) -> list[str]:
    found: list[str] = []
    lost: dict[str, int] = {}
    floats = []
    with duckdb.connect(str(file), read_only=True) as connection:
        for table, wanted in truth["counts"].items():
            rows = connection.execute(f"select count(*) from {_relation(contender, table)}").fetchall()[0][0]
            if rows != int(wanted):
                lost[table] = int(wanted) - rows
        for name, (table, column) in SUMS.items():
            relation, value = _relation(contender, table), contender.columns.get(f"{table}.{column}", column)
            names = [row[0] for row in connection.execute(f"describe select * from {relation}").fetchall()]
            # dlt keeps numbers that do not fit the column's first type in a column beside it.
            if variants := [name for name in names if name.startswith(f"{column}__v_")]:
                found.append(f"{table}.{column} is split over {' and '.join([column, *variants])}")
                value = f"coalesce({', '.join([value, *variants])})"
            query = f"select sum({value}), any_value(typeof({value})) from {relation}"
            total, kind = connection.execute(query).fetchall()[0]
            if kind in {"DOUBLE", "FLOAT"}:
                floats.append(f"{table}.{column}")
            elif table not in lost and Decimal(total) != Decimal(truth["sums"][name]):
                found.append(f"{table}.{column} adds up to {Decimal(total).normalize():f}, not {truth['sums'][name]}")
    if lost:
        found.append(f"rows lost: {', '.join(f'{table} {rows:,}' for table, rows in lost.items())}")
    if floats:
        is_all = set(floats) >= DECIMALS
        found.append("every decimal is a binary float" if is_all else f"binary floats: {', '.join(floats)}")
    return found


def _relation(contender: Contender, table: str) -> str:
    return contender.relations.get(table, f"{contender.schema}.{table}")


if __name__ == "__main__":
    account = json.loads(Path(sys.argv[3]).read_text("utf-8"))
    print(json.dumps(differences(Path(sys.argv[1]), CONTENDERS[sys.argv[2]], account)))
