"""A run whose published definition a worker does not ship waits for one that does (journey-language.md, rule 1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from embedded import EmbeddedStack
from journeys.events import app_registered
from journeys.language import days, journey, send, wait
from journeys.published import with_templates
from journeys.templates import templates
from rules import definitions
from rules.definitions import Catalogue, define
from tests.live import live


async def test_a_run_whose_definition_is_missing_waits_for_a_worker_that_has_it(
    stack: EmbeddedStack, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task fails with what to deploy, nothing is lost, and the run goes on where it was."""
    slow = with_templates(
        journey(
            name="not-shipped",
            version=1,
            state="live",
            starts_on=app_registered,
            purpose="service",
            ends_after=days(30),
            steps=(wait(days(2)), send("welcome")),
        ),
        templates(),
    )
    async with live(stack, database_url, [slow], working=False) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        await world.event(amy, "app_registered", datetime.now(UTC) - timedelta(days=1))
        async with world.working():
            await world.settled(amy)
        lacking = replace(world, world=replace(world.world, catalogue=Catalogue.of([])))
        with monkeypatch.context() as without:
            without.delitem(definitions._known, slow.content_hash())
            await world.event(amy, "checked_in", datetime.now(UTC))

            async def failed() -> str:
                for one in await world.history(amy):
                    if one.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                        return str(one.workflow_task_failed_event_attributes.failure.message)
                return ""

            async with lacking.working():
                said = await world.until(failed)
        assert "deploy a worker that ships journeys/published/ with it" in said
        define(slow)
        async with world.working():
            (run,) = (await world.settled(amy)).state.runs
        assert run.step == "wait-2d"
        assert await world.rows("SELECT name FROM customer_event ORDER BY sequence") == [
            ("app_registered",),
            ("checked_in",),
        ]
