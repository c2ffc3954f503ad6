"""Make pages and tables from rows that a test writes down, as the extraction would have read them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import simplejson

from logentic.api.pagination import Page
from logentic.extract.parsing import Rows, read_rows
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import Resource

AS_IT_IS = Pseudonymizer(None)
NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)


def page_of(*rows: str | Mapping[str, Any], at: datetime = NOON) -> Page:
    texts = [row if isinstance(row, str) else simplejson.dumps(row, use_decimal=True) for row in rows]
    body = '{"data":[' + ",".join(texts) + "]}"
    count = len(rows)
    return Page(body.encode(), count, count, max(count, 1), 1, None, at)


def rows_of(resource: Resource, *rows: str | Mapping[str, Any], at: datetime = NOON) -> Rows:
    return read_rows(resource, [page_of(*rows, at=at)], AS_IT_IS, resource.name)


def assert_equal(one: Rows, other: Rows) -> None:
    assert one.records.schema == other.records.schema
    assert one.records.equals(other.records)
    assert one.read == other.read
    assert (one.lines is None) == (other.lines is None)
    if one.lines is not None and other.lines is not None:
        assert one.lines.schema == other.lines.schema
        assert one.lines.equals(other.lines)
