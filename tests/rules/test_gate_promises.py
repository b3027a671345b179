"""No send ever breaks a rule, whoever the customer, the product, the clock and the history; and no gate is spare.

The rules are said a second time, in `gate_oracles`, and the gates are held to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from journeys.names import Channel, MessageClass
from rules import gates
from rules.gates import Brake, BrakeMode, Judgement, Verdict, judge
from tests.rules.gate_oracles import CARRIED, MARKETING, ORACLES, Message, Situation, is_night, too_many, violations

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Among them zones with summer time in both halves of the year, half hours, and names that nobody knows.
ZONES = (
    "Asia/Shanghai",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Nowhere/Else",
    "",
)
CHANNELS = (Channel.APP_PUSH, Channel.INBOX)
AGREED = tuple((message_class, channel) for message_class in MessageClass for channel in Channel)

# Whole hours meet the ends of windows at the very instant.
times = st.one_of(
    st.integers(0, 24 * 365).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * HOUR),
    st.integers(0, 60 * 24 * 365).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * MINUTE),
)
spans = st.one_of(
    st.integers(-3, 3).map(lambda n: n * DAY), st.integers(-90, 90).map(lambda n: n * timedelta.resolution)
)
subsets = st.sets(st.sampled_from(sorted(AGREED)), min_size=3).map(lambda chosen: tuple(sorted(chosen)))


def histories(at: datetime) -> st.SearchStrategy[tuple[Message, ...]]:
    """What the customer got in the last eight days."""
    ages = st.one_of(st.integers(0, 8 * 24).map(lambda n: n * HOUR), st.sampled_from([DAY, 7 * DAY, DAY - MINUTE]))
    message = st.tuples(ages.map(lambda age: at - age), st.sampled_from(MessageClass), st.sampled_from(CHANNELS))
    return st.lists(message, max_size=5).map(tuple)


def brakes() -> st.SearchStrategy[tuple[Brake, ...]]:
    return st.lists(
        st.builds(
            Brake,
            mode=st.sampled_from(BrakeMode),
            reason=st.just("wrong text"),
            journey=st.sampled_from([None, "win-back", "onboarding-guidance"]),
            template=st.sampled_from([None, "we-are-here", "welcome"]),
            channel=st.sampled_from([None, *CHANNELS]),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple)


def disturbances(at: datetime) -> dict[str, dict[str, st.SearchStrategy[Any]]]:
    """What may be otherwise than in a life in which all is well, by subject."""
    return {
        "text": {
            "message_class": st.sampled_from(MessageClass),
            "approval": st.sampled_from([None, "", "A-1"]),
            "approved_until": st.none() | st.integers(-1, 1).map(lambda n: (at + n * DAY).date()),
        },
        "critical": {"critical": st.just(True), "message_class": st.sampled_from(MessageClass)},
        "recall": {"recalled": st.just(True)},
        "channels": {"channels": st.permutations(CHANNELS).map(tuple), "in_turn": st.integers(0, 1)},
        "push": {"channels": st.just((Channel.APP_PUSH,))},
        "lateness": {
            "late_by": st.integers(0, 72).map(lambda n: n * HOUR),
            "expires": st.none() | st.integers(1, 48).map(lambda n: n * HOUR),
        },
        "run": {"run_over": st.sampled_from(["", "exit"]), "paused": st.booleans()},
        "overtaken": {"overtaken_by": st.just("deposit_made")},
        "control": {"control": st.just(True)},
        "suppression": {"suppressed": st.sampled_from([("complaint",), ("closed", "deceased"), ("legal",)])},
        "product": {
            "shows_product": st.just(True),
            "known_product": st.sampled_from([True, True, True, False]),
            "risk_level": st.integers(1, 5),
            "product_type": st.sampled_from(["fund", "bond"]),
            "term_days": st.none() | st.integers(1, 400),
        },
        "validity": {"shows_product": st.just(True), "begins_in": spans, "offered": st.none() | spans},
        "assessment": {
            "shows_product": st.just(True),
            "risk_level": st.integers(1, 5),
            "risk_class": st.integers(0, 5),
            "professional": st.booleans(),
            "assessed": st.none() | spans,
        },
        "lowest": {
            "shows_product": st.just(True),
            "risk_level": st.integers(1, 3),
            "risk_class": st.just(1),
            "lowest": st.just(True),
        },
        "objectives": {
            "shows_product": st.just(True),
            "term_days": st.none() | st.integers(1, 400),
            "longest_days": st.none() | st.integers(1, 400),
            "product_type": st.sampled_from(["fund", "bond"]),
            "wants": st.sampled_from([(), ("fund",), ("bond", "cash")]),
        },
        "budget": {"budget": st.integers(-1, 1)},
        "reach": {"unreachable": st.lists(st.sampled_from(CHANNELS), unique=True).map(tuple)},
        "consents": {"consents": subsets, "message_class": st.sampled_from(MessageClass)},
        "stop": {
            "opted_out": st.lists(st.sampled_from(["marketing", "all", *CHANNELS]), unique=True).map(tuple),
            "message_class": st.sampled_from(MessageClass),
        },
        "brakes": {"brakes": brakes()},
        "history": {"history": histories(at), "holds_on_cap": st.booleans()},
    }


@st.composite
def situations(draw: st.DrawFn, *about: str) -> Situation:
    """A life in which all is well but for a few subjects: so each gate has to stop what no other one stops.

    What it is `about` is among them.
    """
    at = draw(times)
    sound = Situation(at, draw(st.sampled_from(ZONES)), consents=AGREED)
    subjects = disturbances(at)
    changed: dict[str, Any] = {}
    others = st.lists(st.sampled_from(sorted(subjects)), max_size=4 - len(about), unique=True)
    for subject in (*about, *draw(others)):
        changed |= {name: draw(values) for name, values in subjects[subject].items()}
    channels, in_turn = changed.get("channels", sound.channels), changed.get("in_turn", 0)
    return replace(sound, **{**changed, "in_turn": min(in_turn, len(channels) - 1)})


def judged(situation: Situation) -> Judgement:
    return judge(situation.touch(), situation.facts(), "C-1/win-back/1/we-are-here/1")


def breaks(situation: Situation, gate: str) -> bool:
    """Whether a message was sent that a gate should have stopped."""
    return judged(situation).decision == "send" and ORACLES[gate](situation)


@pytest.fixture(autouse=True)
def channels_that_refuse_some_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped ones may carry too much for their gate to be seen at work."""
    monkeypatch.setattr("rules.gates.CARRIES", CARRIED)


