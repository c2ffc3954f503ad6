"""The demo: the main job against the sandbox, in this process, offline."""

from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote

from logentic.events.event import EventParser
from logentic.events.queue import EventQueue
from logentic.job import JobOptions, run_job
from logentic.privacy.pseudonyms import load_pseudonymizer
from logentic.reports import highlights, summary
from logentic.reports.progress import display_progress
from logentic.reports.terminal import Terminal
from logentic.sandbox import Account, Clock, Sandbox
from logentic.sandbox.webhooks import Webhooks
from logentic.sanitizer import one_line
from logentic.settings import Settings, load_settings
from logentic.state import State

DAYS_OF_EVENTS = timedelta(days=30)


def run_demo(file: Path, seed: int) -> None:
    """A made-up account of 60 items and 180 days becomes tables; the same seed gives the same account."""
    with display_progress() as display:
        display.step("make an account")
        with Sandbox(Account(seed=seed), clock=Clock(datetime.now(UTC))) as sandbox:
            settings = load_settings(base_url=sandbox.url, api_token=sandbox.token)
            _receive_events(sandbox, settings, State(file.absolute()))
            outcome = run_job(settings, file, JobOptions(), display, display.step)
    print("\n".join(map(one_line, summary.as_lines(outcome))))
    print()
    highlights.print_highlights(file, Terminal())
    print(f"\nLook further: logentic status --db {one_line(quote(str(file)))}")
    print(f"or open {one_line(file)} with any DuckDB client: select * from stock_daily")


def _receive_events(sandbox: Sandbox, settings: Settings, state: State) -> None:
    """The events of the last days lie in the queue, a few lost and a few late, as if a receiver had been at work."""
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
