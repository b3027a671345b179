"""`CustomerLifecycle`: one customer, one workflow (architecture.md).

Signals go into an inbox and nothing else happens in a handler. One loop drains the inbox into the books, takes the
next happening in event-time order, and does what the rules ask for. Nothing is read here that could differ in a
replay: catalogue, policy and clock limits come in as recorded activity results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

from temporalio import workflow
from temporalio.common import RawValue

from activities.contracts import (
    ADJUST_CLOCK,
    CheckConversionRequest,
    CustomerView,
    Delivery,
    EvaluateConditionsRequest,
    RecordedBatch,
    RecordEventsRequest,
    ResolveTimeRequest,
    customer_of,
)
from activities.start import LifeInput, clock_from
from journeys.names import CustomerId
from rules import card, commands, life
from rules.clock import EPOCH, Clock
from rules.commands import Command, Verb
from rules.effects import AskConditions, CheckConversion, Effects, RecordedEvent, ResolveTime
from rules.entry import EntryDecided
from rules.life import Deadline, What
from rules.state import CustomerState, Obeyed, ensure_rules
from workflows import steps
from workflows.attributes import Attributes
from workflows.commands import Commands, check_shipped, command_from_update
from workflows.inbox import delivery_from, life_input_from
from workflows.outcomes import Outcomes
from workflows.sends import Sends
from workflows.steady import SteadyTime
from workflows.timer import LazyTimer

CANCEL_REFUSED = "cancel was refused: end the customer's journeys with end_journey"


# How far the loop has come. Plain words: the SDK reads this module anew for each customer, an enumeration with it.
_Caught = Literal["up", "held_back", "over"]


@workflow.defn(dynamic=True)
class CustomerLifecycle:
    """A customer's life, for as long as there is one. Takes any input and any signal; bad ones go to quarantine."""

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        info = workflow.info()
        start = life_input_from(arguments, continued=info.continued_run_id is not None)
        customer_id = CustomerId(customer_of(info.workflow_id))
        self._state = start.state or CustomerState(customer_id, rules_version=0)
        if start.clock is not None:
            self._state.clock = start.clock
        self._continue_after = start.continue_after
        self._happenings = 0
        self._newest_rules, self._newest_numbers = self._state.rules_version, self._state.numbers
        self._deliveries: list[Delivery] = []
        self._last_arrival = EPOCH
        self._pending: list[RecordedEvent] = []
        self._commands = Commands()
        self._unread = self._state.policy is None
        self._time = SteadyTime(info.start_time)
        self._outcomes = Outcomes(self._time)
        self._sends = Sends(self._time)
        self._timer = LazyTimer(self._time)
        self._attributes = Attributes()
        self._refused = self._noticed = False
        self._busy = True

    @workflow.run
    async def run(self, arguments: Sequence[RawValue]) -> None:
        """Live until there is nothing left to do. A cancel is refused: it would lose what is under way."""
        living = asyncio.create_task(self._live())
        while not living.done():
            try:
                await workflow.wait_condition(living.done)
            except asyncio.CancelledError:
                self._state.attention = [CANCEL_REFUSED]
                self._noticed = True
        living.result()
        self._busy = False

    @workflow.signal(dynamic=True, description="An event of the customer: see docs/contract.md")
    def receive(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Put whatever comes into the inbox. Never raises: a failed handler would block the customer for ever."""
        self._busy = True
        self._deliveries.append(delivery_from(name, arguments))

    @workflow.update(dynamic=True, description="A command of a person: see docs/contract.md")
    async def obey(self, name: str, arguments: Sequence[RawValue]) -> Obeyed:
        """Put a command behind the inbox; answers what the loop did, or why not."""
        command = command_from_update(name, arguments)
        self._time.reached(workflow.now())
        self._busy = True
        return await self._commands.wait_for_turn(command)

    @obey.validator
    def check_shape(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Refuse what is no command. Whether it can be obeyed is for the loop to say.

        Also a version that this worker does not ship, which a replay is not asked about: it would keep the life waiting
        for a worker that has it.
        """
        check_shipped(command_from_update(name, arguments))

    @workflow.query(description="The customer's state, as plain data")
    def view(self) -> CustomerView:
        """What the workflow knows, and whether it is still at work on what has come in."""
        return CustomerView(self._state, self._busy, self._timer.fires_at)

    async def _live(self) -> None:
        ensure_rules(self._state.rules_version)
        await self._do(life.resume(self._state))
        while True:
            await self._take_in()
            if self._refused:
                return
            caught = await self._catch_up()
            if caught != "held_back" and self._commands.waiting:
                await self._obey(self._commands.waiting[0])
                continue
            if caught == "over":
                await self._outcomes.record(self._state, always=True)
                if not (self._deliveries or self._commands.waiting):
                    await workflow.wait_condition(workflow.all_handlers_finished)
                    self._show_last()
                    return
            self._show(caught)
            if caught == "up" and self._should_continue_as_new():
                await self._continue_as_new()
            await self._rest(caught)

    async def _take_in(self) -> None:
        """Drain the inbox into the books, and see to it that the first of what has not taken effect stands in line."""
        while (deliveries := self._some_deliveries()) or (self._unread and not self._pending):
            await self._outcomes.record(self._state)  # the state that is stored must not be ahead of its rows
            batch = await steps.record_events(RecordEventsRequest(self._state, deliveries, not self._deliveries))
            self._time.reached(workflow.now())
            if deliveries:
                self._last_arrival = self._time.now
            if batch.refused_id:
                self._refused, self._busy, self._unread, self._state.numbers = True, False, False, batch.numbers
            else:
                await self._take_over(batch)

    async def _take_over(self, batch: RecordedBatch) -> None:
        ensure_rules(batch.stored_rules)
        self._state = batch.restored or self._state
        state = self._state
        state.policy = batch.policy or state.policy
        state.language = batch.language
        state.rules_version = state.rules_version or batch.rules_version
        ensure_rules(state.rules_version)
        self._newest_rules = max(self._newest_rules, state.rules_version, batch.rules_version)
        state.numbers = state.numbers or batch.numbers
        self._newest_numbers = batch.numbers or state.numbers
        if batch.no_simulation:
            state.clock, self._continue_after = Clock(), None
        self._pending, self._unread = batch.events, batch.more
        if batch.restored is not None:
            await self._do(life.resume(state))

    def _some_deliveries(self) -> tuple[Delivery, ...]:
        """As many as fit into one transaction. The first is alone: how many fit comes with its answer."""
        self._deliveries = [one for one in self._deliveries if not self._adjusted_clock(one)]
        at_once = self._state.numbers.at_once if self._state.numbers else 1
        some = tuple(self._deliveries[:at_once])
        del self._deliveries[:at_once]
        return some

    def _adjusted_clock(self, delivery: Delivery) -> bool:
        """A player may slow a simulated clock down; to anything else the signal is unknown."""
        if delivery.signal != ADJUST_CLOCK or not self._state.clock.simulated:
            return False
        if (clock := clock_from(delivery)) is None:
            return False
        self._state.clock = clock
        self._timer.cancel()
        return True

    async def _catch_up(self) -> _Caught:
        """Take everything that has happened by now, in its order."""
        while True:
            await self._take_in()
            for answer in self._sends.answered(self._state):
                await self._do(life.take_answer(self._state, answer))
            event, deadline = self._next()
            if event is None and deadline is None:
                await self._outcomes.record(self._state)
                return self._at_rest()
            at = event.at if event else deadline.at if deadline else None
            assert at is not None
            if self._sends.hold_back(at):
                await self._outcomes.record(self._state)
                return "held_back"
            self._happenings += 1
            if event is not None:
                await self._take_event(event)
            elif deadline is not None:
                await self._do(life.take_deadline(self._state, deadline))

    def _next(self) -> tuple[RecordedEvent | None, Deadline | None]:
        """The next happening, one of the two: the first event in line, or a deadline that comes before it."""
        event = self._pending[0] if self._pending else None
        deadline = life.next_deadline(self._state)
        if deadline is None or deadline.what is What.FORGET:
            return event, None
        if event is not None:
            return (event, None) if event.at <= deadline.at else (None, deadline)
        return (None, deadline) if self._is_due(deadline) else (None, None)

    def _is_due(self, deadline: Deadline) -> bool:
        return self._acts_at(deadline) <= self._time.now

    def _acts_at(self, deadline: Deadline) -> datetime:
        """When a deadline acts, in real time: a little after it is due.

        One that is past already acts a little after the last arrival: while a history comes in, the event before it
        may be on its way.
        """
        return max(self._state.clock.real(deadline.at), self._last_arrival) + self._state.grace

    def _is_past(self, deadline: Deadline | None) -> bool:
        return deadline is not None and self._state.clock.real(deadline.at) <= workflow.now()

    def _at_rest(self) -> _Caught:
        """Nothing is due. Whoever never was a customer, or has been gone for long, has nothing left to do."""
        if self._sends.in_flight or not life.may_end(self._state):
            return "up"
        deadline = life.next_deadline(self._state)
        return "over" if deadline is None or self._is_due(deadline) else "up"

    async def _take_event(self, event: RecordedEvent) -> None:
        self._state.attention = []  # life goes on: whatever a person was told to look at is past
        effects = life.take_event(self._state, event, self._recorded_at(event))
        self._has_folded(event)
        await self._do(effects)

    def _recorded_at(self, event: RecordedEvent) -> datetime:
        """The business time at which an event was recorded: what comes late acts then, also when it is done again."""
        return self._state.clock.business(event.recorded_at or self._time.now)

    def _has_folded(self, event: RecordedEvent) -> None:
        self._pending = [one for one in self._pending if one.sequence != event.sequence]
        waiting = min((one.sequence for one in self._pending), default=None)
        # Those that are not in line may have any number.
        self._state.has_folded(event.sequence, self._state.folded + 1 if self._unread else waiting)

    async def _do(self, effects: Effects) -> None:
        """Do what a happening led to, and what follows from the answers."""
        self._outcomes.add(effects)
        for check in effects.checks:
            await self._check(check)
        for asked in effects.conditions:
            await self._ask_conditions(asked)
        for time in effects.times:
            await self._resolve_time(time)
        if effects.offers:
            await self._enter(await self._outcomes.record(self._state))
        for send in effects.sends:
            self._sends.start(self._state, send)

    async def _enter(self, decisions: Sequence[EntryDecided]) -> None:
        for decided in decisions:
            first = life.take_entry(self._state, decided)
            # Written with the entry.
            await self._do(replace(first, awards=(), ended=(), tags=(), arms=()))

    async def _obey(self, command: Command) -> None:
        """Do a command, in its turn. It is answered before it stands in the audit: a database that is down keeps nobody
        from stopping a journey.
        """
        state, now = self._state, self._state.clock.business(self._time.now)
        effects = Effects()
        if commands.known(state, command) is None:
            effects = await self._obeyed(command, now)
        self._commands.answer(commands.answer_to(state, command, effects))
        await self._do(effects)
        await self._outcomes.record(state)

    async def _obeyed(self, command: Command, now: datetime) -> Effects:
        effects = commands.obey(self._state, command, now)
        if command.verb is not Verb.ENTER:
            return effects
        self._outcomes.add(effects)
        decisions = await self._outcomes.record(self._state)
        await self._enter(decisions)
        return commands.entered(self._state, command, decisions[0] if decisions else None, now)

    async def _ask_conditions(self, asked: AskConditions) -> None:
        """A tag that was set a step before may not be in the books yet."""
        state = self._state
        request = EvaluateConditionsRequest(
            state.customer_id,
            asked,
            state.lifecycle.stage,
            state.points,
            state.folded,
            tuple(state.folded_ahead),
            self._outcomes.tags,
        )
        answer = await steps.evaluate_conditions(request)
        self._time.reached(workflow.now())
        await self._do(life.take_conditions(state, asked, answer.holds))

    async def _resolve_time(self, asked: ResolveTime) -> None:
        answer = await steps.resolve_time(ResolveTimeRequest(self._state.customer_id, asked))
        self._time.reached(workflow.now())
        await self._do(life.take_time(self._state, asked, answer.at))

    async def _check(self, check: CheckConversion) -> None:
        state = self._state
        request = CheckConversionRequest(state.customer_id, check, state.folded, tuple(state.folded_ahead))
        answer = await steps.check_conversion(request)
        self._time.reached(workflow.now())
        if self._deliveries:
            # Any of them may have happened before the deadline, or be what is waited for.
            self._unread = True
            life.put_off(state, check)
            return
        if answer.found is not None and not answer.folded:
            self._has_folded(answer.found)
        now = self._recorded_at(answer.found) if answer.found else check.due
        await self._do(life.take_check(state, check, answer.found, now, answer.folded))

    def _show(self, caught: _Caught) -> None:
        """Arm the timer and bring what support staff see up to date; at most one upsert.

        A touch in flight is answered in a moment, as a rule: until then the list stays as it is.
        """
        flying, deadline = self._sends.in_flight, life.next_deadline(self._state)
        if caught == "up":
            first = self._first_with_touches(deadline) if flying else deadline
            self._timer.arm(first, self._acts_at(first) if first else None)
        if not flying:
            self._attributes.show(self._state, self._timer.fires_at)
        workflow.set_current_details(card.render(self._state))
        self._noticed = False
        waiting = self._deliveries or self._unread or self._commands.waiting
        self._busy = bool(self._pending or flying or waiting or self._is_past(deadline))

    def _show_last(self) -> None:
        """Leave a life that is over in the list under its last stage; whoever never was a customer is not listed."""
        self._busy = False
        if self._state.lifecycle.stage is not None:
            self._attributes.show(self._state, None)

    def _first_with_touches(self, deadline: Deadline | None) -> Deadline | None:
        """The deadline to wake for while touches are in flight, for as long as that may take.

        It is the one that comes once they are sent, if that is the earlier one: so the timer stands when the answer
        comes, and does not cost the history one more.
        """
        likely = life.likely_deadline(self._state)
        if likely is None or self._is_due(likely) or (deadline is not None and deadline.at <= likely.at):
            return deadline
        return likely

    async def _rest(self, caught: _Caught) -> None:
        """Sleep until something comes: a signal, the timer, an answer, or the end of patience."""

        def awake() -> bool:
            return bool(self._deliveries) or self._noticed or self._sends.any_answered

        match caught:
            case "up" | "over":
                await workflow.wait_condition(lambda: awake() or bool(self._commands.waiting) or self._timer.fired)
                self._timer.acknowledge()
            case "held_back":
                await self._wait_with_patience(awake)
            case _:
                assert_never(caught)

    async def _wait_with_patience(self, awake: Callable[[], bool]) -> None:
        until = self._sends.patient_until()
        patience = max(until - workflow.now(), timedelta(milliseconds=1))
        try:
            await workflow.wait_condition(awake, timeout=patience, timeout_summary="patience with a touch in flight")
        except TimeoutError:
            self._time.reached(until)

    def _should_continue_as_new(self) -> bool:
        if self._deliveries or self._pending or self._unread or self._sends.in_flight or self._commands.waiting:
            return False
        assert self._state.numbers is not None
        return (
            self._happenings >= (self._continue_after or self._state.numbers.continue_after)
            or workflow.info().is_continue_as_new_suggested()
            or self._newest_rules > self._state.rules_version
        )

    async def _continue_as_new(self) -> None:
        """Carry the state over into a fresh history; nothing is in flight and the inbox is empty."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self._deliveries:
            self._state.rules_version, self._state.numbers = self._newest_rules, self._newest_numbers
            workflow.continue_as_new(args=[LifeInput(None, self._state, self._continue_after)])
