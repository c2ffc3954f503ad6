"""Run the demo: the main job against the sandbox, in this process, offline."""

import sys
from collections.abc import Iterator
from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Any

from logentic.events.event import EventParser
from logentic.events.queue import EventQueue
from logentic.job import JobOptions, run_job
from logentic.privacy.pseudonyms import load_pseudonymizer
from logentic.reports import summary
from logentic.reports.exceptions import read_findings, sum_open_amounts
from logentic.reports.humanize import count
from logentic.reports.progress import display_progress
from logentic.reports.published_file import open_published
from logentic.sandbox import Account, Clock, Sandbox
from logentic.sandbox.webhooks import Webhooks
from logentic.sanitizer import one_line
from logentic.settings import Settings, load_settings
from logentic.state import State

EVERY_SECONDS = 1.0  # between lines of progress without a terminal
LAST_INVOICE = """
select payment_id from invoices where billed_date is not null order by billed_date desc, payment_id desc limit 1
"""
DAYS_OF_EVENTS = timedelta(days=30)


def run_demo(file: Path, seed: int) -> None:
    """Build tables from a simulated account of 60 items and 180 days; the same seed gives the same account."""
    print(
        "Load a simulated account of 60 items and 180 days, offline, and audit its invoices: about 15 seconds.",
        file=sys.stderr,
    )
    with display_progress(EVERY_SECONDS) as display:
        display.step("make an account")
        with Sandbox(Account(seed=seed), clock=Clock(datetime.now(UTC))) as sandbox:
            settings = load_settings(base_url=sandbox.url, api_token=sandbox.token)
            _receive_events(sandbox, settings, State(file.absolute()))
            outcome = run_job(settings, file, JobOptions(), display, display.step)
    print("\n".join(map(one_line, closing_lines(file, summary.as_dict(outcome)))))


def closing_lines(file: Path, done: dict[str, Any]) -> Iterator[str]:
    """Yield five lines: what was made, its main results, and the command that opens the dashboard."""
    currency, shown = load_settings().currency, quote(str(file))
    program = "logentic" if which("logentic") else quote(sys.argv[0])
    rows = sum(counts["new"] for counts in done["resources"].values())
    checks = f"{done['models']} models built, {done['tests']} checks passed"
    yield f"Loaded {count(rows, 'row')}; {checks}, in {sum(done['seconds'].values()):.0f} seconds."
    yield f"Tables: {file} ({file.stat().st_size / 1e6:.1f} MB), for any DuckDB client."
    with open_published(file) as published:
        last = published.execute(LAST_INVOICE).fetchone()
    found = read_findings(file, last[0]) if last else []
    amounts = sum_open_amounts(found).text(currency)
    yield f"Invoice {last[0]}, {count(len(found), 'exception')}: {amounts} ({currency})." if last else "No invoice yet."
    yield f"See why: {program} reconcile --db {shown}" + (f" --invoice {last[0]}" if last else "")
    yield f"Open the dashboard: {program} dashboard --db {shown}"


def _receive_events(sandbox: Sandbox, settings: Settings, state: State) -> None:
    """Queue the events of the last days, a few lost and a few late, as a receiver would have."""
    now = sandbox.clock.now()
    state.prepare()
    parser = EventParser(load_pseudonymizer(settings, state.folder))
    queue = EventQueue.open(state.events, DAYS_OF_EVENTS)
    webhooks = Webhooks(sandbox, "", "", losses=0.02, disorder=0.02)
    kept = []
    for delivery in webhooks.deliveries(now - DAYS_OF_EVENTS, now):
        headers = {"logentic-topic": delivery.topic, "logentic-api-version": "V1"}
        content = parser.digest_content(delivery.topic, delivery.body)
        kept.append(queue.put(parser.parse(content, headers, delivery.body, min(delivery.due_at, now))))
    wait(kept)
    queue.close()
