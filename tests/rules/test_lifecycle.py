"""The stage of a customer of whom little is known (architecture.md, "The lifecycle, as shipped")."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from journeys.events import app_opened, message_bounced
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import EventId, Stage
from rules.effects import RecordedEvent
from rules.lifecycle import fall_due, fold, next_deadline
from rules.state import Lifecycle

AT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def lived(*events: tuple[str, int]) -> Lifecycle:
    """A life after events, each with its day."""
    life = Lifecycle()
    for number, (name, day) in enumerate(events, 1):
        event = RecordedEvent(number, EventId(f"e-{number}"), name, AT + day * DAY)
        fold(life, event, LIFECYCLE_POLICY, event.at)
    return life


@pytest.mark.parametrize(
    ("events", "churns"),
    [
        ([(message_bounced, 0)], 180),
        ([(message_bounced, 0), (message_bounced, 30)], 180),
        ([(message_bounced, 0), (app_opened, 30), (message_bounced, 60)], 210),
    ],
)
def test_who_was_never_active_churns_from_the_introduction(events: list[tuple[str, int]], churns: int) -> None:
    """A message that did not arrive begins a life and is no activity in it: 180 days count from the birth then."""
    life = lived(*events)
    due = next_deadline(life, LIFECYCLE_POLICY)
    assert (life.stage, due) == (Stage.INTRODUCTION, AT + churns * DAY)
    assert due is not None
    assert fall_due(life, due).to_stage is Stage.CHURNED
