"""Write run_results.json and manifest.json of a build in dbt's format, for lineage tools."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from logentic.atomic_write import replace_file
from logentic.transform.plan import Node, Plan
from logentic.transform.runner import Result, Runner

SCHEMA = "https://schemas.getdbt.com/dbt/{}.json"


def write_artifacts(runner: Runner, folder: Path) -> None:
    """Write both files; they contain the statement of a node that failed."""
    folder.mkdir(exist_ok=True)
    metadata = {
        "dbt_version": runner.plan.dbt_version,
        "generated_at": _time(datetime.now(UTC)),
        "invocation_id": str(uuid4()),
        "env": {},
    }
    results = {
        "metadata": {"dbt_schema_version": SCHEMA.format("run-results/v6"), **metadata},
        "results": [_result(runner, result) for result in runner.results],
        "elapsed_time": round(sum(result.seconds for result in runner.results), 4),
        "args": {"which": "build", "invocation_command": "logentic"},
    }
    manifest = _manifest(runner.plan, {"dbt_schema_version": SCHEMA.format("manifest/v12"), **metadata})
    for name, content in (("run_results", results), ("manifest", manifest)):
        replace_file(folder / f"{name}.json", json.dumps(content).encode())


def _result(runner: Runner, result: Result) -> dict[str, Any]:
    node, is_check = result.node, result.node.kind == "check"
    ended = result.started_at + timedelta(seconds=result.seconds)
    is_failed = result.status in ("error", "fail")
    return {
        "status": result.status,
        "timing": [{"name": "execute", "started_at": _time(result.started_at), "completed_at": _time(ended)}],
        "thread_id": "MainThread",
        "execution_time": result.seconds,
        "adapter_response": {} if is_check or result.rows is None else {"rows_affected": result.rows},
        "message": result.message or None,
        "failures": result.rows if is_check else None,
        "unique_id": _unique_id(node),
        "compiled": True,
        "compiled_code": runner.bound(node) if is_failed else None,
        "relation_name": runner.relation(node) or None,
        "batch_results": None,
    }


def _manifest(plan: Plan, metadata: dict[str, Any]) -> dict[str, Any]:
    ids = {node.name: _unique_id(node) for node in plan.nodes}
    sources = sorted({name for node in plan.nodes for name in node.reads if name.startswith("raw.")})
    ids |= {name: f"source.logentic.{name}" for name in sources}
    parents = {ids[node.name]: [ids[name] for name in node.reads] for node in plan.nodes}
    children: dict[str, list[str]] = {uid: [] for uid in ids.values()}
    for uid, read in parents.items():
        for parent in read:
            children[parent].append(uid)
    return {
        "metadata": {**metadata, "project_name": "logentic", "adapter_type": plan.engine},
        "nodes": {ids[node.name]: _manifest_node(node, parents[ids[node.name]]) for node in plan.nodes},
        "sources": {
            ids[name]: {
                "unique_id": ids[name],
                "resource_type": "source",
                "package_name": "logentic",
                "source_name": "raw",
                "name": name.removeprefix("raw."),
                "identifier": name.removeprefix("raw."),
                "schema": "logentic_raw",
                "database": None,
                "columns": {},
            }
            for name in sources
        },
        "parent_map": parents,
        "child_map": children,
        **{name: {} for name in ("macros", "docs", "exposures", "metrics", "groups", "selectors", "disabled")},
    }


def _manifest_node(node: Node, parents: list[str]) -> dict[str, Any]:
    return {
        "unique_id": _unique_id(node),
        "resource_type": "test" if node.kind == "check" else "model",
        "package_name": "logentic",
        "name": node.name,
        "alias": node.name,
        "database": None,
        "schema": node.schema,
        "original_file_path": node.file,
        "description": node.description,
        "columns": {name: {"name": name, "description": text} for name, text in (node.columns or {}).items()},
        "config": {"materialized": {"check": "test", "view": "view"}.get(node.kind, "table")},
        "depends_on": {"macros": [], "nodes": parents},
        "tags": [],
        "language": "sql",
    }


def _unique_id(node: Node) -> str:
    return f"{'test' if node.kind == 'check' else 'model'}.logentic.{node.name}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
