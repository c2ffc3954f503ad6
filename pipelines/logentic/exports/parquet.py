"""A Parquet file for each table. Comments are metadata of the file and of its Arrow fields, under `comment`."""

from pathlib import Path

import pyarrow.parquet

from logentic.exports.mart import Mart


def write(marts: list[Mart], folder: Path, _: Path) -> dict[str, int]:
    rows = dict.fromkeys((mart.name for mart in marts), 0)
    for mart in marts:
        batches = mart.reader("comment")
        schema = batches.schema.with_metadata({"comment": mart.comment}) if mart.comment else batches.schema
        with pyarrow.parquet.ParquetWriter(folder / f"{mart.name}.parquet", schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))
                rows[mart.name] += batch.num_rows
    return rows
