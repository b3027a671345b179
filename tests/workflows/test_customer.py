"""The customer workflow on the real engine and the real database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedded import EmbeddedStack
from journeys.events import app_registered
from journeys.language import days, journey, send, wait
from journeys.names import Channel, Stage
from journeys.published import with_templates
from journeys.templates import templates
from tests.live import after_everything, live

DAY = timedelta(days=1)
BORN = datetime(2026, 3, 2, 4, tzinfo=UTC)
CONSENT = {"message_class": "marketing", "channel": "app_push", "source": "app 4.2", "text_version": "2026-03"}
FUND = journey(
    name="fund",
    version=1,
    state="live",
    starts_on=app_registered,
    ends_after=days(9),
    purpose="marketing",
    steps=[
        send("we-are-here", product="F-1", channels=[Channel.APP_PUSH], id="first"),
        wait(days(3)),
        send("we-are-here", product="F-1", channels=[Channel.APP_PUSH], id="second"),
    ],
)
SAID: list[tuple[str, dict[str, Any], str]] = [
    ("opted_out", {"scope": "app_push"}, "opted_out"),
    ("opted_out_of_marketing", {}, "opted_out"),
    ("consent_withdrawn", CONSENT, "no_consent"),
    ("complaint_made", {"case": "K-17"}, "suppressed: complaint"),
    ("risk_assessed", {"risk_class": "C1"}, "unsuitable: above_risk_class"),
    ("risk_assessed", {"risk_class": "C3", "longest_term_days": 30}, "unsuitable: term_too_long"),
]


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


@pytest.mark.parametrize(("name", "data", "reason"), SAID)
async def test_what_a_customer_says_on_the_bus_stops_the_next_touch(
    stack: EmbeddedStack, database_url: str, name: str, data: dict[str, Any], reason: str
) -> None:
    """Consent and assessment came as events, too: the first touch goes out, and nothing after the word does."""
    async with live(stack, database_url, [with_templates(FUND, templates())], working=False) as world:
        await world.pool.execute("INSERT INTO product VALUES ('F-1', 'A fund', 'R2', 'fund', '90 days', '2026-01-01Z')")
        amy, start = world.customer("amy"), after_everything(BORN + 20 * DAY)
        await world.event(amy, "consent_given", BORN - DAY, CONSENT, start=start)
        await world.event(amy, "risk_assessed", BORN - DAY, {"risk_class": "C3"})
        await world.event(amy, "app_registered", BORN)
        await world.event(amy, name, BORN + DAY, data)
        async with world.working():
            await world.until(lambda: world.pool.fetchval("SELECT outcome FROM journey_run"))
        assert await world.touches(amy) == [("first", "sent", ""), ("second", "withheld", reason)]
