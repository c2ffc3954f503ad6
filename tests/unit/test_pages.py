"""The pages of a list: where they end, where they may not lead, and rows that stay as they were written."""

import json
from typing import Any

import pytest
import simplejson
from tiny_service import Asked, Reply, TinyService, page, settings_for

from logentic.account_check import check_account
from logentic.errors import BadAnswer, NotFound, UnsafeLink
from logentic.pages import Page, read_page, read_pages, read_record
from logentic.records import READABLE, read_list

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


def test_a_next_to_itself_is_an_error_and_no_loop() -> None:
    with TinyService() as service:
        service.replies = [page([{"id": 1}], pages=3, links={"next": f"{service.url}/items?page=2"})]
        with pytest.raises(UnsafeLink, match="items, page 2: `next` leads to a page already read"):
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

    with TinyService(one_more) as service, pytest.raises(UnsafeLink, match="goes on after 3 announced pages"):
        read(service)
    assert 3 < len(service.asked) < 20


def test_a_next_that_leaves_the_origin_or_the_list_is_an_error_and_gets_no_request() -> None:
    with TinyService(page([])) as elsewhere, TinyService() as service:
        port = service.origin.rpartition(":")[2]
        links = [
            f"{elsewhere.url}/items?page=2",  # another port
            elsewhere.url.replace("http:", "") + "/items?page=2",
            f"http://localhost:{port}/v1/items?page=2",  # another name, were it the same machine
            f"https://127.0.0.1:{port}/v1/items?page=2",
            f"http://user:word@127.0.0.1:{port}/v1/items?page=2",
            f"{service.url}/orders?page=2",
            f"{service.origin}/v2/items?page=2",
            "http://[broken/v1/items?page=2",
            "http://127.0.0.1:port/v1/items?page=2",
            2,
        ]
        for link in links:
            service.asked.clear()
            service.replies = [page([{"id": 1}], pages=2, links={"next": link})]
            with pytest.raises(UnsafeLink, match=r"^items, page 1: `next` (leaves|leads)"):
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
    with TinyService(Reply(200, text)) as service, pytest.raises(BadAnswer, match=r"^items, page 1: "):
        read(service)


@pytest.mark.parametrize("row", ["{'id':1}", '{"id":}', '{"id":1', '{"id":"\\x41"}', '{"id":1/* one */}'])
def test_rows_that_are_not_json_are_an_error_that_names_the_list(row: str) -> None:
    with TinyService(Reply(200, f'{{"data":[{row}],"meta":{META}}}')) as service:
        with pytest.raises(BadAnswer, match=r"^items: the rows are not JSON$"):
            list(read_list(service.client(), READABLE["items"], None, {}))
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
        with pytest.raises(BadAnswer, match="items, id 7"):
            read_record(service.client(), "/items", 7, "items")
