"""`python -m tests.record_histories`: live a few lives on the real engine and store their histories for replay.

Every history goes on for at least one event after what it is about: a replay that ends there would prove nothing.
Run it when the engine's behaviour changes on purpose (with a new `RULES_VERSION`), and add files, never replace them.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from temporalio.client import WorkflowHandle

from activities.channels import Unknown
from activities.migrations import migrate
from cli.ordering import give, order
from embedded import EmbeddedStack
from journeys.names import Channel
from journeys.published import Published
from rules.commands import Verb
from tests.corpus_journeys import store, stored
from tests.live import Live, live, sped_up
from tests.replay import CORPUS

BORN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

Life = Callable[[Live, str], Awaitable[None]]


async def two_messages(world: Live, customer: str) -> None:
    """Welcome, reminder, not interested."""
    await _register(world, customer, 4 * DAY)
    await _until_ended(world, customer)


async def goal_reached(world: Live, customer: str) -> None:
    """A trade ends onboarding."""
    await _register(world, customer, DAY / 2)
    await world.event(customer, "trade_executed", BORN + DAY / 4, {"amount": "10.00"})
    await _until_ended(world, customer)


async def opted_out(world: Live, customer: str) -> None:
    """An exit event ends onboarding."""
    await _register(world, customer, DAY / 2)
    await world.event(customer, "opted_out_of_marketing", BORN + DAY / 4)
    await _until_ended(world, customer)


async def whole_onboarding(world: Live, customer: str) -> None:
    """Account, questionnaire with points, first product."""
    await _register(world, customer, 2 * DAY)
    await world.event(customer, "account_opened", BORN + DAY / 2)
    await world.event(customer, "questionnaire_completed", BORN + DAY)
    await _until_ended(world, customer)


async def churned_and_won_back(world: Live, customer: str) -> None:
    """Growth, decline, churned, win-back, returned."""
    await _register(world, customer, 30 * DAY)
    await world.event(customer, "trade_executed", BORN + DAY)
    await world.until(
        lambda: world.pool.fetchval(
            "SELECT true FROM touch WHERE customer_id = $1 AND step = 'what-is-new' AND outcome = 'sent'", customer
        )
    )
    await world.event(customer, "trade_executed", BORN + 195 * DAY)
    await world.settled(customer)


async def found_in_the_books(world: Live, customer: str) -> None:
    """The account was opened, the signal was lost."""
    await world.pool.execute(
        "INSERT INTO customer_fact VALUES ($1, 'account_opened', $2, 'fact-1')", customer, BORN + DAY
    )
    await _register(world, customer, 4 * DAY)
    await _until_ended(world, customer)


async def rejected_event(world: Live, customer: str) -> None:
    """A poison signal between two good ones."""
    await _register(world, customer, DAY / 2)
    await world.signal(customer, ["poison"])
    await world.settled(customer)


async def provider_away(world: Live, customer: str) -> None:
    """The gateway does not answer: the touch is tried again later."""
    world.channels[Channel.APP_PUSH].answers.append(Unknown("timed_out"))
    await _register(world, customer, timedelta(hours=1))
    await world.settled(customer)


async def braked(world: Live, customer: str) -> None:
    """A brake that holds keeps the run at its step until it is off."""
    await world.pool.execute(
        "INSERT INTO brake (mode, reason, template, set_by) VALUES ('hold', 'a test', 'welcome', 'corpus')"
    )
    await _register(world, customer, timedelta(minutes=20))
    await world.settled(customer)
    await world.pool.execute("UPDATE brake SET released_at = now()")
    await world.until(lambda: world.pool.fetchval("SELECT true FROM touch WHERE customer_id = $1", customer))
    await world.settled(customer)


async def cancelled(world: Live, customer: str) -> None:
    """A cancel is refused."""
    await _register(world, customer, timedelta(minutes=1))
    await world.settled(customer)
    await world.handle(customer).cancel()
    await world.settled(customer)


async def continued_as_new(world: Live, customer: str) -> None:
    """The second run of a life that was carried over."""
    start = {**sped_up(BORN, timedelta(minutes=1)), "continue_after": 2}
    await world.event(customer, "app_registered", BORN, start=start)
    await world.settled(customer)
    await world.event(customer, "checked_in", BORN + timedelta(minutes=1))
    await world.settled(customer)


async def restored(world: Live, customer: str) -> None:
    """The run after a terminated one."""
    await _register(world, customer, timedelta(minutes=1))
    await world.settled(customer)
    await world.handle(customer).terminate("a test")
    start = sped_up(BORN + timedelta(minutes=1), timedelta(minutes=1))
    await world.event(customer, "checked_in", BORN + timedelta(minutes=1), start=start)
    await world.settled(customer)


async def every_word(world: Live, customer: str) -> None:
    """Conditions, arms, times, turns, tags; a small deposit does not count."""
    await _register(world, customer, timedelta(hours=20))
    await world.event(customer, "deposit_made", BORN + DAY / 2, {"amount": "10.00"})
    await _until_ended(world, customer)


async def held_out(world: Live, customer: str) -> None:
    """The control arm."""
    await _register(world, customer, DAY)
    await _until_ended(world, customer)


async def paused_and_resumed(world: Live, customer: str) -> None:
    """Paused, resumed, the wait skipped, a command refused."""
    await _waiting(world, customer)
    for verb in (Verb.PAUSE, Verb.SKIP, Verb.RESUME, Verb.SKIP):
        await _command(world, customer, verb, "waiting", f"{verb}-{uuid.uuid4().hex}")
    await world.settled(customer)


async def moved_and_ended(world: Live, customer: str) -> None:
    """Moved to version 2, ended by command, entered by command."""
    await _waiting(world, customer)
    to = next(value for value in stored() if (value.journey.name, value.journey.version) == ("waiting", 2))
    await _command(world, customer, Verb.MOVE, "waiting", "move", to=to.content_hash())
    await _command(world, customer, Verb.END, "waiting", "end")
    await _command(world, customer, Verb.ENTER, "waiting", "enter")
    await world.settled(customer)


async def commanded_over_continue_as_new(world: Live, customer: str) -> None:
    """The same command in two runs of the workflow."""
    await world.consent(customer)
    start = {**sped_up(BORN, timedelta(minutes=1)), "continue_after": 2}
    await world.event(customer, "app_opened", BORN, start=start)
    await world.settled(customer)
    await _command(world, customer, Verb.PAUSE, "waiting", "pause")
    await world.event(customer, "checked_in", BORN + timedelta(seconds=5))
    await world.settled(customer)
    await _command(world, customer, Verb.PAUSE, "waiting", "pause")


async def arbitrated(world: Live, customer: str) -> None:
    """Three want two slots; an urgent one displaces the lowest; the third is offered its place again."""
    await world.consent(customer)
    await world.event(customer, "wechat_bound", BORN, start=sped_up(BORN, DAY))
    await world.event(customer, "checked_in", BORN + timedelta(hours=1))
    await world.until(
        lambda: world.pool.fetchval(
            "SELECT count(*) = 4 FROM journey_run WHERE customer_id = $1 AND outcome <> ''", customer
        )
    )
    await world.settled(customer)


async def too_late(world: Live, customer: str) -> None:
    """A time that is past, a goal after its window, a run cut off by its end."""
    await world.consent(customer)
    await world.event(customer, "questionnaire_completed", BORN, start=sped_up(BORN, DAY))
    await world.event(customer, "account_opened", BORN + timedelta(hours=1))
    await world.event(customer, "deposit_made", BORN + 2 * DAY, {"amount": "10.00"})
    await world.until(
        lambda: world.pool.fetchval(
            "SELECT count(*) = 2 FROM journey_run WHERE customer_id = $1 AND outcome <> ''", customer
        )
    )
    await world.settled(customer)


LIVES: tuple[Life, ...] = (
    two_messages,
    goal_reached,
    opted_out,
    whole_onboarding,
    churned_and_won_back,
    found_in_the_books,
    rejected_event,
    provider_away,
    braked,
    cancelled,
    continued_as_new,
    restored,
    every_word,
    held_out,
    paused_and_resumed,
    moved_and_ended,
    commanded_over_continue_as_new,
    arbitrated,
    too_late,
)

_JOURNEYS: dict[Life, tuple[str, ...]] = {
    every_word: ("every-word",),
    held_out: ("held-out",),
    paused_and_resumed: ("waiting",),
    moved_and_ended: ("waiting",),
    commanded_over_continue_as_new: ("waiting",),
    arbitrated: ("first", "second", "third", "urgent"),
    too_late: ("bounded", "too-late"),
}
"""Lives in journeys of their own; the others live in the shipped ones."""


async def _register(world: Live, customer: str, a_second: timedelta) -> None:
    await world.consent(customer)
    await world.event(customer, "app_registered", BORN, start=sped_up(BORN, a_second))


async def _waiting(world: Live, customer: str) -> None:
    """In a journey that waits for nine days."""
    await world.consent(customer)
    await world.event(customer, "app_opened", BORN, start=sped_up(BORN, timedelta(minutes=1)))
    await world.settled(customer)


async def _command(world: Live, customer: str, verb: Verb, journey: str, id: str, to: str | None = None) -> None:
    given = order(verb, customer, journey, actor="corpus", reason="a test", command_id=id, to=to)
    await give(world.client, given, world.task_queue)


async def _until_ended(world: Live, customer: str) -> None:
    await world.until(lambda: world.pool.fetchval("SELECT ended_at FROM journey_run WHERE customer_id = $1", customer))
    await world.settled(customer)


async def _record(world: Live, one: Life) -> None:
    customer = world.customer(one.__name__.replace("_", "-"))
    await one(world, customer)
    await world.event(customer, "checked_in", BORN + timedelta(seconds=30))
    await world.settled(customer)
    handle: WorkflowHandle[object, object] = world.handle(customer)
    history = await handle.fetch_history()
    (CORPUS / f"{one.__name__.replace('_', '-')}.json").write_text(history.to_json() + "\n", encoding="utf-8")


async def main() -> None:
    """Record what is asked for, or everything that is missing."""
    wanted = [one for one in LIVES if one.__name__ in sys.argv[1:]]
    missing = [one for one in LIVES if not (CORPUS / f"{one.__name__.replace('_', '-')}.json").exists()]
    CORPUS.mkdir(exist_ok=True)
    store()
    async with EmbeddedStack() as stack:
        await migrate(stack.database_url)
        for one in wanted or missing:
            names = _JOURNEYS.get(one)
            journeys = None if names is None else [value for value in stored() if _is_first(value, names)]
            async with live(stack, stack.database_url, journeys) as world:
                await _record(world, one)


def _is_first(value: Published, names: Sequence[str]) -> bool:
    """Whether a journey of the corpus is one of these, in the version that is entered."""
    return value.journey.name in names and value.journey.version == 1


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
