"""The calls of the customer workflow into the world, by their activity names."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.contracts import (
    CheckConversionRequest,
    ConditionsEvaluated,
    ConversionChecked,
    EvaluateConditionsRequest,
    OutcomesRecorded,
    RecordedBatch,
    RecordEventsRequest,
    RecordOutcomesRequest,
    ResolveTimeRequest,
    TimeResolved,
)
from rules.state import CustomerState

Result = TypeVar("Result")

_START_TO_CLOSE = timedelta(seconds=5)
# Beyond this back-off a retry waits in the server, not in a worker: customers who wait for a database that is
# down must not block those who do not (architecture.md, "Local activities").
_LOCAL_RETRY_THRESHOLD = timedelta(seconds=1)
_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=3.0, maximum_interval=timedelta(minutes=5)
)


async def record_events(request: RecordEventsRequest) -> RecordedBatch:
    """One transaction for a batch of deliveries."""
    _stamp(request.state)
    return await _locally("record_events", request, RecordedBatch, f"{len(request.deliveries)} event(s)")


async def record_outcomes(request: RecordOutcomesRequest) -> OutcomesRecorded:
    """One transaction for the rows that a happening led to."""
    _stamp(request.state)
    rows = [*(f"stage {one.to_stage}" for one in request.stage_changes), *_ends(request)]
    return await _locally("record_outcomes", request, OutcomesRecorded, ", ".join(rows) or None)


async def check_conversion(request: CheckConversionRequest) -> ConversionChecked:
    """Ask the books before `otherwise` is taken."""
    summary = f"{request.check.journey}: {request.check.event} by now?"
    return await _locally("check_conversion", request, ConversionChecked, summary)


async def evaluate_conditions(request: EvaluateConditionsRequest) -> ConditionsEvaluated:
    """Ask which of a step's conditions holds; the answer is recorded."""
    summary = f"{request.asked.journey}: {request.asked.step}?"
    return await _locally("evaluate_conditions", request, ConditionsEvaluated, summary)


async def resolve_time(request: ResolveTimeRequest) -> TimeResolved:
    """Find a time of the day where the customer lives."""
    summary = f"{request.asked.journey}: when is {request.asked.step}?"
    return await _locally("resolve_time", request, TimeResolved, summary)


async def _locally(name: str, request: object, result: type[Result], summary: str | None) -> Result:
    answer: Result = await workflow.execute_local_activity(
        name,
        request,
        result_type=result,
        start_to_close_timeout=_START_TO_CLOSE,
        local_retry_threshold=_LOCAL_RETRY_THRESHOLD,
        retry_policy=_RETRY,
        summary=summary,
    )
    return answer


def _stamp(state: CustomerState) -> None:
    """Date the state later than it was told before: a worker that comes late must not put an older one in its place."""
    now = workflow.now()
    state.as_of = now if state.as_of is None else max(now, state.as_of + timedelta.resolution)


def _ends(request: RecordOutcomesRequest) -> list[str]:
    return [f"{one.journey} ended: {one.outcome}" for one in request.ended]
