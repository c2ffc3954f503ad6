"""Orders that a charge names and no list gave: the service is asked by id, once, before anybody calls them unknown."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings


def test_orders_that_charges_name_are_asked_for_by_id_once(tmp_path: Path) -> None:
    account = Account(seed=4, scale=0.2, days=45, today=date(2026, 3, 17), errors={"unknown_order": 2})
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)

        def asked() -> list[str]:
            return sorted(r.path.rpartition("/")[2] for r in sandbox.requests if r.path.startswith("/v1/orders/"))

        run_job(settings, file, JobOptions(models=False))
        orders = {row["id"] for row in sandbox.state().rows("orders")}
        charges = sandbox.state().rows("payment_items")
        unknown = sorted({str(row["order_id"]) for row in charges if row["order_id"] and row["order_id"] not in orders})
        assert unknown
        assert asked() == unknown
        run_job(settings, file, JobOptions(models=False))
        assert asked() == unknown

        hidden = hide(sandbox, max(orders))
        sandbox.requests.clear()
        run_job(settings, file, JobOptions(models=False))
        assert asked() == [str(hidden)]
        with duckdb.connect(str(file), read_only=True) as published:
            found = published.execute("select count(*) from logentic_raw.orders where id = ?", [hidden]).fetchone()
            lines = published.execute(
                "select count(*) from logentic_raw.orders__stored_items where order_id = ?", [hidden]
            ).fetchone()
        assert found == (1,)
        assert lines > (0,)


def hide(sandbox: Sandbox, like: int) -> int:
    """An order so old in its last update that no window asks for it, and a charge that names it."""
    order: dict[str, Any] = dict(next(row for row in sandbox.state().rows("orders") if row["id"] == like))
    charge: dict[str, Any] = dict(sandbox.state().rows("payment_items")[-1])
    del order["id"], charge["id"]
    hidden = sandbox.insert("orders", {**order, "updated_at": sandbox.clock.now().replace(year=2025)})
    sandbox.insert("payment_items", {**charge, "order_id": hidden, "billed_date": None, "payment_id": None})
    return hidden
