"""Commands of people, on the real engine: put behind the inbox, answered with what happened, written into the audit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError

from activities.channels import Accepted, Unknown
from activities.orders import command_from
from activities.positions import stands_of
from activities.templates import store_templates
from cli.ordering import give, order
from embedded import EmbeddedStack
from errors import InputError
from journeys.events import app_opened, app_registered, product_matured
from journeys.language import days, hours, journey, send, wait
from journeys.names import Channel, CustomerId
from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.words import AnyStep
from rules.card import render
from rules.commands import Verb
from rules.definitions import Catalogue, define
from rules.state import Obeyed
from tests.live import Live, live


def published(name: str, *steps: AnyStep, version: int = 1, **attributes: Any) -> Published:
    """A live journey that begins with a registration."""
    given = {"starts_on": app_registered, "ends_after": days(60), "purpose": "service", **attributes}
    return with_templates(journey(name=name, version=version, state="live", steps=steps, **given), templates())


SLOW = published("slow", wait(days(9)), send("welcome"))


def ago(**duration: float) -> datetime:
    return datetime.now(UTC) - timedelta(**duration)


async def told(world: Live, customer: str, verb: Verb, journey: str = "slow", id: str = "", **more: Any) -> Obeyed:
    """Give a command as the command line does."""
    given = {"actor": "li.na", "reason": "the customer asked", "command_id": id or f"{verb}-1", **more}
    return await give(world.client, order(verb, customer, journey, **given), world.task_queue)


async def registered(world: Live, name: str = "amy") -> str:
    customer = world.customer(name)
    await world.consent(customer)
    await world.event(customer, "app_registered", ago(minutes=1))
    await world.settled(customer)
    return customer


async def test_a_paused_run_stands_still_until_it_is_resumed(stack: EmbeddedStack, database_url: str) -> None:
    """Both answers say what happened; the support card and the list show it; both stand in the audit."""
    async with live(stack, database_url, [SLOW]) as world:
        amy = await registered(world)
        assert await told(world, amy, Verb.PAUSE) == Obeyed(
            "pause_journey-1", True, "slow is paused at wait-9d", "pause_journey", "slow"
        )
        assert (await world.view(amy)).state.runs[0].paused_at is not None
        assert (await told(world, amy, Verb.PAUSE, id="again")).told == "slow is paused already"
        await world.until(lambda: world.pool.fetchval("SELECT paused_at FROM journey_run"))
        assert (await told(world, amy, Verb.RESUME)).told == "slow goes on at wait-9d"
        await world.until(lambda: world.pool.fetchval("SELECT paused_at IS NULL FROM journey_run"))
        await world.until(lambda: world.pool.fetchval("SELECT count(*) = 3 FROM audit"))
        assert await world.rows("SELECT actor, command, reason, after -> 'done' FROM audit ORDER BY audit_id") == [
            ("li.na", "pause_journey", "the customer asked", True),
            ("li.na", "pause_journey", "the customer asked", False),
            ("li.na", "resume_journey", "the customer asked", True),
        ]


async def test_a_skipped_wait_lets_the_text_go_out_now(stack: EmbeddedStack, database_url: str) -> None:
    """Nine days in a moment."""
    async with live(stack, database_url, [SLOW]) as world:
        amy = await registered(world)
        assert (await told(world, amy, Verb.SKIP)).told == "slow: the wait at wait-9d is over"
        await world.settled(amy)
        assert await world.touches(amy) == [("welcome", "sent", "")]


async def test_a_customer_without_events_who_is_entered_is_seen_where_they_wait(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Loaded from a file, entered by command: the books and the card say until when, as the workflow does."""
    greeting = published("greeting", send("welcome"), wait(days(9)), send("welcome", id="again"))
    async with live(stack, database_url, [greeting]) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        assert (await told(world, amy, Verb.ENTER, "greeting")).done
        await world.settled(amy)
        [run] = (await world.view(amy)).state.runs
        async with world.pool.acquire() as connection:
            [stand] = await stands_of(connection, CustomerId(amy))
        assert run.deadline is not None
        assert (stand.step, stand.waits_until) == (run.step, run.deadline)
        assert f"{run.deadline:%Y-%m-%d %H:%M}" in next_action(render((await world.view(amy)).state))


