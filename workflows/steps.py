"""The calls of the customer workflow into the world, by their activity names."""

from __future__ import annotations

from datetime import timedelta

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
    batch: RecordedBatch = await workflow.execute_local_activity(
        "record_events",
        request,
        result_type=RecordedBatch,
        start_to_close_timeout=_START_TO_CLOSE,
        local_retry_threshold=_LOCAL_RETRY_THRESHOLD,
        retry_policy=_RETRY,
        summary=f"{len(request.deliveries)} event(s)",
    )
    return batch


async def record_outcomes(request: RecordOutcomesRequest) -> OutcomesRecorded:
    """One transaction for the rows that a happening led to."""
    _stamp(request.state)
    recorded: OutcomesRecorded = await workflow.execute_local_activity(
        "record_outcomes",
        request,
        result_type=OutcomesRecorded,
        start_to_close_timeout=_START_TO_CLOSE,
        local_retry_threshold=_LOCAL_RETRY_THRESHOLD,
        retry_policy=_RETRY,
        summary=", ".join([*(f"stage {one.to_stage}" for one in request.stage_changes), *_ends(request)]) or None,
    )
    return recorded


async def check_conversion(request: CheckConversionRequest) -> ConversionChecked:
    """Ask the books before `otherwise` is taken."""
    checked: ConversionChecked = await workflow.execute_local_activity(
        "check_conversion",
        request,
        result_type=ConversionChecked,
        start_to_close_timeout=_START_TO_CLOSE,
        local_retry_threshold=_LOCAL_RETRY_THRESHOLD,
        retry_policy=_RETRY,
        summary=f"{request.check.journey}: {request.check.event} by now?",
    )
    return checked


async def evaluate_conditions(request: EvaluateConditionsRequest) -> ConditionsEvaluated:
    """Ask which of a step's conditions holds; the answer is recorded."""
    evaluated: ConditionsEvaluated = await workflow.execute_local_activity(
        "evaluate_conditions",
        request,
        result_type=ConditionsEvaluated,
        start_to_close_timeout=_START_TO_CLOSE,
        local_retry_threshold=_LOCAL_RETRY_THRESHOLD,
        retry_policy=_RETRY,
        summary=f"{request.asked.journey}: {request.asked.step}?",
    )
    return evaluated


async def resolve_time(request: ResolveTimeRequest) -> TimeResolved:
    """Find a time of the day where the customer lives."""
    resolved: TimeResolved = await workflow.execute_local_activity(
        "resolve_time",
        request,
        result_type=TimeResolved,
        start_to_close_timeout=_START_TO_CLOSE,
        local_retry_threshold=_LOCAL_RETRY_THRESHOLD,
        retry_policy=_RETRY,
        summary=f"{request.asked.journey}: when is {request.asked.step}?",
    )
    return resolved


def _stamp(state: CustomerState) -> None:
    """Date the state later than it was told before: a worker that comes late must not put an older one in its place."""
    now = workflow.now()
    state.as_of = now if state.as_of is None else max(now, state.as_of + timedelta.resolution)


def _ends(request: RecordOutcomesRequest) -> list[str]:
    return [f"{one.journey} ended: {one.outcome}" for one in request.ended]
