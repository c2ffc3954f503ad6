"""Receipts of runs that found nothing new, held back in the state folder until there is something to load."""

from functools import cache
from typing import Annotated, Any

from logentic.resources import INTEGER, MOMENT, RECEIPTS, TRUTH
from logentic.state import State

NAME = "held"
REQUIRED = {
    *("window_id", "run_id", "resource", "filter", "window_start", "window_end", "started_at", "finished_at"),
    *("rows_read", "distinct_keys", "rows_new", "rows_changed", "rows_removed", "requests", "bytes"),
    *("is_complete", "is_confirmed"),
}


def hold_back(state: State, receipts: list[dict[str, Any]], load: str) -> None:
    """In place of those held before; `load` is the latest complete one."""
    state.write_note(NAME, {"after": load, "receipts": receipts})


def let_go(state: State) -> None:
    """They are loaded."""
    state.forget_note(NAME)


def held_receipts(state: State, loads: list[str]) -> list[dict[str, Any]]:
    """What is held, if the load that it was compared with is among these."""
    note = state.read_note(NAME, _held())
    if not note or note.after not in loads:
        return []
    return [row.model_dump() for row in note.receipts]


@cache
def _held() -> Any:
    """The type of the note."""
    from pydantic import AwareDatetime, Field, create_model

    integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
    types: dict[Any, Any] = {INTEGER: integer, MOMENT: AwareDatetime, TRUTH: bool}
    columns: dict[str, Any] = {}
    for column in RECEIPTS:
        kind = types.get(column.type, str)
        columns[column.name] = (kind, ...) if column.name in REQUIRED else (kind | None, None)
    receipt = create_model("HeldReceipt", **columns)
    fields: dict[str, Any] = {"after": (str, ...), "receipts": (list[receipt], ...)}  # type: ignore[valid-type]
    return create_model("Held", **fields)