# The fixture above holds for all examples alike.
promise = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@promise
@given(situations())
def test_no_send_ever_breaks_a_rule(situation: Situation) -> None:
    """Suitability, consent, approval, quiet hours, caps, and all the others."""
    if judged(situation).decision == "send":
        assert violations(situation) == set()


@promise
@given(situations())
def test_what_breaks_no_rule_is_sent(situation: Situation) -> None:
    """The gates refuse nothing for a reason that nobody can name."""
    if not violations(situation):
        assert judged(situation).decision == "send"


@promise
@given(situations())
def test_a_touch_that_is_left_out_for_good_says_why(situation: Situation) -> None:
    """Nothing is withheld or held without a reason, and all that names no end comes back."""
    judgement = judged(situation)
    assert (judgement.decision == "send") == (judgement.reason == "")
    assert (judgement.decision == "hold") == (judgement.hold_until is not None)
    if judgement.hold_until is not None:
        assert judgement.hold_until > situation.at


LEGAL_RULES = {"suppression", "suitability", "approval", "recall"}


@promise
@given(situations())
def test_the_record_says_what_the_law_would_have_said(situation: Situation) -> None:
    """Each legal gate that is asked of the touch stands in the record as the oracle has it, whatever else stops it."""
    said = {verdict.gate: verdict.result == "refuse" for verdict in judged(situation).verdicts}
    assert {gate: said[gate] for gate in LEGAL_RULES} == {gate: ORACLES[gate](situation) for gate in LEGAL_RULES}


