"""The benchmark measures what it says: its service gives the account that was written, a run reads all of it, and the
runner counts, checks and shows it. The peers are left out: they need environments of their own.
"""

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from benchmarks.account import write_account
from benchmarks.check import differences
from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Figures
from benchmarks.goals import goals
from benchmarks.measure import run
from benchmarks.page import write_page
from benchmarks.run import RESULTS, ROOT, circumstances
from benchmarks.sections import environment, first_load
from benchmarks.service import Service


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


@pytest.fixture(scope="module")
def loads(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Each of those that need no environment of their own reads the account once."""
    found = {}
    for name in ("bytes", "floor", "logentic"):
        folder = tmp_path_factory.mktemp(name)
        found[name] = folder / "out.duckdb", first_load(CONTENDERS[name], service, folder)
    return found


def test_a_run_reads_all_of_it_to_the_last_digit(loads: dict[str, tuple[Path, dict[str, Any]]]) -> None:
    for name, (_, found) in loads.items():
        assert found["status"] == 0, name
        assert found.get("differences", []) == [], name
        assert found["cpu"] > 0, name
        assert found["requests"] >= found["fewest"] == 59, name
    assert loads["bytes"][1]["requests"] == 59


def test_what_is_lost_or_rounded_is_named(
    service: Service, loads: dict[str, tuple[Path, dict[str, Any]]], tmp_path: Path
) -> None:
    file = tmp_path / "out.duckdb"
    file.write_bytes(loads["floor"][0].read_bytes())
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from orders where id = (select min(id) from orders)")
        connection.execute("update payment_items set amount = amount + 0.01 where id = 500003")
        connection.execute("alter table items alter column weight type double")
    amount = Decimal(service.truth["sums"]["charges.amount"])
    assert differences(file, CONTENDERS["floor"], service.truth) == [
        f"payment_items.amount adds up to {amount + Decimal('0.01')}, not {amount}",
        "rows lost: orders 1",
        "binary floats: items.weight",
    ]


def test_the_cpu_of_children_counts(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    cost = run(["/bin/sh", "-c", f"'{sys.executable}' -c '{burn}' & wait"], {}, tmp_path, tmp_path / "log.txt")
    assert 0.4 <= cost.cpu < 2
    assert cost.peak_mb > 3


def test_the_profile_names_what_the_run_does(service: Service, tmp_path: Path) -> None:
    service.reset()
    phases = tmp_path / "phases.json"
    known = environment(service, tmp_path, PYTHONPATH=str(ROOT), PHASES=str(phases))
    cost = run([sys.executable, "-m", "benchmarks.profiled"], known, tmp_path, tmp_path / "log.txt")
    assert cost.status == 0, (tmp_path / "log.txt").read_text("utf-8")
    found = json.loads(phases.read_text("utf-8"))
    assert {"imports", "dlt: load"} <= found.keys()
    assert cost.cpu / 2 < sum(found.values()) <= cost.cpu


def test_the_page_shows_what_was_measured(loads: dict[str, tuple[Path, dict[str, Any]]], tmp_path: Path) -> None:
    runs = [{"size": "S", **found} for _, found in loads.values()]
    (tmp_path / "peers.json").write_text(json.dumps({"section": "peers", **circumstances(), "runs": runs}), "utf-8")
    reached = {goal.key: goal.reached for goal in goals(Figures(tmp_path))}
    assert reached["requests"] is not None
    assert reached["latency"] is None
    write_page(tmp_path, tmp_path)
    page = (tmp_path / "performance.md").read_text("utf-8")
    assert f"| **{CONTENDERS['logentic'].title}** | {loads['logentic'][1]['cpu']:.2f} |" in page
    assert "keeps nothing" in page
    assert "<svg" in (tmp_path / "performance.svg").read_text("utf-8")


def test_docs_performance_is_what_the_results_give(tmp_path: Path) -> None:
    write_page(RESULTS, tmp_path)
    for written in tmp_path.iterdir():
        page = ROOT / "docs" / written.name
        assert written.read_text("utf-8") == page.read_text("utf-8"), "run: make bench-page"
