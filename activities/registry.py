"""The activities as Temporal knows them: one method for each verb, under the verb's own name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from temporalio import activity

from activities.check_conversion import check_conversion
from activities.contracts import (
    SEND_LOST_AFTER,
    CheckConversionRequest,
    ConditionsEvaluated,
    ConversionChecked,
    EvaluateConditionsRequest,
    OutcomesRecorded,
    RecordedBatch,
    RecordEventsRequest,
    RecordOutcomesRequest,
    ResolveTimeRequest,
    SendMessageRequest,
    SendMessageResult,
    TimeResolved,
)
from activities.evaluate_conditions import evaluate_conditions
from activities.record_events import record_events
from activities.record_outcomes import record_outcomes
from activities.resolve_time import resolve_time
from activities.send_message import send_message
from activities.world import World
from rules.gates import NextChannel, TryLater

log = structlog.stdlib.get_logger(__name__)

SEND_WITHIN = SEND_LOST_AFTER - timedelta(seconds=5)
"""Sooner than the server takes a try for lost, so that the next one seldom begins while it is still under way."""


class Activities:
    """The verbs, bound to a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def local(self) -> Sequence[Callable[..., Any]]:
        """Those that run beside the workflow: pure database work of some milliseconds."""
        return [
            self.record_events,
            self.record_outcomes,
            self.check_conversion,
            self.evaluate_conditions,
            self.resolve_time,
        ]

    @property
    def remote(self) -> Sequence[Callable[..., Any]]:
        """Those that run on the queue of a channel."""
        return [self.send_message]

    @activity.defn
    async def record_events(self, request: RecordEventsRequest) -> RecordedBatch:
        """Store a batch of deliveries."""
        batch = await record_events(self._world, request)
        if batch.rejected:
            log.warning("record_events", rejected=batch.rejected, workflow_run_id=activity.info().workflow_run_id)
        return batch

    @activity.defn
    async def record_outcomes(self, request: RecordOutcomesRequest) -> OutcomesRecorded:
        """Store what happenings led to."""
        return await record_outcomes(self._world, request)

    @activity.defn
    async def check_conversion(self, request: CheckConversionRequest) -> ConversionChecked:
        """Ask the books."""
        return await check_conversion(self._world, request)

    @activity.defn
    async def evaluate_conditions(self, request: EvaluateConditionsRequest) -> ConditionsEvaluated:
        """Answer a branch."""
        return await evaluate_conditions(self._world, request)

    @activity.defn
    async def resolve_time(self, request: ResolveTimeRequest) -> TimeResolved:
        """Find a local time."""
        return await resolve_time(self._world, request)

    @activity.defn
    async def send_message(self, request: SendMessageRequest) -> SendMessageResult:
        """Pass the gates, or not, and deliver. Raises `TimeoutError` if that takes too long; Temporal tries again."""
        async with asyncio.timeout(SEND_WITHIN.total_seconds()):
            result = await send_message(self._world, request)
        answer = result.answer
        # What a channel leaves open is for an operator: a wrong key of ours, say, leaves everything open.
        tell = log.warning if isinstance(answer, TryLater) else log.info
        tell(
            "send_message",
            customer_id=request.customer_id,
            journey=request.send.journey,
            step=request.send.step,
            answer=answer.kind,
            reason="" if isinstance(answer, NextChannel) else answer.reason,
        )
        return result
