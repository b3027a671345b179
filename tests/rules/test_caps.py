"""Frequency caps count in rolling windows."""

from datetime import UTC, datetime, timedelta

import pytest

from journeys.names import Channel, JourneyName, MessageClass
from rules.caps import CapCount, CountedTouch, caps_on

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKETING, ADVICE = MessageClass.MARKETING, MessageClass.ADVICE


def over(*hours: float, count: CapCount | None = None, kind: MessageClass = MARKETING) -> list[bool]:
    """Which of some touches, so many hours after Monday morning, are over a cap."""
    heard = count or CapCount()
    caps = caps_on(kind, Channel.INBOX)
    return [heard.is_over(CountedTouch(MONDAY + hour * HOUR, kind, Channel.INBOX), caps) for hour in hours]


def test_one_a_day_is_a_window_of_24_hours_and_no_calendar_day() -> None:
    """The evening and the next morning are the same day; exactly a day later there is room again."""
    assert over(0, 23.99) == [False, True]
    assert over(0, 24) == [False, False]


def test_three_in_seven_days() -> None:
    """The fourth is over, until the first is seven days old."""
    assert over(0, 30, 60, 90, 7 * 24 - 0.01, 7 * 24) == [False, False, False, True, True, False]


def test_what_is_over_a_cap_counts_against_none() -> None:
    """Once caps are in force it is not sent, so it takes nobody's place."""
    assert over(0, 12, 24, 36, 48) == [False, True, False, True, False]


def test_advice_and_marketing_share_a_cap_and_the_others_have_none() -> None:
    """What counts is the class of the text."""
    count = CapCount()
    assert over(0, count=count, kind=ADVICE) == [False]
    assert over(1, count=count) == [True]
    for kind in (MessageClass.SERVICE, MessageClass.EDUCATION):
        assert over(1, 2, 3, 4, 5, count=count, kind=kind) == [False] * 5


@pytest.mark.parametrize("channel", list(Channel))
def test_the_channels_count_together(channel: Channel) -> None:
    """A message in the app and one in the inbox are two."""
    count, caps = CapCount(), caps_on(MARKETING, channel)
    assert over(0, count=count) == [False]
    assert count.is_over(CountedTouch(MONDAY + HOUR, MARKETING, channel), caps)


def test_the_shadows_of_a_control_run_count_for_itself_only() -> None:
    """Nobody heard them, so they stop no real message; real ones stop them."""
    count, caps = CapCount(), caps_on(MARKETING, Channel.INBOX)
    held_out, another = (JourneyName("held-out"), 1), (JourneyName("another"), 1)

    def shadow(hour: float, run: tuple[JourneyName, int]) -> bool:
        return count.is_over(CountedTouch(MONDAY + hour * HOUR, MARKETING, Channel.INBOX), caps, run)

    assert not shadow(0, held_out)
    assert shadow(1, held_out)
    assert not shadow(1, another)
    assert over(2, count=count) == [False]
    assert shadow(25, held_out)
    assert not shadow(26, held_out)
