"""Whatever the journeys and whatever happens, no life breaks a rule, on paper."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.local_time import resolve_local_time
from journeys.events import account_closed, opted_out_of_marketing
from journeys.names import CustomerId
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey
from rules.commands import Command, Verb
from rules.definitions import Catalogue
from rules.paper import Happening, PaperCommand, PaperEvent, PaperWorld
from rules.record import Record
from tests.random_journeys import EVENTS, journeys
from tests.story import CUSTOMER, EVERYTHING, START

Moment = tuple[timedelta, str, int]

gaps = st.one_of(
    st.integers(0, 60).map(lambda n: timedelta(days=n)), st.integers(0, 72).map(lambda n: timedelta(hours=n))
)
names = st.sampled_from([*map(str, EVENTS), "app_registered", str(opted_out_of_marketing), str(account_closed)])
commands = st.sampled_from([Verb.PAUSE, Verb.RESUME, Verb.SKIP, Verb.END, Verb.ENTER]).map(str)
scripts = st.lists(st.tuples(gaps, names | commands, st.integers(0, 1000)), max_size=15)


def lived(told: list[Journey], script: list[Moment]) -> Record:
    """A customer who registers, then does and is done to what the script says."""
    world = PaperWorld(
        Catalogue.of(with_templates(one, templates()) for one in told),
        consents=EVERYTHING,
        customer=CUSTOMER,
        local_time=resolve_local_time,
    )
    record, at = Record(), START
    happenings: list[Happening] = [PaperEvent(at, "app_registered")]
    for number, (gap, name, amount) in enumerate(script):
        at += gap
        if name in list(Verb):
            command = Command(f"c{number}", Verb(name), told[amount % len(told)].name, "staff", "a test")
            happenings.append(PaperCommand(at, command))
        else:
            happenings.append(PaperEvent(at, name, data={"amount": amount}))
    world.live(CustomerId("c"), happenings, at + timedelta(days=400), record)
    return record


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.tuples(journeys("one"), journeys("two"), journeys("three")).map(list), scripts)
def test_no_life_breaks_a_rule(told: list[Journey], script: list[Moment]) -> None:
    """Runs end in time, nothing is planned outside, no touch twice, never three marketing runs at once."""
    record = lived(told, script)
    by_name = {str(one.name): one for one in told}
    runs = {(row.journey, row.entry): row for row in record.runs}
    assert len(runs) == len(record.runs)
    for row in record.runs:
        assert row.ended_at is not None
        assert row.entered_at <= row.ended_at <= row.entered_at + by_name[row.journey].ends_after
    for touch in record.touches:
        run = runs[touch.journey, touch.entry]
        assert run.ended_at is not None
        assert run.entered_at <= touch.planned_at <= run.ended_at
    times = Counter((touch.journey, touch.entry, touch.step, touch.planned_at) for touch in record.touches)
    assert max(times.values(), default=1) == 1
    marketing = [row for row in record.runs if by_name[row.journey].purpose == "marketing"]
    for row in marketing:
        at_once = [one for one in marketing if one.ended_at and one.entered_at <= row.entered_at < one.ended_at]
        assert len(at_once) <= 2


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.tuples(journeys("one"), journeys("two")).map(list), scripts)
def test_the_same_life_is_the_same_twice(told: list[Journey], script: list[Moment]) -> None:
    """Nothing depends on chance or on what was lived before."""
    assert lived(told, script) == lived(told, script)
