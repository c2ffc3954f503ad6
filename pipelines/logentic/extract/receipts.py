"""What is remembered of each window that was read."""

import uuid
from typing import Any

from logentic.extract.reader import Reading


def receipt(
    run_id: str, reading: Reading, new: int, changed: int, removed: int, *, confirmed: bool, accepted: bool
) -> dict[str, Any]:
    window = reading.window
    return {
        "window_id": f"{run_id}-{uuid.uuid4().hex[:12]}",
        "run_id": run_id,
        "resource": window.resource,
        "filter": window.filter,
        "window_start": window.start,
        "window_end": window.end,
        "total_announced": reading.total,
        "rows_read": reading.buffer.read,
        "distinct_keys": reading.keys,
        "rows_new": new,
        "rows_changed": changed,
        "rows_removed": removed,
        "requests": reading.requests,
        "bytes": reading.bytes,
        "started_at": reading.started_at,
        "finished_at": reading.finished_at,
        "is_complete": reading.is_complete,
        "is_confirmed": confirmed,
        "is_accepted": accepted,
        "reason": reading.reason,
    }
