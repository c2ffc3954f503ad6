"""Ages as people say them."""

from datetime import UTC, datetime, timedelta

import pytest

from logentic.reports.humanize import age

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400 * 3, "3 days ago"),
        (86400 * 1200, "1,200 days ago"),
        (-30, "just now"),
        (-3600, "today"),
        (-86400 * 2, "in the future"),
    ],
)
def test_an_age_is_said_in_the_largest_unit_that_fits(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words
