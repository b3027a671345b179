"""The one way out: facts, gates, claim, delivery, settlement (design: gates.md).

Three statements at most, each by itself: the facts are read, the claim is made only if no fact of the customer has
changed since (`customer.version`), the outcome is settled. What was claimed is never judged again; but before the
provider is asked once more, a stop is heeded: a brake, an opt-out, a consent withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

import asyncpg
from pydantic import TypeAdapter

from activities.brakes import brake_of
from activities.channels import Accepted, ChannelAdapter, Message, Postponed, Refused, Unknown
from activities.contracts import SendMessageRequest, SendMessageResult
from activities.conversions import where_of
from activities.rendering import render
from activities.world import World
from errors import DatabaseError, TemplateError
from journeys.events import account_closed
from journeys.names import Channel, CustomerId, Language, MessageClass
from journeys.templates import Template, Text
from rules.clock import Clock
from rules.conditions import fits
from rules.effects import SendMessage
from rules.gates import (
    Answer,
    Facts,
    HeldUntil,
    Judgement,
    NextChannel,
    Touch,
    TouchSettled,
    TryLater,
    judge,
)
from rules.touches import planned_send, planned_touch, template_of, touch_key

CLAIM_ATTEMPTS = 100
ASK_AGAIN_AFTER = timedelta(seconds=30)
ASK_AGAIN_FOR = timedelta(hours=24)
"""How long a provider that does not answer is asked again, in real time; then the touch is in doubt."""

_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)
_JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)


@dataclass(frozen=True, slots=True)
class _Planned:
    """One touch with all that does not change while it is sent."""

    customer_id: CustomerId
    send: SendMessage
    clock: Clock
    folded: int
    folded_ahead: tuple[int, ...]
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

    def late_by(self) -> timedelta:
        """How late the touch is, in real time."""
        return max(datetime.now(UTC) - self.clock.real(self.send.due), timedelta(0))

    def settled(self, outcome: str, reason: str = "") -> TouchSettled:
        """The answer for a settled record."""
        send = self.send
        match outcome:
            case "sent" | "withheld" | "failed" | "in_doubt":
                return TouchSettled(send.journey, send.entry, send.step, send.asked_for, outcome, reason)
            case _:
                raise AssertionError(f"{outcome} is not an outcome")


@dataclass(frozen=True, slots=True)
class _Decided:
    """The record of a touch that was decided before."""

    outcome: str
    reason: str
    channel: Channel
    language: Language
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database says: the facts, the record if there is one, and the version they hold for."""

    version: int
    last_brake: int
    language: Language
    facts: Facts
    record: _Decided | None


async def send_message(world: World, request: SendMessageRequest) -> SendMessageResult:
    """Judge one planned touch and, if the gates let it pass, deliver it: at most once to the customer.

    Raises `DatabaseError` if the customer's facts keep changing under it; Temporal tries again later.
    """
    send = request.send
    planned = _Planned(
        request.customer_id,
        send,
        world.clock(request.clock),
        request.folded,
        request.folded_ahead,
        planned_touch(send.definition, send.step, send.channel),
        template_of(send.definition, send.step),
    )
    for _ in range(CLAIM_ATTEMPTS):
        known = await _read_facts(world, planned)
        if known.record is not None:
            return SendMessageResult(await _decided_before(world, planned, known.facts, known.record))
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
            return await _send(world, planned, known, judgement)
        case _:
            assert_never(judgement.decision)


async def _send(world: World, planned: _Planned, known: _Known, judgement: Judgement) -> Answer | None:
    """Claim, then deliver. A text that cannot be filled in fails for good, before anything is claimed."""
    try:
        text = render(planned.template, known.language, planned.channel, {})
    except TemplateError:
        faulty = replace(judgement, reason="template_error")
        written = await _claim(world, planned, known, faulty, "failed")
        return planned.settled("failed", "template_error") if written else None
    if not await _claim(world, planned, known, judgement, "claimed"):
        return None
    return await _deliver(world, world.channels[planned.channel], planned, text, datetime.now(UTC))


async def _decided_before(world: World, planned: _Planned, facts: Facts, record: _Decided) -> TouchSettled | TryLater:
    """A settled record stands. An open claim means that an answer was lost: ask again if the channel de-duplicates."""
    if record.outcome != "claimed":
        return planned.settled(record.outcome, record.reason)
    adapter = world.channels.get(record.channel)
    if adapter is None or datetime.now(UTC) - record.recorded_at >= adapter.deduplicates_for:
        return await _settle(world, planned, "in_doubt", "answer_lost")
    stop = _stop(planned, facts, record.channel)
    tried_for = datetime.now(UTC) - record.recorded_at
    match stop.decision:
        case "send":
            text = render(planned.template, record.language, record.channel, {})
            return await _deliver(world, adapter, planned, text, record.recorded_at)
        case "hold" if tried_for < ASK_AGAIN_FOR:
            assert stop.hold_until is not None
            return _try_later(planned, stop.reason, stop.hold_until - facts.judged_at)
        case "hold" | "withhold" | "next_channel":
            return await _settle(world, planned, "in_doubt", stop.reason)
        case _:
            assert_never(stop.decision)


