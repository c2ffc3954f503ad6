"""Anything in any order: time passes, rows change, runs end or die, state is lost. Then a run says what the API says.

A run that ends leaves in raw, as the latest version of each record, exactly what the API shows at that moment, and no
version twice. Changes are such as a run promises to see: of open charges, and of days within the look-back. An order
that is deleted is not among them, since no list would say so.
More examples: STATE_MACHINE_EXAMPLES=200 .venv/bin/pytest tests/integration/test_state_machine.py
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from hypothesis import Phase, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from killed_run import LOADING_STEPS, arm
from raw_tables import doubled_rows

from logentic.job import JobOptions, run_job
from logentic.resources import RESOURCES, Resource
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "0"))
STEPS = (*LOADING_STEPS, "before publishing")
CHANGES = (
    "time_passes",
    "an_order_arrives",
    "an_order_changes",
    "an_item_arrives",
    "an_item_changes",
    "an_item_goes",
    "stock_moves",
    "a_charge_arrives",
    "a_charge_changes",
    "a_charge_goes",
    "a_day_is_restated",
    "a_day_is_emptied",
)
PLACES = strategies.integers(0, 1000)  # which of the records there are, and what becomes of it


class MovingAccount(RuleBasedStateMachine):
    """One account, one file, and what happens to both."""

    @initialize(quantities=strategies.sampled_from(["history", "in_place"]))
    def begin(self, quantities: Any) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.state = State(self.folder / "logentic.duckdb")
        account = Account(seed=61, scale=0.05, days=12, today=TODAY)
        self.sandbox = Sandbox(account, readings=Readings(quantities=quantities)).__enter__()
        self.settings = Settings(base_url=self.sandbox.url, api_token=self.sandbox.token)

    def teardown(self) -> None:
        if hasattr(self, "sandbox"):
            self.sandbox.__exit__()
            shutil.rmtree(self.folder)

    @rule(changes=strategies.lists(strategies.tuples(strategies.sampled_from(CHANGES), PLACES), min_size=2, max_size=8))
    def the_account_moves(self, changes: list[tuple[str, int]]) -> None:
        for change, place in changes:
            getattr(self, change)(place)

    def time_passes(self, place: int) -> None:
        self.sandbox.clock.advance(timedelta(minutes=(1, 59, 7 * 60, 26 * 60)[place % 4]))

    def an_order_arrives(self, place: int) -> None:
        self.sandbox.insert("orders", self._like(self._some("orders", place)))

    def an_order_changes(self, place: int) -> None:
        order = self._some("orders", place)
        stored_items = [{**order["stored_items"][0], "quantity": place % 5 + n} for n in range(1, 1 + place % 3)]
        self.sandbox.alter("orders", order["id"], status=("CANCELLED", "ON_HOLD")[place % 2], stored_items=stored_items)

    def an_item_arrives(self, place: int) -> None:
        self.sandbox.insert("items", self._like(self._some("items", place)))

    def an_item_changes(self, place: int) -> None:
        self.sandbox.alter("items", self._some("items", place)["id"], name=f"Lampe {place}")

    def an_item_goes(self, place: int) -> None:
        if len(self.sandbox.state().rows("items")) > 1:
            self.sandbox.remove("items", self._some("items", place)["id"])

    def stock_moves(self, place: int) -> None:
        self.sandbox.move(self._some("items", place)["id"], received=3, announced=1)

    def a_charge_arrives(self, place: int) -> None:
        if template := self._some_charge(place):
            self.sandbox.insert("payment_items", {**self._like(template), "amount": Decimal(place) / 100})

    def a_charge_changes(self, place: int) -> None:
        if charge := self._some_charge(place):
            self.sandbox.alter("payment_items", charge["id"], amount=Decimal(place) / 100)

    def a_charge_goes(self, place: int) -> None:
        if charge := self._some_charge(place):
            self.sandbox.remove("payment_items", charge["id"])

    def a_day_is_restated(self, place: int) -> None:
        day = self.sandbox.clock.now().date() - timedelta(days=1 + place % 6)
        self.sandbox.restate_day(day, supply=place)

    def a_day_is_emptied(self, place: int) -> None:
        self.sandbox.restate_day(self.sandbox.clock.now().date() - timedelta(days=1 + place % 6))

    @rule()
    def a_run_ends(self) -> None:
        run_job(self.settings, self.state.file, JobOptions(models=False))
        assert differing(self.state.file, self.sandbox) == {}, "only in raw, only at the API"
        assert said_twice(self.state.file) == {}

    @rule(step=strategies.sampled_from(STEPS))
    def a_run_is_killed(self, step: str) -> None:
        """In a process that is split off, so that the kill is a real one; a step that is not reached lets it end."""
        child = os.fork()
        if not child:
            try:
                arm(step)
                run_job(self.settings, self.state.file, JobOptions(models=False))
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    @precondition(lambda self: self.state.file.exists())
    @rule(back=strategies.integers(0, 9), days=strategies.integers(0, 9))
    def days_are_read_again(self, back: int, days: int) -> None:
        start = self.sandbox.clock.now().date() - timedelta(days=back)
        run_job(self.settings, self.state.file, JobOptions(start, start + timedelta(days=days), models=False))
        assert said_twice(self.state.file) == {}

    @precondition(lambda self: self.state.file.exists())
    @rule(part=strategies.sampled_from(["pending packages", "dlt", "work.duckdb", "work.duckdb.wal", "built.json"]))
    def state_is_lost(self, part: str) -> None:
        lost = self.state.folder / part
        if lost.is_dir():
            shutil.rmtree(lost)
        elif part == "pending packages" and self.state.dlt.exists():
            dlt.attach("logentic", pipelines_dir=str(self.state.dlt)).abort_packages()
        else:
            lost.unlink(missing_ok=True)

    @precondition(lambda self: self.state.file.exists())
    @rule(part=strategies.sampled_from(["work.duckdb", "dlt/logentic/state.json", "built.json"]))
    def state_is_corrupted(self, part: str) -> None:
        damaged = self.state.folder / part
        if damaged.exists():
            damaged.write_bytes(b"not what stood here")

    def _some(self, resource: str, place: int) -> Mapping[str, Any]:
        rows = self.sandbox.state().rows(resource)
        return rows[place % len(rows)]

    def _some_charge(self, place: int) -> Mapping[str, Any] | None:
        """A charge of the open month that is not billed: these are read again on every run."""
        month = self.sandbox.clock.now().date().replace(day=1)
        rows = [row for row in self.sandbox.state().rows("payment_items") if row["start"] >= month]
        rows = [row for row in rows if row["billed_date"] is None and row["type"] != "storage"]
        return rows[place % len(rows)] if rows else None

    @staticmethod
    def _like(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if name not in ("id", "created_at", "updated_at")}


def differing(file: Path, sandbox: Sandbox) -> dict[str, tuple[list[Any], list[Any]]]:
    """By resource: what only the latest versions say, and what only the API says."""
    found = {}
    with duckdb.connect(str(file), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        for resource in RESOURCES.values():
            stored, shown = _stored(published, resource), _shown(sandbox, resource)
            if stored != shown:
                found[resource.name] = (
                    [row for key, row in stored.items() if shown.get(key) != row],
                    [row for key, row in shown.items() if stored.get(key) != row],
                )
    return found


def _stored(published: duckdb.DuckDBPyConnection, resource: Resource) -> dict[Any, dict[str, Any]]:
    names = [name for name in resource.columns if name not in resource.personal]
    lines = "null"
    if resource.lines:
        columns = ", ".join(resource.lines.columns)
        lines = (
            f"(select list(({columns}) order by line_number) from logentic_raw.{resource.lines.table} as l"
            f" where l.{resource.lines.parent} = r.id and l._seen_at = r._seen_at)"
        )
    key = ["id"] if resource.name == "item_quantities" else resource.key  # of records in place, the API shows the last
    rows = published.execute(
        f"select {', '.join(quoted(names))}, {lines} as lines from logentic_raw.{resource.name} as r"
        f" qualify row_number() over (partition by {', '.join(key)} order by _seen_at desc, _dlt_load_id desc) = 1"
        " and not _is_removed"
    ).fetchall()
    return {_key(resource, row): row for row in (dict(zip([*names, "lines"], values, strict=True)) for values in rows)}


def _shown(sandbox: Sandbox, resource: Resource) -> dict[Any, dict[str, Any]]:
    rows = {}
    for shown in sandbox.state().rows(resource.name):
        row = {name: _field(shown, name) for name in resource.columns if name not in resource.personal}
        row["lines"] = None
        if resource.lines:
            row["lines"] = [tuple(line.get(name) for name in resource.lines.columns) for line in shown["stored_items"]]
        rows[_key(resource, row)] = row
    return rows


def _field(row: Mapping[str, Any], name: str) -> Any:
    outer, _, inner = name.partition("__")
    return row.get(outer, {}).get(inner) if inner else row.get(outer)


def _key(resource: Resource, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in resource.key)


def said_twice(file: Path) -> dict[str, int]:
    """By table: rows that stand there more than once, and versions that say what the one before them said."""
    with duckdb.connect(str(file), read_only=True) as published:

        def count(table: str, what: str) -> int:
            return published.execute(f"select {what} from logentic_raw.{table}").fetchone()[0]

        found = doubled_rows(count)
        for resource in RESOURCES.values():
            if resource.lines:
                continue  # a version may differ from the one before it in its lines only
            told = ", ".join(quoted([*resource.columns, "_is_removed"]))
            repeated = (
                f"select count(*) from (select ({told}) as told, lag(told) over (partition by"
                f" {', '.join(resource.key)} order by _seen_at, _dlt_load_id) as before"
                f" from logentic_raw.{resource.name}) where told = before"
            )
            found[f"{resource.name}, again"] = published.execute(repeated).fetchone()[0]
    return {name: count for name, count in found.items() if count}


def quoted(names: Any) -> list[str]:
    return [f'"{name}"' for name in names]


@pytest.mark.parametrize("quantities", ["history", "in_place"])
def test_one_of_everything(quantities: str) -> None:
    """Each rule at least once, where a mistake in recovery, in tombstones or in a rebuilt state shows."""
    account = MovingAccount()
    try:
        account.begin(quantities=quantities)
        account.a_run_is_killed("half was loaded")
        account.a_run_ends()
        account.the_account_moves([(change, 3 + place) for place, change in enumerate(CHANGES)])
        account.a_run_is_killed("a file was loaded but not noted")
        account.a_run_ends()
        account.the_account_moves([("time_passes", 3), ("stock_moves", 1), ("a_charge_goes", 2)])
        account.a_run_is_killed("all was extracted")
        account.state_is_lost("dlt")
        account.state_is_corrupted("work.duckdb")
        account.a_run_ends()
        account.days_are_read_again(9, 5)
        account.a_run_ends()
    finally:
        account.teardown()


TestMovingAccount = MovingAccount.TestCase
# The same examples in every run, and not shrunk when one fails; on demand other ones, longer, and shrunk.
TestMovingAccount.settings = (
    settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None, database=None, derandomize=False)
    if EXAMPLES
    else settings(max_examples=10, stateful_step_count=6, deadline=None, database=None, phases=[Phase.generate])
)
