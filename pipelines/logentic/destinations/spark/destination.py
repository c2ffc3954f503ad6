"""Build tables in a folder or a bucket on an engine, over Spark Connect."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq

from logentic.destinations.filesystem.destination import FilesystemDestination
from logentic.destinations.spark.connection import (
    VARIABLE,
    current_session,
    end_session,
    engine_address,
    engine_name,
    require_engine,
    session,
)
from logentic.destinations.spark.engine import MARTS, SparkEngine
from logentic.errors import StateError, first_line
from logentic.settings import Settings
from logentic.state import State

BUILDS = "logentic_marts"
POINTER = "_published.json"
SCHEMAS = ("logentic_work_build", MARTS, "logentic_work_staging")
STEPS = "_steps"  # inputs of the marts; not read after the build


class SparkDestination(FilesystemDestination):
    dbt_target = "spark"
    needs_every_table = True

    def __init__(self, settings: Settings, state: State) -> None:
        super().__init__(settings, state)
        self._address = engine_address()
        self._builds = f"{self._folder.root.rpartition('/')[0]}/{BUILDS}"

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        require_engine(self._address)
        return super().open(key, accept_new_key=accept_new_key)

    def is_published(self) -> bool:
        return bool(self._published())

    @contextmanager
    def models(self, *, keep_steps: bool = False) -> Iterator[SparkEngine]:
        """Create a folder for the build; first remove an earlier build that was not published.

        The schemas are emptied: they may list tables of removed models, or of deleted files.
        """
        self._remove_all_but(self._published())
        build = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        self._state.write_note("spark", {"build": build})
        with session(self._address, self._state.folder):
            running = current_session()
            try:
                for schema in SCHEMAS:
                    running.sql(f"drop schema if exists {schema} cascade")
            except Exception as error:
                raise StateError(
                    f"{engine_name(self._address)}: {first_line(error)}", f"Correct {VARIABLE}, or run again."
                ) from None
            running.conf.set("spark.sql.session.timeZone", "UTC")
            running.conf.set("spark.sql.decimalOperations.allowPrecisionLoss", "false")  # keep the decimals of products
            raw, built = self._url(self._folder.root), self._url(f"{self._builds}/{build}")
            yield SparkEngine(running, raw, self.table_format or "parquet", built)

    def publish(self) -> int:
        """Publish the build by writing its name. Without a build nothing is written, because raw files are published
        directly.
        """
        running = current_session()
        if running is None:
            return super().publish()
        build, before = self._state.read_note("spark")["build"], self._published()
        folder = f"{self._builds}/{build}"
        try:
            self._find_runs(running)
            tables = sorted(row["tableName"] for row in running.sql(f"show tables in {MARTS}").collect())
            for table in tables:
                self._write_rest(running, table, f"{folder}/{table}")
            self._folder.system.rm(f"{folder}/{STEPS}", recursive=True)
            self._write(f"{self._builds}/{POINTER}", json.dumps({"build": build, "tables": tables}, indent=1).encode())
            self._show(running, tables, folder)
        except Exception as error:
            end_session(is_lost=True)
            raise StateError(f"{engine_name(self._address)}: {first_line(error)}", "Run again.") from None
        end_session()
        self._remove_all_but({build, *before})
        return int(self._folder.system.du(folder))

    def _show(self, running: Any, tables: list[str], folder: str) -> None:
        """Replace the views in the engine, one by one."""
        running.sql("create schema if not exists logentic_marts")
        for table in tables:
            location = self._url(f"{folder}/{table}").replace("`", "``")
            running.sql(f"create or replace view logentic_marts.{table} as select * from parquet.`{location}`")
        for row in running.sql("show tables in logentic_marts").collect():
            if row["tableName"] not in tables:
                running.sql(f"drop view if exists logentic_marts.{row['tableName']}")

    def _find_runs(self, running: Any) -> None:
        """Register the runs again after adding this one, because the engine caches the list of files."""
        location = self._url(f"{self._folder.root}/runs").replace("\\", "\\\\").replace("'", "\\'")
        running.sql("drop table if exists logentic_raw.runs")
        running.sql(f"create table logentic_raw.runs using parquet location '{location}'")

    def _write_rest(self, running: Any, table: str, folder: str) -> None:
        """Materialize views; write an empty file for an empty table, because Sail writes none."""
        built = running.table(f"{MARTS}.{table}")
        if not self._folder.system.glob(f"{folder}/*.parquet"):
            built.write.mode("overwrite").parquet(self._url(folder))
        if not self._folder.system.glob(f"{folder}/*.parquet"):
            written = io.BytesIO()
            pq.write_table(built.limit(0).toArrow(), written)
            self._write(f"{folder}/0.parquet", written.getvalue())

    def _published(self) -> set[str]:
        """Return the published build; nothing before the first."""
        try:
            pointer = json.loads(self._folder.system.cat_file(f"{self._builds}/{POINTER}"))
        except FileNotFoundError:
            return set()
        return {pointer["build"]}

    def _remove_all_but(self, kept: set[str]) -> None:
        """Keep the build before the published one, because a reader may be using it."""
        system = self._folder.system
        builds = system.ls(self._builds, detail=False) if system.isdir(self._builds) else []
        for path in builds:
            name = str(path).rstrip("/").rpartition("/")[2]
            if name not in {*kept, POINTER}:
                system.rm(path, recursive=True)

    def _url(self, path: str) -> Any:
        """Return the URL in the form that the engine accepts."""
        return path if self._folder.is_local else f"{self._folder.url.partition('://')[0]}://{path}"