def _stop(planned: _Planned, facts: Facts, channel: Channel) -> Judgement:
    """Whether somebody has stopped a claimed touch: the gates of its channel that a person can close, and no other.

    Whatever else has changed since says nothing about a message that the customer may have already.
    """
    touch = replace(planned.touch, channels=(channel,), in_turn=0)
    closed = Facts(facts.judged_at, opted_out=facts.opted_out, consents=facts.consents, brakes=facts.brakes)
    return judge(touch, closed, planned.key)


async def _deliver(
    world: World, adapter: ChannelAdapter, planned: _Planned, text: Text, claimed_at: datetime
) -> TouchSettled | TryLater:
    """Hand a claimed touch to the provider and settle it, unless nobody knows yet what became of it."""
    message = Message(
        customer_id=planned.customer_id,
        key=planned.key,
        template=planned.touch.template,
        message_class=planned.touch.message_class,
        title=text.title,
        body=text.body,
        template_id=text.template_id,
        data=text.data,
    )
    delivery = await adapter.deliver(message)
    match delivery:
        case Accepted():
            return await _settle(world, planned, "sent", "")
        case Refused():
            return await _settle(world, planned, "failed", delivery.reason)
        case Unknown() | Postponed() if datetime.now(UTC) - claimed_at < min(ASK_AGAIN_FOR, adapter.deduplicates_for):
            return _try_later(planned, delivery.reason, _pause(delivery, datetime.now(UTC) - claimed_at))
        case Unknown() | Postponed():
            return await _settle(world, planned, "in_doubt", delivery.reason)
        case _:
            assert_never(delivery)


def _pause(delivery: Postponed | Unknown, tried_for: timedelta) -> timedelta:
    """Ask again at growing distances: about as long as it has been tried already."""
    return max(delivery.pause, ASK_AGAIN_AFTER, min(tried_for, timedelta(hours=1)))


def _try_later(planned: _Planned, reason: str, pause: timedelta) -> TryLater:
    """Ask again with the same key after a pause, in real time."""
    send = planned.send
    at = planned.clock.business(datetime.now(UTC) + pause)
    return TryLater(send.journey, send.entry, send.step, at, reason)


async def _settle(world: World, planned: _Planned, outcome: str, reason: str) -> TouchSettled:
    """Write the outcome; what was settled meanwhile stands, but for a doubt that is resolved."""
    row = await world.pool.fetchrow(
        """
        WITH settled AS (
            UPDATE touch SET outcome = $6, reason = $7, settled_at = now()
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
              AND (outcome = 'claimed' OR outcome = 'in_doubt' AND $6 <> 'in_doubt')
            RETURNING outcome, reason
        )
        SELECT outcome, reason FROM settled
        UNION ALL
        SELECT outcome, reason FROM touch
        WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
          AND NOT EXISTS (SELECT FROM settled)
        """,
        *planned.identity,
        outcome,
        reason,
    )
    assert row is not None, "what is settled was claimed"
    return planned.settled(row["outcome"], row["reason"])


