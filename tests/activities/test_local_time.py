"""When a customer's quiet hours begin next, wherever the customer lives."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.local_time import quiet_from, quiet_until
from rules.quiet_hours import QuietHours

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia")


@given(
    minutes=st.integers(0, 2 * 365 * 24 * 60),
    zone=st.sampled_from(ZONES),
    begins=st.integers(9, 22),
)
def test_they_begin_at_the_next_such_reading_of_the_clock(minutes: int, zone: str, begins: int) -> None:
    """Within a day and what the clocks may shift; at once for who is in them."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    hours = QuietHours(time(begins), time(8))
    begin = quiet_from(hours, at, zone)
    assert begin is not None
    assert quiet_until(hours, begin, zone) is not None
    if quiet_until(hours, at, zone) is not None:
        assert begin == at
    else:
        assert at < begin <= at + timedelta(hours=26)
        assert begin.astimezone(ZoneInfo(zone)).time() == time(begins)
        assert quiet_until(hours, begin - timedelta(seconds=1), zone) is None


@pytest.mark.parametrize("hours", [None, QuietHours(time(8), time(8))])
def test_hours_that_are_none_never_begin(hours: QuietHours | None) -> None:
    """As in a sandbox without them."""
    assert quiet_from(hours, datetime(2026, 1, 1, tzinfo=UTC), "Asia/Shanghai") is None
