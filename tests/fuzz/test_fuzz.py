"""The fuzzer itself: it repeats what it did, finds what is planted, and every case that it once found passes."""

import json
import time
from random import Random

import pyarrow as pa
import pytest

from fuzz import account, canaries, cases, json_text, runs, workers
from fuzz.cases import Case, case_of, judge, judge_rows
from fuzz.mutations import CATALOGUE, Draft, fields_of
from logentic.api.client import Response
from logentic.api.pagination import split_page
from logentic.extract.parsing import Rows, read_rows
from logentic.resources import RESOURCES, Resource

# Each failed when it was found, one for each cause.
PINNED = (
    "page/orders/39-digits/836931617",
    "page/orders/infinity-as-text/2045932672",
    "page/orders/huge-integer/1486019443",
    "page/item_quantities/row-empty-list/1073970939",
    "page/items/row-text/666284540",
    "page/payment_items/row-null/2260683414",
    "page/orders/row-within-object/158124263",
    "page/items/negative-exponent/1581248457",
    "page/payment_items/5000-decimals/1528263886",
    "page/item_quantities/false/3334034033",
    "page/payment_items/without-seconds/2515400615",
    "page/orders/epoch-milliseconds/2462474517",
    "page/inventory_history/carbon-object/1938680436",
    "page/orders/field-twice-as-another/3314884574",
    "page/payment_items/list-of-many/1367744543",
    "page/items/per-page-100000-levels/2902408854",
    "page/orders/unclosed-levels/4274316839",
    "page/items/infinity/857338230",
    "page/orders/unknown-field-in-every-row/153885040",
    "page/orders/1500-unknown-fields/2338148843",
    "page/items/total-pages-any-number/1550279584",
    "page/items/year-1-east/3764936404",
    "page/payment_items/data-number/3892138498",
    "page/orders/negative-absurd-exponent/2755450945",
    "page/orders/vanishing-exponent/4252004131",
    "page/payment_items/exponent-of-20-digits/2227337715",
    "page/item_quantities/unknown-field-900-levels/2523663847",
    "page/orders/lone-low-surrogate/1316225280",
    "page/payment_items/reversed-pair/177966911",
    "page/items/unknown-field-of-a-megabyte/2323160307",
    "page/item_quantities/raw-latin-1/3653686493",
    "page/orders/raw-ff/429030172",
    "page/orders/signalling-nan-as-text/2555668446",
    "page/orders/nested-a-little/2276972691",
    "list/payment_items/unknown-field-within/2756609364",
    "list/orders/retry-after-400-digits/1223026040",
    "list/orders/retry-after-date-unknown-zone/769440143",
    "list/item_quantities/retry-after-date-asctime/3968359204",
    "list/item_quantities/retry-after-superscript/3141947249",
    "list/item_quantities/ratelimit-reset-5000-digits/2695852760",
    "list/orders/ratelimit-reset-400-digits/1086410085",
    "list/payment_items/date-year-4000-digits/227892270",
    "list/inventory_history/date-far-future-west/362502363",
    "list/inventory_history/data-false/539136682",
    "list/items/repeats-two-in-turn-of-a-billion/2077579264",
    "page/items/token-split-by-backspace+total-pages-exponent-with-sign/3816522368",
    "headers/item_quantities/retry-after-400-digits/215389557",
    "headers/payment_items/ratelimit-remaining-5000-digits/2380376675",
    "record/orders/year-9999-west/307964511",
    "record/inventory_history/absurd-exponent-as-text/3497315244",
    "record/orders/raw-cut-sequence/2553109538",
    "record/orders/minus-infinity/1425987641",
    "event/item_quantities/row-personal-text/12020673",
    "event/orders/body-text/184776379",
    "shown/payment_items/unknown-field/1526499656",
    "shown/item_quantities/leading-zero/480647408",
    "shown/inventory_history/unknown-fields/3097811007",
    "state/held/point-first-as-text/347702556",
    "state/under_way/field-in-camel-case/1610987559",
    "state/events_retry/object-with-numeric-keys/3365375166",
    "state/under_way/lone-low-surrogate/224096295",
    "shown/orders/year-1-east/2958689772",
    "shown/payment_items/unknown-fields/1373418134",
    "event/orders/exponent-of-20-digits/3185252442",
)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str | None]:
    """What came of each pinned case, in a process that is killed where a case hangs."""
    account.warm_up()
    return {result.name: result.wrong for result in workers.run(iter(PINNED), judged, 1, 20)}


@pytest.mark.parametrize("name", PINNED)
def test_a_case_that_once_failed_passes(name: str, outcomes: dict[str, str | None]) -> None:
    assert outcomes[name] is None


def judged(name: str) -> str | None:
    return judge(Case.named(name))


def test_a_seed_gives_the_same_cases_and_each_mutation_in_turn() -> None:
    first = [case_of(7, index) for index in range(len(CATALOGUE))]
    assert first == [case_of(7, index) for index in range(len(CATALOGUE))]
    assert first != [case_of(8, index) for index in range(len(CATALOGUE))]
    assert {name for case in first for name in case.mutations} == set(CATALOGUE)
    assert {case.surface for case in first} == set(cases.JUDGES)
    assert [Case.named(str(case)) for case in first] == first
    scenarios = [runs.scenario_of(7, index) for index in range(200)]
    assert [runs.Scenario.named(str(scenario)) for scenario in scenarios] == scenarios


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_pages_that_nothing_spoiled_pass(resource: Resource) -> None:
    draft = Draft(resource, account.pages(resource.name)[0], Random(1))
    assert judge_rows(resource, rows_of(resource, draft), [(draft, 0)]) is None


