"""A time of the day where a customer lives. Time zones and trading calendars are computed here and nowhere else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from journeys.names import Weekday
from journeys.words import WaitUntil

SEARCHED = 400
"""Days that are searched for one that fits; every combination of days there is comes up within them."""

_WEEKDAYS = tuple(Weekday)


def resolve_local_time(step: WaitUntil, at: datetime, zone: str) -> datetime:
    """The first time at or after `at` that a step waits for, in UTC; of a step that names its day, that time.

    A time that the clocks leave out counts as the same reading an hour later, one that they repeat as the first.
    """
    here = ZoneInfo(zone)
    if step.on is not None:
        return _moment(step, step.on, here)
    first = at.astimezone(here).date()
    for number in range(SEARCHED):
        day = first + timedelta(days=number)
        if _fits(step, day) and (moment := _moment(step, day, here)) >= at:
            return moment
    raise AssertionError(f"no day within {SEARCHED} fits step {step.id!r}")


def _moment(step: WaitUntil, day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, step.at, zone).astimezone(UTC)


def _fits(step: WaitUntil, day: date) -> bool:
    if step.weekdays and _WEEKDAYS[day.weekday()] not in step.weekdays:
        return False
    return not step.trading_day or is_trading_day(day)


def is_trading_day(day: date) -> bool:
    """Whether Shanghai trades. Beyond the calendar that is known, every weekday counts."""
    calendar = _shanghai()
    if not calendar.first_session.date() <= day <= calendar.last_session.date():
        return day.weekday() < 5
    return bool(calendar.is_session(day.isoformat()))


@cache
def _shanghai() -> Any:
    # Imported when first asked: it brings pandas, which takes longer to load than all else together.
    import exchange_calendars  # type: ignore[import-untyped] # it has no types of its own

    return exchange_calendars.get_calendar("XSHG")
