"""Plans and windows: all that is wanted is asked for, nothing is asked for twice, whatever the filters mean."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from logentic.extract.planner import Ask, plan
from logentic.extract.windows import (
    DAY,
    SECOND,
    Edge,
    Receipt,
    Span,
    Window,
    ceiling,
    first_of_month,
    midnight,
    next_month,
    without,
)
from logentic.settings import Settings

EARLIEST = date(2024, 1, 1)
BEGINNING = midnight(EARLIEST)
SETTINGS = Settings(earliest_date=EARLIEST)
NOW = datetime(2026, 3, 17, 12, 34, 56, tzinfo=UTC)
KINDS = {
    "orders": "updated_day",
    "item_quantities": "updated_at",
    "inventory_history": "date",
    "payment_items": "payment_date",
}
resources = pytest.mark.parametrize("resource", KINDS)

moments = st.datetimes(datetime(2023, 6, 1), datetime(2027, 6, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001
days = moments.map(lambda at: midnight(at.date()))
spans = st.tuples(moments, moments).map(lambda ends: (min(ends), max(ends)))
day_spans = st.tuples(days, days).map(lambda ends: (min(ends), max(ends)))


def receipts_of(resource: str) -> st.SearchStrategy[list[Receipt]]:
    """Any past: complete or not, confirmed or not, of this run or others, even with times to come."""
    receipt = st.builds(
        Receipt,
        resource=st.just(resource),
        filter=st.sampled_from([KINDS[resource], "billed_date"] if resource == "payment_items" else [KINDS[resource]]),
        span=spans if resource == "item_quantities" else day_spans,
        finished_at=moments,
        is_complete=st.booleans(),
        is_confirmed=st.booleans(),
        run_id=st.sampled_from(["now", "before"]),
    )
    return st.lists(receipt, max_size=6)


def planned(
    resource: str, receipts: list[Receipt], ask: Ask | None = None, unbilled: date | None = None
) -> list[Window]:
    """Without the windows of billed dates, which another test looks at."""
    windows = plan(resource, ask or Ask(NOW, "now"), receipts, SETTINGS, unbilled)
    return [window for window in windows if window.filter == KINDS[resource]]


def end_of(resource: str, now: datetime = NOW) -> datetime:
    return midnight(now.date()) + DAY if resource in ("inventory_history", "payment_items") else now


def read(windows: list[Window], at: datetime, run_id: str = "before") -> list[Receipt]:
    return [Receipt(w.resource, w.filter, (w.start, w.end), at, True, True, run_id) for w in windows]


@resources
@given(data=st.data())
def test_a_plan_covers_all_that_was_not_read_and_nothing_twice(resource: str, data: st.DataObject) -> None:
    receipts = data.draw(receipts_of(resource))
    windows = planned(resource, receipts, unbilled=data.draw(st.none() | st.dates(EARLIEST, NOW.date())))
    asked = [(window.start, window.end) for window in windows]
    assert asked == sorted(asked)
    assert all(a < b for a, b in asked)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(asked)), "no two windows overlap"
    trusted = [
        receipt.span
        for receipt in receipts
        if receipt.filter == KINDS[resource]
        and (
            receipt.run_id == "now"
            or (receipt.is_complete and receipt.is_confirmed and receipt.finished_at <= NOW + timedelta(minutes=1))
        )
    ]
    assert without([(BEGINNING, end_of(resource))], asked + trusted) == [], "what no receipt proves is asked for"
    assert without(asked, [(BEGINNING, end_of(resource))]) == [], "and nothing beyond the account's time"


LOOKBACKS = {
    "orders": datetime(2026, 3, 16, tzinfo=UTC),  # one day back from now, and the whole of that day
    "item_quantities": NOW - timedelta(minutes=60),
    "inventory_history": datetime(2026, 3, 10, tzinfo=UTC),  # seven days and today
    "payment_items": datetime(2026, 3, 1, tzinfo=UTC),  # the open billing period
}


@resources
@given(data=st.data())
def test_after_a_run_only_the_look_back_is_read_again(resource: str, data: st.DataObject) -> None:
    drawn = data.draw(receipts_of(resource))
    receipts = [replace(receipt, run_id="before", finished_at=min(receipt.finished_at, NOW)) for receipt in drawn]
    receipts += [replace(receipt, run_id="before") for receipt in read(planned(resource, receipts), NOW)]
    again = planned(resource, receipts)
    assert [(window.start, window.end) for window in again] == [(LOOKBACKS[resource], end_of(resource))]


@resources
def test_what_this_run_has_read_is_not_read_again_by_its_next_part(resource: str) -> None:
    first = planned(resource, [])
    (whole,) = first
    half = replace(whole, end=midnight(date(2025, 6, 1)))
    rest = planned(resource, read([half], NOW, "now"))
    assert [(window.start, window.end) for window in rest] == [(half.end, whole.end)]
    assert planned(resource, read([half, *rest], NOW, "now")) == []


@resources
def test_an_unproven_window_is_read_again_by_the_next_run(resource: str) -> None:
    (whole,) = planned(resource, [])
    for change in ({"is_complete": False}, {"is_confirmed": False}):
        receipts = [replace(receipt, **change) for receipt in read([whole], NOW)]
        assert planned(resource, receipts) == [whole]


@resources
def test_a_clock_that_ran_ahead_loses_no_days(resource: str) -> None:
    """A service whose clock was ten days fast for one run: what it said it had given is asked for again."""
    fast = NOW + 10 * DAY
    wrong = read(plan(resource, Ask(fast, "before"), [], SETTINGS, None), fast)
    windows = planned(resource, wrong)
    assert without([(BEGINNING, end_of(resource))], [(window.start, window.end) for window in windows]) == []


@resources
def test_a_server_whose_clock_is_seconds_behind_another_ones_is_no_reason_to_read_all_again(resource: str) -> None:
    receipts = read(planned(resource, []), NOW + timedelta(seconds=20))
    (window,) = planned(resource, receipts)
    assert window.start >= midnight(date(2026, 3, 1))


@resources
@pytest.mark.parametrize("is_known", [True, False])
def test_a_run_between_days_reads_just_these_again(resource: str, is_known: bool) -> None:
    receipts = read(planned(resource, []), NOW) if is_known else []
    start, end = midnight(date(2026, 1, 1)), midnight(date(2026, 2, 1))
    (window,) = plan(resource, Ask(NOW, "now", start, end), receipts, SETTINGS, None)
    assert (window.start, window.end, window.before, window.after) == (start, end, Edge.OUTER, Edge.OUTER)


@resources
def test_a_run_up_to_a_day_to_come_ends_now_and_one_from_before_all_days_begins_with_the_first(resource: str) -> None:
    ask = Ask(NOW, "now", midnight(date(1999, 1, 1)), midnight(date(2030, 1, 1)))
    (window,) = plan(resource, ask, [], SETTINGS, None)
    assert (window.start, window.end) == (BEGINNING, end_of(resource))


@resources
def test_a_run_before_all_days_reads_nothing(resource: str) -> None:
    ask = Ask(NOW, "now", None, midnight(date(1999, 1, 1)))
    assert plan(resource, ask, [], SETTINGS, None) == []


def test_items_are_read_whole_once_a_run_and_once_a_day() -> None:
    ask = Ask(NOW, "now")
    (window,) = plan("items", ask, [], SETTINGS, None)
    assert (window.filter, window.params(), window.halves(Edge.EXACT)) == ("snapshot", {}, None)
    assert plan("items", ask, read([window], NOW, "now"), SETTINGS, None) == []
    assert plan("items", ask, read([window], midnight(NOW.date()), "before"), SETTINGS, None) == []
    assert plan("items", ask, read([window], midnight(NOW.date()) - SECOND, "before"), SETTINGS, None) == [window]
    assert plan("items", ask, read([window], NOW + DAY, "before"), SETTINGS, None) == [window], "a clock that ran ahead"
    for doubt in ({"is_complete": False}, {"is_confirmed": False}):
        doubtful = [replace(receipt, **doubt) for receipt in read([window], NOW, "before")]
        assert plan("items", ask, doubtful, SETTINGS, None) == [window]
    named = replace(ask, is_selective=True)
    assert plan("items", named, read([window], NOW, "before"), SETTINGS, None) == [window], "who names them wants them"


def test_charges_are_read_again_from_the_month_of_the_oldest_that_is_not_billed() -> None:
    receipts = read(planned("payment_items", []), NOW)
    (window,) = planned("payment_items", receipts, unbilled=date(2025, 11, 20))
    assert window.start == midnight(date(2025, 11, 1))


def billed(now: datetime, receipts: list[Receipt]) -> list[Span]:
    windows = plan("payment_items", Ask(now, "now"), receipts, SETTINGS, None)
    return [(window.start, window.end) for window in windows if window.filter == "billed_date"]


def test_what_was_billed_is_asked_for_since_the_last_run_and_once_a_week_as_long_as_it_can_be_disputed() -> None:
    first_run = read(plan("payment_items", Ask(NOW, "before"), [], SETTINGS, None), NOW)
    assert billed(NOW, []) == [], "a first load reads every charge, billed or not"
    tomorrow = midnight(NOW.date()) + DAY
    assert billed(NOW + DAY, first_run) == [(tomorrow - 3 * DAY, tomorrow + DAY)]
    disputable = midnight(NOW.date()) + 8 * DAY - timedelta(days=90)
    assert billed(NOW + 8 * DAY, first_run) == [(disputable - 2 * DAY, tomorrow + 8 * DAY)]
    week_later = [
        *first_run,
        Receipt("payment_items", "billed_date", (disputable, tomorrow + 8 * DAY), NOW + 8 * DAY, True, True, "week"),
    ]
    assert billed(NOW + 9 * DAY, week_later) == [(tomorrow + 6 * DAY, tomorrow + 9 * DAY)]
    failed = [replace(receipt, is_complete=False) for receipt in week_later]
    assert billed(NOW + 9 * DAY, failed)[0][0] < disputable + 2 * DAY


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Vancouver"])
def test_the_day_of_the_warehouse_counts_where_it_is_ahead(zone: str) -> None:
    late = datetime(2026, 3, 17, 23, 30, tzinfo=UTC)
    settings = Settings(earliest_date=EARLIEST, timezone=zone)
    (window,) = plan("inventory_history", Ask(late, "now"), [], settings, None)
    assert window.end == midnight(date(2026, 3, 19 if zone == "Pacific/Auckland" else 18))


def window(resource: str, start: datetime, end: datetime, **edges: Edge) -> Window:
    return Window(resource, KINDS[resource], start, end, **edges)


@resources
@given(data=st.data())
def test_halves_part_a_window_and_keep_its_outer_edges(resource: str, data: st.DataObject) -> None:
    start, end = data.draw(spans if resource == "item_quantities" else day_spans)
    assume(start < end)
    whole = window(resource, start, end, before=Edge.OPEN, after=Edge.SHARED)
    shortest = {"item_quantities": SECOND, "payment_items": 62 * DAY}.get(resource, DAY)
    halves = whole.halves(Edge.EXACT)
    if halves is None:
        assert end - start <= shortest
        return
    early, late = halves
    assert (early.start, late.end) == (start, end)
    assert start < early.end == late.start < end
    assert (early.before, early.after, late.before, late.after) == (Edge.OPEN, Edge.EXACT, Edge.EXACT, Edge.SHARED)
    if resource == "payment_items":
        assert early.end.day == 1, "storage is charged by the month"
    elif resource != "item_quantities":
        assert early.end == midnight(early.end.date())


PARAMS = {
    "orders": {"updated_at_start": "2026-01-30", "updated_at_end": "2026-02-11"},
    "item_quantities": {"updated_at_start": "2026-01-31T23:59:59Z", "updated_at_end": "2026-02-10T00:00:00Z"},
    "inventory_history": {"start": "2026-01-31", "end": "2026-02-10"},
    "payment_items": {"start": "2025-12-31", "end": "2026-03-13"},
}
PROVEN_PARAMS = {
    "orders": {"updated_at_start": "2026-02-01", "updated_at_end": "2026-02-09"},
    "item_quantities": {"updated_at_start": "2026-02-01T00:00:00Z", "updated_at_end": "2026-02-09T23:59:59Z"},
    "inventory_history": {"start": "2026-02-01", "end": "2026-02-09"},
    "payment_items": {"start": "2026-02-01", "end": "2026-02-09"},
}


@resources
def test_the_query_asks_beyond_an_edge_that_the_filters_may_lose(resource: str) -> None:
    start, end = midnight(date(2026, 2, 1)), midnight(date(2026, 2, 10))
    assert window(resource, start, end).params() == PARAMS[resource]
    assert window(resource, start, end, before=Edge.SHARED, after=Edge.SHARED).params() == PARAMS[resource]
    proven = window(resource, start, end, before=Edge.EXACT, after=Edge.EXACT)
    assert proven.params() == PROVEN_PARAMS[resource]


@resources
def test_the_query_does_not_name_an_end_that_is_open_except_where_the_service_requires_it(resource: str) -> None:
    open_ended = window(resource, BEGINNING, NOW, before=Edge.OPEN, after=Edge.OPEN).params()
    if resource == "inventory_history":
        assert open_ended == {"start": "2023-12-31", "end": "2026-03-18"}
    else:
        assert open_ended == {}


def test_a_window_up_to_the_middle_of_a_day_asks_for_that_day() -> None:
    proven = window("orders", midnight(date(2026, 3, 1)), NOW, before=Edge.EXACT, after=Edge.EXACT)
    assert proven.params() == {"updated_at_start": "2026-03-01", "updated_at_end": "2026-03-17"}


def test_a_row_belongs_to_one_side_of_a_shared_edge_and_is_welcome_beyond_an_outer_one() -> None:
    start, end = midnight(date(2026, 2, 1)), midnight(date(2026, 2, 10))
    assert window("orders", start, end).owned() == (None, None)
    assert window("orders", start, end, before=Edge.SHARED, after=Edge.EXACT).owned() == (start, None)
    assert window("orders", start, end, before=Edge.OPEN, after=Edge.SHARED).owned() == (None, end)


def test_a_window_says_its_last_day_in_messages() -> None:
    start, end = midnight(date(2026, 2, 1)), midnight(date(2026, 3, 1))
    assert str(window("orders", start, end)) == "orders 2026-02-01 to 2026-02-28"
    assert str(window("item_quantities", start, end)) == "item_quantities 2026-02-01T00:00:00Z to 2026-03-01T00:00:00Z"
    assert str(Window("items", "snapshot", NOW, NOW)) == "items"


numbers = st.integers(0, 40).map(lambda n: BEGINNING + n * DAY)
some = st.lists(st.tuples(numbers, numbers), max_size=5)


def points(found: list[Span]) -> list[datetime]:
    """Every day within the spans, once for each span that holds it."""
    return sorted(BEGINNING + n * DAY for a, b in found for n in range(41) if a <= BEGINNING + n * DAY < b)


@given(some, some)
def test_without_leaves_what_no_hole_covers(wanted: list[Span], holes: list[Span]) -> None:
    left = without(wanted, holes)
    assert left == sorted(left)
    assert all(a < b for a, b in left)
    covered = set(points(holes))
    assert points(left) == [day for day in points(wanted) if day not in covered]


@given(some, some, some)
def test_holes_can_be_taken_one_after_another(wanted: list[Span], holes: list[Span], more: list[Span]) -> None:
    assert points(without(without(wanted, holes), more)) == points(without(wanted, holes + more))
    assert without(wanted, wanted) == []


@given(moments)
def test_months_begin_on_their_first_and_times_are_rounded_up(at: datetime) -> None:
    assert first_of_month(at) <= at < next_month(at)
    assert (next_month(at) - DAY).month == at.month
    assert next_month(at).day == 1
    assert timedelta(0) <= ceiling(at, DAY) - at < DAY
    assert ceiling(at, DAY) == midnight(ceiling(at, DAY).date())
