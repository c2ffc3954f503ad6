"""The raw tables as files in a folder or a bucket, one folder each."""

import os
import tomllib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb
import pyarrow as pa

from logentic import config_folder
from logentic.errors import DamagedRaw, LogenticError, StateError, UnreadableFile, UsageError, first_line
from logentic.extract.stored_records import Query

VARIABLE = "DESTINATION__FILESYSTEM__BUCKET_URL"
DATASET = "logentic_raw"
SETTINGS = "Set DESTINATION__FILESYSTEM__CREDENTIALS__… as dlt's page on its destination filesystem names them."


def bucket_url() -> str:
    """Return the bucket's URL from the environment, secrets.toml or config.toml."""
    given = os.environ.get(VARIABLE) or next(filter(None, map(_in_file, ("secrets.toml", "config.toml"))), "")
    if not given:
        raise UsageError(
            "the folder or bucket is not named", f"Set {VARIABLE} to a path, or to a URL such as s3://bucket/path."
        )
    return given if "://" in given else Path(given).absolute().as_uri()


class Folder:
    """Access files by path: local ones without dlt, those in a bucket with dlt's credentials."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_local = urlsplit(url).scheme == "file"
        self.root = unquote(urlsplit(url).path) if self.is_local else url.partition("://")[2]
        self.root = f"{self.root.rstrip('/')}/{DATASET}"

    def files(self, table: str) -> list[str]:
        """Return all files of a table, from complete loads or not."""
        found = self.system.glob(f"{self.root}/{table}/**/*.*")
        return sorted(str(path) for path in found)

    def loads(self) -> list[str]:
        """Return the ids of complete loads: dlt writes a file for each. This is the first request to a bucket."""
        try:
            files = self.files("_dlt_loads")
        except (FileNotFoundError, PermissionError) as error:
            raise UsageError(f"{self.url}: {first_line(error)}", "Name another, or correct its rights.") from None
        except Exception as error:
            if self.is_local or isinstance(error, LogenticError):
                raise
            raise StateError(f"{self.url}: {first_line(error)}", "Correct its address, or run again.") from None
        names = (path.rpartition("/")[2] for path in files)
        return sorted(name.removesuffix(".jsonl").rpartition("__")[2] for name in names if name.endswith(".jsonl"))

    def is_delta(self, table: str) -> bool:
        return bool(self.system.exists(f"{self.root}/{table}/_delta_log"))

    def delta(self, table: str) -> Any:
        """Return the table by its Delta log, which lists its valid files."""
        try:
            from deltalake import DeltaTable
            from dlt.common.libs.deltalake import deltalake_storage_options
        except ModuleNotFoundError:
            raise UsageError("deltalake is not installed", "Install logentic-elt[delta].") from None
        options = None if self.is_local else deltalake_storage_options(self._config().credentials)
        scheme = "" if self.is_local else f"{urlsplit(self.url).scheme}://"
        return DeltaTable(f"{scheme}{self.root}/{table}", storage_options=options)

    def counted(self, table: str) -> list[str]:
        """Return the files of complete loads."""
        loads = set(self.loads())
        return [path for path in self.files(table) if path.endswith(".parquet") and load_of(path) in loads]

    @cached_property
    def system(self) -> Any:
        if self.is_local:
            import fsspec

            return fsspec.filesystem("file", auto_mkdir=True)
        from dlt.common.configuration.exceptions import ConfigurationException
        from dlt.common.exceptions import MissingDependencyException
        from dlt.common.storages.fsspec_filesystem import fsspec_from_config

        try:
            return fsspec_from_config(self._config())[0]
        except MissingDependencyException as error:
            needed = ", ".join(error.dependencies)
            raise UsageError(f"{self.url}: {needed} is not installed", f"pip install {needed}.") from None
        except (ConfigurationException, ValueError) as error:
            raise UsageError(f"{self.url}: {first_line(error)}", SETTINGS) from None

    def _config(self) -> Any:
        """Return the configuration, with the credentials that dlt finds."""
        from dlt.common.configuration.resolve import resolve_configuration
        from dlt.common.storages.configuration import FilesystemConfiguration

        config = FilesystemConfiguration(bucket_url=self.url)
        return resolve_configuration(config, sections=("destination", "filesystem"))


class RawFolder(Query):
    """The raw tables of a folder, queried by DuckDB; the files are listed once."""

    def __init__(self, folder: Folder, memory: str) -> None:
        self._folder, self._memory = folder, memory
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._tables = _FolderTables(folder)

    def __call__(self, sql: str) -> pa.Table | None:
        if self._connection is None:
            self._connection = duckdb.connect(config={"memory_limit": self._memory, "threads": 1})
            self._connection.execute("set TimeZone = 'UTC'")
            if not self._folder.is_local:
                self._connection.register_filesystem(self._folder.system)
        try:
            query = sql.format_map(self._tables)
            while self._tables.arrow:
                self._connection.register(*self._tables.arrow.popitem())
            return self._connection.sql(query).to_arrow_table()
        except _NotThere:
            return None
        except duckdb.Error as error:
            raise DamagedRaw(f"{self._folder.url}: {first_line(error)}", "Run again, or restore the file.") from None

    def close(self) -> None:
        self._tables.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _NotThere(Exception):
    """A table without files so far."""


class _FolderTables(dict[str, str]):
    """The relations that replace tables in a query."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.arrow: dict[str, Any] = {}  # by the names that queries use

    def __missing__(self, name: str) -> str:
        self[name] = self._loads() if name == "_dlt_loads" else self._files(name)
        return self[name]

    def _files(self, name: str) -> str:
        if self._folder.is_delta(name):
            loads = ", ".join(map(_quoted, self._folder.loads()))
            self.arrow[f"delta_{name}"] = self._folder.delta(name).to_pyarrow_dataset()
            return f"(select * from delta_{name} where _dlt_load_id in ({loads}))"
        scheme = "" if self._folder.is_local else f"{urlsplit(self._folder.url).scheme}://"
        listed = ", ".join(_quoted(scheme + path) for path in self._folder.counted(name))
        if not listed:
            raise _NotThere
        return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"

    def _loads(self) -> str:
        rows = ", ".join(f"({_quoted(load)}, 0)" for load in self._folder.loads())
        if not rows:
            raise _NotThere
        return f"(values {rows}) as loads(load_id, status)"


