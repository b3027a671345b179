"""A planned touch: what the definition says of it, and the name it is known by."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from journeys.names import ContentHash, CustomerId, JourneyName, StepId
from journeys.templates import Template
from journeys.words import Send
from rules.definitions import definition
from rules.effects import SendMessage
from rules.gates import Touch
from rules.plan import PlannedStep

HOLDS_FROM = 70
"""Touches of a journey of this priority or higher wait for room under the caps (gates.md, gate 11)."""


def touch_key(customer_id: CustomerId, ask: SendMessage) -> str:
    """The one name of a touch: the key of its record, and the key a channel de-duplicates by."""
    return f"{customer_id}/{ask.journey}/{ask.entry}/{ask.step}/{ask.occurrence}"


class TouchIdentity(NamedTuple):
    """What names a touch, in the order of the key of its record."""

    customer_id: CustomerId
    journey: JourneyName
    entry: int
    step: StepId
    occurrence: int


_KEY = re.compile(r"([^/]+)/([^/]+)/([1-9][0-9]{0,8})/(.+)/([1-9][0-9]{0,8})", re.ASCII)


def touch_named(key: str) -> TouchIdentity | None:
    """The touch that has this key; none if it is no key of ours."""
    if (match := _KEY.fullmatch(key)) is None:
        return None
    customer_id, journey, entry, step, occurrence = match.groups()
    return TouchIdentity(CustomerId(customer_id), JourneyName(journey), int(entry), StepId(step), int(occurrence))


@lru_cache(maxsize=4096)
def planned_touch(hash: ContentHash, step: StepId, channel: int) -> Touch:
    """What the gates must know of a step's touch on the channel in turn."""
    sent = planned_send(hash, step)
    assert isinstance(sent.step, Send)
    journey, template = definition(hash).journey, template_of(hash, step)
    return Touch(
        journey=journey.name,
        template=sent.step.template,
        message_class=template.message_class,
        channels=sent.step.channels,
        in_turn=channel,
        expires=sent.step.expires,
        product=sent.step.product,
        holds_on_cap=sent.step.on_cap == "hold" or journey.priority >= HOLDS_FROM,
        approval=template.approval,
        approved_until=template.approved_until,
        critical=template.critical,
    )


def planned_send(hash: ContentHash, step: StepId) -> PlannedStep:
    """A send step as the plan has it."""
    return definition(hash).plan.steps[step]


def template_of(hash: ContentHash, step: StepId) -> Template:
    """The text that the definition pinned for a send step."""
    sent = planned_send(hash, step).step
    assert isinstance(sent, Send)
    return definition(hash).templates[sent.template]
