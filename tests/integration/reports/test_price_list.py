"""What each type of charge costs, as people get it: on the screen, as JSON, as a rate card to sign."""

import json
import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import copyfile, copytree
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from logentic.cli.app import app
from logentic.errors import LogenticError
from logentic.job import JobOptions, run_job
from logentic.price_terms import ChargeRate
from logentic.reports.price_list import as_toml
from logentic.sandbox import Account, Sandbox
from logentic.sanitizer import UNSAFE
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
PICKING = [{"charge_type": "Picking", "fixed": "0.90", "per": "units", "per_unit": "0.35"}]
ACCESS = {"api_token": "none", "hash_key": "x"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account whose prices of handling and picking rise on one day."""
    file = tmp_path_factory.mktemp("prices") / "logentic.duckdb"
    with Sandbox(Account(seed=1, scale=0.3, days=90, today=TODAY, scenarios=["rate_change"])) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")
        run_job(settings, file, JobOptions())
    return file


def built_anew(file: Path, folder: Path, card: list[dict[str, Any]]) -> Path:
    """Return a copy of the account, built with a card."""
    copy = Path(copyfile(file, folder / file.name))
    copytree(file.with_name(f"{file.name}.state"), folder / f"{file.name}.state")
    run_job(Settings(**ACCESS, charge_rates=card), copy, JobOptions(extract=False))
    return copy


def command(*words: object) -> Result:
    return CliRunner().invoke(app, ["prices", *map(str, words)])


def rows(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as published:
        return published.execute(sql).fetchall()


def test_each_price_is_one_row_with_its_sentence(file: Path) -> None:
    shown = command("--db", file).stdout
    lines = [line for line in shown.splitlines() if re.match(r"\S.* (learned|bills|none)( |$)", line)]
    assert len(lines) == rows(file, "select count(*) from rate_card")[0][0]
    for (formula,) in rows(file, "select formula from learned_prices"):
        assert formula in shown
    said = json.loads(command("--db", file, "--json").stdout)
    prices = [price for price in said["prices"] if price["charge_type"] == "picking"]
    assert [(price["formula"], price["valid_from"], price["source"], price["is_trusted"]) for price in prices] == [
        ("0.90 plus 0.35 per unit", None, "learned", True),
        ("0.90 plus 0.38 per unit", prices[1]["valid_from"], "learned", True),
    ]
    assert prices[0]["valid_to"] < prices[1]["valid_from"]
    assert said["off_card"] == []


def test_a_type_is_chosen_in_any_case(file: Path) -> None:
    said = json.loads(command("--db", file, "--json", "--type", "PICKING").stdout)
    assert {price["charge_type"] for price in said["prices"]} == {"picking"}


@pytest.fixture(scope="module")
def with_card(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_anew(file, tmp_path_factory.mktemp("with_card"), PICKING)


def test_a_card_of_ones_own_stands_beside_what_is_learned_with_the_difference(with_card: Path) -> None:
    said = json.loads(command("--db", with_card, "--json", "--type", "picking").stdout)
    found = [(price["source"], price["difference"], price["is_trusted"]) for price in said["prices"]]
    assert found == [
        ("contract", None, True),
        ("learned", "As your card says.", False),
        ("learned", "Against your card: 0.03 higher per unit.", False),
    ]
    assert 0 < Decimal(said["prices"][0]["explained_share"]) < 1
    assert all(price["note"].startswith("Your rate card goes before it.") for price in said["prices"][1:])
    directions = {row["direction"]: (row["charges"], row["amount"]) for row in said["off_card"]}
    exceptions = rows(
        with_card,
        "select direction, count(*), cast(sum(amount_at_stake) as decimal(18, 2)) from exception_status"
        " where rule = 'rate_deviation' and charge_type = 'picking' group by direction",
    )
    assert directions == {direction: (count, str(amount)) for direction, count, amount in exceptions}
    assert directions["recoverable"][0] > 50
    shown = command("--db", with_card).stdout
    count, amount = directions["recoverable"]
    assert f"picking: by your card {count} charges are too high, {amount} in all" in shown


def test_what_is_learned_beside_a_card_is_held_against_nothing(with_card: Path) -> None:
    used = rows(
        with_card,
        "select distinct source from charge_prices inner join learned_prices using (price_id)"
        " where charge_prices.charge_type = 'picking'",
    )
    assert used == [("contract",)]
    assert rows(with_card, "select count(*) from findings where kind = 'rate_change' and charge_type = 'picking'") == [
        (0,)
    ]


def test_the_learned_card_as_configuration_gives_the_same_expected_amounts(file: Path, tmp_path: Path) -> None:
    expected = (
        "select charge_id, order_id, charge_type, expected from charge_prices where expected is not null order by all"
    )
    written = command("--db", file, "--toml").stdout
    card = tomllib.loads(written)["logentic"]["charge_rates"]
    assert len(card) == rows(file, "select count(*) from learned_prices")[0][0]
    signed = built_anew(file, tmp_path, card)
    assert rows(signed, expected) == rows(file, expected)
    assert rows(signed, "select distinct source from learned_prices order by 1") == [("contract",), ("learned",)]
    differences = {price["difference"] for price in json.loads(command("--db", signed, "--json").stdout)["prices"]}
    assert differences == {None, "As your card says."}


def test_a_type_with_a_card_is_written_only_when_it_is_named(with_card: Path) -> None:
    def types(*words: str) -> set[str]:
        written = tomllib.loads(command("--db", with_card, "--toml", *words).stdout)
        return {rate["charge_type"] for rate in written["logentic"]["charge_rates"]}

    assert "picking" not in types()
    assert types() >= {"handling", "shipping"}
    assert types("--type", "Picking") == {"picking"}


def test_whatever_a_card_holds_is_read_back_from_the_configuration() -> None:
    dated = {"valid_by": "ordered_date", "valid_from": date(2026, 1, 1), "valid_to": date(2026, 6, 30)}
    odd = 'parcel "a" \\ b = é \x7f\u202e %7C # 1..2'
    rates = [
        ChargeRate(charge_type=odd, fixed=Decimal("0.9000"), segment={"service": odd, "weight/139": "5..10"}),
        ChargeRate(charge_type="x", per="weight", per_unit=Decimal("0.0375"), included=Decimal("2.5000"), **dated),
        ChargeRate(charge_type="y", per="value", per_unit=Decimal("0.009"), minimum=Decimal(1), maximum=Decimal("20")),
        ChargeRate(charge_type="z"),
    ]
    rows = [{"formula": odd, "segment": odd, "explained": 1, "charges": 1, "note": None} for _ in rates]
    written = as_toml(Path("a\nb.duckdb"), rates, rows)
    assert [ChargeRate(**rate) for rate in tomllib.loads(written)["logentic"]["charge_rates"]] == rates
    assert not UNSAFE.search(written)


def raised(*words: object) -> LogenticError:
    error = command(*words).exception
    assert isinstance(error, LogenticError)
    return error


def test_what_cannot_be_shown_is_one_line(file: Path, tmp_path: Path) -> None:
    unknown = raised("--db", file, "--type", "pickling")
    assert (unknown.exit_code, "has no charges of type 'pickling'" in str(unknown)) == (2, True)
    assert "handling, picking, shipping" in unknown.guidance
    assert raised("--db", file, "--type", "pickling", "--toml").exit_code == 2
    assert raised("--db", file, "--type", "storage", "--toml").exit_code == 2
    assert raised("--db", file, "--json", "--toml").exit_code == 2
    older = Path(copyfile(file, tmp_path / "older.duckdb"))
    with duckdb.connect(str(older)) as published:
        published.execute("drop table logentic_marts.learned_prices")
    for words in ((), ("--json",), ("--toml",)):
        error = raised("--db", older, *words)
        assert error.exit_code == 1
        assert "was published by an earlier version: Table with name learned_prices does not exist" in str(error)
    foreign = tmp_path / "foreign.duckdb"
    duckdb.connect(str(foreign)).close()
    assert raised("--db", foreign).exit_code == 2
