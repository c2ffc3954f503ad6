"""Store raw tables as Parquet or Delta in a folder or a bucket, for any engine."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from logentic.atomic_write import replacing
from logentic.audit_log import DAY, MONEY, NUMBER, REAL, RUNS, TEXT, TIME, AuditLog, Row
from logentic.destinations.base import (
    FORMAT,
    Destination,
    Signature,
    check_signature,
    forget_comparisons,
    synchronize_audit_log,
)
from logentic.destinations.filesystem.tables import (
    Folder,
    RawFolder,
    bucket_url,
    load_of,
    move_loads,
    remove_orphans,
    require_readable,
    unreadable,
)
from logentic.errors import StateError, UsageError
from logentic.privacy.pseudonyms import key_fingerprint
from logentic.resources import MEASURE, MOMENT, RAW_KEYS
from logentic.settings import Settings
from logentic.state import State

KINDS = {TIME: MOMENT, DAY: pa.date32(), TEXT: pa.string(), NUMBER: pa.int64(), REAL: pa.float64(), MONEY: MEASURE}


class FilesystemDestination(Destination):
    run_command = "logentic run --destination filesystem"

    def __init__(self, settings: Settings, state: State) -> None:
        self.name = bucket_url()
        self._settings, self._state, self._memory = settings, state, settings.duckdb_memory
        self._folder = Folder(self.name)
        self.table_format = "delta" if settings.raw_format == "delta" else None

    def require_loaded(self) -> None:
        if not self._folder.loads():
            raise UsageError(f"{self.name} holds nothing yet", f"Load it: {self.run_command}")

    def is_published(self) -> bool:
        return self._signature() is not None

    def is_damaged(self) -> bool:
        return self._first_damaged_load() is not None

    def set_aside(self) -> str:
        """Move the load with the damaged file aside, and all later ones, because they were compared with it."""
        first = self._first_damaged_load()
        loads = [load for load in self._folder.loads() if first and float(load) >= float(first)]
        target = f"{self._folder.root}_set_aside"
        move_loads(self._folder, ("_dlt_loads", *RAW_KEYS), loads, target)
        forget_comparisons(self._state)
        return f"load {first} holds a file that cannot be read: it and every later load are set aside in {target}"

    def _first_damaged_load(self) -> str | None:
        tables = [table for table in RAW_KEYS if not self._folder.is_delta(table)]
        damaged = [load_of(path) for table in tables for path in unreadable(self._folder, table, self._memory)]
        return min(damaged, key=float, default=None)

    def check_files(self, files: list[str]) -> None:
        """Check each file, because files are copied unchanged."""
        for file in files:
            require_readable(file, self._memory)

    def remove_unfinished(self, pipeline: Any, reloaded: list[str]) -> None:
        """Remove orphaned files; a file that is loaded again replaces itself."""
        remove_orphans(self._folder, RAW_KEYS)

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        """Remove files of a killed run, unless its package still exists: then they are written again."""
        has_loads = bool(self._folder.loads())
        is_signed = check_signature(self.name, self._signature(), key, accept_new_key=accept_new_key)
        if has_loads and self._folder.is_delta("extract_windows") != (self.table_format == "delta"):
            raise UsageError(
                f"{self.name} is not in the raw_format {self._settings.raw_format}", "Name another folder."
            )
        if not self._state.has_packages():
            remove_orphans(self._folder, RAW_KEYS)
        return is_signed

    def sign(self, key: bytes | None) -> None:
        signed = {"format": FORMAT, "key_fingerprint": key_fingerprint(key)}
        self._write(f"{self._folder.root}/_logentic.json", json.dumps(signed).encode())

    def raw(self) -> RawFolder:
        return RawFolder(self._folder, self._memory)

    def dlt_destination(self) -> Any:
        import dlt
        from dlt.common.destination.configuration import ParquetFormatConfiguration

        # Omit Arrow's own schema from the Parquet file: Sail reads it and fails.
        plain = ParquetFormatConfiguration(supports_dictionary_encoding=False)
        return dlt.destinations.filesystem(
            self._folder.url, preferred_loader_file_format="parquet", parquet_format=plain
        )

    def load_audit_log(self) -> dict[str, int]:
        def write(audit_log: AuditLog) -> None:
            self._write_audit_log(audit_log, audit_log.read_distinct(self._state.folder))

        return synchronize_audit_log(self._state, self._read_audit_log, write)

    def add_run(self, row: Row) -> None:
        self._write_audit_log(RUNS, [*RUNS.read(self._state.folder), row])

    def publish(self) -> int:
        """Return the size of the files, which analysts read directly."""
        return sum(int(self._folder.system.size(path) or 0) for table in RAW_KEYS for path in self._folder.files(table))

    def _signature(self) -> Signature | None:
        try:
            signed = json.loads(self._folder.system.cat_file(f"{self._folder.root}/_logentic.json"))
        except FileNotFoundError:
            return None
        except ValueError:
            signed = None
        match signed:
            case {"format": int(version), "key_fingerprint": str() | None as fingerprint}:
                return version, fingerprint
        raise StateError(
            f"{self.name}: _logentic.json is damaged", "Restore it: it identifies the key of the pseudonyms."
        )

    def _read_audit_log(self, audit_log: AuditLog) -> list[Row]:
        try:
            stored = self._folder.system.cat_file(f"{self._folder.root}/{audit_log.name}/{audit_log.name}.parquet")
        except FileNotFoundError:
            return []
        rows: list[Row] = pq.read_table(io.BytesIO(stored)).to_pylist()
        return rows

    def _write_audit_log(self, audit_log: AuditLog, rows: list[Row]) -> None:
        schema = pa.schema([(name, KINDS[kind]) for name, kind in audit_log.columns.items()])
        written = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema), written)
        self._write(f"{self._folder.root}/{audit_log.name}/{audit_log.name}.parquet", written.getvalue())

    def _write(self, path: str, content: bytes) -> None:
        """Write a file completely or not at all, because a reader may open it at any time."""
        if not self._folder.is_local:
            self._folder.system.pipe_file(path, content)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(Path(path)) as partial:
            partial.write_bytes(content)
