"""The two-message onboarding, written by hand for Temporal: this one journey and nothing else.

The same rows in the same tables, the same two sends through the same gates, the same search attributes and the
lifecycle timer. What it does without is what the product is for: no second journey, no definition that can be
edited, no stored state, no card, no quarantine, no event time beyond this path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from activities.contracts import SendMessageRequest, SendMessageResult, channel_queue
    from bench.handwritten_books import (
        ACCOUNT_OPENED,
        JOURNEY,
        CustomerEvent,
        EventToRecord,
        OnboardingEnd,
        OnboardingOpened,
        Question,
    )
    from journeys.names import Channel, ContentHash, CustomerId, JourneyName, StepId
    from rules.clock import Clock
    from rules.effects import SendMessage

CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
LIFECYCLE_STAGE = SearchAttributeKey.for_keyword("LifecycleStage")
MEMBER_TIER = SearchAttributeKey.for_keyword("MemberTier")
NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")
JOURNEYS = SearchAttributeKey.for_keyword_list("Journeys")
JOURNEY_STEPS = SearchAttributeKey.for_keyword_list("JourneySteps")

FIRST_WAIT, SECOND_WAIT, INACTIVE_AFTER = timedelta(days=3), timedelta(days=7), timedelta(days=180)
_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=3.0, maximum_interval=timedelta(minutes=5)
)


@dataclass(slots=True)
class OnboardingInput:
    """The start input: the clock that the bench speeds up."""

    clock: Clock = field(default_factory=Clock)


@workflow.defn(name="HandwrittenOnboarding")
class HandwrittenOnboarding:
    """A customer's onboarding, then the wait for them to drift away."""

    @workflow.init
    def __init__(self, start: OnboardingInput) -> None:
        self._clock = start.clock
        self._customer_id = CustomerId(workflow.info().workflow_id.removeprefix("customer:"))
        self._inbox: list[CustomerEvent] = []
        self._known: dict[str, None] = {}
        self._sequence = 1

    @workflow.signal
    def record_event(self, event: CustomerEvent) -> None:
        """Take an event, once."""
        if event.event_id not in self._known:
            self._known[event.event_id] = None
            self._inbox.append(event)

    @workflow.run
    async def run(self, start: OnboardingInput) -> None:
        """Welcome, wait for the account, remind, wait, end; then the lifecycle."""
        await workflow.wait_condition(lambda: bool(self._inbox))
        registered = self._inbox.pop(0)
        definition = await self._locally("open_onboarding", OnboardingOpened(self._customer_id, registered), str)
        outcome, ended_at = await self._onboard(registered.occurred_at, ContentHash(definition))
        await self._locally("end_onboarding", OnboardingEnd(self._customer_id, outcome, ended_at))
        idle_until = registered.occurred_at + INACTIVE_AFTER
        workflow.upsert_search_attributes(
            [
                NEXT_ACTION_AT.value_set(self._real(idle_until)),
                JOURNEYS.value_unset(),
                JOURNEY_STEPS.value_unset(),
            ]
        )
        await self._comes("trade_executed", idle_until, "lifecycle: inactive until then?")

    async def _onboard(self, registered_at: datetime, definition: ContentHash) -> tuple[str, datetime]:
        await self._send(definition, "welcome", registered_at)
        due = registered_at + FIRST_WAIT
        self._show_first(due)
        if await self._comes(ACCOUNT_OPENED, due, "account opened?"):
            return "completed", due
        await self._send(definition, "open-account-reminder", due)
        last = due + SECOND_WAIT
        self._show("account_opened-within-7d", last)
        if await self._comes(ACCOUNT_OPENED, last, "account opened after all?"):
            return "completed", last
        return "not interested", last

    async def _comes(self, name: str, due: datetime, summary: str) -> bool:
        """Whether an event comes before a time; the books are asked before it is said that it did not."""
        # Also a time that is past waits: an event of before may be on its way.
        until = max(self._real(due), workflow.now()) + self._clock.grace
        while (left := until - workflow.now()) > timedelta(0) or self._inbox:
            try:
                await workflow.wait_condition(
                    lambda: bool(self._inbox), timeout=max(left, timedelta(milliseconds=1)), timeout_summary=summary
                )
            except TimeoutError:
                break
            if name in [event.name for event in await self._take_in()]:
                return True
        return bool(await self._locally("has_happened", Question(self._customer_id, name, due), bool))

    async def _take_in(self) -> list[CustomerEvent]:
        events, self._inbox = self._inbox, []
        for event in events:
            self._sequence += 1
            await self._locally("record_event", EventToRecord(self._customer_id, self._sequence, event))
        return events

    async def _send(self, definition: ContentHash, step: str, due: datetime) -> None:
        send = SendMessage(JourneyName(JOURNEY), 1, definition, StepId(step), due, due, 0)
        await workflow.execute_activity(
            "send_message",
            SendMessageRequest(self._customer_id, send, self._clock, self._sequence),
            result_type=SendMessageResult,
            task_queue=channel_queue(Channel.APP_PUSH, workflow.info().task_queue),
            start_to_close_timeout=timedelta(seconds=30),
            summary=step,
        )

    async def _locally(self, activity: str, request: Any, answer: type[Any] | None = None) -> Any:
        return await workflow.execute_local_activity(
            activity,
            request,
            result_type=answer,
            start_to_close_timeout=timedelta(seconds=5),
            local_retry_threshold=timedelta(seconds=1),
            retry_policy=_RETRY,
        )

    def _show_first(self, due: datetime) -> None:
        workflow.upsert_search_attributes(
            [
                CUSTOMER_ID.value_set(self._customer_id),
                LIFECYCLE_STAGE.value_set("introduction"),
                MEMBER_TIER.value_set("registered"),
                NEXT_ACTION_AT.value_set(self._real(due)),
                JOURNEYS.value_set([JOURNEY]),
                JOURNEY_STEPS.value_set([f"{JOURNEY}:account_opened-within-3d"]),
            ]
        )

    def _show(self, step: str, due: datetime) -> None:
        workflow.upsert_search_attributes(
            [NEXT_ACTION_AT.value_set(self._real(due)), JOURNEY_STEPS.value_set([f"{JOURNEY}:{step}"])]
        )

    def _real(self, business: datetime) -> datetime:
        return self._clock.real(business)
