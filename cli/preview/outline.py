"""A journey as a checklist: every step in reading order, with the days on which its turn may come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cli.preview.wording import DAY, title, ways
from cli.walked import Walked
from journeys.names import MessageClass, StepId
from journeys.words import AnyStep, AwardPoints, Send, WaitFor
from rules.path import Path

Times = Mapping[StepId, tuple[timedelta, timedelta]]


@dataclass(frozen=True, slots=True)
class Branch:
    """A way on from a step, with the steps that are only on it."""

    label: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A step as it is shown. `message_class` is that of a message, `note` what else is to be known."""

    step: AnyStep
    title: str
    note: str
    days: str
    branches: tuple[Branch, ...]
    message_class: MessageClass | None = None


def outline_of(walked: Walked) -> tuple[Item, ...]:
    """The steps of a journey, branches inside."""
    return _items(walked, walked.value.journey.steps, times_of(walked.paths))


def times_of(paths: Sequence[Path]) -> Times:
    """For each step that is on a path, when its turn comes at the earliest and at the latest."""
    times: dict[StepId, tuple[timedelta, timedelta]] = {}
    for path in paths:
        at = timedelta(0)
        for moment in path.moments:
            first, last = times.get(moment.step, (at, at))
            times[moment.step] = min(first, at), max(last, at)
            at = moment.at
    return times


def told(times: Times, step: StepId) -> str:
    """As 'day 3 to 10'."""
    if step not in times:
        return "never"
    first, last = (at // DAY for at in times[step])
    return f"day {first}" if first == last else f"day {first} to {last}"


def lines(items: Sequence[Item], indent: str = "") -> Iterator[str]:
    """The checklist as text, the days first."""
    for item in items:
        note = f"  ({item.note})" if item.note else ""
        yield f"{item.days:<16}{indent}☐ {item.title}{note}"
        for branch in item.branches:
            if branch.items:
                yield f"{'':<16}{indent}  {branch.label}:"
                yield from lines(branch.items, f"{indent}    ")


def _items(walked: Walked, steps: Sequence[AnyStep], times: Times) -> tuple[Item, ...]:
    return tuple(
        Item(
            step,
            title(step),
            _note(walked, step),
            told(times, step.id),
            tuple(Branch(way.label, _items(walked, way.steps, times)) for way in ways(step)),
            _class(walked, step),
        )
        for step in steps
    )


def _class(walked: Walked, step: AnyStep) -> MessageClass | None:
    return walked.value.templates[step.template].message_class if isinstance(step, Send) else None


def _note(walked: Walked, step: AnyStep) -> str:
    match step:
        case Send():
            product = [f"about {step.product}"] if step.product is not None else []
            return "; ".join([str(_class(walked, step)), ", ".join(step.channels), *product])
        case AwardPoints(approval=str() as approval):
            return f"approval {approval}"
        case WaitFor(then=(), otherwise=()):
            return "goes on either way"
        case _:
            return ""
