"""Whom a channel reaches: by the addresses in the books, by what it said itself, and from when on again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activities.channels import Accepted, Delivery, Refused
from activities.customers import CustomerUpdate, import_customers
from activities.database import Pool, open_pool
from activities.gate_facts import Known, read_facts
from activities.reachability import change_reachability, note_gone
from activities.send_message import send_message
from activities.touch_plan import TouchPlan
from activities.world import World
from journeys.names import Channel
from rules.gates import Answer, NextChannel, TouchSettled
from tests.activities.conftest import Connect
from tests.activities.test_send_message import AMY, AskedFor, touch

__all__ = ["touch"]

DEVICE = "INSERT INTO channel_address (customer_id, channel, address) VALUES ('C-1', 'app_push', 'a-device')"
GONE = Refused("unreachable", gone=True)
NEW_DEVICE = CustomerUpdate(customer_id=AMY, addresses={Channel.APP_PUSH: ("a-new-device",)})


@pytest.fixture
def by_address(touch: AskedFor) -> AskedFor:
    """A touch on a channel that has to be told where the customer is."""
    touch.push.needs_address, touch.push.answers = True, []
    return touch


async def settled(touch: AskedFor) -> tuple[str, str]:
    """Ask; what it came to."""
    answer = await touch.ask()
    assert isinstance(answer, TouchSettled)
    return answer.outcome, answer.reason


async def another(touch: AskedFor, occurrence: int) -> Answer:
    """The same step once more, as a loop asks for it."""
    send = replace(touch.request.send, occurrence=occurrence)
    return (await send_message(touch.world, replace(touch.request, send=send))).answer


async def test_a_channel_without_the_customers_address_gives_way_to_the_next(by_address: AskedFor) -> None:
    """Before anything is claimed."""
    plan = TouchPlan.of(by_address.world, by_address.request)
    known = await read_facts(by_address.world, plan)
    assert known.facts.unreachable == tuple(sorted(Channel))
    assert isinstance(await by_address.ask(), NextChannel)
    assert await by_address.pool.fetch("SELECT FROM touch") == []
    assert by_address.push.got == []


async def test_an_address_of_the_channel_is_enough(by_address: AskedFor) -> None:
    """One of another channel is not."""
    await by_address.pool.execute(DEVICE.replace("app_push", "wechat"))
    plan = TouchPlan.of(by_address.world, by_address.request)
    assert Channel.APP_PUSH in (await read_facts(by_address.world, plan)).facts.unreachable
    await by_address.pool.execute(DEVICE)
    assert await settled(by_address) == ("sent", "")
    assert by_address.push.got[0].addresses == ("a-device",)


async def test_an_address_that_is_lost_between_the_judgement_and_the_claim_is_seen(
    by_address: AskedFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes addresses, with whatever statement: the touch is judged again."""
    await by_address.pool.execute(DEVICE)
    looks = 0

    async def then_it_is_lost(world: World, plan: TouchPlan) -> Known:
        nonlocal looks
        known = await read_facts(world, plan)
        if (looks := looks + 1) == 1:
            await by_address.pool.execute("UPDATE channel_address SET active = false")
        return known

    monkeypatch.setattr("activities.send_message.read_facts", then_it_is_lost)
    assert isinstance(await by_address.ask(), NextChannel)
    assert (looks, by_address.push.got) == (2, [])


async def test_who_has_left_a_channel_is_sent_nothing_more_there(touch: AskedFor, database_url: str) -> None:
    """As after a bounce for good; the running product may write that down."""
    touch.push.answers = [GONE]
    pool = await open_pool(database_url, size=2, restricted=True)
    try:
        touch.world = replace(touch.world, pool=pool)
        assert await settled(touch) == ("failed", "unreachable")
        assert await reachable(touch.pool) is False
        assert isinstance(await another(touch, 2), NextChannel)
        assert len(touch.push.got) == 1
    finally:
        await pool.close()


async def reachable(pool: Pool) -> bool | None:
    """What the books say of app push; nothing is as good as reachable."""
    found: bool | None = await pool.fetchval("SELECT reachable FROM reachability WHERE channel = 'app_push'")
    return found


async def test_a_message_that_was_refused_says_nothing_of_the_next(touch: AskedFor) -> None:
    """A wrong address of ours, or a text that the customer does not want, is not the customer's leaving."""
    touch.push.answers = [Refused("unreachable"), Accepted()]
    assert await settled(touch) == ("failed", "unreachable")
    assert await reachable(touch.pool) is None


