"""Touches in flight: `send_message` activities whose answers have not come yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

from activities.contracts import SEND_LOST_AFTER, SendMessageRequest, SendMessageResult, channel_queue
from journeys.names import MessageClass
from rules.effects import SendMessage
from rules.gates import Answer
from rules.state import CustomerState
from rules.touches import planned_touch
from workflows.steady import SteadyTime

_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=3.0, maximum_interval=timedelta(minutes=5)
)

_PRIORITIES: Mapping[MessageClass, Priority] = MappingProxyType(
    {
        MessageClass.SERVICE: Priority(priority_key=1),
        MessageClass.EDUCATION: Priority(priority_key=3),
        MessageClass.ADVICE: Priority(priority_key=3),
        MessageClass.MARKETING: Priority(priority_key=5),
    }
)
"""Who goes first when a channel's queue is held back by its throttle: 1 before 5."""


@dataclass(slots=True)
class _InFlight:
    send: SendMessage
    patient_until: datetime
    handle: workflow.ActivityHandle[SendMessageResult]


class Sends:
    """The touches in flight, in the order they were started."""

    def __init__(self, time: SteadyTime) -> None:
        self._time = time
        self._flying: list[_InFlight] = []

    @property
    def in_flight(self) -> bool:
        """Whether any answer is still to come or to be taken."""
        return bool(self._flying)

    @property
    def any_answered(self) -> bool:
        """Whether an answer has come."""
        return any(one.handle.done() for one in self._flying)

    def start(self, state: CustomerState, send: SendMessage) -> None:
        """Hand a touch to the queue of its channel; not twice."""
        if any(one.send == send for one in self._flying):
            return
        assert state.numbers is not None
        touch = planned_touch(send.definition, send.step, send.channel)
        handle = workflow.start_activity(
            "send_message",
            SendMessageRequest(
                state.customer_id,
                send,
                replace(state.clock, grace=state.grace),
                state.folded,
                tuple(state.folded_ahead),
            ),
            result_type=SendMessageResult,
            task_queue=channel_queue(touch.channels[send.channel], workflow.info().task_queue),
            start_to_close_timeout=SEND_LOST_AFTER,
            retry_policy=_RETRY,
            priority=_PRIORITIES[touch.message_class],
            summary=f"{send.journey}: {send.step}",
        )
        self._flying.append(_InFlight(send, self._time.now + state.numbers.patience, handle))

    def answered(self, state: CustomerState) -> list[Answer]:
        """The answers that have come, in the order the touches were started; they are in flight no more."""
        done = [one for one in self._flying if one.handle.done()]
        self._flying = [one for one in self._flying if not one.handle.done()]
        answers = []
        for one in done:
            try:
                answers.append(one.handle.result().answer)
            except ActivityError:
                self.start(state, one.send)
        return answers

    def hold_back(self, happening: datetime) -> bool:
        """Whether a happening has to wait for the answer of a touch that was due before it.

        So the run's next steps come before what happened after them, as in event time; but a provider that hangs
        keeps nothing waiting longer than patience lasts.
        """
        return any(one.send.asked_for <= happening and one.patient_until > self._time.now for one in self._flying)

    def patient_until(self) -> datetime:
        """Until when the touch that was started first may still hold back what comes after it."""
        untils = [one.patient_until for one in self._flying if one.patient_until > self._time.now]
        return min(untils, default=self._time.now)
