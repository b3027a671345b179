"""The gate on real books: each fact stops by itself, a slot has one winner, what is held comes free or expires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from activities.contracts import SendMessageRequest
from activities.database import Connection, Pool, open_pool
from activities.gate_facts import Known, read_facts
from activities.runs import open_run_row
from activities.send_message import send_message
from activities.templates import store_templates
from activities.touch_plan import TouchPlan
from activities.world import World
from journeys.language import arm, days, journey, send, split
from journeys.names import Channel, CustomerId, StepId, TemplateName
from journeys.published import with_templates
from journeys.templates import Template, templates
from journeys.words import AnyStep, Send
from rules.clock import Clock
from rules.definitions import Catalogue
from rules.effects import SendMessage
from rules.entry import EntryDecided, run_of
from rules.gates import Answer, HeldUntil, TouchSettled
from rules.quiet_hours import QuietHours
from tests.live import FakeChannel

AMY = CustomerId("C-1")
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
"""In Shanghai; at 21:00 there the quiet hours begin."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVENING, MORNING = NOON + 10 * HOUR, NOON + 20 * HOUR


@dataclass
class Desk:
    """One journey's touch for one customer, at any time of a simulated clock."""

    pool: Pool
    world: World
    push: FakeChannel
    request: SendMessageRequest
    clock: Clock = field(default_factory=lambda: Clock(datetime.now(UTC), NOON))

    async def ask(self, at: datetime = NOON, *, due: datetime = NOON, entry: int = 1) -> Answer:
        """Ask the gate for the touch of a run at a business time."""
        one = replace(self.request.send, entry=entry, due=due, asked_for=at)
        return (await send_message(self.world, replace(self.request, send=one, clock=self.clock))).answer

    async def settled(self, at: datetime = NOON, **asked: datetime) -> tuple[str, str]:
        """The same, of a touch that comes to an end."""
        answer = await self.ask(at, **asked)  # type: ignore[arg-type]
        assert isinstance(answer, TouchSettled)
        return answer.outcome, answer.reason

    async def held(self, at: datetime, **asked: datetime) -> HeldUntil:
        """The same, of a touch that is held."""
        answer = await self.ask(at, **asked)  # type: ignore[arg-type]
        assert isinstance(answer, HeldUntil)
        return answer


def alone(step: Send) -> list[AnyStep]:
    """The step and nothing else."""
    return [step]


async def desk(
    pool: Pool,
    *,
    runs: int = 1,
    on_cap: bool = False,
    within: Callable[[Send], list[AnyStep]] = alone,
    channels: Sequence[Channel] = (Channel.APP_PUSH,),
    texts: Mapping[TemplateName, Template] = MappingProxyType({}),
    **changes: object,
) -> Desk:
    """A customer for whom a fund is right, in runs of a journey that shows it; nothing stands in the way."""
    said = send("we-are-here", product="F-1", channels=channels, on_cap="hold" if on_cap else "skip")
    shows = journey(name="fund", version=1, ends_after=days(90), steps=within(said))
    value = with_templates(shows, {**templates(), **texts})
    push = FakeChannel(Channel.APP_PUSH, interrupts=True)
    adapters = {Channel.INBOX: FakeChannel(Channel.INBOX), Channel.APP_PUSH: push}
    world = World(pool, Catalogue.of([value]), {one: adapters[one] for one in channels}, simulation_allowed=True)
    await store_templates(pool, value.templates.values())
    await pool.execute(
        """
        INSERT INTO customer (customer_id, risk_class, assessed_at, assessed_until, longest_term, product_types)
        VALUES ($1, 'C3', $2, $3, '1 year', '{fund}')
        """,
        *(AMY, NOON - 9 * DAY, NOON + 9 * DAY),
    )
    await pool.execute(
        "INSERT INTO product VALUES ('F-1', 'A fund', 'R3', 'fund', '90 days', $1, $2)", NOON - DAY, NOON + 9 * DAY
    )
    for channel in channels:
        await pool.execute(
            "INSERT INTO consent VALUES ($1, 'marketing', $2, true, 'app', 'v1', $3)", AMY, channel, NOON - 9 * DAY
        )
    async with pool.acquire() as connection:
        for number in range(1, runs + 1):
            decided = EntryDecided(
                value.journey.name, 1, value.content_hash(), f"e-{number}", NOON - DAY, number, key=f"k-{number}"
            )
            await open_run_row(connection, AMY, run_of(decided))
    ask = SendMessage(value.journey.name, 1, value.content_hash(), StepId("we-are-here"), NOON, NOON, 0)
    return Desk(pool, replace(world, **changes), push, SendMessageRequest(AMY, ask, Clock(), 0))  # type: ignore[arg-type]


