"""Every order is created at most once, whatever happens to requests, answers and the process that pushes."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import pytest
from command_line import COMMAND, access, environment
from pushed_orders import items_of, order, push, small_account, write_rows, written_orders

from logentic.sandbox import Readings, Sandbox
from logentic.sandbox.faults import Fault, RandomFaults

ORDERS = int(os.environ.get("PUSHED_ORDERS", "500"))  # of each case; 10000 take seven minutes
KINDS = ("server_error", "reset", "lost_answer", "error_after_write")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is one: each line of the push log is synced."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(prefix="logentic-push-", dir=memory) as name:
        yield Path(name)


class KilledRun:
    """A push in a process of its own, killed when the service gets a write. `is_written`: the service makes it."""

    def __init__(self, sandbox: Sandbox, folder: Path, file: Path, after: int, *, is_written: bool) -> None:
        self._left, self._is_written, self._done = after, is_written, Event()
        self._process: subprocess.Popen[bytes] | None = None
        sandbox.before_write(self._count)
        arguments = [COMMAND, "push", "orders", str(file), "--db", str(folder / "a.duckdb"), "--apply"]
        more = environment(folder, **access(sandbox), allow_writes=True, lost_answer_seconds=0.5)
        self._process = subprocess.Popen(arguments, cwd=folder, env=more, stderr=subprocess.DEVNULL)
        assert self._process.wait(timeout=3600) == -signal.SIGKILL
        self._done.set()

    def _count(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0 and self._process:
            os.kill(self._process.pid, signal.SIGKILL)
            if not self._is_written:
                raise ConnectionError


@pytest.mark.parametrize(
    ("written_names", "name_filter", "put"),
    [
        ("kept", "exact", "replaces"),
        ("kept", "ignored", "patches"),
        ("ignored", "exact", "patches"),
        ("ignored", "ignored", "replaces"),
    ],
)
def test_orders_under_faults_lost_answers_and_kills(
    folder: Path, written_names: Any, name_filter: Any, put: Any
) -> None:
    readings = Readings(written_names=written_names, name_filter=name_filter, put=put)
    write_faults = [Fault("too_many_requests", after=50, times=2), RandomFaults(7, 0.04, KINDS)]
    with Sandbox(small_account(), readings=readings, write_faults=write_faults) as sandbox:
        sandbox.faults.append(RandomFaults(8, 0.02))
        before = len(sandbox.state().tables["orders"])
        rows = [order(f"N-{number}", items_of(sandbox)[0]) for number in range(ORDERS)]
        file = write_rows(folder / "orders.json", rows)
        KilledRun(sandbox, folder, file, ORDERS // 4, is_written=True)
        KilledRun(sandbox, folder, file, ORDERS // 4, is_written=False)
        done = push(sandbox, folder, "orders", file, "--apply", "--json", allow_writes=True, lost_answer_seconds=0.5)
        report = json.loads(done.stdout)
        written = written_orders(sandbox)
        assert max(written.values()) == 1
        unknown = {row["name"] for row in report["rows"] if row["outcome"] == "unknown"}
        assert {row["outcome"] for row in report["rows"]} <= {"created", "unchanged", "unknown"}
        assert {name for row in rows if (name := row["external_name"]) not in unknown} <= written.keys()
        assert all(f"{name}: unknown: " in done.stderr for name in unknown)
        assert sum(sandbox.struck[kind] for kind in KINDS) > 20
        assert bool(unknown) == (written_names == "ignored")
        assert done.returncode == bool(unknown)
        assert len(sandbox.state().tables["orders"]) - before == written.total()

        sandbox.write_faults.clear()
        sandbox.faults.clear()
        writes = sandbox.writes
        again = push(sandbox, folder, "orders", file, "--apply", "--json", allow_writes=True, lost_answer_seconds=0)
        outcomes = Counter(row["outcome"] for row in json.loads(again.stdout)["rows"])
        assert outcomes == Counter(unchanged=ORDERS - len(unknown), unknown=len(unknown)) - Counter()
        assert sandbox.writes == writes


@pytest.mark.parametrize("put", ["replaces", "patches"])
def test_updates_under_faults_change_what_the_rows_say(tmp_path: Path, put: Any) -> None:
    with Sandbox(small_account(), readings=Readings(put=put)) as sandbox:
        rows = [order(f"N-{number}", items_of(sandbox)[0]) for number in range(60)]
        assert push(sandbox, tmp_path, "orders", rows, "--apply", allow_writes=True).returncode == 0
        sandbox.write_faults.append(RandomFaults(3, 0.2, KINDS))
        changed = [{"external_name": row["external_name"], "place": {"city": "Laval"}} for row in rows]
        done = push(sandbox, tmp_path, "orders", changed, "--apply", "--json", allow_writes=True)
        assert json.loads(done.stdout)["outcomes"] == {"updated": 60}, done.stderr
        by_name = {each["external_name"]: each for each in sandbox.state().tables["orders"].values()}
        for row in rows:
            stored = by_name[row["external_name"]]
            assert stored["place"] == {"address2": None, **row["place"], "city": "Laval"}
            assert stored["recipient"] == row["recipient"]
            assert [line["quantity"] for line in stored["stored_items"]] == [2]


def test_a_request_is_not_sent_again_by_the_transport(tmp_path: Path) -> None:
    """On a connection that was used before, curl repeats a request that is closed without an answer."""
    with Sandbox(small_account()) as sandbox:
        rows = [order(f"N-{number}", items_of(sandbox)[0]) for number in range(5)]
        sandbox.write_faults.append(Fault("lost_answer", after=2, times=2))
        done = push(sandbox, tmp_path, "orders", rows, "--apply", allow_writes=True, lost_answer_seconds=0)
        assert done.returncode == 0, done.stderr
        assert (sandbox.methods["POST"], written_orders(sandbox).total()) == (5, 5)


def test_an_answer_that_comes_too_late_is_waited_for(tmp_path: Path) -> None:
    """The service still works on a request when the client gives up: a look-up at once would not find the order."""
    with Sandbox(small_account(), write_faults=[Fault("late_answer", after=2, seconds=2)]) as sandbox:
        rows = [order(f"N-{number}", items_of(sandbox)[0]) for number in range(4)]
        finished, calls = Event(), []

        def work_slowly(*_: object) -> None:
            calls.append(1)
            if len(calls) == 2:
                time.sleep(2)
                finished.set()

        sandbox.before_write(work_slowly)
        settings = {"allow_writes": True, "timeout_seconds": 0.5, "lost_answer_seconds": 4}
        done = push(sandbox, tmp_path, "orders", rows, "--apply", **settings)
        assert done.returncode == 0, done.stderr
        assert finished.wait(10)
        time.sleep(0.2)  # the write follows at once
        assert written_orders(sandbox) == Counter({f"N-{number}": 1 for number in range(4)})


def test_without_a_control_a_row_stays_unknown(tmp_path: Path) -> None:
    with Sandbox(small_account(), write_faults=[Fault("server_error")]) as sandbox:
        rows = [order("N-1", items_of(sandbox)[0])]
        for _ in range(2):
            done = push(sandbox, tmp_path, "orders", rows, "--apply", allow_writes=True, lost_answer_seconds=0)
            assert done.returncode == 1
            assert "N-1: unknown: " in done.stderr
        assert (sandbox.methods["POST"], written_orders(sandbox).total()) == (1, 0)


def test_another_writer_at_the_same_time_is_reported(tmp_path: Path) -> None:
    with Sandbox(small_account()) as sandbox:
        fields = order("N-1", items_of(sandbox)[0], shopify_order_id=None)
        other: list[int] = []

        def come_first(*_: object) -> None:
            if not other:
                other.append(sandbox.insert("orders", fields, 99_000))

        sandbox.before_write(come_first)
        done = push(sandbox, tmp_path, "orders", [order("N-1", items_of(sandbox)[0])], "--apply", allow_writes=True)
        assert done.returncode == 1
        assert "another writer created it as well: 99000" in done.stderr
