"""Tries of one touch take turns at every await, in any order: what the customer was shown is what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from activities.channels import FOR_EVER, Accepted, Delivery, Message, Postponed, Refused, Unknown
from activities.contracts import RecordOutcomesRequest
from activities.database import Connection, Pool, open_pool
from activities.receipts import Receipt, record_receipts
from activities.record_outcomes import record_outcomes
from activities.registry import SEND_WITHIN
from activities.runs import open_run_row
from activities.send_message import send_message
from activities.world import World
from journeys.names import Channel
from rules.effects import RunEnded
from rules.entry import EntryDecided, run_of
from rules.state import CustomerState
from rules.touches import touch_key
from tests.activities.test_handover import TEN_MINUTES, grow_older
from tests.activities.test_judged_again import problems
from tests.activities.test_send_message import AMY, DROP, HOLD, NOW, AskedFor, touch
from tests.live import FakeChannel
from tests.long_numbers import INTERLEAVINGS

__all__ = ["touch"]

MOST_TRIES = 6
RIGHT = {
    ("none", False, 0),
    ("withheld", False, 0),
    ("claimed", False, 0),
    ("claimed", False, 1),
    ("claimed", True, 0),
    ("in_doubt", False, 0),
    ("in_doubt", False, 1),
    ("failed", False, 0),
    ("sent", False, 1),
}
"""Outcome, whether it counts as untaken, how often it was shown: what a touch may come to."""
RELEASE = "UPDATE brake SET released_at = now() WHERE released_at IS NULL"


class Try:
    """A send that goes on to its next await each time it is told to, and may be killed there."""

    def __init__(self, send: Callable[[], Awaitable[object]]) -> None:
        self._may_go_on, self._stands = asyncio.Event(), asyncio.Event()
        self._send = send
        self.lasted = timedelta(0)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        TRYING.set(self)
        await self._send()

    async def stand_still(self) -> None:
        """Until it is this one's turn."""
        self._may_go_on.clear()
        self._stands.set()
        await self._may_go_on.wait()

    async def go_on(self) -> None:
        """To the next await, or to the end."""
        self._stands.clear()
        self._may_go_on.set()
        stands = asyncio.create_task(self._stands.wait())
        await asyncio.wait([stands, self.task], return_when=asyncio.FIRST_COMPLETED)
        stands.cancel()

    async def die(self) -> None:
        """Where it stands."""
        self.task.cancel()
        await asyncio.wait([self.task])


TRYING: ContextVar[Try] = ContextVar("TRYING")


@dataclass
class TurnByTurn:
    """A pool: whoever uses it stands still before each statement and, as if the reply were lost, after it."""

    pool: Pool

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: object) -> Any:
            await TRYING.get().stand_still()
            answer = await getattr(self.pool, name)(*arguments)
            await TRYING.get().stand_still()
            return answer

        return call

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[object]:
        """A transaction is one turn: others would wait for its locks."""
        await TRYING.get().stand_still()
        async with self.pool.acquire() as connection:
            yield connection
        await TRYING.get().stand_still()


@dataclass
class Provider(FakeChannel):
    """Takes a message or not, and says so or not; knows it again for as long as it remembers one."""

    chance: Random = field(default_factory=Random)
    time: timedelta = timedelta(0)
    shown: int = 0
    shown_at: timedelta = timedelta(0)

    async def deliver(self, message: Message) -> Delivery:
        """The answer is a while on its way."""
        await TRYING.get().stand_still()
        answer = self._take()
        await TRYING.get().stand_still()
        return answer

    def _take(self) -> Delivery:
        yes, lost, no = Accepted(), Unknown("timed_out"), Postponed("busy")
        answers: list[Delivery] = [yes, lost]
        if self.shown and self.time - self.shown_at < self.deduplicates_for:
            return self.chance.choice(answers)
        answer = self.chance.choice([*answers, lost, no, no, Refused("too_large")])
        if answer == yes or (answer == lost and self.chance.random() < 0.5):
            self.shown, self.shown_at = self.shown + 1, self.time
        return answer