STOPS = {
    "nothing": ("SELECT 1", ("sent", "")),
    "a suppression": (
        "INSERT INTO suppression VALUES ('C-1', 'legal', true, 'staff', '2026-03-01Z')",
        ("withheld", "suppressed: legal"),
    ),
    "no product": ("DELETE FROM product", ("withheld", "unsuitable: product_unknown")),
    "a product that is over": (
        "UPDATE product SET valid_until = '2026-03-02 04:00Z'",
        ("withheld", "unsuitable: product_not_offered"),
    ),
    "a product too risky": ("UPDATE product SET risk_level = 'R4'", ("withheld", "unsuitable: above_risk_class")),
    "a product too long": ("UPDATE product SET term = '2 years'", ("withheld", "unsuitable: term_too_long")),
    "a product of a type not wanted": (
        "UPDATE product SET product_type = 'bond'",
        ("withheld", "unsuitable: type_not_wanted"),
    ),
    "no assessment": (
        "UPDATE customer SET assessed_at = NULL, assessed_until = NULL",
        ("withheld", "unsuitable: not_assessed"),
    ),
    "an assessment that ended": (
        "UPDATE customer SET assessed_until = '2026-03-02 04:00Z'",
        ("withheld", "unsuitable: assessment_expired"),
    ),
    "the lowest class": (
        "UPDATE customer SET risk_class = 'C1', lowest_class = true",
        ("withheld", "unsuitable: lowest_class"),
    ),
    "a professional of the lowest class": (
        "UPDATE customer SET risk_class = 'C1', lowest_class = true, professional = true",
        ("sent", ""),
    ),
    "a recall": (
        "INSERT INTO template_recall (template, reason, recalled_by) VALUES ('we-are-here', 'wrong', 'li')",
        ("withheld", "recalled"),
    ),
    "an opt-out": (
        "INSERT INTO opt_out VALUES ('C-1', 'marketing', true, 'app', '2026-03-01Z')",
        ("withheld", "opted_out"),
    ),
    "a consent withdrawn": (
        "INSERT INTO consent VALUES ('C-1', 'marketing', 'app_push', false, 'app', 'v1', '2026-03-01Z')",
        ("withheld", "no_consent"),
    ),
    "nobody reached": (
        "INSERT INTO reachability VALUES ('C-1', 'app_push', false, '2026-03-01Z')",
        ("withheld", "unreachable"),
    ),
    "a brake that drops": (
        "INSERT INTO brake (mode, reason, set_by) VALUES ('drop', 'wrong text', 'li')",
        ("withheld", "brake"),
    ),
}


@pytest.mark.parametrize(("statement", "expected"), STOPS.values(), ids=STOPS)
async def test_every_fact_in_the_books_reaches_its_gate(
    pool: Pool, owner: Connection, statement: str, expected: tuple[str, str]
) -> None:
    """One fact at a time, otherwise all is well; what is not sent has a record, too."""
    one = await desk(pool)
    await owner.execute(statement)
    assert await one.settled() == expected
    assert len(one.push.got) == (expected[0] == "sent")
    (record,) = await pool.fetch("SELECT outcome, reason FROM touch")
    assert tuple(record) == expected


@pytest.mark.parametrize("waits", [False, True])
async def test_of_fifty_claims_for_one_slot_one_wins(database_url: str, waits: bool) -> None:
    """One marketing message a day, however many runs ask at the same moment; the others are left out or wait."""
    pool = await open_pool(database_url, size=10, restricted=True)
    try:
        one = await desk(pool, runs=50, on_cap=waits)
        answers = await asyncio.gather(*(one.ask(entry=number) for number in range(1, 51)))
        assert len(one.push.got) == 1
        assert await pool.fetchval("SELECT count(*) FROM touch WHERE outcome = 'sent'") == 1
        others = [answer for answer in answers if not (isinstance(answer, TouchSettled) and answer.outcome == "sent")]
        assert len(others) == 49
        assert all(isinstance(other, HeldUntil if waits else TouchSettled) for other in others)
        assert {other.reason for other in others if isinstance(other, HeldUntil | TouchSettled)} == {"cap"}
        held = await pool.fetchval("SELECT count(*) FROM touch_hold WHERE reason = 'cap'")
        withheld = await pool.fetchval("SELECT count(*) FROM touch WHERE reason = 'cap'")
        assert (held, withheld) == ((49, 0) if waits else (0, 49))
    finally:
        await pool.close()