def next_action(card: str) -> str:
    return next(line for line in card.splitlines() if "下一步" in line)


async def test_an_ended_run_is_over_and_says_by_whom(stack: EmbeddedStack, database_url: str) -> None:
    """The outcome in the books, and a refusal for whoever comes after."""
    async with live(stack, database_url, [SLOW]) as world:
        amy = await registered(world)
        assert (await told(world, amy, Verb.END)).done
        await world.until(lambda: world.pool.fetchval("SELECT outcome = 'ended_by_command' FROM journey_run"))
        assert (await told(world, amy, Verb.SKIP)).told == "the customer is not in slow"


async def test_an_entry_by_command_is_decided_and_recorded(stack: EmbeddedStack, database_url: str) -> None:
    """A customer who is known and never did anything can enter; a second time is refused with the reason."""
    invited = published("invited", wait(days(2)), send("welcome"), starts_on=())
    async with live(stack, database_url, [invited]) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        assert (await told(world, amy, Verb.ENTER, "invited", id="e1")).told == "entered invited 1 (entry 1)"
        assert (await told(world, amy, Verb.ENTER, "invited", id="e2")).told == "not entered: already_running"
        assert (await told(world, amy, Verb.ENTER, "unknown", id="e3")).told == (
            "there is no journey 'unknown' here: a worker of an older release answered"
        )
        await world.settled(amy)
        assert await world.rows("SELECT cause, refused FROM entry_decision ORDER BY cause") == [
            ("command:e1", ""),
            ("command:e2", "already_running"),
        ]


async def test_the_same_command_twice_is_done_once_also_over_continue_as_new(
    stack: EmbeddedStack, database_url: str
) -> None:
    """The server forgets an update's id with the run; the state does not."""
    async with live(stack, database_url, [SLOW]) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        await world.event(amy, "app_registered", ago(minutes=1), start={"continue_after": 1})
        await world.settled(amy)
        first = await told(world, amy, Verb.PAUSE)
        await world.event(amy, "checked_in", ago(seconds=5))
        await world.settled(amy)
        assert await told(world, amy, Verb.PAUSE) == first
        await told(world, amy, Verb.RESUME)
        await world.until(lambda: world.pool.fetchval("SELECT count(*) = 2 FROM audit"))


async def test_a_command_comes_after_the_events_before_it(stack: EmbeddedStack, database_url: str) -> None:
    """The run that it is for is begun by an event that is still in the inbox."""
    async with live(stack, database_url, [SLOW], working=False) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        await world.event(amy, "app_registered", ago(minutes=1))
        command = asyncio.create_task(told(world, amy, Verb.PAUSE))
        async with world.working():
            assert (await command).told == "slow is paused at wait-9d"


async def test_a_keyed_journey_asks_which_run_is_meant(stack: EmbeddedStack, database_url: str) -> None:
    """Two products mature: the command names one."""
    keyed = published("slow", wait(days(9)), send("welcome"), starts_on=product_matured, key="product")
    async with live(stack, database_url, [keyed]) as world:
        amy = world.customer("amy")
        for product in ("P-1", "P-2"):
            await world.event(amy, "product_matured", ago(minutes=1), {"product": product}, id=product)
        await world.settled(amy)
        assert "name the key, one of P-1, P-2" in (await told(world, amy, Verb.END)).told
        assert (await told(world, amy, Verb.END, id="2", key="P-2")).done
        view = await world.settled(amy)
        assert [run.key for run in view.state.runs] == ["P-1"]


