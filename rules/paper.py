"""The paper world: lives lived from a list of events, without a server, as fast as the rules can be applied.

Customers do not touch each other, so each is lived alone and in event-time order; the record of many is the
sorted record of each. The durable world is held to this one by a property test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol, assert_never

from journeys.caps import CAPS, Cap
from journeys.conditions import Condition
from journeys.events import EVENTS, EventType
from journeys.lifecycle import LIFECYCLE_POLICY, LifecyclePolicy
from journeys.names import Channel, CustomerId, EventId, JourneyName, MessageClass
from journeys.words import WaitFor, WaitUntil
from rules import commands, life
from rules.caps import Heard
from rules.clock import LAST
from rules.commands import Command
from rules.conditions import CustomerFacts, Data, PastEvent, first_that_holds, fits
from rules.definitions import Catalogue, conditions_of, definition
from rules.effects import CheckConversion, Effects, EntryOffered, RecordedEvent, ResolveTime, SendMessage, StageChanged
from rules.entry import EntryDecided, EntryPolicy, candidates, decide
from rules.gates import HeldUntil, TouchSettled
from rules.paper_gate import PaperGate, PaperJudgement, PaperTouch, QuietUntil, heard_as
from rules.record import (
    ConversionRow,
    ForecastPoints,
    ForecastTouch,
    PointsRow,
    Record,
    RunRow,
    StageChangeRow,
    TouchRow,
)
from rules.state import CustomerState, Run
from rules.statements import STATING, Standing, Statement, standing, statement_of
from rules.suitability import Investor, Product
from rules.values import value


class PaperEvent(NamedTuple):
    """An event as a file tells it; `held_until` as in `RecordedEvent`. Only an event with an id can be undone."""

    at: datetime
    name: str
    held_until: datetime | None = None
    data: Data = MappingProxyType({})
    event_id: str = ""


class PaperCommand(NamedTuple):
    """A command of a person at a time."""

    at: datetime
    command: Command


Happening = PaperEvent | PaperCommand


class LocalTime(Protocol):
    """Finds the time that a step waits for, at or after a time, where a customer lives. The world computes it."""

    def __call__(self, step: WaitUntil, at: datetime, zone: str) -> datetime: ...


@dataclass(frozen=True)
class PaperWorld:
    """What is the same for every customer: journeys, policy, who they are and what they allow.

    `customer` is who everybody is at the beginning; its time does not matter.
    """

    catalogue: Catalogue
    policy: LifecyclePolicy = LIFECYCLE_POLICY
    consents: tuple[tuple[MessageClass, Channel], ...] = ()
    unreachable: tuple[Channel, ...] = ()
    also_carries: tuple[tuple[Channel, MessageClass], ...] = ()
    customer: CustomerFacts = CustomerFacts(LAST)
    entries: EntryPolicy = EntryPolicy()
    local_time: LocalTime | None = None
    investor: Investor = Investor()
    assessment_valid: timedelta = timedelta(days=365)
    products: tuple[Product, ...] = ()
    caps: tuple[Cap, ...] = CAPS
    interrupting: tuple[Channel, ...] = ()
    quiet_until: QuietUntil | None = None

    @cached_property
    def gate(self) -> PaperGate:
        """The gate that all touches come to."""
        return PaperGate(
            *(self.unreachable, self.also_carries, self.products, self.caps),
            *(self.interrupting, self.quiet_until),
        )

    @cached_property
    def kinds(self) -> Mapping[str, _Kind]:
        """What is to be done with each event, by its name."""
        return {name: _Kind.of(event, self.catalogue) for name, event in EVENTS.items()}

    @cached_property
    def everybody(self) -> Standing:
        """What stands of who has said nothing."""
        return Standing(self.consents, self.investor, self.customer.risk_class)

    def live(
        self,
        customer_id: CustomerId,
        events: Iterable[Happening],
        until: datetime,
        record: Record,
        books: Sequence[PaperEvent] = (),
        begins: StageChanged | None = None,
    ) -> None:
        """Live one customer up to and including `until`; the rows go to `record`.

        `events` are in event-time order. `books` is what the broker's own books say, asked by conversion checks.
        `begins` puts a customer whose earlier life is not told into a stage.
        """
        told = _PaperLife(self, customer_id, record, list(books))
        if begins is not None:
            told.begin(begins)
        told.live(events, until)


class _Kind(NamedTuple):
    """What an event's name says of it; most mean nothing beyond the lifecycle, and are not looked at."""

    milestone: bool
    starts: bool
    asked: tuple[str, ...]
    is_looked_at: bool

    @classmethod
    def of(cls, event: EventType, catalogue: Catalogue) -> _Kind:
        looked_at = event.reverses is not None or event in STATING or event in catalogue.events_asked
        starts, asked = bool(catalogue.starting_on_event(event)), catalogue.fields_asked.get(event, ())
        return cls(event.milestone, starts, asked, looked_at)


