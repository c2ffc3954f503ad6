"""The catalogue of mutations: each spoils a valid response of the service in one named way.

A mutation draws what it needs from the `Random` of its draft, so that the same draft is spoiled in the same way.
What it may spoil decides how an outcome is judged: rows that are not `touched` have to arrive as they are.
"""

import gzip
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import simplejson

from fuzz import canaries
from fuzz.json_text import Members, Raw, encode, nested
from fuzz.values import ANY, NUMBER, TEXT, TIME, TRUTH, VALUES, Value
from logentic.resources import DAY, MOMENT, ORDERS, Resource
from logentic.resources import TEXT as TEXT_COLUMN
from logentic.resources import TRUTH as TRUTH_COLUMN

Path = tuple[str | int, ...]
OWN_COLUMNS = ("_seen_at", "_is_removed", "_dlt_load_id", "_dlt_id", "_parent", "_lines", "_place", "_version")
UNKNOWN_NAMES = (
    *("mobile", "cell", "zip", "street1", "consignee", "company", "ip", "iban", "gift_message", "signed_by"),
    *("delivery_instructions", "shipping.to.line1", "customer.first", "customerName", "Kunde", "\u5ba2\u6237", "n"),
    *("meta", "data", "pagination", "links", "id2", "x" * 200, "a b", "a-b", "1st", "select", "order", "\U0001f600"),
)


@dataclass
class Draft:
    """A response on its way: a document, then its bytes, with a status and headers."""

    resource: Resource
    document: Any
    random: Random
    origin: str = "http://127.0.0.1:1"
    elsewhere: str = "http://127.0.0.1:2"
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    touched: set[int] = field(default_factory=set)  # rows that may arrive otherwise, or not at all
    touched_key: bool = False  # a row may have become another one's
    all_touched: bool = False
    is_moved: bool = False  # rows stand elsewhere than before
    may_fail: bool = False  # its resource may fail with one line
    changes: list[tuple[int, Path, Any]] = field(default_factory=list)  # (row, field, value) of values replaced
    is_encoded: bool = False
    is_closed: bool = False  # the connection ends with the response
    is_record: bool = False  # a record by its id, not a page of a list

    def encoded(self) -> None:
        """Turn the document into bytes; what follows spoils these."""
        if not self.is_encoded:
            self.body, self.is_encoded = encode(self.document), True

    @property
    def rows(self) -> list[Any]:
        data = self.document.get("data") if isinstance(self.document, dict) else None
        return data if isinstance(data, list) else []

    def row(self) -> tuple[int, dict[str, Any]] | None:
        """Choose a row that nothing has spoiled yet, as its place and the row."""
        free = [
            (place, row) for place, row in enumerate(self.rows) if place not in self.touched and isinstance(row, dict)
        ]
        if not free:
            return None
        place, row = self.random.choice(free)
        self.touched.add(place)
        return place, row

    def pagination(self) -> dict[str, Any] | None:
        meta = self.document.get("meta") if isinstance(self.document, dict) else None
        pagination = meta.get("pagination") if isinstance(meta, dict) else None
        return pagination if isinstance(pagination, dict) else None


Apply = Callable[[Draft], None]


@dataclass(frozen=True)
class Mutation:
    """`in_runs`: may strike a whole run; false where it makes a run wait, or tells a readable untruth for good.

    `is_lasting`: strikes every page of a list, and every response of several runs. `kind` is the kind of fault of a
    lasting mutation: it decides what a run has to end with.
    """

    name: str
    group: str
    apply: Apply
    in_runs: bool = True
    kind: str = ""

    @property
    def is_lasting(self) -> bool:
        return bool(self.kind)


CATALOGUE: dict[str, Mutation] = {}


# Kinds of lasting mutations.
TOTALS, REPEATED_PAGES, CLOCK, FAILING_LIST = "totals", "repeated pages", "clock", "a list that fails alone"


def _add(name: str, group: str, apply: Apply, *, in_runs: bool = True, kind: str = "") -> None:
    assert name not in CATALOGUE, name
    CATALOGUE[name] = Mutation(name, group, apply, in_runs, kind)


def mutation(group: str, *, in_runs: bool = True) -> Callable[[Apply], Apply]:
    """Enter a function into the catalogue, under its name."""

    def enter(apply: Apply) -> Apply:
        _add(apply.__name__.replace("_", "-"), group, apply, in_runs=in_runs)
        return apply

    return enter


@cache
def names(*groups: str) -> list[str]:
    """Return the mutations of these groups, in the order of the catalogue."""
    return [each.name for each in CATALOGUE.values() if each.group in groups]


def fields_of(resource: Resource, row: dict[str, Any]) -> list[Path]:
    """Return the path of every value within a row, containers included."""
    paths: list[Path] = []

    def walk(value: Any, path: Path) -> None:
        if path:
            paths.append(path)
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, part in members:
            walk(part, (*path, name))

    walk(row, ())
    return paths


def kind_of(resource: Resource, path: Path) -> str:
    """Return the kind of value that a field is meant for."""
    names_only = [part for part in path if isinstance(part, str)]
    column = resource.columns.get("__".join(names_only))
    if column is None and resource.lines and names_only[0] == resource.lines.field:
        column = resource.lines.columns.get(names_only[-1])
    if column is None:
        return ANY
    kinds = {MOMENT: TIME, DAY: TIME, TEXT_COLUMN: TEXT, TRUTH_COLUMN: TRUTH}
    return kinds.get(column, NUMBER)


def _container(row: Any, path: Path) -> Any:
    for part in path[:-1]:
        row = row[part]
    return row


def _choose_field(draft: Draft, row: dict[str, Any], kind: str) -> Path:
    """Choose a field; of a kind of value mostly one that is meant for it."""
    paths = fields_of(draft.resource, row)
    fitting = [path for path in paths if kind_of(draft.resource, path) == kind]
    return draft.random.choice(fitting if fitting and kind != ANY and draft.random.random() < 0.8 else paths)


def _note(draft: Draft, path: Path) -> None:
    if path[0] in draft.resource.key:
        draft.touched_key = True


