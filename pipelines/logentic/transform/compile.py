"""Compile the models into a plan with dbt, without a database; needed only in a checkout with changed models."""

import json
import logging
import os
import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from logentic import project_folder
from logentic.atomic_write import replacing
from logentic.errors import BuildError, UsageError, first_line
from logentic.transform.plan import STEPS, Plan, plan_file, plan_of, sources_version

log = logging.getLogger("logentic")
ENGINES = ("duckdb", "postgres", "spark")
LAST = "built_inputs"  # built after all other tables and checks have passed
NO_DBT = "Install logentic-elt[dbt], or undo the change."


def compile_changed(engine: str) -> Plan:
    """Compile a stale plan, and store it if its folder is writable."""
    if not find_spec("dbt.adapters") or not find_spec(f"dbt.adapters.{engine}"):
        raise UsageError("the models were changed and dbt, which compiles them, is not installed", NO_DBT)
    log.warning("the models were changed: compiling them for %s", engine)
    text = compiled(engine)
    with suppress(OSError):
        write_plan(engine, text)
    return plan_of(text)


def write_plan(engine: str, text: str) -> None:
    file = plan_file(engine)
    file.parent.mkdir(exist_ok=True)
    with replacing(file) as partial:
        partial.write_text(text, "utf-8")


def compiled(engine: str) -> str:
    """Return the plan for an engine as JSON; the same models give the same text."""
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    from dbt.cli.main import dbtRunner
    from dbt.version import __version__

    project = str(project_folder())
    with TemporaryDirectory(prefix="logentic-plan-") as folder:
        options = ["--target", engine, "--vars", '{"is_plan": true}', "--exclude", "test_type:unit"]
        options += ["--no-introspect", "--no-populate-cache", "--log-level", "none", "--log-level-file", "none"]
        options += ["--target-path", folder, "--log-path", folder, "--project-dir", project, "--profiles-dir", project]
        outcome = dbtRunner().invoke(["compile", *options])
        if not outcome.success:
            failed = [result.message for result in getattr(outcome.result, "results", []) if result.message]
            raise BuildError(
                f"the models do not compile: {first_line(str(outcome.exception or failed[0]))}", "Correct them."
            )
        manifest = json.loads(Path(folder, "manifest.json").read_text("utf-8"))
    plan = {
        "engine": engine,
        "sources": sources_version(),
        "dbt_version": __version__,
        "nodes": _nodes(manifest),
    }
    return json.dumps(plan, indent=1, ensure_ascii=False) + "\n"


def _nodes(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the nodes in the order of execution: each model after its inputs, and its checks directly after it."""
    known = {**manifest["nodes"], **manifest["sources"]}
    models = {uid: node for uid, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    ordered: dict[str, None] = {}

    def add(uid: str) -> None:
        if uid in models and uid not in ordered:
            for read in sorted(models[uid]["depends_on"]["nodes"]):
                add(read)
            ordered[uid] = None

    for uid in sorted(models, key=lambda uid: (models[uid]["name"] == LAST, uid)):
        add(uid)
    rank = {uid: number for number, uid in enumerate(ordered)}
    checks: dict[str, list[dict[str, Any]]] = {}
    for node in sorted(manifest["nodes"].values(), key=lambda node: node["unique_id"]):
        if node["resource_type"] == "test":
            last = max((uid for uid in node["depends_on"]["nodes"] if uid in rank), key=rank.__getitem__)
            checks.setdefault(last, []).append(node)
    steps = {_relation(node): f"{STEPS}.{_quoted(node)[1]}" for node in models.values() if _kind(node) == "step"}
    for node in models.values():
        if _kind(node) == "view" and (
            dropped := [uid for uid in node["depends_on"]["nodes"] if _kind(known[uid]) == "step"]
        ):
            raise BuildError(
                f"{node['original_file_path']}: a view, and reads {dropped[0]}, which is dropped",
                "Make that a view, too.",
            )
    found = []
    for uid in ordered:
        for node in (models[uid], *checks.get(uid, [])):
            found.append(_node(node, known, steps))
    _mark_reads_of_last_build(found)
    return found


def _mark_reads_of_last_build(nodes: list[dict[str, Any]]) -> None:
    """Mark the nodes that read a table before it is built: the runner runs them in order, and never later."""
    later: dict[str, str] = {}
    for node in reversed(nodes):
        if any(relation in node["sql"] for relation in later.values()):
            node["reads_last_build"] = True
        if node["kind"] not in ("check", "view", "step"):
            later[node["name"]] = node["relation"]
    marked = {node["name"] for node in nodes if node.get("reads_last_build")}
    for node in nodes:
        if node["kind"] == "step" and (read := marked & {*node["reads"]}):
            raise BuildError(
                f"{node['file']}: a step, and reads {min(read)}, which reads tables of the last build",
                "Make one of them a table, or read the table of the last build in one place.",
            )


def _node(node: dict[str, Any], known: dict[str, Any], steps: dict[str, str]) -> dict[str, Any]:
    config, meta, kind = node["config"], node["config"]["meta"], _kind(node)
    sql = node["compiled_code"].strip()
    for relation, step in steps.items():
        sql = re.sub(rf"{re.escape(relation)}(?!\w)", step, sql)
    reads = [known[uid] for uid in node["depends_on"]["nodes"]]
    described = {
        "name": node["name"],
        "kind": kind,
        "file": node["original_file_path"],
        "sql": sql,
        "reads": sorted(f"raw.{read['name']}" if read["resource_type"] == "source" else read["name"] for read in reads),
    }
    if kind == "check":
        about = known.get(node.get("attached_node") or "")
        if about:
            described["file"] = about["original_file_path"]
        described |= {
            "severity": config["severity"].lower(), "warn_if": config["warn_if"], "error_if": config["error_if"]
        }  # fmt: skip
        return described
    described |= {
        "relation": steps.get(_relation(node), _relation(node)),
        "schema": node["schema"],
        "description": node["description"].strip(),
        "columns": {name: column["description"].strip() for name, column in node["columns"].items()},
    }
    if kind == "replace_days":
        day = meta.get("day") or meta["month"]
        since = f"<<{meta['since']}>>"
        described["since"] = f"cast(date_trunc('month', {since}) as date)" if "month" in meta else since
        described["day"] = day
    for name in ("read_before", "function"):
        if name in meta:
            described[name] = meta[name]
    return described


def _kind(node: dict[str, Any]) -> str:
    if node["resource_type"] != "model":
        return {"test": "check"}.get(node["resource_type"], "source")
    config = node["config"]
    if "function" in config["meta"]:
        return "python"
    if config["materialized"] == "view":
        return "view"
    if "since" in config["meta"]:
        return "replace_days" if config["materialized"] == "incremental" else "table"
    is_step = node["original_file_path"].startswith("models/intermediate/") or node["name"] in (
        "build_inputs",
        "news_days",
    )
    return "step" if is_step else "table"


def _relation(node: dict[str, Any]) -> str:
    """Return the name as statements write it: without a database."""
    return ".".join(_quoted(node))


def _quoted(node: dict[str, Any]) -> tuple[str, str]:
    parts = node["relation_name"].split(".")
    return parts[-2], parts[-1]
