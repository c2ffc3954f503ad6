"""Whole runs: the real command against a service that spoils one resource, damage on the disk, then a clean run.

A scenario is named `run/resource/mutation+mutation/draw`. It ends well if each command ends in time, with a documented
exit code and without `unexpected`; if the other resources are complete after the spoiled run; if nothing personal is in
clear anywhere in the folder; and if a clean run that reads the account again leaves exact tables.
"""

import faulthandler
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from itertools import count, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import simplejson

from fuzz import account, canaries, cases, state_files, workers
from fuzz.json_text import nested
from fuzz.mutations import CATALOGUE, CLOCK, FAILING_LIST, REPEATED_PAGES, TOTALS, Draft
from fuzz.service import Query, Service
from fuzz.values import VALUES
from logentic.resources import ITEM_QUANTITIES, RESOURCES, Resource
from logentic.settings import Settings
from logentic.state import State

COMMAND_SECONDS = 60.0
GROUPS = ("value", "field", "row", "structure", "link", "body", "header", "status")
LASTING = (TOTALS, REPEATED_PAGES, CLOCK, FAILING_LIST)
LASTING_RUNS = 3  # a total that differs is accepted after three equal readings
EARLIEST = "2026-01-01"
FIRST_DAY = "2026-03-01"
EXIT_CODES = (0, 1, 3)
REFUSALS = 2  # so often a request is refused before it is answered
WARM = (
    "dlt.destinations.impl.duckdb.duck",
    "dlt.normalize.normalize",
    "dlt.pipeline",
    "dlt.sources.helpers.requests",
    "pyarrow.parquet",
    "pyarrow.dataset",
    "logentic.cli.app",
    "logentic.destinations.duckdb",
    "logentic.cli.account",
    "logentic.job",
    "logentic.load.recovery",
    "logentic.reports.progress",
    "logentic.load.source",
)
KEPT = ("hash_key", "lock")  # state files that nothing can replace, or that hold nothing


@dataclass(frozen=True)
class Scenario:
    resource: str
    mutations: tuple[str, ...]
    damages: tuple[str, ...]
    draw: int

    def __str__(self) -> str:
        return f"run/{self.resource}/{'+'.join((*self.mutations, *self.damages))}/{self.draw}"

    @classmethod
    def named(cls, name: str) -> "Scenario":
        _, resource, chosen, draw = name.strip().split("/")
        names = chosen.split("+")
        damages = tuple(each for each in names if each in DAMAGES)
        return cls(resource, tuple(each for each in names if each in CATALOGUE), damages, int(draw))

    @property
    def kinds(self) -> set[str]:
        """The kinds of lasting faults."""
        return {CATALOGUE[name].kind for name in self.mutations} - {""}

    def is_only(self, kind: str) -> bool:
        return bool(self.mutations) and all(CATALOGUE[name].kind == kind for name in self.mutations)