def _replace(value: Value) -> Apply:
    def apply(draft: Draft) -> None:
        if not (found := draft.row()):
            return
        place, row = found
        path = _choose_field(draft, row, value.kind)
        container = _container(row, path)
        made = value.make(draft.random, container[path[-1]])
        container[path[-1]] = made
        draft.may_fail |= value.may_fail
        _note(draft, path)
        draft.changes.append((place, path, made))

    return apply


for _value in VALUES.values():
    _add(_value.name, "value", _replace(_value))


# Names of fields.


def _rename(row: dict[str, Any], path: Path, name: Any) -> None:
    container = _container(row, path)
    if isinstance(container, dict):
        items = [(name if key == path[-1] else key, part) for key, part in container.items()]
        container.clear()
        container.update(items)


@mutation("field")
def field_missing(draft: Draft) -> None:
    if found := draft.row():
        path = _choose_field(draft, found[1], ANY)
        _note(draft, path)
        del _container(found[1], path)[path[-1]]


def _renamed(name: str, rename: Callable[[Draft, str], str]) -> None:
    def apply(draft: Draft) -> None:
        if found := draft.row():
            path = draft.random.choice([p for p in fields_of(draft.resource, found[1]) if isinstance(p[-1], str)])
            _note(draft, path)
            _rename(found[1], path, rename(draft, str(path[-1])))

    _add(name, "field", apply)


_renamed("field-renamed", lambda draft, name: draft.random.choice(["consignee", "x", f"new_{name}", f"{name}2"]))
_renamed("field-in-capitals", lambda draft, name: name.upper())
_renamed("field-in-camel-case", lambda draft, name: "".join(part.title() for part in name.split("_")))
_renamed("field-with-blank", lambda draft, name: f" {name} ")
_renamed("field-flattened", lambda draft, name: draft.random.choice(["place__city", "recipient__name", f"a__{name}"]))


def _doubled(name: str, other: Callable[[Draft, Any], Any]) -> None:
    def apply(draft: Draft) -> None:
        """Give a member twice: some parsers keep the first, some the last."""
        if not (found := draft.row()):
            return
        place, row = found
        chosen = draft.random.choice(list(row))
        _note(draft, (chosen,))
        members = Members(row.items())
        members.insert(draft.random.randrange(len(members) + 1), (chosen, other(draft, row[chosen])))
        draft.document["data"][place] = members

    _add(name, "field", apply)


_doubled("field-twice", lambda draft, value: value)
_doubled("field-twice-as-null", lambda draft, value: None)
_doubled("field-twice-as-another", lambda draft, value: draft.random.choice([1, "x", [], {}, True, Decimal("0.1")]))


def _extra(name: str, make: Callable[[Draft], list[tuple[Any, Any]]], *, may_fail: bool = False) -> None:
    """Add unknown members to a row."""

    def apply(draft: Draft) -> None:
        if found := draft.row():
            place, row = found
            draft.may_fail |= may_fail
            draft.document["data"][place] = Members([*row.items(), *make(draft)])

    _add(name, "field", apply)


def unknown_name(draft: Draft) -> str:
    """Return a name that the reference does not know; outside of orders one that looks personal."""
    if draft.resource is not ORDERS:
        return draft.random.choice(["customer_name", "contact_email", "phone", "address2", "delivery_note"])
    word = "".join(draft.random.choice("abcdefghijklmnopqrstuvwxyz_") for _ in range(draft.random.randint(1, 30)))
    return draft.random.choice([*UNKNOWN_NAMES, f"x{word}"])


def personal_value(draft: Draft) -> Any:
    """Return a personal value in any shape that it may have."""
    random, word = draft.random, canaries.WORD
    return random.choice(
        [
            word,
            f"{word} Canary",
            f"{word.lower()}@example.com",
            canaries.NUMBER,
            Decimal(f"{canaries.NUMBER}.5"),
            [word, {"to": word}],
            {"first": word, "tags": [word]},
            {word: 1, "people": {f"{word} Curie": {"age": 7}}},
            [[[{word: [word]}]]],
            f'{{"name":"{word}"}}',
            f"a\n{word}\0b",
            Raw(f'"{word} caf'.encode() + b'\xe9"'),
            Raw(rf'"{word} \ud800"'.encode()),
        ]
    )


_extra("unknown-field", lambda draft: [(unknown_name(draft), personal_value(draft))])
_extra("unknown-fields", lambda draft: [(unknown_name(draft), personal_value(draft)) for _ in range(8)])
_extra("1500-unknown-fields", lambda draft: [(f"{unknown_name(draft)}_{n}", canaries.WORD) for n in range(1500)])
_extra("1500-unknown-numbers", lambda draft: [(f"n{n}", n) for n in range(1500)])
_extra("unknown-field-without-name", lambda draft: [("", 1), (".", 2), ("__", 3), (" ", 4)])
_extra("unknown-field-of-raw-bytes", lambda draft: [(Raw(b'"caf\xe9"'), 1)])
_extra("unknown-field-of-a-surrogate", lambda draft: [(Raw(rb'"\ud800"'), 1)])
_extra("unknown-field-with-nul", lambda draft: [("a\0b", 1), ("a\0c", 2)])
_extra("unknown-field-as-one-of-ours", lambda draft: [(draft.random.choice(OWN_COLUMNS), 1)])
_extra("unknown-fields-that-collide", lambda draft: [("a.b", 1), ("a_b", 2), ("A b", 3), ("a__b", 4), ("aB", 5)])
_extra("unknown-field-of-a-megabyte", lambda draft: [("blob", "x" * 2**20)])
_extra("unknown-field-900-levels", lambda draft: [("deep", nested(900))], may_fail=True)
_extra("unknown-field-5000-levels", lambda draft: [("deep", nested(5000, of_objects=True))], may_fail=True)
_extra("unknown-meta-in-a-row", lambda draft: [("meta", {"pagination": {"total": 99, "count": 99}})])


@mutation("field")
def unknown_field_in_every_row(draft: Draft) -> None:
    """The other values of the rows have to arrive as they are."""
    for row in draft.rows:
        if isinstance(row, dict):
            row[unknown_name(draft)] = personal_value(draft)


