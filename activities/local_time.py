"""A time of the day where a customer lives. Time zones and trading calendars are computed here and nowhere else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from journeys.names import Weekday
from journeys.words import WaitUntil
from rules.quiet_hours import QuietHours

SEARCHED = 400
"""Days that are searched for one that fits; every combination of days there is comes up within them."""

HOME = "Asia/Shanghai"
"""The zone of a customer whose own is not known (compliance.md)."""

_WEEKDAYS = tuple(Weekday)


def quiet_until(hours: QuietHours | None, at: datetime, zone: str) -> datetime | None:
    """When the quiet hours end that a customer of a zone is in, in UTC; none outside them."""
    if hours is None:
        return None
    here = at.astimezone(known_zone(zone))
    clock = here.time()
    if not hours.hold(clock):
        return None
    day = here.date() + timedelta(days=clock >= hours.ends)
    # Of a reading that the clocks repeat or leave out, the later of the two moments that it may mean.
    end = datetime.combine(day, hours.ends, here.tzinfo)
    return max(end.astimezone(UTC), end.replace(fold=1).astimezone(UTC))


def quiet_from(hours: QuietHours | None, at: datetime, zone: str) -> datetime | None:
    """When the quiet hours of a customer of a zone begin next, in UTC: `at` itself within them; none without any."""
    if hours is None or hours.begins == hours.ends:
        return None
    here = at.astimezone(known_zone(zone))
    if hours.hold(here.time()):
        return at
    day = here.date() + timedelta(days=here.time() >= hours.begins)
    # Of a reading that the clocks repeat or leave out, the earlier of the two moments that it may mean.
    begin = datetime.combine(day, hours.begins, here.tzinfo)
    return min(begin.astimezone(UTC), begin.replace(fold=1).astimezone(UTC))


@lru_cache(maxsize=1024)
def known_zone(zone: str) -> ZoneInfo:
    """A zone by its name. One that this machine's tzdata lacks, as it was renamed lately, counts as home."""
    try:
        return ZoneInfo(zone)
    except (LookupError, ValueError, OSError):  # no such name, no name at all, a folder of names
        return ZoneInfo(HOME)


def resolve_local_time(step: WaitUntil, at: datetime, zone: str) -> datetime:
    """The first time at or after `at` that a step waits for, in UTC; of a step that names its day, that time.

    A time that the clocks leave out counts as the same reading an hour later, one that they repeat as the first.
    """
    here = known_zone(zone)
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
    # Imported when it is needed: it brings pandas, which takes longer to load than all else together.
    import exchange_calendars  # type: ignore[import-untyped] # it has no types of its own

    return exchange_calendars.get_calendar("XSHG")
