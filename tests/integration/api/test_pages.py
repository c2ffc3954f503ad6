"""The pages of a list: where they end, where they may not lead, and rows that stay as they were written."""

import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
import simplejson
from tiny_service import Asked, Reply, TinyService, page, settings_for

from logentic.api.client import Client, Response
from logentic.api.pagination import Page, read_page, read_pages, read_record, split_page
from logentic.api.probe import check_account
from logentic.api.records import read_list
from logentic.errors import InvalidResponse, NotFound, UnsafeLink
from logentic.resources import ITEMS

ENDINGS: dict[str, Any] = {
    "no next": {"previous": "http://localhost/v1/items?page=1"},
    "next is null": {"previous": None, "next": None},
    "links are an empty list": [],
    "links are null": None,
}
PAGINATION = {"total": 1, "count": 1, "per_page": 50, "current_page": 1, "total_pages": 1, "links": []}
META = json.dumps({"pagination": PAGINATION})
# Each says the same: one row, numbers that a binary float would change.
ROW = (
    '{"id":1,"price":0.30000000000000004,"size":1.10,"tiny":1e-7,"id_text":12345678901234567890,"name":"\\"meta\\": {"}'
)
LAYOUTS = {
    "as Laravel writes it": f'{{"data":[{ROW}],"meta":{META}}}',
    "meta before data": f'{{"meta":{META},"data":[{ROW}]}}',
    "other keys between": f'{{"data":[{ROW}],"included":[{{"id":9}}],"meta":{META}}}',
    "other keys first": f'{{"status":"ok","data":[{ROW}],"meta":{META}}}',
    "other keys last": f'{{"data":[{ROW}],"meta":{META},"took":3}}',
    "a line for each row": f'{{"data":[\n{ROW}\n],"meta":{META}}}',
    "over many lines": f'{{\n  "data": [\n    {ROW}\n  ],\n  "meta": {META}\n}}\n',
    "spaced out": f'{{ "data" : [ {ROW} ] , "meta" : {META} }}',
}
NO_LISTS = {
    "no pagination": '{"data":[{"id":1}],"meta":{}}',
    "no meta": '{"data":[{"id":1}]}',
    "meta within a row only": f'{{"data":[{{"id":1,"channel":{{"meta":{META}}}}}]}}',
    "one record": '{"data":{"id":1}}',
    "no data": f'{{"meta":{META}}}',
    "a bare list": '[{"id":1}]',
    "null": "null",
    "a web page": "<html></html>",
    "nothing": "",
    "a total that is no number": '{"data":[],"meta":{"pagination":{"total":"many","per_page":1,"total_pages":1}}}',
    "cut in the middle": f'{{"data":[{ROW}],"meta":{META[:-9]}',
}


def read(service: TinyService, params: dict[str, str] | None = None) -> list[Page]:
    return list(read_pages(service.client(), "/items", params or {}, "items"))


def rows_of(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in simplejson.loads(page.rows, use_decimal=True)["data"]]


@pytest.mark.parametrize("links", ENDINGS.values(), ids=ENDINGS)
def test_a_list_ends_however_its_last_page_says_so(links: Any) -> None:
    with TinyService() as service:
        service.replies = [
            page([{"id": 1}], total=2, pages=2, links={"next": f"{service.url}/items?page=2"}),
            page([{"id": 2}], total=2, pages=2, number=2, links=links),
        ]
        pages = read(service)
    assert [row["id"] for row in rows_of(pages)] == [1, 2]
    assert [(page.count, page.total, page.total_pages) for page in pages] == [(1, 2, 2), (1, 2, 2)]
    assert [asked.query for asked in service.asked] == [{}, {"page": "2"}]


def test_a_next_that_forgets_the_filters_keeps_them() -> None:
    with TinyService() as service:
        service.replies = [page([{"id": 1}], pages=2, links={"next": f"{service.url}/items?page=2"}), page([{"id": 2}])]
        read(service, {"updated_at_start": "2026-01-01", "per_page": "250"})
    assert service.asked[1].query == {"updated_at_start": "2026-01-01", "per_page": "250", "page": "2"}


def test_a_next_without_a_host_is_followed() -> None:
    with TinyService(page([{"id": 1}], pages=2, links={"next": "/v1/items?page=2"}), page([{"id": 2}])) as service:
        assert len(read(service)) == 2


