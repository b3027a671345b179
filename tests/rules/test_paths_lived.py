"""Customers really walk the paths: who does what one says has its touches, on its days, and its end, on paper."""

from __future__ import annotations

from itertools import count
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeys.events import (
    account_opened,
    app_opened,
    app_registered,
    checked_in,
    deposit_made,
    feature_used,
    questionnaire_completed,
    trade_executed,
)
from journeys.language import (
    any_of,
    arm,
    award_points,
    days,
    end,
    goal,
    hours,
    journey,
    repeat,
    send,
    split,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.words import AnyStep, Journey
from tests.walking import check_lived, walked

LOOKED_AT = 60

GUIDED = journey(
    name="guided",
    version=1,
    starts_on=app_registered,
    goal=goal(trade_executed, within=days(30)),
    ends_after=days(45),
    purpose="marketing",
    steps=(
        send("welcome"),
        wait_for(
            account_opened,
            within=days(3),
            otherwise=[
                send("open-account-reminder"),
                wait_for(account_opened, within=days(7), otherwise=[end("not interested")]),
            ],
        ),
        wait_for(questionnaire_completed, within=days(2), then=[award_points(50, reason="questionnaire")]),
        wait_for(deposit_made, within=days(7), otherwise=[send("first-product")]),
        repeat(
            [wait_for(checked_in, within=days(1), since="step", otherwise=[send("welcome", id="miss")])],
            every=days(2),
            up_to=3,
        ),
        wait_for(trade_executed, within=days(3), otherwise=[send("last-word")]),
    ),
)


class Writer:
    """Writes journeys by chance."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers = count(1)
        # One time of the day is enough: an instant after it, the next is a day later.
        self._once = ["wait_until", "split"]

    def journey(self) -> Journey:
        """A journey of a few steps, some inside others."""
        steps = [send("welcome", id="begin"), *self._steps(depth=2)]
        ends_after = days(self._random.choice([9.01, 60]))
        return journey(name="random", version=1, starts_on=app_registered, ends_after=ends_after, steps=steps)

    def _steps(self, depth: int, *, looped: bool = False) -> list[AnyStep]:
        return [self._step(self._kind(looped), depth - 1, looped) for _ in range(self._random.randint(1, 3))]

    def _kind(self, looped: bool) -> str:
        kind = self._random.choice(["send", "wait", "wait_for", *([] if looped else ["when", "repeat", *self._once])])
        self._once = [one for one in self._once if one != kind]
        return kind

    def _inside(self, depth: int, looped: bool) -> list[AnyStep]:
        return self._steps(depth, looped=looped) if depth > 0 and self._random.random() < 0.7 else []

    def _step(self, kind: str, depth: int, looped: bool) -> AnyStep:
        id = f"{kind.replace('_', '-')}-{next(self._numbers)}"
        match kind:
            case "wait":
                return wait(hours(self._random.choice([5, 24, 60])), id=id)
            case "wait_until":
                return wait_until("10:30", id=id)
            case "wait_for":
                several = any_of(*self._random.sample([app_opened, feature_used, checked_in], 2))
                singly = (account_opened,), (app_opened,), (deposit_made,), (feature_used,)
                events = self._random.choice([*singly, several])
                then, otherwise = self._inside(depth, looped), self._inside(depth, looped)
                within = hours(self._random.choice([7, 48]))
                return wait_for(events, within=within, then=then, otherwise=otherwise, id=id)
            case "when":
                branches = [(tag(f"{id}-{number}"), self._inside(depth, looped)) for number in (1, 2)]
                return when(*branches, otherwise=self._inside(depth, looped), id=id)
            case "split":
                return split("s", arm("a", 50, self._inside(depth, looped)), arm("b", 50), id=id)
            case "repeat":
                return repeat(self._steps(depth, looped=True), every=days(2), up_to=3, id=id)
            case _:
                return send("welcome", id=id)


def test_customers_walk_every_path_of_a_guide() -> None:
    """Milestones, data, points, a repeat and an end."""
    check_lived(GUIDED, walked(GUIDED))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32))
@example(75810)  # Of two events one came, and only one of the two overtakes what is sent.
def test_customers_walk_the_paths_of_any_journey(seed: int) -> None:
    """Journeys put together by chance; of each, some of its paths."""
    random = Random(seed)
    one = Writer(random).journey()
    paths = list(walked(one))
    check_lived(one, random.sample(paths, min(len(paths), LOOKED_AT)))
