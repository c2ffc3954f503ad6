"""Receipts of runs that found nothing new, held back in the state folder until there is something to load.

In: the receipts of a run. Out: the same, for the next plan, for `status`, and for the next load, which takes them
along. They count only beside the load that they were compared with: where the working database was set back behind it,
they say nothing. Next: session.py, which plans by them.
"""

from datetime import datetime
from typing import Any

from logentic.state import State

NAME = "held"
TIMES = ("window_start", "window_end", "started_at", "finished_at")


def hold_back(state: State, receipts: list[dict[str, Any]], load: str) -> None:
    """In place of those held before; `load` is the latest complete one."""
    state.write_note(NAME, {"after": load, "receipts": receipts})


def let_go(state: State) -> None:
    """They are loaded."""
    state.forget_note(NAME)


def held_receipts(state: State, loads: list[str]) -> list[dict[str, Any]]:
    """What is held, if the load that it was compared with is among these."""
    note = state.read_note(NAME)
    if note.get("after") not in loads:
        return []
    return [{**row, **{name: datetime.fromisoformat(row[name]) for name in TIMES}} for row in note["receipts"]]
