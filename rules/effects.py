"""What a happening leads to: rows for the books, and questions that only the world can answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from journeys.names import ContentHash, EventId, JourneyName, Stage, StepId
from rules.values import value


@value
class RecordedEvent:
    """An event as the fold needs it: what the store and the catalogue say of it.

    `sequence` is its place among the customer's events; `starts` that some journey starts on it; `data` has the fields
    that a journey asks for, no others; `recorded_at` is the real time at which the books took it.
    """

    sequence: int
    event_id: EventId
    name: str
    at: datetime
    milestone: bool = False
    starts: bool = False
    held_until: datetime | None = None
    data: dict[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None


@value
class StageChanged:
    """The customer came into a stage, dated at the due time of what caused it."""

    from_stage: Stage | None
    to_stage: Stage
    at: datetime
    cause: str


@value
class EntryOffered:
    """Something happened that journeys may start on: an event by its name, a stage change, or a command.

    `journey` names the only one that is meant: by a command, or when a slot became free for it. `caused_by` is the
    number of the event that led to it, if one did.
    """

    cause: str
    at: datetime
    from_stage: Stage | None = None
    to_stage: Stage | None = None
    caused_by: int | None = None
    happened_at: datetime | None = None
    """When that event happened, if it came so late that the change is dated when it came (rule 4 looks at it)."""
    event: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    journey: JourneyName | None = None
    key: str = ""


@value
class RunEnded:
    """A run ended, with an outcome of the engine (completed, goal, goal_late, expired, exit: …) or its own."""

    journey: JourneyName
    entry: int
    at: datetime
    outcome: str


@value
class PointsAwarded:
    """Points credited by a step; one row for each (journey, entry, step, occurrence)."""

    journey: JourneyName
    entry: int
    step: StepId
    at: datetime
    points: int
    reason: str
    occurrence: int = 1
    withheld: bool = False
    """The run is held out: recorded, not credited."""


@value
class TagChanged:
    """A step gave the customer a tag, or took it away."""

    journey: JourneyName
    entry: int
    step: StepId
    at: datetime
    tag: str
    present: bool
    occurrence: int = 1


@value
class ArmAssigned:
    """The arm of a split that the run goes through."""

    journey: JourneyName
    entry: int
    step: StepId
    at: datetime
    split: str
    arm: str
    occurrence: int = 1


@value
class RunChanged:
    """A command paused a run, let it go on, or moved it to another version."""

    journey: JourneyName
    entry: int
    at: datetime
    definition: ContentHash
    version: int
    paused: bool


@value
class CommandObeyed:
    """A command of a person with what was made of it, for the audit."""

    command_id: str
    verb: str
    journey: JourneyName
    actor: str
    reason: str
    at: datetime
    done: bool
    told: str
    before: list[str]
    after: list[str]


@value
class SendMessage:
    """A planned touch that wants to go out on one of its channels.

    `due` is when it was planned; `asked_for` is later only if it was held until then.
    """

    journey: JourneyName
    entry: int
    definition: ContentHash
    step: StepId
    due: datetime
    asked_for: datetime
    channel: int
    overtaken_by: tuple[tuple[str, datetime | None], ...] = ()
    """Events that make it pointless, each with the time from which it counts (none: the whole life)."""
    occurrence: int = 1
    control: bool = False
    """The run is held out: judged and recorded, not sent."""


@value
class CheckConversion:
    """Did the event happen after all? Asked of the books before `otherwise` is taken."""

    journey: JourneyName
    entry: int
    step: StepId
    event: str
    since: datetime | None
    due: datetime
    or_events: tuple[str, ...]
    definition: ContentHash
    """Where to look up the goal, and what the event's data must be."""
    entered_at: datetime


@value
class AskConditions:
    """Which of a step's conditions holds?"""

    journey: JourneyName
    entry: int
    step: StepId
    definition: ContentHash
    at: datetime
    entered_at: datetime
    occurrence: int = 1


@value
class ResolveTime:
    """When is the time of the day that a step waits for, where the customer lives?"""

    journey: JourneyName
    entry: int
    step: StepId
    definition: ContentHash
    at: datetime


@dataclass(slots=True)
class Effects:
    """Everything that one happening led to, each in order."""

    stage_changes: tuple[StageChanged, ...] = ()
    offers: tuple[EntryOffered, ...] = ()
    ended: tuple[RunEnded, ...] = ()
    awards: tuple[PointsAwarded, ...] = ()
    sends: tuple[SendMessage, ...] = ()
    checks: tuple[CheckConversion, ...] = ()
    tags: tuple[TagChanged, ...] = ()
    arms: tuple[ArmAssigned, ...] = ()
    changes: tuple[RunChanged, ...] = ()
    obeyed: tuple[CommandObeyed, ...] = ()
    conditions: tuple[AskConditions, ...] = ()
    times: tuple[ResolveTime, ...] = ()

    @property
    def has_rows(self) -> bool:
        """Whether there is anything to record."""
        return bool(
            self.stage_changes
            or self.offers
            or self.ended
            or self.awards
            or self.tags
            or self.arms
            or self.changes
            or self.obeyed
        )