@mutation("field")
def unknown_field_within(draft: Draft) -> None:
    """In a recipient, an address or a line, where there is one."""
    if found := draft.row():
        inner = [part for part in found[1].values() if isinstance(part, dict)]
        lists = [part for part in found[1].values() if isinstance(part, list)]
        inner += [line for part in lists for line in part if isinstance(line, dict)]
        draft.random.choice(inner or [found[1]])[unknown_name(draft)] = personal_value(draft)


# Rows.


def _row(name: str, make: Callable[[Draft, Any], Any], *, is_key: bool = False, may_fail: bool = False) -> None:
    def apply(draft: Draft) -> None:
        if found := draft.row():
            draft.document["data"][found[0]] = make(draft, found[1])
            draft.touched_key |= is_key
            draft.may_fail |= may_fail

    _add(name, "row", apply)


_row("row-null", lambda draft, row: None)
_row("row-text", lambda draft, row: "a row")
_row("row-personal-text", lambda draft, row: canaries.WORD if draft.resource is ORDERS else "anna@example.com")
_row("row-number", lambda draft, row: 7)
_row("row-empty-list", lambda draft, row: [])
_row("row-empty", lambda draft, row: {})
_row("row-within-list", lambda draft, row: [row])
_row("row-within-object", lambda draft, row: {"data": row})
_row("row-of-a-resource-elsewhere", lambda draft, row: {"type": "orders", "id": "1", "attributes": row}, is_key=True)
_row("row-of-names-only", lambda draft, row: dict.fromkeys(row))
_row("row-of-another-id", lambda draft, row: {**row, "id": draft.random.choice([0, -1, 10**15])}, is_key=True)
_row("row-without-key", lambda draft, row: {name: part for name, part in row.items() if name not in draft.resource.key})


@mutation("row")
def row_twice(draft: Draft) -> None:
    if data := draft.rows:
        data.insert(draft.random.randrange(len(data) + 1), deepcopy(draft.random.choice(data)))
        draft.is_moved = True


@mutation("row")
def rows_shuffled(draft: Draft) -> None:
    draft.random.shuffle(draft.rows)
    draft.is_moved = True


@mutation("row")
def rows_many_times(draft: Draft) -> None:
    if draft.rows:
        draft.document["data"] = draft.rows * draft.random.randint(2, 40)
        draft.is_moved = True


# The structure of a page.


def _structure(name: str, change: Callable[[Draft], Any], *, in_runs: bool = True, drops_rows: bool = False) -> None:
    """Change a document: afterwards there are all rows, or an error."""

    def apply(draft: Draft) -> None:
        draft.may_fail = True
        draft.all_touched |= drops_rows
        change(draft)

    _add(name, "structure", apply, in_runs=in_runs)


def _set(**members: Any) -> Callable[[Draft], None]:
    return lambda draft: _update(draft, members)


def _update(draft: Draft, members: dict[str, Any]) -> None:
    """Replace members of a document that is still an object."""
    if isinstance(draft.document, dict):
        draft.document.update(members)


def _pop(draft: Draft, name: str) -> Any:
    return draft.document.pop(name, None) if isinstance(draft.document, dict) else None


def _set_pagination(name: str, value: Any) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        if (pagination := draft.pagination()) is not None:
            pagination[name] = value.make(draft.random, pagination.get(name)) if isinstance(value, Value) else value

    return change


def _without(name: str) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        if (pagination := draft.pagination()) is not None:
            pagination.pop(name, None)

    return change


def _data(change: Callable[[list[Any]], Any]) -> Callable[[Draft], None]:
    return lambda draft: _update(draft, {"data": change(draft.rows)})


for _counter in ("total", "count", "per_page", "current_page", "total_pages"):
    _structure(f"no-{_counter.replace('_', '-')}", _without(_counter))
    for _value in VALUES.values():
        if _value.kind in (ANY, NUMBER):
            _structure(f"{_counter.replace('_', '-')}-{_value.name}", _set_pagination(_counter, _value))
