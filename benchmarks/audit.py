"""How well the reconciliation finds what is wrong: precision and recall per rule, on accounts that no test uses.

In: nothing. Out: docs/reconciliation.md. Each account is made from a seed, with traps combined; the models, compiled
once by dbt, are run on its raw tables; found is compared with injected, charge by charge and rule by rule.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.audit_account import write_raw
from logentic.sandbox import Account, truth

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reconciliation.md"
TODAY = date(2026, 3, 17)
NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
RULES = (
    "duplicate_charge",
    "cancelled_order",
    "unknown_order",
    "storage_overbilled",
    "storage_underbilled",
    "missing_charge",
    "outside_period",
    "rate_deviation",
)
HONEST = ("credits", "rebills", "custom_work")
CREDITS = (
    *HONEST,
    *("rebills_in_any_order", "partial_credits", "late_credits", "credits_of_several", "credits_dated_otherwise"),
)
Key = tuple[str, str]


@dataclass
class Case:
    group: str
    name: str
    seed: int
    scale: float = 0.4
    days: int = 100
    share: float | None = None  # of all charges that are wrong; None: one error of each rule and invoice
    scenarios: tuple[str, ...] = HONEST

    def account(self) -> Account:
        per_month = 25 * self.scale * 30 * 3 * (self.share or 0)
        errors = None if self.share is None else {rule: max(1, round(per_month / 8)) for rule in RULES}
        return Account(self.seed, self.scale, self.days, TODAY, scenarios=self.scenarios, errors=errors)


@dataclass
class Score:
    right: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    charges: int = 0

    def add(self, found: set[Key], injected: set[Key], charges: int) -> None:
        self.right.update(rule for rule, _ in found & injected)
        self.false.update(rule for rule, _ in found - injected)
        self.missed.update(rule for rule, _ in injected - found)
        self.charges += charges

    def row(self, name: str, rule: str | None = None) -> str:
        right, false, missed = (
            counts[rule] if rule else sum(counts.values()) for counts in (self.right, self.false, self.missed)
        )
        precision = f"{right / (right + false):.3f}" if right + false else "–"
        recall = f"{right / (right + missed):.3f}" if right + missed else "–"
        return f"| {name} | {right + missed} | {right} | {false} | {missed} | {precision} | {recall} |"


def cases() -> Iterator[Case]:
    traps = {
        "credits and rebills of every kind": CREDITS,
        "a new price, late paperwork": (*HONEST, "rate_change", "late_paperwork"),
        "tiers and a minimum": (*HONEST, "tiers", "minimum"),
        "a week of wrong prices": (*HONEST, "wrong_week"),
        "storage billed at month end": (*HONEST, "storage_at_month_end"),
        "storage billed at its peak": (*HONEST, "storage_at_peak"),
        "all of these at once": (*CREDITS, "rate_change", "late_paperwork", "tiers", "minimum", "wrong_week"),
    }
    for seed in range(9001, 9004):
        for number, (name, scenarios) in enumerate(traps.items()):
            yield Case("traps", name, seed + 10 * number, scenarios=scenarios)
        for share in (0.01, 0.05, 0.20):
            yield Case("share", f"{share:.0%} of charges wrong", seed + 500, share=share, scenarios=CREDITS)
        for months, days in ((1, 48), (3, 108), (12, 382)):
            yield Case("history", f"{months} billed months", seed + 700, scale=0.25, days=days, scenarios=CREDITS)


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


def found_in(file: Path) -> tuple[set[Key], int]:
    with duckdb.connect(str(file)) as connection:
        rows = connection.execute(
            "select rule, coalesce(cast(charge_id as varchar), order_id || ' ' || charge_type)"
            " from logentic_marts.invoice_exceptions"
        ).fetchall()
        charges = connection.execute("select count(*) from logentic_marts.charges").fetchone()
    return {(str(rule), str(subject)) for rule, subject in rows}, charges[0] if charges else 0


def injected_into(account: Account) -> set[Key]:
    return {
        (error.rule, str(error.charge_id) if error.charge_id else f"{error.order_id} {error.charge_type}")
        for error in truth.errors(account, NOON)
    }


def main() -> int:
    scores: dict[tuple[str, str], Score] = {}
    by_rule, shown = Score(), 0
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory() as name:
        folder, models = Path(name), None
        for case in cases():
            if only and only not in case.name:
                continue
            account, file = case.account(), folder / f"{case.seed} {shown}.duckdb"
            write_raw(account, NOON, file)
            began = time.monotonic()
            if models is None:
                models = Models(file, folder)
            models.run(file)
            found, charges = found_in(file)
            injected = injected_into(account)
            file.unlink()
            shown += 1
            scores.setdefault((case.group, case.name), Score()).add(found, injected, charges)
            if case.share is None or case.share < 0.2:
                by_rule.add(found, injected, charges)
            print(
                f"{case.name}, seed {case.seed}: {charges} charges, {len(injected)} injected,"
                f" {len(found - injected)} false, {len(injected - found)} missed, {time.monotonic() - began:.1f} s",
                *sorted(("false", *key) for key in found - injected)[:5],
                *sorted(("missed", *key) for key in injected - found)[:5],
                sep="\n   ",
                flush=True,
            )
    if not only:
        PAGE.write_text(page(scores, by_rule), "utf-8")
    return 0


def page(scores: dict[tuple[str, str], Score], by_rule: Score) -> str:
    head = "| {} | injected | found | false alarms | missed | precision | recall |\n" + "| --- " * 7 + "|"
    parts: list[Any] = [
        OPENING.format(accounts=sum(1 for _ in cases()), charges=f"{by_rule.charges:,}"),
        "## By rule\n",
        head.format("rule"),
        *(by_rule.row(f"`{rule}`", rule) for rule in RULES),
        by_rule.row("all"),
    ]
    for group, title in (("traps", "By trap"), ("share", "By share of wrong charges"), ("history", "By history")):
        parts += [f"\n## {title}\n", head.format(title.removeprefix("By "))]
        parts += [score.row(name) for (of, name), score in scores.items() if of == group]
    return "\n".join(parts) + "\n"


OPENING = """\
# How well the reconciliation finds what is wrong

For whoever wants to know before trusting it. The rules are explained in
[finance.md](finance.md#the-rules). This page is written by `make audit-benchmark`: {accounts} made-up accounts with
{charges} charges, on seeds that no test uses, with known errors put among honest oddities. Found is compared with
injected, charge by charge and rule by rule. A charge that is found under another rule counts as a false alarm and as
missed. By rule, accounts with a fifth of their charges wrong are left out; they have their own row.
"""

if __name__ == "__main__":
    sys.exit(main())