def test_a_first_page_that_is_here_is_not_asked_for_again() -> None:
    with TinyService() as service:
        service.replies = [page([{"id": 1}], pages=2, links={"next": f"{service.url}/items?page=2"}), page([{"id": 2}])]
        client = service.client()
        first = read_page(client, "/items", {}, "items, page 1")
        assert len(list(read_pages(client, "/items", {}, "items", first))) == 2
    assert len(service.asked) == 2


def test_a_page_that_comes_again_under_new_numbers_is_an_error_and_no_loop() -> None:
    def same_row(asked: Asked) -> Reply:
        number = int(asked.query.get("page", 1))
        return page([{"id": 1}], total=10**9, pages=10**9, links={"next": f"{service.url}/items?page={number + 1}"})

    with TinyService(same_row) as service:
        with pytest.raises(UnsafeLink, match="items, page 4: the list repeats pages that were already read"):
            list(read_pages(service.client(), "/items", {}, "items"))
        assert len(service.asked) == 4


def test_two_pages_in_turn_without_end_are_an_error_and_no_loop() -> None:
    def in_turn(asked: Asked) -> Reply:
        number = int(asked.query.get("page", 1))
        link = f"{service.url}/items?page={number + 1}"
        return page([{"id": number % 2}], total=10**9, pages=10**9, links={"next": link})

    with TinyService(in_turn) as service:
        with pytest.raises(UnsafeLink, match="items, page 5: the list repeats pages that were already read"):
            list(read_pages(service.client(), "/items", {}, "items"))
        assert len(service.asked) == 5


def test_a_next_to_itself_is_an_error_and_no_loop() -> None:
    with TinyService() as service:
        service.replies = [page([{"id": 1}], pages=3, links={"next": f"{service.url}/items?page=2"})]
        with pytest.raises(UnsafeLink, match="items, page 2: `next` links to a page that was already read"):
            read(service)
    assert len(service.asked) == 2


def test_pages_in_a_circle_are_an_error_and_no_loop() -> None:
    def next_of_three(asked: Asked) -> Reply:
        number = int(asked.query.get("page", "1"))
        return page([{"id": number}], pages=3, links={"next": f"{service.url}/items?page={number % 3 + 1}"})

    with TinyService(next_of_three) as service, pytest.raises(UnsafeLink, match="already read"):
        read(service, {"page": "1"})
    assert len(service.asked) == 3


def test_pages_without_end_are_an_error() -> None:
    def one_more(asked: Asked) -> Reply:
        number = int(asked.query.get("page", "1"))
        return page([{"id": number}], pages=3, links={"next": f"{service.url}/items?page={number + 1}"})

    with TinyService(one_more) as service, pytest.raises(UnsafeLink, match="continues after 3 announced pages"):
        read(service)
    assert 3 < len(service.asked) < 20


