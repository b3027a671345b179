"""The least that Temporal can be asked to do: what is measured against."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from temporalio import activity, workflow


@workflow.defn(name="Bare")
class Bare:
    """One signal, an activity, a timer, an activity; no attributes, no rows, no lifecycle."""

    def __init__(self) -> None:
        self._registered = False

    @workflow.signal
    def record_event(self, event: dict[str, Any]) -> None:
        """The customer registered."""
        self._registered = True

    @workflow.run
    async def run(self, wait_seconds: float) -> None:
        """Two messages with a wait between them."""
        await workflow.wait_condition(lambda: self._registered)
        await workflow.execute_activity("first_push", start_to_close_timeout=timedelta(seconds=30))
        await workflow.sleep(wait_seconds)
        await workflow.execute_activity("second_push", start_to_close_timeout=timedelta(seconds=30))


class Pushes:
    """Two activities that do nothing; the second counts."""

    def __init__(self, finished: Synchronized[int]) -> None:
        self._finished = finished

    @activity.defn
    async def first_push(self) -> None:
        """Nothing."""

    @activity.defn
    async def second_push(self) -> None:
        """The journey is over."""
        with self._finished.get_lock():
            self._finished.value += 1


@workflow.defn(name="Counting")
class Counting:
    """Counts signals, for ever."""

    def __init__(self) -> None:
        self._count = 0

    @workflow.signal
    def record_event(self, event: dict[str, Any]) -> None:
        """One more."""
        self._count += 1

    @workflow.run
    async def run(self, start: dict[str, Any]) -> None:
        """Wait for what never comes."""
        await workflow.wait_condition(lambda: self._count < 0)


@workflow.defn(name="CustomerLifecycle")
class CountingUnderOurName:
    """The same at our address, for a sender that knows no other."""

    def __init__(self) -> None:
        self._count = 0

    @workflow.signal
    def record_event(self, event: dict[str, Any]) -> None:
        """One more."""
        self._count += 1

    @workflow.run
    async def run(self, start: dict[str, Any]) -> None:
        """Wait for what never comes."""
        await workflow.wait_condition(lambda: self._count < 0)