def unreadable(folder: Folder, table: str, memory: str) -> list[str]:
    """Return the existing files of complete loads that cannot be read."""
    found = []
    with TemporaryDirectory(prefix="logentic-") as here:
        for path in folder.counted(table):
            local = path
            if not folder.is_local:
                local = f"{here}/{path.rpartition('/')[2]}"
                folder.system.get_file(path, local)
            try:
                require_readable(local, memory)
            except UnreadableFile:
                found.append(path)
            if local != path:
                Path(local).unlink()
    return found


def move_loads(folder: Folder, tables: Iterable[str], loads: list[str], target: str) -> None:
    """Move the files of some loads; first the files that mark the loads as complete."""
    for table in tables:
        for path in folder.files(table):
            is_one = load_of(path) in loads if table != "_dlt_loads" else any(f"__{load}." in path for load in loads)
            if is_one:
                moved = f"{target}/{table}/{path.rpartition('/')[2]}"
                folder.system.makedirs(moved.rpartition("/")[0], exist_ok=True)
                folder.system.mv(path, moved)


def require_readable(file: str, memory: str) -> None:
    """Raise `UnreadableFile` if DuckDB cannot read a whole local Parquet file."""
    name = file.rpartition("/")[2]
    try:
        with duckdb.connect(config={"memory_limit": memory, "threads": 1}) as database:
            database.execute(f"select bit_xor(hash(t)) from read_parquet({_quoted(file)}) as t")
    except duckdb.OutOfMemoryException:
        return
    except duckdb.Error as error:
        raise UnreadableFile(name, first_line(error)) from None


def load_of(path: str) -> str:
    """Return the load id of LOAD.FILE.parquet; a load id contains a dot."""
    return path.rpartition("/")[2].rsplit(".", 2)[0]


def remove_orphans(folder: Folder, tables: Iterable[str]) -> None:
    """Remove the files of loads that never completed."""
    loads = folder.loads()
    for table in tables:
        if folder.is_delta(table):
            unfinished = f"_dlt_load_id not in ({', '.join(map(_quoted, ('', *loads)))})"
            folder.delta(table).delete(unfinished)
            continue
        for path in folder.files(table):
            if load_of(path) not in loads:
                folder.system.rm_file(path)


def _in_file(name: str) -> str:
    try:
        with (config_folder() / name).open("rb") as file:
            return str(tomllib.load(file).get("destination", {}).get("filesystem", {}).get("bucket_url", ""))
    except (OSError, tomllib.TOMLDecodeError):
        return ""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
