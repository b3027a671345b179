"""Who answers for a channel that a worker does not have.

A deployment that has no such channel at all still has to refuse its touches, so that they go on to the next channel of
their step. But a worker that merely lacks a setting (during a roll-out, or by mistake) must not refuse what another
one delivers, nor lift the throttle of the queue. So it polls the queue only while no worker that has the channel does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

LOOK_AGAIN = timedelta(seconds=20)

_STANDS_IN = "stands-in"


class StandIn:
    """A worker for the queue of a channel, as long as nobody who has the channel polls it.

    `build` makes the worker, for an identity. Temporal remembers who polled for some minutes, so that a restart of the
    others does not count as their absence.
    """

    def __init__(self, client: Client, task_queue: str, build: Callable[[str], Worker]) -> None:
        self._client = client
        self._task_queue = task_queue
        self._build = build
        self._task: asyncio.Task[None] | None = None
        self.polls = False

    async def __aenter__(self) -> StandIn:
        self._task = asyncio.create_task(self._stand_in())
        return self

    async def __aexit__(self, *raised: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _stand_in(self) -> None:
        while True:
            if not await self._others_poll():
                async with self._build(f"{self._client.identity} {_STANDS_IN}"):
                    self.polls = True
                    while not await self._others_poll():  # noqa: ASYNC110 - asks a server
                        await asyncio.sleep(LOOK_AGAIN.total_seconds())
                self.polls = False
            await asyncio.sleep(LOOK_AGAIN.total_seconds())

    async def _others_poll(self) -> bool:
        """Whether somebody who has the channel polled lately; while Temporal does not say, all stays as it is."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        try:
            pollers = (await self._client.workflow_service.describe_task_queue(request)).pollers
        except RPCError:
            return not self.polls
        return any(not one.identity.endswith(_STANDS_IN) for one in pollers)