@value
class _Window:
    """Where a run's goal counts, also after the run has ended, and the events that reached it, in their order."""

    journey: JourneyName
    entry: int
    event: str
    where: Condition | None
    opens: datetime
    closes: datetime
    reached: list[tuple[EventId, datetime]] = field(default_factory=list)


@dataclass(slots=True)
class _PaperLife:
    world: PaperWorld
    customer_id: CustomerId
    record: Record
    books: list[PaperEvent]
    state: CustomerState = field(init=False)
    sequence: int = 0
    said: list[Statement] = field(default_factory=list)
    standing: Standing = field(init=False)
    """What stands after all that was said."""
    windows: list[_Window] = field(default_factory=list)
    undone: set[str] = field(default_factory=set)
    """The ids of events that another event undid."""
    in_flight: list[SendMessage] = field(default_factory=list)
    tags: tuple[str, ...] = ()
    past: list[PastEvent] = field(default_factory=list)
    """What a condition may look back at."""
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        self.state = CustomerState(self.customer_id, policy=self.world.policy)
        self.tags, self.standing = self.world.customer.tags, self.world.everybody

    def begin(self, change: StageChanged) -> None:
        self.state.lifecycle.stage, self.state.lifecycle.since = change.to_stage, change.at
        effects = Effects()
        effects.stage_changes += (change,)
        offer = EntryOffered(change.cause, change.at, from_stage=change.from_stage, to_stage=change.to_stage)
        effects.offers += (offer,)
        self._perform(effects)

    def live(self, events: Iterable[Happening], until: datetime) -> None:
        for event in events:
            if event.at > until:
                break
            self._let_time_pass(event.at)
            match event:
                case PaperEvent():
                    self._take_event(self._recorded(event))
                case PaperCommand():
                    self._obey(event.command, event.at)
                case _:
                    assert_never(event)
        self._let_time_pass(until + timedelta.resolution)
        for run in self.state.runs:
            self.record.runs.append(RunRow(self.customer_id, run.journey, run.entry, run.entered_at, None, ""))
        self._convert()

    def _let_time_pass(self, until: datetime) -> None:
        """Act on every deadline strictly before `until`."""
        while (deadline := life.next_deadline(self.state)) is not None and deadline.at < until:
            if deadline.what is life.FORGET:
                return
            self._perform(life.take_deadline(self.state, deadline))

    def _recorded(self, event: PaperEvent) -> RecordedEvent:
        self.sequence += 1
        kind = self.world.kinds[event.name]
        if kind.is_looked_at:
            self._look_at(event)
        event_id = EventId(event.event_id or str(self.sequence))
        data = {field: event.data[field] for field in kind.asked if field in event.data} if kind.asked else {}
        return RecordedEvent(
            *(self.sequence, event_id, event.name, event.at),
            *(kind.milestone, kind.starts, event.held_until, data),
        )

    def _look_at(self, event: PaperEvent) -> None:
        """Take in what an event means beyond the lifecycle: it undoes another, says something, is looked back at."""
        name, reverses = event.name, EVENTS[event.name].reverses
        if reverses is not None:
            self.undone.add(str(event.data.get(reverses, "")))
        if (said := statement_of(name, event.at, event.data, "")) is not None:
            self.said.append(said)
            self.standing = standing(self.said, self.world.everybody, self.world.assessment_valid)
        if name in self.world.catalogue.events_asked:
            self.past.append(PastEvent(name, event.at, event.data))

    def _take_event(self, event: RecordedEvent) -> None:
        self._note(event)
        self._perform(life.take_event(self.state, event, event.at))

    def _obey(self, command: Command, at: datetime) -> None:
        """An entry by command is decided like any other."""
        self._perform(commands.obey(self.state, command, at))

    def _note(self, event: RecordedEvent) -> None:
        """What the books would do when the event is recorded: a goal is reached."""
        for window in self.windows:
            counts = window.event == event.name and window.opens <= event.at <= window.closes
            if counts and fits(window.where, event.data):
                window.reached.append((event.event_id, event.at))

    def _convert(self) -> None:
        """Each run converts by the first event that reached its goal and was not undone."""
        for window in self.windows:
            at = next((at for event_id, at in window.reached if event_id not in self.undone), None)
            if at is not None:
                self.record.conversions.append(ConversionRow(self.customer_id, window.journey, window.entry, at))

    def _perform(self, effects: Effects) -> None:
        """Do what the rules ask for, and then, one after the other, what follows from the touches."""
        self._do(effects)
        while self.in_flight:
            self._do(life.take_answer(self.state, self._gate(self.in_flight.pop(0))))

    def _do(self, effects: Effects) -> None:
        """Everything but the touches, in the order of the durable world: they are answered after all else."""
        if effects.stage_changes or effects.awards or effects.ended:
            self._write(effects)
        for change in effects.tags:
            others = tuple(tag for tag in self.tags if tag != change.tag)
            self.tags = (*others, change.tag) if change.present else others
        for check in effects.checks:
            self._check(check)
        for asked in effects.conditions:
            conditions = conditions_of(definition(asked.definition).plan.steps[asked.step].step)
            holds = first_that_holds(conditions, self._facts(asked.at, asked.entered_at))
            self._do(life.take_conditions(self.state, asked, holds))
        for time in effects.times:
            self._do(life.take_time(self.state, time, self._local_time(time)))
        for offer in effects.offers:
            for one in candidates(self.world.catalogue, offer):
                facts = None if one.journey.entry is None else self._facts(offer.at)
                self._enter(decide(one, offer, self.state, facts, self.world.entries))
        self.in_flight += effects.sends

    def _facts(self, now: datetime, entered_at: datetime | None = None) -> CustomerFacts:
        """What is known of the customer, as a condition asks it."""
        who, state = self.world.customer, self.state
        return CustomerFacts(
            now=now,
            stage=state.lifecycle.stage,
            risk_class=self.standing.risk_class,
            language=who.language,
            zone=who.zone,
            points=state.points,
            tags=self.tags,
            events=tuple(self.past),
            entered_at=entered_at,
        )

    def _local_time(self, asked: ResolveTime) -> datetime:
        step = definition(asked.definition).plan.steps[asked.step].step
        assert isinstance(step, WaitUntil)
        assert self.world.local_time is not None, "this paper world was made without local times"
        return self.world.local_time(step, asked.at, self.world.customer.zone)

    def _write(self, effects: Effects) -> None:
        record, who = self.record, self.customer_id
        for change in effects.stage_changes:
            record.stage_changes.append(
                StageChangeRow(who, change.from_stage or "", change.to_stage, change.at, change.cause)
            )
        for award in effects.awards:
            if not award.withheld:
                record.points.append(PointsRow(who, award.at, award.points, award.reason))
                record.forecast.points.append(ForecastPoints(award.at, award.journey, award.points))
        for ended in effects.ended:
            entered = next(
                note.entered_at
                for note in reversed(self.state.ended)
                if note.entry == ended.entry and note.journey == ended.journey
            )
            record.runs.append(RunRow(who, ended.journey, ended.entry, entered, ended.at, ended.outcome))

    def _enter(self, decided: EntryDecided) -> None:
        plan, forecast = definition(decided.definition).plan, self.record.forecast
        if decided.refused:
            forecast.refusals[decided.journey, decided.refused] += 1
        elif decided.control:
            forecast.control_runs.add((self.customer_id, decided.journey, decided.entry))
        if plan.goal is not None and not decided.refused:
            closes = decided.at + plan.goal_within
            window = _Window(decided.journey, decided.entry, plan.goal, plan.goal_where, decided.at, closes)
            self.windows.append(window)
        self._do(life.take_entry(self.state, decided))

    def _check(self, check: CheckConversion) -> None:
        found = next((row for row in self.books if _answers(row, check)), None)
        if found is None:
            self._do(life.take_check(self.state, check, None, check.due))
            return
        self.books.remove(found)
        event = self._recorded(found)
        self._note(event)
        self._do(life.take_check(self.state, check, event, check.due))

    def _gate(self, send: SendMessage) -> TouchSettled | HeldUntil:
        asked = self._before_the_gate(send)
        judged = self.world.gate.judge(asked, self.heard)
        judgement = judged.judgement
        match judgement.decision:
            case "send":
                return self._settled(asked, "sent", judged)
            case "withhold":
                return self._settled(asked, "withheld", judged)
            case "hold":
                assert judgement.hold_until is not None
                self._stay(send, judged.channel)
                return HeldUntil(send.journey, send.entry, send.step, judgement.hold_until, judgement.reason)
            case "next_channel":
                raise AssertionError("the gate tries the channels by itself")
            case _:
                assert_never(judgement.decision)

    def _before_the_gate(self, send: SendMessage) -> PaperTouch:
        """The run of a touch may be over: another one displaced it at the same instant."""
        run = self.state.run(send.journey, send.entry)
        return PaperTouch(
            self.customer_id,
            send,
            send.channel if run is None else run.channel,
            self._how_it_ended(send) if run is None else "",
            "" if run is None else self._overtaken_by(send, run),
            self.standing,
            self.world.customer.zone,
        )

    def _how_it_ended(self, send: SendMessage) -> str:
        ended = (note for note in reversed(self.state.ended) if note.journey == send.journey)
        return next(note.outcome for note in ended if note.entry == send.entry)

    def _stay(self, send: SendMessage, channel: int) -> None:
        """A hold stays with its channel."""
        if (run := self.state.run(send.journey, send.entry)) is not None:
            run.channel = channel

    def _overtaken_by(self, send: SendMessage, run: Run) -> str:
        if not send.overtaken_by:
            return ""
        waits = definition(send.definition).plan.steps[send.step].overtaken_by
        asking = {str(event): wait for wait in waits for event in wait.events if wait.where is not None}
        for event, since in send.overtaken_by:
            if since is None and event in self.state.milestones:
                return event
            if event in asking:
                times = run.fitting.get(asking[event].id, [])
            else:
                times = [at for name, at in run.seen if name == event]
            if since is not None and any(at >= since for at in times):
                return event
        return ""

    def _settled(self, asked: PaperTouch, outcome: Literal["sent", "withheld"], judged: PaperJudgement) -> TouchSettled:
        send, touch, reason, channel = asked.send, judged.touch, judged.judgement.reason, judged.carried
        if channel is not None and judged.caps:
            self.heard.add(heard_as(send, touch, channel), asked.control_run)
        row = TouchRow(self.customer_id, send.journey, send.entry, send.step, send.due, outcome, reason)
        self.record.touches.append(row)
        self.record.forecast.touches.append(ForecastTouch(send.due, send.journey, channel or "", outcome, reason))
        return TouchSettled(send.journey, send.entry, send.step, send.asked_for, outcome, reason)


def _answers(row: PaperEvent, check: CheckConversion) -> bool:
    """Whether a row of the books is what the check looks for: an event of the wait, or the goal."""
    plan = definition(check.definition).plan
    step = plan.steps[check.step].step
    assert isinstance(step, WaitFor)
    if row.at > check.due:
        return False
    if row.name in step.events and fits(step.where, row.data) and (check.since is None or row.at >= check.since):
        return True
    return row.name == plan.goal and fits(plan.goal_where, row.data) and row.at >= check.entered_at
