"""Customers who walk the paths of a journey: each does what one path says, as a story on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import product
from typing import assert_never

from activities.local_time import resolve_local_time
from journeys.events import EventType, live_stream_watched
from journeys.language import happened, tag
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import (
    AnyStep,
    AwardPoints,
    ChangeTag,
    End,
    Journey,
    Repeat,
    Send,
    Split,
    Wait,
    WaitFor,
    WaitUntil,
    When,
    all_steps,
)
from rules.path import Path
from rules.paths import paths_of
from rules.ways import LAST_INSTANT
from tests.story import Story, story

DAY = timedelta(days=1)
INSTANT = timedelta(seconds=1) / DAY
STOP = live_stream_watched


def lives(told: Story, path: Path) -> Iterator[Story]:
    """The customers who do what a path says: where one of several events came, it may be any of them."""
    steps = {step.id: step for step in all_steps(told.journey.steps)}
    came = list[list[tuple[EventType, float]]]()
    for moment in path.moments:
        match steps[moment.step]:
            case When() if moment.what.startswith("branch"):
                told = told.of(tags=[f"{moment.step}-{moment.what.removeprefix('branch ')}"])
            case Split() as step:
                told = told.in_arm(step.name, moment.what.split()[1])
            case Send() as step if moment.what == "not sent":
                told = told.without_consent(templates()[step.template].message_class)
            case Repeat() if moment.what.startswith("stopped"):
                told = told.when(STOP, on_day=moment.at / DAY)
            case _ if moment.came and "had come" not in moment.what:
                # At the earliest is an instant after what came before.
                early = 0 if moment.timing == LAST_INSTANT else INSTANT * (len(came) + 1)
                came.append([(event, moment.at / DAY + early) for event in moment.came])
            case _:
                pass
    for events in product(*came):
        life = told
        for event, day in events:
            life = life.when(event, on_day=day)
        yield life


def check_lived(one: Journey, paths: Iterable[Path]) -> None:
    """The touches and the end of each path are those of a customer who walks it."""
    # What comes an instant after the very end of a path still comes.
    lived = story(one.model_copy(update={"ends_after": one.ends_after + timedelta(minutes=5)}))
    for path in paths:
        unsent = {moment.step for moment in path.moments if moment.what == "not sent"}
        refused = {touch.message_class for touch in path.touches if touch.step in unsent}
        # Whoever does not agree to what is not sent here does not agree to the class anywhere.
        sent = as_told((one.at, one.step) for one in path.touches if one.sent and one.message_class not in refused)
        told = [(_sent(life), life.ends()) for life in lives(lived, path)]
        assert (sent, as_told([(path.ends_at, path.outcome)])) in told, path.told()


def _sent(told: Story) -> list[str]:
    return [touch for touch in told.touches() if "(withheld: " not in touch]


def as_told(lines: Iterable[tuple[timedelta, str]]) -> list[str]:
    """As a story tells them."""
    return [f"day {at // DAY} {what}" for at, what in lines]


def walked(one: Journey) -> Iterator[Path]:
    """The paths of a journey that a customer can choose to walk: not those on which the goal comes."""
    value = with_templates(one, templates())
    return (path for path in paths_of(value, local_time=resolve_local_time) if path.outcome != "goal")


def with_branches_to_choose(one: Journey) -> Journey:
    """The journey with a tag of its own for each branch of a `when`, so that a customer can be told to take it.

    An event that means nothing to any journey stops a repeat that stops when something holds.
    """
    return one.model_copy(update={"steps": tuple(map(_to_choose, one.steps))})


def _to_choose(step: AnyStep) -> AnyStep:
    def inside(steps: Iterable[AnyStep]) -> tuple[AnyStep, ...]:
        return tuple(map(_to_choose, steps))

    match step:
        case When():
            branches = tuple(
                branch.model_copy(update={"condition": tag(f"{step.id}-{number}"), "steps": inside(branch.steps)})
                for number, branch in enumerate(step.branches, 1)
            )
            return step.model_copy(update={"branches": branches, "otherwise": inside(step.otherwise)})
        case Split():
            arms = tuple(arm.model_copy(update={"steps": inside(arm.steps)}) for arm in step.arms)
            return step.model_copy(update={"arms": arms})
        case WaitFor():
            return step.model_copy(update={"then": inside(step.then), "otherwise": inside(step.otherwise)})
        case WaitUntil():
            return step.model_copy(update={"then": inside(step.then)})
        case Repeat():
            until = None if step.until is None else happened(STOP)
            return step.model_copy(update={"steps": inside(step.steps), "until": until})
        case Send():
            return step.model_copy(update={"if_not_sent": inside(step.if_not_sent)})
        case Wait() | AwardPoints() | ChangeTag() | End():
            return step
        case _:
            assert_never(step)
