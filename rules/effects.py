"""What a happening leads to: rows for the books, and questions that only the world can answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from journeys.names import ContentHash, EventId, JourneyName, Stage, StepId
from rules.values import value


@value
class RecordedEvent:
    """An event as the fold needs it: what the store and the catalogue say of it.

    `sequence` is its place among the customer's events; `starts` that some journey starts on it; `recorded_at` the
    real time at which the books took it.
    """

    sequence: int
    event_id: EventId
    name: str
    at: datetime
    milestone: bool = False
    starts: bool = False
    held_until: datetime | None = None
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
    """Something happened that journeys may start on: an event by its name and id, or a stage change."""

    cause: str
    at: datetime
    event: str | None = None
    from_stage: Stage | None = None
    to_stage: Stage | None = None


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


@value
class CheckConversion:
    """Did the event happen after all? Asked of the books before `otherwise` is taken."""

    journey: JourneyName
    entry: int
    step: StepId
    event: str
    since: datetime | None
    due: datetime


@dataclass(slots=True, init=False)
class Effects:
    """Everything that one happening led to, each list in order."""

    stage_changes: list[StageChanged]
    offers: list[EntryOffered]
    ended: list[RunEnded]
    awards: list[PointsAwarded]
    sends: list[SendMessage]
    checks: list[CheckConversion]

    def __init__(self) -> None:
        self.stage_changes, self.offers, self.ended = [], [], []
        self.awards, self.sends, self.checks = [], [], []

    @property
    def has_rows(self) -> bool:
        """Whether there is anything to record."""
        return bool(self.stage_changes or self.offers or self.ended or self.awards)
