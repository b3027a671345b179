"""Frequency caps count in rolling windows."""

from datetime import UTC, datetime, timedelta

import pytest

from journeys.names import Channel, MessageClass
from rules.caps import CountedTouch, Heard, caps_on, room_at

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKETING, ADVICE = MessageClass.MARKETING, MessageClass.ADVICE


def is_over(heard: Heard, touch: CountedTouch, run: tuple[str, int] | None = None) -> bool:
    """Whether a touch is over a cap; if not, it counts from now on."""
    caps = caps_on(touch.message_class, touch.channel)
    if room_at(touch, caps, heard.lately(touch.at, run)) > touch.at:
        return True
    if caps:
        heard.add(touch, run)
    return False


def over(*hours: float, heard: Heard | None = None, kind: MessageClass = MARKETING) -> list[bool]:
    """Which of some touches, so many hours after Monday morning, are over a cap."""
    heard = heard or Heard()
    return [is_over(heard, CountedTouch(MONDAY + hour * HOUR, kind, Channel.INBOX)) for hour in hours]


def test_one_a_day_is_a_window_of_24_hours_and_no_calendar_day() -> None:
    """The evening and the next morning are the same day; exactly a day later there is room again."""
    assert over(0, 23.99) == [False, True]
    assert over(0, 24) == [False, False]


def test_three_in_seven_days() -> None:
    """The fourth is over, until the first is seven days old."""
    assert over(0, 30, 60, 90, 7 * 24 - 0.01, 7 * 24) == [False, False, False, True, True, False]


def test_what_is_over_a_cap_counts_against_none() -> None:
    """It is not sent, so it takes nobody's place."""
    assert over(0, 12, 24, 36, 48) == [False, True, False, True, False]


def test_advice_and_marketing_share_a_cap_and_the_others_have_none() -> None:
    """What counts is the class of the text."""
    heard = Heard()
    assert over(0, heard=heard, kind=ADVICE) == [False]
    assert over(1, heard=heard) == [True]
    for kind in (MessageClass.SERVICE, MessageClass.EDUCATION):
        assert over(1, 2, 3, 4, 5, heard=heard, kind=kind) == [False] * 5


@pytest.mark.parametrize("channel", list(Channel))
def test_the_channels_count_together(channel: Channel) -> None:
    """A message in the app and one in the inbox are two."""
    heard = Heard()
    assert over(0, heard=heard) == [False]
    assert is_over(heard, CountedTouch(MONDAY + HOUR, MARKETING, channel))


def test_the_shadows_of_a_control_run_count_for_itself_only() -> None:
    """Nobody heard them, so they stop no real message; real ones stop them."""
    heard = Heard()
    held_out, another = ("held-out", 1), ("another", 1)

    def shadow(hour: float, run: tuple[str, int]) -> bool:
        return is_over(heard, CountedTouch(MONDAY + hour * HOUR, MARKETING, Channel.INBOX), run)

    assert not shadow(0, held_out)
    assert shadow(1, held_out)
    assert not shadow(1, another)
    assert over(2, heard=heard) == [False]
    assert shadow(25, held_out)
    assert not shadow(26, held_out)
