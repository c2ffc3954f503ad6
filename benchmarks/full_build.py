"""Compile the models to plain SQL: the statements of a full build, in the order of their dependencies."""

import json
import os
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from logentic import project_folder


def statements(database: Path, folder: Path, settings: dict[str, Any]) -> list[str]:
    """`folder` is where dbt writes what it compiles."""
    from dbt.cli.main import dbtRunner

    os.environ["LOGENTIC_DBT_DB"] = str(database)
    places = ["--project-dir", str(project_folder()), "--profiles-dir", str(project_folder())]
    places += ["--target-path", str(folder), "--log-path", str(folder), "--vars", json.dumps(settings)]
    compiled = dbtRunner().invoke(["--quiet", "compile", *places])
    if not compiled.success:
        raise SystemExit(f"the models do not compile: {compiled.exception}")
    nodes = json.loads((folder / "manifest.json").read_text("utf-8"))["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    order = TopologicalSorter({name: node["depends_on"]["nodes"] for name, node in models.items()}).static_order()
    built = [models[n] for n in order if n in models and models[n]["config"]["materialized"] != "ephemeral"]
    return sorted({f"create schema if not exists {model['schema']}" for model in built}) + [
        f"create {'view' if model['config']['materialized'] == 'view' else 'table'}"
        f" {model['schema']}.{model['alias']} as {model['compiled_code']}"
        for model in built
    ]