_structure("total-one-too-high", lambda draft: _set_pagination("total", _total(draft) + 1)(draft))
_structure("total-one-too-low", lambda draft: _set_pagination("total", _total(draft) - 1)(draft))
_structure("total-at-random", lambda draft: _set_pagination("total", draft.random.randrange(10**6))(draft))
_structure("a-million-pages", _set_pagination("total_pages", 10**6))
_structure("no-meta", lambda draft: _pop(draft, "meta"))
_structure("no-pagination", _set(meta={}))
_structure("meta-null", _set(meta=None))
_structure("meta-list", _set(meta=[]))
_structure("meta-text", _set(meta="meta"))
_structure("meta-number", _set(meta=1))
_structure("pagination-null", _set(meta={"pagination": None}))
_structure("pagination-list", _set(meta={"pagination": []}))
_structure("pagination-text", _set(meta={"pagination": "none"}))
_structure("pagination-5000-levels", _set(meta={"pagination": nested(5000)}))
_structure("data-as-object-with-numeric-keys", _data(lambda rows: {str(2 * n): row for n, row in enumerate(rows)}))
_structure("data-as-object-with-a-gap", _data(lambda rows: {str(n + 7): row for n, row in enumerate(rows)}))
_structure("data-as-object-with-names", _data(lambda rows: {f"r{n}": row for n, row in enumerate(rows)}))
_structure("data-of-one-record", _data(lambda rows: rows[0] if rows else {}))
_structure("data-null", _data(lambda rows: None))
_structure("data-text", _data(lambda rows: "rows"))
_structure("data-number", _data(lambda rows: 5))
_structure("data-false", _data(lambda rows: False))
_structure("data-within-list", _data(lambda rows: [rows]))
_structure("data-within-data", _data(lambda rows: {"data": rows}))
_structure("data-900-levels", _data(lambda rows: nested(900, encode(rows))))
_structure("data-5000-levels", _data(lambda rows: nested(5000)))
_structure("no-data", lambda draft: _pop(draft, "data"))
_structure("rows-under-another-name", lambda draft: _update(draft, {"rows": _pop(draft, "data")}))
_structure("data-empty", _data(lambda rows: []), drops_rows=True)
_structure("data-empty-object", _data(lambda rows: {}), drops_rows=True)
_structure("half-of-the-rows", _data(lambda rows: rows[: len(rows) // 2]), drops_rows=True)


def _total(draft: Draft) -> int:
    total = (draft.pagination() or {}).get("total")
    return total if isinstance(total, int) else 0


def _layout(name: str, arrange: Callable[[Any, dict[str, Any]], Any], *, drops_rows: bool = False) -> None:
    """Write the members of the document otherwise."""

    def change(draft: Draft) -> None:
        if isinstance(draft.document, dict):
            draft.document = arrange(draft.document.get("data"), dict(draft.document))

    _structure(name, change, drops_rows=drops_rows)


_layout("meta-first", lambda data, document: dict(sorted(document.items(), reverse=True)))
_layout("more-members", lambda data, document: {"status": "ok", **document, "included": [{"id": 1}], "took": 3})
_layout("data-twice", lambda data, document: Members([("data", data), *document.items()]))
_layout("data-twice-first-empty", lambda data, document: Members([("data", []), *document.items()]))
_layout("data-twice-last-empty", lambda data, document: Members([*document.items(), ("data", [])]), drops_rows=True)
_layout("meta-twice", lambda data, document: Members([*document.items(), ("meta", document.get("meta"))]))
_layout("meta-twice-last-null", lambda data, document: Members([*document.items(), ("meta", None)]))
_layout("within-a-list", lambda data, document: [document])
_layout("within-an-object", lambda data, document: {"response": document})
_layout("rows-alone", lambda data, document: data)
_layout("an-error-with-status-200", lambda data, document: {"message": f"Hello {canaries.WORD}", "errors": {}})


# Links.

LINKS: dict[str, Any] = {
    "relative": "/v1{path}?page=2",
    "query-only": "?page=2",
    "last-part-only": "{leaf}?page=2",
    "without-scheme": "//127.0.0.1:{port}/v1{path}?page=2",
    "foreign-host": "{elsewhere}/v1{path}?page=2",
    "foreign-name": "http://attacker.example/v1{path}?page=2",
    "foreign-without-scheme": "//attacker.example/v1{path}?page=2",
    "same-host-by-name": "http://localhost:{port}/v1{path}?page=2",
    "other-scheme": "https://127.0.0.1:{port}/v1{path}?page=2",
    "no-port": "http://127.0.0.1/v1{path}?page=2",
    "port-0": "http://127.0.0.1:0/v1{path}?page=2",
    "port-99999": "http://127.0.0.1:99999/v1{path}?page=2",
    "port-text": "http://127.0.0.1:port/v1{path}?page=2",
    "user": "http://user:word@127.0.0.1:{port}/v1{path}?page=2",
    "host-as-user": "http://127.0.0.1:{port}@attacker.example/v1{path}?page=2",
    "fragment": "{origin}/v1{path}?page=2#rows",
    "fragment-before-query": "{origin}/v1{path}#?page=2",
    "to-itself": "{origin}/v1{path}?page={number}",
    "to-the-first": "{origin}/v1{path}?page=1",
    "to-page-0": "{origin}/v1{path}?page=0",
    "far-away": "{origin}/v1{path}?page=999999",
    "without-page": "{origin}/v1{path}",
    "page-twice": "{origin}/v1{path}?page=2&page=3",
    "page-in-arabic": "{origin}/v1{path}?page=\u0662",
    "encoded-twice": "{origin}/v1{path}?page%3D2",
    "another-list": "{origin}/v1/users?page=2",
    "another-version": "{origin}/v2{path}?page=2",
    "dots": "{origin}/v1/../v1{path}?page=2",
    "dots-away": "{origin}/v1{path}/../../admin?page=2",
    "dots-encoded": "{origin}/v1{path}/%2e%2e/admin?page=2",
    "slash-at-the-end": "{origin}/v1{path}/?page=2",
    "double-slash": "{origin}//v1{path}?page=2",
    "backslashes": "http:\\\\attacker.example\\v1{path}?page=2",
    "backslash-host": "http://127.0.0.1:{port}\\@attacker.example/v1{path}?page=2",
    "capitals": "HTTP://127.0.0.1:{port}/v1{path}?page=2",
    "line-end": "{origin}/v1{path}?page=2\r\nX-Evil: 1",
    "blanks-around": "  {origin}/v1{path}?page=2 ",
    "tab-within": "ht\ttp://127.0.0.1:{port}/v1{path}?page=2",
    "nul": "{origin}/v1{path}?page=2\0",
    "broken-bracket": "http://[broken/v1{path}?page=2",
    "ipv6": "http://[::1]:{port}/v1{path}?page=2",
    "decimal-host": "http://2130706433:{port}/v1{path}?page=2",
    "unicode-host": "http://127.0.0.1\u3002example/v1{path}?page=2",
    "javascript": "javascript:alert(1)",
    "file": "file:///etc/passwd",
    "data": "data:application/json,{}",
    "just-a-text": "next",
    "just-a-number-as-text": "2",
    "empty": "",
    "blank": " ",
    "false": False,
    "true": True,
    "zero": 0,
    "number": 2,
    "list": ["{origin}/v1{path}?page=2"],
    "object": {"href": "{origin}/v1{path}?page=2"},
    "very-long": "{origin}/v1{path}?page=2&cursor=" + "x" * 200_000,
    "many-parameters": "{origin}/v1{path}?page=2&" + "&".join(f"p{n}=1" for n in range(5000)),
    "personal": "{origin}/v1{path}?page=2&customer=" + canaries.WORD,
    "lone-surrogate": "\ud800",
    "percent-garbage": "{origin}/v1{path}?page=%ZZ%",
}


def _links(name: str, make: Callable[[Draft, dict[str, Any]], Any]) -> None:
    """Change where a page leads: afterwards the list ends, goes on, or fails."""

    def apply(draft: Draft) -> None:
        draft.may_fail = True
        if (pagination := draft.pagination()) is not None:
            pagination["links"] = make(draft, pagination)

    _add(name, "link", apply)


def _filled(link: Any, parts: dict[str, str]) -> Any:
    if isinstance(link, list):
        return [_filled(each, parts) for each in link]
    if isinstance(link, dict):
        return {key: _filled(each, parts) for key, each in link.items()}
    if isinstance(link, str):
        for mark, text in parts.items():
            link = link.replace(mark, text)
    return link


def _next(link: Any) -> Callable[[Draft, dict[str, Any]], Any]:
    def make(draft: Draft, pagination: dict[str, Any]) -> Any:
        parts = {
            "{path}": draft.resource.path,
            "{leaf}": draft.resource.path.rpartition("/")[2],
            "{origin}": draft.origin,
            "{port}": draft.origin.rpartition(":")[2],
            "{elsewhere}": draft.elsewhere,
            "{number}": str(pagination.get("current_page", 1)),
        }
        return {"next": _filled(link, parts)}

    return make


for _name, _target in LINKS.items():
    _links(f"next-{_name}", _next(_target))
_links("links-null", lambda draft, pagination: None)
_links("links-empty-list", lambda draft, pagination: [])
_links("links-text", lambda draft, pagination: "next")
_links("links-number", lambda draft, pagination: 5)
_links("links-true", lambda draft, pagination: True)
_links("links-in-a-list", lambda draft, pagination: [pagination.get("links")])
_links("links-next-null", lambda draft, pagination: {"next": None})
_links("links-nested", lambda draft, pagination: {"next": {"next": {"next": None}}})
_structure("no-links", _without("links"))


# The bytes of a body.


def _body(name: str, change: Callable[[Draft, bytes], bytes], *, alters_rows: bool = False) -> None:
    """Change the bytes: afterwards there are all rows, or an error."""

    def apply(draft: Draft) -> None:
        draft.encoded()
        draft.may_fail = True
        draft.all_touched |= alters_rows
        draft.body = change(draft, draft.body)

    _add(f"body-{name}", "body", apply)


def _somewhere(draft: Draft, body: bytes) -> int:
    return draft.random.randrange(len(body) + 1)


def _flipped(draft: Draft, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(draft.random.randint(1, 4)):
        if changed:
            changed[draft.random.randrange(len(changed))] ^= 1 << draft.random.randrange(8)
    return bytes(changed)


def _slice_moved(draft: Draft, body: bytes) -> bytes:
    a, b = sorted((_somewhere(draft, body), _somewhere(draft, body)))
    rest, at = body[:a] + body[b:], draft.random.randrange(a + len(body) - b + 1)
    return rest[:at] + body[a:b] + rest[at:]


def _inserted(draft: Draft, body: bytes) -> bytes:
    at = _somewhere(draft, body)
    token = draft.random.choice([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\xff", b"\n", b"null", b" "])
    return body[:at] + token + body[at:]


def _dropped(draft: Draft, body: bytes) -> bytes:
    at = _somewhere(draft, body)
    return body[:at] + body[at + draft.random.randint(1, 30) :]


_body("empty", lambda draft, body: b"")
_body("blank", lambda draft, body: b" \n ")
_body("cut", lambda draft, body: body[: _somewhere(draft, body)])
_body("without-its-end", lambda draft, body: body[: -draft.random.randint(1, 3)])
_body("bom", lambda draft, body: b"\xef\xbb\xbf" + body)
_body("utf-16", lambda draft, body: body.decode("utf-8", "replace").encode("utf-16"))
_body("utf-16-without-bom", lambda draft, body: body.decode("utf-8", "replace").encode("utf-16-le"))
_body("utf-32", lambda draft, body: body.decode("utf-8", "replace").encode("utf-32"))
_body("latin-1", lambda draft, body: body.decode("utf-8", "replace").encode("latin-1", "replace"), alters_rows=True)
_body("html", lambda draft, body: b"<!doctype html><title>502</title>" + canaries.WORD.encode())
_body("garbage", lambda draft, body: draft.random.randbytes(draft.random.randint(1, 5000)))
_body("gzip-within", lambda draft, body: gzip.compress(body, 1))
_body("garbage-after", lambda draft, body: body + b"\n<!-- cached -->")
_body("twice", lambda draft, body: body + body)
_body("twice-by-line", lambda draft, body: body + b"\n" + body)
_body("line-ends-between", lambda draft, body: body.replace(b'},{"', b'},\n{"').replace(b'"meta"', b'\r\n "meta"'))
_body("guarded", lambda draft, body: b")]}',\n" + body)
_body("called", lambda draft, body: b"callback(" + body + b");")
_body("null", lambda draft, body: b"null")
_body("true", lambda draft, body: b"true")
_body("text", lambda draft, body: b'"' + canaries.WORD.encode() + b'"')
_body("number", lambda draft, body: b"1e999999999")
_body("brackets", lambda draft, body: b"[" * 100_000)
_body("braces", lambda draft, body: b'{"data":' * 100_000)
_body("meta-at-its-end", lambda draft, body: body + b'"meta":{"pagination":{"count":1,"total":1}}')
_body("of-20-mb", lambda draft, body: body[:-1] + b" " * (20 * 2**20) + b"}")
_body("flipped", _flipped, alters_rows=True)
_body("slice-moved", _slice_moved, alters_rows=True)
_body("inserted", _inserted, alters_rows=True)
_body("dropped", _dropped, alters_rows=True)
_body("any-encoding", lambda draft, body: body.replace(b"e", b"\xe9"), alters_rows=True)


# Statuses and headers.

DATES = {
    "odd-zone": b"Wed, 04 Mar 2026 05:00:00 -2300",
    "zone-9999": b"Wed, 04 Mar 2026 05:00:00 +9999",
    "no-zone": b"Wed, 04 Mar 2026 05:00:00",
    "unknown-zone": b"Wed, 04 Mar 2026 05:00:00 XYZ",
    "asctime": b"Wed Mar  4 05:00:00 2026",
    "rfc-850": b"Wednesday, 04-Mar-26 05:00:00 GMT",
    "iso": b"2026-03-04T05:00:00Z",
    "year-0": b"Wed, 04 Mar 0000 05:00:00 GMT",
    "year-1": b"Wed, 04 Mar 0001 05:00:00 +2300",
    "year-5-digits": b"Wed, 04 Mar 20260 05:00:00 GMT",
    "year-4000-digits": b"Wed, 04 Mar " + b"9" * 4000 + b" 05:00:00 GMT",
    "day-0": b"Wed, 00 Mar 2026 05:00:00 GMT",
    "day-99": b"Wed, 99 Mar 2026 05:00:00 GMT",
    "hour-99": b"Wed, 04 Mar 2026 99:00:00 GMT",
    "day-superscript": b"Wed, \xb2 Mar 2026 05:00:00 GMT",
    "empty": b"",
    "comma": b",",
    "number": b"1772600400",
    "zero": b"0",
    "negative": b"-1",
    "latin-1": b"Mi, 04 M\xe4rz 2026 05:00:00 GMT",
    "long": b"x" * 5000,
    "personal": canaries.WORD.encode(),
}
FAR_DATES = {
    "far-future": b"Fri, 31 Dec 9999 23:59:59 GMT",
    "far-future-west": b"Fri, 31 Dec 9999 23:59:59 -1200",
    "far-past": b"Mon, 01 Jan 1900 00:00:00 GMT",
}
COUNTS = {
    "zero": b"0",
    "one": b"1",
    "negative": b"-1",
    "plus": b"+5",
    "fraction": b"1.5",
    "huge": b"10000000000",
    "20-digits": b"9" * 20,
    "400-digits": b"9" * 400,
    "5000-digits": b"9" * 5000,
    "superscript": b"\xb2",
    "arabic": "\u0663".encode(),
    "exponent": b"1e9",
    "infinity": b"inf",
    "nan": b"nan",
    "hexadecimal": b"0x10",
    "empty": b"",
    "blank": b"   ",
    "text": b"soon",
    "list": b"5, 5",
    "leading-zeros": b"0000000005",
    "underscore": b"1_0",
    "with-unit": b"5s",
    "with-policy": b"60;w=60",
}


def _header(name: str, header: bytes, value: bytes, *, in_runs: bool = True, may_fail: bool = False) -> None:
    def apply(draft: Draft) -> None:
        draft.encoded()
        draft.may_fail |= may_fail
        draft.headers = [pair for pair in draft.headers if pair[0].lower() != header.lower()]
        draft.headers.insert(draft.random.randrange(len(draft.headers) + 1), (header, value))

    _add(name, "header", apply, in_runs=in_runs)


for _name, _bytes in DATES.items():
    _header(f"date-{_name}", b"Date", _bytes)
for _name, _bytes in FAR_DATES.items():
    _header(f"date-{_name}", b"Date", _bytes, in_runs=False)
for _name, _bytes in {**COUNTS, **{f"date-{name}": date for name, date in {**DATES, **FAR_DATES}.items()}}.items():
    _header(f"retry-after-{_name}", b"Retry-After", _bytes)
for _header_name in ("Limit", "Remaining", "Reset"):
    for _name, _bytes in COUNTS.items():
        # One that can be read is obeyed: a run may wait for an hour, rightly.
        _header(
            f"ratelimit-{_header_name.lower()}-{_name}", f"X-RateLimit-{_header_name}".encode(), _bytes, in_runs=False
        )
for _name, _bytes in {
    "token": canaries.TOKEN.encode(),
    "escapes": b"\x1b[31mred\x1b]0;title\x07",
    "line-end": b"a\rb",
    "markup": b"<!channel> *bold*",
    "mail-header": b"a%0d%0aBcc: someone@example.com",
    "latin-1": b"caf\xe9",
    "long": b"x" * 8000,
    "empty": b"",
    "formula": b"=1+1",
    "personal": f"for {canaries.WORD}".encode(),  # one word alone may be an id
}.items():
    _header(f"request-id-{_name}", b"X-Request-Id", _bytes, may_fail=_name == "line-end")
for _name, _bytes in {
    "html": b"text/html",
    "latin-1": b"application/json; charset=iso-8859-1",
    "utf-16": b"application/json; charset=utf-16",
    "unknown-charset": b"application/json; charset=klingon",
    "empty": b"",
    "garbage": b"\xff\xfe;;;",
    "long": b"application/json; " + b"x=1;" * 2000,
}.items():
    _header(f"content-type-{_name}", b"Content-Type", _bytes)
for _name, _bytes in {
    "zero": b"0",
    "too-short": b"10",
    "too-long": b"9999999",
    "negative": b"-1",
    "huge": b"9" * 30,
    "text": b"many",
    "list": b"5, 6",
}.items():
    _header(f"content-length-{_name}", b"Content-Length", _bytes, may_fail=True)
for _name, _bytes in {"unknown": b"klingon", "brotli": b"br", "deflate": b"deflate", "twice": b"gzip, gzip"}.items():
    _header(f"content-encoding-{_name}", b"Content-Encoding", _bytes, may_fail=True)
for _name, _bytes in {"chunked": b"chunked", "unknown": b"klingon"}.items():
    _header(f"transfer-encoding-{_name}", b"Transfer-Encoding", _bytes, may_fail=True)
_header("header-of-50-kb", b"X-Long", b"x" * 50_000)
_header("header-of-500-kb", b"X-Long", b"x" * 500_000, may_fail=True)
_header("header-without-name", b"", b"value", may_fail=True)
_header("header-with-blank", b"X Odd", b"value", may_fail=True)
_header("header-folded", b"X-Folded", b"a\r\n b")
_header("cookie", b"Set-Cookie", b"session=" + canaries.WORD.encode())
_header("location", b"Location", b"http://attacker.example/")


@mutation("header")
def headers_by_hundreds(draft: Draft) -> None:
    draft.encoded()
    draft.may_fail = True
    draft.headers += [(b"X-%d" % n, b"x" * 100) for n in range(500)]


@mutation("header")
def headers_twice(draft: Draft) -> None:
    draft.encoded()
    draft.may_fail = True
    draft.headers += [(name, value) for name, value in draft.headers if name != b"Content-Length"]


@mutation("header")
def no_headers(draft: Draft) -> None:
    draft.encoded()
    draft.headers.clear()


@mutation("header")
def gzip_damaged(draft: Draft) -> None:
    draft.encoded()
    draft.may_fail = True
    body = gzip.compress(draft.body, 1)
    at = draft.random.randrange(10, len(body))
    draft.body = body[:at] + bytes(byte ^ 0x55 for byte in body[at:])
    draft.headers = [(b"Content-Encoding", b"gzip"), *draft.headers]


@mutation("header")
def gzip_cut(draft: Draft) -> None:
    draft.encoded()
    draft.may_fail = True
    body = gzip.compress(draft.body, 1)
    draft.body = body[: draft.random.randrange(len(body))]
    draft.headers = [(b"Content-Encoding", b"gzip"), *draft.headers]


@mutation("header")
def gzip_announced_only(draft: Draft) -> None:
    draft.encoded()
    draft.may_fail = True
    draft.headers = [(b"Content-Encoding", b"gzip"), *draft.headers]


def _status(name: str, status: int, body: bytes | None = None, *, drops_rows: bool = False) -> None:
    def apply(draft: Draft) -> None:
        draft.encoded()
        draft.may_fail, draft.status = True, status
        draft.all_touched |= drops_rows
        draft.body = draft.body if body is None else body

    _add(f"status-{name}", "status", apply)


_status("204", 204, b"", drops_rows=True)
_status("204-with-a-body", 204, drops_rows=True)
_status("200-without-a-body", 200, b"")
_status("404", 404, b'{"message":"Not Found"}')
_status("404-html", 404, b"<html>" + canaries.WORD.encode())
_status("400", 400, b'{"message":"' + canaries.WORD.encode() + b'"}')
_status("403", 403, b"{}")
_status("405", 405, b"{}")
_status("422", 422, b'{"errors":{"page":["' + canaries.WORD.encode() + b'"]}}')
_status("418", 418, b"tea")
_status("201", 201)
_status("202", 202, b"")
_status("206", 206)
_status("302", 302, b"")
_status("304", 304, b"")
_status("500", 500, b"<html>" + canaries.WORD.encode())
_status("503", 503, b"{}")
_status("507", 507, b"{}")
_status("599", 599, b"{}")
_status("999", 999, b"{}")


# A token, repeated by the service with characters inside it that some output removes.

SPLITTERS = {
    "escape-sequence": "\x1b[31m",
    "bell": "\x07",
    "nul": "\0",
    "delete": "\x7f",
    "c1": "\x9b",
    "backspace": "\b",
    "line-end": "\r\n",
    "next-line": "\x85",
    "line-separator": "\u2028",
    "zero-width": "\u200b",
    "word-joiner": "\u2060",
    "bom": "\ufeff",
    "override": "\u202e",
    "tag": "\U000e0041",
    "soft-hyphen": "\u00ad",
    "invalid-byte": "\udcff",
}


def token_parts(random: Random, splitter: str) -> str:
    """Return the token, split at one to three places."""
    places = sorted(random.sample(range(1, len(canaries.TOKEN)), random.randint(1, 3)))
    ends = [0, *places, len(canaries.TOKEN)]
    return splitter.join(canaries.TOKEN[a:b] for a, b in pairwise(ends))


def _written_text(text: str, *, is_escaped: bool) -> Raw:
    """The JSON of a text; a byte that is not valid UTF-8 is written as it is."""
    if is_escaped:
        return Raw(simplejson.dumps(text, ensure_ascii=True).encode())
    return Raw(simplejson.dumps(text, ensure_ascii=False).encode("utf-8", "surrogateescape"))


def _token_forms(splitter: str) -> Callable[[Random], Raw]:
    def make(random: Random) -> Raw:
        text = token_parts(random, splitter)
        if random.random() < 0.3:  # so long that it is shortened within the token
            text = "x" * random.randint(60, 520) + text
        return _written_text(text, is_escaped=random.random() < 0.5)

    return make


TOKEN_FORMS: dict[str, Callable[[Random], Raw]] = {
    **{f"split-by-{name}": _token_forms(splitter) for name, splitter in SPLITTERS.items()},
    "in-clear": lambda random: _written_text(canaries.TOKEN, is_escaped=False),
    "all-escaped": lambda random: Raw(b'"' + b"".join(b"\\u%04x" % ord(c) for c in canaries.TOKEN) + b'"'),
    "partly-escaped": lambda random: Raw(
        b'"' + b"".join(random.choice([b"\\u%04X" % ord(c), c.encode()]) for c in canaries.TOKEN) + b'"'
    ),
    "twice-escaped": lambda random: _written_text(
        simplejson.dumps({"echo": token_parts(random, "\x1b[0m")}), is_escaped=True
    ),
    "behind-a-backslash": lambda random: Raw(
        b'"\\\\' + b"\\u%04x" % ord(canaries.TOKEN[0]) + canaries.TOKEN[1:].encode() + b'"'
    ),
    "shortened": lambda random: _written_text("x" * random.randint(60, 520) + canaries.TOKEN, is_escaped=False),
}


def _token_value(name: str, make: Callable[[Random], Raw]) -> None:
    """Put the token where a text, a number or a time belongs, in an unknown field or in its name."""

    def apply(draft: Draft) -> None:
        if not (found := draft.row()):
            return
        place, row = found
        echo = make(draft.random)
        where = draft.random.choice(["field", "field", "unknown", "name", "row"])
        if where == "field":
            path = _choose_field(draft, row, draft.random.choice([TEXT, NUMBER, TIME]))
            _container(row, path)[path[-1]] = echo
            _note(draft, path)
        elif where == "row":
            draft.document["data"][place] = echo
        else:
            member = ("echo", echo) if where == "unknown" else (echo, 1)
            draft.document["data"][place] = Members([*row.items(), member])

    _add(f"token-{name}", "field", apply)


for _name, _form in TOKEN_FORMS.items():
    _token_value(_name, _form)

ECHOING_HEADERS = (b"X-Request-Id", b"Retry-After", b"Date", b"Location", b"Set-Cookie", b"Content-Type", b"X-Echo")
# What HTTP may carry within a line: curl itself refuses NUL and ends a header at a line end.
HEADER_SPLITTERS = ("escape-sequence", "bell", "delete", "c1", "backspace", "zero-width", "tag", "soft-hyphen", "nul")
for _name in HEADER_SPLITTERS:

    def _apply_header(draft: Draft, splitter: str = SPLITTERS[_name]) -> None:
        draft.encoded()
        draft.may_fail = True
        echo = token_parts(draft.random, splitter).encode("utf-8", "surrogateescape")
        for header in draft.random.sample(ECHOING_HEADERS, 3):
            draft.headers = [pair for pair in draft.headers if pair[0].lower() != header.lower()]
            draft.headers.append((header, echo))

    _add(f"header-token-split-by-{_name}", "header", _apply_header)


@mutation("status")
def refusal_with_a_split_token(draft: Draft) -> None:
    """An error page that repeats the request, in a body and in headers."""
    draft.encoded()
    draft.may_fail, draft.status = True, draft.random.choice([400, 403, 404, 422, 500])
    echo = token_parts(draft.random, draft.random.choice(list(SPLITTERS.values())))
    draft.body = b'{"message":' + _written_text(echo, is_escaped=draft.random.random() < 0.5) + b"}"
    draft.headers.append(
        (b"X-Request-Id", echo.encode("utf-8", "surrogateescape").replace(b"\n", b"").replace(b"\r", b""))
    )


# What lasts: on every page of a list, in several runs.

FAR_TOTALS = {
    "zero": 0,
    "one": 1,
    "a-thousand-too-high": 1000,
    "a-million": 10**6,
    "beyond-32-bits": 2**40,
    "as-large-as-can-be": 2**63 - 1,
    "as-text": "987654321",
}


def _lasting_total(name: str, value: Any, *members: str) -> None:
    """Rows arrive whatever the service announces; with a total of its own each page is a list that moves."""

    def apply(draft: Draft) -> None:
        if (pagination := draft.pagination()) is not None:
            for member in members:
                pagination[member] = value(draft) if callable(value) else value
        draft.headers += [(b"X-Total-Count", str(value if not callable(value) else 7).encode())]

    _add(name, "structure", apply, kind=TOTALS)


for _name, _total_value in FAR_TOTALS.items():
    _lasting_total(f"lasting-total-{_name}", _total_value, "total")
    _lasting_total(f"lasting-total-and-pages-{_name}", _total_value, "total", "total_pages")
_lasting_total("lasting-total-another-each-time", lambda draft: draft.random.randrange(10**9), "total")

TOTAL_HEADERS = (b"X-Total", b"X-Total-Count", b"X-Total-Pages", b"X-Pagination-Total", b"Total", b"Content-Range")
for _name, _bytes in COUNTS.items():

    def _apply_totals(draft: Draft, value: bytes = _bytes) -> None:
        draft.encoded()
        draft.headers += [(header, value) for header in TOTAL_HEADERS]

    _add(f"lasting-total-headers-{_name}", "header", _apply_totals, kind=TOTALS)


def _repeated(name: str, number: Callable[[Draft, int], Any], query: str = "") -> None:
    """Have `next` lead to a page already read, without end, with totals as they are or beyond all that is."""
    for suffix, total in (("", None), ("-of-a-billion", 10**9)):

        def apply(draft: Draft, total: int | None = total) -> None:
            draft.may_fail = True
            if (pagination := draft.pagination()) is None or not draft.rows:  # an empty page with a link is no page
                return
            current = pagination.get("current_page")
            page = number(draft, current if type(current) is int else 1)
            extra = query.replace("{drawn}", str(draft.random.randrange(10**12)))
            pagination["links"] = {"next": f"{draft.origin}/v1{draft.resource.path}?page={page}{extra}"}
            if total is not None:
                pagination.update(total=total, total_pages=total)

        _add(f"{name}{suffix}", "link", apply, kind=REPEATED_PAGES)


_repeated("repeats-itself", lambda draft, number: number)
_repeated("repeats-itself-by-cursor", lambda draft, number: number, "&cursor={drawn}")
_repeated("repeats-the-first", lambda draft, number: 1, "&cursor={drawn}")
_repeated("repeats-two-in-turn", lambda draft, number: 2 if number == 1 else 1, "&cursor={drawn}")
_repeated("repeats-all-in-turn", lambda draft, number: number % 3 + 1, "&cursor={drawn}")
_repeated("repeats-any", lambda draft, number: draft.random.randint(1, 3), "&cursor={drawn}")

# A wrong clock of the service: every response of a run bears it.
CLOCKS: dict[str, tuple[int, ...]] = {  # seconds by which it is wrong
    "an-hour-ahead": (3600,),
    "a-day-ahead": (86_400,),
    "ten-years-ahead": (3652 * 86_400,),
    "170-years-ahead": (62_000 * 86_400,),
    "an-hour-behind": (-3600,),
    "a-week-behind": (-7 * 86_400,),
    "ten-years-behind": (-3652 * 86_400,),
    "of-1970": (-20_529 * 86_400,),
    "that-jumps": (-40 * 86_400, 0, 400 * 86_400),
}
for _name, _offsets in CLOCKS.items():

    def _apply_clock(draft: Draft, offsets: tuple[int, ...] = _offsets) -> None:
        draft.encoded()
        draft.may_fail = True
        told = next((value for name, value in draft.headers if name == b"Date"), b"Tue, 17 Mar 2026 12:00:00 GMT")
        try:
            wrong = parsedate_to_datetime(told.decode("latin-1")) + timedelta(seconds=draft.random.choice(offsets))
        except (ValueError, TypeError, OverflowError):  # another mutation has spoiled it
            return
        draft.headers = [pair for pair in draft.headers if pair[0] != b"Date"]
        draft.headers.append((b"Date", wrong.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()))

    _add(f"clock-{_name}", "header", _apply_clock, kind=CLOCK)


# A list that fails while its records, and all other lists, can be read.


def _failing_list(name: str, status: int, body: bytes | Callable[[bytes], bytes]) -> None:
    def apply(draft: Draft) -> None:
        if draft.is_record:
            return
        draft.encoded()
        draft.may_fail, draft.status = True, status
        draft.body = body(draft.body) if callable(body) else body

    _add(f"list-alone-{name}", "status", apply, kind=FAILING_LIST)


for _status_code in (400, 403, 404, 405, 410, 422, 500, 502, 503):
    _failing_list(str(_status_code), _status_code, b'{"message":"' + canaries.WORD.encode() + b'"}')
_failing_list("html", 200, b"<!doctype html>" + canaries.WORD.encode())
_failing_list("cut", 200, lambda body: body[: len(body) // 2])
_failing_list("empty-body", 200, b"")
_failing_list("redirect", 302, b"")
_failing_list("no-pagination", 200, b'{"data":[]}')
