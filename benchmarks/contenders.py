"""The contenders of the benchmark: how each is started, and where its file has the rows.

Each gets BASE_URL, TOKEN, FILE and CONNECTIONS in the environment, and a folder of its own as HOME.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
OURS = Path(sys.executable)


@dataclass(frozen=True)
class Contender:
    """A program to start. `relations` and `columns` name the rows and numbers that other contenders have elsewhere."""

    name: str
    title: str
    arguments: tuple[str, ...]
    schema: str | None  # None: it keeps nothing
    relations: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    is_slow: bool = False

    def install(self) -> str | None:
        """Return None, or why the contender cannot be installed."""
        return None

    def command(self) -> tuple[str, ...]:
        return self.arguments


class Peer(Contender):
    """A script whose header names its packages (PEP 723); the file beside it locks them."""

    def install(self) -> str | None:
        finished = _run_uv("sync", "--quiet", "--locked", "--compile-bytecode", "--script", *self.arguments)
        if finished.returncode:
            return f"its environment cannot be installed: {finished.stderr.strip().splitlines()[-1]}"
        return None

    def command(self) -> tuple[str, ...]:
        return (_run_uv("python", "find", "--script", *self.arguments).stdout.strip(), *self.arguments)


def _run_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    uv = shutil.which("uv") or str(HERE.parent / ".uv" / "bin" / "uv")
    variables = {name: value for name, value in os.environ.items() if name != "UV_PROJECT_ENVIRONMENT"}
    return subprocess.run([uv, *arguments], capture_output=True, text=True, check=False, env=variables)


# The floor keeps to little memory as the product does: one arena of the system's allocator per core.
SMALL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
LINES_IN_ORDERS = "(select unnest(cast(stored_items as json[])) as line from raw.orders)"
QUANTITY_IN_LINE = "cast(line->>'quantity' as decimal(18, 4))"
PEERS = HERE / "peers"


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            "bytes",
            "bytes only (pycurl)",
            (str(OURS), str(HERE / "floor" / "fetching.py")),
            None,
            variables=SMALL,
        ),
        Contender(
            "floor",
            "the floor: bytes to Arrow to DuckDB",
            (str(OURS), str(HERE / "floor" / "arrow_duckdb.py")),
            "main",
            variables=SMALL,
        ),
        Contender(
            "logentic",
            "logentic run --no-models",
            ("/bin/sh", "-c", f'exec "{OURS.with_name("logentic")}" run --no-models --db "$FILE"'),
            "logentic_raw",
        ),
        Peer(
            "requests_pandas",
            "requests loop + pandas",
            (str(PEERS / "requests_pandas.py"),),
            "main",
            columns={"orders__stored_items.quantity": "line__quantity"},
        ),
        Peer("dlt_tuned", "dlt rest_api, tuned (parquet, workers)", (str(PEERS / "dlt_tuned.py"),), "raw"),
        Peer(
            "singer",
            "Singer SDK tap + target-duckdb",
            (str(PEERS / "singer_pipeline.py"),),
            "raw",
            relations={"orders__stored_items": LINES_IN_ORDERS},
            columns={"orders__stored_items.quantity": QUANTITY_IN_LINE},
            is_slow=True,
        ),
        Peer(
            "pyairbyte",
            "PyAirbyte, declarative manifest",
            (str(PEERS / "pyairbyte.py"),),
            "raw",
            relations={"orders__stored_items": LINES_IN_ORDERS},
            columns={"orders__stored_items.quantity": QUANTITY_IN_LINE},
            is_slow=True,
        ),
        Peer(
            "dlt_stock",
            "dlt rest_api, as its docs teach",
            (str(PEERS / "dlt_stock.py"),),
            "raw",
            is_slow=True,
        ),
    )
}
