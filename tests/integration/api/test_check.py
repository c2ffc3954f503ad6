"""`logentic check` finds each reading by asking the account, with few requests and no writes."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from command_line import access, logentic

from logentic.api.probe import AccountProbe, FilterBounds, check_account
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Clock, Fault, Readings, Sandbox
from logentic.sandbox.faults import RateLimit
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
EVERY_FILTER = 5


def ask(readings: Readings | None = None, **settings: object) -> AccountProbe:
    with Sandbox(
        Account(seed=33, scale=0.2, days=50, today=TODAY, timezone="America/Toronto"), readings=readings
    ) as it:
        answers = check_account(Settings(base_url=it.url, api_token=it.token, timezone="America/Toronto", **settings))
        assert it.writes == 0
        assert answers.requests == len(it.requests)
        return answers


def ends(answers: AccountProbe) -> set[tuple[bool | None, bool | None]]:
    found: list[FilterBounds] = [one for answer in answers.lists for one in answer.ends]
    assert len(found) == EVERY_FILTER
    return {(one.start_included, one.end_included) for one in found}


def of(answers: AccountProbe, resource: str) -> dict[str, object]:
    return next(vars(answer) for answer in answers.lists if answer.resource == resource)


def test_an_account_by_the_book_takes_ten_requests_and_has_no_findings() -> None:
    answers = ask()
    assert answers.requests == 10
    assert answers.findings() == []
    assert [answer.status for answer in answers.lists] == [200] * 5
    assert {answer.page_size for answer in answers.lists} == {250}
    assert answers.rate_limit == {}


@pytest.mark.parametrize("zone", ["utc", "account"])
@pytest.mark.parametrize(("strict", "inclusive"), [(False, True), (True, True), (False, False), (True, False)])
def test_whether_the_ends_of_filters_are_included(strict: bool, inclusive: bool, zone: str) -> None:
    readings = Readings(is_start_strict=strict, is_end_inclusive=inclusive, filter_zone=zone)
    assert ends(ask(readings)) == {(not strict, inclusive)}


@pytest.mark.parametrize("span", ["within", "ends"])
def test_the_ends_are_found_whatever_the_span_of_a_charge_means(span: str) -> None:
    assert ends(ask(Readings(payment_span=span, is_end_inclusive=False))) == {(True, False)}


@pytest.mark.parametrize(
    ("sort", "items", "orders", "history"),
    [
        ("id", "id", "id", "date, id"),
        ("updated_at", "id", "updated_at", "date, id"),
        ("-updated_at", "id, descending", "updated_at, descending", "date, id, descending"),
        ("none", "nothing", "nothing", "nothing"),
    ],
)
def test_the_order_of_lists(sort: str, items: str, orders: str, history: str) -> None:
    answers = ask(Readings(sort=sort))
    assert of(answers, "orders")["sorted_by"] == orders
    assert of(answers, "inventory_history")["sorted_by"] == history
    assert of(answers, "item_quantities")["sorted_by"] in (orders, items)


def test_how_numbers_and_times_are_written_and_how_large_a_page_is() -> None:
    answers = ask(Readings(decimals="text", times="microseconds", page_size="capped"))
    assert of(answers, "items")["decimals"] == "text"
    assert of(answers, "orders")["times"] == ["YYYY-MM-DDThh:mm:ss.ffffffZ"]
    assert {answer.page_size for answer in answers.lists} == {20}
    assert of(ask(Readings(times="plain")), "orders")["times"] == ["YYYY-MM-DD hh:mm:ss"]
    assert of(ask(Readings(times="offset")), "orders")["times"] == ["YYYY-MM-DDThh:mm:ss+hh:mm"]
    assert of(ask(), "items")["decimals"] == "numbers"


def test_fields_that_are_new_missing_or_look_personal_are_findings() -> None:
    answers = ask(Readings(extra_fields=True, missing_fields=True))
    orders = of(answers, "orders")
    assert orders["new_fields"] == ["channel", "handled_by", "insured_value"]
    assert orders["missing_fields"] == ["shopify_order_id"]
    assert orders["personal_fields"] == ["channel.name", "channel.tags", "handled_by"]
    assert "orders: pseudonymized: handled_by" in answers.findings()
    overridden = ask(Readings(extra_fields=True), plain_fields=["channel"], hash_fields=["insured_value"])
    assert of(overridden, "orders")["personal_fields"] == ["handled_by", "insured_value"]
    renamed = of(ask(Readings(charge_names="aliases")), "payment_items")
    assert "total" in renamed["new_fields"]
    assert "amount" in renamed["missing_fields"]


def test_a_name_that_may_be_personal_is_not_shown() -> None:
    with Sandbox(Account(seed=33, scale=0.1, days=20, today=TODAY)) as it:
        for order in it.state().rows("orders"):
            recipient = {**order["recipient"], "marie": 2, "fax": 3}
            it.alter("orders", order["id"], recipient=recipient, phone_514_555_0101="x")
        answers = check_account(Settings(base_url=it.url, api_token=it.token))
    orders = of(answers, "orders")
    assert orders["new_fields"] == ["*", "recipient__*", "recipient__fax"]
    assert orders["personal_fields"] == ["*", "recipient__*", "recipient__fax"]


def test_the_clock_and_the_rate_limit() -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    clock = Clock(began + timedelta(seconds=90))
    account = Account(seed=33, scale=0.1, days=20, today=clock.now().date())
    with Sandbox(account, clock=clock, rate_limit=RateLimit(60, lambda: 0.0)) as it:
        answers = check_account(Settings(base_url=it.url, api_token=it.token))
        assert answers.asked_at is not None
        assert answers.service_clock == clock.now()
        assert began <= answers.asked_at <= datetime.now(UTC)
        ahead = int((clock.now() - answers.asked_at).total_seconds())
        assert answers.seconds_ahead in (ahead, ahead - 1)  # of a part of a second, rounded
        assert answers.rate_limit == {"limit": 60, "remaining": 60 - len(it.requests)}
    silent = ask(Readings(date_header=False))
    assert silent.service_clock is None


def test_the_two_lists_of_fields_reach_the_raw_tables(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with Sandbox(Account(seed=33, scale=0.1, days=5, today=TODAY), readings=Readings(extra_fields=True)) as it:
        chosen = {"hash_fields": ["place__city"], "plain_fields": ["handled_by", "recipient__name"]}
        settings = Settings(base_url=it.url, api_token=it.token, **chosen)
        run_job(settings, file, JobOptions(models=False, select=frozenset({"orders"})))
    with duckdb.connect(str(file), read_only=True) as published:
        shown = "select regexp_full_match(place__city, '[0-9a-f]{32}'), handled_by, recipient__name like '% %'"
        rows = published.execute(f"{shown} from logentic_raw.orders").fetchall()
    assert set(rows) == {(True, "lea.roy@boutique.example", True)}


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=33, scale=0.1, days=20, today=TODAY), readings=Readings(extra_fields=True)) as sandbox:
        yield sandbox


def test_the_command_stores_the_answers_and_exits_3_when_asked(service: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    told = logentic("check", "--db", file, "--json", "--fail-on", "findings", cwd=tmp_path, **access(service))
    assert (told.returncode, told.stderr) == (3, "")
    assert json.loads(told.stdout) == json.loads((tmp_path / "logentic.duckdb.state" / "check.json").read_text())
    assert service.token not in told.stdout
    shown = logentic("check", cwd=tmp_path, **access(service))
    assert shown.returncode == 0
    assert "handled_by" in shown.stdout


def test_an_endpoint_that_fails_is_named_and_the_others_are_asked(tmp_path: Path) -> None:
    with Sandbox(
        Account(seed=33, scale=0.1, days=20, today=TODAY), faults=[Fault("forbidden", path="/v1/orders", times=None)]
    ) as it:
        told = logentic("check", "--json", cwd=tmp_path, **access(it))
    assert told.returncode == 1
    assert told.stderr.splitlines() == [
        "logentic: orders: status 403. This token may not read this resource: ask Logentic for access."
    ]
    statuses = {answer["resource"]: answer["status"] for answer in json.loads(told.stdout)["lists"]}
    assert [name for name, status in statuses.items() if status != 200] == ["orders"]


def test_a_refused_token_is_one_line(service: Sandbox, tmp_path: Path) -> None:
    told = logentic("check", cwd=tmp_path, base_url=service.url, api_token="wrong")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.count("\n") == 1
    assert "status 401" in told.stderr
