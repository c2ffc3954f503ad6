"""Compile the models once, and build them in many databases."""

import json
import os
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[1]


class Models:
    """The models as SQL, compiled once, in the order in which they build on one another."""

    def __init__(self, example: Path, folder: Path) -> None:
        os.environ["LOGENTIC_DB"] = str(example)
        from dbt.cli.main import dbtRunner

        at = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT), "--target-path", str(folder / "target")]
        outcome = dbtRunner().invoke(
            ["--quiet", "build", "--exclude-resource-type", "unit_test", *at, "--log-path", str(folder)]
        )
        if not outcome.success:
            raise SystemExit("the models do not build; run dbt build to see why")
        manifest = json.loads((folder / "target" / "manifest.json").read_text("utf-8"))
        nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
        self.steps: list[tuple[str, str, str, str]] = []
        done: set[str] = set()

        def visit(key: str) -> None:
            if key in done or key not in nodes:
                return
            done.add(key)
            node = nodes[key]
            for parent in node["depends_on"]["nodes"]:
                visit(parent)
            kind = node["config"]["materialized"]
            if kind != "ephemeral":
                sql = ROOT / node["compiled_path"] if node["compiled_path"] else None
                code = node.get("compiled_code") or Path(sql).read_text("utf-8")  # type: ignore[arg-type]
                self.steps.append((node["schema"], node["name"], "view" if kind == "view" else "table", code))

        for key in nodes:
            visit(key)

    def run(self, file: Path, memory: str = "500MB") -> dict[str, float]:
        """Build every table; how many seconds each took."""
        seconds = {}
        with duckdb.connect(str(file)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set memory_limit = '{memory}'; set threads = 2; set preserve_insertion_order = false")
            for schema, name, kind, code in self.steps:
                began = time.monotonic()
                connection.execute(f"create schema if not exists {schema}")
                connection.execute(f"create or replace {kind} {schema}.{name} as {code}")
                seconds[name] = time.monotonic() - began
        return seconds
