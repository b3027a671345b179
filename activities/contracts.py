"""What workflows and activities say to each other: names, requests and results. Nothing here touches the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from journeys.lifecycle import LifecyclePolicy
from journeys.names import Channel, CustomerId, Language, Stage
from rules.clock import Clock
from rules.effects import (
    ArmAssigned,
    AskConditions,
    CheckConversion,
    CommandObeyed,
    EntryOffered,
    PointsAwarded,
    RecordedEvent,
    ResolveTime,
    RunChanged,
    RunEnded,
    SendMessage,
    StageChanged,
    TagChanged,
)
from rules.engine_numbers import EngineNumbers
from rules.entry import EntryDecided
from rules.gates import Answer
from rules.state import CustomerState

WORKFLOW_TYPE = "CustomerLifecycle"
SEND_LOST_AFTER = timedelta(seconds=30)
"""The server takes a try of a send for lost then, and begins the next."""
TASK_QUEUE = "sojourn"
RECORD_EVENT = "record_event"
ADJUST_CLOCK = "adjust_clock"


def workflow_id(customer_id: str) -> str:
    """The address of a customer (architecture.md, "The public contract")."""
    return f"customer:{customer_id}"


def customer_of(workflow_id: str) -> str:
    """The customer at an address. Of an id without the prefix the whole, marked so that it is no customer's.

    A backend that forgot the prefix would give a customer a second life beside the first.
    """
    prefix, colon, customer_id = workflow_id.partition(":")
    return customer_id if (prefix, colon) == ("customer", ":") else f":{workflow_id}"


def channel_queue(channel: Channel, task_queue: str = TASK_QUEUE) -> str:
    """The task queue that carries a channel's rate limit, beside the queue of the lives."""
    return f"{task_queue}-{channel}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signal as it came: its name, and each argument's encoding and raw bytes as Latin-1 text."""

    signal: str
    arguments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RecordEventsRequest:
    """Store these deliveries. The state is stored with them, as it was before they took effect.

    Without `answer` more follow at once: what has not taken effect is told with the last of them.
    """

    state: CustomerState
    deliveries: tuple[Delivery, ...]
    answer: bool = True


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """The first of what has not taken effect yet, by event time, and what the fold needs to know.

    `more` says that there are others behind them: they are told when these have taken effect.
    `policy` and `numbers` are there when they differ from the state's. `restored` is the stored life of a customer
    whose workflow had ended or was lost. `no_simulation` says that what a start input asks for beside the life as
    everybody lives it, a clock or a number, does not count here.
    """

    events: list[RecordedEvent]
    rejected: int
    rules_version: int
    language: Language
    policy: LifecyclePolicy | None = None
    numbers: EngineNumbers | None = None
    more: bool = False
    restored: CustomerState | None = None
    no_simulation: bool = False
    refused_id: bool = False
    """The workflow's id is no customer id: the deliveries are in quarantine, masked, and the workflow ends."""
    stored_rules: int = 0
    """The rules version of a stored life that is too new for this worker: nothing was written."""


@dataclass(frozen=True, slots=True)
class RecordOutcomesRequest:
    """Write these rows, decide these offers, and store the state with them: all or nothing."""

    state: CustomerState
    stage_changes: Sequence[StageChanged] = ()
    offers: Sequence[EntryOffered] = ()
    ended: Sequence[RunEnded] = ()
    awards: Sequence[PointsAwarded] = ()
    tags: Sequence[TagChanged] = ()
    arms: Sequence[ArmAssigned] = ()
    changes: Sequence[RunChanged] = ()
    obeyed: Sequence[CommandObeyed] = ()


@dataclass(frozen=True, slots=True)
class OutcomesRecorded:
    """The decisions on the offers, as they stand in the books."""

    decisions: list[EntryDecided] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CheckConversionRequest:
    """Ask the books whether an event happened, up to the deadline of the wait for it."""

    customer_id: CustomerId
    check: CheckConversion
    folded: int
    folded_ahead: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversionChecked:
    """The event, if the books know one; `folded` when it has taken effect already."""

    found: RecordedEvent | None = None
    folded: bool = False


@dataclass(frozen=True, slots=True)
class EvaluateConditionsRequest:
    """Ask which of a step's conditions holds, on what has taken effect. Stage and points are the workflow's."""

    customer_id: CustomerId
    asked: AskConditions
    stage: Stage | None
    points: int
    folded: int
    folded_ahead: tuple[int, ...] = ()
    tags: tuple[TagChanged, ...] = ()
    """Changes of tags that are not in the books yet."""


@dataclass(frozen=True, slots=True)
class ConditionsEvaluated:
    """The place of the first condition that holds, as it stands in the books; none if none does."""

    holds: int | None = None


@dataclass(frozen=True, slots=True)
class ResolveTimeRequest:
    """Ask when it is the time of the day that a step waits for, where the customer lives."""

    customer_id: CustomerId
    asked: ResolveTime


@dataclass(frozen=True, slots=True)
class TimeResolved:
    """That time, in UTC; past only if the step names a day that is."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SendMessageRequest:
    """One planned touch, for the channel in turn. `folded` and `folded_ahead` say which events had taken effect."""

    customer_id: CustomerId
    send: SendMessage
    clock: Clock
    folded: int
    folded_ahead: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SendMessageResult:
    """What the gate made of the touch."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class CustomerView:
    """The answer of the `view` query: the state, and whether anything is still to be done at once."""

    state: CustomerState
    busy: bool
    next_action_at: datetime | None = None
