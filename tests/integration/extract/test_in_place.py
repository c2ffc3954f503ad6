"""Stock records that are updated in place: right for the moments seen, and silent about the days that were not."""

from datetime import date, timedelta
from pathlib import Path

import duckdb

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Readings, Sandbox, truth
from logentic.settings import Settings

TODAY = date(2026, 3, 17)


def test_every_version_seen_is_kept_and_unseen_days_say_so(tmp_path: Path) -> None:
    """Only a state that was seen after a day's end is its closing."""
    account = Account(seed=91, scale=0.2, days=30, today=TODAY)
    file = tmp_path / "db"
    with Sandbox(account, readings=Readings(quantities="in_place")) as sandbox:
        now = sandbox.clock.now()
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        seen = set()
        for back in (9, 6, 5.5, 5, 3.5, 3, 1, 0.5, 0):
            sandbox.clock.set(now - timedelta(days=back))
            seen |= {(row["id"], row["updated_at"]) for row in sandbox.state().rows("item_quantities")}
            run_job(settings, file, JobOptions(models=back == 0))
    with duckdb.connect(str(file), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        kept = published.execute("select id, updated_at from logentic_raw.item_quantities").fetchall()
        ledger = published.execute(
            "select item_id, date, opening + received - shipped + returned + adjusted - closing, closing, unreconciled,"
            " is_observed from logentic_marts.stock_ledger_daily"
        ).fetchall()
        movements = published.execute("select count(*) from logentic_marts.stock_movements").fetchone()[0]
    assert len(kept) == len(set(kept)) == len(seen)
    assert movements
    assert {row[2] for row in ledger} == {0}, "the ledger closes on every day"
    physical = {(row["item_id"], row["date"]): row["physical"] for row in truth.item_days(account, now)}
    observed = [row for row in ledger if row[5]]
    unseen = [row for row in ledger if not row[5]]
    assert observed
    assert unseen
    assert all(row[4] is None for row in unseen), "no difference is claimed for a day that was not seen"
    assert all(row[4] == 0 and row[3] == physical[row[0], row[1]] for row in observed)
