"""The paper world keeps the promises of the rules, whatever customers do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.local_time import is_trading_day, resolve_local_time
from journeys import JOURNEYS
from journeys.events import EVENTS, app_registered, trade_executed, wealth_product_purchased
from journeys.names import Channel, CustomerId, MessageClass, StepId
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Send, all_steps
from rules.definitions import Catalogue
from rules.paper import PaperEvent, PaperWorld
from rules.record import Record

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONSENTS = tuple((message_class, Channel.INBOX) for message_class in MessageClass)
CATALOGUE = Catalogue.of(with_templates(journey, templates()) for journey in JOURNEYS)
WORLD = PaperWorld(CATALOGUE, consents=CONSENTS, local_time=resolve_local_time)
SENDS = {step.id: step for journey in JOURNEYS for step in all_steps(journey.steps) if isinstance(step, Send)}
IN_PLACE_OF_ANOTHER = {inner.id for step in SENDS.values() for inner in all_steps(step.if_not_sent)}

Lives = dict[str, list[PaperEvent]]

promise = settings(max_examples=40)

is_trading_day(START.date())  # loads the calendar, so that no example takes a second for it


@st.composite
def life(draw: st.DrawFn) -> list[PaperEvent]:
    """Up to twelve events, with gaps from nothing to longer than any stage lasts, and often of one instant."""
    at, events = START, []
    for _ in range(draw(st.integers(0, 12))):
        at += HOUR * draw(st.sampled_from([0, 0, 1, 24, 48, 72, 168, 240, 720, 2160, 4320, 5000]))
        name = draw(st.sampled_from([*EVENTS, app_registered, trade_executed, trade_executed]))
        held = draw(st.sampled_from([0, 30, 400])) if name == wealth_product_purchased else 0
        events.append(PaperEvent(at, name, at + held * 24 * HOUR if held else None))
    return events


lives = st.dictionaries(st.from_regex("[a-z]{1,3}", fullmatch=True), life(), max_size=4)
ends = st.integers(0, 24 * 900).map(lambda hours: START + hours * HOUR)


def lived(lives: Lives, until: datetime, world: PaperWorld = WORLD) -> Record:
    record = Record()
    for name, events in lives.items():
        world.live(CustomerId(name), events, until, record)
    record.sort()
    return record


@promise
@given(lives, ends)
def test_the_same_lives_give_the_same_record(lives: Lives, until: datetime) -> None:
    """A rehearsal is a function of its input; the order of the customers, and what a world lived before, are none."""
    again = dict(reversed(lives.items()))
    assert lived(lives, until) == lived(again, until) == lived(again, until, replace(WORLD, judgements={}))


@promise
@given(lives, ends)
def test_nothing_is_sent_after_a_run_has_ended(lives: Lives, until: datetime) -> None:
    """Every touch lies between the entry and the end of its run."""
    record = lived(lives, until)
    runs = {row[:3]: row for row in record.runs}
    for touch in record.touches:
        run = runs[touch[:3]]
        assert run.entered_at <= touch.planned_at <= (run.ended_at or until)


@promise
@given(lives, ends)
def test_no_step_speaks_twice(lives: Lives, until: datetime) -> None:
    """There is at most one touch for a customer, journey, entry and step; in a repeat, for each turn, at its time."""
    touches = [row[:5] for row in lived(lives, until).touches]
    assert len(touches) == len(set(touches))


@promise
@given(lives, ends)
def test_no_run_lives_longer_than_its_journey_allows(lives: Lives, until: datetime) -> None:
    """Every run ends by `ends_after`; one still open has not come to it."""
    longest = {journey.name: journey.ends_after for journey in JOURNEYS}
    for run in lived(lives, until).runs:
        last = run.entered_at + longest[run.journey]  # type: ignore[index]
        assert (run.ended_at <= last) if run.ended_at else (until < last)


@promise
@given(lives, ends)
def test_stage_changes_are_a_chain_in_time(lives: Lives, until: datetime) -> None:
    """Each change starts from where the one before led to, not earlier, and never stays where it was."""
    record = lived(lives, until)
    for name in lives:
        changes = [row for row in record.stage_changes if row.customer_id == name]
        assert all(one.to_stage == next_.from_stage and one.at <= next_.at for one, next_ in pairwise(changes))
        assert all(change.from_stage != change.to_stage for change in changes)
        assert [change.from_stage for change in changes[:1]] in ([], [""])


@promise
@given(lives, ends)
def test_one_run_of_a_journey_at_a_time(lives: Lives, until: datetime) -> None:
    """The next run of a journey starts when the last one has ended."""
    for one, next_ in pairwise(lived(lives, until).runs):
        if one[:2] == next_[:2]:
            assert next_.entry == one.entry + 1
            assert one.ended_at is not None
            assert one.ended_at <= next_.entered_at


@promise
@given(lives, ends, st.integers(1, 24 * 300))
def test_what_happened_until_a_time_does_not_depend_on_what_comes_after(
    lives: Lives, until: datetime, later: int
) -> None:
    """A rehearsal that goes on for longer says the same of the time before."""
    short, long = lived(lives, until), lived(lives, until + later * HOUR)
    assert short.touches == [row for row in long.touches if row.planned_at <= until]
    assert short.points == [row for row in long.points if row.at <= until]
    assert short.stage_changes == [row for row in long.stage_changes if row.at <= until]


@promise
@given(lives, ends)
def test_without_consent_only_service_speaks(lives: Lives, until: datetime) -> None:
    """No consent record is no consent: what is withheld says so, and journeys go on as if it had been sent."""
    silent, heard = lived(lives, until, replace(WORLD, consents=(), judgements={})), lived(lives, until)
    first = [[row[:5] for row in record.touches if row.step not in IN_PLACE_OF_ANOTHER] for record in (silent, heard)]
    assert first[0] == first[1]
    assert silent.runs == heard.runs
    for touch in silent.touches:
        template = templates()[SENDS[StepId(touch.step)].template]
        if template.message_class is MessageClass.SERVICE:
            assert (touch.outcome, touch.reason) in [("sent", ""), ("withheld", "holdout")]
        else:
            assert (touch.outcome, touch.reason) in [("withheld", "no_consent"), ("withheld", "opted_out")]


@pytest.mark.parametrize(
    ("unreachable", "outcome"),
    [((), "sent"), ((Channel.APP_PUSH,), "sent"), (tuple(Channel), "withheld")],
)
def test_a_touch_takes_the_first_channel_that_may_carry_it(unreachable: Any, outcome: str) -> None:
    """Only a customer who cannot be reached at all gets nothing."""
    world = replace(WORLD, unreachable=unreachable, judgements={})
    record = lived({"a": [PaperEvent(START, app_registered)]}, START, world)
    assert [(row.step, row.outcome) for row in record.touches] == [("welcome", outcome)]