def scenario_of(seed: int, index: int) -> Scenario:
    """Return the scenario of a seed and an index: the groups in turn, each second one with damage on the disk.

    Each third one has a fault that lasts for several runs, the kinds of them in turn.
    """
    random = Random(f"{seed}:run:{index}")
    resource = random.choice([*RESOURCES, "orders", "payment_items"])
    if index % 3 == 1:
        kind = LASTING[index // 3 % len(LASTING)]
        if kind == FAILING_LIST and random.random() < 0.7:
            resource = "items"  # from which the clock is read, and which others name
        name = random.choice([each.name for each in CATALOGUE.values() if each.kind == kind])
        return Scenario(resource, (name,), (), random.randrange(2**32))
    chosen = set[str]()
    if index % 6 != 5:  # else damage alone
        chosen.add(random.choice(_fitting(resource, GROUPS[index % len(GROUPS)])))
        while random.random() < 0.5 and len(chosen) < 3:
            chosen.add(random.choice(_fitting(resource, random.choice(GROUPS))))
    ordered = sorted(chosen, key=lambda name: (cases.STAGES.index(CATALOGUE[name].group), name))
    damages = random.sample(list(DAMAGES), random.randint(1, 2)) if index % 2 else []
    return Scenario(resource, tuple(ordered), tuple(damages), random.randrange(2**32))


def _fitting(resource: str, group: str) -> list[str]:
    """Mutations that a run can recover from: a stock record under another id would be another record for good."""
    found = [each.name for each in CATALOGUE.values() if each.group == group and each.in_runs and not each.kind]
    return [name for name in found if not (resource == ITEM_QUANTITIES.name and name == "row-of-another-id")]


def fuzz(seeds: list[int], most: int | None, until: float | None, jobs: int) -> tuple[int, int]:
    """Play scenarios; return how many passed and how many failed."""

    def named() -> Iterator[str]:
        for index in count():
            if until and time.monotonic() > until:
                return
            yield str(scenario_of(seeds[index % len(seeds)], index // len(seeds)))

    _warm_up()
    return workers.report("runs", workers.run(islice(named(), most), judge, jobs, 5 * COMMAND_SECONDS, chunk=1))


def one(name: str) -> int:
    """Repeat one scenario, with what its commands wrote on stderr; 1 where it fails."""
    os.environ["FUZZ_VERBOSE"] = "1"
    _warm_up()
    return workers.report("runs", workers.run(iter([name]), judge, 1, 5 * COMMAND_SECONDS))[1]


def judge(name: str) -> str | None:
    """Play a scenario; return what is wrong, None where nothing is."""
    scenario = Scenario.named(name)
    random = Random(scenario.draw)
    connection, other = get_context("fork").Pipe()
    pid = os.fork()
    if not pid:
        try:
            _serve(other, scenario)
        finally:
            os._exit(0)
    other.close()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-run-"))
    try:
        return _Play(scenario, random, connection, folder).wrong()
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


class _Play:
    """One scenario, command by command."""

    def __init__(self, scenario: Scenario, random: Random, service: Connection, folder: Path) -> None:
        self.file = folder / "logentic.duckdb"
        self._scenario, self._random, self._service, self._folder = scenario, random, service, folder
        self._url = service.recv()

    def wrong(self) -> str | None:
        run = ("run", "--no-models", "--db", self.file)
        if self._random.random() < 0.6:  # what is spoiled later is compared with what is stored
            if wrong := self._command("first run", *run, codes=(0,)):
                return wrong
            self._ask("advance")
        if self._random.random() < 0.4:
            self._queue_events()
        if self._scenario.mutations:
            self._ask("spoil")
        if wrong := self._spoiled_runs(*run):
            return wrong
        for arguments in self._questions():
            if wrong := self._command(f"spoiled {arguments[0]}", *arguments):
                return wrong
        self._ask("mend")
        for damage in self._scenario.damages:
            DAMAGES[damage](State(self.file).folder, self._random)
        for arguments in self._questions() if self._scenario.damages else ():
            if wrong := self._command(f"{arguments[0]} after damage", *arguments):
                return wrong
        self._ask("advance")
        again = ("--start", FIRST_DAY) if self._scenario.mutations else ()
        if CLOCK in self._scenario.kinds:  # a build reads the time of the service from what was loaded
            run = ("run", "--db", self.file)
        wrong = self._command("clean run", *run, *again, codes=(0,)) or self._tables("clean run")
        return wrong or (self._ask(("days", str(self.file))) if CLOCK in self._scenario.kinds else None)

    def _spoiled_runs(self, *run: object) -> str | None:
        """Run while responses are spoiled; a fault that lasts strikes several runs, on different days."""
        scenario = self._scenario
        for number in range(LASTING_RUNS if scenario.kinds else 1):
            title = f"spoiled run {number + 1}" if scenario.kinds else "spoiled run"
            if number:
                self._ask("advance")
            codes = EXIT_CODES
            if scenario.is_only(FAILING_LIST):
                codes = (1,)  # it says so, each time
            elif scenario.is_only(TOTALS):
                codes = (0,)  # rows are what counts
            if wrong := self._command(title, *run, codes=codes):
                return wrong
            if CLOCK in scenario.kinds:  # days of the account lie outside of what such a clock asks for
                continue
            but = None if scenario.is_only(TOTALS) else scenario.resource
            if wrong := self._tables(title, but=but):
                return wrong
            if scenario.is_only(FAILING_LIST) and (wrong := self._ask(("kept", str(self.file), scenario.resource))):
                return f"{title}: {wrong}"
        return None

    def _questions(self) -> list[tuple[Any, ...]]:
        """Commands that only ask, one or two of them."""
        resource = self._scenario.resource
        span = ("--start", "2026-03-10", "--end", "2026-03-12") if resource == "inventory_history" else ()
        questions: list[tuple[Any, ...]] = [
            ("check", "--db", self.file),
            ("get", resource, *span),
            ("status", "--db", self.file),
            ("verify", "--db", self.file),
            ("events", "--db", self.file),
        ]
        return self._random.sample(questions, self._random.randint(0, 1))

    def _queue_events(self) -> None:
        """Events of two orders wait, as a receiver leaves them; one names an order that there is not."""
        state = State(self.file)
        state.prepare()
        state_files.write_segment(state, [state_files.event(number).as_line() for number in (19001, 19002, 7)])

    def _command(self, title: str, *arguments: object, codes: tuple[int, ...] = EXIT_CODES) -> str | None:
        """Run the command in a process that is split off: what is imported already need not be again."""
        out, err = self._folder / "stdout.txt", self._folder / "stderr.txt"
        pid = os.fork()
        if not pid:
            _become(self._folder, self._url, [str(each) for each in arguments], out, err)
        code = _wait(pid, COMMAND_SECONDS)
        said, shown = err.read_text("utf-8", "replace"), out.read_text("utf-8", "replace")
        if os.environ.get("FUZZ_VERBOSE"):
            print(f"--- {title}: exit {code}\n{said}{shown if title != 'spoiled get' else ''}", file=sys.stderr)
        if code is None:
            return f"{title}: no end after {COMMAND_SECONDS:g} s"
        if code < 0:
            return f"{title}: {signal.Signals(-code).name}: {_crashed_at(said)}"
        if found := canaries.found_in(said, shown):
            return f"{title}: {found!r} is shown"
        for line in said.splitlines():
            if "unexpected" in line or "Traceback" in line:
                return f"{title}: {line[:200]}"
            if wrong := cases.bad_text(line):
                return f"{title}: {wrong}"
        last = said.strip().splitlines()[-1:] or ["nothing on stderr"]
        return None if code in codes else f"{title}: exit {code}: {last[0][:200]}"

    def _tables(self, title: str, but: str | None = None) -> str | None:
        """What differs in the raw tables, the spoiled resource's aside, and what is in clear."""
        wrong = self._ask(("tables", str(self.file), but))
        if wrong:
            return f"{title}: {wrong}"
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and (found := canaries.found_in(path.read_bytes())):
                return f"{title}: {path.relative_to(self._folder)} holds {found!r}"
        return None

    def _ask(self, question: Any) -> Any:
        self._service.send(question)
        return self._service.recv()


def _crashed_at(said: str) -> str:
    """The innermost lines of the thread that crashed."""
    lines = [line.strip() for line in said.partition("Current thread")[2].splitlines()[1:6]]
    return ", ".join(line.partition("site-packages/")[2] or line for line in lines)


def _wait(pid: int, seconds: float) -> int | None:
    """The exit code of a process; None where it had to be killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _become(folder: Path, url: str, arguments: list[str], out: Path, err: Path) -> None:
    """Be the command, as a shell would start it: never returns."""
    try:
        for descriptor, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
        waits = [name for name in Settings.model_fields if "limit" in name and "second" in name]
        os.environ.update(
            {
                "HOME": str(folder),
                "LOGENTIC_BASE_URL": url,
                "LOGENTIC_API_TOKEN": canaries.TOKEN,
                "LOGENTIC_RETRY_SECONDS": "1",
                "LOGENTIC_TIMEOUT_SECONDS": "5",
                "LOGENTIC_WINDOW_PAGES": "2",
                "LOGENTIC_EARLIEST_DATE": EARLIEST,
                **{f"LOGENTIC_{name.upper()}": "1" for name in waits},
            }
        )
        os.chdir(folder)
        faulthandler.enable()  # a process that crashes says where
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sys.argv = ["logentic", *arguments]
        from logentic.cli.app import program

        program()
    finally:
        os._exit(70)


def _warm_up() -> None:
    """Import what a run imports, once for all."""
    os.environ["DLT_DATA_DIR"] = tempfile.gettempdir()  # dlt reads it once; a run names the folders that it uses
    for name in WARM:
        import_module(name)


# The service.


def _serve(connection: Connection, scenario: Scenario) -> None:
    """Serve the account in a process of its own, and do what the scenario asks."""
    served = _Served(scenario)
    with served.service:
        connection.send(served.service.url)
        while True:
            question = connection.recv()
            answer: str | None = None
            match question:
                case "spoil":
                    served.is_spoiling = True
                case "mend":
                    served.is_spoiling = False
                case "advance":
                    served.advance()
                case ("tables", file, but):
                    answer = served.compare(Path(file), but)
                case ("kept", file, resource_name):
                    answer = served.removed(Path(file), resource_name)
                case ("days", file):
                    answer = served.days_ahead(Path(file))
            connection.send(answer)


class _Served:
    """An account behind HTTP, one resource of which is spoiled while `is_spoiling`."""

    def __init__(self, scenario: Scenario) -> None:
        from logentic.sandbox.api import Api
        from logentic.sandbox.readings import Readings

        random = Random(scenario.draw)
        readings = Readings(decimals=random.choice(["number", "text"]), page_size="capped")
        self.is_spoiling = False
        self.account = account.live_account(readings, seed=random.randint(1, 20))
        self.service = Service(self._respond)
        self._api = Api(self.account.state(), self.service.origin)
        self._scenario = scenario
        self._share = 1.0 if scenario.kinds else random.choice([1.0, 0.5])
        self._refused: dict[str, int] = {}

    def advance(self) -> None:
        """A day and two hours pass, and an order is changed."""
        with self.account.lock:
            self.account.clock.advance(timedelta(hours=26))
            account.plant(self.account)
            order = self.account.state().rows("orders")[0]
            self.account.alter("orders", order["id"], status="ON_HOLD")

    def _respond(self, path: str, query: Query) -> Draft:
        with self.account.lock:
            state = self.account.state()
            answer = self._api.respond(path, query)
            moment = state.now
        resource = _resource_of(path)
        chosen = Random(f"{self._scenario.draw}:{path}:{sorted(query.items())}")
        draft = Draft(resource or RESOURCES["items"], None, chosen, self.service.origin, "http://127.0.0.1:2")
        draft.status, draft.body, draft.is_encoded = answer.status, answer.body().encode(), True
        draft.headers = [
            (b"Date", moment.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()),
            (b"Content-Type", b"application/json"),
        ]
        is_struck = self.is_spoiling and resource and resource.name == self._scenario.resource and answer.status == 200
        is_struck = is_struck or (self.is_spoiling and CLOCK in self._scenario.kinds)  # a service has one clock
        if is_struck and chosen.random() < self._share:
            self._spoil(draft, f"{path} {sorted(query.items())}")
        return draft

    def _spoil(self, draft: Draft, request: str) -> None:
        if self._scenario.is_only(CLOCK):
            for name in self._scenario.mutations:
                CATALOGUE[name].apply(draft)
            return
        document = simplejson.loads(draft.body, use_decimal=True)
        is_record = draft.is_record = isinstance(document["data"], dict)
        draft.document = {"data": [document["data"]]} if is_record else document
        draft.is_encoded, draft.is_closed = False, True
        is_refusal = any(name.startswith("retry-after") for name in self._scenario.mutations)
        if is_refusal:
            self._refused[request] = self._refused.get(request, 0) + 1
            if self._refused[request] > REFUSALS:
                return
        for name in self._scenario.mutations:
            mutation = CATALOGUE[name]
            if is_record and mutation.group in ("structure", "link"):
                continue
            if is_record and mutation.group not in ("value", "field", "row"):
                _close_record(draft)
            mutation.apply(draft)
        if is_record:
            _close_record(draft)
        if is_refusal:
            draft.status = 429

    def compare(self, file: Path, but: str | None) -> str | None:
        """Compare the raw tables of a file with the account."""
        import duckdb
        from raw_tables import LINES, raw_differences

        if not file.exists():
            return "no file was published"
        differing: Mapping[str, Any] = raw_differences(file, self.account)
        left_out = {but, LINES} if but == "orders" else {but}
        names = self._scenario.mutations
        is_lost = bool(differing.get(ITEM_QUANTITIES.name, ([], []))[0])
        if self._scenario.resource == ITEM_QUANTITIES.name and any(name in VALUES for name in names) and not is_lost:
            # A stock record under another `updated_at` that can be read is a version of its own, kept by design.
            left_out.add(ITEM_QUANTITIES.name)
        for table, (shown, stored) in differing.items():
            if table not in left_out:
                only = f"{len(shown)} rows only at the service, {len(stored)} only in the file"
                return f"{table} differs: {only}, such as {str((shown or stored)[0])[:150]!r}"
        with duckdb.connect(str(file), read_only=True) as published:
            tables = published.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            for schema, table in tables:
                rows = published.execute(f'select columns(*)::varchar from "{schema}"."{table}"')
                names = [column[0] for column in rows.description or ()]
                if found := canaries.found_in_rows(dict(zip(names, row, strict=True)) for row in rows.fetchall()):
                    return f"{table}: personal data in clear: {found}"
        return None

    def removed(self, file: Path, resource_name: str) -> str | None:
        """Records that count as removed, or are gone, although nothing at the service was removed."""
        import duckdb

        if not file.exists():
            return None
        with duckdb.connect(str(file), read_only=True) as published:
            query = f"select count(*) from logentic_raw.{resource_name} where _is_removed"
            found = published.execute(query).fetchone()
        return f"{found[0]} rows count as removed" if found and found[0] else None

    def days_ahead(self, file: Path) -> str | None:
        """Tables of days with a day after the service's today."""
        import duckdb

        today = self.account.clock.now().date()
        with duckdb.connect(str(file), read_only=True) as published:
            tables = published.execute(
                "select distinct table_name, column_name from duckdb_columns() where data_type = 'DATE'"
                " and column_name = 'date' and schema_name = 'main'"
            ).fetchall()
            if not tables:
                return "no table of days was built"
            for table, column in tables:
                found = published.execute(f'select max("{column}") from "{table}"').fetchone()
                if found and found[0] and found[0] > today:
                    return f"{table} holds {found[0]}, a day after {today}"
        return None


def _close_record(draft: Draft) -> None:
    if not draft.is_encoded:
        draft.document = {"data": draft.rows[0] if draft.rows else None}
        draft.encoded()


def _resource_of(path: str) -> Resource | None:
    """Return the resource of a list or of one of its records."""
    lists = {f"/v1{resource.path}": resource for resource in RESOURCES.values()}
    return lists.get(path) or lists.get(path.rpartition("/")[0])


# Damage on the disk.

Damage = Callable[[Path, Random], None]


def _on(pattern: str, change: Callable[[bytes, Random], bytes]) -> Damage:
    """Change the bytes of one file, or of each that a pattern finds."""

    def damage(folder: Path, random: Random) -> None:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and path.name not in KEPT:
                path.write_bytes(change(path.read_bytes(), random))

    return damage


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _flip(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.randint(1, 200) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _flip_late(content: bytes, random: Random) -> bytes:
    """Flip what stands after the headers, so that a database still opens."""
    start = min(12288, len(content))
    return content[:start] + _flip(content[start:], random)


def _be(*contents: bytes) -> Callable[[bytes, Random], bytes]:
    return lambda content, random: random.choice(contents)


def _with_a_line(line: bytes) -> Callable[[bytes, Random], bytes]:
    return lambda content, random: content + line


def _without_a_member(content: bytes, random: Random) -> bytes:
    note = simplejson.loads(content) if content else {}
    if isinstance(note, dict) and note:
        del note[random.choice(sorted(note))]
    return simplejson.dumps(note).encode()


def _with_odd_members(content: bytes, random: Random) -> bytes:
    odd = [None, 1, "x", [1], {"a": 1}, True, [[]], "2026-13-01", 1e300]
    note = simplejson.loads(content) if content else {}
    return simplejson.dumps({name: random.choice(odd) for name in note} if isinstance(note, dict) else odd).encode()


def _lost(pattern: str) -> Damage:
    def damage(folder: Path, random: Random) -> None:
        for path in sorted(folder.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


DEEP = bytes(nested(5000))
WRONG_NOTES = (
    b"",
    b"{",
    b"[1]",
    b"null",
    b"7",
    b'"x"',
    b'{"load":[1]}',
    b'{"a":' + DEEP + b"}",
    DEEP,
    b"\xff\xfe",
    b"\0" * 99,
)
DAMAGES: dict[str, Damage] = {
    "disk-notes-wrong": _on("*.json", _be(*WRONG_NOTES)),
    "disk-notes-cut": _on("*.json", _cut),
    "disk-notes-flipped": _on("*.json", _flip),
    "disk-notes-without-a-member": _on("*.json", _without_a_member),
    "disk-notes-of-odd-types": _on("*.json", _with_odd_members),
    "disk-notes-lost": _lost("*.json"),
    "disk-built-wrong": _on("built.json", _be(*WRONG_NOTES)),
    "disk-held-wrong": _on("held.json", _be(*WRONG_NOTES, b'{"after":"1.0","receipts":{}}', b'{"receipts":[1]}')),
    "disk-journals-cut": _on("*.jsonl", _cut),
    "disk-journals-flipped": _on("*.jsonl", _flip),
    "disk-journals-with-odd-lines": _on("*.jsonl", _with_a_line(b'[1]\n{"started_at":7}\nnull\n' + DEEP + b"\n\xff\n")),
    "disk-events-cut": _on("events/*.log", _cut),
    "disk-events-flipped": _on("events/*.log", _flip),
    "disk-events-garbage": _on("events/*.log", _be(b"\0" * 500, b"\xff\n" * 20, b"00000000 {}\n", DEEP)),
    "disk-dlt-lost": _lost("dlt"),
    "disk-dlt-state-wrong": _on("dlt/logentic/state.json", _be(*WRONG_NOTES)),
    "disk-dlt-state-of-odd-types": _on("dlt/logentic/state.json", _with_odd_members),
    "disk-dlt-schema-wrong": _on("dlt/logentic/schemas/*.json", _be(*WRONG_NOTES)),
    "disk-dlt-all-wrong": _on("dlt/**/*.json", _be(*WRONG_NOTES)),
    "disk-dlt-all-flipped": _on("dlt/**/*", _flip),
    "disk-work-lost": _lost("work.duckdb*"),
    "disk-work-cut": _on("work.duckdb", _cut),
    "disk-work-flipped": _on("work.duckdb", _flip),
    "disk-work-flipped-late": _on("work.duckdb", _flip_late),
    "disk-work-garbage": _on("work.duckdb", _be(b"not what stood here", b"")),
}
