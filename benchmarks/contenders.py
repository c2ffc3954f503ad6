"""Who is measured: how each is started, and where its rows stand afterwards.

In: nothing. Out: `CONTENDERS`. All get BASE_URL, TOKEN, FILE and CONNECTIONS in the environment, and a folder of their
own as HOME. Next: measure.py runs one, check.py looks at its file.
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
    """`relations` and `columns` say where rows and numbers stand that are not where the others have them."""

    name: str
    title: str
    command: tuple[str, ...]
    schema: str | None  # None: it keeps nothing
    environment: tuple[Path, ...] = ()  # folders with pyproject.toml and uv.lock
    relations: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    is_slow: bool = False

    def install(self) -> str | None:
        """Its locked environment; or why it cannot be had."""
        for folder in self.environment:
            uv = shutil.which("uv") or str(HERE.parent / ".uv" / "bin" / "uv")
            command = [uv, "sync", "--quiet", "--locked", "--compile-bytecode", "--project", str(folder)]
            known = {name: value for name, value in os.environ.items() if name not in {"UV_PROJECT_ENVIRONMENT"}}
            finished = subprocess.run(command, capture_output=True, text=True, check=False, env=known, cwd=folder)
            if finished.returncode:
                return f"its environment cannot be installed: {finished.stderr.strip().splitlines()[-1]}"
        return None


# The floor keeps to little memory as the product does: one arena of the system's allocator per core.
SMALL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
LINES_IN_ORDERS = "(select unnest(cast(stored_items as json[])) as line from raw.orders)"
QUANTITY_IN_LINE = "cast(line->>'quantity' as decimal(18, 4))"


def _peer(name: str, title: str, *, is_slow: bool = False, schema: str = "raw", **more: dict[str, str]) -> Contender:
    folder = HERE / "peers" / name
    command = (str(folder / ".venv/bin/python"), str(folder / "run.py"))
    return Contender(name, title, command, schema, (folder,), is_slow=is_slow, **more)


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            "bytes",
            "bytes only (pycurl)",
            (str(OURS), str(HERE / "floor" / "bytes_only.py")),
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
        _peer(
            "requests_pandas",
            "requests loop + pandas",
            schema="main",
            columns={"orders__stored_items.quantity": "line__quantity"},
        ),
        _peer("dlt_tuned", "dlt rest_api, tuned (parquet, workers)"),
        Contender(
            "singer",
            "Singer SDK tap + target-duckdb",
            (str(HERE / "peers" / "singer" / "run.sh"),),
            "raw",
            (HERE / "peers" / "singer", HERE / "peers" / "target_duckdb"),
            relations={"orders__stored_items": LINES_IN_ORDERS},
            columns={"orders__stored_items.quantity": QUANTITY_IN_LINE},
            is_slow=True,
        ),
        _peer(
            "pyairbyte",
            "PyAirbyte, declarative manifest",
            is_slow=True,
            relations={"orders__stored_items": LINES_IN_ORDERS},
            columns={"orders__stored_items.quantity": QUANTITY_IN_LINE},
        ),
        _peer("dlt_stock", "dlt rest_api, as its docs teach", is_slow=True),
    )
}
