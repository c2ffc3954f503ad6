"""Days and months as the warehouse counts them, in its own zone."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


class Days:
    """The calendar of one zone."""

    def __init__(self, timezone: str) -> None:
        self.zone: tzinfo = UTC if timezone == "UTC" else ZoneInfo(timezone)

    def of(self, at: datetime) -> date:
        """The day that a moment belongs to."""
        return at.astimezone(self.zone).date()

    def start(self, day: date) -> datetime:
        """The moment (UTC) at which a day begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def month_start(day: date) -> date:
    """The first day of the day's month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after the day's month."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
