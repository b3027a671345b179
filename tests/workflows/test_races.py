"""What could be done twice, left half done, or undone by what comes late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities.channels import Unknown
from embedded import EmbeddedStack
from journeys.events import account_opened, app_registered
from journeys.language import award_points, days, journey, send, stage_entered, wait, wait_for
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import Channel, EventId, Stage
from journeys.published import with_templates
from journeys.templates import templates
from rules import lifecycle
from rules.clock import Clock
from rules.effects import RecordedEvent
from rules.state import Lifecycle
from tests.live import live
from tests.story import story

BORN = datetime(2026, 1, 1, tzinfo=UTC)


async def test_two_triggers_of_one_moment_enter_a_customer_once(stack: EmbeddedStack, database_url: str) -> None:
    """Each decision is taken on what the one before has changed."""
    two_doors = journey(
        name="two-doors",
        version=1,
        state="live",
        starts_on=(app_registered, stage_entered(Stage.INTRODUCTION)),
        ends_after=days(9),
        steps=[award_points(20, reason="door"), wait(days(3))],
    )
    async with live(stack, database_url, [with_templates(two_doors, templates())]) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", datetime.now(UTC) - timedelta(hours=1))
        view = await world.settled(amy)
        assert [(run.entry, run.step) for run in view.state.runs] == [(1, "wait-3d")]
        assert view.state.points == 20
        assert await world.rows("SELECT entry, refused FROM entry_decision ORDER BY entry") == [
            (0, "already_running"),
            (1, ""),
        ]


async def test_a_claim_whose_run_ends_before_it_is_settled_is_in_doubt(stack: EmbeddedStack, database_url: str) -> None:
    """Nobody asks again for it, so the record says so instead of staying open for ever."""
    async with live(stack, database_url) as world:
        world.channels[Channel.APP_PUSH].answers.append(Unknown("timed_out"))
        amy = world.customer("amy")
        await world.event(amy, "app_registered", datetime.now(UTC) - timedelta(hours=1))
        await world.settled(amy)
        await world.event(amy, "trade_executed", datetime.now(UTC) - timedelta(minutes=1))
        await world.settled(amy)
        assert await world.touches(amy) == [("welcome", "in_doubt", "answer_lost")]


def test_a_second_wait_for_the_same_event_withholds_nothing_that_is_sent_because_it_came() -> None:
    """What `then` plans is planned because the event came."""
    nested = journey(
        name="nested",
        version=1,
        starts_on=app_registered,
        ends_after=days(60),
        steps=[
            wait_for(
                account_opened,
                within=days(3),
                otherwise=[
                    send("open-account-reminder"),
                    wait_for(account_opened, within=days(7), then=[send("first-product")]),
                ],
            )
        ],
    )
    assert story(nested).when(account_opened, on_day=5).touches() == [
        "day 3 open-account-reminder",
        "day 5 first-product",
    ]


def test_a_late_opening_does_not_reopen_an_account_that_was_closed_after_it() -> None:
    """What is older than the last opening or closing has no say in it any more."""
    life = Lifecycle()

    def happens(number: int, name: str, day: int, arrives: int) -> Stage | None:
        event = RecordedEvent(number, EventId(f"e{number}"), name, BORN + days(day))
        lifecycle.fold(life, event, LIFECYCLE_POLICY, BORN + days(arrives))
        return life.stage

    happens(1, "app_registered", 0, 0)
    happens(2, "account_closed", 10, 10)
    assert happens(3, "account_opened", 2, 11) is Stage.CLOSED
    happens(4, "account_opened", 12, 12)
    assert happens(5, "account_closed", 9, 13) is Stage.INTRODUCTION


def test_a_very_fast_or_very_slow_clock_stays_within_the_calendar() -> None:
    """A play that is left alone must not stop its lives with an overflow."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert Clock(speed=1e9).business(now).year == 9000
    assert Clock(business_anchor=now, speed=1e-9).real(now + days(9)).year == 9000
