"""The compiled plan of the models: the statements of a build, in order, with their parameters."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from logentic import project_folder
from logentic.errors import UsageError

# A change of these files rebuilds all tables. The plan also depends on descriptions and checks.
MODEL_FILES = ("dbt_project.yml", "macros/*.sql", "models/**/*.sql")
PLAN_FILES = (*MODEL_FILES, "models/**/*.yml", "tests/reconcile/**/*.sql")
COMPILER = Path(__file__).with_name("compile.py")
DAYS = ("stock_from", "ledger_from", "history_from", "cost_from", "charges_from")  # the columns of rebuilt_days
STEPS = "<<steps>>"  # the parameter for the schema of steps
Kind = Literal["view", "table", "step", "replace_days", "check", "python"]


@dataclass(frozen=True)
class Node:
    """One model or check. `sql` and `relation` have parameters, <<name>>.

    view, table: rebuilt by every build. step: a table that only later nodes read. replace_days: the rows whose `day` is
    `since` or later are replaced. check: the rows of the query are failures. python: `sql` creates an empty table,
    which `function` (module:name) fills from the tables in `reads`.
    """

    name: str
    kind: Kind
    file: str  # of the model; for a check, of the model that it tests
    sql: str
    reads: tuple[str, ...] = ()  # names of nodes, and raw.<name>
    relation: str = ""
    schema: str = ""
    description: str = ""
    columns: Mapping[str, str] | None = None  # column descriptions
    day: str = ""  # replace_days: the expression that is compared with the first day
    since: str = ""
    read_before: Mapping[str, str] | None = None  # columns, with types, that earlier nodes read from the last build
    reads_last_build: bool = False  # reads a later node's table, as last built
    severity: str = ""
    warn_if: str = ""
    error_if: str = ""
    function: str = ""


@dataclass(frozen=True)
class Plan:
    engine: str
    sources: str  # the hash of the files it was compiled from
    dbt_version: str
    nodes: tuple[Node, ...]


def models_version() -> str:
    """Return a hash of the models; tables that other models built are rebuilt."""
    return _hash_of(MODEL_FILES)


def sources_version() -> str:
    """Return a hash of the files from which a plan is compiled, and of the compiler."""
    return sha256(f"{_hash_of(PLAN_FILES)} {COMPILER.read_text('utf-8')}".encode()).hexdigest()[:12]


def plan_file(engine: str) -> Path:
    return project_folder() / "plan" / f"{engine}.json"


def load_plan(engine: str) -> Plan:
    """Return the plan for an engine; raise `UsageError` if it is stale and cannot be compiled."""
    plan = _read_plan(plan_file(engine))
    if plan is None or plan.sources != sources_version():
        from logentic.transform.compile import compile_changed

        plan = compile_changed(engine)
    return plan


def plan_of(text: str) -> Plan:
    """Return the plan that a JSON text describes."""
    found = json.loads(text)
    nodes = tuple(Node(**node | {"reads": tuple(node.get("reads", ()))}) for node in found.pop("nodes"))
    return Plan(**found, nodes=nodes)


def bind(sql: str, parameters: Mapping[str, str], quoted_columns: Mapping[str, str] | None = None) -> str:
    """Replace the parameters in a statement.

    `<<minor_unit 1.1>>` becomes 1.1 times the currency's smallest amount. `<<aliases amount: total cost: …%s…>>`
    repeats the expression for each alias of a field that is among `quoted_columns` (name: as the engine quotes it).
    """

    def value(found: re.Match[str]) -> str:
        name, _, rest = found[1].partition(" ")
        if name == "minor_unit":
            return f"{Decimal(rest).scaleb(-int(parameters['minor_digits'])):f}"
        if name == "aliases":
            field, known, expression = rest.split(": ", 2)
            columns = quoted_columns or {}
            aliases = dict.fromkeys([*json.loads(parameters["payment_item_aliases"]).get(field, []), *known.split()])
            return "".join(expression.replace("%s", columns[alias]) for alias in aliases if alias in columns)
        try:
            return parameters[found[1]]
        except KeyError:
            raise UsageError(
                f"the plan has a parameter that this version does not know: {found[1]}", "Install logentic-elt again."
            ) from None

    return re.sub(r"<<(.+?)>>", value, sql, flags=re.DOTALL)


def setting_parameters(
    given: Mapping[str, Any], literal: Callable[[str], str], text_type: str, rows: Iterable[str]
) -> dict[str, str]:
    """Return the parameters that depend on settings alone, from `model_settings`.

    `rows`: the parameters <<rows NAME: COLUMNS>> of the plan. `literal` writes a text as the engine reads it.
    """
    digits = int(given["minor_digits"])
    fingerprint = sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:32]
    found = {
        "timezone": literal(given["timezone"])[1:-1],
        "fingerprint": fingerprint,
        "minor_digits": str(digits),
        "money_digits": str(max(digits, 2)),
        "minor_units": str(10**digits),
        "most_allocated": str(10 ** min(11 - digits, 9)),
        "payment_item_aliases": json.dumps(given["payment_item_aliases"]),
    }
    for parameter in rows:
        name, _, columns = parameter.removeprefix("rows ").partition(": ")
        values = [given] if name == "settings" else given[name]
        found[parameter] = "".join(
            f"(true, {', '.join(_cast(row.get(column), literal, text_type) for column in columns.split())}),\n"
            for row in values
        )
    return found


def _cast(value: Any, literal: Callable[[str], str], text_type: str) -> str:
    return f"cast({'null' if value is None else literal(str(value))} as {text_type})"


def _read_plan(file: Path) -> Plan | None:
    try:
        return plan_of(file.read_text("utf-8"))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


@cache
def _hash_of(patterns: tuple[str, ...]) -> str:
    folder, digest = project_folder(), sha256()
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
