"""Cases at the level of parser and pager: one spoiled input each, read by the real code, and the outcome judged.

A case is named `surface/resource/mutation+mutation/draw`: the name holds all that it takes to repeat it, also when the
catalogue has grown since.

What must hold after each: rows, or one of our errors in one line; rows that nothing touched arrive as they are; a value
that cannot be read stops no other; nothing personal is in clear, in rows, messages or log lines.
"""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import simplejson

from fuzz import account, canaries, state_files
from fuzz.account import NOON
from fuzz.json_text import encode
from fuzz.mutations import CATALOGUE, TOTALS, Draft, fields_of, names
from fuzz.service import Service
from fuzz.values import ABSENT
from logentic.api.client import Client, Response, parse_service_time, read_headers, retry_after
from logentic.api.pagination import read_pages, read_record, split_page
from logentic.api.probe import check_account
from logentic.api.rate_limiter import RateLimiter
from logentic.api.records import Mask, read_list
from logentic.errors import LogenticError
from logentic.events.event import EventParser
from logentic.extract.parsing import Rows, read_rows
from logentic.extract.spill_buffer import SpillBuffer
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import RESOURCES, Resource
from logentic.sanitizer import redacted_bytes, register_secret
from logentic.settings import Settings
from logentic.state import State

PSEUDONYMS = Pseudonymizer(bytes(range(32)))
register_secret(canaries.TOKEN, is_sent=True)  # as the settings of a run do
STAGES = ("value", "field", "row", "structure", "link", "body", "header", "status")
ROWS, PAGE = ("value", "field", "row"), ("value", "field", "row", "structure", "body")
# Which groups of mutations a surface takes, and how many of ten cases of a group go there.
SURFACES: dict[str, tuple[str, ...]] = {
    "page": PAGE,
    "list": STAGES,
    "record": (*ROWS, "body"),
    "shown": ROWS,
    "event": (*ROWS, "body"),
    "headers": ("header",),
    "state": state_files.GROUPS,
}
SHARES: dict[str, dict[str, int]] = {
    "value": {"page": 12, "list": 1, "record": 1, "shown": 2, "event": 1, "state": 3},
    "field": {"page": 12, "list": 1, "record": 1, "shown": 2, "event": 3, "state": 2},
    "row": {"page": 10, "list": 1, "record": 1, "shown": 1, "event": 1, "state": 1},
    "structure": {"page": 6, "list": 4},
    "link": {"list": 1},
    "body": {"page": 5, "list": 2, "record": 1, "event": 1, "state": 2},
    "header": {"list": 6, "headers": 4},
    "status": {"list": 1},
}
WEIGHTS = {"value": 32, "field": 18, "row": 8, "structure": 14, "link": 7, "body": 10, "header": 9, "status": 2}
WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.3, 3.0
PART_OF_TOKEN = 18  # characters
REQUESTS_AT_MOST = 45  # twice the announced pages and ten, each asked for again once or twice
EPHEMERAL = {"_seen_at", "_is_removed"}


@dataclass(frozen=True)
class Case:
    surface: str
    resource: str  # or the state file
    mutations: tuple[str, ...]
    draw: int

    def __str__(self) -> str:
        return f"{self.surface}/{self.resource}/{'+'.join(self.mutations)}/{self.draw}"

    @classmethod
    def named(cls, name: str) -> "Case":
        surface, resource, mutations, draw = name.strip().split("/")
        return cls(surface, resource, tuple(mutations.split("+")), int(draw))


def case_of(seed: int, index: int) -> Case:
    """Return the case of a seed and an index: each mutation of the catalogue once, then any, by the group's weight."""
    order = _order(seed)
    random = Random(f"{seed}:{index}")
    if index < len(order):
        first = CATALOGUE[order[index]]
    else:
        group = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        first = CATALOGUE[random.choice(names(group))]
    shares = SHARES[first.group]
    surface = random.choices(list(shares), list(shares.values()))[0]
    chosen = {first.name}
    while random.random() < 0.2 and len(chosen) < 3:
        chosen.add(random.choice(names(*SURFACES[surface])))
    ordered = sorted(chosen, key=lambda name: (STAGES.index(CATALOGUE[name].group), name))
    places = state_files.SAMPLES if surface == "state" else list(RESOURCES)
    resource = random.choice(places)
    if surface == "page" and random.random() < 0.3:
        resource = "orders"  # lines and personal values
    return Case(surface, resource, tuple(ordered), random.randrange(2**32))


