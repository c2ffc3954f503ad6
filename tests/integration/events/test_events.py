"""Events on their way into tables: each order read once, losses made good by polling, unknown ones kept as dead."""

import json
from collections.abc import Iterator
from concurrent.futures import wait
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import access, logentic

from logentic.events.event import Event, EventParser
from logentic.events.queue import EventQueue
from logentic.job import JobOptions, run_job
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.sandbox import Account, Sandbox
from logentic.sandbox.webhooks import STEPS, TOPICS, Webhooks, steps_taken
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
DAY = timedelta(days=1)
GONE = ("IN_TRANSIT", "COMPLETED")
PARSER = EventParser(Pseudonymizer(b"k" * 32))


class Desk:
    """A file, its account, and a queue that a receiver would fill."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.file, self.sandbox = folder / "logentic.duckdb", sandbox
        self.state = State(self.file)
        self.state.prepare()
        self.settings = Settings(base_url=sandbox.url, api_token=sandbox.token, webhook_attempts=2)

    def receive(self, *bodies: bytes | tuple[str, bytes]) -> list[Event]:
        """Bodies, with their topics where these are not order-picked."""
        at, events = self.sandbox.clock.now(), []
        for each in bodies:
            topic, body = each if isinstance(each, tuple) else ("order-picked", each)
            headers = {"logentic-topic": topic, "logentic-api-version": "V1"}
            events.append(PARSER.parse(PARSER.digest_content(topic, body), headers, body, at))
        queue = EventQueue.open(self.state.events, DAY)
        wait([queue.put(event) for event in events])
        queue.close()
        return events

    def run(self, **options: Any) -> Any:
        self.sandbox.requests.clear()
        return run_job(self.settings, self.file, JobOptions(**options))

    def asked_by_id(self) -> list[str]:
        return [r.path for r in self.sandbox.requests if r.path.startswith("/v1/orders/")]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as published:
            published.execute("set TimeZone = 'UTC'")
            return published.execute(sql).fetchall()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Sandbox(Account(seed=8, scale=0.3, days=20, today=TODAY)) as sandbox:
        yield Desk(tmp_path, sandbox)


@pytest.fixture(scope="module")
def polled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """After one run, without events."""
    with Sandbox(Account(seed=8, scale=0.3, days=20, today=TODAY)) as sandbox:
        desk = Desk(tmp_path_factory.mktemp("polled"), sandbox)
        desk.run()
        yield desk


def test_with_a_third_lost_doubled_and_disordered_the_tables_equal_what_happened(desk: Desk) -> None:
    """Runs go on every twelve hours for three days; the last one is compared."""
    sandbox, begin = desk.sandbox, desk.sandbox.clock.now() - 3 * DAY
    sandbox.clock.set(begin)
    desk.run(models=False)
    webhooks = Webhooks(sandbox, "", "", losses=0.33, duplicates=0.33, disorder=0.33)
    due = webhooks.deliveries(begin, begin + 3 * DAY)
    for hours in range(12, 84, 12):
        sandbox.clock.set(begin + timedelta(hours=hours))
        since = begin + timedelta(hours=hours - 12)
        desk.receive(*((each.topic, each.body) for each in due if since < each.due_at <= sandbox.clock.now()))
        desk.run(models=hours == 72)
    truth = steps_taken(sandbox, sandbox.clock.now())
    statuses = {row["id"]: row["status"] for row in sandbox.state().rows("orders")}
    assert dict(desk.ask("select order_id, status from orders")) == statuses
    columns = ", ".join(f"{step}_at, {step}_from" for step in STEPS)
    arrived = {(each.order_id, each.topic) for each in due if each.due_at <= sandbox.clock.now()}
    by_event = polled = 0
    for order_id, *found in desk.ask(f"select order_id, {columns} from order_fulfilment"):
        for step, at, known_from in zip(STEPS, found[::2], found[1::2], strict=True):
            if (order_id, TOPICS[f"order_{step}"]) in arrived:
                by_event += 1
                assert (at, known_from) == (truth[order_id][step], "event")
            elif at is not None:
                polled += 1
                assert known_from == ("order" if step == "created" else "polling")
                assert at >= truth[order_id][step]
    assert webhooks.lost
    assert by_event > 50
    assert polled > 20
    assert desk.ask("select count(*) from order_events where is_out_of_order") > [(0,)]
    assert desk.ask("select distinct outcome from order_events") == [("read",)]


def test_an_order_is_asked_for_once_however_many_events_name_it(desk: Desk) -> None:
    desk.run(models=False)
    old = min(row["id"] for row in desk.sandbox.state().rows("orders"))
    desk.receive(*(b'{"id": %d, "n": %d}' % (old, n) for n in range(5)))
    desk.run()
    assert desk.asked_by_id() == [f"/v1/orders/{old}"]
    assert desk.ask("select outcome, count(*) from order_events group by all") == [("read", 5)]
    desk.run()
    assert desk.asked_by_id() == []


def test_an_order_that_a_window_shows_is_not_asked_for_again(desk: Desk) -> None:
    desk.run(models=False)
    newest = max(desk.sandbox.state().rows("orders"), key=lambda row: row["updated_at"])["id"]
    desk.receive(b'{"data": {"id": "%d"}}' % newest)
    desk.run()
    assert desk.asked_by_id() == []
    assert desk.ask("select order_id, outcome from order_events") == [(newest, "read")]


def test_an_unknown_order_is_tried_again_then_dead_then_retried_when_asked(desk: Desk) -> None:
    desk.receive(b'{"id": 999999}', b'{"hello": 1}')
    outcomes = []
    for _ in range(3):
        desk.run()
        outcomes.append(desk.ask("select outcome, attempts from order_events order by order_id"))
    assert outcomes == [
        [("waiting", 1), ("no_order", 0)],
        [("dead", 2), ("no_order", 0)],
        [("dead", 2), ("no_order", 0)],
    ]
    assert "404" in desk.ask("select reason from order_events where outcome = 'dead'")[0][0]
    desk.sandbox.insert("orders", dict(desk.sandbox.state().rows("orders")[0]) | {"id": 999999}, key=999999)
    folder = desk.file.parent
    listed = logentic("events", "--db", desk.file, "--retry", cwd=folder, **access(desk.sandbox))
    assert "999999" in listed.stdout, listed.stderr
    desk.run()
    assert desk.ask("select outcome from order_events where order_id = 999999") == [("read",)]


def test_events_survive_a_lost_queue_and_a_lost_state_folder(desk: Desk) -> None:
    """What was published stands in FILE; what comes again is told apart by its id."""
    events = desk.receive(b'{"id": 999999}', b'{"id": 1}')
    desk.run()
    for path in desk.state.folder.glob("*.json"):
        path.unlink()
    desk.run()
    assert desk.ask("select count(*), count(distinct event_id) from order_events") == [(2, 2)]
    assert {event.event_id for event in events} == {row[0] for row in desk.ask("select event_id from order_events")}


def test_fulfilment_is_as_the_clock_says(polled: Desk) -> None:
    """Medians and shares by hand, from the table of orders."""
    orders = polled.ask(
        "select created_at::date, hours_to_leave, is_late from order_fulfilment where status <> 'CANCELLED' order by 1"
    )
    shares = set()
    for day, count, median, share in polled.ask(
        "select date, orders, median_hours_to_leave, share_within_promise from fulfilment_daily"
    ):
        hours = sorted(left for created, left, _ in orders if created == day and left is not None)
        assert count == sum(created == day for created, *_ in orders)
        known = sum(left is not None or bool(late) for created, left, late in orders if created == day)
        expected = round(sum(left <= 48 for left in hours) / known, 4) if known else None
        assert (share if share is None else float(share)) == expected
        shares.add(share)
        if hours:
            middle = (hours[(len(hours) - 1) // 2] + hours[len(hours) // 2]) / 2
            assert abs(median - middle) <= 0.001
    assert len(shares) > 1


def test_stuck_orders_are_those_without_a_step_for_too_long(polled: Desk) -> None:
    now: datetime = polled.sandbox.clock.now()
    stuck = {
        row["id"]
        for row in polled.sandbox.state().rows("orders")
        if row["status"] not in ("COMPLETED", "CANCELLED")
        and now - row["created_at" if row["status"] == "PENDING" else "updated_at"] > timedelta(hours=72)
    }
    assert {row[0] for row in polled.ask("select order_id from order_fulfilment where is_stuck")} == stuck
    assert stuck


def test_late_orders_are_those_that_left_or_still_wait_beyond_the_promise(polled: Desk) -> None:
    now: datetime = polled.sandbox.clock.now()
    rows = polled.ask("select status, created_at, in_transit_at, is_late from order_fulfilment")
    late = [
        status != "CANCELLED"
        and (None if left is None and status in GONE else (left or now) - created > timedelta(hours=48))
        for status, created, left, _ in rows
    ]
    assert [row[-1] for row in rows] == late
    assert {True, False, None} == set(late)


def test_before_the_first_run_queued_events_are_listed_and_later_counted_once(desk: Desk) -> None:
    folder = desk.file.parent
    for options in ([], ["--dead"], ["--retry"]):
        nothing = logentic("events", "--db", desk.file, *options, cwd=folder)
        assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "No deliveries\n", "")
    fresh = logentic("events", "--db", "other/x.duckdb", "--json", cwd=folder)
    assert (fresh.returncode, json.loads(fresh.stdout)) == (0, {"queued": 0, "outcomes": {}, "events": []})
    assert not (folder / "other").exists()
    elsewhere = logentic("events", "--db", desk.file, cwd=folder, destination="filesystem")
    assert (elsewhere.returncode, elsewhere.stderr.count("\n")) == (2, 1)
    events = desk.receive(("order-picked", b'{"id": 5, "status": "PACKED"}'), b'{"hello": 1}')
    listed = logentic("events", "--db", desk.file, cwd=folder)
    assert listed.returncode == 0, listed.stderr
    assert "2 waiting for the next run" in listed.stdout
    assert "topic_mismatch" in listed.stdout
    told = json.loads(logentic("events", "--db", desk.file, "--json", cwd=folder).stdout)
    assert told["queued"] == 2
    assert {row["event_id"]: row["outcome"] for row in told["events"]} == {e.event_id: "queued" for e in events}
    desk.run(models=False)
    desk.receive(b'{"again": 1}')
    told = json.loads(logentic("events", "--db", desk.file, "--json", cwd=folder).stdout)
    assert told["queued"] == 1, "what is loaded waits no longer, though its segment has grown"


def test_an_event_whose_topic_differs_from_its_body_has_no_step_also_in_a_file_of_before(desk: Desk) -> None:
    desk.run(models=False)
    with duckdb.connect(str(desk.state.work)) as work:
        work.execute("alter table logentic_raw.order_events drop column topic_mismatch")
        work.execute("delete from logentic_raw._dlt_version")  # that schema had no such column
    old = min(row["id"] for row in desk.sandbox.state().rows("orders"))
    body = b'{"id": %d, "status": "%s"}'
    desk.receive(("order-picked", body % (old, b"COMPLETED")), ("order-picked", body % (old, b"PICKED")))
    desk.run()
    assert desk.ask("select topic_mismatch, step from order_events order by 1") == [(False, "picked"), (True, None)]
    listed = logentic("events", "--db", desk.file, cwd=desk.file.parent)
    assert "topic_mismatch" in listed.stdout