def test_a_next_that_leaves_the_host_or_the_list_is_an_error_and_gets_no_request() -> None:
    with TinyService(page([])) as elsewhere, TinyService() as service:
        port = service.origin.rpartition(":")[2]
        links = [
            f"http://localhost:{port}/v1/items?page=2",  # another name, were it the same machine
            f"http:\\\\localhost:{port}\\v1\\items?page=2",
            f"//localhost:{port}/v1/items?page=2",
            f"\\/localhost:{port}/v1/items?page=2",
            f"///localhost:{port}/v1/items?page=2",
            f"https:localhost:{port}/v1/items?page=2",
            f"ht\ttp://local\nhost:{port}/v1/items?page=2",
            f"http://127.0.0.1:{port}@localhost/v1/items?page=2",
            f"http://127.0.0.1\\@localhost:{port}/v1/items?page=2",
            f"http://localhost%2f127.0.0.1:{port}/v1/items?page=2",
            f"http://127.0.0.1.evil.example:{port}/v1/items?page=2",
            f"http://evil.example/127.0.0.1:{port}/v1/items?page=2",
            f"http://[::1]:{port}/v1/items?page=2",
            f"http://user:word@127.0.0.1:{port}/v1/items?page=2",
            f"http://@127.0.0.1:{port}/v1/items?page=2",
            f"ftp://127.0.0.1:{port}/v1/items?page=2",
            f"localhost:{port}/v1/items?page=2",
            "javascript:alert(1)",
            "data:,",
            "http:///",
            "http://",
            "http://127.0.0.1:99999/v1/items?page=2",
            "http://127.0.0.1:8²/v1/items?page=2",
            f"{service.url}/items/?page=2/../../orders" + "x" * 20_000,
            f"{service.url}/items/2?page=2",
            f"{service.url}/items/../orders?page=2",
            "orders?page=2",
            "../items?page=2",
            f"{service.url}/orders?page=2",
            f"{service.origin}/v2/items?page=2",
            "http://[broken/v1/items?page=2",
            "http://127.0.0.1:port/v1/items?page=2",
            2,
            True,
            ["page"],
            {"href": f"{service.url}/items?page=2"},
        ]
        for link in links:
            service.asked.clear()
            service.replies = [page([{"id": 1}], pages=2, links={"next": link})]
            with pytest.raises(UnsafeLink, match=r"^items, page 1: `next` (leaves|links|is not a link)"):
                read(service)
            assert len(service.asked) == 1, link
    assert elsewhere.asked == []


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_a_document_of_any_layout_gives_the_same_rows_to_the_last_digit(text: str) -> None:
    with TinyService(Reply(200, text)) as service:
        (found,) = read(service)
    assert rows_of([found]) == [simplejson.loads(ROW, use_decimal=True)]
    assert b"0.30000000000000004" in found.rows
    assert b"1.10" in found.rows
    assert b"12345678901234567890" in found.rows
    assert b"\n" not in found.rows  # pages are joined by line ends
    assert (found.count, found.total, found.per_page, found.total_pages, found.next) == (1, 1, 50, 1, None)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_meta_within_a_row_is_not_the_meta_of_the_page(place: str) -> None:
    row = {"id": 1, "channel": {"meta": {"pagination": {**PAGINATION, "total": 99, "total_pages": 99}}}}
    data, meta = f'"data":[{json.dumps(row, separators=(",", ":"))}]', f'"meta":{META}'
    text = f"{{{data},{meta}}}" if place == "before" else f"{{{meta},{data}}}"
    with TinyService(Reply(200, text)) as service:
        (found,) = read(service)
    assert (found.total, found.total_pages) == (1, 1)
    assert rows_of([found]) == [row]


@pytest.mark.parametrize("text", NO_LISTS.values(), ids=NO_LISTS)
def test_an_answer_that_is_no_list_is_an_error_and_never_an_empty_one(text: str) -> None:
    with TinyService(Reply(200, text)) as service, pytest.raises(InvalidResponse, match=r"^items, page 1: "):
        read(service)


@pytest.mark.parametrize("row", ["{'id':1}", '{"id":}', '{"id":1', '{"id":"\\x41"}', '{"id":1/* one */}'])
def test_rows_that_are_not_json_are_an_error_that_names_the_list(row: str) -> None:
    with TinyService(Reply(200, f'{{"data":[{row}],"meta":{META}}}')) as service:
        with pytest.raises(InvalidResponse, match=r"^items: the rows are not JSON$"):
            list(read_list(service.client(), ITEMS, None, {}))
        (answer,) = [each for each in check_account(settings_for(service.url)).lists if each.resource == "items"]
    assert answer.error.startswith("items: the rows are not JSON. ")


def test_a_record_is_read_by_its_id_to_the_last_digit() -> None:
    with TinyService(Reply(200, f'{{"data":{ROW}}}')) as service:
        found = read_record(service.client(), "/items", 1, "items")
    assert service.asked[0].path == "/v1/items/1"
    assert rows_of([found]) == [simplejson.loads(ROW, use_decimal=True)]


def test_a_record_that_the_service_does_not_know_is_told_from_one_that_cannot_be_read() -> None:
    with TinyService(Reply(404, "{}"), Reply(200, "[]")) as service:
        with pytest.raises(NotFound, match="items, id 7"):
            read_record(service.client(), "/items", 7, "items")
        with pytest.raises(InvalidResponse, match="items, id 7"):
            read_record(service.client(), "/items", 7, "items")


