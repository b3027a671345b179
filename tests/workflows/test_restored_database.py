"""PostgreSQL is restored to an earlier time while the workflows go on: they know more than the books."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities.contracts import ADJUST_CLOCK
from embedded import EmbeddedStack
from journeys.events import account_opened, app_opened, app_registered, checked_in, deposit_made
from journeys.language import award_points, days, end, journey, send, wait_for
from journeys.names import Channel, Stage
from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.words import Journey
from tests.live import live, sped_up

BORN = datetime(2026, 1, 5, 2, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


def ago(**duration: float) -> datetime:
    """A time before now."""
    return datetime.now(UTC) - timedelta(**duration)


def published(one: Journey) -> list[Published]:
    """A journey with its texts, as a worker ships it."""
    return [with_templates(one, templates())]


VISIT = published(
    journey(
        name="visit",
        version=1,
        state="live",
        starts_on=app_opened,
        ends_after=days(9),
        reentry="always",
        steps=[
            wait_for(
                checked_in,
                within=days(3),
                then=[award_points(5, reason="checked in"), send("welcome")],
                otherwise=[end("nothing")],
            ),
        ],
    )
)


async def test_a_run_whose_end_was_lost_keeps_nobody_from_entering_again(
    stack: EmbeddedStack, database_url: str
) -> None:
    """In the books the first run is still open: it is closed as such, and the second one begins."""
    async with live(stack, database_url, VISIT) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_opened", ago(hours=5))
        await world.event(amy, "checked_in", ago(hours=4))
        await world.settled(amy)
        assert await world.rows("SELECT entry, outcome FROM journey_run") == [(1, "completed")]
        await world.pool.execute("UPDATE journey_run SET ended_at = NULL, outcome = NULL")
        await world.event(amy, "app_opened", ago(hours=3))
        view = await world.settled(amy)
        assert [(run.entry, run.phase) for run in view.state.runs] == [(2, "waiting")]
        assert await world.rows("SELECT entry, outcome FROM journey_run ORDER BY entry") == [(1, "end_lost"), (2, None)]


async def test_a_run_that_the_books_have_lost_is_put_back_and_its_touch_goes_out(
    stack: EmbeddedStack, database_url: str
) -> None:
    """The gate needs the row; it comes back with the next rows that are written."""
    async with live(stack, database_url, VISIT) as world:
        amy = world.customer("amy")
        entered = ago(hours=5)
        await world.event(amy, "app_opened", entered)
        await world.settled(amy)
        kept = await world.rows("SELECT * FROM journey_run")
        await world.as_owner("TRUNCATE journey_run CASCADE")
        await world.event(amy, "checked_in", ago(hours=4))
        await world.until(lambda: world.pool.fetchval("SELECT outcome = 'sent' FROM touch"))
        await world.settled(amy)
        assert len(world.channels[Channel.APP_PUSH].got) == 1
        assert [row[:6] for row in await world.rows("SELECT * FROM journey_run")] == [row[:6] for row in kept]


async def test_a_customer_whom_the_books_have_lost_goes_on_at_a_deadline(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Time passes for them as for everybody: the stage changes, and the life is stored anew."""
    async with live(stack, database_url, VISIT) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", BORN, start=sped_up(BORN, A_SECOND))
        await world.until(lambda: world.pool.fetchval("SELECT stage = 'introduction' FROM customer"))
        await world.as_owner("TRUNCATE customer CASCADE")
        await world.signal(amy, sped_up(BORN + days(200), A_SECOND)["clock"], name=ADJUST_CLOCK)
        await world.until(lambda: world.pool.fetchval("SELECT stage = 'churned' FROM customer"))
        (change,) = await world.rows("SELECT from_stage, to_stage FROM stage_change")
        assert change == (Stage.INTRODUCTION, Stage.CHURNED)


async def test_a_fact_gets_a_number_that_nothing_else_had(stack: EmbeddedStack, database_url: str) -> None:
    """A number given out again would pass for an event that has taken effect long ago."""
    first_deposit = journey(
        name="first-deposit",
        version=1,
        state="live",
        starts_on=account_opened,
        ends_after=days(30),
        steps=[wait_for(deposit_made, within=days(9), then=[award_points(5, reason="thanks")])],
    )
    async with live(stack, database_url, published(first_deposit)) as world:
        amy = world.customer("amy")
        start = sped_up(BORN, A_SECOND)
        await world.event(amy, app_registered, BORN, start=start)
        await world.event(amy, account_opened, BORN, start=start)
        await world.until(lambda: world.pool.fetchval("SELECT true FROM journey_run"))
        await world.as_owner("TRUNCATE customer CASCADE")
        await world.pool.execute(
            "INSERT INTO customer_fact VALUES ($1, 'deposit_made', $2, 'fact-1', '{\"amount\": \"9.00\"}')",
            amy,
            BORN + days(2),
        )
        await world.signal(amy, sped_up(BORN + days(10), A_SECOND)["clock"], name=ADJUST_CLOCK)
        await world.until(lambda: world.pool.fetchval("SELECT true FROM points_ledger"))
        assert await world.rows("SELECT sequence, event_id FROM customer_event") == [(3, "fact-1")]
        assert await world.rows("SELECT last_sequence FROM customer") == [(3,)]
        view = await world.settled(amy)
        assert "deposit_made" in view.state.milestones
