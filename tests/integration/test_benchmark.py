"""The benchmark measures what it says: its service gives the account that was written, and a run reads all of it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from benchmarks.account import write_account
from benchmarks.service import Service
from logentic.job import Options, run_job
from logentic.settings import Settings


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("account")
    write_account(folder, 0.01)
    with Service(folder) as running:
        yield running


def read(service: Service, path: str) -> tuple[list[Any], int]:
    """All rows of a list, and the total that its pages announced."""
    rows: list[Any] = []
    url: str | None = service.url + path
    total = 0
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {service.token}"
        while url:
            document = json.loads(session.get(url, timeout=10).text, parse_float=Decimal)
            rows += document["data"]
            page = document["meta"]["pagination"]
            assert page["count"] == len(document["data"])
            total, url = page["total"], (page["links"] or {}).get("next")
    return rows, total


def test_the_pages_hold_the_account_that_was_written(service: Service) -> None:
    counts, sums = service.truth["counts"], service.truth["sums"]
    charges, total = read(service, "/payment_items")
    assert len(charges) == total == counts["payment_items"]
    assert sum(Decimal(row["amount"]) for row in charges) == Decimal(sums["charges.amount"])
    items, _ = read(service, "/items")
    assert sum(Decimal(row["weight"]) for row in items) == Decimal(sums["items.weight"])


@pytest.mark.parametrize(
    ("path", "field", "first", "last"),
    [
        ("/items/inventory?start=2026-01-03&end=2026-01-05", "date", "2026-01-03", "2026-01-05"),
        ("/orders?updated_at_start=2026-01-03&updated_at_end=2026-01-05", "updated_at", "2026-01-03", "2026-01-05T24"),
        (
            "/items/item_quantities?updated_at_start=2026-01-03T06:00:00Z&updated_at_end=2026-01-09T07:30:00Z",
            "updated_at",
            "2026-01-03T06:00:00Z",
            "2026-01-09T07:30:00Z",
        ),
        ("/payment_items?billed_date_start=2026-01-01&billed_date_end=2026-01-31", "billed_date", "2026-01", "2026-02"),
    ],
)
def test_a_filter_gives_what_it_names(service: Service, path: str, field: str, first: str, last: str) -> None:
    everything, _ = read(service, path.partition("?")[0] + "?start=2000-01-01&end=2100-01-01")
    wanted = [row["id"] for row in everything if row[field] and first <= row[field] <= last]
    found, total = read(service, path)
    assert [row["id"] for row in found] == wanted
    assert total == len(wanted) > 0


def test_charges_are_found_by_any_day_that_they_cover(service: Service) -> None:
    everything, _ = read(service, "/payment_items")
    wanted = [row["id"] for row in everything if row["start"] <= "2026-01-12" and row["end"] >= "2026-01-10"]
    assert [row["id"] for row in read(service, "/payment_items?start=2026-01-10&end=2026-01-12")[0]] == wanted


def test_beyond_the_limit_it_answers_429(service: Service) -> None:
    service.reset(limit=2, limit_seconds=60)
    headers = {"Authorization": f"Bearer {service.token}"}
    answers = [requests.get(f"{service.url}/items", headers=headers, timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["X-RateLimit-Remaining"] == "1"
    assert int(answers[2].headers["Retry-After"]) > 0
    assert service.counts()["asked"]["status 429"] == 1
    service.reset()


def test_a_run_reads_all_of_it_to_the_last_digit(service: Service, tmp_path: Path) -> None:
    service.reset()
    file = tmp_path / "logentic.duckdb"
    run_job(Settings(base_url=service.url, api_token=service.token), file, Options(models=False))
    sums = service.truth["sums"]
    with duckdb.connect(str(file), read_only=True) as connection:
        for table, count in service.truth["counts"].items():
            assert connection.sql(f"select count(*) from logentic_raw.{table}").fetchall() == [(count,)]
        for table, column, name in (
            ("payment_items", "amount", "charges.amount"),
            ("inventory_history", "total_storage_price", "history.price"),
            ("items", "weight", "items.weight"),
        ):
            found = connection.sql(f"select sum({column}) from logentic_raw.{table}").fetchall()
            assert found == [(Decimal(sums[name]),)]
