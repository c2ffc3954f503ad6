"""Panels of the runs, and of the days that have been read completely."""

from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt
import marimo as mo

from logentic.audit_log import RUNS
from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Panel, Selection, Tile, list_fields, render_tiles
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.monitoring.run_history import COMPLETE_OUTCOMES, read_runs
from logentic.reports.humanize import age, count, words
from logentic.reports.runs import STEPS, format_run
from logentic.reports.status import read_status
from logentic.state import State

RECEIPTS = """
select resource, window_start, window_end, total_announced, rows_read, is_complete, is_accepted, finished_at, reason
from logentic_staging.stg_extract_windows
where $resource::varchar is null or resource = $resource
order by finished_at desc
limit 500
"""
RUNS_SHOWN = 48
RUN_COLUMNS = tuple(name for name in RUNS.columns if name != "event_id")


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    resources = sorted(read_status(snapshot.file)["resources"])
    runs = {_run_label(run): run["started_at"].isoformat() for run in reversed(_last_runs(snapshot))}
    return {
        **filters.choose_code(url, "resource", resources, "Windows of", "All resources"),
        **filters.choose_among(url, "run", {"None": None} | runs, "Run"),
    }


def head_tiles(snapshot: Snapshot) -> mo.Html:
    status = read_status(snapshot.file)
    read = [row["last_success"] for row in status["resources"].values() if row["last_success"]]
    missing = sum(row["incomplete_windows"] for row in status["resources"].values())
    run = status["last_run"].get("service_time")
    last = run or max(read, default=None)
    never = Tile("Last run", "never", "logentic run", "bad")
    whole = "Every receipt adds up" if not missing else "read again by the next run"
    windows = Tile("Incomplete windows", str(missing), whole, "bad" if missing else "good", "#receipts")
    if last is None:
        return render_tiles([never, windows])
    fresh = Tile("Last run", age(last, datetime.now(UTC)), f"{last:%Y-%m-%d %H:%M} UTC", link="#runs")
    return render_tiles([fresh, windows])


def coverage(snapshot: Snapshot, selection: Selection) -> Panel:
    """Days covered by each resource."""
    found = read_status(snapshot.file)["resources"]
    bars = [
        {"resource": name, "first": row["first_day"], "last": row["last_day"], "end": row["last_day"] + timedelta(1)}
        | {"link": filters.link_here(selection, "receipts", resource=name)}
        for name, row in found.items()
        if row["first_day"] and row["last_day"]
    ]
    base = alt.Chart(charts.rows_data(bars)).encode(y=alt.Y("resource:N", title=None, axis=alt.Axis(labelLimit=200)))
    chart = base.mark_bar(height=18, color=charts.BLUE, cornerRadius=3).encode(
        x=charts.day("first", "Day (UTC)"),
        x2="end:T",
        href=charts.LINK,
        tooltip=charts.tooltips(resource="Resource", first="From", last="To"),
    )
    open_windows = sum(row["incomplete_windows"] for row in found.values())
    accepted = sum(row["accepted_windows"] for row in found.values())
    title = (
        "Every window was read completely"
        if not open_windows + accepted
        else f"{count(open_windows, 'window')} {'is' if open_windows == 1 else 'are'} not complete yet"
    )
    note = "Each window has a receipt: rows announced, rows read. The table has the newest 500."
    if accepted:
        note += f" Accepted windows: {accepted}. Their announced total never equals the rows that are shown."
    drawn = charts.finish(chart, f"{title}: the days that each resource covers.", alt.Step(44)) if bars else None
    links = {"resource": lambda row: filters.link_here(selection, "receipts", resource=row["resource"])}
    receipts = snapshot.query(RECEIPTS, resource=selection.get("resource"))
    return Panel(title, receipts, drawn, note, "receipts", wide=True, links=links)


def last_runs(snapshot: Snapshot, selection: Selection) -> Panel:
    """Last runs."""
    last = _last_runs(snapshot)
    good = sum(run["outcome"] in COMPLETE_OUTCOMES for run in last)
    rows = [{name: run.get(name) for name in RUN_COLUMNS} for run in reversed(last)]
    steps = [
        {"run": f"{run['started_at']:%d %b %H:%M:%S}", "step": step, "seconds": run.get(f"{step}_seconds") or 0.0}
        | {"outcome": run["outcome"], "link": _run_link(selection, run)}
        for run in last
        for step in STEPS
    ]
    chart = (
        alt.Chart(charts.rows_data(steps))
        .mark_bar()
        .encode(
            alt.X("run:O", title="Run started (UTC)", sort=None, axis=alt.Axis(labelOverlap="greedy", labelAngle=0)),
            charts.LINK,
            charts.number("seconds", "Seconds", ",.1f"),
            charts.colour("step", list(STEPS)),
            tooltip=charts.tooltips(run="Started", outcome="Outcome", step="Step", seconds=("Seconds", ",.1f")),
        )
    )
    title = f"{good} of the last {count(len(last), 'run')} succeeded" if last else "No run yet"
    drawn = charts.finish(chart, f"{title}: the seconds of each step.") if last else None
    failed = next((run for run in reversed(last) if run.get("error")), None)
    note = format_run(failed) if failed else "The table has the rows, requests and memory of each run."
    links = {"started_at": lambda row: _run_link(selection, row)}
    empty = "Each run appears here, with what it did and how long it took."
    return Panel(title, QueryResult.of(rows), drawn, note, "runs", wide=True, links=links, empty=empty)


def one_run(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """One run."""
    chosen = [run for run in _last_runs(snapshot) if run["started_at"].isoformat() == selection.get("run")]
    if not chosen:
        return None
    (run,) = chosen
    fields = list_fields(QueryResult.of([{name: run.get(name) for name in RUN_COLUMNS}]))
    return Panel(f"Run of {_run_label(run)}", fields, name="run", wide=True)


PANELS = (coverage, last_runs, one_run)


def _last_runs(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the runs of the state folder, which includes runs that failed or had nothing to publish."""
    return list(read_runs(State(snapshot.file.absolute()))[-RUNS_SHOWN:])


def _run_label(run: dict[str, Any]) -> str:
    return f"{run['started_at']:%Y-%m-%d %H:%M:%S}: {words(run['outcome'])}"


def _run_link(selection: Selection, run: dict[str, Any]) -> str:
    return filters.link_here(selection, "run", run=run["started_at"].isoformat())