@cache
def _order(seed: int) -> list[str]:
    order = list(CATALOGUE)
    Random(f"{seed}:order").shuffle(order)
    return order


def judge(case: Case) -> str | None:
    """Run a case; return what is wrong, None where nothing is."""
    with _Log() as log:
        try:
            wrong = JUDGES[case.surface](case)
        except LogenticError as error:
            return _bad_message(error) or f"{type(error).__name__} where none may be: {error}"
        except Exception as error:
            return f"unexpected {type(error).__name__}: {_short(error)} ({_where(error)})"
    return wrong or log.wrong()


def _spoil(draft: Draft, mutations: Iterable[str]) -> None:
    for name in mutations:
        CATALOGUE[name].apply(draft)
    draft.encoded()
    draft.all_touched |= draft.is_moved and bool(draft.touched)


# Pages: split, parsed, compared.


def _judge_page(case: Case) -> str | None:
    resource, random = RESOURCES[case.resource], Random(case.draw)
    documents = account.pages(resource.name)[:2]
    draft = Draft(resource, documents[0], random)
    _spoil(draft, case.mutations)
    try:
        pages = [
            split_page(Response(redacted_bytes(body), NOON, b""), "a list, page 1")
            for body in (draft.body, encode(documents[1]))
        ]
        rows = read_rows(resource, pages if random.random() < 0.5 else pages[::-1], PSEUDONYMS, "a list")
        _spilled(resource, rows)
    except LogenticError as error:
        return _bad_message(error) or (None if draft.may_fail else f"a value stopped other rows: {error}")
    return judge_rows(resource, rows, [(draft, 0), (None, 1)])


def judge_rows(resource: Resource, rows: Rows, parts: list[tuple[Draft | None, int]]) -> str | None:
    """Compare rows with the pages that they were read from: spoiled drafts, or None for one that was not."""
    found = rows.records.to_pylist()
    known = [name for name in resource.columns if name in rows.records.column_names]
    if len(known) < len(resource.columns):
        return f"columns are missing: {sorted(set(resource.columns) - set(known))}"
    by_key = {_key(resource, row): row for row in found}
    if len(by_key) < len(found):
        return "a key stands twice"
    lines = _lines(resource, rows)
    is_key_touched = any(draft and draft.touched_key for draft, _ in parts)
    for draft, number in parts:
        if draft and draft.all_touched:
            continue
        for place, (expected, expected_lines) in enumerate(_expected(resource.name, number)):
            if draft and place in draft.touched:
                continue
            key = _key(resource, expected)
            row = by_key.get(key)
            if row is None and draft and draft.may_fail and _is_recorded_whole(rows):
                break
            if row is None:
                return f"row {place} of page {number + 1}, which nothing touched, is lost"
            if is_key_touched and _is_doubled(resource, parts, key):
                continue
            for name in known:
                if row[name] != expected[name]:
                    return f"row {place} of page {number + 1}: {name} was {expected[name]!r} and is {row[name]!r}"
            if lines.get(row["id"], []) != expected_lines:
                return f"row {place} of page {number + 1}: its lines have changed"
    return _clear_text(rows) or _losses(resource, rows, by_key, parts)


def _is_recorded_whole(rows: Rows) -> bool:
    """Whether rows without a readable key were recorded: a page may be so spoiled that its rows are not found."""
    return rows.rejected is not None and any(not field for field in rows.rejected["field"].to_pylist())


def _is_doubled(resource: Resource, parts: list[tuple[Draft | None, int]], key: tuple[Any, ...]) -> bool:
    """Whether a spoiled row may have taken the key of another, or have lost its own to it."""
    return any(draft is not None and bool(draft.touched) for draft, _ in parts)


