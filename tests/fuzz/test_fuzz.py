"""The fuzzer itself: it repeats what it did, finds what is planted, and every case that it once found passes."""

import json
import time
from random import Random

import pyarrow as pa
import pytest

from fuzz import account, canaries, cases, json_text, runs, workers
from fuzz.cases import Case, case_of, judge, judge_rows
from fuzz.mutations import CATALOGUE, Draft, fields_of
from logentic.answer import Answer
from logentic.pages import split_page
from logentic.rows import Rows, read_rows
from logentic.schemas import RESOURCES, Resource

PINNED: tuple[str, ...] = ()


@pytest.mark.parametrize("name", PINNED)
def test_a_case_that_once_failed_passes(name: str) -> None:
    assert [result.wrong for result in workers.run(iter([name]), judged, 1, 20)] == [None]


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
    page = split_page(Answer(draft.body, account.NOON, b""), "a list")
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


@pytest.mark.parametrize("text", [canaries.TOKEN, "red \x1b[31m", "two\nlines", "x" * 5000, f"for {canaries.WORD}"])
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
