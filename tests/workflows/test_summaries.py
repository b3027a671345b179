"""What a person reads beside the events of a customer's history (architecture.md, "What support staff see")."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from cli.ordering import give, order
from embedded import EmbeddedStack
from engine import data_converter
from payload_keys import PayloadKeys
from rules.commands import Verb
from tests.live import live, sped_up

BORN = datetime(2026, 1, 5, 2, tzinfo=UTC)
TOLD = (
    EventType.EVENT_TYPE_MARKER_RECORDED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_TIMER_STARTED,
)


def summary(event: HistoryEvent) -> str:
    """Nothing if it has none."""
    if not event.user_metadata.HasField("summary"):
        return ""
    (told,) = data_converter(PayloadKeys()).payload_converter.from_payloads([event.user_metadata.summary])
    return str(told)


async def test_every_timer_activity_and_local_activity_says_what_it_is_for(
    stack: EmbeddedStack, database_url: str
) -> None:
    """From the registration to the reminder, and the end by a command."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        await world.event(amy, "app_registered", BORN, start=sped_up(BORN, timedelta(days=1)))
        await world.until(lambda: world.pool.fetchval("SELECT count(*) = 2 FROM touch WHERE outcome = 'sent'"))
        await world.settled(amy)
        await give(world.client, order(Verb.END, amy, "onboarding-guidance", actor="li", reason="r", command_id="c"))
        await world.settled(amy)
        told = [summary(event) for event in await world.history(amy) if event.event_type in TOLD]
        assert "" not in told
        for words in (
            "1 event(s)",
            "onboarding-guidance: welcome",
            "onboarding-guidance: account_opened-within-3d",
            "onboarding-guidance: account_opened by now?",
            "onboarding-guidance: open-account-reminder",
            "lifecycle: inactive until then?",
        ):
            assert words in told, told