def _losses(
    resource: Resource, rows: Rows, by_key: Mapping[Any, dict[str, Any]], parts: list[tuple[Draft | None, int]]
) -> str | None:
    """A value that came out as null has to be recorded as rejected, and no other value may be."""
    rejected = rows.rejected.to_pylist() if rows.rejected is not None else []
    fields = {str(entry["field"]) for entry in rejected}
    for draft, number in parts:
        if draft is None or draft.all_touched or draft.is_moved or len(draft.touched) != 1 or not draft.changes:
            continue
        place, path, value = draft.changes[0]
        column = _field(resource, path)
        if column not in resource.columns or value in ABSENT:
            if (
                "." in column
                and value not in ABSENT
                and not fields
                and _line_is_null(resource, rows, path, place, number)
            ):
                return f"{column} is null, and nothing says that it was {value!r:.60}"
            continue
        row = by_key.get(_key(resource, _expected(resource.name, number)[place][0]))
        is_lost = row is None if draft.touched_key else row is None or row[column] is None
        if is_lost and not rejected and not draft.touched_key:
            return f"{column} is null, and nothing says that it was {value!r:.60}"
        if is_lost and row is not None and not any(column in field or field in column for field in fields):
            return f"{column} is null, and only {sorted(fields)} are recorded"
    return None


def _field(resource: Resource, path: tuple[str | int, ...]) -> str:
    """The name of a field as rejected values have it: place__city, stored_items.2.quantity."""
    if resource.lines and path[0] == resource.lines.field and len(path) == 3:
        return f"{path[0]}.{int(path[1]) + 1}.{path[2]}"
    return "__".join(str(part) for part in path)


def _line_is_null(resource: Resource, rows: Rows, path: tuple[str | int, ...], place: int, number: int) -> bool:
    """Whether the field of a line came out as null."""
    order = _expected(resource.name, number)[place][0]["id"]
    lines = _lines(resource, rows).get(order, [])
    return len(lines) > int(path[1]) and lines[int(path[1])].get(str(path[2]), "") is None


def _clear_text(rows: Rows) -> str | None:
    for table in (rows.records, rows.lines, rows.rejected):
        if table is not None and (found := canaries.found_in_rows(table.to_pylist())):
            return f"personal data in clear: {found}"
    for entry in rows.rejected.to_pylist() if rows.rejected is not None else ():
        if canaries.TOKEN[:PART_OF_TOKEN] in "".join(filter(str.isprintable, str(entry))):
            return f"a rejected value holds a part of the token: {entry}"
    return None


def _spilled(resource: Resource, rows: Rows) -> None:
    """What a window does with rows before they are compared."""
    buffer = SpillBuffer(resource, None)
    buffer.put(rows)
    buffer.count()
    for part in buffer.parts():
        part.owned("date" if "date" in resource.columns else "created_at", NOON, NOON)


def _key(resource: Resource, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in resource.key)


def _lines(resource: Resource, rows: Rows) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    if resource.lines and rows.lines is not None:
        known = resource.lines.columns
        for line in rows.lines.to_pylist():
            found.setdefault(line[resource.lines.parent], []).append({name: line[name] for name in known})
    return found


