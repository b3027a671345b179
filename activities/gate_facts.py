"""What the gates look at, read for one touch (gate_facts.sql)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import TypeAdapter

from activities.brakes import brake_of
from activities.conversions import where_of
from activities.local_time import quiet_from, quiet_until
from activities.touch_plan import TouchPlan
from activities.variables import values_of
from activities.world import World
from errors import DatabaseError
from journeys.channels import CARRIES
from journeys.events import account_closed
from journeys.names import Channel, ContentHash, Language, MessageClass, RiskClass
from rules.caps import CountedTouch, caps_of
from rules.conditions import fits
from rules.gates import Facts, expires_after
from rules.suitability import Investor, Product
from rules.touches import planned_send

_STATEMENT = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_HEARD: TypeAdapter[tuple[CountedTouch, ...]] = TypeAdapter(tuple[CountedTouch, ...])
_PRODUCT: TypeAdapter[Product] = TypeAdapter(Product)

Addresses = tuple[tuple[str, str], ...]
"""Channel and address, the latest first."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The record of a touch that was decided before.

    `definition` is the one that the run was in then. `tried_for` is how long ago it was decided, by the clock of the
    database, which wrote it down. `postponed` says why no provider has taken it so far, for certain; none if one may
    have.
    """

    outcome: str
    reason: str
    definition: ContentHash
    channel: Channel
    language: Language
    tried_for: timedelta
    variables: dict[str, Any] = field(repr=False)
    plain: bool
    postponed: str | None


_RECORD: TypeAdapter[Decided | None] = TypeAdapter(Decided | None)


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says: the facts, the record if there is one, and the versions that they hold for.

    `variables` are what the text may tell, `plain` says that the customer gets the variant without them.
    """

    version: int
    last_change: int
    language: Language
    arm: str | None
    variables: Mapping[str, object] = field(repr=False)
    plain: bool
    facts: Facts
    record: Decided | None
    good_until: datetime | None = None
    """The real time after which the message must not show up any more where it makes a sound; none without an end."""
    addresses: Addresses = field(default=(), repr=False)
    """The gates see whom they reach, and no record has them."""

    def addresses_on(self, channel: Channel) -> tuple[str, ...]:
        """Where a channel finds the customer."""
        return addresses_on(channel, self.addresses)


async def read_facts(world: World, plan: TouchPlan) -> Known:
    """Everything the gates look at. Raises `DatabaseError` if the books have no run for the touch."""
    # With a simulated clock the touch is judged as of its due time: what happened after is not known yet.
    as_of = plan.send.asked_for if plan.clock.simulated else None
    judged_at = plan.time_of_judgement()
    caps = caps_of(plan.touch.message_class, plan.touch.channels, world.caps)
    row = await world.pool.fetchrow(
        _STATEMENT,
        *plan.identity,
        as_of,
        [event for event, _ in plan.send.overtaken_by],
        plan.folded if plan.clock.simulated else None,
        [since for _, since in plan.send.overtaken_by],
        str(account_closed),
        plan.folded_ahead,
        plan.touch.product,
        plan.touch.template,
        plan.template.content_hash(),
        judged_at - max((cap.within for cap in caps), default=timedelta(0)),
        sorted({str(one) for cap in caps for one in cap.classes}),
        bool(plan.template.variables),
        planned_send(plan.send.definition, plan.send.step).split,
    )
    if row is None:
        raise DatabaseError(
            f"journey_run has no row for {plan.send.journey} entry {plan.send.entry} of customer"
            f" {plan.customer_id}: the database is not the one this life was recorded in, or was restored to an"
            " earlier time; then the row is written again with the customer's next event"
        )
    facts = _facts(world, plan, row, judged_at)
    if as_of is not None and plan.touch.product:
        facts = replace(facts, investor=await _investor_at(world, plan, as_of))
    return Known(
        version=row["version"],
        last_change=row["last_change"],
        language=Language(row["language"]),
        arm=row["arm"],
        facts=facts,
        variables=values_of(plan.template, **row["told"]) if row["told"] else {},
        plain=bool(plan.template.plain) and not row["personalised"],
        record=_RECORD.validate_python(row["record"]),
        good_until=_good_until(world, plan, judged_at, row["zone"]),
        addresses=_addresses(row),
    )


