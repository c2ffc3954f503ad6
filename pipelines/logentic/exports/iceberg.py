"""Iceberg tables, with a catalog in SQLite. Comments are `doc` of the columns and the table's property `comment`.

Iceberg stores whole paths: they are those of the folder in the end, while the files are still written beside it.
"""

from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.typedef import EMPTY_DICT, Properties

from logentic.exports.mart import SCHEMA, Mart

CATALOG, CATALOG_NAME = "catalog.db", "logentic"
WRITTEN, NAMED = "logentic.written-folder", "logentic.named-folder"


class PartialFolderIO(PyArrowFileIO):
    """Files of the named folder, which lie in another one until it is renamed."""

    @staticmethod
    def parse_location(location: str, properties: Properties = EMPTY_DICT) -> tuple[str, str, str]:
        scheme, host, path = PyArrowFileIO.parse_location(location, properties)
        named = Path(properties[NAMED])
        inside = Path(path).relative_to(named)
        return scheme, host, str(Path(properties[WRITTEN]) / inside)


def write(marts: list[Mart], folder: Path, named: Path) -> dict[str, int]:
    catalog = SqlCatalog(
        CATALOG_NAME,
        uri=f"sqlite:///{folder / CATALOG}",
        warehouse=str(named),
        **{"py-io-impl": f"{__name__}.PartialFolderIO", WRITTEN: str(folder), NAMED: str(named)},
    )
    catalog.create_namespace(SCHEMA)
    rows = {}
    for mart in marts:
        batches = mart.reader("doc")
        properties = {"comment": mart.comment} if mart.comment else {}
        table = catalog.create_table((SCHEMA, mart.name), batches.schema, str(named / mart.name), properties=properties)
        table.append(batches)
        snapshot = table.current_snapshot()
        rows[mart.name] = int((snapshot and snapshot.summary and snapshot.summary["total-records"]) or 0)
    catalog.close()
    return rows