async def _claim(world: World, planned: _Planned, known: _Known, judgement: Judgement, outcome: str) -> bool:
    """Write the decision record, if the facts it was judged on still hold; false if they changed."""
    written = await world.pool.fetchval(
        """
        WITH unchanged AS (
            UPDATE customer SET version = version + 1
            WHERE customer_id = $1 AND version = $6 AND NOT EXISTS (SELECT FROM brake WHERE brake_id > $20)
            RETURNING customer_id
        )
        INSERT INTO touch (customer_id, journey, entry, step, occurrence, definition, template, content_hash,
                           message_class, channel, language, approval, planned_at, judged_at, outcome, reason,
                           facts, verdicts, product, settled_at)
        SELECT customer_id, $2, $3, $4, $5, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $21,
               CASE WHEN $16 <> 'claimed' THEN now() END
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
        known.last_brake,
        planned.touch.product,
    )
    return bool(written)


_FACTS_OF_A_TOUCH = """
SELECT customer.version, customer.language,
  (SELECT ARRAY[outcome, reason, channel, language] FROM touch
    WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5) AS record,
  (SELECT recorded_at FROM touch
    WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5) AS recorded_at,
  run.goal_event, run.goal_where, run.exit_events, run.paused_at IS NOT NULL AS paused,
  CASE WHEN run.ended_at <= coalesce($6::timestamptz, 'infinity') THEN run.outcome END AS outcome,
  (SELECT jsonb_agg(jsonb_build_array(event.name, event.data) ORDER BY event.sequence)
     FROM customer_event AS event
    WHERE event.customer_id = $1 AND event.name = ANY(run.exit_events || run.goal_event || $10::text)
      AND (event.occurred_at, event.sequence) > (run.entered_at, coalesce(run.caused_by, event.sequence))
      AND (event.sequence <= coalesce($8, event.sequence) OR event.sequence = ANY($11::bigint[]))) AS ending,
  (SELECT jsonb_agg(jsonb_build_array(event.name, event.data) ORDER BY event.sequence)
     FROM customer_event AS event
     JOIN unnest($7::text[], $9::timestamptz[]) AS awaited (name, since) ON awaited.name = event.name
    WHERE event.customer_id = $1
      AND (event.sequence <= coalesce($8, event.sequence) OR event.sequence = ANY($11::bigint[]))
      AND (awaited.since IS NULL OR event.occurred_at >= awaited.since AND
           (event.occurred_at, event.sequence) > (run.entered_at, coalesce(run.caused_by, event.sequence)))
  ) AS awaited,
  ARRAY(SELECT scope FROM (SELECT DISTINCT ON (scope) scope, active FROM opt_out
          WHERE customer_id = $1 AND ($6::timestamptz IS NULL OR at <= $6)
          ORDER BY scope, at DESC) AS latest WHERE active) AS opted_out,
  ARRAY(SELECT ARRAY[message_class, channel] FROM (
          SELECT DISTINCT ON (message_class, channel) message_class, channel, given FROM consent
          WHERE customer_id = $1 ORDER BY message_class, channel, at DESC) AS latest WHERE given) AS consents,
  ARRAY(SELECT channel FROM reachability WHERE customer_id = $1 AND NOT reachable) AS unreachable,
  (SELECT jsonb_agg(jsonb_build_object('mode', mode, 'reason', reason, 'journey', journey,
                                       'template', template, 'channel', channel) ORDER BY brake_id)
     FROM brake WHERE released_at IS NULL) AS brakes,
  (SELECT coalesce(max(brake_id), 0) FROM brake) AS last_brake
FROM customer JOIN journey_run AS run USING (customer_id)
WHERE customer_id = $1 AND run.journey = $2 AND run.entry = $3
"""


async def _read_facts(world: World, planned: _Planned) -> _Known:
    """Everything the gates look at, in one statement, so that it is of one moment."""
    # With a simulated clock the touch is judged as of its due time: what happened after is not known yet.
    as_of = planned.send.asked_for if planned.clock.simulated else None
    folded = planned.folded if planned.clock.simulated else None
    row = await world.pool.fetchrow(
        _FACTS_OF_A_TOUCH,
        *planned.identity,
        as_of,
        [event for event, _ in planned.send.overtaken_by],
        folded,
        [since for _, since in planned.send.overtaken_by],
        str(account_closed),
        planned.folded_ahead,
    )
    if row is None:
        raise DatabaseError(
            f"journey_run has no row for {planned.send.journey} entry {planned.send.entry} of customer"
            f" {planned.customer_id}: the database is not the one this life was recorded in, or was restored to an"
            " earlier time; then the row is written again with the customer's next event"
        )
    return _known(row, planned, set(Channel) - set(world.channels))


def _known(row: asyncpg.Record, planned: _Planned, not_configured: set[Channel]) -> _Known:
    """The row as facts; a channel that this deployment does not have reaches nobody."""
    record = row["record"]
    return _Known(
        version=row["version"],
        language=Language(row["language"]),
        facts=Facts(
            judged_at=_time_of_judgement(planned),
            late_by=planned.late_by(),
            run_over=_run_over(row) or "",
            overtaken_by=_overtaken_by(row, planned) or "",
            opted_out=tuple(row["opted_out"]),
            consents=tuple((MessageClass(one), Channel(other)) for one, other in row["consents"]),
            unreachable=tuple(sorted({*map(Channel, row["unreachable"]), *not_configured})),
            paused=row["paused"],
            control=planned.send.control,
            brakes=tuple(map(brake_of, row["brakes"] or ())),
        ),
        last_brake=row["last_brake"],
        record=record and _Decided(record[0], record[1], Channel(record[2]), Language(record[3]), row["recorded_at"]),
    )


def _run_over(row: asyncpg.Record) -> str | None:
    """The event that ended the run, or how else it ended."""
    for name, data in row["ending"] or ():
        if name in row["exit_events"] or name != row["goal_event"] or fits(where_of(row["goal_where"]), data):
            return str(name)
    outcome: str | None = row["outcome"]
    return outcome


def _overtaken_by(row: asyncpg.Record, planned: _Planned) -> str | None:
    """The first event that makes the touch pointless: one that a wait was for whose absence led to it."""
    waits = planned_send(planned.send.definition, planned.send.step).overtaken_by
    for name, data in row["awaited"] or ():
        if any(name in wait.events and fits(wait.where, data) for wait in waits):
            return str(name)
    return None


def _time_of_judgement(planned: _Planned) -> datetime:
    """The business time that the gates go by (gates.md, "Time of judgement")."""
    clock, asked_for = planned.clock, planned.send.asked_for
    real_now = datetime.now(UTC)
    on_time = real_now - clock.real(asked_for) <= clock.grace
    return asked_for if clock.simulated or on_time else clock.business(real_now)
