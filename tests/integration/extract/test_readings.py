"""Every reading of what the reference leaves open gives the same tables, and the same verdict (docs/api.md)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from losses import Named, assert_equal, lose, named
from raw_tables import raw_differences
from truth_tables import TABLES, differences

from logentic.job import JobOptions, run_job
from logentic.reports.verification import verify_file
from logentic.sandbox import Account, Clock, Readings, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
CHARGES = {"charges", "invoices", "invoice_exceptions"}
READINGS = {
    "next is null on the last page": Readings(last_page="null"),
    "links is an empty array on the last page": Readings(last_page="empty"),
    "decimals as text": Readings(decimals="text"),
    "times with microseconds": Readings(times="microseconds"),
    "times with an offset": Readings(times="offset"),
    "times without a zone": Readings(times="plain"),
    "end excluded": Readings(is_end_inclusive=False),
    "start strict": Readings(is_start_strict=True),
    "both ends excluded": Readings(is_end_inclusive=False, is_start_strict=True),
    "filters in the warehouse's zone": Readings(filter_zone="account"),
    "filters in the warehouse's zone, both ends excluded": Readings(
        filter_zone="account", is_end_inclusive=False, is_start_strict=True
    ),
    "charges that lie within the span": Readings(payment_span="within"),
    "charges that end in the span": Readings(payment_span="ends"),
    "sorted by update": Readings(sort="updated_at"),
    "sorted by update, newest first": Readings(sort="-updated_at"),
    "no order promised": Readings(sort="none"),
    "page size ignored": Readings(page_size="ignored"),
    "page size capped": Readings(page_size="capped"),
    "orders without updated_at": Readings(order_updated_at=False),
    "history by item and warehouse": Readings(history_rows="warehouse"),
    "charges under other names": Readings(charge_names="aliases"),
    "open charges have a payment": Readings(open_payment_id=True),
    "fields that nobody announced": Readings(extra_fields=True),
    "fields that are missing": Readings(missing_fields=True),
}
# What these change reaches the models; the others end in the very rows that the service shows.
SEEN_BY_MODELS = {
    "filters in the warehouse's zone, both ends excluded",
    "orders without updated_at",
    "history by item and warehouse",
    "charges under other names",
    "open charges have a payment",
    "fields that nobody announced",
    "fields that are missing",
}


@pytest.mark.parametrize("readings", READINGS.values(), ids=READINGS)
def test_the_tables_are_the_same_and_verify_finds_what_they_lack(readings: Readings, tmp_path: Path) -> None:
    """Read on two days, in windows of few pages, so that every kind of edge is asked for; then harmed."""
    zone = "America/Toronto" if readings.filter_zone == "account" else "UTC"
    account = Account(seed=31, scale=0.2, days=70, today=TODAY, timezone=zone)
    file = tmp_path / "logentic.duckdb"
    tables = dict(TABLES)
    if not readings.order_updated_at:
        truth, columns, where = tables["orders"]
        tables["orders"] = (truth, columns.replace(", updated_at", ""), where)
        errors, columns, where = tables["invoice_exceptions"]
        # Nothing says when an order was completed but the day on which it was seen so: a week later charges are missed.
        tables["invoice_exceptions"] = (
            lambda *known: [row for row in errors(*known) if row["rule"] != "missing_charge"],
            columns,
            where,
        )
    if readings.missing_fields:
        del tables["orders"], tables["items"]  # compared without the columns that have no field
        tables["orders"] = (TABLES["orders"][0], TABLES["orders"][1].replace(" shopify_order_id,", ""), "true")
    if readings.open_payment_id:
        # What is the account's own truth of an open charge's payment differs under this reading.
        tables = {name: table for name, table in tables.items() if name not in CHARGES}
    with Sandbox(account, readings=readings) as sandbox:
        now = sandbox.clock.now()
        settings = Settings(
            base_url=sandbox.url, api_token=sandbox.token, timezone=zone, window_pages=3, hash_key="key of the test"
        )
        sandbox.clock.set(now - timedelta(days=3))
        run_job(settings, file, JobOptions(models=False))
        sandbox.clock.set(now)
        are_models_built = readings in [READINGS[name] for name in SEEN_BY_MODELS]
        outcome = run_job(settings, file, JobOptions(models=are_models_built))
        assert outcome.loaded.incomplete == []
        if are_models_built:
            assert differences(file, account, now, tables) == {}
        else:
            assert raw_differences(file, sandbox) == {}
        assert_equal(verify_file(settings, file, None, None))
        assert_equal(verify_file(settings, file, date(2026, 2, 20), date(2026, 3, 3)))
        lost = {resource: lose(file, resource, where) for resource, where in LOSSES.items()}
        found = named(verify_file(settings, file, None, None))
        assert ids(found) == ids(lost)


LOSSES = {
    "orders": "id = (select median(id)::int from logentic_raw.orders)",
    "inventory_history": "date = '2026-03-01'",
    "payment_items": "id % 97 = 1",
}


def ids(named: dict[str, Named]) -> dict[str, set[int]]:
    """Without the days: these may be those of the warehouse."""
    return {resource: {key for key, _ in rows} for resource, rows in named.items()}


def test_without_a_date_header_this_machines_clock_is_the_only_one(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    account = Account(seed=32, scale=0.1, days=20, today=now.date())
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account, readings=Readings(date_header=False), clock=Clock(now)) as sandbox:
        run_job(Settings(base_url=sandbox.url, api_token=sandbox.token), file, JobOptions())
        assert differences(file, account, now) == {}


def test_prices_that_the_account_hides_are_null(tmp_path: Path) -> None:
    account = Account(seed=31, scale=0.1, days=40, today=TODAY)
    truth, columns, where = TABLES["storage_cost_daily"]
    tables = {**TABLES, "storage_cost_daily": (truth, columns.replace(", price", ""), where)}
    del tables["invoice_exceptions"]
    for hidden in ("null", "absent"):
        with Sandbox(account, readings=replace(Readings(), storage_prices=hidden)) as sandbox:
            file = tmp_path / hidden / "logentic.duckdb"
            run_job(Settings(base_url=sandbox.url, api_token=sandbox.token), file, JobOptions())
            assert differences(file, account, sandbox.clock.now(), tables) == {}
