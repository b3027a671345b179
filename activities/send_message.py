"""The one way out: facts, gates, claim, delivery, settlement (design: gates.md).

Three statements at most, each by itself: the facts are read, the claim is made only if no fact of the customer has
changed since (`customer.version`), the outcome is settled. What was claimed is never judged again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

import asyncpg
from pydantic import TypeAdapter

from activities.channels import Accepted, ChannelAdapter, Delivery, Message, Refused, Unknown
from activities.contracts import SendMessageRequest, SendMessageResult
from activities.rendering import render
from activities.world import World
from errors import DatabaseError
from journeys.names import Channel, CustomerId, Language, MessageClass
from journeys.templates import Template
from rules.clock import Clock
from rules.effects import SendMessage
from rules.gates import Answer, Brake, BrakeMode, Facts, HeldUntil, Judgement, NextChannel, Touch, TouchSettled, judge
from rules.touches import planned_send, planned_touch, template_of, touch_key

CLAIM_ATTEMPTS = 100

_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)
_JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)


@dataclass(frozen=True, slots=True)
class _Planned:
    """One touch with all that does not change while it is sent."""

    customer_id: CustomerId
    send: SendMessage
    clock: Clock
    touch: Touch
    template: Template

    @property
    def channel(self) -> Channel:
        return self.touch.channels[self.touch.in_turn]

    @property
    def identity(self) -> tuple[CustomerId, str, int, str, int]:
        """The primary key of the record."""
        return (self.customer_id, self.send.journey, self.send.entry, self.send.step, self.send.occurrence)

    @property
    def key(self) -> str:
        return touch_key(self.customer_id, self.send)

    def settled(self, outcome: str, reason: str = "") -> TouchSettled:
        """The answer for a settled record."""
        send = self.send
        match outcome:
            case "sent" | "withheld" | "failed" | "in_doubt":
                return TouchSettled(send.journey, send.entry, send.step, send.asked_for, outcome, reason)
            case _:
                raise AssertionError(f"{outcome} is not an outcome")


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database says: the facts, the record if there is one, and the version they hold for."""

    version: int
    language: Language
    facts: Facts
    record: tuple[str, str, Channel, Language] | None
    """Outcome, reason, channel and language of a touch that was decided before."""


async def send_message(world: World, request: SendMessageRequest) -> SendMessageResult:
    """Judge one planned touch and, if the gates let it pass, deliver it: at most once to the customer.

    Raises `DatabaseError` if the customer's facts keep changing under it; Temporal tries again later.
    """
    send = request.send
    planned = _Planned(
        request.customer_id,
        send,
        world.clock(request.clock),
        planned_touch(send.definition, send.step, send.channel),
        template_of(send.definition, send.step),
    )
    for _ in range(CLAIM_ATTEMPTS):
        known = await _read_facts(world, planned)
        if known.record is not None:
            return SendMessageResult(await _decided_before(world, planned, known.record))
        judgement = judge(planned.touch, known.facts, planned.key)
        if (answer := await _act_on(world, planned, known, judgement)) is not None:
            return SendMessageResult(answer)
    raise DatabaseError("the customer's facts changed with every try: the touch is tried again later")


async def _act_on(world: World, planned: _Planned, known: _Known, judgement: Judgement) -> Answer | None:
    """Do what the gates decided; none if the facts changed before it could be written down."""
    send = planned.send
    match judgement.decision:
        case "next_channel":
            return NextChannel(send.journey, send.entry, send.step)
        case "hold":
            assert judgement.hold_until is not None
            return HeldUntil(send.journey, send.entry, send.step, judgement.hold_until, judgement.reason)
        case "withhold":
            written = await _claim(world, planned, known, judgement, "withheld")
            return planned.settled("withheld", judgement.reason) if written else None
        case "send":
            if not await _claim(world, planned, known, judgement, "claimed"):
                return None
            delivery = await _deliver(world.channels[planned.channel], planned, known.language)
            return await _settle(world, planned, delivery)
        case _:
            assert_never(judgement.decision)


async def _decided_before(world: World, planned: _Planned, record: tuple[str, str, Channel, Language]) -> TouchSettled:
    """A settled record stands. An open claim means that an answer was lost: ask again if the channel de-duplicates."""
    outcome, reason, channel, language = record
    if outcome != "claimed":
        return planned.settled(outcome, reason)
    adapter = world.channels[channel]
    if not adapter.deduplicates:
        return await _settle(world, planned, Unknown("answer_lost"))
    return await _settle(world, planned, await _deliver(adapter, planned, language))


async def _deliver(adapter: ChannelAdapter, planned: _Planned, language: Language) -> Delivery:
    text = render(planned.template, language, adapter.channel, {})
    message = Message(
        customer_id=planned.customer_id,
        key=planned.key,
        template=planned.touch.template,
        message_class=planned.touch.message_class,
        title=text.title,
        body=text.body,
    )
    delivery = await adapter.deliver(message)
    if isinstance(delivery, Unknown) and adapter.deduplicates:
        delivery = await adapter.deliver(message)
    return delivery


async def _settle(world: World, planned: _Planned, delivery: Delivery) -> TouchSettled:
    match delivery:
        case Accepted():
            outcome, reason = "sent", ""
        case Refused():
            outcome, reason = "failed", delivery.reason
        case Unknown():
            outcome, reason = "in_doubt", delivery.reason
        case _:
            assert_never(delivery)
    await world.pool.execute(
        """
        UPDATE touch SET outcome = $6, reason = $7, settled_at = now()
        WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
          AND outcome = 'claimed'
        """,
        *planned.identity,
        outcome,
        reason,
    )
    return planned.settled(outcome, reason)


