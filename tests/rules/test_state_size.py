"""A customer's state stays small enough to be carried for years (architecture.md: under 16 KiB)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from journeys.events import account_opened, app_registered, checked_in
from journeys.language import days, journey, send, wait, wait_for
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import Channel, CustomerId, EventId, MessageClass, TemplateName
from journeys.published import Published
from journeys.templates import Template, Text
from journeys.words import DEFAULT_CHANNELS, Step
from rules import life
from rules.definitions import Catalogue
from rules.effects import Effects, RecordedEvent
from rules.entry import candidates, decide
from rules.gates import TouchSettled
from rules.state import CustomerState

BORN = datetime(2026, 1, 1, tzinfo=UTC)


def long_journey(number: int, channels: Iterable[Channel] = DEFAULT_CHANNELS) -> Published:
    """Thirty steps: touches, waits, and waits for events that come every day; with texts for some channels."""
    texts = {"zh-CN": {channel: Text(title="t", body="b") for channel in channels}}
    steps: list[Step] = []
    for turn in range(10):
        steps += [
            send(f"text-{turn}"),
            wait(days(3), id=f"pause-{turn}"),
            wait_for(checked_in, within=days(9), id=f"check-{turn}"),
        ]
    steps[-1] = wait_for(account_opened, within=days(390), id="the-last-of-thirty-steps")
    templates = {
        TemplateName(f"text-{turn}"): Template.model_validate(
            {"name": f"text-{turn}", "class": MessageClass.SERVICE, "sender": "s", "texts": texts}
        )
        for turn in range(10)
    }
    value = journey(
        name=f"a-rather-long-journey-name-{number}",
        version=1,
        state="live",
        starts_on=app_registered,
        purpose="service",
        ends_after=days(500),
        steps=steps,
    )
    return Published(journey=value, templates=templates)


def test_a_year_of_life_with_five_runs_of_thirty_steps_stays_under_16_kib() -> None:
    """Every step done, an event a day, touches and ended runs on the card."""
    catalogue = Catalogue.of(long_journey(number) for number in range(5))
    state = CustomerState(CustomerId("C" * 64), policy=LIFECYCLE_POLICY)

    def follow(effects: Effects) -> None:
        for offer in effects.offers:
            for one in candidates(catalogue, offer):
                follow(life.take_entry(state, decide(one, offer, state)))
        for ask in effects.sends:
            follow(life.take_answer(state, TouchSettled(ask.journey, ask.entry, ask.step, ask.due, "sent")))
        for check in effects.checks:
            follow(life.take_check(state, check, None, check.due))

    for day in range(365):
        at = BORN + timedelta(days=day)
        while (deadline := life.next_deadline(state)) is not None and deadline.at < at and state.lifecycle.stage:
            follow(life.take_deadline(state, deadline))
        name = "app_registered" if day == 0 else "checked_in"
        event = RecordedEvent(day + 1, EventId(f"e{day}"), name, at, milestone=day == 0, starts=day == 0)
        follow(life.take_event(state, event, at))
        state.has_folded(event.sequence)
    assert [run.step for run in state.runs] == ["the-last-of-thirty-steps"] * 5
    assert len(TypeAdapter(CustomerState).dump_json(state)) < 16 * 1024
