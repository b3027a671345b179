"""A life survives what happens to servers and workers (architecture.md, "The customer workflow")."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from activities.channels import Refused, Unknown
from cli.ordering import give, order
from embedded import EmbeddedStack
from journeys.names import Channel, Stage
from rules import definitions
from rules.commands import Verb
from tests.live import Live, live, sped_up
from tests.long_numbers import WAITING


def ago(**duration: float) -> datetime:
    """A time before now."""
    return datetime.now(UTC) - timedelta(**duration)


async def test_a_goal_ends_the_run_at_once(stack: EmbeddedStack, database_url: str) -> None:
    """A trade ends onboarding, whatever it waits for, and counts as a conversion."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", ago(hours=2))
        await world.settled(amy)
        await world.event(amy, "trade_executed", ago(), {"amount": "10.00"})
        view = await world.settled(amy)
        assert [run.journey for run in view.state.runs] == ["growth-nudges"]
        assert view.state.lifecycle.stage is Stage.GROWTH
        assert await world.rows("SELECT outcome FROM journey_run WHERE journey = 'onboarding-guidance'") == [("goal",)]
        assert await world.rows("SELECT step, credited FROM conversion") == [("welcome", True)]


async def test_the_same_event_twice_counts_once(stack: EmbeddedStack, database_url: str) -> None:
    """Senders may repeat themselves; one with other content under the same id goes to quarantine."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        at = ago(hours=1)
        await world.event(amy, "trade_executed", at, {"amount": "1"}, id="t1")
        await world.event(amy, "trade_executed", at, {"amount": "1"}, id="t1")
        await world.event(amy, "trade_executed", at, {"amount": "2"}, id="t1")
        view = await world.settled(amy)
        assert view.state.lifecycle.investments == 1
        assert "seen before with different content" in await world.pool.fetchval("SELECT reason FROM rejected_event")


async def test_old_events_start_nothing(stack: EmbeddedStack, database_url: str) -> None:
    """A history that is loaded folds into the stage; nobody is welcomed a month late."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", ago(days=30))
        view = await world.settled(amy)
        assert (view.state.lifecycle.stage, view.state.runs) == (Stage.INTRODUCTION, [])
        assert await world.rows("SELECT journey, refused FROM entry_decision") == [("onboarding-guidance", "backfill")]
        assert await world.touches(amy) == []


async def test_a_fact_in_the_books_prevents_a_wrong_nudge(stack: EmbeddedStack, database_url: str) -> None:
    """The signal of the opened account was lost upstream; the nightly file says that it was opened."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        born = datetime(2026, 1, 1, tzinfo=UTC)
        await world.pool.execute(
            "INSERT INTO customer_fact VALUES ($1, 'account_opened', $2, 'fact-1')", amy, born + timedelta(days=1)
        )
        await world.event(amy, "app_registered", born, start=sped_up(born, timedelta(days=5)))
        await world.until(
            lambda: world.pool.fetchval(
                "SELECT true FROM touch WHERE step IN ('first-product', 'open-account-reminder')"
            )
        )
        assert [step for step, _, _ in await world.touches(amy)] == [
            "welcome",
            "questionnaire-reminder",
            "first-product",
        ]
        assert await world.rows("SELECT event_id, source FROM customer_event WHERE name = 'account_opened'") == [
            ("fact-1", "fact")
        ]


async def _onboarding(world: Live, name: str) -> str:
    """A customer who got the welcome and waits for the account."""
    customer = world.customer(name)
    await world.consent(customer)
    await world.event(customer, "app_registered", ago(hours=3))
    await world.settled(customer)
    return customer


async def test_after_terminate_the_next_event_goes_on_where_the_life_was(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Stage, points, entries and open runs come back from PostgreSQL; nothing is sent or awarded twice."""
    async with live(stack, database_url) as world:
        amy = await _onboarding(world, "amy")
        before = (await world.view(amy)).state
        await world.handle(amy).terminate("a test")
        await world.event(amy, "checked_in", ago(hours=1))
        after = (await world.settled(amy)).state
        assert [(run.step, run.deadline) for run in after.runs] == [(run.step, run.deadline) for run in before.runs]
        assert (after.points, after.lifecycle.since) == (20, before.lifecycle.since)
        assert len(world.channels[Channel.APP_PUSH].got) == 1
        assert await world.rows("SELECT sum(amount), count(*) FROM points_ledger") == [(20, 1)]
        await world.event(amy, "trade_executed", ago(minutes=1))
        assert [run.journey for run in (await world.settled(amy)).state.runs] == ["growth-nudges"]


