"""What `starter.py check` says of a journey beyond its soundness: what its paths lead to, and what the house allows.

Each problem is a sentence that says how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from journeys.caps import CAPS, Cap
from journeys.channels import CARRIES
from journeys.events import EventType, account_opened, deposit_made, trade_executed, wealth_product_purchased
from journeys.language import short
from journeys.names import Channel, MessageClass, StepId
from journeys.published import Published
from journeys.words import AnyStep, AwardPoints, End, Journey, Send, WaitFor, all_steps
from rules.busy import busiest
from rules.path import Path, PlannedTouch

REWARD_NEEDS_APPROVAL: tuple[EventType, ...] = (
    account_opened,
    deposit_made,
    trade_executed,
    wealth_product_purchased,
)
"""Gifts for these are legally risky: points that follow from one need an approval (compliance.md)."""


Carries = Mapping[Channel, frozenset[MessageClass]]


def problems_of(value: Published, paths: Sequence[Path], carries: Carries = CARRIES) -> Iterator[str]:
    """What is wrong with a journey, given its paths and what each channel may carry."""
    journey = value.journey
    for problems in (
        _weaker_than_its_texts(value),
        _sends_without_channel(value, carries),
        _paths_cut_short(journey, paths),
        _paths_over_a_cap(paths),
        _unapproved_rewards(journey, paths),
    ):
        for problem in problems:
            yield f"{journey.name}: {problem}"


def _weaker_than_its_texts(value: Published) -> Iterator[str]:
    """Who reads the purpose would expect less."""
    classes = list(MessageClass)
    for template in value.templates.values():
        name = template.message_class.value
        if classes.index(template.message_class) > classes.index(MessageClass(value.journey.purpose)):
            yield (
                f"its purpose is {value.journey.purpose!r}, and template {template.name!r} is of class {name!r}:"
                f" set purpose={name!r}, or send another text."
            )


def _sends_without_channel(value: Published, carries: Carries) -> Iterator[str]:
    for step in all_steps(value.journey.steps):
        if not isinstance(step, Send):
            continue
        message_class = value.templates[step.template].message_class
        if not any(message_class in carries[channel] for channel in step.channels):
            able = ", ".join(channel for channel, classes in carries.items() if message_class in classes)
            yield (
                f"step {step.id!r} sends {message_class.value} on {', '.join(step.channels)} only, which may not carry"
                f" it: add one of {able}."
            )


def _paths_cut_short(journey: Journey, paths: Sequence[Path]) -> Iterator[str]:
    """Steps that `ends_after` takes away from a path, each once, where the journey is to come to something."""
    outcomes = [step for step in all_steps(journey.steps) if isinstance(step, End)]
    if journey.goal is None and not outcomes:
        return
    cut = {path.missed: path for path in reversed(paths) if path.missed is not None}
    for step in all_steps(journey.steps):
        if path := cut.get(step.id):
            yield (
                f"step {step.id!r} is never reached in time on this path: {path.told()}. Make ends_after longer than"
                f" {short(journey.ends_after)}, or a wait before it shorter."
            )


def _paths_over_a_cap(paths: Sequence[Path]) -> Iterator[str]:
    for cap in CAPS:
        busy = busiest(paths, cap.within, partial(_counts, cap))
        if busy is not None and len(busy.touches) > cap.touches:
            yield (
                f"{busy.told()} ({', '.join(touch.step for touch in busy.touches)}), where {_told(cap)}, on this path:"
                f" {busy.path.told()}. Put a wait between them, or take one out."
            )


def _counts(cap: Cap, touch: PlannedTouch) -> bool:
    """A touch counts on each of its channels: it goes out on the first that lets it pass."""
    return touch.message_class in cap.classes and (cap.channel is None or cap.channel in touch.channels)


def _told(cap: Cap) -> str:
    channel = f" by {cap.channel}" if cap.channel else ""
    classes = " or ".join(one for one in MessageClass if one in cap.classes)
    return f"{cap.touches} of class {classes}{channel} may go in {short(cap.within)}"


def _unapproved_rewards(journey: Journey, paths: Sequence[Path]) -> Iterator[str]:
    steps = {step.id: step for step in all_steps(journey.steps)}
    rewards = dict(found for path in reversed(paths) for found in _rewards(journey, steps, path))
    for step in all_steps(journey.steps):
        if isinstance(step, AwardPoints) and step.approval is None and step.id in rewards:
            yield (
                f"step {step.id!r} gives points for {rewards[step.id]}, which needs an approval: name its number with"
                " approval=…, or award them for something else."
            )


def _rewards(journey: Journey, steps: Mapping[StepId, AnyStep], path: Path) -> Iterator[tuple[StepId, EventType]]:
    """The awards on a path that follow from an event which must not be rewarded: it was the last thing waited for.

    Time that merely passes in between changes nothing about what the points are for.
    """
    because: Sequence[object] = journey.starts_on
    for moment in path.moments:
        match steps[moment.step]:
            case WaitFor():
                because = moment.came
            case AwardPoints():
                yield from ((moment.step, event) for event in REWARD_NEEDS_APPROVAL if event in because)
            case _:
                pass
