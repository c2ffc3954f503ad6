"""Serve the published file to an assistant over stdin and stdout."""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import duckdb
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field, ValidationError

from logentic.assistant import tables
from logentic.assistant.answers import ANSWERS
from logentic.assistant.guarded_query import open_guarded, run_query
from logentic.dashboard.snapshot import Snapshot, open_snapshot
from logentic.destinations.duckdb import SIGNED
from logentic.errors import LogenticError, UsageError, first_line
from logentic.reports.published_file import open_published
from logentic.sanitizer import json_text, one_line

INSTRUCTIONS = """
Tables of one merchant's Logentic account: orders, stock, storage, charges and what is wrong with them. Ask the
question tools first: their figures are those of the merchant's own screens. Use `query` for anything else: DuckDB SQL,
tables as `list_tables` names them. Amounts are exact decimals, given as text, in the account's currency and before tax
unless stated otherwise. Times are UTC. Never add up `recoverable` and `in_your_favour`: the first was paid too
much, the second was billed too little. Say how recent the data is: `known_at`.
"""
READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
Schema = Annotated[str, Field(description=f"One of {', '.join(tables.SCHEMAS)}.")]


class Server(MCPServer[Any]):
    """An MCP server whose errors are one line."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                first = error.__cause__.errors()[0]
                raise ToolError(one_line(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.")) from None
            if isinstance(error.__cause__, ToolError):  # drop the SDK's prefix
                raise error.__cause__ from None
            raise


def build_server(file: Path, *, max_rows: int, seconds: float, allow_personal_data: bool) -> Server:
    """Return the server. It opens FILE anew for each question, because a run may replace it."""
    server = Server("logentic", instructions=INSTRUCTIONS.strip(), version=version("logentic-elt"), log_level="WARNING")
    one_at_a_time = Lock()  # DuckDB opens a file in one mode per process

    @contextmanager
    def reading() -> Iterator[None]:
        try:
            with one_at_a_time:
                if not allow_personal_data:
                    require_pseudonyms(file)
                yield
        except LogenticError as error:
            raise ToolError(one_line(f"{error}. {error.guidance}".strip())) from None
        except duckdb.Error as error:
            raise ToolError(one_line(first_line(error))) from None

    def list_tables(schema: Schema = tables.SCHEMAS[0]) -> dict[str, Any]:
        """The tables, with what one row of each stands for."""
        with reading(), open_guarded(file) as connection:
            return _plain(tables.list_tables(connection, schema))

    def describe_table(table: str, schema: Schema = tables.SCHEMAS[0]) -> dict[str, Any]:
        """The columns of a table, with their types and meaning, and its number of rows."""
        with reading(), open_guarded(file) as connection:
            return _plain(tables.describe_table(connection, table, schema))

    def query(
        sql: Annotated[str, Field(description="One SELECT, in DuckDB's SQL.")],
        limit: Annotated[int, Field(ge=1, description=f"The most rows to return, up to {max_rows}.")] = max_rows,
    ) -> dict[str, Any]:
        """The rows of one SELECT on the tables."""
        with reading(), open_guarded(file) as connection:
            return _plain(run_query(connection, sql, min(limit, max_rows), seconds))

    def tool_of(answer: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def ask(**arguments: Any) -> dict[str, Any]:
            with reading(), open_snapshot(file) as snapshot:
                return _plain(answer(snapshot, **arguments))

        signature = inspect.signature(answer, eval_str=True)
        parameters = [each for each in signature.parameters.values() if each.annotation is not Snapshot]
        ask.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        ask.__name__, ask.__doc__ = answer.__name__, answer.__doc__
        return ask

    tools: list[Callable[..., Any]] = [*(tool_of(answer) for answer in ANSWERS), list_tables, describe_table, query]
    for tool in tools:
        server.add_tool(tool, annotations=READS)
    return server


def require_pseudonyms(file: Path) -> None:
    """Refuse a file that has, or may have, personal data in clear."""
    with open_published(file) as published:
        try:
            signed = published.execute(SIGNED).fetchone()
        except duckdb.CatalogException:
            signed = None
    if not signed or signed[1] is None:
        raise UsageError(
            f"{file} was loaded with keep_personal_data: an assistant would read names and addresses",
            "Add --allow-personal-data if it may; or load it again without the setting.",
        )


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer as JSON values: decimals and times as text, secrets redacted."""
    plain: dict[str, Any] = json.loads(json_text(answer))
    return plain
