"""What a page shows of itself, also where its values are not what they should be."""

from decimal import Decimal
from typing import Any

import pytest

from logentic.api.probe_fields import order_of


@pytest.mark.parametrize("odd", [[1], {"a": 1}, True, None, "soon", float("nan"), Decimal("sNaN"), "2026-03-04", 1.5])
def test_an_odd_key_is_never_an_error(odd: Any) -> None:
    rows = [{"id": 1, "updated_at": "2026-03-01T05:00:00Z"}, {"id": odd, "updated_at": odd}, {"id": 3}, {"id": 4}]
    assert order_of(rows) in (None, "nothing", "id")


def test_numbers_and_times_are_put_in_order() -> None:
    assert order_of([{"id": 1}, {"id": Decimal(2)}, {"id": 3}]) == "id"
    times = [{"id": 1, "updated_at": f"2026-03-0{day}T05:00:00Z"} for day in (3, 2, 1)]
    assert order_of(times) == "updated_at, descending"
