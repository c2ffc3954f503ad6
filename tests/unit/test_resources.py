"""A description of a resource that contradicts itself is refused where it stands."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from logentic.errors import UsageError
from logentic.resources import DATE, ITEM_QUANTITIES, PAYMENT_ITEMS, UPDATED_AT, UPDATED_DAY, Absence

CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "a unit of hours": ({"window": replace(UPDATED_DAY, unit=timedelta(hours=1))}, "has a unit of 1:00:00"),
    "no parameters": ({"window": replace(UPDATED_DAY, start="")}, "columns or query parameters, and not both"),
    "parameters alone": ({"window": replace(UPDATED_DAY, columns=())}, "columns or query parameters, and not both"),
    "another's column": ({"window": DATE}, "looks at date"),
    "a column of text": ({"window": replace(DATE, columns=("sku",))}, "looks at sku, which are not columns of moments"),
    "days in seconds": ({"window": replace(UPDATED_AT, columns=("supply",))}, "which are not columns of moments"),
    "an unknown key": ({"key": ("id", "version")}, "version is not among its columns"),
    "no address": ({"absence": Absence.LOOKED_UP}, "a missing record cannot be looked up"),
}


@pytest.mark.parametrize(("change", "says"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_names_the_resource_and_what_to_do(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        replace(ITEM_QUANTITIES, **change)
    assert str(refused.value).startswith("resources.py, item_quantities: ")
    assert refused.value.guidance


def test_a_second_window_kind_is_checked_as_the_first() -> None:
    with pytest.raises(UsageError, match="window kind 'date' looks at date"):
        replace(PAYMENT_ITEMS, settled=DATE)
