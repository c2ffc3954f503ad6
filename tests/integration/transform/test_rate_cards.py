"""A rate card of every form that the settings take, through a whole build: each charge's amount, worked out apart."""

import re
import tomllib
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

PAGE = Path(__file__).parents[3] / "docs" / "rate-card.md"
TODAY = date(2026, 7, 20)
JULY = date(2026, 7, 1)
CENT = Decimal("0.01")
# As versions before segments wrote them.
OLD_FORM: list[dict[str, Any]] = [
    {"charge_type": "Returns", "zone": "QC", "fixed": "0.90", "per": "units", "per_unit": "0.35", "minimum": "1.60"},
    {"charge_type": "Returns", "zone": "QC", "fixed": 2, "per": "units", "from_quantity": 3, "to_quantity": 5},
    {"charge_type": "labels", "fixed": "0.10", "per": "lines", "per_unit": "0.05", "valid_to": JULY},
]
MORE_TYPES = ("packing", "kitting", "dispatch", "inspection", "freight", "fuel", "insurance", "returns", "labels")
Order = dict[str, Any]


def shipping(order: Order) -> Decimal:
    base = {"BC": "13.50", "NL": "13.50", "ON": "8.95", "NY": "18.00"}.get(order["region"], "7.25")
    return Decimal(base) + Decimal("0.48") * ceil(order["weight"])


def returns(order: Order) -> Decimal | None:
    if order["region"] != "QC":
        return None
    return (
        Decimal(2)
        if 3 <= order["units"] <= 5
        else max(Decimal("0.90") + order["units"] * Decimal("0.35"), Decimal("1.60"))
    )


def freight(order: Order) -> Decimal:
    return Decimal("4.10") + Decimal("0.37") * max(ceil(order["weight"]), ceil(order["volume"] * 1728 / 139))


EXPECTED: dict[str, Callable[[Order], Decimal | None]] = {
    "handling": lambda o: Decimal("2.75") if o["day"] >= JULY else Decimal("2.50"),
    "picking": lambda o: Decimal("0.90") + Decimal("0.35") * o["units"],
    "packing": lambda o: Decimal("3.10") + Decimal("0.40") * max(o["units"] - 4, 0),
    "kitting": lambda o: Decimal("1.20") + Decimal("0.30") * o["lines"] + Decimal("0.12") * o["units"],
    "dispatch": lambda o: Decimal("6.50" if o["units"] <= 2 else "8.90" if o["units"] <= 5 else "12.40"),
    "inspection": lambda o: min(max(Decimal("0.60") * o["units"], Decimal(1)), Decimal(3)),
    "shipping": shipping,
    "freight": freight,
    "fuel": lambda o: Decimal("0.0825") * shipping(o),
    "insurance": lambda o: max(Decimal("0.009") * max(o["value"] - 100, Decimal(0)), Decimal(1)),
    "returns": returns,
    "labels": lambda o: Decimal("0.10") + Decimal("0.05") * o["lines"] if o["day"] <= JULY else None,
}


def documented_card() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [rate for block in blocks for rate in tomllib.loads(block)["logentic"]["charge_rates"]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account like the demo's, with a charge of nine more types for each handling charge."""
    file = tmp_path_factory.mktemp("rate_cards") / "logentic.duckdb"
    with Sandbox(Account(seed=5, scale=0.3, days=50, today=TODAY)) as sandbox:
        access = {"base_url": sandbox.url, "api_token": sandbox.token, "hash_key": "x"}
        run_job(Settings(**access), file, JobOptions(models=False))
    with duckdb.connect(str(State(file).work)) as raw:
        for number, name in enumerate(MORE_TYPES, 1):
            raw.execute(
                f"insert into logentic_raw.payment_items by name select * replace (id + {number} * 10000000 as id,"
                f" '{name}' as type, 1 as amount) from logentic_raw.payment_items where type = 'handling'"
            )
        # No charge is at a price that has just ended, which is right for two weeks more.
        raw.execute("update logentic_raw.payment_items set amount = 1 where type = 'handling'")
    run_job(Settings(**access, charge_rates=[*documented_card(), *OLD_FORM]), file, JobOptions(extract=False))
    return file


def rows(file: Path, sql: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(file), read_only=True) as published:
        found = published.execute(sql)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def charges(file: Path) -> list[dict[str, Any]]:
    """Charges with what their orders are, counted anew from lines and items."""
    return rows(
        file,
        """
        with facts as (
            select
                orders.order_id, coalesce(max(province_code), max(country_code)) as region, count(*) as lines,
                sum(quantity) as units, sum(quantity * items.weight) as weight,
                sum(quantity * items.cubic_feet) as volume, sum(quantity * items.price) as value
            from orders
            inner join order_lines on orders.order_id = order_lines.order_id
            left join items on order_lines.item_id = items.item_id
            group by orders.order_id
        )
        select prices.charge_id, prices.charge_type, prices.expected, charges.start_date as day, facts.*
        from charge_prices as prices
        inner join charges on prices.charge_id = charges.charge_id
        inner join facts on prices.order_id = facts.order_id
        """,
    )


@pytest.mark.parametrize("charge_type", EXPECTED)
def test_each_charge_is_expected_as_the_card_says(charge_type: str, charges: list[dict[str, Any]]) -> None:
    of_type = [charge for charge in charges if charge["charge_type"] == charge_type]
    assert len(of_type) > 100
    wrong = []
    for charge in of_type:
        expected = EXPECTED[charge_type](charge)
        rounded = None if expected is None else expected.quantize(CENT, ROUND_HALF_UP)
        if rounded != charge["expected"]:
            wrong.append((charge, rounded))
    assert wrong == []
    assert len({charge["expected"] for charge in of_type}) > 1, "one amount would prove little"


def test_every_form_of_the_documentation_is_tried_and_every_price_is_the_cards(file: Path) -> None:
    fields = {name for rate in [*documented_card(), *OLD_FORM] for name in rate}
    assert fields == set(rate_fields()) - {"valid_by"}
    stated = rows(file, "select distinct charge_type from learned_prices where source = 'contract'")
    assert {row["charge_type"] for row in stated} == set(EXPECTED)


def rate_fields() -> dict[str, Any]:
    from logentic.price_terms import ChargeRate

    return dict(ChargeRate.model_fields)