HERE = {
    "a query": "?page=2",
    "a file": "items?page=2",
    "a file with a dot": "./items?page=2",
    "a path": "/v1/items?page=2",
    "a path with dots": "/v1/orders/../items?page=2",
    "a path with encoded dots": "/v1/orders/%2e%2E/items?page=2",
    "a path with a slash at its end": "/v1/items/?page=2",
    "an encoded path": "/v1/%69tems?page=2",
    "a path of backslashes": "\\v1\\items?page=2",
    "a scheme without a host": "http:/v1/items?page=2",
    "a scheme and a file": "http:items?page=2",
    "a host without a scheme": "//127.0.0.1:PORT/v1/items?page=2",
    "capitals": "HTTP://127.0.0.1:PORT/v1/items?page=2",
    "a fragment": "http://127.0.0.1:PORT/v1/items?page=2#top",
    "blanks around": "  http://127.0.0.1:PORT/v1/items?page=2 ",
    "line ends within": "http://127.0.0.1:PORT/v1/items\n?page\t=2\r\n",
    "backslashes": "http:\\\\127.0.0.1:PORT\\v1\\items?page=2",
    "too many slashes": "http:////127.0.0.1:PORT/v1/items?page=2",
    "an encoded host": "http://127.0.0%2e1:PORT/v1/items?page=2",
    "zeros before the port": "http://127.0.0.1:0PORT/v1/items?page=2",
    "an empty parameter": "?page=2&filter=&&",
    "an encoded query": "?%70age=%32",
}
MOVED = {
    "another port": "http://127.0.0.1:9/v1/items?page=2",
    "no port": "http://127.0.0.1/v1/items?page=2",
    "an empty port": "http://127.0.0.1:/v1/items?page=2",
    "https": "https://127.0.0.1:PORT/v1/items?page=2",
    "https and its port": "https://127.0.0.1/v1/items?page=2",
    "a host and another port": "//127.0.0.1:9/v1/items?page=2",
}


def with_link(link: str, links: int = 1) -> tuple[TinyService, list[Reply]]:
    service = TinyService()
    port = service.origin.rpartition(":")[2]
    service.replies = [
        *[
            page(
                [{"id": n}], total=9, pages=9, links={"next": link.replace("PORT", port).replace("page=2", f"page={n}")}
            )
            for n in range(2, 2 + links)
        ],
        page([{"id": 1}], total=9, pages=9),
    ]
    return service, []


@pytest.mark.parametrize("link", HERE.values(), ids=HERE)
def test_a_next_is_resolved_as_a_browser_would(link: str, caplog: pytest.LogCaptureFixture) -> None:
    service, _ = with_link(link)
    with service:
        assert len(read(service, {"per_page": "1"})) == 2
    assert [(asked.path, asked.query) for asked in service.asked] == [
        ("/v1/items", {"per_page": "1"}),
        ("/v1/items", {"per_page": "1", "page": "2"}),
    ]
    assert not caplog.records


@pytest.mark.parametrize("link", MOVED.values(), ids=MOVED)
def test_a_next_with_another_scheme_or_port_is_followed_at_the_configured_origin_with_one_warning(
    link: str, caplog: pytest.LogCaptureFixture
) -> None:
    service, _ = with_link(link, links=3)
    with service:
        assert len(read(service)) == 4
    assert [asked.query for asked in service.asked] == [{}, {"page": "2"}, {"page": "3"}, {"page": "4"}]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("items, page 1: `next` names another scheme or port than http://127.0.0.1:")


def test_the_configured_host_is_compared_in_one_form() -> None:
    """Capitals in the setting, IPv6 written in full, a default port: the same host each."""
    urls = {
        "https://API.Example.com/v1": "https://api.example.com:443/v1/items?page=2",
        "https://xn--bcher-kva.example/v1": "https://b\u00fccher.example/v1/items?page=2",
        "http://[::1]:8350/v1": "http://[0:0:0:0:0:0:0:1]:8350/v1/items?page=2",
    }
    for url, link in urls.items():
        client = Client(settings_for(url))
        assert follow(client, link) == {"page": "2"}
        assert client.traffic.links_moved == 0


def follow(client: Client, link: str) -> dict[str, str]:
    from logentic.api.pagination import _next_query

    return _next_query(client, "/items", {}, link, "items, page 1")


