"""One timer for the earliest deadline, lazy where it may be."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

from rules.clock import Clock
from rules.life import Deadline, What

_LAZY = (What.STAGE, What.FORGET)
LONGEST = timedelta(days=365)
"""A timer for later than that fires early and is armed for the rest."""


class LazyTimer:
    """Wakes the loop at a deadline.

    Activity moves the deadlines of the lifecycle all the time; a timer for one of those is left as it is, fires
    early, and is armed for the rest. Any other change of the earliest deadline re-arms it.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._what: What | None = None
        self.fires_at: datetime | None = None
        """Real time at which the timer fires; none when nothing is to come."""

    @property
    def fired(self) -> bool:
        """Whether it is time to look."""
        return self._task is not None and self._task.done()

    def arm(self, clock: Clock, deadline: Deadline | None, grace: timedelta) -> None:
        """See to it that the loop wakes at the deadline (and its grace) or before."""
        fires_at = clock.real(deadline.at) + grace if deadline else None
        if self._task is not None and not self._task.done() and self._still_good(fires_at):
            return
        self.cancel()
        if deadline is None or fires_at is None:
            return
        # A timer counts whole milliseconds: one more, or it would fire a moment too early and be armed again.
        delay = min(max(fires_at - workflow.now(), timedelta(0)), LONGEST) + timedelta(milliseconds=1)
        self._what, self.fires_at = deadline.what, fires_at
        self._task = asyncio.create_task(workflow.sleep(delay, summary=_summary(deadline)))

    def acknowledge(self) -> None:
        """The loop is awake: a timer that has fired has done its work."""
        if self.fired:
            self.cancel()

    def cancel(self) -> None:
        """Forget the timer."""
        if self._task is not None:
            self._task.cancel()
        self._task, self._what, self.fires_at = None, None, None

    def _still_good(self, fires_at: datetime | None) -> bool:
        if fires_at is None or self.fires_at is None:
            return False
        return fires_at == self.fires_at or (self._what in _LAZY and fires_at > self.fires_at)


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
