"""Compute the fewest requests that read an account: the first time, and again by the settings' look-back."""

from datetime import UTC, datetime
from pathlib import Path

from benchmarks.desk import Desk
from logentic.settings import Settings

PAGE_SIZE, DAY = 50, 86400


def first_load(folder: Path) -> int:
    """Every page of every list once."""
    return sum(_pages(rows.rows) for rows in Desk(folder).lists.values())


def look_back(folder: Path) -> dict[str, int]:
    """What is read again although nothing is new: by list, at the account's last day."""
    settings, desk = Settings(), Desk(folder)
    today = _text(desk.now)[:10]
    asked = {
        "orders": {"updated_at_start": _text(desk.now - settings.order_overlap_days * DAY)[:10]},
        "item_quantities": {"updated_at_start": _text(desk.now - settings.quantity_overlap_minutes * 60)},
        "inventory_history": {"start": _text(desk.now - settings.history_lookback_days * DAY)[:10], "end": today},
        "payment_items": {"start": f"{today[:8]}01", "end": today},
    }
    lists = {name: desk.lists[name].select(query) for name, query in asked.items()}
    return {name: _pages(sum(last - first for first, last in ranges)) for name, ranges in lists.items()}


def _pages(rows: int) -> int:
    return -(-rows // PAGE_SIZE)


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    import json
    import sys

    print(json.dumps({"first_load": first_load(Path(sys.argv[1])), "look_back": look_back(Path(sys.argv[1]))}))
