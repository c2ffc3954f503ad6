"""The demo: the main job against the sandbox, in this process, offline.

In: where the tables go. Out: the published file, and three questions answered on the screen.
Next: job.py does the work; reports/answers.py asks the tables.
"""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from logentic.job import Options, run_job
from logentic.reports import answers, summary
from logentic.reports.progress import displayed
from logentic.sandbox import Account, Clock, Sandbox
from logentic.settings import load_settings


def run_demo(file: Path, seed: int) -> None:
    """A made-up account of 60 items and 180 days becomes tables; the same seed gives the same account."""
    with displayed() as display:
        display.step("make an account")
        with Sandbox(Account(seed=seed), clock=Clock(datetime.now(UTC))) as sandbox:
            settings = load_settings(base_url=sandbox.url, api_token=sandbox.token)
            outcome = run_job(settings, file, Options(), display, display.step)
    print("\n".join(summary.as_lines(outcome)))
    print()
    answers.show(file, Console(highlight=False))
    print(f"\nLook further: logentic status --db {file}")
    print(f"or open {file} with any DuckDB client: select * from stock_daily")
