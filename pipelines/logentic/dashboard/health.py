"""Panels of the runs, and of the days that are read completely."""

from datetime import UTC, datetime, timedelta

import altair as alt
import marimo as mo

from logentic.audit_log import RUNS
from logentic.dashboard import charts
from logentic.dashboard.panels import Panel, Selection, Tile, render_tiles
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.monitoring.run_history import COMPLETE_OUTCOMES, read_runs
from logentic.reports.humanize import age
from logentic.reports.runs import STEPS, format_run
from logentic.reports.status import read_status
from logentic.state import State

RECEIPTS = """
select resource, window_start, window_end, total_announced, rows_read, is_complete, is_accepted, finished_at, reason
from logentic_staging.stg_extract_windows
order by finished_at desc
limit 500
"""
RUNS_SHOWN = 48
RUN_COLUMNS = tuple(name for name in RUNS.columns if name != "event_id")


def head_tiles(snapshot: Snapshot) -> mo.Html:
    status = read_status(snapshot.file)
    read = [row["last_success"] for row in status["resources"].values() if row["last_success"]]
    missing = sum(row["incomplete_windows"] for row in status["resources"].values())
    run = status["last_run"].get("service_time")
    last = run or max(read, default=None)
    never = Tile("Last run", "never", "logentic run", "bad")
    fresh = Tile("Last run", age(last, datetime.now(UTC)), f"{last:%Y-%m-%d %H:%M} UTC") if last else never
    whole = "Every receipt adds up" if not missing else "asked for again by the next run"
    return render_tiles([fresh, Tile("Incomplete windows", str(missing), whole, "bad" if missing else "good")])


def coverage(snapshot: Snapshot, _: Selection) -> Panel:
    """Days that each resource covers."""
    found = read_status(snapshot.file)["resources"]
    bars = [
        {"resource": name, "first": row["first_day"], "last": row["last_day"], "end": row["last_day"] + timedelta(1)}
        for name, row in found.items()
        if row["first_day"] and row["last_day"]
    ]
    base = alt.Chart(charts.rows_data(bars)).encode(y=alt.Y("resource:N", title=None, axis=alt.Axis(labelLimit=200)))
    chart = base.mark_bar(height=18, color=charts.BLUE, cornerRadius=3).encode(
        x=charts.day("first", "Day (UTC)"),
        x2="end:T",
        tooltip=charts.tooltips(resource="Resource", first="From", last="To"),
    )
    open_windows = sum(row["incomplete_windows"] for row in found.values())
    accepted = sum(row["accepted_windows"] for row in found.values())
    title = (
        "Every window was read whole" if not open_windows + accepted else f"{open_windows} windows are not whole yet"
    )
    note = "Each window that was read left a receipt: rows announced, rows read. The newest 500 stand in the table."
    if accepted:
        note += f" Accepted windows: {accepted}. Their announced total never equals the rows that are shown."
    drawn = charts.finish(chart, f"{title}: the days that each resource covers.", alt.Step(44)) if bars else None
    return Panel(title, snapshot.query(RECEIPTS), drawn, note, "receipts", wide=True)


def last_runs(snapshot: Snapshot, _: Selection) -> Panel:
    """What the last runs did."""
    # From the state folder, which also knows the runs that had nothing to publish, and those that failed.
    last = read_runs(State(snapshot.file.absolute()))[-RUNS_SHOWN:]
    good = sum(run["outcome"] in COMPLETE_OUTCOMES for run in last)
    rows = [{name: run.get(name) for name in RUN_COLUMNS} for run in reversed(last)]
    steps = [
        {"run": f"{run['started_at']:%d %b %H:%M:%S}", "step": step, "seconds": run.get(f"{step}_seconds") or 0.0}
        | {"outcome": run["outcome"]}
        for run in last
        for step in STEPS
    ]
    chart = (
        alt.Chart(charts.rows_data(steps))
        .mark_bar()
        .encode(
            alt.X("run:O", title="Run started (UTC)", sort=None, axis=alt.Axis(labelOverlap="greedy", labelAngle=0)),
            charts.number("seconds", "Seconds", ",.1f"),
            charts.colour("step", list(STEPS)),
            tooltip=charts.tooltips(run="Started", outcome="Outcome", step="Step", seconds=("Seconds", ",.1f")),
        )
    )
    title = f"{good} of the last {len(last)} runs ended well" if last else "No run has left a line yet"
    drawn = charts.finish(chart, f"{title}: the seconds of each step.") if last else None
    failed = next((run for run in reversed(last) if run.get("error")), None)
    note = format_run(failed) if failed else "Rows, requests and memory of each run stand in the table."
    return Panel(title, QueryResult.of(rows), drawn, note, "runs", wide=True)


PANELS = (coverage, last_runs)
