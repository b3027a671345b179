"""What a customer's workflow remembers: one versioned value, small enough to be carried for years.

Everything here is plain data that survives continue-as-new and is stored with every transaction. Fields are only
ever added, with defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from errors import RulesMissing
from journeys.lifecycle import LifecyclePolicy
from journeys.names import ContentHash, CustomerId, JourneyName, Language, Stage, StepId
from rules.clock import Clock
from rules.engine_numbers import TODAY, EngineNumbers
from rules.values import value

RULES_VERSION = 1
"""Raised when the engine's behaviour changes; a life takes a new version over only at continue-as-new."""

TOUCHES_SHOWN = 20
RUNS_SHOWN = 5


def ensure_rules(version: int) -> None:
    """Raise `RulesMissing` for a life that goes by newer rules than this worker's: one that has them takes it over."""
    if version > RULES_VERSION:
        raise RulesMissing(
            f"the life goes by rules version {version}, this worker has {RULES_VERSION}: leave it to workers of the"
            " newer release, and stop this one"
        )


class Phase(StrEnum):
    """What a run is doing at its step."""

    READY = "ready"
    WAITING = "waiting"
    ASKED = "asked"
    HELD = "held"


# Under names of their own: Python 3.11 finds the member of an enumeration as slowly as it calls a function.
READY: Final = Phase.READY
WAITING: Final = Phase.WAITING
ASKED: Final = Phase.ASKED
HELD: Final = Phase.HELD


@dataclass(slots=True)
class Run:
    """A customer in a journey. `at` is the run's own calendar: when the present step became due."""

    journey: JourneyName
    entry: int
    version: int
    definition: ContentHash
    entered_at: datetime
    ends_at: datetime
    at: datetime
    step: StepId | None
    phase: Phase = Phase.READY
    deadline: datetime | None = None
    channel: int = 0
    """Which of the step's channels is in turn."""
    held_until: datetime | None = None
    """The end of the last hold of the present step: later waits count from it."""
    held_for: str = ""
    """Why the present step is held, for the support card."""
    missed: dict[StepId, datetime] = field(default_factory=dict)
    """When each wait began that nothing came of, if only its own time counts."""
    seen: list[tuple[str, datetime]] = field(default_factory=list)
    """Events that the journey waits for, since entry: name and time."""
    path: list[tuple[StepId, str]] = field(default_factory=list)
    """Steps done, with what became of them, for the support card."""
    key: str = ""
    """What tells the runs of a keyed journey apart."""
    caused_by: int | None = None
    """The number of the event that led to the entry."""
    control: bool = False
    """Held out: what the customer would notice is recorded and has no effect."""
    acts_at: datetime | None = None
    """When the deadline is acted on, if news of the event may come later than it happened (rule 10)."""
    paused_at: datetime | None = None
    turns: dict[StepId, tuple[int, datetime]] = field(default_factory=dict)
    """Of each repeat under way: the turn, and when it began."""
    fitting: dict[StepId, list[datetime]] = field(default_factory=dict)
    """When events came since entry that fit a wait that looks at their data."""

    @property
    def failures(self) -> list[str]:
        """The steps that failed for good, as a person is told of them."""
        return [f"failed: {self.journey}: {step}" for step, done in self.path if done.startswith("failed")]


@dataclass(slots=True)
class Lifecycle:
    """Where the customer stands. `active_until` is the last investment, or the end of a term product held."""

    stage: Stage | None = None
    since: datetime | None = None
    investments: int = 0
    active_until: datetime | None = None
    last_activity: datetime | None = None
    account_at: datetime | None = None
    """When the account was last opened or closed: what is older has no say in it any more."""


@dataclass(slots=True)
class Entries:
    """How often a journey was entered, and when the last run ended: for the re-entry rule."""

    count: int = 0
    last_ended_at: datetime | None = None
    keys: dict[str, datetime | None] = field(default_factory=dict)
    """Of a keyed journey: the keys entered with, the last ones, and when each one's last run ended."""


@dataclass(slots=True)
class Deferred:
    """A journey that the customer was refused because others were under way, to be offered again (rule 7)."""

    journey: JourneyName
    cause: str
    key: str
    until: datetime
    tried: int = 1

    @property
    def next_cause(self) -> str:
        """The cause of the next offer: each has a decision of its own."""
        return f"{self.cause}+{self.tried}"


@dataclass(slots=True)
class TouchNote:
    """A touch for the support card; the record is in PostgreSQL."""

    at: datetime
    journey: JourneyName
    step: StepId
    outcome: str
    reason: str = ""


@dataclass(slots=True)
class EndedNote:
    """An ended run for the support card."""

    journey: JourneyName
    entry: int
    entered_at: datetime
    ended_at: datetime
    outcome: str


@value
class Obeyed:
    """What was made of a command."""

    command_id: str
    done: bool
    told: str
    verb: str = ""
    journey: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """As that of the command."""
        return self.command_id, self.verb, self.journey


@dataclass(slots=True)
class CustomerState:
    """One customer's life so far."""

    customer_id: CustomerId
    as_of: datetime | None = None
    """When the state was told to the books, in real time: each time later than before, also after a reset."""
    rules_version: int = RULES_VERSION
    clock: Clock = field(default_factory=Clock)
    language: Language = Language.CHINESE
    policy: LifecyclePolicy | None = None
    numbers: EngineNumbers | None = None
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    milestones: dict[str, datetime] = field(default_factory=dict)
    """The first time of each milestone event."""
    runs: list[Run] = field(default_factory=list)
    entries: dict[JourneyName, Entries] = field(default_factory=dict)
    points: int = 0
    folded: int = 0
    """Every stored event up to this sequence number has taken effect."""
    folded_ahead: list[int] = field(default_factory=list)
    """Events beyond `folded` that have, too: they happened before others that came in earlier."""
    moved_at: datetime | None = None
    """Business time of the last thing that happened."""
    touches: list[TouchNote] = field(default_factory=list)
    ended: list[EndedNote] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)
    """What a person should look at."""
    deferred: list[Deferred] = field(default_factory=list)
    obeyed: list[Obeyed] = field(default_factory=list)
    """The last commands and what was done, so that one that comes again is answered and not done again."""

    @property
    def grace(self) -> timedelta:
        """How long after a deadline it acts, in real time."""
        assert self.numbers is not None
        return self.clock.grace if self.clock.simulated else self.numbers.grace

    @property
    def going_by(self) -> EngineNumbers:
        """The engine's numbers that this life goes by; on paper those of today."""
        return self.numbers or TODAY

    def times_entered(self, journey: JourneyName) -> int:
        """How often the customer has entered a journey."""
        entries = self.entries.get(journey)
        return 0 if entries is None else entries.count

    def entries_of(self, journey: JourneyName) -> Entries:
        """What is kept of the entries of a journey, to be changed."""
        if (entries := self.entries.get(journey)) is None:
            entries = self.entries[journey] = Entries()
        return entries

    def run(self, journey: JourneyName, entry: int) -> Run | None:
        """An open run, or none if it has ended."""
        for run in self.runs:
            if run.entry == entry and run.journey == journey:
                return run
        return None

    def has_folded(self, sequence: int, waiting: int | None = None) -> None:
        """An event has taken effect; `waiting` is the lowest number of those that have not, if there are any."""
        done = [*self.folded_ahead, sequence]
        self.folded = max([self.folded, *(one for one in done if waiting is None or one < waiting)])
        self.folded_ahead = [one for one in done if one > self.folded]
