"""Run a compiled plan on one connection: models in order, each check directly after its model."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from logentic.destinations.base import Engine
from logentic.errors import BuildError, first_line, is_out_of_memory
from logentic.transform.descriptions import descriptions
from logentic.transform.plan import DAYS, Node, Plan, bind, setting_parameters
from logentic.transform.raw_tables import raw_tables
from logentic.transform.unchanged import Unchanged

FIRST_DAY = "date '0001-01-01'"  # the first day of a full build
BUILT_INPUTS = {"kind": "varchar", "key": "varchar", "value": "varchar", "since": "date"}
SHOWN_ROWS = 3
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "!=": lambda found, limit: found != limit,
    "<>": lambda found, limit: found != limit,
    "=": lambda found, limit: found == limit,
    ">": lambda found, limit: found > limit,
    ">=": lambda found, limit: found >= limit,
    "<": lambda found, limit: found < limit,
    "<=": lambda found, limit: found <= limit,
}
Progress = Callable[[str, int, int], None]  # arguments: a node's name, its number, the number of nodes


@dataclass
class Result:
    """The outcome of one node, in dbt's words; skipped: it was not run, because nothing that it reads changed.
    `rows`: written or, for a check, found; None if the engine does not report them.
    """

    node: Node
    status: str
    started_at: datetime
    seconds: float = 0
    rows: int | None = None
    message: str = ""


@dataclass
class StepContext:
    """The arguments of a Python step, which fills `table` from the tables in `reads`."""

    engine: Engine
    table: str
    reads: Mapping[str, str]  # name: relation
    settings: Mapping[str, Any]
    parameters: Mapping[str, str]
    kept: dict[str, Any]  # passed from one step to a later one of the same build


@dataclass
class Runner:
    """Run the nodes of a plan and collect their results. `settings` are those of `model_settings`."""

    plan: Plan
    engine: Engine
    settings: Mapping[str, Any]
    progress: Progress = lambda name, number, count: None
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = {name for node in self.plan.nodes for name in re.findall(r"<<(rows .+?)>>", node.sql)}
        self._nodes = {node.name: node for node in self.plan.nodes}
        self._parameters = setting_parameters(self.settings, self.engine.literal, self.engine.text_type, sorted(rows))
        built = self._nodes["rebuilt_days"].relation.rpartition(".")[0]
        self._parameters |= {"steps": self.engine.steps or built, "is_full": "false"}
        self._kept: dict[str, Any] = {}
        self._unchanged = Unchanged(self.engine, self._parameters["fingerprint"])
        self._made: dict[str, Result] = {}
        self._absent: dict[str, Result] = {}  # nodes to run only if another one needs them
        self._use_days(None)

    def build(self, *, full_refresh: bool = False) -> None:
        """Build all tables whose inputs changed; for tables by day, only the days that new data affects.

        If `full_refresh` is set or a table is missing, build all days of all tables.
        """
        engine, nodes = self.engine, self.plan.nodes
        engine.make_schemas(sorted({node.schema for node in nodes if node.schema}))
        engine.complete_raw(raw_tables())
        standing = engine.relations()
        built_inputs = self.relation(self._nodes["built_inputs"])
        grown = [self.relation(node) for node in nodes if node.kind == "replace_days"]
        is_full = full_refresh or not {built_inputs, *grown} <= standing.keys()
        self._unchanged.take(standing.keys(), is_full=is_full)
        if is_full:
            self._parameters["is_full"] = "true"
            if built_inputs in standing:
                engine.drop_table(built_inputs)
            engine.make_empty(built_inputs, BUILT_INPUTS)
        for node in nodes:
            if node.read_before and self.relation(node) not in standing:
                engine.make_empty(self.relation(node), node.read_before)
        self._run(nodes, standing.keys())
        self._unchanged.write()
        engine.write_comments(descriptions(self.plan))
        engine.remove_all_but({engine.built_nodes or ""} | {self.relation(node) for node in nodes})

    def relation(self, node: Node) -> str:
        return bind(node.relation, self._parameters)

    def bound(self, node: Node) -> str:
        """Return the statement of a node with its parameters bound."""
        columns = self.engine.raw_columns("payment_items") if "<<aliases" in node.sql else None
        return bind(node.sql, self._parameters, columns)

    def check(self) -> None:
        """Run only the checks of the published tables, over all days."""
        self.engine.complete_raw(raw_tables())
        steps = {node.name: node for node in self.plan.nodes if node.kind == "step"}
        needed: set[str] = set()

        def need(names: Iterable[str]) -> None:
            for name in names:
                if name in steps and name not in needed:
                    needed.add(name)
                    need(steps[name].reads)

        checks = [node for node in self.plan.nodes if node.kind == "check" and not steps.keys() >= set(node.reads)]
        for check in checks:
            need(check.reads)
        self._run([node for node in self.plan.nodes if node in checks or node.name in needed])

    def _run(self, nodes: Sequence[Node], standing: Set[str] | None = None) -> None:
        """Run nodes in order; given the existing tables, skip those that would not change."""
        self._last_reader = {name: number for number, node in enumerate(nodes) for name in node.reads}
        for number, node in enumerate(nodes):
            self.progress(node.name, number, len(nodes))
            result = Result(node, "skipped", datetime.now(UTC))
            self.results.append(result)
            if standing is not None and self._stands(node, standing) and self._unchanged.holds(node, self.bound(node)):
                self._absent[node.name] = result
                self._read_days(node)
            else:
                self._run_with_inputs(node, result)
            self._drop_steps(number)
        self.progress("", len(nodes), len(nodes))

    def _stands(self, node: Node, standing: Set[str]) -> bool:
        """Return whether the last build's table exists; a step that it dropped is made when something reads it."""
        is_dropped = node.kind == "step" and self.engine.steps
        return node.kind == "check" or bool(is_dropped) or self.relation(node) in standing

    def _run_with_inputs(self, node: Node, result: Result) -> None:
        """Run a node after the steps that it reads and that were skipped or dropped."""
        for name in node.reads:
            absent = self._absent.get(name)
            # A Python step may leave rows to a later one.
            if absent and (absent.node.kind == "step" or absent.node.kind == node.kind == "python"):
                del self._absent[name]
                self._run_with_inputs(absent.node, absent)
        began = time.perf_counter()
        result.status, result.started_at = "error", datetime.now(UTC)
        try:
            self._run_node(node, result)
        except Exception as error:
            if not self.engine.is_error(error):
                raise
            result.message = f"{node.file}: {node.kind.replace('_', ' ')} {node.name}: {first_line(error)}"
            is_memory = is_out_of_memory(error)
            advice = f"Nothing was published{f'; {self.engine.memory_advice}' if is_memory else '.'}"
            raise BuildError(f"models and checks failed: {result.message}", advice) from error
        finally:
            result.seconds = round(result.seconds + time.perf_counter() - began, 4)
        self._made[node.name] = result

    def _drop_steps(self, number: int) -> None:
        """Drop steps that no later node reads; they are made again if a skipped node has to run."""
        for name in [*self._made]:
            if self._nodes[name].kind == "step" and self._last_reader.get(name, 0) <= number:
                self.engine.drop_step(self.relation(self._nodes[name]))
                self._absent[name] = self._made.pop(name)

    def _run_node(self, node: Node, result: Result) -> None:
        relation, sql = self.relation(node), self.bound(node)
        if node.kind == "check":
            self._check(node, sql, result)
            if result.status == "pass":  # other failures are reported by each build
                self._unchanged.note(node, sql, relation, None)
            return
        result.status = "success"
        if node.kind == "view":
            self.engine.make_view(relation, sql)
            self._unchanged.note(node, sql, relation, None)
            return
        if node.kind == "replace_days" and not self._is_full:
            since = bind(node.since, self._parameters)
            result.rows = self.engine.replace_rows(relation, sql, f"{node.day} >= {since}")
        else:
            result.rows = self.engine.make_table(relation, sql, is_step=node.kind == "step")
        if node.kind == "python":
            module, _, name = node.function.partition(":")
            reads = {name: self.relation(self._nodes[name]) for name in node.reads if name in self._nodes}
            context = StepContext(self.engine, relation, reads, self.settings, self._parameters, self._kept)
            result.rows = getattr(import_module(module), name)(context)
        self.engine.finish_table(relation)
        self._unchanged.note(node, sql, relation, result.rows)
        self._read_days(node)

    def _read_days(self, node: Node) -> None:
        """Bind the first day to rebuild of each table, if its table exists."""
        if node.name == "rebuilt_days":
            names = ", ".join(f"cast({name} as {self.engine.text_type})" for name in DAYS)
            (days,) = self.engine.rows(f"select {names} from {self.relation(node)}")
            self._use_days(dict(zip(DAYS, days, strict=True)))

    def _check(self, node: Node, sql: str, result: Result) -> None:
        ((found,),) = self.engine.rows(f"select count(*) from ({sql}\n) as failures")
        result.rows = found
        is_error = node.severity == "error" and _holds(node.error_if, found)
        result.status = "fail" if is_error else "warn" if _holds(node.warn_if, found) else "pass"
        if result.status == "pass":
            return
        noun = "row" if found == 1 else "rows"
        names, rows = self.engine.named_rows(f"select * from ({sql}\n) as failures limit {SHOWN_ROWS}")
        such = "; ".join(", ".join(f"{n} {v}" for n, v in zip(names, row, strict=True)) for row in rows)
        result.message = f"{node.file}: check {node.name} found {found} {noun}: {such}"
        if result.status == "fail":
            raise BuildError(f"models and checks failed: {result.message}", "Nothing was published.")

    def _use_days(self, days: Mapping[str, str] | None) -> None:
        """Bind the first day to rebuild of each table, from rebuilt_days; all days until that table is built."""
        for name in DAYS:
            self._parameters[name] = self._parameters[f"checked {name}"] = f"date '{days[name]}'" if days else FIRST_DAY
        self._is_full = self._parameters["stock_from"] == FIRST_DAY


def _holds(condition: str, found: int) -> bool:
    operator, _, limit = condition.strip().partition(" ")
    return COMPARISONS[operator](found, int(limit))
