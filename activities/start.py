"""The start input of a customer's workflow, as plain data. Reading it cannot fail.

Here and not in `workflows/`: what is built at import, as the adapters are, would be built anew for every workflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pydantic import TypeAdapter, ValidationError

from activities.contracts import Delivery
from rules.clock import Clock
from rules.state import CustomerState

FASTEST = 1e9
LONGEST_GRACE = timedelta(hours=1)
ANCHORS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


@dataclass(slots=True)
class LifeInput:
    """The start input. Senders give `{}`; a player adds a clock; a run that continues another has its state.

    `continue_after` stands in the place of the engine's own number, where a simulation is allowed.
    """

    clock: Clock | None = None
    state: CustomerState | None = None
    continue_after: int | None = None


_INPUT: TypeAdapter[LifeInput] = TypeAdapter(LifeInput)
_CLOCK: TypeAdapter[Clock] = TypeAdapter(Clock)


def life_input(argument: bytes, *, continued: bool) -> LifeInput:
    """The start input, or the default for one that is none of ours: a wrong input must not keep a customer out.

    Only a run that continues another may bring a state: nobody else can know it.
    """
    if continued:
        # A worker that cannot read the state must leave the task to one that can: it would begin a second life.
        return _INPUT.validate_json(argument)
    try:
        given = _INPUT.validate_json(argument)
    except ValidationError:
        return LifeInput()
    clock = given.clock if given.clock is not None and _runs(given.clock) else None
    after = given.continue_after
    return LifeInput(clock, None, after if after is not None and after > 0 else None)


def clock_from(delivery: Delivery) -> Clock | None:
    """The clock in a delivery, if it is one."""
    try:
        clock = _CLOCK.validate_json(delivery.arguments[0][1]) if delivery.arguments else None
    except ValidationError:
        return None
    return clock if clock is not None and _runs(clock) else None


def _runs(clock: Clock) -> bool:
    """Whether it can be reckoned with: forwards, from points in time, without leaving the calendar."""
    points = ((clock.real_anchor, clock.business_anchor), *clock.bends)
    times = [time for point in points for time in point]
    return (
        all(time.utcoffset() is not None and ANCHORS[0] <= time <= ANCHORS[1] for time in times)
        and all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(points))
        and 0 < clock.speed <= FASTEST
        and timedelta(0) <= clock.grace <= LONGEST_GRACE
    )
