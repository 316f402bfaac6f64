"""Working days: deadlines of cases run on the Chinese calendar with its holidays and make-up days."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

SHANGHAI = timezone(timedelta(hours=8))
DAY_MS = 86_400_000


def _monday_to_friday(day: date) -> bool:
    return day.weekday() < 5


@dataclass(frozen=True)
class WorkCalendar:
    """Which days count.  ``is_workday`` comes from a calendar package; the default knows weekends only."""

    is_workday: Callable[[date], bool] = _monday_to_friday
    zone: tzinfo = SHANGHAI

    def day(self, at: int) -> date:
        """Return the local date of an instant (ms)."""
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone).date()

    def add_workdays(self, at: int, days: int) -> int:
        """Return the instant ``days`` working days later, at the same time of day."""
        moment = datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone)
        left = days
        while left > 0:
            moment += timedelta(days=1)
            if self.is_workday(moment.date()):
                left -= 1
        return int(moment.timestamp() * 1000)

    def workdays_between(self, start: int, end: int) -> int:
        """Count the working days after the day of ``start`` up to and including the day of ``end``."""
        day, last, count = self.day(start), self.day(end), 0
        while day < last:
            day += timedelta(days=1)
            count += self.is_workday(day)
        return count
