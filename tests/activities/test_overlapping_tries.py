"""Two tries of one touch overlap: what the first learns of its call says nothing of what the second may have sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from activities.channels import Accepted, Delivery, Postponed, Refused, Unknown
from activities.database import open_pool
from activities.open_claims import note_untaken
from activities.registry import Activities
from activities.touch_plan import TouchPlan
from rules.gates import Answer, TouchSettled, TryLater
from tests.activities.test_handover import BUSY, TEN_MINUTES, asked, grow_older
from tests.activities.test_open_claims import somebody_waits
from tests.activities.test_send_message import AskedFor, touch

__all__ = ["touch"]

LATE = {
    "busy": BUSY,
    "refused": Refused("bad_request"),
    "refused for good": Refused("unreachable", gone=True),
}


def while_another_asks(touch: AskedFor, late: Delivery) -> Callable[[], object]:
    """A call that lasts until another try has come to an end; then its own answer is there."""

    async def call() -> Delivery:
        assert isinstance(await touch.ask(), TryLater)
        return late

    return call


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
async def test_a_late_no_leaves_the_doubt_of_the_later_call(touch: AskedFor, late: Delivery) -> None:
    """The customer may have it by then: it neither failed, nor is it asked for beyond the channel's memory."""
    touch.push.deduplicates_for = TEN_MINUTES
    touch.push.answers = [while_another_asks(touch, late), Unknown("timed_out")]
    assert isinstance(await touch.ask(), TryLater)
    assert await touch.record() == ("claimed", "")
    assert await touch.pool.fetch("SELECT FROM touch_postponed") == []
    await grow_older(touch, TEN_MINUTES)
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("in_doubt", "answer_lost")
    assert len(touch.push.got) == 2


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
async def test_a_late_no_does_not_come_before_the_yes_of_a_later_call(touch: AskedFor, late: Delivery) -> None:
    """The later call is under way when the earlier one says no; what it says in the end counts."""
    touch.push.deduplicates_for = TEN_MINUTES
    second_asks, first_is_over = asyncio.Event(), asyncio.Event()
    tries: list[asyncio.Task[Answer]] = []

    async def first() -> Delivery:
        tries.append(asyncio.create_task(touch.ask()))
        await second_asks.wait()
        return late

    async def second() -> Delivery:
        second_asks.set()
        await first_is_over.wait()
        return Accepted("msg-1")

    touch.push.answers = [first, second]
    assert isinstance(await touch.ask(), TryLater)
    first_is_over.set()
    assert isinstance(await tries[0], TouchSettled)
    assert await touch.record() == ("sent", "")


async def test_a_late_no_after_a_day_leaves_the_doubt(touch: AskedFor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would ask again; but somebody has."""
    touch.push.deduplicates_for = timedelta(days=2)

    async def first() -> Delivery:
        assert isinstance(await touch.ask(), TryLater)
        monkeypatch.setattr("activities.send_message.ASK_AGAIN_FOR", timedelta(0))
        return BUSY

    touch.push.answers = [first, Unknown("timed_out")]
    assert isinstance(await touch.ask(), TryLater)
    assert await touch.record() == ("claimed", "")


@pytest.mark.parametrize("postponed_first", [True, False])
async def test_of_a_no_and_another_try_that_race_one_sees_the_other(
    touch: AskedFor, database_url: str, postponed_first: bool
) -> None:
    """They wait for the customer one behind the other: never is a touch untaken that a provider was just asked for."""
    touch.push.deduplicates_for = TEN_MINUTES
    assert await asked(touch, Unknown("timed_out")) == ["try_later"]
    pool = await open_pool(database_url, size=5, restricted=True)
    try:
        touch.world = replace(touch.world, pool=pool)
        plan = TouchPlan.of(touch.world, touch.request)
        touch.push.answers = [Unknown("timed_out")]
        tries = [lambda: note_untaken(touch.world, plan, "busy", ask_again=True), touch.ask]
        racing: list[asyncio.Task[object]] = []
        async with touch.owner.transaction():
            await touch.owner.execute("SELECT FROM customer FOR NO KEY UPDATE")
            for many, one in enumerate(tries if postponed_first else reversed(tries), start=1):
                racing.append(asyncio.create_task(one()))
                await somebody_waits(touch, *racing, many=many)
        await asyncio.gather(*racing)
        rows = await pool.fetch("SELECT untaken FROM touch_judgement WHERE decision = 'send'")
        assert [row["untaken"] for row in rows] == [postponed_first]
        assert await pool.fetch("SELECT FROM touch_postponed") == []
    finally:
        await pool.close()


async def test_a_try_ends_before_the_server_takes_it_for_lost(touch: AskedFor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What became of its call is not known, and the next one finds it so."""
    monkeypatch.setattr("activities.registry.SEND_WITHIN", timedelta(seconds=0.5))
    for_ever = asyncio.Event()

    async def hangs() -> Delivery:
        await for_ever.wait()
        return Postponed("busy")

    touch.push.answers = [hangs]
    with pytest.raises(TimeoutError):
        await Activities(touch.world).send_message(touch.request)
    assert await touch.record() == ("claimed", "")
    assert isinstance(await touch.ask(), TouchSettled)
    assert [row["untaken"] for row in await touch.pool.fetch("SELECT untaken FROM touch_judgement")] == [False]
