"""Days and months in the warehouse's time zone."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


class Days:
    """The calendar of a time zone."""

    def __init__(self, timezone: str) -> None:
        self.zone: tzinfo = UTC if timezone == "UTC" else ZoneInfo(timezone)

    def of(self, at: datetime) -> date:
        """Return the day of a moment."""
        return at.astimezone(self.zone).date()

    def start(self, day: date) -> datetime:
        """Return the moment (UTC) at which a day begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def month_start(day: date) -> date:
    return day.replace(day=1)


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
