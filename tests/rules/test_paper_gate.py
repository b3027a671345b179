"""The paper world's gate takes short cuts: it says what all gates say, whatever it remembers of touches before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.local_time import quiet_until
from journeys.events import app_registered
from journeys.language import days, hours, journey, send
from journeys.names import Channel, CustomerId, MessageClass
from journeys.published import with_templates
from journeys.templates import templates
from rules.caps import CountedTouch, Heard
from rules.definitions import define
from rules.effects import SendMessage
from rules.gates import judge
from rules.paper_gate import PaperGate, PaperTouch
from rules.quiet_hours import QuietHours
from rules.statements import Standing
from rules.touches import planned_touch, touch_key

CHANNELS = (Channel.APP_PUSH, Channel.INBOX)
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = [(kind, channel) for kind in (*MessageClass, MessageClass.MARKETING) for channel in CHANNELS]


def defined(name: str, priority: int) -> tuple[str, Sequence[str]]:
    """A journey with touches of several classes; whether they wait for room under the caps is told by its priority."""
    steps = (
        send("we-are-here", channels=CHANNELS, expires=days(3)),
        send("welcome", channels=CHANNELS, expires=hours(9)),
        send("first-product", channels=(Channel.INBOX,)),
        send("last-word", channels=(Channel.APP_PUSH,)),
    )
    made = journey(
        name=name, version=1, state="live", purpose="marketing", starts_on=app_registered, ends_after=days(60),
        steps=steps, priority=priority,
    )  # fmt: skip
    return define(with_templates(made, templates())).hash, [step.id for step in made.steps]


JOURNEYS = [defined("patient", 90), defined("hasty", 10)]
GATE = PaperGate(
    unreachable=(Channel.SMS,), interrupting=(Channel.APP_PUSH,), quiet_until=partial(quiet_until, QuietHours())
)
"""One for all examples: what it remembers is put to use."""

ages = st.one_of(st.integers(1, 16).map(lambda n: n * hours(12)), st.integers(0, 40).map(lambda n: n * days(1)))
counted = st.tuples(ages, st.sampled_from(KINDS))


@st.composite
def touches(draw: st.DrawFn) -> tuple[PaperTouch, Heard]:
    """Any touch of the two journeys, of any customer, at any hour, and what the customer heard before."""
    definition, steps = draw(st.sampled_from(JOURNEYS))
    due = BEGIN + timedelta(minutes=draw(st.integers(0, 60 * 24 * 5)))
    trouble = draw(st.sampled_from(["", "", "", "", "", "late", "over", "opted out", "some consents"]))
    at = due + (draw(st.sampled_from([hours(9), hours(10), days(3), days(4)])) if trouble == "late" else timedelta(0))
    step, control = draw(st.sampled_from(steps)), draw(st.booleans())
    touch = planned_touch(definition, step, 0)
    asked = SendMessage(touch.journey, 1, definition, step, due, at, 0, control=control)  # type: ignore[arg-type]
    consents = tuple(sorted(draw(st.sets(st.sampled_from(KINDS))) if trouble == "some consents" else set(KINDS)))
    opted_out = draw(st.sampled_from([("marketing",), ("app_push",), ("all",)])) if trouble == "opted out" else ()
    standing = Standing(consents, opted_out=opted_out, apart=(consents, opted_out))
    run_over, overtaken = draw(st.sampled_from([("exit", ""), ("", "deposit_made")])) if trouble == "over" else ("", "")
    channel = draw(st.integers(0, len(touch.channels) - 1))
    zone = draw(st.sampled_from(["Asia/Shanghai", "America/New_York", ""]))
    heard = Heard()
    whose = draw(st.sampled_from([(None,), (None,), ((touch.journey, 1),), (None, (touch.journey, 1))]))
    for age, (kind, where) in sorted(draw(st.lists(counted, max_size=6)), key=lambda one: one[0], reverse=True):
        heard.add(CountedTouch(at - age, kind, where), draw(st.sampled_from(whose)))
    return PaperTouch(CustomerId("c-1"), asked, channel, run_over, overtaken, standing, zone), heard


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(touches())
def test_a_short_cut_says_what_all_gates_say(asked_heard: tuple[PaperTouch, Heard]) -> None:
    """The decision, its reason, the end of a hold and the channel are those of all gates, channel by channel."""
    asked, heard = asked_heard
    judged = GATE.judge(asked, heard)
    channel = asked.channel
    while True:
        touch = planned_touch(asked.send.definition, asked.send.step, channel)
        facts = GATE._facts(asked, touch, heard)
        plain = judge(touch, facts, touch_key(asked.customer_id, asked.send))
        if plain.decision != "next_channel":
            break
        channel += 1
    said = judged.judgement
    assert (said.decision, said.reason, said.hold_until) == (plain.decision, plain.reason, plain.hold_until)
    assert judged.channel == channel
