"""When a market trades: GaiaEx says so in free text only, `24/7` or `US market hours`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

__all__ = ["ALWAYS", "US_HOURS", "is_open"]

ALWAYS: Final = "24/7"
US_HOURS: Final = "US market hours"

_OPENS, _CLOSES = time(9, 30), time(16, 0)
_SATURDAY, _SUNDAY = 5, 6
_SECOND_NS: Final = 1_000_000_000


def is_open(hours: str, time_ns: int) -> bool:
    """Tell whether a market with these hours trades at a time. No calendar of holidays is documented; there is none."""
    if hours == ALWAYS:
        return True
    there = _in_new_york(datetime.fromtimestamp(time_ns // _SECOND_NS, UTC))
    return there.weekday() < _SATURDAY and _OPENS <= there.time() < _CLOSES


def _in_new_york(now: datetime) -> datetime:
    """Return the time in New York. Clocks change on Sundays, when nothing trades, so the date will do.

    It needs no time zone database, which not every machine has.
    """
    begins, ends = _sunday_from(date(now.year, 3, 8)), _sunday_from(date(now.year, 11, 1))
    is_summer = begins <= now.date() < ends
    return now - timedelta(hours=4 if is_summer else 5)


def _sunday_from(day: date) -> date:
    return day + timedelta(days=_SUNDAY - day.weekday())