# Every gate, by the function that is its own and by a subject that it is for.
GATES = {
    "run_open": ("_run_open", "run"),
    "overtaken": ("_not_overtaken", "overtaken"),
    "stale": ("_not_stale", "lateness"),
    "suppression": ("_not_suppressed", "suppression"),
    "suitability": ("_suitable", "product"),
    "approval": ("_approved", "text"),
    "recall": ("_not_recalled", "recall"),
    "budget": ("_within_budget", "budget"),
    "reachable": ("_reachable", "reach"),
    "consent": ("_consented", "consents"),
    "class_carried": ("_carried", "text"),
    "brake": ("_not_braked", "brakes"),
    "quiet_hours": ("_not_in_quiet_hours", "push"),
    "caps": ("_within_caps", "history"),
    "holdout": ("_held_out", "control"),
}

search = settings(
    max_examples=20_000, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def found(gate: str, about: str) -> bool:
    """Whether a message is found that a gate should have stopped."""
    try:
        find(situations(about), lambda situation: breaks(situation, gate), settings=search)
    except NoSuchExample:
        return False
    return True


def test_every_gate_has_an_oracle() -> None:
    """Whoever adds a gate adds the rule that it is for, here and to the oracles."""
    asked = {
        verdict.gate for verdict in judged(Situation(datetime(2026, 3, 2, 2, tzinfo=UTC), "", consents=AGREED)).verdicts
    }
    assert asked == set(ORACLES) == set(GATES)


@pytest.mark.parametrize("gate", GATES)
def test_no_gate_can_be_taken_away(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any one of them out of order a message is found that should not have been sent."""
    name, about = GATES[gate]
    asked: Callable[..., Verdict] = getattr(gates, name)

    def out_of_order(*arguments: Any) -> Verdict:
        return replace(asked(*arguments), result="pass", reason="", until=None)

    monkeypatch.setattr(gates, name, out_of_order)
    assert found(gate, about)


# A gate may be there and still be hollow: each part of a rule is taken away in its turn.
PARTS: dict[str, tuple[str, Any, str, str]] = {
    "the risk level and the assessment": ("rules.suitability._above", lambda *_: "", "suitability", "assessment"),
    "the term and the type": ("rules.suitability._unwanted", lambda *_: "", "suitability", "objectives"),
    "the order of the levels": ("rules.suitability._rank", lambda _: 1, "suitability", "assessment"),
    "the end of marketing": ("rules.gates.MARKETING_EXPIRES", 99 * DAY, "stale", "lateness"),
    "the classes that need a review": ("rules.gates.APPROVED_CLASSES", frozenset(), "approval", "text"),
    "the day of China": ("rules.gates.CHINA", timedelta(0), "approval", "text"),
    "the classes of a channel": (
        "rules.gates.CARRIES",
        dict.fromkeys(Channel, frozenset(MessageClass)),
        "class_carried",
        "text",
    ),
    "what a cap counts": ("rules.caps._counts", lambda *_: False, "caps", "history"),
    "what a brake names": ("rules.gates.Brake.stops", lambda *_: False, "brake", "brakes"),
}


@pytest.mark.parametrize(("place", "hollow", "gate", "about"), PARTS.values(), ids=PARTS)
def test_no_part_of_a_rule_can_be_taken_away(
    place: str, hollow: Any, gate: str, about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for the gates."""
    monkeypatch.setattr(place, hollow)
    assert found(gate, about)


@dataclass(frozen=True)
class Planned:
    """One touch in a customer's year."""

    after: timedelta
    message_class: MessageClass
    channels: tuple[Channel, ...]
    waits: bool
    expires: timedelta | None


plans = st.lists(
    st.builds(
        Planned,
        after=st.one_of(st.integers(0, 60).map(lambda n: n * HOUR), st.integers(0, 3000).map(lambda n: n * MINUTE)),
        message_class=st.sampled_from([MARKETING, MARKETING, *MessageClass]),
        channels=st.sampled_from([(Channel.APP_PUSH,), (Channel.INBOX,), CHANNELS]),
        waits=st.booleans(),
        expires=st.none() | st.integers(1, 20).map(lambda n: n * 12 * HOUR),
    ),
    max_size=14,
)


def lived(planned: list[Planned], start: datetime, zone: str) -> list[tuple[Message, timedelta]]:
    """What one customer gets, with how late: touches are asked for in the order of time and again after a hold."""
    line: list[tuple[datetime, int, datetime, int]] = []
    at = start
    for number, one in enumerate(planned):
        at += one.after
        line.append((at, number, at, 0))
    got: list[tuple[Message, timedelta]] = []
    while line:
        line.sort()
        now, number, due, in_turn = line.pop(0)
        one = planned[number]
        situation = Situation(
            now, zone, one.message_class, one.channels, in_turn, now - due, one.expires,
            holds_on_cap=one.waits, consents=AGREED, history=tuple(message for message, _ in got),
        )  # fmt: skip
        judgement = judge(situation.touch(), situation.facts(), f"C-1/{number}")
        match judgement.decision:
            case "send":
                assert violations(situation) == set()
                got.append(((now, one.message_class, situation.channel), now - due))
            case "hold":
                assert judgement.hold_until is not None
                line.append((judgement.hold_until, number, due, in_turn))
            case "next_channel":
                line.append((now, number, due, in_turn + 1))
            case "withhold":
                pass
    return got


@settings(promise, max_examples=100)
@given(plans, times, st.sampled_from(ZONES))
def test_a_whole_year_of_touches_keeps_every_window_and_every_night(
    planned: list[Planned], start: datetime, zone: str
) -> None:
    """Held touches come back one after the other, never two into one slot and none into the night; and all come to an
    end.
    """
    messages = [message for message, _ in lived(planned, start, zone)]
    for place, message in enumerate(messages):
        assert not too_many(message, messages[:place])
        assert message[2] is not Channel.APP_PUSH or not is_night(message[0], zone)


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


NIGHTS = {
    "an ordinary night": ("Asia/Shanghai", utc(3, 2, 14), utc(3, 3, 0)),
    "after midnight": ("Asia/Shanghai", utc(3, 2, 17), utc(3, 3, 0)),
    "an unknown zone": ("Nowhere/Else", utc(3, 2, 14), utc(3, 3, 0)),
    # The clocks go forward in this night: it is an hour shorter.
    "the shortest night": ("Europe/London", utc(3, 28, 22), utc(3, 29, 7)),
    # And back in this one.
    "the longest night": ("Europe/London", utc(10, 24, 21), utc(10, 25, 8)),
    "its first instant": ("Asia/Shanghai", utc(3, 2, 13), utc(3, 3, 0)),
    "the minute before": ("Asia/Shanghai", utc(3, 2, 12, 59), None),
    "its end": ("Asia/Shanghai", utc(3, 3, 0), None),
}


@pytest.mark.parametrize(("zone", "at", "opens"), NIGHTS.values(), ids=NIGHTS)
def test_a_night_ends_at_eight_by_the_wall_clock(zone: str, at: datetime, opens: datetime | None) -> None:
    """Also when the clocks change in it."""
    push = Situation(at, zone, channels=(Channel.APP_PUSH,), consents=AGREED)
    judgement = judged(push)
    assert push.facts().quiet_until == opens
    assert judgement.decision == ("send" if opens is None else "hold")
