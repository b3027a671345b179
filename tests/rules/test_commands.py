"""Commands while the gate keeps a touch back, or still thinks about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from journeys.events import app_registered
from journeys.language import days, journey, send
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import Channel, CustomerId
from journeys.published import with_templates
from journeys.templates import templates
from rules import life
from rules.commands import Command, Verb, obey
from rules.definitions import Definition, define
from rules.effects import SendMessage
from rules.entry import EntryDecided
from rules.gates import HeldUntil, NextChannel, TouchSettled, TryLater
from rules.state import CustomerState

NOW = datetime(2026, 3, 2, 15, 33, tzinfo=UTC)
HOUR = timedelta(hours=1)


def greeting(version: int, *channels: Channel) -> Definition:
    """A version of a journey that says one thing, on these channels in turn."""
    step = send("welcome", id="hello", channels=channels)
    value = journey(name="greeting", version=version, starts_on=app_registered, ends_after=days(30), steps=[step])
    return define(with_templates(value, templates()))


def entered(one: Definition) -> tuple[CustomerState, SendMessage]:
    """A customer whose first touch is before the gate."""
    state = CustomerState(CustomerId("C-1"), policy=LIFECYCLE_POLICY)
    name, version = one.journey.name, one.journey.version
    (asked,) = life.take_entry(state, EntryDecided(name, version, one.hash, "e-1", NOW, entry=1)).sends
    return state, asked


def command(verb: Verb, to: Definition | None = None) -> Command:
    """A command for the run."""
    return Command("c-1", verb, greeting(1, Channel.INBOX).journey.name, "li", "a test", to=to.hash if to else None)


def test_a_hold_that_is_skipped_ends_now() -> None:
    """The gates judge the touch as of now, and what comes after it counts from now."""
    state, asked = entered(greeting(1, Channel.APP_PUSH))
    life.take_answer(state, HeldUntil(asked.journey, 1, asked.step, NOW + 9 * HOUR, "quiet_hours"))
    (again,) = obey(state, command(Verb.SKIP), NOW + HOUR).sends
    assert again.asked_for == NOW + HOUR
    life.take_answer(state, TouchSettled(asked.journey, 1, asked.step, NOW + HOUR, "sent"))
    assert state.ended[-1].ended_at == NOW + HOUR


def test_a_provider_that_is_asked_again_by_command_shifts_nothing() -> None:
    """It was no hold: the touch stays due when it was."""
    state, asked = entered(greeting(1, Channel.APP_PUSH))
    life.take_answer(state, TryLater(asked.journey, 1, asked.step, NOW + 9 * HOUR, "busy"))
    (again,) = obey(state, command(Verb.SKIP), NOW + HOUR).sends
    assert again.asked_for == NOW


def test_a_run_that_moves_while_its_touch_is_before_the_gate_begins_with_the_first_channel_there() -> None:
    """The channel that refused was the other version's; this one may have fewer, or others."""
    before, after = greeting(1, Channel.APP_PUSH, Channel.INBOX), greeting(2, Channel.INBOX)
    state, asked = entered(before)
    assert obey(state, command(Verb.MOVE, after), NOW).obeyed[-1].done
    (again,) = life.take_answer(state, NextChannel(asked.journey, 1, asked.step, asked.definition)).sends
    assert (again.definition, again.channel) == (after.hash, 0)


def test_a_channel_that_refuses_leaves_it_to_the_next_one() -> None:
    """Of the version that the run is in."""
    one = greeting(1, Channel.APP_PUSH, Channel.INBOX)
    state, asked = entered(one)
    (again,) = life.take_answer(state, NextChannel(asked.journey, 1, asked.step, asked.definition)).sends
    assert (again.definition, again.channel) == (one.hash, 1)
