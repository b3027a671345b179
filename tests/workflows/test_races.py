"""What could be done twice, left half done, or undone by what comes late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

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
from rules.engine_numbers import EngineNumbers
from rules.state import Lifecycle
from tests.live import Live, live
from tests.story import story

BORN = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = EngineNumbers(grace=timedelta(seconds=0.2))


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


def test_two_late_changes_of_one_moment_have_times_of_their_own() -> None:
    """The book of stage changes knows a change by its time: of two at one, the second would be lost."""
    life, arrives = Lifecycle(), BORN + days(20)
    events = [("app_registered", 15), ("trade_executed", 3), ("account_closed", 5)]
    events += [("account_opened", 6), ("trade_executed", 7)]
    changes = [
        change
        for number, (name, day) in enumerate(events)
        for change in lifecycle.fold(
            life, RecordedEvent(number, EventId(f"e{number}"), name, BORN + days(day)), LIFECYCLE_POLICY, arrives
        )
    ]
    assert [change.to_stage for change in changes] == ["introduction", "growth", "closed", "introduction", "growth"]
    assert len({change.at for change in changes}) == len(changes)


GROWN = journey(
    name="grown",
    version=1,
    state="live",
    starts_on=stage_entered(Stage.GROWTH),
    ends_after=days(9),
    reentry="always",
    steps=[wait(days(3))],
)


async def test_a_late_change_that_is_done_again_is_the_same_change(stack: EmbeddedStack, database_url: str) -> None:
    """A trade came in after the customer had declined for want of it; the workflow is reset to before it came."""
    async with live(stack, database_url, [with_templates(GROWN, {})], numbers=QUICK) as world:
        amy = world.customer("amy")
        now = datetime.now(UTC)
        await world.event(amy, "trade_executed", now - days(100))
        await world.until(lambda: world.pool.fetchval("SELECT stage = 'decline' FROM customer"))
        await world.event(amy, "checked_in", now - days(1))
        await world.settled(amy)
        await world.event(amy, "trade_executed", now - days(30))
        await world.settled(amy)
        changes = "SELECT from_stage, to_stage, at, cause FROM stage_change ORDER BY at, cause"
        decisions = "SELECT cause, at, entry FROM entry_decision ORDER BY at"
        before = await world.rows(changes), await world.rows(decisions)
        assert [(change[1], change[3]) for change in before[0]][-1] == ("growth", "late")
        await _reset(world, amy, to=_task_of_second_signal(await world.history(amy)))
        view = await world.settled(amy)
        assert (view.state.folded, view.state.lifecycle.stage) == (3, Stage.GROWTH)
        assert (await world.rows(changes), await world.rows(decisions)) == before


def _task_of_second_signal(history: list[HistoryEvent]) -> int:
    """The completion of the workflow task that took the second event."""
    signals = [one.event_id for one in history if one.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED]
    completed = [one.event_id for one in history if one.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    return next(id for id in completed if id > signals[1])


async def _reset(world: Live, customer: str, *, to: int) -> None:
    description = await world.handle(customer).describe()
    await world.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
            reason="a test",
            workflow_task_finish_event_id=to,
            request_id="reset-1",
        )
    )


def test_a_very_fast_or_very_slow_clock_stays_within_the_calendar() -> None:
    """A play that is left alone must not stop its lives with an overflow."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert Clock(speed=1e9).business(now).year == 9000
    assert Clock(business_anchor=now, speed=1e-9).real(now + days(9)).year == 9000
