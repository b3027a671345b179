"""The customer workflow on the real engine and the real database."""

from datetime import UTC, datetime

from embedded import EmbeddedStack
from journeys.names import Stage
from tests.live import live


async def test_a_registration_starts_onboarding_and_sends_the_welcome(stack: EmbeddedStack, database_url: str) -> None:
    """An event alone brings a customer to life."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", datetime.now(UTC))
        view = await world.settled(amy)
        assert view.state.lifecycle.stage is Stage.INTRODUCTION
        assert [run.step for run in view.state.runs] == ["account_opened-within-3d"]
        assert await world.touches(amy) == [("welcome", "sent", "")]
        assert view.state.points == 20
