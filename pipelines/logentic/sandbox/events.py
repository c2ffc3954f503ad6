"""Events of an account, and the effect of stock movements on the five counters."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

COUNTERS = ("supply", "receiving", "prepared", "back_ordered", "delivered")


class AccountEvent(NamedTuple):
    """A change of one record of a list at a moment.

    `change` has the changed fields, or is None if the record is removed. For `item_quantities` the key is the item and
    `change` says what moved (`{"received": 8, "announced": -2}`), from which the counters follow; only the first record
    of an item (kind "opening") has the counters themselves.
    """

    at: datetime
    kind: str
    resource: str
    key: Any
    change: Mapping[str, Any] | None


def effect(event: AccountEvent) -> tuple[int, ...]:
    """Return the change of each counter, in the order of COUNTERS."""
    moves = event.change or {}
    if event.kind == "opening":
        return tuple(moves.get(counter, 0) for counter in COUNTERS)
    get = moves.get
    picked, shipped, received, returned = get("picked", 0), get("shipped", 0), get("received", 0), get("returned", 0)
    return (
        received + returned + get("adjusted", 0) - picked,
        get("announced", 0) - received,
        picked - shipped,
        get("back_ordered", 0),
        shipped - returned,
    )


class Row(dict[str, Any]):
    """A record at a moment. It is replaced, never changed, so that its JSON can be cached."""

    __slots__ = ("text",)

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.text: str | None = None
