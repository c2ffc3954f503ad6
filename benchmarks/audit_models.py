"""The models, built without their checks for many accounts."""

from dataclasses import replace
from pathlib import Path

import duckdb

from logentic.destinations.duckdb import DuckdbEngine
from logentic.settings import Settings
from logentic.transform.build import model_settings
from logentic.transform.plan import load_plan
from logentic.transform.runner import Runner

ROOT = Path(__file__).parents[1]


class Models:
    """The plan of the models without its checks."""

    def __init__(self) -> None:
        plan = load_plan("duckdb")
        self._plan = replace(plan, nodes=tuple(node for node in plan.nodes if node.kind != "check"))

    def run(self, file: Path, memory: str = "500MB") -> dict[str, float]:
        """Build every table; return how many seconds each took."""
        with duckdb.connect(str(file)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set memory_limit = '{memory}'; set threads = 2; set preserve_insertion_order = false")
            runner = Runner(self._plan, DuckdbEngine(connection, memory, keep_steps=True), model_settings(Settings()))
            runner.build(full_refresh=True)
        return {result.node.name: result.seconds for result in runner.results}