def test_half_a_character_in_a_next_is_sent_as_a_browser_would() -> None:
    body = page([{"id": 1}], total=2, pages=2, links={"next": "?page=2&name=NAME"}).body
    assert isinstance(body, str)
    with TinyService(Reply(200, body.replace("NAME", "\\ud800")), page([{"id": 2}], total=2, pages=2)) as service:
        assert len(read(service)) == 2
    assert service.asked[1].query == {"page": "2", "name": "\ufffd"}


# -- Pagination that cannot be read --

BAD_TOTALS = [
    "Infinity",
    "-Infinity",
    "NaN",
    "1e19",
    "1e400",
    "10000000000000000000",
    "9223372036854775808",
    "9" * 5000,
    "-1",
    "1.5",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    '""',
    '"many"',
    '"-1"',
    '"1e19"',
    '"\u00b2"',
    '"9223372036854775808"',
]
BAD_SIZES = ["Infinity", "1e19", "1e400", "10000000000000000000", "9" * 5000]
ODD_SIZES = ["null", "-1", "0", "NaN", "-Infinity", "1.5", "true", '"many"', '""', "[]", "{}", '"\u00b2"']


def listed(rows: str = '{"id":1}', *, is_laravel: bool = True, **pagination: str) -> Reply:
    numbers = {"total": "1", "count": "1", "per_page": "50", "current_page": "1", "total_pages": "1", "links": "[]"}
    meta = ",".join(f'"{name}":{value}' for name, value in {**numbers, **pagination}.items() if value)
    data, meta = f'"data":[{rows}]', f'"meta":{{"pagination":{{{meta}}}}}'
    return Reply(200, f"{{{data},{meta}}}" if is_laravel else f"{{{meta},{data}}}")


@pytest.mark.parametrize("is_laravel", [True, False])
@pytest.mark.parametrize("value", BAD_TOTALS, ids=lambda value: value[:24])
def test_a_total_that_is_no_count_is_an_error_that_names_it(value: str, is_laravel: bool) -> None:
    with (
        TinyService(listed(total=value, is_laravel=is_laravel)) as service,
        pytest.raises(InvalidResponse, match=r"^items, page 1: `total` is "),
    ):
        read(service)


@pytest.mark.parametrize("is_laravel", [True, False])
@pytest.mark.parametrize("value", ["1", "1.0", '"1"', '" 1 "'])
def test_a_total_that_means_a_count_is_one(value: str, is_laravel: bool) -> None:
    with TinyService(listed(total=value, is_laravel=is_laravel)) as service:
        (found,) = read(service)
    assert found.total == 1


@pytest.mark.parametrize("name", ["per_page", "total_pages"])
@pytest.mark.parametrize("value", BAD_SIZES, ids=lambda value: value[:24])
def test_a_size_beyond_all_counting_is_an_error_that_names_it(name: str, value: str) -> None:
    with (
        TinyService(listed(**{name: value})) as service,
        pytest.raises(InvalidResponse, match=f"page 1: `{name}` is larger"),
    ):
        read(service)


@pytest.mark.parametrize("is_laravel", [True, False])
@pytest.mark.parametrize("name", ["per_page", "total_pages", "count", "current_page"])
@pytest.mark.parametrize("value", [*ODD_SIZES, ""])
def test_a_size_that_only_helps_to_plan_may_be_anything(name: str, value: str, is_laravel: bool) -> None:
    with TinyService(listed(is_laravel=is_laravel, **{name: value})) as service:
        (found,) = read(service)
    assert rows_of([found]) == [{"id": 1}]
    assert (found.total, found.count) == (1, 1)
    assert found.per_page >= 1
    assert found.total_pages >= 0


@pytest.mark.parametrize("count", ["0", "7", "9" * 5000, "Infinity", "1e19"])
def test_a_count_that_disagrees_changes_nothing(count: str) -> None:
    with TinyService(listed(count=count)) as service:
        (found,) = read(service)
    assert rows_of([found]) == [{"id": 1}]


@pytest.mark.parametrize("links", ['"next"', "[1]", '{"next":{"href":"x"}}', "5"])
def test_links_of_another_shape_are_an_error(links: str) -> None:
    with (
        TinyService(listed(links=links)) as service,
        pytest.raises((InvalidResponse, UnsafeLink), match="items, page 1"),
    ):
        read(service)