@pytest.mark.parametrize(("told", "opens"), [(timedelta(seconds=1), True), (-timedelta(hours=1), False)])
async def test_an_address_that_is_told_later_opens_the_channel(touch: AskedFor, told: timedelta, opens: bool) -> None:
    """The customer is back, on another phone say; what was known before says nothing new."""
    touch.push.answers = [GONE]
    await settled(touch)
    at = datetime.now(UTC) + told
    await touch.pool.execute(
        "INSERT INTO channel_address (customer_id, channel, address, at) VALUES ($1, 'app_push', 'a-device', $2)",
        *(AMY, at),
    )
    assert await reachable(touch.pool) is opens


@pytest.mark.parametrize(("bounced", "stands"), [(-timedelta(hours=1), True), (timedelta(hours=1), False)])
async def test_a_bounce_says_nothing_of_an_address_that_is_newer(
    touch: AskedFor, bounced: timedelta, stands: bool
) -> None:
    """Whichever of the two the books hear of first."""
    await touch.pool.execute(DEVICE)
    news = (AMY, Channel.APP_PUSH, False, datetime.now(UTC) + bounced)
    async with touch.pool.acquire() as connection:
        assert await change_reachability(connection, [news]) == (set() if stands else {AMY})
    assert (await reachable(touch.pool) is not False) is stands


async def test_an_address_that_is_told_while_the_provider_is_asked_stands(touch: AskedFor) -> None:
    """What the provider says was true when it was asked; the address is news."""

    async def meanwhile() -> Delivery:
        await touch.pool.execute(DEVICE)
        return GONE

    touch.push.answers = [meanwhile]
    assert await settled(touch) == ("failed", "unreachable")
    assert await reachable(touch.pool) is not False
    touch.world = replace(touch.world, caps=())
    assert isinstance(await another(touch, 2), TouchSettled)
    assert len(touch.push.got) == 2


async def test_a_new_address_that_an_import_brings_stands_against_news_of_the_old_one(
    by_address: AskedFor, connected: Connect
) -> None:
    """The import began before the channel was asked, and its end is seen only after that: no clock tells them apart."""
    await by_address.pool.execute(DEVICE)
    importing = await connected()
    meanwhile = importing.transaction()
    await meanwhile.start()
    await importing.fetchval("SELECT now()")

    async def imported() -> Delivery:
        await import_customers(importing, [NEW_DEVICE])
        await meanwhile.commit()
        return GONE

    by_address.push.answers = [imported]
    assert await settled(by_address) == ("failed", "unreachable")
    assert await reachable(by_address.pool) is not False


async def test_a_new_address_that_an_import_brings_later_opens_the_channel(
    by_address: AskedFor, connected: Connect
) -> None:
    """Also if the import as a whole began before the channel was asked."""
    await by_address.pool.execute(DEVICE)
    by_address.push.answers = [GONE]
    importing = await connected()
    async with importing.transaction():
        await importing.fetchval("SELECT now()")
        assert await settled(by_address) == ("failed", "unreachable")
        assert await reachable(by_address.pool) is False
        await import_customers(importing, [NEW_DEVICE])
    assert await reachable(by_address.pool) is True


async def test_a_clock_that_is_ahead_closes_no_channel_against_a_later_address(
    touch: AskedFor, connected: Connect
) -> None:
    """The worker's: the database dates both."""
    await note_gone(touch.pool, AMY, Channel.APP_PUSH, datetime.now(UTC) + timedelta(minutes=5), [])
    assert await reachable(touch.pool) is False
    await import_customers(await connected(), [NEW_DEVICE])
    assert await reachable(touch.pool) is True


async def test_news_of_every_address_closes_the_channel(by_address: AskedFor) -> None:
    """None is left that was not tried."""
    await by_address.pool.execute(DEVICE)
    await by_address.pool.execute(DEVICE.replace("a-device", "another-device"))
    by_address.push.answers = [GONE]
    assert await settled(by_address) == ("failed", "unreachable")
    assert await reachable(by_address.pool) is False


@pytest.mark.parametrize("before", [[], ["an-openid"], ["another"]], ids=["first", "again", "another address"])
async def test_a_row_that_tells_an_address_and_says_no_closes_the_channel(
    connected: Connect, before: list[str]
) -> None:
    """An address opens a channel by itself, and not against the word that comes with it."""
    importing = await connected()
    for address in [*before, "an-openid"]:
        told = CustomerUpdate(
            customer_id=AMY, reachable={Channel.WECHAT: False}, addresses={Channel.WECHAT: (address,)}
        )
        await import_customers(importing, [told])
        assert await importing.fetchval("SELECT reachable FROM reachability") is False