async def test_a_touch_of_a_paused_run_is_held_by_the_gate(stack: EmbeddedStack, database_url: str) -> None:
    """The provider was away when the run was paused: when it is asked again nothing goes out, and nothing is lost."""
    now = published("slow", send("welcome"), wait(hours(1)))
    async with live(stack, database_url, [now], working=False) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        await world.pool.execute("INSERT INTO brake (mode, reason, set_by) VALUES ('hold', 'a test', 'test')")
        await world.event(amy, "app_registered", ago(minutes=1))
        async with world.working():
            await world.settled(amy)
            assert (await told(world, amy, Verb.PAUSE)).done
            await world.pool.execute("UPDATE brake SET released_at = now()")
            assert (await told(world, amy, Verb.SKIP)).told == "slow is paused: resume it first"
            await told(world, amy, Verb.RESUME)
            await world.until(lambda: world.pool.fetchval("SELECT outcome = 'sent' FROM touch"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "0 arguments"),
        (({}, {}), "2 arguments"),
        (("text",), "does not fit"),
        (({"journey": "slow"},), "actor is missing"),
        (({"journey": "slow", "actor": " ", "reason": "r"},), "actor"),
        (({"journey": "Slow!", "actor": "a", "reason": "r"},), "journey"),
        (({"journey": "slow", "actor": "a", "reason": "r", "to": "0" * 64},), "`to` belongs to move_run"),
    ],
)
async def test_what_is_no_command_is_refused_at_the_door(
    arguments: tuple[Any, ...], said: str, stack: EmbeddedStack, database_url: str
) -> None:
    """With a sentence that says what to mend; the life goes on."""
    async with live(stack, database_url, [SLOW]) as world:
        amy = await registered(world)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await world.handle(amy).execute_update("pause_journey", args=arguments)
        assert said in str(refused.value.cause)
        with pytest.raises(WorkflowUpdateFailedError) as unknown:
            await world.handle(amy).execute_update("dance", {"journey": "slow"})
        assert "there is no command 'dance'" in str(unknown.value.cause)
        assert await world.rows("SELECT command FROM audit") == []


async def test_a_command_begins_no_life_for_whom_the_books_do_not_know(stack: EmbeddedStack, database_url: str) -> None:
    """Said in a sentence."""

    async def unknown(customer_id: CustomerId) -> bool:
        return False

    async with live(stack, database_url, [SLOW]) as world:
        pause = order(Verb.PAUSE, world.customer("nobody"), "slow", actor="a", reason="r", command_id="1")
        with pytest.raises(InputError, match="there is no customer .*: load them first"):
            await give(world.client, pause, world.task_queue, in_books=unknown)


async def test_a_command_that_an_older_worker_could_not_follow_may_be_given_again(
    stack: EmbeddedStack, database_url: str
) -> None:
    """A journey that it does not ship: the refusal stands in the audit, and only the server remembers the update."""
    invited = published("invited", wait(days(2)), send("welcome"), starts_on=())
    async with live(stack, database_url, [SLOW], working=False) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        async with world.working():
            refused = await told(world, amy, Verb.ENTER, "invited", id="e1")
            await world.handle(amy).result()
        assert refused.told.startswith("there is no journey 'invited' here")
        await store_templates(world.pool, invited.templates.values())
        newer = replace(world, world=replace(world.world, catalogue=Catalogue.of([invited])))
        async with newer.working():
            assert (await told(world, amy, Verb.ENTER, "invited", id="e1", invocation="a second")).done
            await world.until(lambda: world.pool.fetchval("SELECT count(*) = 2 FROM audit"))


async def test_a_run_moves_to_another_version_at_its_step(stack: EmbeddedStack, database_url: str) -> None:
    """The wait counts from when it began, with the new length; a step that is not there is a refusal."""
    longer = published("slow", wait(days(20), id="wait-9d"), send("first-product"), version=2)
    other = published("slow", send("welcome"), version=3)
    async with live(stack, database_url, [SLOW]) as world:
        amy = await registered(world)
        refused = await told(world, amy, Verb.MOVE, id="m3", to=define(other).hash)
        assert refused.told == "version 3 has no step wait-9d, where the customer is"
        before = (await world.view(amy)).state.runs[0]
        moved = await told(world, amy, Verb.MOVE, id="m2", to=define(longer).hash)
        assert moved.told == "slow goes on in version 2 at wait-9d"
        (run,) = (await world.view(amy)).state.runs
        assert before.deadline is not None
        assert (run.version, run.deadline) == (2, before.deadline + days(11))
        await world.until(lambda: world.pool.fetchval("SELECT version = 2 FROM journey_run"))


