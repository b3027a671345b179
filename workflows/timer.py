"""One timer for the earliest deadline, lazy where it may be."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

from rules.life import Deadline, What
from workflows.steady import SteadyTime

_LAZY = (What.STAGE, What.FORGET)
LONGEST = timedelta(days=365)
"""A timer for later than that fires early and is armed for the rest."""


class LazyTimer:
    """Wakes the loop at a deadline.

    Activity moves the deadlines of the lifecycle all the time, and arrivals put off a deadline that is past; a timer
    for one of those is left as it is, fires early, and is armed for the rest. Any other change of the earliest deadline
    re-arms it.
    """

    def __init__(self, time: SteadyTime) -> None:
        self._time = time
        self._task: asyncio.Task[None] | None = None
        self._what: What | None = None
        self._due: datetime | None = None
        self._wakes_at: datetime | None = None
        self.fires_at: datetime | None = None
        """Real time at which the timer fires; none when nothing is to come."""

    @property
    def fired(self) -> bool:
        """Whether it is time to look."""
        return self._task is not None and self._task.done()

    def arm(self, deadline: Deadline | None, fires_at: datetime | None) -> None:
        """See to it that the loop wakes when the deadline acts, in real time, or before."""
        if deadline is None or fires_at is None:
            self.cancel()
            return
        if self._task is not None and not self._task.done() and self._still_good(deadline, fires_at):
            return
        self.cancel()
        # A timer counts whole milliseconds: one more, or it would fire a moment too early and be armed again.
        self._wakes_at = min(fires_at, self._time.now + LONGEST)
        delay = max(self._wakes_at - workflow.now(), timedelta(0)) + timedelta(milliseconds=1)
        self._what, self._due, self.fires_at = deadline.what, deadline.at, fires_at
        self._task = asyncio.create_task(workflow.sleep(delay, summary=_summary(deadline)))

    def acknowledge(self) -> None:
        """The loop is awake: a timer that has fired has done its work."""
        if self.fired and self._wakes_at is not None:
            self._time.reached(self._wakes_at)
            self.cancel()

    def cancel(self) -> None:
        """Forget the timer."""
        if self._task is not None:
            self._task.cancel()
        self._task, self._what, self._due, self._wakes_at, self.fires_at = None, None, None, None, None

    def _still_good(self, deadline: Deadline, fires_at: datetime) -> bool:
        if self.fires_at is None or fires_at < self.fires_at:
            return False
        return fires_at == self.fires_at or self._what in _LAZY or deadline.at == self._due


def _summary(deadline: Deadline) -> str:
    """What a person reads beside the timer."""
    match deadline.what:
        case What.STAGE:
            return "lifecycle: inactive until then?"
        case What.STEP | What.END:
            assert deadline.run is not None
            step = deadline.run.step if deadline.what is What.STEP else "ends"
            return f"{deadline.run.journey}: {step}"
        case What.FORGET:
            return "nothing left to do"