def _good_until(world: World, plan: TouchPlan, judged_at: datetime, zone: str) -> datetime | None:
    """A phone that is off gets its messages later: not at night, and not when they are stale."""
    quiet = None if plan.touch.critical else quiet_from(world.quiet_hours, judged_at, zone)
    expires = expires_after(plan.touch)
    stale = None if expires is None else plan.clock.real(plan.send.due) + expires
    ends = [end for end in (quiet and plan.clock.real(quiet), stale) if end is not None]
    return min(ends, default=None)


def _facts(world: World, plan: TouchPlan, row: asyncpg.Record, judged_at: datetime) -> Facts:
    """The row as facts."""
    touch, adapters = plan.touch, world.channels
    configured = [channel for channel in touch.channels if channel in adapters]
    interrupting = tuple(channel for channel in configured if adapters[channel].interrupts)
    return Facts(
        judged_at=judged_at,
        late_by=plan.late_by(),
        run_over=_run_over(row) or "",
        overtaken_by=_overtaken_by(row, plan) or "",
        paused=row["paused"],
        suppressed=tuple(row["suppressed"]),
        investor=_investor(world, row) if touch.product else Investor(),
        product=_product(row["product"]),
        recalled=row["recalled"],
        unreachable=_unreachable(world, plan, row),
        opted_out=tuple(row["opted_out"]),
        consents=tuple((MessageClass(one), Channel(other)) for one, other in row["consents"]),
        also_carries=tuple(
            (channel, touch.message_class)
            for channel in configured
            if touch.message_class in adapters[channel].classes - CARRIES[channel]
        ),
        brakes=tuple(map(brake_of, row["brakes"] or ())),
        quiet_until=quiet_until(world.quiet_hours, judged_at, row["zone"]) if interrupting else None,
        interrupting=interrupting,
        caps=caps_of(touch.message_class, touch.channels, world.caps),
        heard=_HEARD.validate_python(row["heard"] or ()),
        control=plan.send.control,
    )


def _unreachable(world: World, plan: TouchPlan, row: asyncpg.Record) -> tuple[Channel, ...]:
    """By what was heard of the customer, and where a channel needs to be told an address that the books lack."""
    addresses = _addresses(row)
    lost = {
        channel
        for channel in Channel
        if (adapter := world.channels.get(channel)) is None
        or not adapter.reaches(plan.customer_id, addresses_on(channel, addresses))
    }
    return tuple(sorted(lost.union(map(Channel, row["unreachable"]))))


def _addresses(row: asyncpg.Record) -> Addresses:
    return tuple((channel, address) for channel, address in row["addresses"] or ())


def addresses_on(channel: Channel, addresses: Addresses) -> tuple[str, ...]:
    """Where a channel finds the customer."""
    return tuple(address for name, address in addresses if name == channel)


def _investor(world: World, row: asyncpg.Record) -> Investor:
    """An assessment that does not say how long it holds does so for as long as the deployment allows.

    A class without a date is none.
    """
    until: datetime | None = None
    if row["assessed_at"] is not None:
        until = row["assessed_until"] or row["assessed_at"] + world.assessment_valid
    return Investor(
        risk_class=RiskClass(row["risk_class"]) if row["risk_class"] else None,
        lowest_class=row["lowest_class"],
        professional=row["professional"],
        assessed_until=until,
        longest_term=row["longest_term"],
        product_types=tuple(row["product_types"]),
    )


async def _investor_at(world: World, plan: TouchPlan, as_of: datetime) -> Investor:
    """Who the customer was then. A statement of its own: the plan of the great one would cost every life, not plays."""
    row = await world.pool.fetchrow("SELECT * FROM investor_at($1, $2)", plan.customer_id, as_of)
    assert row is not None, "the customer is in the books"
    return _investor(world, row)


def _product(row: Mapping[str, Any] | None) -> Product | None:
    if row is None:
        return None
    term = None if row["term"] is None else timedelta(seconds=float(row["term"]))
    return _PRODUCT.validate_python({**row, "term": term})


def _run_over(row: asyncpg.Record) -> str | None:
    """The event that ended the run, or how else it ended."""
    for name, data in row["ending"] or ():
        if name in row["exit_events"] or name != row["goal_event"] or fits(where_of(row["goal_where"]), data):
            return str(name)
    outcome: str | None = row["outcome"]
    return outcome


def _overtaken_by(row: asyncpg.Record, plan: TouchPlan) -> str | None:
    """The first event that makes the touch pointless: one that a wait was for whose absence led to it."""
    waits = planned_send(plan.send.definition, plan.send.step).overtaken_by
    for name, data in row["awaited"] or ():
        if any(name in wait.events and fits(wait.where, data) for wait in waits):
            return str(name)
    return None