@pytest.mark.parametrize("layout", ['{"data":[DATA],"meta":META}', '{"meta":META,"data":[DATA]}'])
def test_an_empty_page_with_a_next_is_asked_for_again_and_then_an_error(layout: str) -> None:
    pagination = {**PAGINATION, "total": 10**6, "total_pages": 10**6, "count": 50, "links": {"next": "?page=2"}}
    text = layout.replace("DATA", "").replace("META", json.dumps({"pagination": pagination}, separators=(",", ":")))
    with TinyService(Reply(200, text)) as service:
        with pytest.raises(InvalidResponse, match=r"items, page 1: an empty page with a `next`"):
            list(read_pages(service.client(retry_seconds=1), "/items", {}, "items"))
        assert 2 <= len(service.asked) < 8
        service.asked.clear()
        service.replies = [Reply(200, text), listed()]
        assert len(list(read_pages(service.client(retry_seconds=30), "/items", {}, "items"))) == 1


def test_pages_are_bounded_by_the_rows_that_are_announced() -> None:
    """A million pages for three rows."""

    def one_more(asked: Asked) -> Reply:
        number = int(asked.query.get("page", "1"))
        return page([{"id": number}], total=3, pages=10**6, links={"next": f"?page={number + 1}"})

    with TinyService(one_more) as service, pytest.raises(UnsafeLink, match="continues after"):
        read(service)
    assert len(service.asked) < 60


# -- Bodies --


@pytest.mark.parametrize("keys", [["3", "5"], ["0", "1"], ["-1", "2"]])
def test_an_object_with_numeric_keys_is_a_list_of_its_values(keys: list[str]) -> None:
    rows = {key: {"id": int(key)} for key in keys}
    pagination = {"pagination": {**PAGINATION, "total": 2, "count": 2}}
    text = json.dumps({"data": rows, "meta": pagination}, separators=(",", ":"))
    with TinyService(Reply(200, text)) as service:
        (found,) = read(service)
    assert rows_of([found]) == list(rows.values())
    assert found.count == 2


def test_an_empty_object_is_an_empty_list() -> None:
    text = f'{{"data":{{}},"meta":{json.dumps({"pagination": {**PAGINATION, "total": 0, "count": 0}})}}}'
    with TinyService(Reply(200, text)) as service:
        (found,) = read(service)
    assert (rows_of([found]), found.total) == ([], 0)


def test_an_object_with_names_is_no_list() -> None:
    text = f'{{"data":{{"id":1,"2":3}},"meta":{META}}}'
    with TinyService(Reply(200, text)) as service, pytest.raises(InvalidResponse, match="not a JSON list"):
        read(service)


PLAIN = f'{{"data":[{ROW}],"meta":{META}}}'
ENCODINGS = {
    "a byte order mark": PLAIN.encode("utf-8-sig"),
    "UTF-16 with a mark": PLAIN.encode("utf-16"),
    "UTF-16": PLAIN.encode("utf-16-le"),
    "UTF-32": PLAIN.encode("utf-32"),
    "blanks around": f"\n {PLAIN} \n".encode(),
}


@pytest.mark.parametrize("body", ENCODINGS.values(), ids=ENCODINGS)
def test_a_page_in_any_encoding_of_unicode_is_read(body: bytes) -> None:
    with TinyService(Reply(200, body)) as service:
        (found,) = read(service)
    assert rows_of([found]) == [simplejson.loads(ROW, use_decimal=True)]