async def _claim(world: World, planned: _Planned, known: _Known, judgement: Judgement, outcome: str) -> bool:
    """Write the decision record, if the facts it was judged on still hold; false if they changed."""
    written = await world.pool.fetchval(
        """
        WITH unchanged AS (
            UPDATE customer SET version = version + 1 WHERE customer_id = $1 AND version = $6 RETURNING customer_id
        )
        INSERT INTO touch (customer_id, journey, entry, step, occurrence, definition, template, content_hash,
                           message_class, channel, language, approval, planned_at, judged_at, outcome, reason,
                           facts, verdicts, settled_at)
        SELECT customer_id, $2, $3, $4, $5, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
               CASE WHEN $16 = 'withheld' THEN now() END
        FROM unchanged
        ON CONFLICT DO NOTHING
        RETURNING true
        """,
        *planned.identity,
        known.version,
        planned.send.definition,
        planned.touch.template,
        planned.template.content_hash(),
        planned.touch.message_class,
        planned.channel,
        known.language,
        planned.template.approval,
        planned.send.due,
        known.facts.judged_at,
        outcome,
        judgement.reason,
        _FACTS.dump_python(known.facts, mode="json"),
        _JUDGEMENT.dump_python(judgement, mode="json")["verdicts"],
    )
    return bool(written)


async def _read_facts(world: World, planned: _Planned) -> _Known:
    """Everything the gates look at, in one statement, so that it is of one moment."""
    # With a simulated clock the touch is judged as of its due time: what happened after is not known yet.
    as_of = planned.send.asked_for if planned.clock.simulated else None
    overtaken_by = planned_send(planned.send.definition, planned.send.step).overtaken_by
    row = await world.pool.fetchrow(
        """
        SELECT customer.version, customer.language,
          (SELECT ARRAY[outcome, reason, channel, language] FROM touch
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5) AS record,
          coalesce(
            (SELECT event.name FROM customer_event AS event
              WHERE event.customer_id = $1 AND event.name = ANY(run.exit_events || run.goal_event)
                AND event.occurred_at >= run.entered_at AND ($6::timestamptz IS NULL OR event.occurred_at <= $6)
              ORDER BY event.sequence LIMIT 1),
            CASE WHEN run.ended_at <= coalesce($6, 'infinity') THEN run.outcome END) AS run_over,
          (SELECT event.name FROM customer_event AS event
            WHERE event.customer_id = $1 AND event.name = ANY($7::text[])
              AND event.occurred_at >= run.entered_at AND ($6::timestamptz IS NULL OR event.occurred_at <= $6)
            ORDER BY event.sequence LIMIT 1) AS overtaken_by,
          ARRAY(SELECT scope FROM (SELECT DISTINCT ON (scope) scope, active FROM opt_out
                  WHERE customer_id = $1 AND ($6::timestamptz IS NULL OR at <= $6)
                  ORDER BY scope, at DESC) AS latest WHERE active) AS opted_out,
          ARRAY(SELECT ARRAY[message_class, channel] FROM (
                  SELECT DISTINCT ON (message_class, channel) message_class, channel, given FROM consent
                  WHERE customer_id = $1 ORDER BY message_class, channel, at DESC) AS latest WHERE given) AS consents,
          ARRAY(SELECT channel FROM reachability WHERE customer_id = $1 AND NOT reachable) AS unreachable,
          (SELECT jsonb_agg(jsonb_build_object('mode', mode, 'reason', reason, 'journey', journey,
                                               'template', template, 'channel', channel) ORDER BY brake_id)
             FROM brake WHERE released_at IS NULL) AS brakes
        FROM customer JOIN journey_run AS run USING (customer_id)
        WHERE customer_id = $1 AND run.journey = $2 AND run.entry = $3
        """,
        *planned.identity,
        as_of,
        [str(event) for event in overtaken_by],
    )
    if row is None:
        raise DatabaseError(
            f"journey_run has no row for {planned.send.journey} entry {planned.send.entry} of customer"
            f" {planned.customer_id}: the database is not the one this life was recorded in"
        )
    return _known(row, planned)


def _known(row: asyncpg.Record, planned: _Planned) -> _Known:
    judged_at, late_by = _time_of_judgement(planned)
    record = row["record"]
    return _Known(
        version=row["version"],
        language=Language(row["language"]),
        facts=Facts(
            judged_at=judged_at,
            late_by=late_by,
            run_over=row["run_over"] or "",
            overtaken_by=row["overtaken_by"] or "",
            opted_out=tuple(row["opted_out"]),
            consents=tuple((MessageClass(one), Channel(other)) for one, other in row["consents"]),
            unreachable=tuple(map(Channel, row["unreachable"])),
            brakes=tuple(map(_brake, row["brakes"] or ())),
        ),
        record=record and (record[0], record[1], Channel(record[2]), Language(record[3])),
    )


def _time_of_judgement(planned: _Planned) -> tuple[datetime, timedelta]:
    """Business time the gates go by, and how late the touch is in real time (gates.md, "Time of judgement")."""
    clock, send = planned.clock, planned.send
    real_now = datetime.now(UTC)
    late_by = max(real_now - clock.real(send.due), timedelta(0))
    on_time = real_now - clock.real(send.asked_for) <= clock.grace
    return (send.asked_for if clock.simulated or on_time else clock.business(real_now)), late_by


def _brake(row: dict[str, Any]) -> Brake:
    return Brake(
        BrakeMode(row["mode"]),
        row["reason"],
        row["journey"],
        row["template"],
        Channel(row["channel"]) if row["channel"] else None,
    )
