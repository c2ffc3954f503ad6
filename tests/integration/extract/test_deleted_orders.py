"""Orders that the account deletes: a span that is read again marks them, and marks no order that only moved."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import access
from typer.testing import CliRunner

from logentic.cli.app import app
from logentic.job import JobOptions, JobResult, run_job
from logentic.reports.verification import as_dict, verify_file
from logentic.sandbox import Account, Fault, Readings, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)


def settings_of(sandbox: Sandbox) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="key of the test")


def run(sandbox: Sandbox, file: Path, **options: object) -> JobResult:
    return run_job(settings_of(sandbox), file, JobOptions(models=False, **options))


def orders(sandbox: Sandbox) -> list[dict[str, Any]]:
    return sorted(sandbox.state().rows("orders"), key=lambda row: (row["updated_at"], row["id"]))


def deleted(file: Path) -> dict[int, int]:
    """The orders whose latest version is a tombstone, and how many lines the tombstone has."""
    with duckdb.connect(str(file), read_only=True) as published:
        return dict(
            published.execute(
                "select orders.id, count(lines.order_id) from (select *, row_number() over (partition by id"
                " order by _seen_at desc, _dlt_load_id desc) as n from logentic_raw.orders) as orders"
                " left join logentic_raw.orders__stored_items as lines on lines.order_id = orders.id"
                " and lines._seen_at = orders._seen_at where n = 1 and _is_removed group by orders.id"
            ).fetchall()
        )


def asked_by_id(sandbox: Sandbox) -> list[int]:
    return sorted(int(r.path.rpartition("/")[2]) for r in sandbox.requests if r.path.startswith("/v1/orders/"))


@pytest.mark.parametrize("has_updated_at", [True, False], ids=["dated orders", "orders without updated_at"])
def test_what_verify_proposes_marks_a_deleted_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_updated_at: bool
) -> None:
    file = tmp_path / "db"
    readings = Readings(order_updated_at=has_updated_at)
    with Sandbox(Account(seed=7, scale=0.1, days=40, today=TODAY), readings=readings) as sandbox:
        run(sandbox, file)
        gone = orders(sandbox)[0]
        sandbox.clock.advance(timedelta(hours=1))
        sandbox.remove("orders", gone["id"])
        for name, value in access(sandbox, hash_key="key of the test").items():
            monkeypatch.setenv(f"LOGENTIC_{name.upper()}", value)
        verdicts = [v for v in verify_file(settings_of(sandbox), file, None, None) if v.resource == "orders"]
        assert [difference.surplus for difference in verdicts[0].differences] == [[gone["id"]]]
        (mend,) = as_dict(file, verdicts)["mend"]
        for _ in range(2):
            mended = CliRunner().invoke(app, [*mend.split()[1:], "--no-models"])
            assert mended.exit_code == 0, mended.output
            (after,) = [v for v in verify_file(settings_of(sandbox), file, None, None) if v.resource == "orders"]
            assert after.differences == []
            assert deleted(file) == {gone["id"]: len(gone["stored_items"])}


def test_orders_that_only_moved_are_read_and_not_marked(tmp_path: Path) -> None:
    file = tmp_path / "db"
    with Sandbox(Account(seed=7, scale=0.1, days=40, today=TODAY)) as sandbox:
        run(sandbox, file)
        first, second, third, *_ = orders(sandbox)
        sandbox.clock.advance(timedelta(days=3))
        sandbox.remove("orders", first["id"])
        sandbox.alter("orders", second["id"], status="CANCELLED")
        sandbox.requests.clear()
        run(sandbox, file, start=first["updated_at"].date(), end=third["updated_at"].date())
        assert {first["id"], second["id"]} <= set(asked_by_id(sandbox))
        assert set(deleted(file)) == {first["id"]}
        # In a run that reads where an order moved to, it is not asked for by its id.
        sandbox.alter("orders", third["id"], status="CANCELLED")
        sandbox.requests.clear()
        run(sandbox, file, start=first["updated_at"].date())
        assert asked_by_id(sandbox) == []
        with duckdb.connect(str(file), read_only=True) as published:
            moved = published.execute(
                "select id, max_by(status, _seen_at), bool_or(_is_removed) from logentic_raw.orders where id in (?, ?)"
                " group by id order by id",
                [second["id"], third["id"]],
            ).fetchall()
        assert moved == sorted([(second["id"], "CANCELLED", False), (third["id"], "CANCELLED", False)])


def test_a_run_marks_what_was_deleted_within_its_look_back(tmp_path: Path) -> None:
    file = tmp_path / "db"
    with Sandbox(Account(seed=7, scale=0.1, days=40, today=TODAY)) as sandbox:
        run(sandbox, file)
        newest = orders(sandbox)[-1]["id"]
        sandbox.clock.advance(timedelta(minutes=1))
        sandbox.remove("orders", newest)
        assert {r["rows_removed"] for r in run(sandbox, file).loaded.receipts if r["resource"] == "orders"} == {0, 1}
        assert set(deleted(file)) == {newest}


@pytest.mark.parametrize("lie", ["incomplete", "no ids"])
def test_nothing_is_marked_where_the_service_proves_nothing(tmp_path: Path, lie: str) -> None:
    file = tmp_path / "db"
    with Sandbox(Account(seed=7, scale=0.1, days=40, today=TODAY)) as sandbox:
        run(sandbox, file)
        gone = orders(sandbox)[0]
        sandbox.clock.advance(timedelta(hours=1))
        sandbox.remove("orders", gone["id"])
        if lie == "incomplete":
            sandbox.faults.append(Fault("false_total", path="/v1/orders", times=None))
        else:  # the order moved, and the service answers 404 to every id
            sandbox._api._one = lambda resource, key: sandbox._api.respond("/v1/nothing", {})
        for _ in range(4):
            outcome = run(sandbox, file, start=gone["updated_at"].date(), end=TODAY)
        assert outcome.loaded.failures == {}
        assert deleted(file) == {}


def test_an_order_that_comes_back_is_no_longer_deleted(tmp_path: Path) -> None:
    file = tmp_path / "db"
    with Sandbox(Account(seed=7, scale=0.1, days=40, today=TODAY)) as sandbox:
        run(sandbox, file)
        order = orders(sandbox)[0]
        day = order["updated_at"].date()
        sandbox.clock.advance(timedelta(hours=1))
        sandbox.remove("orders", order["id"])
        run(sandbox, file, start=day, end=day)
        assert set(deleted(file)) == {order["id"]}
        sandbox.clock.advance(timedelta(hours=1))
        sandbox.insert("orders", {name: value for name, value in order.items() if name != "id"}, order["id"])
        run(sandbox, file, start=day, end=day)
        assert deleted(file) == {}


def test_a_look_up_that_runs_out_of_time_is_made_by_the_next_run(tmp_path: Path) -> None:
    """The receipts of the windows that lack the order are dropped: later runs would not read its days otherwise."""
    file = tmp_path / "db"
    with Sandbox(Account(seed=7, scale=0.1, days=40, today=TODAY)) as sandbox:
        gone = sandbox.insert("orders", {"status": "PENDING", "stored_items": []})
        run(sandbox, file)
        sandbox.clock.advance(timedelta(days=2))
        sandbox.remove("orders", gone)
        fault = Fault("too_many_requests", path=f"/v1/orders/{gone}", retry_after=600, times=None)
        sandbox.faults.append(fault)
        stopped = run(sandbox, file, max_seconds=5)
        assert fault.struck, "the order was not looked up: the test would show nothing"
        assert (stopped.loaded.unread, stopped.loaded.failures) == (["orders"], {})
        sandbox.faults.clear()
        sandbox.clock.advance(timedelta(days=5))
        run(sandbox, file)
        assert set(deleted(file)) == {gone}


def test_a_look_up_that_fails_is_made_by_the_next_run(tmp_path: Path) -> None:
    file = tmp_path / "db"
    with Sandbox(Account(seed=7, scale=0.1, days=40, today=TODAY)) as sandbox:
        gone = sandbox.insert("orders", {"status": "PENDING", "stored_items": []})
        run(sandbox, file)
        sandbox.clock.advance(timedelta(days=2))
        sandbox.remove("orders", gone)
        sandbox.faults.append(Fault("server_error", path=f"/v1/orders/{gone}", times=None))
        impatient = settings_of(sandbox).model_copy(update={"retry_seconds": 0})
        failed = run_job(impatient, file, JobOptions(models=False))
        assert [*failed.loaded.failures] == ["orders"]
        sandbox.faults.clear()
        sandbox.clock.advance(timedelta(days=5))
        run(sandbox, file)
        assert set(deleted(file)) == {gone}