async def test_moving_loses_no_touch_and_repeats_none(stack: EmbeddedStack, database_url: str) -> None:
    """Moved while a provider does not answer: the touch is asked for again under its key, and the new way goes on."""
    one = published("slow", send("welcome"), send("first-product"), starts_on=app_opened)
    two = published("slow", send("welcome"), wait(hours(1)), version=2, starts_on=app_opened)
    async with live(stack, database_url, [one]) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        world.channels[Channel.APP_PUSH].answers.append(Unknown("timed_out"))
        await world.event(amy, "app_opened", ago(minutes=1))
        await world.until(lambda: world.pool.fetchval("SELECT outcome = 'claimed' FROM touch"))
        await world.settled(amy)
        assert (await told(world, amy, Verb.MOVE, to=define(two).hash)).done
        assert (await told(world, amy, Verb.SKIP)).done
        view = await world.until(lambda: _at(world, amy, "wait-1h"))
        assert view
        assert await world.touches(amy) == [("welcome", "sent", "")]
        assert {message.key for message in world.channels[Channel.APP_PUSH].got} == {f"{amy}/slow/1/welcome/1"}


async def _at(world: Live, customer: str, step: str) -> bool:
    return [run.step for run in (await world.view(customer)).state.runs] == [step]


async def test_a_version_that_no_worker_ships_is_refused_at_the_door(stack: EmbeddedStack, database_url: str) -> None:
    """It would keep the life waiting for a worker that has it."""
    async with live(stack, database_url, [SLOW]) as world:
        amy = await registered(world)
        with pytest.raises(InputError, match="no published journey has the hash"):
            await told(world, amy, Verb.MOVE, to="0" * 64)
        assert (await told(world, amy, Verb.PAUSE)).done


async def test_a_command_waits_its_turn_while_a_touch_is_in_flight(stack: EmbeddedStack, database_url: str) -> None:
    """A provider that takes its time holds back what came after; the command comes after that, and nothing spins."""
    now = published("slow", send("welcome"), wait(days(9)))
    async with live(stack, database_url, [now]) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        going = asyncio.Event()

        async def slowly() -> Accepted:
            await going.wait()
            return Accepted()

        world.channels[Channel.APP_PUSH].answers.append(slowly)
        await world.event(amy, "app_registered", ago(minutes=2))
        await world.until(lambda: world.pool.fetchval("SELECT outcome = 'claimed' FROM touch"))
        await world.event(amy, "checked_in", ago(minutes=1))
        command = asyncio.create_task(told(world, amy, Verb.PAUSE))
        await asyncio.sleep(3)
        assert not command.done()
        going.set()
        assert (await command).told == "slow is paused at wait-9d"
        kinds = [event.event_type for event in await world.history(amy)]
        assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in kinds


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        (b"[]", "the command does not fit: send one JSON object"),
        (b'{"actor": "li", "reason": "r"}', "journey is missing: give the name of a journey, as in win-back"),
        (
            b'{"journey": "Win Back", "actor": "li", "reason": " "}',
            "journey does not fit: give the name of a journey, as in win-back; reason does not fit: give why,",
        ),
        (b'{"journey": "win-back", "actor": "li", "reason": "r", "why": 1}', "there is no field 'why': the fields are"),
    ],
)
def test_a_command_that_does_not_fit_is_told_what_belongs_there(argument: bytes, said: str) -> None:
    """In words of ours: nobody who sends commands has to know what reads them."""
    with pytest.raises(InputError) as refused:
        command_from("pause_journey", [argument], "u-1")
    assert said in str(refused.value)
    assert "pydantic" not in str(refused.value)
