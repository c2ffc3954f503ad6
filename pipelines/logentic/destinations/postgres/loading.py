"""dlt's destination for PostgreSQL, but loading Parquet by COPY."""

from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.destination.client import HasFollowupJobs, LoadJob, RunnableLoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations import postgres as dlt_postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient
from pyarrow import csv

QUOTED = csv.WriteOptions(include_header=False, quoting_style="all_valid")  # so that only nulls are not quoted


class postgres(dlt_postgres):  # noqa: N801  dlt finds the settings of a destination by the name of its class
    def __init__(self, url: str) -> None:
        super().__init__(url, preferred_loader_file_format="parquet", loader_file_format_selector=None)

    @property
    def client_class(self) -> type[PostgresClient]:
        return _Client


class _Client(PostgresClient):
    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if file_path.endswith(".parquet"):
            return _Copy(file_path)
        return super().create_load_job(table, file_path, load_id, restore)


class _Copy(RunnableLoadJob, HasFollowupJobs):
    """Copy all rows of one file, in one transaction."""

    _job_client: Any

    def run(self) -> None:
        sql_client = self._job_client.sql_client
        with pq.ParquetFile(self._file_path) as file:
            names = ", ".join(map(sql_client.escape_column_name, file.schema_arrow.names))
            table = sql_client.make_qualified_table_name(self.load_table_name)
            copy = f"copy {table} ({names}) from stdin (format csv, null '', encoding 'utf-8')"
            with sql_client.begin_transaction(), sql_client.native_connection.cursor() as cursor:
                for batch in file.iter_batches():
                    cursor.copy_expert(copy, _as_csv(batch))


def _as_csv(batch: pa.RecordBatch) -> BytesIO:
    written = BytesIO()
    csv.write_csv(batch, written, QUOTED)
    written.seek(0)
    return written
