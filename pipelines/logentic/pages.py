"""The pages of a list, one after another.

In: a path and parameters. Out: `Page`s, each with its rows still as bytes and what the service announced.
A `next` that leaves the configured origin, points to a page already read, or goes on without end is an error.
Next: extraction.py, which collects pages until a window is whole.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from logentic.answer import Answer
from logentic.client import Client, origin
from logentic.errors import BadAnswer, UnsafeLink


@dataclass(frozen=True)
class Page:
    """`rows` is a JSON document {"data": [...]} of `count` rows; `total` and `total_pages` are the service's claim."""

    rows: bytes
    count: int
    total: int
    per_page: int
    total_pages: int
    next: str | None
    at: datetime


def read_page(client: Client, path: str, params: Mapping[str, str], place: str) -> Page:
    return client.get(path, params, place, lambda answer: split_page(answer, place))


def read_pages(
    client: Client, path: str, params: Mapping[str, str], where: str, first: Page | None = None
) -> Iterator[Page]:
    """Every page from the first on, as `links.next` leads; a first page that is already here is not asked again."""
    query, seen, number = dict(params), set[int](), 0  # hashes: of 30,000 pages the queries themselves are 13 MB
    while True:
        number += 1
        place = f"{where}, page {number}"
        page = first if first and number == 1 else read_page(client, path, query, place)
        seen.add(hash(frozenset(query.items())))
        yield page
        if not page.next:
            return
        query = _follow(client, path, params, page.next, place)
        if hash(frozenset(query.items())) in seen:
            raise UnsafeLink(f"{place}: `next` leads to a page already read", "Report it to Logentic.")
        if number > 2 * page.total_pages + 10:
            raise UnsafeLink(
                f"{place}: `next` goes on after {page.total_pages} announced pages", "Report it to Logentic."
            )


def read_record(client: Client, path: str, record_id: int, where: str) -> Page:
    """One record by its id, as a page of one row. `NotFound` where the service does not know it."""
    place = f"{where}, id {record_id}"

    def read(answer: Answer) -> Page:
        import simplejson

        try:
            record = simplejson.loads(answer.body, use_decimal=True)["data"]
        except (ValueError, KeyError, TypeError):
            raise BadAnswer(f"{place}: the answer is not a JSON record", "Run again; if it stays, report it.") from None
        rows = simplejson.dumps({"data": [record]}, use_decimal=True, ensure_ascii=False).encode()
        return Page(rows, 1, 1, 1, 1, None, answer.at)

    return client.get(f"{path}/{record_id}", {}, place, read)


def _follow(client: Client, path: str, params: Mapping[str, str], link: str, place: str) -> dict[str, str]:
    """The query of the next page: the filters of this list and whatever `next` adds (Laravel may drop the filters)."""
    expected = f"{client.base_url}{path}?"
    if isinstance(link, str) and link.startswith(expected) and "#" not in link:
        return _added(params, link.removeprefix(expected))
    try:
        parts = urlsplit(link)
        leaves = parts.netloc and (parts.username or origin(link) != client.origin)
    except (ValueError, TypeError, AttributeError):
        raise UnsafeLink(f"{place}: `next` leads nowhere: it is no link", "Report it to Logentic.") from None
    if leaves:
        raise UnsafeLink(
            f"{place}: `next` leaves {client.origin}",
            "The token is sent to the configured origin only. If the service moved, set LOGENTIC_BASE_URL.",
        )
    if parts.path != urlsplit(client.base_url).path + path:
        raise UnsafeLink(f"{place}: `next` leads to another list", "Report it to Logentic.")
    return _added(params, parts.query)


def _added(params: Mapping[str, str], query: str) -> dict[str, str]:
    added = dict(params)
    for pair in query.split("&"):
        added.update(_decoded(pair))
    return added


@lru_cache(maxsize=4096)
def _decoded(pair: str) -> list[tuple[str, str]]:
    """A parameter of a link; most are the same on every page of a list."""
    return parse_qsl(pair)


def split_page(answer: Answer, place: str) -> Page:
    """Rows and pagination, without parsing the rows where `meta` closes the document, as it does in Laravel."""
    body = answer.body
    cut = body.rfind(b'"meta":')
    try:
        meta = json.loads("{" + body[cut:].decode())["meta"] if cut > 0 else None
        rows = body[:cut].rstrip().removesuffix(b",") + b"}"
        count = int(meta["pagination"]["count"]) if meta else 0
    except (ValueError, KeyError, TypeError):
        meta = None
    if meta is None:
        rows, count, meta = _split_slowly(body, place)
    try:
        pagination = meta["pagination"]
        links = pagination.get("links") or {}
        if not rows.startswith(b'{"data":') or b"\n" in rows:
            rows, count, _ = _split_slowly(body, place)
        return Page(
            rows=rows,
            count=count,
            total=int(pagination["total"]),
            per_page=int(pagination["per_page"]),
            total_pages=int(pagination["total_pages"]),
            next=links.get("next"),
            at=answer.at,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadAnswer(
            f"{place}: a list without its pagination", "Check that LOGENTIC_BASE_URL ends in /v1."
        ) from None


def _split_slowly(body: bytes, place: str) -> tuple[bytes, int, Any]:
    """For documents in another order or layout: parsed whole, with every number kept as it was written."""
    import simplejson

    try:
        document = simplejson.loads(body, use_decimal=True)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not isinstance(rows := document.get("data"), list):
        raise BadAnswer(f"{place}: the answer is not a JSON list", "Run again; if it stays, report it to Logentic.")
    return (
        simplejson.dumps({"data": rows}, use_decimal=True, ensure_ascii=False).encode(),
        len(rows),
        document.get("meta"),
    )