@cache
def _expected(resource_name: str, number: int) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The rows of a page that nothing spoiled, each with its lines."""
    resource, document = RESOURCES[resource_name], account.pages(resource_name)[number]
    page = split_page(Response(encode(document), NOON, b""), "a list")
    rows = read_rows(resource, [page], PSEUDONYMS, "a list")
    lines = _lines(resource, rows)
    return [(row, lines.get(row["id"], [])) for row in rows.records.to_pylist()]


# Lists and records over HTTP.


class _Http:
    """A service, another that nobody may ask, and settings of a client that gives up soon."""

    def __init__(self) -> None:
        self.service, self.elsewhere = Service(), Service()
        self.service.__enter__()
        self.elsewhere.__enter__()
        limits = {name: 1 for name in Settings.model_fields if "limit" in name and "second" in name}
        self.settings = Settings(
            base_url=self.service.url,
            api_token=canaries.TOKEN,
            retry_seconds=0.1,
            timeout_seconds=4,
            **limits,
        )

    def draft(self, resource: Resource, document: Any, random: Random) -> Draft:
        draft = Draft(resource, document, random, self.service.origin, self.elsewhere.origin)
        draft.headers = [
            (b"Date", b"Tue, 17 Mar 2026 12:00:00 GMT"),
            (b"Content-Type", b"application/json"),
            (b"X-RateLimit-Limit", b"600"),
            (b"X-RateLimit-Remaining", b"599"),
        ]
        return draft


@cache
def _http() -> _Http:
    return _Http()


def _judge_list(case: Case) -> str | None:
    http, resource, random = _http(), RESOURCES[case.resource], Random(case.draw)
    documents = account.pages(resource.name)
    _lead_to(http.service.origin, documents)
    spoiled = random.randrange(len(documents))
    draft = http.draft(resource, documents[spoiled], random)
    _spoil(draft, case.mutations)
    draft.is_closed = True
    is_refusal = any(name.startswith(("retry-after", "ratelimit")) for name in case.mutations) and random.random() < 0.7
    if is_refusal:
        draft.status, draft.may_fail = random.choice([429, 429, 503]), True  # it may ask for too long a wait
    times_left = [1 if is_refusal or draft.status in (429, 503) else 10**6]

    lasting = [name for name in case.mutations if CATALOGUE[name].is_lasting]
    fresh = [deepcopy(document) for document in documents] if lasting else documents

    def respond(path: str, query: Mapping[str, str]) -> Draft:
        number = query.get("page", "1")
        place = int(number) - 1 if number.isascii() and number.isdigit() else 0
        if place == spoiled and times_left[0] > 0 and not lasting:
            times_left[0] -= 1
            return draft
        document = fresh[place] if 0 <= place < len(fresh) else _no_page()
        if not lasting:
            return http.draft(resource, document, random)
        each = http.draft(resource, deepcopy(document), random)
        each.is_closed = True
        _spoil(each, lasting)
        return each

    may_wait = is_refusal or any(name.startswith("ratelimit") for name in case.mutations)
    http.service.respond, http.service.requests, http.elsewhere.requests = respond, 0, 0
    with _FallbackParser(http, may_wait) as reading:
        pages = read_pages(reading.client, resource.path, {"per_page": "6"}, "a list")
        found = reading.run(lambda: list(pages))
    if wrong := reading.wrong(draft.may_fail or _leads_elsewhere(case)):
        return wrong
    if http.elsewhere.requests:
        return "another origin was asked"
    if http.service.requests > REQUESTS_AT_MOST:
        return f"{http.service.requests} requests for a list of {len(documents)} pages"
    if found is None:
        return None
    try:
        rows = read_rows(resource, found, PSEUDONYMS, "a list")
    except LogenticError as error:
        return _bad_message(error) or (None if draft.may_fail else f"a value stopped other rows: {error}")
    if lasting and len(lasting) < len(case.mutations):
        draft.may_fail = True  # what else was spoiled has not been served
    shown = [(draft, spoiled), *((None, n) for n in range(len(documents)) if n != spoiled)]
    if draft.may_fail:  # where a list leads, or that it ends, is what was spoiled: what came has to be right
        shown = shown[: 1 if spoiled == 0 and len(found) < len(documents) else 0]
    return judge_rows(resource, rows, shown) if shown else _clear_text(rows)


def _leads_elsewhere(case: Case) -> bool:
    chosen = (CATALOGUE[name] for name in case.mutations)
    return any(each.group in ("link", "structure") and each.kind != TOTALS for each in chosen)


def _lead_to(origin: str, documents: list[dict[str, Any]]) -> None:
    for document in documents:
        pagination = document["meta"]["pagination"]
        if pagination["links"]:
            pagination["links"] = {
                name: link.replace(account.ORIGIN, origin) for name, link in pagination["links"].items()
            }


def _no_page() -> dict[str, Any]:
    """A page after the last."""
    pagination = {"total": 18, "count": 0, "per_page": 6, "current_page": 9, "total_pages": 3, "links": []}
    return {"data": [], "meta": {"pagination": pagination}}


def _judge_record(case: Case) -> str | None:
    http, resource, random = _http(), RESOURCES[case.resource], Random(case.draw)
    row = account.pages(resource.name)[0]["data"][0]
    record_id = row["id"]
    draft = http.draft(resource, {"data": [row]}, random)
    for name in case.mutations:
        if CATALOGUE[name].group == "body" and not draft.is_encoded:
            _as_record(draft)
        CATALOGUE[name].apply(draft)
    if not draft.is_encoded:
        _as_record(draft)
    draft.is_closed = draft.is_record = True
    http.service.respond, http.service.requests = lambda path, query: draft, 0
    with _FallbackParser(http, may_wait=False) as reading:
        page = reading.run(lambda: read_record(reading.client, resource.path, record_id, "a record"))
    may_fail = draft.may_fail or draft.touched_key or any(name.startswith(("row", "token")) for name in case.mutations)
    if wrong := reading.wrong(may_fail):
        return wrong
    if page is None:
        return None
    try:
        rows = read_rows(resource, [page], PSEUDONYMS, "a record")
    except LogenticError as error:
        return _bad_message(error) or (None if may_fail else f"a value stopped a record: {error}")
    return _clear_text(rows)


def _as_record(draft: Draft) -> None:
    draft.document = {"data": draft.rows[0] if draft.rows else None}
    draft.encoded()


class _FallbackParser:
    """One reading by a client of its own, which is stopped when it waits for longer than is right."""

    def __init__(self, http: _Http, may_wait: bool) -> None:
        self.client = Client(http.settings)
        self.error: LogenticError | None = None
        self._may_wait = may_wait
        self._stopped = threading.Event()
        self._timer = threading.Timer(WAIT_SECONDS if may_wait else LONGEST_WAIT_SECONDS, self._stop)

    def __enter__(self) -> "_FallbackParser":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self.client.close()

    def run(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except LogenticError as error:
            self.error = error
            return None

    def wrong(self, may_fail: bool) -> str | None:
        """What is wrong with how it ended."""
        if self._stopped.is_set() and not self._may_wait:
            return f"it waited for longer than {LONGEST_WAIT_SECONDS} s"
        if self.error is None:
            return None
        if wrong := _bad_message(self.error):
            return wrong
        return None if may_fail or self._stopped.is_set() else f"{type(self.error).__name__}: {self.error}"

    def _stop(self) -> None:
        self._stopped.set()
        self.client.close()


# What `get` and `check` show of rows.


def _judge_shown(case: Case) -> str | None:
    http, resource, random = _http(), RESOURCES[case.resource], Random(case.draw)
    documents = {f"/v1{each.path}": account.pages(each.name)[0] for each in RESOURCES.values()}
    for document in documents.values():
        document["meta"]["pagination"].update(total=account.PAGE_SIZE, total_pages=1, links=[])
    draft = http.draft(resource, documents[f"/v1{resource.path}"], random)
    _spoil(draft, case.mutations)
    draft.is_closed = True
    http.service.respond = lambda path, query: (
        draft if path == f"/v1{resource.path}" else http.draft(resource, documents.get(path) or _no_page(), random)
    )
    return _judge_check(case, http) if random.random() < 0.4 else _judge_get(http, resource, draft)


def _judge_get(http: "_Http", resource: Resource, draft: Draft) -> str | None:
    with _FallbackParser(http, may_wait=False) as reading:
        found = reading.run(lambda: list(read_list(reading.client, resource, None, {})))
    if wrong := reading.wrong(draft.may_fail):
        return wrong
    mask = Mask(Settings())
    for row in [row for _, rows in found or () for row in rows]:
        text = simplejson.dumps(mask.record(resource, row), use_decimal=True, ensure_ascii=False, allow_nan=True)
        if clear := canaries.found_in(text):
            return f"shown in clear: {clear!r}"
    return None


def _judge_check(case: Case, http: "_Http") -> str | None:
    """A list that cannot be read is an answer; the others are looked at as ever."""
    answers = check_account(http.settings)
    failed = [each.resource for each in answers.lists if each.error and each.resource != case.resource]
    if failed:
        return f"check fails for {failed} as well"
    found = canaries.found_in(*answers.findings(), *(each.error for each in answers.lists))
    return f"check shows {found!r}" if found else None


# Events.


def _judge_event(case: Case) -> str | None:
    resource, random = RESOURCES["orders"], Random(case.draw)
    draft = Draft(resource, {"data": account.pages("orders")[0]["data"][:1]}, random)
    for name in case.mutations:
        if CATALOGUE[name].group == "body" and not draft.is_encoded:
            _as_record(draft)
        CATALOGUE[name].apply(draft)
    if not draft.is_encoded:
        _as_record(draft)
    parser = EventParser(PSEUDONYMS)
    try:
        event = parser.parse(parser.digest_content("order-completed", draft.body), {}, draft.body, NOON)
    except ValueError as error:
        found = canaries.found_in(str(error))
        return f"an error holds {found!r}" if found else None
    line = event.as_line()
    if found := canaries.found_in(line, event.body):
        return f"an event holds {found!r}"
    return None if type(event).from_line(line) == event else "an event is not read as it was written"


# Headers.


def _judge_headers(case: Case) -> str | None:
    """What headers say of time and pace, without a request."""
    random = Random(case.draw)
    draft = Draft(RESOURCES["items"], {"data": []}, random)
    draft.headers = [(b"Date", b"Tue, 17 Mar 2026 12:00:00 GMT"), (b"X-RateLimit-Limit", b"60")]
    _spoil(draft, case.mutations)
    lines = [b"HTTP/1.1 429 Whatever", *(name + b": " + value for name, value in draft.headers)]
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    now = random.choice([None, NOON, parse_service_time(head)])
    headers = read_headers(head)
    pause = retry_after(headers, now)
    if not 0 <= pause < 10**12:
        return f"Retry-After {headers.get('retry-after')!r:.50} means {pause} s"
    limiter, errors = RateLimiter(4), list[BaseException]()

    def acquire() -> None:
        try:
            limiter.acquire()
        except BaseException as error:
            errors.append(error)

    limiter.acquire()
    limiter.release(time.monotonic(), random.choice([200, 429, 503, None]), head, now, pause)
    thread = threading.Thread(target=acquire, daemon=True)
    thread.start()
    thread.join(0.01)
    limiter.close()
    thread.join(4)
    if errors:
        raise errors[0]
    return "a wait does not end when the run is stopped" if thread.is_alive() else None


# State files.


def _judge_state(case: Case) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder) / "logentic.duckdb")
        spoiled = state_files.spoil(state, case.resource, list(case.mutations), Random(case.draw))
        try:
            return state_files.read(state, case.resource, spoiled)
        except LogenticError as error:
            return _bad_message(error)


JUDGES: dict[str, Callable[[Case], str | None]] = {
    "page": _judge_page,
    "list": _judge_list,
    "record": _judge_record,
    "shown": _judge_shown,
    "event": _judge_event,
    "headers": _judge_headers,
    "state": _judge_state,
}


# Messages.


def _bad_message(error: LogenticError) -> str | None:
    text = f"{error} {error.guidance}"
    return None if (wrong := bad_text(text)) is None else f"{type(error).__name__}: {wrong}"


def bad_text(text: str, longest: int = 2000) -> str | None:
    """What is wrong with a line for a person."""
    if found := canaries.found_in(text):
        return f"a message holds {found!r}"
    if canaries.TOKEN[:PART_OF_TOKEN] in "".join(filter(str.isprintable, text)):
        return f"a message holds a part of the token: {text[:200]!r}"
    if not text.isprintable():
        odd = next(character for character in text if not character.isprintable())
        return f"a message holds {odd!r}: {text[:200]!r}"
    return f"a message of {len(text)} characters" if len(text) > longest else None


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120].encode("ascii", "replace").decode()


def _where(error: BaseException) -> str:
    """The last line of our own code that an error passed."""
    found, trace = "", error.__traceback__
    while trace:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "logentic" in path.parts:
            found = f"{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


class _Log(logging.Handler):
    """What is logged meanwhile."""

    def __enter__(self) -> "_Log":
        self.lines: list[str] = []
        self._logger = logging.getLogger("logentic")
        self._logger.addHandler(self)
        self._logger.propagate = False
        self._logger.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def wrong(self) -> str | None:
        return next((f"log: {wrong}" for line in self.lines if (wrong := bad_text(line))), None)


def all_fields(resource: Resource) -> list[str]:
    """Return the fields of a resource's first row: for resolve_author pins a case."""
    return ["__".join(map(str, path)) for path in fields_of(resource, account.pages(resource.name)[0]["data"][0])]