async def test_after_a_reset_to_the_beginning_nothing_is_sent_twice(stack: EmbeddedStack, database_url: str) -> None:
    """The rewound life catches up from the books."""
    async with live(stack, database_url) as world:
        amy = await _onboarding(world, "amy")
        await world.event(amy, "checked_in", ago(hours=1))
        await world.settled(amy)
        description = await world.handle(amy).describe()
        await world.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace="default",
                workflow_execution=WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
                reason="a test",
                workflow_task_finish_event_id=5,
                request_id="reset-1",
            )
        )
        view = await world.settled(amy)
        assert [run.step for run in view.state.runs] == ["account_opened-within-3d"]
        assert len(world.channels[Channel.APP_PUSH].got) == 1
        assert await world.rows("SELECT count(*) FROM points_ledger") == [(1,)]
        assert await world.rows("SELECT count(*) FROM entry_decision") == [(1,)]


async def test_cancel_is_refused(stack: EmbeddedStack, database_url: str) -> None:
    """A cancelled life would lose what is under way: it goes on and says what to do instead."""
    async with live(stack, database_url) as world:
        amy = await _onboarding(world, "amy")
        handle: WorkflowHandle[object, object] = world.handle(amy)
        await handle.cancel()

        async def noticed() -> bool:
            return bool((await world.view(amy)).state.attention)

        await world.until(noticed)
        description = await handle.describe()
        assert description.status is WorkflowExecutionStatus.RUNNING
        assert "end_journey" in str(description.typed_search_attributes)
        await world.event(amy, "trade_executed", ago(minutes=1))
        assert [run.journey for run in (await world.settled(amy)).state.runs] == ["growth-nudges"]


async def test_a_worker_that_replays_everything_does_the_same(stack: EmbeddedStack, database_url: str) -> None:
    """With no cache every workflow task replays the whole history: a cheap check of determinism."""
    async with live(stack, database_url, working=False) as world:
        async with world.working(max_cached_workflows=0):
            amy = await _onboarding(world, "amy")
            await world.event(amy, "account_opened", ago(hours=1))
            view = await world.settled(amy)
            assert [run.step for run in view.state.runs] == ["questionnaire_completed-within-2d"]
        names = [event.event_type for event in await world.history(amy)]
        assert 8 not in names, "no workflow task failed"


async def test_a_provider_that_does_not_answer_is_asked_again_with_the_same_key(
    stack: EmbeddedStack, database_url: str
) -> None:
    """The claim stands while nobody knows; the run waits at the step and the touch is settled by the second try."""
    async with live(stack, database_url) as world:
        world.channels[Channel.APP_PUSH].answers.append(Unknown("timed_out"))
        amy = world.customer("amy")
        born = datetime(2026, 1, 1, tzinfo=UTC)
        await world.event(amy, "app_registered", born, start=sped_up(born, timedelta(hours=1)))
        await world.until(lambda: world.pool.fetchval("SELECT outcome = 'claimed' FROM touch"))
        view = await world.settled(amy)
        assert view.state.runs[0].phase == "held"
        assert await world.touches(amy) == [("welcome", "claimed", "")]


