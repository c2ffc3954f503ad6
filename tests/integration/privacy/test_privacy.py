"""Files that an earlier version made: `run` names clear values, `privacy --rewrite` pseudonymizes them once."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import access, logentic

from logentic.events.event import EventParser
from logentic.events.queue import EventQueue
from logentic.job import JobOptions, JobResult, run_job
from logentic.json_text import compact
from logentic.privacy.pseudonyms import Pseudonymizer, pseudonym_key
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
FIELDS = {
    "mobile": 5145550101,
    "company": "Curie SARL",
    "consignee": "Marie Curie",
    "total_weight": 12.5,
    "is_gift": True,
    "shippedAt": "2026-03-01T05:00:00Z",
    "carrier": "UPS",
    "contact_mail": "marie@x.ca",
    "people": {"Marie Curie": 1, "phone": "514 555 0101", "address1": "1 rue X"},
    "packages": [{"weight": 1.5, "tracking_number": "1Z999"}],
    "note_of_json": '{"to": "Marie Curie"}',
}
CLEAR = ("Curie", "5145550101", "514 555", "1Z999", "rue X", "marie@x.ca")


def unlisted_as_before(
    self: Pseudonymizer, name: str, value: Any, *, again: bool = False, is_known: object = None
) -> Any:
    return self.pseudonymize_unknown(name or "body", value)


def text_as_before(self: Pseudonymizer, name: str, value: Any) -> str | None:
    value = self.pseudonymize_unknown(name, value)
    return value if value is None or isinstance(value, str) else compact(value)


@pytest.fixture
def sandbox() -> Any:
    with Sandbox(Account(seed=91, scale=0.1, days=8, today=TODAY)) as it:
        for order in it.state().rows("orders"):
            place = {**order["place"], "doorCode": "Curie 7", "isHome": True}
            recipient = {**order["recipient"], "pierre": {"paul": 1}}
            it.alter("orders", order["id"], **FIELDS, place=place, recipient=recipient)
        yield it


def settings_of(sandbox: Sandbox) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token)


def made_before(sandbox: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose unknown fields were hashed only where they looked personal, and an event in its queue."""
    with monkeypatch.context() as earlier:
        earlier.setattr(Pseudonymizer, "pseudonymize_unlisted", unlisted_as_before)
        earlier.setattr(Pseudonymizer, "pseudonymize_text", text_as_before)
        earlier.setattr(Pseudonymizer, "can_be_column", lambda *_: True)
        earlier.setattr("logentic.job.privacy.read_clear_columns", lambda *_: [])
        earlier.setattr("logentic.job.pseudonymize_body", lambda body, _: body)
        run_job(settings_of(sandbox), file, JobOptions(models=False, select=frozenset({"orders"})))
        state = State(file)
        parser = EventParser(Pseudonymizer(pseudonym_key(settings_of(sandbox), state.folder)))
        queue = EventQueue.open(state.events, timedelta(hours=1))
        order = sandbox.state().rows("orders")[0]["id"]
        for number in (1, 2):
            body = json.dumps({"id": order, "status": "PICKED", "signed_by": "Marie Curie", "n": number}).encode()
            event = parser.parse(parser.digest_content("t", body), {"logentic-topic": "t"}, body, datetime.now(UTC))
            queue.put(event).result()
            if number == 1:
                run_job(settings_of(sandbox), file, JobOptions(models=False, select=frozenset({"orders"})))
        queue.close()


def again(sandbox: Sandbox, file: Path) -> JobResult:
    """A run that reads every order again."""
    span = {"start": date(2026, 1, 1), "end": TODAY}
    return run_job(settings_of(sandbox), file, JobOptions(models=False, select=frozenset({"orders"}), **span))


def changed(outcome: JobResult) -> int:
    return sum(receipt["rows_changed"] + receipt["rows_new"] for receipt in outcome.loaded.receipts)


def test_clear_values_are_named_rewritten_once_and_no_order_changes(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "logentic.duckdb"
    made_before(sandbox, file, monkeypatch)
    assert b"Curie SARL" in file.read_bytes()
    told = logentic("privacy", "--db", file, cwd=tmp_path, **access(sandbox))
    columns = told.stdout.split()
    assert set(columns) >= {"orders.company", "orders.mobile", "orders.place__door_code", "order_events.body"}
    assert set(columns) >= {"orders.recipient__pierre", "orders.place__is_home"}
    assert not {"orders.total_weight", "orders.is_gift", "orders.carrier", "orders.contact_mail"} & set(columns)
    told = logentic("privacy", "--rewrite", "--db", file, cwd=tmp_path, **access(sandbox))
    assert (told.returncode, told.stderr) == (0, "")
    assert f"published {file}" in told.stdout
    for kept in (file, State(file).work):
        assert not [text for text in CLEAR if text.encode() in kept.read_bytes()]
    told = logentic("privacy", "--rewrite", "--db", file, cwd=tmp_path, **access(sandbox))
    assert told.stdout == "no clear values\n"
    caplog.clear()
    assert changed(again(sandbox, file)) == 0
    assert "clear values" not in caplog.text
    order = sandbox.state().rows("orders")[0]
    sandbox.alter("orders", order["id"], recipient={**order["recipient"], "jeanne": 1})
    assert changed(again(sandbox, file)) == 1, "the tables take what comes after the rewrite"
    with duckdb.connect(str(file), read_only=True) as published:
        more = published.execute(
            "select json_keys(_more_fields), count(*) from logentic_raw.orders"
            " where recipient__pierre is null and place__door_code is null and place__is_home is null group by all"
        ).fetchall()
        names = [column[0] for column in published.execute("select * from logentic_raw.orders limit 0").description]
        bodies = published.execute("select body from logentic_raw.order_events").fetchall()
        row = published.execute(
            "select total_weight, is_gift, shipped_at, carrier, packages from logentic_raw.orders"
        ).fetchone()
    assert {len(keys) for keys, _ in more} == {3, 4}, "fields whose names may be personal have hashed names"
    assert not re.search("pierre|paul|jeanne|door|home", str(more), re.IGNORECASE)
    assert not [name for name in names if "jeanne" in name]
    assert len(bodies) >= 2
    assert not [body for (body,) in bodies if "Curie" in body], "nor of an event that had waited in the queue"
    assert row is not None
    assert row[:4] == ("12.5", "true", "2026-03-01T05:00:00Z", "UPS")
    assert json.loads(row[4])[0]["weight"] == 1.5


def test_a_run_names_columns_with_clear_values_in_one_warning(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the rewrite an order that is read again is changed once: its newest version is pseudonymized."""
    file = tmp_path / "logentic.duckdb"
    made_before(sandbox, file, monkeypatch)
    orders = len(sandbox.state().rows("orders"))
    for changes in (orders, 0):
        caplog.clear()
        assert changed(again(sandbox, file)) == changes
        (warning,) = [record.getMessage() for record in caplog.records if "clear values" in record.getMessage()]
        assert "orders.company" in warning
        assert f"logentic privacy --rewrite --db {file}" in warning
    logentic("privacy", "--rewrite", "--db", file, cwd=tmp_path, **access(sandbox))
    assert changed(again(sandbox, file)) == 0


def test_other_destinations_are_refused_in_one_line(tmp_path: Path) -> None:
    told = logentic("privacy", "--rewrite", "--db", "x", cwd=tmp_path, destination="postgres")
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "new database or folder" in told.stderr