BROKEN_BODIES = {
    "text after it": f"{PLAIN}<!-- 12 ms -->".encode(),
    "text before it": b"<br />Warning" + PLAIN.encode(),
    "UTF-16 cut in half": PLAIN.encode("utf-16")[:-3],
    "UTF-32 of no characters": b"\x00\x00\xfe\xff" + b"\x7f\xff\xff\xff" * 4,
    "zeros": bytes(100),
    "only a mark": b"\xef\xbb\xbf",
    "nested in meta": b'{"data":[],"meta":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested, meta first": b'{"meta":{},"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested in an object": b'{"data":' + b'{"1":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "open brackets": b"[" * 1_000_000,
}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_a_body_that_cannot_be_read_is_one_line(body: bytes) -> None:
    with TinyService(Reply(200, body)) as service:
        with pytest.raises(
            InvalidResponse, match=r"^items, page 1: the response is (not a JSON list|nested too deeply)$"
        ):
            read(service)
        with pytest.raises(
            InvalidResponse, match=r"^items, id 1: the response is (not a JSON record|nested too deeply)$"
        ):
            read_record(service.client(), "/items", 1, "items")


@pytest.mark.parametrize("is_fast", [True, False])
def test_bytes_and_numbers_that_are_none_are_kept_for_whoever_reads_the_rows(is_fast: bool) -> None:
    rows = b'{"id":1,"name":"caf\xe9","half":"\\ud800","n":' + b"9" * 5000 + b',"e":1e99999999999999999999,"x":NaN}'
    data, meta = b'"data":[' + rows + b"]", b'"meta":' + META.encode()
    body = b"{" + (data + b"," + meta if is_fast else meta + b"," + data) + b"}"
    with TinyService(Reply(200, body)) as service:
        (found,) = read(service)
        one = read_record(with_body(service, b'{"data":' + rows + b"}"), "/items", 1, "items")
    for page_rows in (found.rows, one.rows):
        assert b"caf\xe9" in page_rows
        assert b"\\ud800" in page_rows
        assert b"9" * 5000 in page_rows
        assert b"1e99999999999999999999" in page_rows
        assert b"NaN" in page_rows


def with_body(service: TinyService, body: bytes) -> Client:
    service.replies = [Reply(200, body)]
    return service.client()


def test_a_meta_that_is_not_utf8_does_not_matter() -> None:
    meta = META.encode().replace(b'{"pagination"', b'{"note":"\xe9","pagination"')
    with TinyService(Reply(200, b'{"data":[' + ROW.encode() + b'],"meta":' + meta + b"}")) as service:
        (found,) = read(service)
    assert found.total == 1


def test_whatever_the_body_a_page_or_one_line_comes_of_it() -> None:
    """Bytes changed, cut and doubled at random, from a seed."""
    random = Random(17)
    for _ in range(3000):
        body = bytearray(PLAIN.encode())
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(body))
            match random.randrange(3):
                case 0:
                    body[at] = random.randrange(256)
                case 1:
                    del body[at : at + random.randint(1, 20)]
                case _:
                    body[at:at] = body[at : at + random.randint(1, 20)]
            body = body or bytearray(b"{}")
        with suppress(InvalidResponse):
            split_page(Response(bytes(body), datetime.now(UTC), b""), "items")


# -- Lists that are empty or not found --


def test_a_204_is_an_empty_list() -> None:
    with TinyService(Reply(204)) as service:
        (found,) = read(service)
    assert (rows_of([found]), found.count, found.total, found.next) == ([], 0, 0, None)


def test_a_204_for_a_record_is_an_error() -> None:
    with TinyService(Reply(204)) as service, pytest.raises(InvalidResponse, match="not a JSON record"):
        read_record(service.client(), "/items", 1, "items")


def test_a_404_for_a_list_fits_a_list() -> None:
    with TinyService(Reply(404, "{}")) as service, pytest.raises(NotFound) as raised:
        read(service)
    assert str(raised.value) == "items, page 1: the service answers 404 for this list"
    assert "id" not in raised.value.guidance.split()
    assert raised.value.status == 404


@pytest.mark.parametrize("first", [200, 204])
def test_a_404_for_a_list_that_has_answered_is_no_rows_and_no_proof(first: int) -> None:
    with TinyService(listed() if first == 200 else Reply(204), Reply(404, "{}")) as service:
        client = Client(settings_for(service.url), lists=set())
        assert not read_page(client, "/items", {}, "items").is_not_found
        found = read_page(client, "/items", {"page": "2"}, "items")
        assert (found.count, found.total, found.next, found.is_not_found) == (0, 0, None, True)
        with pytest.raises(NotFound):
            read_page(client, "/orders", {}, "orders")


def test_outside_of_a_run_a_404_for_a_list_is_an_error() -> None:
    """`verify` and `get` must not take it for an empty list."""
    with TinyService(listed(), Reply(404, "{}")) as service:
        client = service.client()
        read_page(client, "/items", {}, "items")
        with pytest.raises(NotFound, match="items: the service answers 404 for this list"):
            read_page(client, "/items", {}, "items")
