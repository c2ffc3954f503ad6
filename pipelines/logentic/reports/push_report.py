"""Print the plan of a push and what became of each row."""

from typing import Any

from logentic.push.pusher import PushReport, PushResult
from logentic.push.rows import TARGETS, RowError
from logentic.reports.humanize import count
from logentic.sanitizer import one_line

SHOWN_ROWS = 50
HIDDEN = "***"
LONGEST_VALUE = 60  # characters
WORDS = {"create": "to create", "update": "to update", "delete": "to delete"}


def as_dict(report: PushReport) -> dict[str, Any]:
    """Return the report for `--json`: every row, personal values hidden."""
    return {
        "resource": report.resource,
        "is_applied": report.is_applied,
        "plan": report.plan,
        "outcomes": report.outcomes if report.is_applied else {},
        "requests": report.requests,
        "stopped": str(report.stopped) if report.stopped else None,
        "rows": [_row(report.resource, result) for result in report.results],
    }


def _row(resource: str, result: PushResult) -> dict[str, Any]:
    planned = result.planned
    return {
        "row": planned.row.number,
        "name": planned.row.label,
        "action": planned.action,
        "outcome": result.outcome,
        "id": result.record_id,
        "reason": result.reason or planned.reason or None,
        "errors": result.errors or {},
        "differences": [
            {"field": path, "account": _shown(resource, path, before), "file": _shown(resource, path, after)}
            for path, before, after in planned.differences
        ],
    }


def as_lines(report: PushReport) -> list[str]:
    """Return the plan, and with `--apply` the outcome, for a terminal."""
    plan = {name: number for name, number in report.plan.items() if number}
    shown = [f"{number} {WORDS.get(name, name)}" for name, number in plan.items()]
    lines = [f"{report.resource}: {', '.join(shown) or 'no rows'}"]
    rows = [result for result in report.results if result.planned.action in WORDS]
    for result in rows[:SHOWN_ROWS]:
        changes = [
            f"{path} {_shown(report.resource, path, before)} → {_shown(report.resource, path, after)}"
            for path, before, after in result.planned.differences
        ]
        lines.append(
            f"  {result.planned.action} {result.planned.row.label}" + (f": {'; '.join(changes)}" if changes else "")
        )
    if len(rows) > SHOWN_ROWS:
        lines.append(f"  and {len(rows) - SHOWN_ROWS} more: --json lists all")
    if report.is_applied:
        done = [f"{number} {name.replace('_', ' ')}" for name, number in sorted(report.outcomes.items())]
        lines.append(f"result: {', '.join(done)}; {count(report.requests, 'request')} sent")
    elif rows:
        lines.append("Nothing was sent. To send it: --apply")
    return lines


def failure_lines(report: PushReport) -> list[str]:
    """Return a line for each row and field that failed, was refused or is unknown."""
    lines = []
    for result in report.results:
        row = result.planned.row
        if not result.is_failure or (result.outcome == "not_sent" and report.stopped):
            continue
        if result.errors:
            pairs = [(name, text) for name, texts in result.errors.items() for text in texts]
            lines += [str(RowError(row.number, _field_of(name), f"{row.label}: {text}")) for name, text in pairs]
        else:
            named = result.planned.field if result.outcome == "refused" else ""
            text = result.reason or result.outcome.replace("_", " ")
            lines.append(str(RowError(row.number, named, f"{row.label}: {result.outcome}: {text}")))
    return [one_line(line) for line in lines]


def _field_of(name: str) -> str:
    """Return a field as it stands in the file: Laravel counts lines from 0."""
    parts = name.split(".")
    if parts[0] == "stored_items" and len(parts) > 1 and parts[1].isdigit():
        parts[1] = str(int(parts[1]) + 1)
    return ".".join(parts)


def _shown(resource: str, path: str, value: Any) -> str:
    if TARGETS[resource].is_personal(path) and value not in (None, ""):
        return HIDDEN
    if value is None:
        return "empty"
    if isinstance(value, list):
        return count(len(value), "line")
    text = f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
