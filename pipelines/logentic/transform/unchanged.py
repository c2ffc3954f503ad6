"""Find the nodes of a plan that a build can skip, because their statement and their inputs did not change."""

import json
from collections.abc import Set
from functools import cache
from hashlib import sha256
from pathlib import Path

import logentic
from logentic.destinations.base import Engine
from logentic.transform.plan import Node

COLUMNS = {"name": "varchar", "signature": "varchar", "content": "varchar"}
COMPARED_ROWS = 1_000_000  # do not compare the rows of a larger table: reading them costs as much as later nodes save


class Unchanged:
    """The state of the last build: for each node, the signatures of its statement and inputs, and of its rows.

    A node with the same signature returns the same rows. If a node was run and returned the same rows as before, its
    readers need not run.
    """

    def __init__(self, engine: Engine, settings_version: str) -> None:
        """`settings_version`: a hash of all settings, which Python steps read."""
        self._engine, self._table, self._settings_version = engine, engine.built_nodes, settings_version
        self._last: dict[str, str] = {}  # node: signature
        self._contents: dict[str, str | None] = {}  # node or raw table: digest of its rows, as last built or read
        self._new: dict[str, tuple[str, str]] = {}

    def take(self, standing: Set[str], *, is_full: bool) -> None:
        """Return the notes of the last build, and remove them: they count again after this build succeeds."""
        if not self._table or self._table not in standing:
            return
        for name, signature, content in [] if is_full else self._engine.rows(f"select * from {self._table}"):
            self._last[name], self._contents[name] = signature, content
        self._engine.drop_table(self._table)

    def holds(self, node: Node, sql: str) -> bool:
        """Return whether a node would return the same rows; if so, record that it was skipped."""
        signature = self._signature(node, sql)
        if node.reads_last_build or signature is None or self._last.get(node.name) != signature:
            return False
        self._new[node.name] = (signature, self._contents[node.name] or signature)
        return True

    def note(self, node: Node, sql: str, relation: str, rows: int | None) -> None:
        """Record a node's inputs, before they change, and its rows."""
        signature = self._signature(node, sql)
        content = signature
        if signature and node.kind in ("table", "step") and rows is not None and rows <= COMPARED_ROWS:
            content = self._engine.content(relation)
        self._contents[node.name] = content
        if signature and content:
            self._new[node.name] = (signature, content)

    def write(self) -> None:
        """Write the notes of this build."""
        if not self._table:
            return
        text = self._engine.literal
        self._engine.make_empty(self._table, COLUMNS)
        rows = ", ".join(f"({text(name)}, {text(of)}, {text(rows)})" for name, (of, rows) in self._new.items())
        self._engine.execute(f"insert into {self._table} values {rows}")

    def _signature(self, node: Node, sql: str) -> str | None:
        """Return the signature; None if an input's rows are unknown, or comparison is disabled."""
        if not self._table:
            return None
        contents = [self._content(name) for name in node.reads]
        if None in contents:
            return None
        python = [_code_version(), self._settings_version] if node.function else []
        return _digest([node.kind, sql, *python, *contents])

    def _content(self, name: str) -> str | None:
        if name not in self._contents and name.startswith("raw."):
            self._contents[name] = self._engine.content(f"logentic_raw.{name.removeprefix('raw.')}")
        return self._contents.get(name)


def _digest(parts: list[str | None]) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


@cache
def _code_version() -> str:
    """Return a hash of the code that Python steps may use: the whole package."""
    files = sorted(Path(logentic.__file__).parent.rglob("*.py"))
    return _digest([sha256(file.read_bytes()).hexdigest() for file in files])