@dataclass
class Course:
    """What happens to one touch, by chance."""

    touch: AskedFor
    world: World
    push: Provider
    chance: Random
    tries: list[Try] = field(default_factory=list)

    async def run(self) -> None:
        """Some turns; then what is under way comes to its end, or dies."""
        turns = self.chance.choices([*TURNS], [*TURNS.values()], k=self.chance.randint(5, 70))
        for turn in (begin, *turns):
            await turn(self)
        finish = self.chance.choice([Try.go_on, Try.die])
        while under_way := self.under_way:
            await finish(under_way[0])
        for one in self.tries:
            assert one.task.cancelled() or one.task.exception() is None

    @property
    def under_way(self) -> list[Try]:
        """The tries that have not come to an end."""
        return [one for one in self.tries if not one.task.done()]

    async def ended_up(self) -> tuple[str, bool]:
        """The outcome of the touch, none without a record; and whether it counts as untaken."""
        row = await self.touch.pool.fetchrow(
            """
            SELECT outcome, EXISTS (SELECT FROM touch_postponed WHERE entry = $1) AS untaken FROM touch WHERE entry = $1
            """,
            self.touch.request.send.entry,
        )
        return (row["outcome"], row["untaken"]) if row else ("none", False)


async def begin(course: Course) -> None:
    """One more try, whatever others are under way."""
    if len(course.tries) < MOST_TRIES:
        course.tries.append(Try(partial(send_message, course.world, course.touch.request)))
        await course.tries[-1].go_on()


async def go_on(course: Course) -> None:
    if course.under_way:
        await course.chance.choice(course.under_way).go_on()


async def die(course: Course) -> None:
    if course.under_way:
        await course.chance.choice(course.under_way).die()


async def end_run(course: Course) -> None:
    send = course.touch.request.send
    ended = RunEnded(send.journey, send.entry, datetime.now(UTC), "goal")
    await record_outcomes(course.touch.world, RecordOutcomesRequest(CustomerState(AMY), ended=[ended]))


async def brake(course: Course) -> None:
    await course.touch.pool.execute(course.chance.choice([HOLD, DROP]))


async def release(course: Course) -> None:
    await course.touch.pool.execute(RELEASE)


async def tell_of_arrival(course: Course) -> None:
    """The provider's receipt, if there is anything to tell."""
    if course.push.shown:
        key = touch_key(AMY, course.touch.request.send)
        said = {"channel": "app_push", "receipt_id": key, "kind": "delivered", "key": key}
        async with course.touch.pool.acquire() as connection:
            await record_receipts(connection, [Receipt.model_validate({**said, "at": datetime.now(UTC)})], "test")


async def pass_time(course: Course) -> None:
    """So much that a channel may forget a message; a try that lasts too long is over."""
    by = timedelta(seconds=course.chance.choice([10, 20, 60, 570, 590]))
    course.push.time += by
    for one in course.under_way:
        one.lasted += by
        if one.lasted > SEND_WITHIN:
            await one.die()
    await grow_older(course.touch, by)


Turn = Callable[[Course], Awaitable[None]]
TURNS: dict[Turn, float] = {
    begin: 12,
    go_on: 75,
    die: 5,
    end_run: 1.5,
    brake: 1.5,
    release: 3,
    tell_of_arrival: 2,
    pass_time: 2,
}
"""How likely each is."""


async def course_of(touch: AskedFor, number: int) -> Course:
    """A touch of a run of its own."""
    chance, send = Random(number), replace(touch.request.send, entry=number)
    async with touch.pool.acquire() as connection, connection.transaction():
        decided = EntryDecided(send.journey, 1, send.definition, f"e-{number}", NOW, entry=number)
        await open_run_row(connection, AMY, run_of(decided))
    push = Provider(
        Channel.APP_PUSH, deduplicates_for=chance.choice([timedelta(0), TEN_MINUTES, FOR_EVER]), chance=chance
    )
    world = replace(touch.world, pool=touch.pool, channels={Channel.APP_PUSH: push}, caps=())
    touch = replace(touch, world=world, request=replace(touch.request, send=send))
    turn_by_turn = replace(world, pool=TurnByTurn(touch.pool))  # type: ignore[arg-type]
    return Course(touch, turn_by_turn, push, chance)


async def test_however_tries_of_a_touch_overlap_and_die_what_was_shown_is_what_is_recorded(
    touch: AskedFor, owner: Connection, database_url: str
) -> None:
    """Never twice; what has failed or waits to be handed over was not shown, what is sent was; and all records hold."""
    pool = await open_pool(database_url, size=2 + MOST_TRIES, restricted=True)
    came_to = set()
    try:
        for number in range(2, 2 + INTERLEAVINGS):
            course = await course_of(replace(touch, pool=pool), number)
            await course.run()
            await pool.execute(RELEASE)
            (outcome, untaken), shown = await course.ended_up(), course.push.shown
            came_to.add((outcome, untaken, shown))
            assert (outcome, untaken, shown) in RIGHT, number
    finally:
        await pool.close()
    assert came_to == RIGHT
    assert await problems(owner) == []
