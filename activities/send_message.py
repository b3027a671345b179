"""The one way out: facts, gates, claim, delivery, settlement (design: gates.md).

Three statements at most, each by itself: the facts are read (gate_facts.py), the claim is made only if no fact has
changed since, the outcome is settled (touch_rows.py). Before a provider is asked once more for what it may have, a stop
is heeded and nothing else: a brake, an opt-out, a consent withdrawn. What no provider has taken is judged by all gates
each time, and taken up again (open_claims.py) only if no fact has changed since. Each judgement stays on record.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from activities.channels import Accepted, ChannelAdapter, Message, Postponed, Refused, Unknown
from activities.contracts import SEND_LOST_AFTER, SendMessageRequest, SendMessageResult
from activities.gate_facts import Decided, Known, read_facts
from activities.open_claims import give_up, note_judgement, note_untaken, take_up
from activities.reachability import note_gone
from activities.rendering import fill, render
from activities.touch_plan import TouchPlan
from activities.touch_rows import claim, note_hold, settle
from activities.world import World
from errors import DatabaseError, TemplateError
from journeys.templates import Text
from rules.gates import Answer, HeldUntil, Judgement, NextChannel, TouchSettled, TryLater, judge
from rules.judged_again import JudgedAgain, judge_again

CLAIM_ATTEMPTS = 100
ASK_AGAIN_AFTER = timedelta(seconds=30)
ASK_AGAIN_FOR = timedelta(hours=24)
"""How long after the claim a provider is asked again, in real time; then the touch is in doubt, or has failed if
certainly no provider has taken it."""


async def send_message(world: World, request: SendMessageRequest) -> SendMessageResult:
    """Judge one planned touch and, if the gates let it pass, deliver it: at most once to the customer.

    Raises `DatabaseError` if the customer's facts keep changing under it; Temporal tries again later.
    """
    plan = TouchPlan.of(world, request)
    was_untaken = False
    for _ in range(CLAIM_ATTEMPTS):
        known = await read_facts(world, plan)
        if (record := known.record) is None:
            judgement = judge(plan.touch, known.facts, plan.key)
            if (answer := await _act_on(world, plan, known, judgement)) is not None:
                return SendMessageResult(answer)
        elif record.outcome != "claimed":
            return SendMessageResult(plan.settled(record.outcome, record.reason))
        elif was_untaken and record.postponed is None:
            return SendMessageResult(_left_to_another(plan))
        elif (as_claimed := plan.decided_in(record.definition, record.channel)) is not plan:
            plan = as_claimed
        elif (answer := await _claimed_before(world, plan, known, record)) is not None:
            return SendMessageResult(answer)
        else:
            was_untaken = record.postponed is not None
    raise DatabaseError("the customer's facts changed with every try: the touch is tried again later")


async def _act_on(world: World, plan: TouchPlan, known: Known, judgement: Judgement) -> Answer | None:
    """Do what the gates decided; none if the facts changed before it could be written down."""
    send = plan.send
    match judgement.decision:
        case "next_channel":
            return NextChannel(send.journey, send.entry, send.step, send.definition)
        case "hold":
            assert judgement.hold_until is not None
            await note_hold(world, plan, known, judgement, judgement.hold_until)
            return HeldUntil(send.journey, send.entry, send.step, judgement.hold_until, judgement.reason)
        case "withhold":
            written = await claim(world, plan, known, judgement, "withheld")
            return plan.settled("withheld", judgement.reason) if written else None
        case "send":
            return await _send(world, plan, known, judgement)
        case _:
            assert_never(judgement.decision)


async def _send(world: World, plan: TouchPlan, known: Known, judgement: Judgement) -> Answer | None:
    """Claim, then deliver. A text that cannot be filled in fails for good, before anything is claimed."""
    try:
        text = render(plan.template, known.language, plan.channel, known.variables, plain=known.plain)
    except TemplateError:
        faulty = replace(judgement, reason="template_error")
        written = await claim(world, plan, known, faulty, "failed")
        return plan.settled("failed", "template_error") if written else None
    if not await claim(world, plan, known, judgement, "claimed", text):
        return None
    addresses = known.addresses_on(plan.channel)
    handover = Handover(world.channels[plan.channel], text, addresses, known.good_until, timedelta(0), True)
    return await _deliver(world, plan, handover)


async def _claimed_before(
    world: World, plan: TouchPlan, known: Known, record: Decided
) -> TouchSettled | TryLater | None:
    """Of an open claim the provider is asked again, if that cannot lead to two messages.

    What nobody has taken is judged anew, by all gates; what somebody may have is stopped by people alone. None if what
    was judged is not so any more.
    """
    untaken, adapter = record.postponed is not None, world.channels.get(plan.channel)
    if adapter is None and record.tried_for < ASK_AGAIN_FOR:
        # Only a worker that has the channel can tell whether it may still be asked.
        return _try_later(plan, "not_connected", _pause(Postponed("not_connected"), record.tried_for))
    again = judge_again(plan.touch, known.facts, plan.key, untaken=untaken)
    judgement = again.judgement
    in_time = record.tried_for < _ask_again_for(adapter, untaken=untaken)
    match judgement.decision:
        case "send" if in_time:
            return await _ask_again(world, plan, known, record, again)
        case "hold" if in_time:
            assert judgement.hold_until is not None
            if not await note_judgement(world, plan, known, again):
                return None
            held_for = plan.clock.real(judgement.hold_until) - datetime.now(UTC)
            return _try_later(plan, judgement.reason, max(held_for, ASK_AGAIN_AFTER))
        case "send":
            return await give_up(world, plan, known, record.postponed or "answer_lost", again)
        case "hold" | "withhold" | "next_channel":
            return await give_up(world, plan, known, judgement.reason, again)
        case _:
            assert_never(judgement.decision)


def _ask_again_for(adapter: ChannelAdapter | None, *, untaken: bool) -> timedelta:
    """How long after the claim the provider is asked: no longer than it knows what it may have taken by then.

    What is asked now may come there as late as a try ends.
    """
    if adapter is None:
        return timedelta(0)
    return ASK_AGAIN_FOR if untaken else min(ASK_AGAIN_FOR, adapter.deduplicates_for - SEND_LOST_AFTER)


async def _ask_again(
    world: World, plan: TouchPlan, known: Known, record: Decided, again: JudgedAgain
) -> TouchSettled | TryLater | None:
    """Hand a claimed touch over once more, in the words that it was claimed with; none if it is to be judged again."""
    as_judged = take_up(world, plan, known, again) if again.untaken else note_judgement(world, plan, known, again)
    if not await as_judged:
        return None
    text = fill(plan.template, record.language, plan.channel, record.variables, plain=record.plain)
    addresses = known.addresses_on(plan.channel)
    adapter = world.channels[plan.channel]
    handover = Handover(adapter, text, addresses, known.good_until, record.tried_for, again.untaken)
    return await _deliver(world, plan, handover)


@dataclass(frozen=True, slots=True)
class Handover:
    """A claimed touch on its way to a channel. `untaken`: no call before this one can have brought it there."""

    adapter: ChannelAdapter
    text: Text = field(repr=False)
    addresses: tuple[str, ...] = field(repr=False)
    good_until: datetime | None
    tried_for: timedelta
    untaken: bool

    def message(self, plan: TouchPlan) -> Message:
        """What the channel gets."""
        return Message(
            customer_id=plan.customer_id,
            key=plan.key,
            template=plan.touch.template,
            message_class=plan.touch.message_class,
            title=self.text.title,
            body=self.text.body,
            template_id=self.text.template_id,
            data=self.text.data,
            addresses=self.addresses,
            good_until=self.good_until,
        )


async def _deliver(world: World, plan: TouchPlan, handover: Handover) -> TouchSettled | TryLater:
    """Hand a claimed touch to the provider and settle it, unless nobody knows yet what became of it."""
    remembered_for = _ask_again_for(handover.adapter, untaken=False)
    asked_at = datetime.now(UTC)
    delivery = await handover.adapter.deliver(handover.message(plan))
    tried_for = handover.tried_for + (datetime.now(UTC) - asked_at)
    match delivery:
        case Accepted():
            return await settle(world, plan, "sent", "", delivery.provider_id)
        case Refused():
            if delivery.gone:
                # It knew no address that it is told while it is asked.
                await note_gone(world.pool, plan.customer_id, handover.adapter.channel, asked_at, handover.addresses)
            if handover.untaken:
                settled = await note_untaken(world, plan, delivery.reason, ask_again=False)
                return settled or _left_to_another(plan)
            # A call before this one may have brought it there.
            return await settle(world, plan, "in_doubt", delivery.reason)
        case Postponed() if handover.untaken:
            settled = await note_untaken(world, plan, delivery.reason, ask_again=tried_for < ASK_AGAIN_FOR)
            return settled or _try_later(plan, delivery.reason, _pause(delivery, tried_for))
        case Unknown() | Postponed() if tried_for < remembered_for:
            return _try_later(plan, delivery.reason, _pause(delivery, tried_for))
        case Unknown() | Postponed():
            return await settle(world, plan, "in_doubt", delivery.reason)
        case _:
            assert_never(delivery)


def _pause(delivery: Postponed | Unknown, tried_for: timedelta) -> timedelta:
    """Ask again at growing distances: about as long as it has been tried already."""
    return max(delivery.pause, ASK_AGAIN_AFTER, min(tried_for, timedelta(hours=1)))


def _left_to_another(plan: TouchPlan) -> TryLater:
    """Another try is handing it over by now, and will settle it."""
    return _try_later(plan, "answer_lost", ASK_AGAIN_AFTER)


def _try_later(plan: TouchPlan, reason: str, pause: timedelta) -> TryLater:
    """Ask again with the same key after a pause, in real time."""
    send = plan.send
    at = plan.clock.business(datetime.now(UTC) + pause)
    return TryLater(send.journey, send.entry, send.step, at, reason)
