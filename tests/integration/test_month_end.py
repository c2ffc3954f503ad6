"""The life of a finding over runs, and a month that was closed: against a moving account, through the command line."""

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from logentic.cli import app
from logentic.errors import LogenticError, UsageError
from logentic.job import Options, Outcome, run_job
from logentic.reports.exceptions import Finding, read_findings, set_status
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)


class Books:
    """An account, its published file, and what happens to both."""

    def __init__(self, sandbox: Sandbox, file: Path) -> None:
        self.sandbox, self.file = sandbox, file
        self.settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")

    def run(self, days: int = 0) -> Outcome:
        self.sandbox.clock.advance(timedelta(days=days))
        return run_job(self.settings, self.file, Options())

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as published:
            return published.execute(sql).fetchall()

    def finding(self, exception_id: str) -> Finding:
        return next(finding for finding in read_findings(self.file) if finding.exception_id == exception_id)

    def of_rule(self, rule: str) -> Finding:
        return next(finding for finding in read_findings(self.file) if finding.rule == rule)

    def charge(self, charge_id: int | None) -> dict[str, Any]:
        return next(row for row in self.sandbox.state().rows("payment_items") if row["id"] == charge_id)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    with Sandbox(Account(seed=61, scale=0.2, days=80, today=TODAY)) as sandbox:
        books = Books(sandbox, tmp_path_factory.mktemp("books") / "logentic.duckdb")
        books.run()
        yield books


def command(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_finding_lives_and_a_closed_month_remembers(books: Books) -> None:
    """One story, told in order: what one step leaves, the next one meets."""
    overbilled, doubled, cancelled = map(books.of_rule, ("storage_overbilled", "duplicate_charge", "cancelled_order"))
    assert {finding.status for finding in read_findings(books.file)} == {"open"}
    assert overbilled.days_left == (overbilled.dispute_until - TODAY).days > 0

    # What someone says shows at once, and is published by the next run, which has no other news.
    for finding, status in ((overbilled, "disputed"), (doubled, "disputed"), (cancelled, "accepted")):
        set_status(books.file, finding.exception_id, status, f"of {status}", "ann")
    set_status(books.file, doubled.exception_id, "disputed", "=1+1", "zoé")
    assert [f.exception_id for f in read_findings(books.file, status="accepted")] == [cancelled.exception_id]
    assert (books.finding(doubled.exception_id).note, books.finding(doubled.exception_id).set_by) == ("=1+1", "zoé")
    assert books.finding(cancelled.exception_id).days_left is None
    assert books.ask("select count(*) from exception_status where status <> 'open'") == [(0,)]
    assert books.run().published_bytes
    assert books.ask(
        "select status, count(*) from exception_status where set_by is not null group by 1 order by 1"
    ) == [
        ("accepted", 1),
        ("disputed", 2),
    ]
    assert books.run().published_bytes is None

    # A month that has ended is closed once.
    for month in ("2026-03", "2026-02", "2026-02"):
        closed = command("close", month, "--db", books.file, "--by", "ann")
        if month == "2026-03":
            assert "2026-03 has not ended" in str(closed.exception)
    assert "2026-02 was closed by ann" in str(closed.exception)

    # The account says something else: a charge is restated, one is credited, one is new in the closed month.
    old = books.charge(overbilled.charge_id)
    books.sandbox.alter("payment_items", old["id"], amount=old["amount"] + 5)
    credited = books.charge(doubled.charge_id)
    bill = {name: value for name, value in credited.items() if name not in ("id", "created_at", "updated_at")}
    books.sandbox.insert("payment_items", bill | {"amount": -bill["amount"]})
    late = bill | {"start": date(2026, 2, 10), "end": date(2026, 2, 10), "amount": Decimal("7.77")}
    late_id = books.sandbox.insert("payment_items", late)
    books.run(days=8)
    check_what_became_of_it(books, overbilled, doubled, late_id)

    # The folder is lost: the published file knows it all, and the journals are written again.
    shutil.rmtree(State(books.file).folder)
    books.run()
    check_what_became_of_it(books, overbilled, doubled, late_id)
    assert books.ask("select count(*) from logentic_raw.exception_log") == [(4,)]
    assert books.run().published_bytes is None

    # Said again, of the charge as it is now; the earlier words are kept.
    set_status(books.file, overbilled.exception_id, "rejected", "they showed the contract", "ann")
    books.run()
    again = books.finding(overbilled.exception_id)
    assert (again.status, again.what_changed) == ("rejected", None)
    told = "select status from logentic_staging.stg_exception_log where exception_id = '{}' order by set_at"
    assert books.ask(told.format(overbilled.exception_id)) == [("disputed",), ("rejected",)]
    assert "Nothing is left to say" in str(refused(books, doubled.exception_id, "rejected").guidance)


def check_what_became_of_it(books: Books, overbilled: Finding, doubled: Finding, late_id: int) -> None:
    reopened, settled = books.finding(overbilled.exception_id), books.finding(doubled.exception_id)
    before = Decimal(str(overbilled.amount_at_stake))
    assert (reopened.status, reopened.amount_at_stake, reopened.set_by) == ("open", before + 5, "ann")
    assert reopened.what_changed.startswith("Was disputed; since then: amount ")
    assert (settled.status, settled.days_left) == ("credited", None)
    assert settled.what_changed.endswith("credits it.")
    charges = "from restatements where subject = 'charge' and"
    assert books.ask(f"select value_after - value_before {charges} key = '{overbilled.charge_id}'") == [(Decimal(5),)]
    assert books.ask(f"select key, value_after {charges} value_before is null and value_after > 0") == [
        (str(late_id), Decimal("7.77"))
    ]
    assert books.ask("select count(*) from restatements where seen_at is null") == [(0,)]
    assert books.ask("select distinct month, closed_by from restatements") == [(date(2026, 2, 1), "ann")]
    assert books.ask("select count(*) from restatements where subject in ('stock', 'storage')") == [(0,)]


def refused(books: Books, exception_id: str, status: str) -> LogenticError:
    with pytest.raises(UsageError) as raised:
        set_status(books.file, exception_id, status, None, "ann")
    return raised.value


def test_what_cannot_be_said_is_one_clear_line(books: Books) -> None:
    known = read_findings(books.file)[0].exception_id
    assert "has no exception '1-nothing'" in str(refused(books, "1-nothing", "disputed"))
    assert "accepted, disputed" in refused(books, known, "won").guidance
    for words, message in {
        ("exceptions",): "--db FILE is missing",
        ("exceptions", "--db", books.file, "--month", "January"): "'January' is not a month",
        ("exceptions", "--db", books.file, "--status", "lost"): "--status 'lost' is not known",
        ("close", "2019-01", "--db", books.file): "knows nothing of 2019-01",
        ("close", "2026-1", "--db", books.file): "'2026-1' is not a month",
    }.items():
        answer = command(*words)
        assert isinstance(answer.exception, UsageError), words
        assert message in str(answer.exception)


def test_the_list_for_a_program_has_what_the_list_for_a_person_has(books: Books) -> None:
    read = json.loads(command("exceptions", "--db", books.file, "--json").stdout)
    shown = command("exceptions", "--db", books.file).stdout
    assert len(read) == len(read_findings(books.file)) > 3
    for finding in read:
        assert finding["exception_id"] in shown
        assert f"{Decimal(finding['amount_at_stake']):,.2f}" in shown
