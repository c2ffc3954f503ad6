"""Summarize a run, as lines or as JSON."""

from collections.abc import Iterator
from typing import Any

from logentic.job import JobResult
from logentic.reports.humanize import count


def as_dict(result: JobResult) -> dict[str, Any]:
    loaded = result.loaded
    return {
        "file": result.shown,
        "service_time": loaded.now.isoformat(),
        "resources": {name: _counts(result, name) for name in sorted({r["resource"] for r in loaded.receipts})},
        "incomplete_windows": [
            {
                "resource": r["resource"],
                "start": r["window_start"].isoformat(),
                "end": r["window_end"].isoformat(),
                "reason": r["reason"],
            }
            for r in loaded.incomplete
        ],
        "accepted_windows": [
            {
                "resource": r["resource"],
                "start": r["window_start"].isoformat(),
                "end": r["window_end"].isoformat(),
                "difference": r["total_announced"] - r["distinct_keys"],
            }
            for r in loaded.accepted
        ],
        "unread": loaded.unread,
        "rejected_values": loaded.rejected,
        "failures": {name: str(failure) for name, failure in loaded.failures.items()},
        "requests": loaded.traffic.requests,
        "retries": loaded.traffic.retries,
        "bytes": loaded.traffic.bytes,
        "models": result.built.models if result.built else 0,
        "unchanged_models": result.built.unchanged if result.built else 0,
        "tests": result.built.tests if result.built else 0,
        "published_bytes": result.published_bytes,
        "seconds": result.seconds,
    }


def as_lines(result: JobResult) -> Iterator[str]:
    summary, loaded = as_dict(result), result.loaded
    yield f"{'':<18} {'new':>9} {'changed':>9} {'removed':>9} {'windows':>9}"
    for name, counts in summary["resources"].items():
        yield f"{name:<18} " + " ".join(f"{counts[key]:>9,}" for key in ("new", "changed", "removed", "windows"))
    for receipt in loaded.incomplete:
        yield (
            f"incomplete: {receipt['resource']} {receipt['window_start']:%Y-%m-%d} to {receipt['window_end']:%Y-%m-%d}:"
            f" {receipt['reason']}; the next run reads them again"
        )
    if loaded.unread:
        yield f"time limit reached: {', '.join(loaded.unread)} not read completely; the next run continues"
    if loaded.rejected:
        yield rejected_line(loaded.rejected)
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in result.seconds.items())
    megabytes = loaded.traffic.bytes / 1e6
    yield f"{loaded.traffic.requests:,} requests, {megabytes:,.1f} MB; {seconds}"
    if result.built:
        built, unchanged = result.built.models - result.built.unchanged, result.built.unchanged
        more = f", {unchanged} unchanged" if unchanged else ""
        yield f"{built} models built{more}, {result.built.tests} checks passed"
    if result.published_bytes:
        yield f"published: {result.shown} ({result.published_bytes / 1e6:,.1f} MB)"
    elif loaded.unread:
        yield f"not published: {result.shown} is unchanged"
    else:
        yield f"nothing new: {result.shown} is unchanged"


def rejected_line(number: int) -> str:
    """Return how many values are null because they could not be read, and where they are listed."""
    return f"{count(number, 'value')} could not be read: select * from rejected_values where closed_at is null"


def _counts(result: JobResult, resource: str) -> dict[str, int]:
    mine = [receipt for receipt in result.loaded.receipts if receipt["resource"] == resource]
    return {
        "new": sum(receipt["rows_new"] for receipt in mine),
        "changed": sum(receipt["rows_changed"] for receipt in mine),
        "removed": sum(receipt["rows_removed"] for receipt in mine),
        "read": sum(receipt["rows_read"] for receipt in mine),
        "windows": len(mine),
    }
