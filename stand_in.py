"""Who answers for a channel that a worker does not have.

A deployment that has no such channel at all still has to refuse its touches, so that they go on to the next channel of
their step. But a worker that merely lacks a setting (during a roll-out, or by mistake) must not refuse what another
one delivers, nor lift the throttle of the queue. So it polls the queue only while no worker that has the channel does,
and has not for some minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from background import in_background
from errors import EngineError

_STANDS_IN = "stands-in"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often is looked who polls, and for how long nobody who has the channel must have been there.

    Five minutes is how long Temporal itself remembers who polled. After a restart it remembers nobody, and one look
    says nothing.
    """

    look_again: timedelta = timedelta(seconds=20)
    absent_for: timedelta = timedelta(minutes=5)

    @property
    def looks(self) -> int:
        """So many looks in a row span that time."""
        return -(-self.absent_for // self.look_again) + 1


PATIENCE = Patience()


class Absence:
    """Nobody who has the channel was there, at as many looks in a row as patience asks for."""

    def __init__(self, patience: Patience) -> None:
        self._needed = patience.looks
        self.looks = 0

    def noted(self, others_poll: bool | None) -> bool:
        """Take note of a look (none if Temporal did not say); whether nobody has been there for long enough."""
        self.looks = self.looks + 1 if others_poll is False else 0
        return self.looks >= self._needed


class StandIn:
    """A worker for the queue of a channel, as long as nobody who has the channel polls it.

    `build` makes the worker, for an identity. If that worker fails, the block that this was entered for ends with
    `EngineError`.
    """

    def __init__(
        self, client: Client, task_queue: str, build: Callable[[str], Worker], patience: Patience = PATIENCE
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._build = build
        self._pause = patience.look_again.total_seconds()
        self._background: AbstractAsyncContextManager[None] | None = None
        self.absence = Absence(patience)
        self.polls = False

    async def __aenter__(self) -> StandIn:
        self._background = in_background(self._look_and_stand_in())
        await self._background.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> bool | None:
        assert self._background is not None
        return await self._background.__aexit__(*raised)  # type: ignore[arg-type]

    async def _look_and_stand_in(self) -> None:
        while True:
            if self.absence.noted(await self._others_poll()):
                await self._stand_in()
            await asyncio.sleep(self._pause)

    async def _stand_in(self) -> None:
        """Until somebody who has the channel is there; while Temporal does not say, all stays as it is."""
        try:
            async with self._build(f"{self._client.identity} {_STANDS_IN}"):
                self.polls = True
                while not await self._others_poll():  # noqa: ASYNC110 - asks a server
                    await asyncio.sleep(self._pause)
        except RuntimeError as error:
            raise EngineError(
                f"Nobody has the channel of the task queue {self._task_queue}, and the worker that refuses its touches"
                f" has failed ({error}): start this worker again, and look at Temporal if it fails again."
            ) from error
        self.polls = False
        self.absence.noted(others_poll=True)

    async def _others_poll(self) -> bool | None:
        """Whether somebody who has the channel polled lately; none while Temporal does not say."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        try:
            pollers = (await self._client.workflow_service.describe_task_queue(request)).pollers
        except RPCError:
            return None
        return any(not one.identity.endswith(_STANDS_IN) for one in pollers)
