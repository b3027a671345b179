"""What a life takes up: the state that continue-as-new carries, and history events and activities as fetched."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.contracts import workflow_id
from activities.local_time import resolve_local_time
from activities.start import LifeInput
from bench.ground import Ground, allow, event, sped_up, until, world
from bench.report import Report, at_most
from journeys import JOURNEYS
from journeys.events import EVENTS, app_registered, trade_executed
from journeys.language import days, journey, send, wait, wait_for
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import CustomerId, EventId
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey, Step, WaitUntil
from rules import life
from rules.conditions import CustomerFacts
from rules.definitions import Catalogue, definition
from rules.effects import Effects, RecordedEvent, SendMessage
from rules.entry import candidates, decide
from rules.gates import TouchSettled
from rules.state import CustomerState
from worker import running, workers

BORN = datetime(2026, 1, 1, tzinfo=UTC)
TASK_QUEUE = "size"
LARGEST = 16 * 1024


async def run(ground: Ground) -> Report:
    """Build the states, and run two customers."""
    usual = _state_after_a_year(JOURNEYS)
    many = _state_after_a_year([_long_journey(number) for number in range(5)])
    assert len(many.runs) == 5
    assert all(len(run.path) > 24 for run in many.runs), "each run is near its end"
    async with running(workers(ground.client, world(ground.pool), task_queue=TASK_QUEUE)):
        onboarding = await _onboarding(ground)
        no_run = await _event_without_run(ground)
    activities = Counter(one.event_type for one in onboarding)[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
    return Report(
        "Size of a life",
        [
            at_most("state after a year, shipped journeys", _bytes(usual), "", LARGEST, " B"),
            at_most("state after a year, five open runs of 30 steps", _bytes(many), "", LARGEST, " B"),
            at_most("two-message onboarding: history events", len(onboarding), _told(onboarding), 34),
            at_most("two-message onboarding: remote activities", activities, "", 2),
            at_most("event that concerns no run: history events", len(no_run), _told(no_run), 5),
        ],
        ("Counted, not timed: the same on every machine.",),
    )


def _bytes(state: CustomerState) -> int:
    """The state as continue-as-new carries it."""
    return len(pydantic_data_converter.payload_converter.to_payload(LifeInput(None, state)).data)


def _told(events: Sequence[HistoryEvent]) -> str:
    return f"{sum(one.ByteSize() for one in events):,} B"


def _long_journey(number: int) -> Journey:
    """Thirty steps that take more than a year: a text, a wait, an event that does not come, and again."""
    steps: list[Step] = []
    for part in range(1, 11):
        steps += [
            send("welcome", id=f"tip-{part}"),
            wait(days(32), id=f"pause-{part}"),
            wait_for(trade_executed, within=days(10), since="step", id=f"traded-{part}"),
        ]
    return journey(
        name=f"long-guidance-{number}",
        version=1,
        state="live",
        starts_on=app_registered,
        purpose="service",
        ends_after=days(500),
        steps=steps,
    )


def _state_after_a_year(journeys: Iterable[Journey]) -> CustomerState:
    """A customer who registers, does everything once, and checks in and trades every fortnight."""
    return _Year(Catalogue.of(with_templates(one, templates()) for one in journeys)).lived()


class _Year:
    """A year by the rules alone; every touch is sent."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._state = CustomerState(CustomerId("C-0000000001"), policy=LIFECYCLE_POLICY)
        self._sequence = 0

    def lived(self) -> CustomerState:
        self._event(BORN, app_registered)
        once = sorted(name for name, one in EVENTS.items() if one.milestone and name != app_registered)
        happens = [(BORN + timedelta(days=3 + number), name) for number, name in enumerate(once)]
        happens += [(BORN + timedelta(days=14 * (1 + number), hours=1), "checked_in") for number in range(26)]
        happens += [(BORN + timedelta(days=14 * (1 + number), hours=2), trade_executed) for number in range(26)]
        for at, name in sorted(happens):
            self._until(at)
            self._event(at, name)
        self._until(BORN + timedelta(days=365))
        return self._state

    def _until(self, at: datetime) -> None:
        while (deadline := life.next_deadline(self._state)) and deadline.at < at and deadline.what != life.What.FORGET:
            self._perform(life.take_deadline(self._state, deadline))

    def _event(self, at: datetime, name: str) -> None:
        self._sequence += 1
        starts = bool(self._catalogue.starting_on_event(name))
        recorded = RecordedEvent(self._sequence, EventId(str(self._sequence)), name, at, EVENTS[name].milestone, starts)
        self._perform(life.take_event(self._state, recorded, at))
        self._state.has_folded(self._sequence)

    def _perform(self, effects: Effects) -> None:
        for ask in effects.sends:
            self._perform(life.take_answer(self._state, _sent(ask)))
        for check in effects.checks:
            self._perform(life.take_check(self._state, check, None, check.due))
        for asked in effects.conditions:
            self._perform(life.take_conditions(self._state, asked, None))
        for time in effects.times:
            step = definition(time.definition).plan.steps[time.step].step
            assert isinstance(step, WaitUntil)
            at = resolve_local_time(step, time.at, "Asia/Shanghai")
            self._perform(life.take_time(self._state, time, at))
        for offer in effects.offers:
            for one in candidates(self._catalogue, offer):
                facts = CustomerFacts(offer.at, self._state.lifecycle.stage)
                self._perform(life.take_entry(self._state, decide(one, offer, self._state, facts)))


def _sent(ask: SendMessage) -> TouchSettled:
    return TouchSettled(ask.journey, ask.entry, ask.step, ask.asked_for, "sent")


async def _onboarding(ground: Ground) -> list[HistoryEvent]:
    """The history up to the marker with which the end of the journey was recorded."""
    customer = "size-onboarding"
    await allow(ground.pool, [customer])
    clock = sped_up(BORN, timedelta(days=10), timedelta(seconds=3), timedelta(seconds=0.1))
    await ground.signal(customer, event("app_registered", BORN, "registered"), TASK_QUEUE, {"clock": clock})

    async def ended() -> bool:
        sql = "SELECT ended_at IS NOT NULL FROM journey_run WHERE customer_id = $1"
        return bool(await ground.pool.fetchval(sql, customer))

    await until(ended)
    await asyncio.sleep(0.5)
    events = await _history(ground, customer)
    kinds = [one.event_type for one in events]
    return events[: len(kinds) - kinds[::-1].index(EventType.EVENT_TYPE_MARKER_RECORDED)]


async def _event_without_run(ground: Ground) -> list[HistoryEvent]:
    """What one more check-in adds for a customer who is in no journey."""
    customer, now = "size-check-in", datetime.now(UTC)

    async def check_in(number: int) -> list[HistoryEvent]:
        at = now - timedelta(hours=3 - number)
        await ground.signal(customer, event("checked_in", at, f"check-in-{number}"), TASK_QUEUE)

        async def recorded() -> bool:
            sql = "SELECT last_sequence = $2 FROM customer WHERE customer_id = $1"
            return bool(await ground.pool.fetchval(sql, customer, number))

        await until(recorded)
        await asyncio.sleep(0.5)
        return await _history(ground, customer)

    before = await check_in(1)
    return (await check_in(2))[len(before) :]


async def _history(ground: Ground, customer: str) -> list[HistoryEvent]:
    return list((await ground.client.get_workflow_handle(workflow_id(customer)).fetch_history()).events)
