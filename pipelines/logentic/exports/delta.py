"""A Delta table for each table. Comments are the table's description and `comment` of its fields, as Spark has them."""

from pathlib import Path

from deltalake import DeltaTable, write_deltalake

from logentic.exports.mart import Mart


def write(marts: list[Mart], folder: Path, _: Path) -> dict[str, int]:
    rows = {}
    for mart in marts:
        place = str(folder / mart.name)
        write_deltalake(place, mart.reader("comment"), name=mart.name, description=mart.comment or None)
        rows[mart.name] = DeltaTable(place).count()
    return rows