def test_every_mutation_spoils_something() -> None:
    def response(number: int, *names: str) -> tuple[object, ...]:
        draft = Draft(RESOURCES["orders"], account.pages("orders")[1], Random(number))
        draft.headers = [(b"Date", b"Tue, 17 Mar 2026 12:00:00 GMT")]
        for name in names:
            CATALOGUE[name].apply(draft)
        draft.encoded()
        return draft.status, draft.headers, draft.body

    same = {name for name in CATALOGUE if all(response(n, name) == response(n) for n in range(5))}
    assert same == set()


def rows_of(resource: Resource, draft: Draft) -> Rows:
    draft.encoded()
    page = split_page(Response(draft.body, account.NOON, b""), "a list")
    return read_rows(resource, [page], cases.PSEUDONYMS, "a list")


def planted() -> tuple[Resource, Draft, Rows]:
    resource = RESOURCES["orders"]
    draft = Draft(resource, account.pages("orders")[0], Random(1))
    return resource, draft, rows_of(resource, draft)


def test_a_row_that_is_lost_is_found() -> None:
    resource, draft, rows = planted()
    without = Rows(rows.records.slice(1), rows.lines)
    assert "row 0 of page 1, which nothing touched, is lost" in str(judge_rows(resource, without, [(draft, 0)]))
    draft.touched = {0}
    assert judge_rows(resource, without, [(draft, 0)]) is None


def test_a_value_that_changed_is_found() -> None:
    resource, draft, rows = planted()
    place = rows.records.schema.get_field_index("status")
    changed = rows.records.set_column(place, "status", pa.array(["LOST"] * len(rows.records)))
    assert "status was" in str(judge_rows(resource, Rows(changed, rows.lines), [(draft, 0)]))
    assert "its lines have changed" in str(
        judge_rows(resource, Rows(rows.records, rows.lines and rows.lines.slice(1)), [(draft, 0)])
    )


def test_personal_data_in_clear_are_found() -> None:
    resource, draft, rows = planted()
    clear = rows.records.append_column("note", pa.array([f"for {canaries.WORD.lower()}"] * len(rows.records)))
    assert "personal data in clear" in str(judge_rows(resource, Rows(clear, rows.lines), [(draft, 0)]))


def test_a_value_that_is_lost_without_a_record_is_found() -> None:
    resource, draft, rows = planted()
    draft.touched, draft.changes = {0}, [(0, ("status",), 7)]
    place = rows.records.schema.get_field_index("status")
    statuses = pa.array([None, *rows.records["status"].to_pylist()[1:]], pa.string())
    lost = rows.records.set_column(place, "status", statuses)
    assert "nothing says that it was 7" in str(judge_rows(resource, Rows(lost, rows.lines), [(draft, 0)]))


@pytest.mark.parametrize(
    "text", [canaries.TOKEN, "red \x1b[31m", "two\nlines", "x" * 5000, f"for {canaries.WORD}", canaries.TOKEN[:20]]
)
def test_a_message_that_shows_too_much_is_found(text: str) -> None:
    assert cases.bad_text(text)
    assert cases.bad_text("orders, page 3: not JSON") is None


def test_a_case_that_hangs_or_dies_is_named_and_the_others_go_on() -> None:
    def misbehave(name: str) -> str | None:
        if name == "hangs":
            while True:
                pass
        if name == "sleeps":
            time.sleep(60)
        if name == "dies":
            import os

            os._exit(9)
        return "wrong" if name == "fails" else None

    names = ["passes", "hangs", "passes too", "dies", "sleeps", "fails", "passes at last"]
    found = {result.name: result.wrong for result in workers.run(iter(names), misbehave, 1, 0.5)}
    assert list(found) == names
    assert [found[name] for name in names if name.startswith("passes")] == [None] * 3
    assert str(found["hangs"]).startswith("no end after 0.5 s")
    assert str(found["sleeps"]).startswith("no end after 0.5 s")
    assert str(found["dies"]).startswith("the process died")
    assert found["fails"] == "wrong"


def test_json_is_written_as_no_encoder_would() -> None:
    members = json_text.Members([("a", 1), ("a", json_text.Raw(b"1e999")), ("b", [None, True, "\u00e9"])])
    assert json_text.encode({"data": members}) == '{"data":{"a":1,"a":1e999,"b":[null,true,"\u00e9"]}}'.encode()
    assert json.loads(json_text.nested(3)) == [[[1]]]
    assert json.loads(json_text.nested(2, b"7", of_objects=True)) == {"a": {"a": 7}}


def test_every_field_of_a_row_can_be_spoiled() -> None:
    order = account.pages("orders")[0]["data"][0]
    paths = fields_of(RESOURCES["orders"], order)
    assert {("id",), ("recipient",), ("recipient", "name"), ("stored_items", 0, "quantity")} <= set(paths)
