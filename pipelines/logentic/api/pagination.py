"""Paginate a list: read its pages one after another, by the next links."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv6Address
from math import inf
from typing import Any
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from logentic.api.client import Client, Response
from logentic.errors import InvalidResponse, NotFound, UnsafeLink
from logentic.json_text import as_list, loads, repaired

LARGEST_COUNT = 2**63 - 1  # the largest count that a receipt can store
MAX_REPEATED_PAGES = 3  # a list that changes while it is read may return one page twice
LONGEST_LINK_CHARACTERS = 16_384  # characters; servers refuse longer ones
EMPTY_DOCUMENT = b'{"data":[]}'
START_OF_ROWS = re.compile(rb'\{"data":\s*\[\s*(\])?')  # the group matches an empty list
DIGITS = re.compile(r"\s*[0-9]{1,19}\s*")
NUMERIC_KEY = re.compile(r"-?[0-9]{1,19}")
SURROGATE = re.compile("[\ud800-\udfff]")
# Surrogates, except those that Python uses for bytes that are not valid UTF-8.
LONE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
PORTS = {"http": 80, "https": 443}
REPORT_IT = "Run again; if the error persists, report it to Logentic."


@dataclass(frozen=True)
class Page:
    """`rows` is a JSON document {"data": [...]} of `count` rows; `total` and `total_pages` are the service's claim.

    `is_not_found`: the service answered 404 for a list that it has answered before: no rows, and no proof of that.
    """

    rows: bytes
    count: int
    total: int
    per_page: int
    total_pages: int
    next: Any
    at: datetime
    is_not_found: bool = False


def read_page(client: Client, path: str, params: Mapping[str, str], label: str) -> Page:
    """Read one page. A 404 is a list without rows where the path has answered before in this run, else an error."""
    try:
        page = client.get(path, params, label, lambda response: split_page(response, label))
    except NotFound:
        if client.lists is None or path not in client.lists:
            raise list_not_found(label) from None
        return Page(EMPTY_DOCUMENT, 0, 0, 1, 0, None, client.service_time(), is_not_found=True)
    if client.lists is not None:
        client.lists.add(path)
    return page


def list_not_found(label: str) -> NotFound:
    return NotFound(
        f"{label}: the service answers 404 for this list",
        "Check that LOGENTIC_BASE_URL ends in /v1; if other lists can be read, report it to Logentic.",
        404,
    )


def read_pages(
    client: Client, path: str, params: Mapping[str, str], where: str, first: Page | None = None
) -> Iterator[Page]:
    """Yield every page of a list by its next links; `first` is a first page that was already read."""
    query, seen, number = dict(params), set[int](), 0  # hashes, because the queries of 30,000 pages take 13 MB
    contents, repeated = set[int](), 0
    while True:
        number += 1
        label = f"{where}, page {number}"
        page = first if first and number == 1 else read_page(client, path, query, label)
        seen.add(hash(frozenset(query.items())))
        content = hash(page.rows)
        repeated = repeated + 1 if content in contents else 0
        contents.add(content)
        if repeated == MAX_REPEATED_PAGES:
            raise UnsafeLink(f"{label}: the list repeats pages that were already read", "Report it to Logentic.")
        yield page
        if not page.next:
            return
        query = _next_query(client, path, params, page.next, label)
        if hash(frozenset(query.items())) in seen:
            raise UnsafeLink(f"{label}: `next` links to a page that was already read", "Report it to Logentic.")
        if number > 2 * page.total_pages + 10:
            raise UnsafeLink(
                f"{label}: `next` continues after {page.total_pages} announced pages", "Report it to Logentic."
            )


def read_record(client: Client, path: str, record_id: int, where: str) -> Page:
    """Return one record by its id, as a page of one row. Raises `NotFound` if the service does not know it."""
    label = f"{where}, id {record_id}"

    def read(response: Response) -> Page:
        document = _parse_document(response.body, label, "a JSON record")
        record = document.get("data") if isinstance(document, dict) else None
        if not isinstance(record, dict):
            raise InvalidResponse(f"{label}: the response is not a JSON record", REPORT_IT)
        return Page(_encode_rows([record], label), 1, 1, 1, 1, None, response.at)

    return client.get(f"{path}/{record_id}", {}, label, read)


def _next_query(client: Client, path: str, params: Mapping[str, str], link: Any, label: str) -> dict[str, str]:
    """Return the next page's query: this list's filters and what `next` adds (Laravel may drop the filters)."""
    if not isinstance(link, str) or len(link) > LONGEST_LINK_CHARACTERS:
        raise _invalid_link(label)
    expected = f"{client.base_url}{path}?"
    if link.startswith(expected) and link.isascii() and link.isprintable() and not {"#", " "} & set(link):
        return _merge_query(params, link.removeprefix(expected))
    base = urlsplit(client.base_url)
    try:
        target = urlsplit(_resolve_link(f"{client.base_url}{path}", link))
        is_elsewhere = target.scheme not in PORTS or target.username is not None
        is_elsewhere = is_elsewhere or _normalize_host(target.hostname) != _normalize_host(base.hostname)
        port = target.port
    except ValueError:
        raise _invalid_link(label) from None
    if is_elsewhere:
        raise UnsafeLink(
            f"{label}: `next` leaves {client.origin}",
            "The token is sent to the configured origin only. If the service moved, set LOGENTIC_BASE_URL.",
        )
    if _normalize_path(target.path) != _normalize_path(base.path + path):
        raise UnsafeLink(f"{label}: `next` links to another list", "Report it to Logentic.")
    if (target.scheme, port or PORTS[target.scheme]) != (base.scheme, base.port or PORTS[base.scheme]):
        client.warn_of_moved_link(label)
    return _merge_query(params, target.query)


def _resolve_link(base: str, link: str) -> str:
    """Resolve a link as a browser would (the WHATWG URL standard), which is more lenient than RFC 3986."""
    link = SURROGATE.sub("\ufffd", link).strip("".join(map(chr, range(0x21))))
    link = re.sub(r"[\t\r\n]", "", link).partition("#")[0]
    before, mark, query = link.partition("?")
    before = before.replace("\\", "/")
    scheme, colon, rest = before.partition(":")
    if colon and scheme.lower() in PORTS:
        is_relative = scheme.lower() == urlsplit(base).scheme and not rest.startswith("//")
        before = rest if is_relative else f"{scheme}://{rest.lstrip('/')}"
    elif before.startswith("//"):
        before = f"//{before.lstrip('/')}"
    return urljoin(base, before + mark + query)


def _normalize_host(name: str | None) -> str:
    """Normalize a host: lower case, decoded, international names in ASCII, IPv6 addresses compressed."""
    name = unquote(name or "")
    if not name:
        raise ValueError("no host")
    return str(IPv6Address(name)) if ":" in name else name.encode("idna").decode().lower()


def _normalize_path(path: str) -> str:
    """Normalize a path: without dot segments, encoding and final slash."""
    kept: list[str] = []
    for segment in unquote(path).split("/"):
        if segment == "..":
            kept[1:] = kept[1:-1]
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept).removesuffix("/")


def _invalid_link(label: str) -> UnsafeLink:
    return UnsafeLink(f"{label}: `next` is not a link", "Report it to Logentic.")


def _merge_query(params: Mapping[str, str], query: str) -> dict[str, str]:
    added = dict(params)
    for pair in query.split("&"):
        added.update(_decode_parameter(pair))
    return added


@lru_cache(maxsize=4096)
def _decode_parameter(pair: str) -> list[tuple[str, str]]:
    """Decode a parameter of a link; cached, because most are the same on every page of a list."""
    return parse_qsl(pair)


def parse_rows(page: Page, where: str) -> list[Any]:
    """Parse the rows of a page; replace invalid Unicode by U+FFFD. Raise `InvalidResponse` if they are not JSON."""
    try:
        rows = as_list(loads(page.rows, is_cut=True)["data"])
    except ValueError:
        raise InvalidResponse(f"{where}: the rows are not JSON", REPORT_IT) from None
    return [repaired(row) for row in rows or []]


def split_page(response: Response, label: str) -> Page:
    """Split rows from pagination; rows stay unparsed if `meta` ends the document, as in Laravel."""
    if response.status == 204:  # no body
        return Page(EMPTY_DOCUMENT, 0, 0, 1, 0, None, response.at)
    rows, count, meta = _split_fast(response.body) or _split_fallback(response.body, label)
    pagination = meta.get("pagination") if isinstance(meta, dict) else None
    links = (pagination.get("links") or {}) if isinstance(pagination, dict) else None
    if not isinstance(pagination, dict) or not isinstance(links, dict) or "total" not in pagination:
        raise InvalidResponse(f"{label}: a list without pagination", "Check that LOGENTIC_BASE_URL ends in /v1.")
    total, per_page, total_pages = (
        _parse_count(pagination, name, label) for name in ("total", "per_page", "total_pages")
    )
    if total is None:
        raise InvalidResponse(f"{label}: `total` is not a count of rows", REPORT_IT)
    # Totals and page counts are only used for planning: if they cannot be read, derive them from the rows.
    per_page = per_page or max(count, 1)
    total_pages = -(-total // per_page) if total_pages is None else total_pages
    if links.get("next") and not count:
        raise InvalidResponse(f"{label}: an empty page with a `next`", REPORT_IT)
    return Page(
        rows=rows,
        count=count,
        total=total,
        per_page=per_page,
        # each page has at least one row, and some rows may be added meanwhile
        total_pages=min(total_pages, 2 * total + 10),
        next=links.get("next"),
        at=response.at,
    )


def _parse_count(pagination: Mapping[str, Any], name: str, label: str) -> int | None:
    """Parse a count of the pagination; return None if it is not a count, raise if it is out of range."""
    value = pagination.get(name)
    if isinstance(value, str) and DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:  # also excludes NaN
        return None
    if value > LARGEST_COUNT:
        raise InvalidResponse(f"{label}: `{name}` is larger than any count", REPORT_IT)
    return int(value) if value == int(value) else None


def _split_fast(body: bytes) -> tuple[bytes, int, Any] | None:
    """Split off a `meta` at the end; return None if the whole document must be parsed."""
    cut = body.rfind(b'"meta":')
    rows = body[:cut].rstrip().removesuffix(b",") + b"}"
    start = START_OF_ROWS.match(rows)
    if cut < 0 or not start or b"\n" in rows:
        return None
    try:
        meta = json.loads("{" + body[cut:].decode(), parse_int=_parse_integer)["meta"]
        count = 0 if start[1] else int(meta["pagination"]["count"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return (rows, count, meta) if start[1] or count > 0 else None


def _split_fallback(body: bytes, label: str) -> tuple[bytes, int, Any]:
    """Parse a whole document in another order or layout, keeping numbers as they were written."""
    import simplejson

    document = _parse_document(body, label, "a JSON list")
    rows = document.get("data") if isinstance(document, dict) else None
    # PHP writes a list with removed rows as an object
    if isinstance(rows, dict) and all(map(NUMERIC_KEY.fullmatch, rows)):
        rows = list(rows.values())
    if not isinstance(rows, list):
        raise InvalidResponse(f"{label}: the response is not a JSON list", REPORT_IT)
    try:
        meta = json.loads(simplejson.dumps(document.get("meta")), parse_int=_parse_integer)
    except RecursionError:
        raise InvalidResponse(f"{label}: the response is nested too deeply", REPORT_IT) from None
    return _encode_rows(rows, label), len(rows), meta


def _parse_integer(digits: str) -> float:
    """Parse an integer of JSON; `int` refuses thousands of digits."""
    return int(digits) if len(digits) <= 20 else inf


def _parse_document(body: bytes, label: str, what: str) -> Any:
    """Parse a document in any Unicode encoding; numbers and invalid bytes stay as they were written."""
    import simplejson

    kept = simplejson.RawJSON
    try:
        encoding = json.detect_encoding(body)
        text = body.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "strict")
        return simplejson.loads(text, parse_int=kept, parse_float=kept, parse_constant=kept)
    except ValueError:
        raise InvalidResponse(f"{label}: the response is not {what}", REPORT_IT) from None
    except RecursionError:
        raise InvalidResponse(f"{label}: the response is nested too deeply", REPORT_IT) from None


def _encode_rows(rows: Sequence[Any], label: str) -> bytes:
    import simplejson

    try:
        text = simplejson.dumps({"data": rows}, ensure_ascii=False)
    except RecursionError:
        raise InvalidResponse(f"{label}: the response is nested too deeply", REPORT_IT) from None
    text = LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text.encode("utf-8", "surrogateescape")