CHANGES = {
    "a brake": "INSERT INTO brake (mode, reason, set_by) VALUES ('drop', 'wrong text', 'li')",
    "a recall": "INSERT INTO template_recall (template, reason, recalled_by) VALUES ('we-are-here', 'wrong', 'li')",
    "a product": "UPDATE product SET risk_level = 'R5'",
    "the customer": "UPDATE customer SET risk_class = 'C1', version = version + 1",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
async def test_what_changes_between_the_judgement_and_the_claim_is_seen(
    pool: Pool, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim fails and the touch is judged again, on what is true now."""
    one, looks = await desk(pool), 0

    async def then_it_changes(world: World, plan: TouchPlan) -> Known:
        nonlocal looks
        known = await read_facts(world, plan)
        if (looks := looks + 1) == 1:
            await pool.execute(statement)
        return known

    monkeypatch.setattr("activities.send_message.read_facts", then_it_changes)
    assert (await one.settled())[0] == "withheld"
    assert looks == 2
    assert one.push.got == []


async def test_a_touch_of_the_night_is_held_and_leaves_in_the_morning(pool: Pool) -> None:
    """Its hold is written down; when the window is open it is sent."""
    one = await desk(pool, quiet_hours=QuietHours())
    held = await one.held(EVENING, due=EVENING)
    assert held.reason == "quiet_hours"
    assert MORNING <= held.until <= MORNING + HOUR / 2
    (row,) = await pool.fetch("SELECT reason, channel, held_until, looks FROM touch_hold")
    assert tuple(row) == ("quiet_hours", "app_push", held.until, 1)
    assert one.push.got == []
    assert await one.settled(held.until, due=EVENING) == ("sent", "")


@pytest.mark.parametrize(
    ("quiet", "due", "left"),
    [
        (QuietHours(), NOON, 9 * HOUR),
        (QuietHours(), NOON - 20 * HOUR, 4 * HOUR),
        (None, NOON, DAY),
    ],
)
async def test_a_message_is_good_until_the_night_begins_or_until_it_is_stale(
    pool: Pool, quiet: QuietHours | None, due: datetime, left: timedelta
) -> None:
    """Whatever is first, in real time: a phone that is off shows it later."""
    one = await desk(pool, quiet_hours=quiet)
    assert await one.settled(NOON, due=due) == ("sent", "")
    assert one.push.got[0].good_until == one.clock.real(NOON) + left


async def test_a_brake_keeps_a_held_touch_and_a_dropping_one_ends_it(pool: Pool) -> None:
    """The gates are asked again after a hold, all of them: the window is open, the brake is on."""
    one = await desk(pool, quiet_hours=QuietHours())
    held = await one.held(EVENING, due=EVENING)
    await pool.execute("INSERT INTO brake (mode, reason, set_by) VALUES ('hold', 'wrong text', 'li')")
    braked = await one.held(held.until, due=EVENING)
    assert braked.reason == "brake"
    rows = await pool.fetch("SELECT reason, looks FROM touch_hold ORDER BY reason")
    assert [tuple(row) for row in rows] == [("brake", 1), ("quiet_hours", 1)]
    await pool.execute("INSERT INTO brake (mode, reason, set_by) VALUES ('drop', 'wrong text', 'li')")
    assert await one.settled(braked.until, due=EVENING) == ("withheld", "brake")
    assert one.push.got == []


async def test_what_expires_while_it_is_held_is_stale(pool: Pool) -> None:
    """The wait for room under the caps ends with the message's own day: its run does not stand for a week."""
    one = await desk(pool, runs=4, on_cap=True, assessment_valid=99 * DAY)
    for number, day in enumerate((0, 2, 4), start=1):
        at = NOON + day * DAY
        assert isinstance(await one.ask(at, due=at, entry=number), TouchSettled)
    due = NOON + 5 * DAY
    held = await one.ask(due, due=due, entry=4)
    assert isinstance(held, HeldUntil)
    assert (held.reason, held.until) == ("cap", due + DAY + timedelta(minutes=1))
    answer = await one.ask(held.until, due=due, entry=4)
    assert isinstance(answer, TouchSettled)
    assert (answer.outcome, answer.reason) == ("withheld", "stale")


def parted(name: str, first: str, steps: Sequence[AnyStep] = ()) -> AnyStep:
    """A split of two arms, with steps in the first."""
    return split(name, arm(first, 50, steps), arm("rest", 50), id=name)


def in_an_arm(step: Send) -> list[AnyStep]:
    """The touch comes after a split within its own arm."""
    return [parted("outer", "a", [parted("inner", "b"), step])]


def behind(step: Send) -> list[AnyStep]:
    """The touch comes after two splits."""
    return [parted("outer", "a"), parted("inner", "b"), step]


@pytest.mark.parametrize(("within", "on"), [(in_an_arm, "a"), (behind, "b")])
async def test_a_touch_is_on_the_arm_that_it_stands_in(
    pool: Pool, within: Callable[[Send], list[AnyStep]], on: str
) -> None:
    """Behind all splits it is that of the last."""
    one = await desk(pool, within=within)
    await pool.execute(
        """
        INSERT INTO arm_assignment (customer_id, journey, entry, step, occurrence, split, arm, at) VALUES
            ('C-1', 'fund', 1, 'outer', 1, 'outer', 'a', '2026-03-01Z'),
            ('C-1', 'fund', 1, 'inner', 1, 'inner', 'b', '2026-03-02Z')
        """
    )
    assert await one.settled() == ("sent", "")
    assert await pool.fetchval("SELECT arm FROM touch") == on
