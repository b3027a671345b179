"""The journeys of the storm: marketing texts, on a channel that shows a key once and on one that does not."""

from __future__ import annotations

from datetime import timedelta

from journeys.events import app_registered
from journeys.language import days, journey, send, wait
from journeys.names import Channel
from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.words import Journey

TEXTS = ("we-are-here", "what-is-new")


def journeys() -> list[Published]:
    """Two texts each, so far apart that no cap is in their way."""
    return [
        with_templates(_journey("storm-push", Channel.APP_PUSH, first_after=days(1)), templates()),
        with_templates(_journey("storm-simple", Channel.INBOX, first_after=days(4)), templates()),
    ]


def _journey(name: str, channel: Channel, first_after: timedelta) -> Journey:
    pauses = (first_after, days(8))
    steps = [
        step
        for text, pause in zip(TEXTS, pauses, strict=True)
        for step in (wait(pause, id=f"before-{text}"), send(text, channels=(channel,)))
    ]
    return journey(
        name=name,
        version=1,
        state="live",
        starts_on=app_registered,
        # A send that is handed in anew, or asked for again, is late by half a minute, which is two months here.
        ends_after=days(3000),
        purpose="marketing",
        steps=steps,
    )
