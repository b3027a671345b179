"""What the words and rules leave in the books, on the real engine (journey-language.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.story import read_conversions
from embedded import EmbeddedStack
from journeys.events import EventType, app_opened, app_registered, deposit_made
from journeys.language import (
    arm,
    award_points,
    clear_tag,
    data,
    days,
    end,
    goal,
    happened,
    journey,
    repeat,
    send,
    set_tag,
    split,
    stage_entered,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.names import Channel, CustomerId, Language, Stage, TemplateName
from journeys.published import Published, with_templates
from journeys.templates import Text, templates
from journeys.words import AnyStep
from tests.live import Live, live, sped_up

BORN = datetime(2026, 3, 2, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def published(name: str, *steps: AnyStep, **attributes: Any) -> Published:
    """A live journey of service that begins with a registration."""
    given = {"starts_on": app_registered, "ends_after": days(60), "purpose": "service", **attributes}
    return with_templates(journey(name=name, version=1, state="live", steps=steps, **given), templates())


async def registered(world: Live, a_second: timedelta = timedelta(minutes=1), **data: Any) -> str:
    amy = world.customer("amy")
    await world.consent(amy)
    await world.event(amy, "app_registered", BORN, data, start=sped_up(BORN, a_second))
    await world.settled(amy)
    return amy


async def ended(world: Live, customer: str) -> None:
    """Wait until every run of the customer is over."""
    await world.until(
        lambda: world.pool.fetchval(
            "SELECT bool_and(ended_at IS NOT NULL) FROM journey_run WHERE customer_id = $1", customer
        )
    )
    await world.settled(customer)


async def test_a_when_records_its_answer_with_what_it_looked_at(stack: EmbeddedStack, database_url: str) -> None:
    """The way that a customer went can be explained years later."""
    asked = (tag("vip") | happened(app_opened, at_least=2), [end("known")])
    async with live(stack, database_url, [published("asking", when(asked, id="who"), end("new"))]) as world:
        amy = await registered(world)
        assert await world.rows("SELECT outcome FROM journey_run") == [("new",)]
        assert await world.rows("SELECT step, holds, inputs FROM condition_answer") == [
            ("who", None, {"tag vip": False, "app_opened counted": 0})
        ]
        assert await world.touches(amy) == []


async def test_tags_are_the_customers_own_and_their_changes_are_kept(stack: EmbeddedStack, database_url: str) -> None:
    """Set, asked a moment later, cleared; what was imported stays."""
    steps = (set_tag("a"), set_tag("b"), when((tag("a"), [clear_tag("a")])), award_points(5, reason="r"))
    async with live(stack, database_url, [published("tagging", *steps)]) as world:
        await world.pool.execute(
            "INSERT INTO customer (customer_id, tags) VALUES ($1, '{imported}')", world.customer("amy")
        )
        await registered(world)
        assert await world.rows("SELECT tags FROM customer") == [(["imported", "b"],)]
        changes = await world.rows("SELECT tag, present FROM tag_change ORDER BY recorded_at, step")
        assert sorted(changes) == [("a", False), ("a", True), ("b", True)]


async def test_a_split_leaves_the_arm_for_measurement(stack: EmbeddedStack, database_url: str) -> None:
    """One row for each run."""
    one = published("splitting", split("tone", arm("warm", 0), arm("dry", 100, [end("dry")])))
    async with live(stack, database_url, [one]) as world:
        await registered(world)
        assert await world.rows("SELECT split, arm FROM arm_assignment") == [("tone", "dry")]
        assert await world.rows("SELECT outcome FROM journey_run") == [("dry",)]


async def test_each_turn_of_a_repeat_is_a_touch_of_its_own(stack: EmbeddedStack, database_url: str) -> None:
    """Three messages under three keys."""
    one = published("repeating", repeat([send("welcome")], every=days(1), up_to=3))
    async with live(stack, database_url, [one]) as world:
        amy = await registered(world, DAY)
        await ended(world, amy)
        assert await world.rows("SELECT occurrence, outcome FROM touch ORDER BY occurrence") == [
            (1, "sent"),
            (2, "sent"),
            (3, "sent"),
        ]
        assert [message.key[-1] for message in world.channels[Channel.APP_PUSH].got] == ["1", "2", "3"]


async def test_a_local_time_is_that_of_the_customers_zone(stack: EmbeddedStack, database_url: str) -> None:
    """Nine in the morning in New York, of a customer who lives there."""
    async with live(stack, database_url, [published("morning", wait_until("09:00"), send("welcome"))]) as world:
        await world.pool.execute(
            "INSERT INTO customer (customer_id, zone) VALUES ($1, 'America/New_York')", world.customer("amy")
        )
        amy = await registered(world)
        (run,) = (await world.view(amy)).state.runs
        assert run.deadline == datetime(2026, 3, 2, 14, tzinfo=UTC)


async def test_the_control_arm_gets_nothing_and_everything_is_recorded(stack: EmbeddedStack, database_url: str) -> None:
    """Touches withheld after all other gates, points beside the ledger, a conversion for the arm without credit."""
    steps = (award_points(5, reason="r"), send("welcome", if_not_sent=[end("wrong")]), wait(days(9)))
    one = published("held", *steps, holdout=100, goal=goal(deposit_made, within=days(5)))
    async with live(stack, database_url, [one]) as world:
        amy = await registered(world)
        await world.event(amy, "deposit_made", BORN + timedelta(seconds=30), {"amount": "10.00"})
        await world.settled(amy)
        assert await world.touches(amy) == [("welcome", "withheld", "holdout")]
        assert world.channels[Channel.APP_PUSH].got == []
        assert await world.rows("SELECT amount FROM points_ledger") == []
        assert await world.rows("SELECT amount FROM withheld_award") == [(5,)]
        assert await world.rows("SELECT step, credited FROM conversion") == [(None, False)]
        assert await world.rows("SELECT control, outcome FROM journey_run") == [(True, "goal")]


async def test_a_conditional_goal_converts_only_when_its_data_fit(stack: EmbeddedStack, database_url: str) -> None:
    """Also after the run has ended: in the window, the first deposit that is large enough."""
    enough = goal(deposit_made, within=days(30), where=data("amount") >= 1000)
    one = published("deposits", send("welcome"), goal=enough)
    async with live(stack, database_url, [one]) as world:
        amy = await registered(world)
        for number, amount in enumerate(("10.00", "5000.00", "9000.00")):
            at = BORN + timedelta(seconds=10 + number)
            await world.event(amy, "deposit_made", at, {"amount": amount}, id=f"d{number}")
        await world.settled(amy)
        assert await world.rows("SELECT event_id, credited FROM conversion") == [("d1", True)]


async def test_a_deposit_that_is_sent_back_takes_its_conversion_away(stack: EmbeddedStack, database_url: str) -> None:
    """By a new row: what was booked stays booked."""
    one = published("deposits", wait(days(9)), goal=goal(deposit_made, within=days(30)))
    async with live(stack, database_url, [one]) as world:
        amy = await registered(world)
        await world.event(amy, "deposit_made", BORN + timedelta(seconds=10), {"amount": "10.00"}, id="d1")
        await world.event(amy, "deposit_returned", BORN + timedelta(seconds=20), {"deposit": "d1"}, id="r1")
        await world.settled(amy)
        assert await world.rows("SELECT event_id FROM conversion") == [("d1",)]
        assert await world.rows("SELECT event_id, converted_by FROM conversion_reversal") == [("r1", "d1")]


@pytest.mark.parametrize("order", ["d1 r1 d2", "d1 d2 r1", "d2 d1 r1", "r1 d1 d2"])
async def test_a_second_deposit_converts_when_the_first_was_sent_back(
    order: str, stack: EmbeddedStack, database_url: str
) -> None:
    """In whatever order the news of the three comes: one conversion stands, by the deposit that was kept."""
    told = {
        "d1": ("deposit_made", 10, {"amount": "10.00"}),
        "d2": ("deposit_made", 15, {"amount": "20.00"}),
        "r1": ("deposit_returned", 20, {"deposit": "d1"}),
    }
    one = published("deposits", send("welcome"), wait(days(9)), goal=goal(deposit_made, within=days(30)))
    async with live(stack, database_url, [one]) as world:
        amy = await registered(world)
        for event_id in order.split():
            name, seconds, said = told[event_id]
            await world.event(amy, name, BORN + timedelta(seconds=seconds), said, id=event_id)
            await world.settled(amy)
        assert await world.rows("SELECT event_id, step, credited FROM standing_conversion") == [("d2", "welcome", True)]
        async with world.pool.acquire() as connection:
            reached = await read_conversions(connection, CustomerId(amy))  # type: ignore[arg-type] # of a pool
        assert [one.event_id for one in reached if one.undone_by is None] == ["d2"]


async def test_the_credit_goes_by_when_a_touch_was_sent_not_by_when_it_was_planned(
    stack: EmbeddedStack, database_url: str
) -> None:
    """A touch that a brake held until after the deposit has not led to it."""
    one = published("deposits", send("welcome"), wait(days(9)), goal=goal(deposit_made, within=days(30)))
    async with live(stack, database_url, [one]) as world:
        amy = await registered(world)
        await world.settled(amy)
        await world.pool.execute(
            """
            INSERT INTO touch (customer_id, journey, entry, step, occurrence, definition, template, content_hash,
                               message_class, channel, language, planned_at, judged_at, outcome, facts, verdicts)
            SELECT customer_id, journey, entry, 'held', 1, definition, template, content_hash, message_class,
                   channel, language, $1, $2, 'sent', facts, verdicts FROM touch
            """,
            BORN + timedelta(seconds=5),
            BORN + timedelta(seconds=20),
        )
        await world.event(amy, "deposit_made", BORN + timedelta(seconds=10), {"amount": "10.00"}, id="d1")
        await world.settled(amy)
        assert await world.rows("SELECT event_id, step, credited FROM conversion") == [("d1", "welcome", True)]


async def test_the_third_journey_waits_for_a_slot_and_gets_it(stack: EmbeddedStack, database_url: str) -> None:
    """Two marketing runs at once: refused with the reason, offered again when the first one ends, and entered."""
    three = [
        published(name, wait(days(length)), purpose="marketing") for name, length in (("a", 1), ("b", 9), ("c", 1))
    ]
    async with live(stack, database_url, three) as world:
        amy = await registered(world, timedelta(hours=12))
        await world.until(lambda: world.pool.fetchval("SELECT outcome FROM journey_run WHERE journey = 'c'"))
        decided = await world.rows("SELECT journey, entry, refused FROM entry_decision ORDER BY decision_id")
        assert decided == [("a", 1, ""), ("b", 1, ""), ("c", 0, "arbitration"), ("c", 1, "")]
        assert [run.journey for run in (await world.settled(amy)).state.runs] == ["b"]


async def test_a_higher_priority_displaces_the_lowest(stack: EmbeddedStack, database_url: str) -> None:
    """At once, with its own outcome; the conversion window of the displaced run goes on."""
    low = [published(name, wait(days(9)), purpose="marketing", priority=rank) for name, rank in (("a", 10), ("b", 20))]
    high = published("c", wait(days(9)), purpose="marketing", priority=30, starts_on=app_opened)
    displaced = published("d", wait(days(9)), purpose="service")
    async with live(stack, database_url, [*low, high, displaced]) as world:
        amy = await registered(world)
        await world.event(amy, "app_opened", BORN + timedelta(seconds=10))
        view = await world.settled(amy)
        assert sorted(run.journey for run in view.state.runs) == ["b", "c", "d"]
        assert await world.rows("SELECT journey, outcome FROM journey_run WHERE outcome <> ''") == [("a", "displaced")]
        assert await world.rows("SELECT displaced FROM entry_decision WHERE journey = 'c'") == [
            ({"journey": "a", "entry": 1},)
        ]


async def test_news_that_may_come_late_are_waited_for(stack: EmbeddedStack, database_url: str) -> None:
    """The deposit happened before the deadline and was told after it, within the time that news may take."""
    late = EventType("deposit_made", deposit_made.data, arrives_within=3 * DAY)
    wait_for_it = wait_for(late, within=days(1), then=[end("in time")], otherwise=[end("too late")])
    async with live(stack, database_url, [published("patient", wait_for_it)]) as world:
        amy = await registered(world, DAY)
        await world.until(lambda: _has_passed(world, amy, BORN + 2 * DAY))
        await world.event(amy, "deposit_made", BORN + DAY / 2, {"amount": "1.00"})
        await world.settled(amy)
        assert await world.rows("SELECT outcome FROM journey_run") == [("in time",)]


async def test_a_failed_touch_is_brought_to_somebodys_attention(stack: EmbeddedStack, database_url: str) -> None:
    """A text that cannot be filled in fails for good; the run goes on, and the list says where to look."""
    broken = published("broken", send("welcome"), wait(days(9)))
    template = broken.templates[TemplateName("welcome")]
    text = Text(title="t", body="{{ nobody }}")
    unfit = template.model_copy(update={"texts": {Language.CHINESE: {channel: text for channel in Channel}}})
    journeys = [broken.model_copy(update={"templates": {"welcome": unfit}})]
    async with live(stack, database_url, journeys) as world:
        amy = await registered(world)
        assert await world.touches(amy) == [("welcome", "failed", "template_error")]
        await world.until(lambda: _attention(world, amy))


async def test_a_last_step_that_fails_is_brought_to_attention_until_the_next_event(
    stack: EmbeddedStack, database_url: str
) -> None:
    """The run is over, and somebody must look nonetheless."""
    broken = published("broken", send("welcome"))
    template = broken.templates[TemplateName("welcome")]
    text = Text(title="t", body="{{ nobody }}")
    unfit = template.model_copy(update={"texts": {Language.CHINESE: {channel: text for channel in Channel}}})
    journeys = [broken.model_copy(update={"templates": {"welcome": unfit}})]
    async with live(stack, database_url, journeys) as world:
        amy = await registered(world)
        await world.until(lambda: _attention(world, amy))
        await world.event(amy, "app_opened", BORN + timedelta(seconds=1))
        assert (await world.settled(amy)).state.attention == []


async def _attention(world: Live, customer: str) -> bool:
    description = await world.handle(customer).describe()
    return any("failed: broken: welcome" in str(pair.value) for pair in description.typed_search_attributes)


async def _has_passed(world: Live, customer: str, at: datetime) -> bool:
    clock = (await world.view(customer)).state.clock
    return clock.business(datetime.now(UTC)) > at


async def test_a_history_that_is_loaded_starts_nothing(stack: EmbeddedStack, database_url: str) -> None:
    """A trade of long ago comes in late: the stage changes now, and nobody is nudged for it (rule 4)."""
    one = published("grow", wait(days(2)), send("welcome"), starts_on=stage_entered(Stage.GROWTH))
    async with live(stack, database_url, [one]) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_opened", datetime.now(UTC) - DAY)
        await world.event(amy, "trade_executed", datetime.now(UTC) - 100 * DAY)
        await world.settled(amy)
        assert await world.rows("SELECT refused FROM entry_decision") == [("backfill",)]