async def test_a_provider_that_refuses_fails_the_touch_and_the_run_goes_on(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Refused for good is an outcome like any other."""
    async with live(stack, database_url) as world:
        world.channels[Channel.APP_PUSH].answers.append(Refused("bad_request"))
        amy = await _onboarding(world, "amy")
        assert await world.touches(amy) == [("welcome", "failed", "bad_request")]
        assert [run.step for run in (await world.view(amy)).state.runs] == ["account_opened-within-3d"]


async def test_a_brake_that_drops_withholds_and_one_that_holds_keeps_the_run_at_the_step(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Effective on the next gate."""
    async with live(stack, database_url) as world:
        await world.pool.execute(
            "INSERT INTO brake (mode, reason, template, set_by) VALUES ('hold', 'wrong text', 'welcome', 'test')"
        )
        amy = world.customer("amy")
        await world.event(amy, "app_registered", ago(minutes=1))
        view = await world.settled(amy)
        assert view.state.runs[0].phase == "held"
        assert await world.touches(amy) == []
        await world.as_owner("UPDATE brake SET mode = 'drop'")
        ben = world.customer("ben")
        await world.event(ben, "app_registered", ago(minutes=1))
        await world.settled(ben)
        assert await world.touches(ben) == [("welcome", "withheld", "brake")]


async def test_marketing_without_consent_is_withheld_with_the_reason(stack: EmbeddedStack, database_url: str) -> None:
    """No consent record is no consent; each channel is tried in turn."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        born = datetime(2026, 1, 1, tzinfo=UTC)
        await world.event(amy, "app_registered", born, start=sped_up(born, timedelta(days=4)))
        await world.until(lambda: world.pool.fetchval("SELECT true FROM touch WHERE step = 'open-account-reminder'"))
        assert await world.touches(amy) == [
            ("welcome", "sent", ""),
            ("open-account-reminder", "withheld", "no_consent"),
        ]


RETRIES_AN_HOUR = 16
"""With a back-off of 0.2 s that triples up to 5 minutes, after those that wait in the worker itself."""


@pytest.mark.timeout(90)
async def test_customers_who_wait_for_a_database_that_is_down_block_nobody(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Many wait; an idle one still answers at once, few events are written, and all goes on when it is back."""
    async with live(stack, database_url) as world:
        idle = await _onboarding(world, "idle")
        waiting = [await _onboarding(world, f"w{number}") for number in range(3)]
        await world.as_owner("ALTER TABLE customer_event RENAME TO hidden")
        waiting += [world.customer(f"new{number}") for number in range(WAITING - 3)]
        for customer in waiting:
            await world.event(customer, "trade_executed", ago(minutes=1))
        before = await _grown(world, waiting[0], beyond=0)
        after = await _grown(world, waiting[0], beyond=before)
        pause = order(Verb.PAUSE, idle, "onboarding-guidance", actor="li", reason="r", command_id="c-1")
        started = time.perf_counter()
        assert (await give(world.client, pause)).done
        assert time.perf_counter() - started < 1
        assert (after - before) * RETRIES_AN_HOUR < 100
        await world.as_owner("ALTER TABLE hidden RENAME TO customer_event")
        await world.until(
            lambda: world.pool.fetchval("SELECT count(*) = $1 FROM customer WHERE stage = 'growth'", WAITING)
        )


async def _grown(world: Live, customer: str, *, beyond: int) -> int:
    """The length of a history when the next failed try has been written to it."""

    async def failed() -> int:
        kinds = [event.event_type for event in await world.history(customer)]
        timers = kinds.count(EventType.EVENT_TYPE_TIMER_STARTED)
        return len(kinds) if len(kinds) > beyond and timers and kinds[-1] == EventType.EVENT_TYPE_TIMER_STARTED else 0

    length: int = await world.until(failed, every=0.1)
    return length


async def test_a_worker_that_lacks_a_published_journey_leaves_the_task_to_another(
    stack: EmbeddedStack, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task fails and is tried again, nothing is lost, and nobody is moved to another definition."""
    async with live(stack, database_url, working=False) as world:
        async with world.working():
            amy = await _onboarding(world, "amy")
            hash = (await world.view(amy)).state.runs[0].definition

        async def failed() -> bool:
            kinds = [event.event_type for event in await world.history(amy)]
            return EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in kinds

        with monkeypatch.context() as poorer:
            poorer.delitem(definitions._known, hash)
            poorer.setattr(definitions, "published", dict)
            async with world.working():
                await world.event(amy, "trade_executed", ago(minutes=1))
                await world.until(failed, every=0.2)
                ending = order(Verb.END, amy, "growth-nudges", actor="a", reason="r", command_id="c-1")
                ended = asyncio.create_task(give(world.client, ending))
                await asyncio.wait([ended], timeout=0.5)
                assert not ended.done(), "the server refuses updates meanwhile"
        async with world.working():
            assert (await ended).done
            assert (await world.settled(amy)).state.runs == []
