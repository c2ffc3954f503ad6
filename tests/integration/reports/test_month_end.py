"""The life of a finding over runs, and a month that was closed: against a moving account, through the command line."""

import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import AS_ANYBODY, COMMAND, logentic
from typer.testing import CliRunner
from workbook_cells import cells_of, cents

from logentic.audit_log import EXCEPTION_LOG, MONTH_CLOSE
from logentic.cli.app import app
from logentic.errors import LogenticError, UsageError
from logentic.job import JobOptions, JobResult, run_job
from logentic.reports.exceptions import Finding, read_findings, record_decision, resolve_author
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)


class Books:
    """An account, its published file, and what happens to both."""

    def __init__(self, sandbox: Sandbox, file: Path) -> None:
        self.sandbox, self.file = sandbox, file
        self.settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")

    def run(self, days: int = 0) -> JobResult:
        self.sandbox.clock.advance(timedelta(days=days))
        return run_job(self.settings, self.file, JobOptions())

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
    missing, unknown = map(books.of_rule, ("missing_charge", "unknown_order"))
    assert {finding.status for finding in read_findings(books.file)} == {"open"}
    assert overbilled.days_left == (overbilled.dispute_until - TODAY).days > 0

    # What someone says shows at once, and is published by the next run, which has no other news.
    said = {
        overbilled: "disputed",
        doubled: "disputed",
        cancelled: "accepted",
        missing: "accepted",
        unknown: "disputed",
    }
    for finding, status in said.items():
        record_decision(books.file, finding.exception_id, status, f"of {status}", "ann")
    record_decision(books.file, doubled.exception_id, "disputed", "=1+1\x1b[2J\a", "zoé\x9b")
    assert {f.exception_id for f in read_findings(books.file, status="accepted")} == {
        cancelled.exception_id,
        missing.exception_id,
    }
    assert (books.finding(doubled.exception_id).note, books.finding(doubled.exception_id).set_by) == ("=1+1[2J", "zoé")
    assert [books.finding(f.exception_id).days_left for f in (cancelled, overbilled)] == [None, None], "only open ones"
    assert books.ask("select count(*) from exception_status where status <> 'open'") == [(0,)]
    assert books.run().published_bytes
    assert books.ask(
        "select status, count(*) from exception_status where set_by is not null group by 1 order by 1"
    ) == [
        ("accepted", 2),
        ("disputed", 3),
    ]
    assert books.run().published_bytes is None

    # A month that has ended is closed once, also when several people do it at the same moment.
    assert "2026-03 has not ended" in str(command("close", "2026-03", "--db", books.file, "--by", "ann").exception)
    close = [COMMAND, "close", "2026-02", "--db", str(books.file), "--by", "ann", "--yes"]
    people = [subprocess.Popen(close, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    refusals = [person.communicate(timeout=300)[1] for person in people]
    assert sorted(person.returncode for person in people) == [0, 2, 2, 2]
    assert sum("2026-02 was closed by ann" in words for words in refusals) == 3
    assert len(MONTH_CLOSE.read(State(books.file).folder)) == 1

    # The account says something else: charges are restated, credited, withdrawn, new in the closed month, or come late.
    old = books.charge(overbilled.charge_id)
    books.sandbox.alter("payment_items", old["id"], amount=old["amount"] + 5)
    credited = books.charge(doubled.charge_id)
    bill = {name: value for name, value in credited.items() if name not in ("id", "created_at", "updated_at")}
    books.sandbox.insert("payment_items", bill | {"amount": -bill["amount"]})
    late = bill | {"start": date(2026, 2, 10), "end": date(2026, 2, 10), "amount": Decimal("7.77")}
    late_id = books.sandbox.insert("payment_items", late)
    part = [finding for finding in read_findings(books.file) if finding.rule == overbilled.rule][1]
    of_part = {name: value for name, value in books.charge(part.charge_id).items() if name in bill}
    books.sandbox.insert(
        "payment_items", of_part | {"amount": Decimal("-0.50"), "payment_id": None, "billed_date": None}
    )
    books.sandbox.remove("payment_items", unknown.charge_id)
    due = bill | {
        "order_id": missing.order_id,
        "type": missing.charge_type,
        "end": missing.start_date,
        "start": missing.start_date,
    }
    arrived = books.sandbox.insert("payment_items", due | {"payment_id": None, "billed_date": None})
    books.run(days=8)
    check_what_became_of_it(books, overbilled, doubled, late_id)
    withdrawn, came = books.finding(unknown.exception_id), books.finding(missing.exception_id)
    assert (withdrawn.status, came.status) == ("cleared", "cleared")
    assert withdrawn.what_changed == "Was disputed; since then: the charge was withdrawn."
    assert came.what_changed == f"Was accepted; since then: charge {arrived} has arrived."
    gone = "select value_before, value_after, difference from restatements where key = '{}'"
    before = books.ask(gone.format(unknown.charge_id))
    assert before == [(unknown.billed, None, -unknown.billed)]

    in_part = books.finding(part.exception_id)
    assert (in_part.status, in_part.amount_at_stake) == ("open", part.amount_at_stake - Decimal("0.50"))
    assert in_part.what_changed == "0.50 of it was credited; the rest is at stake."
    check_the_workbook_of_the_month(books)

    # The folder is lost: the published file knows it all, and the journals are written again.
    shutil.rmtree(State(books.file).folder)
    books.run()
    check_what_became_of_it(books, overbilled, doubled, late_id)
    assert books.ask("select count(*) from logentic_raw.exception_log") == [(6,)]
    assert books.run().published_bytes is None

    # Said again, of the charge as it is now; the earlier words are kept.
    record_decision(books.file, overbilled.exception_id, "rejected", "they showed the contract", "ann")
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
    assert books.ask(f"select key, value_after {charges} value_before is null and value_after > 5") == [
        (str(late_id), Decimal("7.77"))
    ]
    assert books.ask("select count(*) from restatements where seen_at is null") == [(0,)]
    assert books.ask("select distinct month, closed_by from restatements") == [(date(2026, 2, 1), "ann")]
    assert books.ask("select count(*) from restatements where subject in ('stock', 'storage')") == [(0,)]


def check_the_workbook_of_the_month(books: Books) -> None:
    """It says that the month is closed, by how much it differs since, and each restatement on a sheet of its own."""
    path = books.file.with_name("month.xlsx")
    shown = json.loads(command("reconcile", "--db", books.file, "--month", "2026-02", "--xlsx", path, "--json").stdout)
    changed = "cast({} as varchar) from restatements where month = date '2026-02-01' and subject = 'charge'"
    [(difference,)] = books.ask("select " + changed.format("cast(sum(difference) as decimal(18, 2))"))
    [(charges,)] = books.ask("select " + changed.format("count(*)"))
    assert (shown["books"]["closed_by"], shown["books"]["difference"]) == ("ann", difference)
    assert shown["books"]["charges_changed"] == int(charges) > 3
    sheets = cells_of(path)
    cover = [cell.value for cell in sheets["Cover"].values()]
    assert any(text.startswith("By ann at ") for text in cover)
    restated = sheets["Restatements"]
    heads = [cell.value for name, cell in restated.items() if name[1:] == "3"]
    assert heads == ["What", "Which", "Charge type", "Description", "Before", "After", "Difference", "Seen at"]
    rows = [
        [restated[f"{column}{row}"].value for column in "BEFG"]
        for row in range(4, len(heads) * 100)
        if f"B{row}" in restated
    ]
    told = books.ask(
        "select key, value_before, value_after, difference from restatements where month = date '2026-02-01'"
    )
    assert sorted((row[0], *map(number, row[1:])) for row in rows) == sorted(
        (row[0], *map(number, row[1:])) for row in told
    )
    assert not [cell for cell in restated.values() if cell.formula], "a change is not added to its own total"


def number(value: object) -> Decimal:
    """A blank cell is a null."""
    return Decimal(0) if value in (None, "") else cents(str(value))


def refused(books: Books, exception_id: str, status: str) -> LogenticError:
    with pytest.raises(UsageError) as raised:
        record_decision(books.file, exception_id, status, None, "ann")
    return raised.value


def test_days_left_are_counted_to_the_last_day_and_beyond(books: Books, tmp_path: Path) -> None:
    """Three findings: tomorrow is the last day of one, today of another, and that of the third has passed."""
    copy = Path(shutil.copy(books.file, tmp_path))
    with duckdb.connect(str(copy)) as published:
        known = published.execute("select cast(max(finished_at) as date) from logentic_raw.extract_windows").fetchone()
        waiting = "select exception_id from exception_status where status = 'open' order by exception_id limit 3"
        chosen = [row[0] for row in published.execute(waiting).fetchall()]
        published.execute("delete from logentic_marts.exception_status where exception_id not in (?, ?, ?)", chosen)
        for days, exception_id in zip((1, 0, -1), chosen, strict=True):
            last = "update logentic_marts.exception_status set dispute_until = ? where exception_id = ?"
            published.execute(last, [known[0] + timedelta(days), exception_id])
    found = {finding.exception_id: finding for finding in read_findings(copy)}
    assert [found[name].days_left for name in chosen] == [1, 0, -1]
    assert [found[name].is_past for name in chosen] == [False, False, True]
    lines = command("exceptions", "--db", copy).stdout.splitlines()
    ends = [next(line for line in lines if line.startswith(name)).split()[-1] for name in chosen]
    assert ends == ["1", "0", "past"]
    assert [line["days_left"] for line in json.loads(command("exceptions", "--db", copy, "--json").stdout)]


def test_who_may_read_the_file_and_not_the_folder_sees_what_is_published(books: Books, tmp_path: Path) -> None:
    copy = Path(shutil.copy(books.file, tmp_path))
    folder = State(copy).folder
    folder.mkdir()
    EXCEPTION_LOG.append(folder, [{"exception_id": "x", "status": "open"}])
    folder.chmod(0)
    try:
        listed = logentic("exceptions", "--db", copy, cwd=tmp_path, command=[*AS_ANYBODY, COMMAND])
    finally:
        folder.chmod(0o700)
    assert (listed.returncode, "is not readable" in listed.stderr) == (0, True), listed.stderr
    assert " recoverable, " in listed.stdout


def test_what_is_said_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_author(" Zoé  B\n") == "Zoé B"
    assert resolve_author("") == resolve_author(None) == getpass.getuser()
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # as in a container that was given any user
    with pytest.raises(UsageError, match="has no user name"):
        resolve_author(None)


def test_what_cannot_be_said_is_one_clear_line(books: Books) -> None:
    known = read_findings(books.file)[0].exception_id
    assert "has no exception '1-nothing'" in str(refused(books, "1-nothing", "disputed"))
    assert "accepted, disputed" in refused(books, known, "won").guidance
    for words, message in {
        ("exceptions",): "--db logentic.duckdb does not exist",
        ("exceptions", "--db", books.file, "--invoice", "N"): "--invoice N is not an invoice number",
        ("exceptions", "--db", books.file, "--invoice", "0"): "--invoice 0 is not an invoice number",
        ("exceptions", "--db", books.file, "--month", "January"): "'January' is not a month",
        ("exceptions", "--db", books.file, "--invoice", 9999): "has no invoice 9999",
        ("exceptions", "--db", books.file, "--invoice", 9999, "--month", "2026-02"): "has no invoice 9999",
        ("exceptions", "--db", books.file, "--month", "2019-01"): "has no charge of 2019-01",
        ("exceptions", "--db", books.file, "--status", "lost"): "--status 'lost' is not known",
        ("close", "2019-01", "--db", books.file): "has no data for 2019-01",
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


def test_a_closed_month_is_opened_again_with_a_reason_and_closed_anew(books: Books) -> None:
    """Closing shows what it freezes and what is open, and asks; opening again is kept beside the closing it undoes."""
    month, note = ("2026-02", "--db", books.file, "--by", "bea"), ("--note", "two bills came late")
    if not books.ask("select 1 from logentic_staging.stg_month_close"):
        assert command("close", *month, "--yes").exit_code == 0
        books.run(days=1)
    for words, message in (
        (("--undo",), "--undo and --note TEXT go together"),
        (note, "go together"),
        ((), "was closed"),
    ):
        refusal = command("close", *month, *words).exception
        assert isinstance(refusal, UsageError)
        assert message in str(refusal)

    opened = command("close", *month, "--undo", *note)
    assert (opened.exit_code, opened.stdout.startswith("Reopened 2026-02 (bea).")) == (0, True), opened.exception
    assert closing_of(books) == (None, 0), "it shows at once"
    assert "2026-02 is not closed" in str(command("close", *month, "--undo", *note).exception)
    books.run()
    assert books.ask("select count(*) from restatements") == [(0,)]
    kept = "select closed_by, note from logentic_raw.month_close where undoes is not null"
    assert books.ask(kept) == [("bea", "two bills came late")]

    assert "there is no terminal" in str(command("close", *month).exception)
    assert answered(books, b"n\n") == (1, "2026-02 stays open")
    waiting = read_findings(books.file, month=date(2026, 2, 1), status="open")
    closed = command("close", *month, "--yes")
    assert closed.exit_code == 0
    assert f"warning: {len(waiting)} exceptions still open: " in closed.stderr
    assert closing_of(books) == ("bea", 0)
    charge = books.ask("select max(key) from month_facts where subject = 'charge' and month = date '2026-02-01'")[0][0]
    books.sandbox.alter("payment_items", int(charge), amount=books.charge(int(charge))["amount"] + 3)
    books.run(days=8)
    assert closing_of(books) == ("bea", 1)
    assert books.ask("select distinct closed_by from restatements") == [("bea",)]


def closing_of(books: Books) -> tuple[str | None, int]:
    """Who closed the month, and how many of its charges have changed since."""
    shown = json.loads(command("reconcile", "--db", books.file, "--month", "2026-02", "--json").stdout)["books"]
    return shown["closed_by"], shown["charges_changed"]


def answered(books: Books, answer: bytes) -> tuple[int, str]:
    """The exit code and the last line of closing the month at a terminal."""
    keyboard, terminal = os.openpty()
    os.write(keyboard, answer)
    words = [COMMAND, "close", "2026-02", "--db", str(books.file), "--by", "bea"]
    done = subprocess.run(words, stdin=terminal, capture_output=True, text=True, timeout=300, check=False)
    os.close(keyboard)
    os.close(terminal)
    assert "Freeze these figures? [y/N]" in done.stderr
    return done.returncode, done.stderr.splitlines()[-1].rpartition(":")[2].strip()
