"""Fetch every page of every list with as little as possible: libcurl's loop over a few connections, pages by number.

Reads BASE_URL, TOKEN and CONNECTIONS from the environment. There is no retry, no rate limit and no check of
completeness. As a script it discards the pages and prints their size.
"""

import json
import os
from collections import deque
from collections.abc import Iterator
from io import BytesIO

import pycurl

LISTS = {
    "items": "/items?",
    "orders": "/orders?",
    "item_quantities": "/items/item_quantities?",
    "inventory_history": "/items/inventory?start=2015-01-01&end=2100-01-01&",
    "payment_items": "/payment_items?",
}


def pages() -> Iterator[tuple[str, bytes]]:
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, int(os.environ["CONNECTIONS"]))
    idle = [_handle() for _ in range(int(os.environ["CONNECTIONS"]))]
    busy: dict[pycurl.Curl, tuple[str, int, BytesIO]] = {}
    waiting = deque((name, 1) for name in LISTS)
    while waiting or busy:
        while waiting and idle:
            name, number = waiting.popleft()
            curl, body = idle.pop(), BytesIO()
            curl.setopt(pycurl.URL, f"{os.environ['BASE_URL']}{LISTS[name]}page={number}")
            curl.setopt(pycurl.WRITEDATA, body)
            busy[curl] = name, number, body
            multi.add_handle(curl)
        multi.perform()
        _, done, failed = multi.info_read()
        if failed:
            raise SystemExit(f"a request failed: {failed[0][2]}")
        for curl in done:
            multi.remove_handle(curl)
            idle.append(curl)
            name, number, body = busy.pop(curl)
            text = body.getvalue()
            if number == 1:
                pagination = json.loads(b"{" + text[text.rfind(b'"meta":') :])["meta"]["pagination"]
                waiting.extend((name, other) for other in range(2, pagination["total_pages"] + 1))
            yield name, text
        if not done:
            multi.select(1.0)


def _handle() -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {os.environ['TOKEN']}", "Accept: application/json"])
    curl.setopt(pycurl.NOSIGNAL, 1)
    return curl


if __name__ == "__main__":
    print(sum(len(body) for _, body in pages()))
