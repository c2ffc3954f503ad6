"""A total that never agrees with its rows is accepted after three equal readings, and not before."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from logentic.extract.acceptance import accepted_spans, has_differed, is_third_equal, open_windows, was_accepted
from logentic.extract.planner import Ask, plan
from logentic.extract.windows import DAY, Edge, Receipt, Window, midnight, snapshot
from logentic.settings import Settings

START, END = midnight(date(2026, 1, 1)), midnight(date(2026, 2, 1))
NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
PAST = Window("orders", "updated_day", START, END)
PRESENT = Window("orders", "updated_day", START, NOW, Edge.OUTER, Edge.OPEN)
BEGINNING = midnight(date(2024, 1, 1))
SETTINGS = Settings(earliest_date=date(2024, 1, 1))


def reading(run: int, window: Window = PAST, **more: object) -> Receipt:
    at = NOW - (10 - run) * DAY
    end = min(window.end, at) if window.filter != "snapshot" else window.end
    given = {"is_complete": False, "is_confirmed": False, "difference": 1, "finished_at": at, **more}
    return Receipt(window.resource, window.filter, (window.start, end), run_id=f"run {run}", **given)


@pytest.mark.parametrize("window", [PAST, PRESENT, snapshot("items", NOW)], ids=["past", "present", "snapshot"])
def test_the_third_equal_reading_is_accepted(window: Window) -> None:
    assert not is_third_equal(window, 1, [], has_changes=False)
    assert not is_third_equal(window, 1, [reading(1, window, has_changes=True)], has_changes=False)
    assert is_third_equal(window, 1, [reading(1, window, has_changes=True), reading(2, window)], has_changes=False)
    assert has_differed(window, [reading(1, window)])


OTHERS = {
    "another difference": [reading(1), reading(2, difference=2)],
    "a complete reading between": [reading(1), reading(2, is_complete=True, difference=0)],
    "a total that moved": [reading(1), reading(2, is_steady=False)],
    "one run alone": [reading(1), replace(reading(2), run_id="run 1")],
    "new rows in the second reading": [reading(1), reading(2, has_changes=True)],
    "a part of the window": [reading(1), replace(reading(2), span=(START, END - DAY))],
    "another list": [reading(1), replace(reading(2), filter="billed_date")],
    "another resource": [reading(1), replace(reading(2), resource="items")],
}


@pytest.mark.parametrize("earlier", OTHERS.values(), ids=OTHERS)
def test_readings_that_are_not_equal_do_not_count(earlier: list[Receipt]) -> None:
    assert not is_third_equal(PAST, 1, earlier, has_changes=False)


def test_rows_that_arrive_matter_in_the_past_and_not_up_to_the_present() -> None:
    assert not is_third_equal(PAST, 1, [reading(1), reading(2)], has_changes=True)
    earlier = [reading(n, PRESENT, has_changes=True) for n in (1, 2)]
    assert is_third_equal(PRESENT, 1, earlier, has_changes=True)
    later = replace(PRESENT, start=NOW - 9.5 * DAY)
    assert is_third_equal(later, 1, earlier, has_changes=True), "the look-back of what was read twice"
    assert not is_third_equal(replace(PRESENT, start=NOW - DAY), 1, earlier, has_changes=True), "never read before"


def test_an_acceptance_lasts_while_readings_agree() -> None:
    accepted = reading(3, is_accepted=True)
    assert was_accepted(PAST, 1, [accepted, reading(4)])
    assert not was_accepted(PAST, 2, [accepted])
    assert not was_accepted(PAST, 1, [accepted, reading(4, difference=2)])


def test_an_incomplete_window_is_settled_by_later_readings_that_cover_it_together() -> None:
    first = reading(1)
    halves = [
        reading(2, replace(PAST, end=START + 9 * DAY), is_complete=True),
        reading(3, replace(PAST, start=START + 9 * DAY), is_accepted=True),
    ]
    assert open_windows([first, halves[0]]) == [first]
    assert open_windows([first, *halves]) == []
    assert accepted_spans([first, *halves]) == [(START + 9 * DAY, END)]
    assert accepted_spans([first, *halves, reading(4, is_complete=True)]) == []
    items = [
        reading(1, snapshot("items", NOW)),
        reading(2, snapshot("items", NOW + timedelta(hours=1)), is_accepted=True),
    ]
    assert open_windows(items) == []


def test_a_window_is_asked_for_as_it_was_until_it_is_accepted_and_again_when_a_later_reading_differs() -> None:
    def asked(*receipts: Receipt) -> list[tuple[datetime, datetime]]:
        windows = plan("orders", Ask(NOW, "now"), list(receipts), SETTINGS, None)
        return [(window.start, window.end) for window in windows]

    whole = reading(1, replace(PAST, start=BEGINNING, end=NOW - 9 * DAY), is_complete=True, is_confirmed=True)
    tail = reading(9, replace(PAST, start=NOW - 9 * DAY, end=NOW - DAY), is_complete=True, is_confirmed=True)
    assert asked(reading(1))[1] == (START, END)
    windows = plan("orders", Ask(NOW, "now"), [reading(1)], SETTINGS, None)
    assert [window.before for window in windows] == [Edge.OPEN, Edge.SHARED, Edge.SHARED]
    assert [window.after for window in windows] == [Edge.SHARED, Edge.SHARED, Edge.OPEN]
    around = [
        replace(whole, span=(BEGINNING, START)),
        replace(whole, span=(END, NOW - 9 * DAY)),
        tail,
    ]
    look_back = asked(*around, reading(3, is_accepted=True))
    assert len(look_back) == 1
    assert look_back[0][0] > END
    assert asked(*around, reading(3, is_accepted=True), reading(4, difference=2))[0] == (START, END)
