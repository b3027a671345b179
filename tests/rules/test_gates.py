"""Each gate by itself: what it lets pass, what it refuses or holds, and what it calls that (design: gates.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from journeys.caps import CAPS
from journeys.names import Channel, JourneyName, MessageClass, ProductId, RiskClass, RiskLevel, TemplateName
from rules.caps import CountedTouch
from rules.gates import (
    BRAKE_JITTER,
    BRAKE_RECHECK,
    CAP_JITTER,
    QUIET_JITTER,
    Brake,
    BrakeMode,
    Facts,
    Judgement,
    Touch,
    Verdict,
    judge,
)
from rules.suitability import Investor, Product

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PUSH, INBOX = Channel.APP_PUSH, Channel.INBOX
MARKETING, SERVICE = MessageClass.MARKETING, MessageClass.SERVICE
KEY = "C-1/win-back/1/we-are-here/1"
EVERYTHING = tuple((message_class, channel) for message_class in MessageClass for channel in Channel)

FUND = Product(ProductId("F-1"), RiskLevel.R3, "fund", NOW - DAY, NOW + DAY, term=30 * DAY)
SOUND = Investor(RiskClass.C3, assessed_until=NOW + DAY, longest_term=30 * DAY, product_types=("fund", "bond"))
TOUCH = Touch(
    JourneyName("win-back"),
    TemplateName("we-are-here"),
    MARKETING,
    (INBOX,),
    in_turn=0,
    approval="A-1",
    approved_until=date(2026, 3, 2),
)
FACTS = Facts(NOW, investor=SOUND, product=FUND, consents=EVERYTHING, caps=CAPS)

PASSES = ("send", "")


def judged(*, touch: dict[str, Any] | None = None, **facts: Any) -> Judgement:
    """The judgement on the touch and the facts that pass every gate, changed as told."""
    return judge(replace(TOUCH, **(touch or {})), replace(FACTS, **facts), KEY)


def come_to(judgement: Judgement) -> tuple[str, str]:
    """The decision and its reason."""
    return judgement.decision, judgement.reason


def withheld(reason: str) -> tuple[str, str]:
    return "withhold", reason


def held(reason: str) -> tuple[str, str]:
    return "hold", reason


def heard(*ago: timedelta, kind: MessageClass = MARKETING, channel: Channel = INBOX) -> tuple[CountedTouch, ...]:
    """Touches so long before now."""
    return tuple(CountedTouch(NOW - one, kind, channel) for one in ago)


def brake(mode: BrakeMode, **scope: Any) -> tuple[Brake, ...]:
    return (Brake(mode, "wrong text", **scope),)


HOLD, DROP = BrakeMode.HOLD, BrakeMode.DROP

RUN = {
    "an open run": ({}, PASSES),
    "a run that reached its goal": ({"run_over": "trade_executed"}, withheld("trade_executed")),
    "a paused run": ({"paused": True}, held("paused")),
    "a run that ended while it was paused": ({"paused": True, "run_over": "exit"}, withheld("exit")),
    "what was waited for has come": ({"overtaken_by": "deposit_made"}, withheld("overtaken: deposit_made")),
    "marketing at the end of its day": ({"late_by": DAY}, PASSES),
    "marketing after its day": ({"late_by": DAY + timedelta.resolution}, withheld("stale")),
}


@pytest.mark.parametrize(("facts", "expected"), RUN.values(), ids=RUN)
def test_gate_1_only_an_open_run_speaks_in_time_and_to_the_point(facts: Any, expected: Any) -> None:
    """A run that is over or overtaken says nothing, one that is paused waits, what is stale is left out."""
    assert come_to(judged(**facts)) == expected


EXPIRY = {
    "service never by itself": ({"message_class": SERVICE}, 99 * DAY, PASSES),
    "service when it says so": ({"message_class": SERVICE, "expires": HOUR}, 2 * HOUR, withheld("stale")),
    "marketing later when it says so": ({"expires": 3 * DAY}, 2 * DAY, PASSES),
    "marketing sooner when it says so": ({"expires": HOUR}, 2 * HOUR, withheld("stale")),
}


@pytest.mark.parametrize(("touch", "late_by", "expected"), EXPIRY.values(), ids=EXPIRY)
def test_gate_1_a_touch_expires_when_it_says_or_marketing_after_a_day(touch: Any, late_by: Any, expected: Any) -> None:
    """`expires` counts from the time that the touch was due."""
    assert come_to(judged(touch=touch, late_by=late_by)) == expected


@pytest.mark.parametrize("message_class", list(MessageClass))
@pytest.mark.parametrize("reason", ["complaint", "deceased", "closed", "legal"])
def test_gate_2_a_suppressed_customer_is_sent_nothing_at_all(reason: str, message_class: MessageClass) -> None:
    """Of no class, for each of the reasons."""
    judgement = judged(touch={"message_class": message_class}, suppressed=(reason,))
    assert come_to(judgement) == withheld(f"suppressed: {reason}")


LOWEST = replace(SOUND, risk_class=RiskClass.C1, lowest_class=True)
PROFESSIONAL = Investor(professional=True)
SUITABILITY = {
    "at the level": (SOUND, FUND, ""),
    "below the level": (SOUND, replace(FUND, risk_level=RiskLevel.R1), ""),
    "above the level": (SOUND, replace(FUND, risk_level=RiskLevel.R4), "above_risk_class"),
    "the lowest sub-class at its level": (LOWEST, replace(FUND, risk_level=RiskLevel.R1), ""),
    "the lowest sub-class above it": (LOWEST, replace(FUND, risk_level=RiskLevel.R2), "lowest_class"),
    "nobody assessed": (replace(SOUND, risk_class=None), FUND, "not_assessed"),
    "an assessment without an end": (replace(SOUND, assessed_until=None), FUND, "not_assessed"),
    "an assessment that ends now": (replace(SOUND, assessed_until=NOW), FUND, "assessment_expired"),
    "an assessment that ends in a moment": (replace(SOUND, assessed_until=NOW + timedelta.resolution), FUND, ""),
    "too long a term": (SOUND, replace(FUND, term=31 * DAY), "term_too_long"),
    "no term": (SOUND, replace(FUND, term=None), ""),
    "a type not wanted": (SOUND, replace(FUND, product_type="option"), "type_not_wanted"),
    "objectives that were not told": (
        replace(SOUND, longest_term=None, product_types=()),
        replace(FUND, term=999 * DAY, product_type="option"),
        "",
    ),
    "a professional, whatever it is": (
        PROFESSIONAL,
        replace(FUND, risk_level=RiskLevel.R5, term=999 * DAY, product_type="option"),
        "",
    ),
    "a professional, of a product that is over": (
        PROFESSIONAL,
        replace(FUND, valid_until=NOW),
        "product_not_offered",
    ),
    "a product that nobody knows": (SOUND, None, "product_unknown"),
    "a product to come": (SOUND, replace(FUND, valid_from=NOW + timedelta.resolution), "product_not_offered"),
    "a product that begins now": (SOUND, replace(FUND, valid_from=NOW), ""),
    "a product that ends now": (SOUND, replace(FUND, valid_until=NOW), "product_not_offered"),
    "a product without end": (SOUND, replace(FUND, valid_until=None), ""),
}


@pytest.mark.parametrize(("investor", "product", "why"), SUITABILITY.values(), ids=SUITABILITY)
@pytest.mark.parametrize("message_class", list(MessageClass))
def test_gate_3_a_product_suits_or_it_is_not_shown(
    investor: Investor, product: Product | None, why: str, message_class: MessageClass
) -> None:
    """By level, assessment, term, type and validity, in a text of any class: a service text is no way around it."""
    touch = {"product": FUND.product_id, "message_class": message_class}
    expected = withheld(f"unsuitable: {why}") if why else PASSES
    assert come_to(judged(touch=touch, investor=investor, product=product)) == expected


@pytest.mark.parametrize("risk_class", list(RiskClass))
@pytest.mark.parametrize("risk_level", list(RiskLevel))
def test_gate_3_the_level_is_at_most_the_class(risk_class: RiskClass, risk_level: RiskLevel) -> None:
    """All 25 pairs: `R <= C`."""
    judgement = judged(
        touch={"product": FUND.product_id},
        investor=replace(SOUND, risk_class=risk_class),
        product=replace(FUND, risk_level=risk_level),
    )
    allowed = "R1 C1 R1 C2 R1 C3 R1 C4 R1 C5 R2 C2 R2 C3 R2 C4 R2 C5 R3 C3 R3 C4 R3 C5 R4 C4 R4 C5 R5 C5"
    assert (judgement.decision == "send") == (f"{risk_level} {risk_class}" in allowed)


def test_gate_3_a_touch_without_a_product_asks_for_no_assessment() -> None:
    """What shows no product suits everybody."""
    assert come_to(judged(investor=Investor(), product=None)) == PASSES


NO_REVIEW: dict[str, Any] = {"approval": None, "approved_until": None}
APPROVAL = {
    "on its last day": ({}, NOW, PASSES),
    "at the end of its last day in China": ({}, datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC), PASSES),
    "on the day after, in China": ({}, datetime(2026, 3, 2, 16, tzinfo=UTC), withheld("not_approved")),
    "without a last day": ({"approved_until": None}, NOW + 999 * DAY, PASSES),
    "marketing without": (NO_REVIEW, NOW, withheld("not_approved")),
    "advice without": ({**NO_REVIEW, "message_class": MessageClass.ADVICE}, NOW, withheld("not_approved")),
    "service without": ({**NO_REVIEW, "message_class": SERVICE}, NOW, PASSES),
    "education without": ({**NO_REVIEW, "message_class": MessageClass.EDUCATION}, NOW, PASSES),
    "service with a product without": (
        {**NO_REVIEW, "message_class": SERVICE, "product": FUND.product_id},
        NOW,
        withheld("not_approved"),
    ),
    "critical service without": (
        {**NO_REVIEW, "message_class": SERVICE, "critical": True},
        NOW,
        withheld("not_approved"),
    ),
    "a last day without a number": ({"approval": None}, NOW, withheld("not_approved")),
}


@pytest.mark.parametrize(("touch", "at", "expected"), APPROVAL.values(), ids=APPROVAL)
def test_gate_4_a_text_passes_a_review_before_use(touch: Any, at: datetime, expected: Any) -> None:
    """Marketing, advice, every text with a product and every critical one; the last day of a review counts."""
    assert come_to(judged(touch=touch, judged_at=at)) == expected


@pytest.mark.parametrize("message_class", list(MessageClass))
def test_gate_4_a_recalled_text_is_never_sent(message_class: MessageClass) -> None:
    """Of any class."""
    assert come_to(judged(touch={"message_class": message_class}, recalled=True)) == withheld("recalled")


@pytest.mark.parametrize(
    ("left", "expected"), [(None, PASSES), (1, PASSES), (0, withheld("budget")), (-1, withheld("budget"))]
)
def test_gate_5_a_budget_that_is_spent_sends_nothing(left: int | None, expected: Any) -> None:
    """No budget is no limit."""
    assert come_to(judged(budget_left=left)) == expected


def test_gate_6_a_channel_that_reaches_nobody_refuses() -> None:
    """Whatever the class."""
    assert come_to(judged(unreachable=(INBOX,))) == withheld("unreachable")
    assert come_to(judged(unreachable=(PUSH,))) == PASSES


AGREED = ((MARKETING, INBOX),)
CONSENT = {
    "marketing with consent": (MARKETING, AGREED, (), ""),
    "marketing without": (MARKETING, (), (), "no_consent"),
    "consent to another class": (MARKETING, ((MessageClass.ADVICE, INBOX),), (), "no_consent"),
    "consent on another channel": (MARKETING, ((MARKETING, PUSH),), (), "no_consent"),
    "education without": (MessageClass.EDUCATION, (), (), "no_consent"),
    "advice without": (MessageClass.ADVICE, (), (), "no_consent"),
    "service without": (SERVICE, (), (), ""),
    "marketing after stop": (MARKETING, AGREED, ("marketing",), "opted_out"),
    "marketing after stop on the channel": (MARKETING, AGREED, ("inbox",), "opted_out"),
    "marketing after stop on another": (MARKETING, AGREED, ("app_push",), ""),
    "service after stop": (SERVICE, (), ("marketing",), ""),
    "service after stop on the channel": (SERVICE, (), ("inbox",), "opted_out"),
    "service after stop of everything": (SERVICE, (), ("all",), "opted_out"),
    "education after stop": (MessageClass.EDUCATION, ((MessageClass.EDUCATION, INBOX),), ("marketing",), "opted_out"),
}


@pytest.mark.parametrize(("message_class", "consents", "opted_out", "why"), CONSENT.values(), ids=CONSENT)
def test_gate_7_consent_is_for_a_class_on_a_channel(
    message_class: Any, consents: Any, opted_out: Any, why: str
) -> None:
    """No record is no consent; service needs none, and ends by `all` or by its channel."""
    judgement = judged(touch={"message_class": message_class}, consents=consents, opted_out=opted_out)
    assert come_to(judgement) == (withheld(why) if why else PASSES)


def test_gate_8_a_channel_carries_the_classes_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other, unless the deployment lets it."""
    monkeypatch.setattr("rules.gates.CARRIES", {INBOX: frozenset({SERVICE})})
    assert come_to(judged(touch={"message_class": SERVICE})) == PASSES
    assert come_to(judged()) == withheld("class_not_carried")
    assert come_to(judged(also_carries=((PUSH, MARKETING),))) == withheld("class_not_carried")
    assert come_to(judged(also_carries=((INBOX, MARKETING),))) == PASSES


BRAKES = {
    "all, hold": (brake(HOLD), held("brake")),
    "all, drop": (brake(DROP), withheld("brake")),
    "the journey": (brake(HOLD, journey=TOUCH.journey), held("brake")),
    "another journey": (brake(DROP, journey="onboarding-guidance"), PASSES),
    "the template": (brake(DROP, template=TOUCH.template), withheld("brake")),
    "another template": (brake(DROP, template="welcome"), PASSES),
    "the channel": (brake(DROP, channel=INBOX), withheld("brake")),
    "another channel": (brake(DROP, channel=PUSH), PASSES),
    "the journey on another channel": (brake(DROP, journey=TOUCH.journey, channel=PUSH), PASSES),
    "hold and drop": ((*brake(HOLD), *brake(DROP)), withheld("brake")),
}


@pytest.mark.parametrize(("brakes", "expected"), BRAKES.values(), ids=BRAKES)
@pytest.mark.parametrize("critical", [False, True])
def test_gate_9_a_brake_stops_what_it_names(brakes: Any, expected: Any, critical: bool) -> None:
    """Also what is critical: a wrong text is wrong. One that drops is stronger than one that holds."""
    assert come_to(judged(touch={"critical": critical}, brakes=brakes)) == expected


QUIET: dict[str, Any] = {"quiet_until": NOW + HOUR, "interrupting": (PUSH,)}
QUIET_HOURS = {
    "a channel that interrupts": ({"channels": (PUSH,)}, QUIET, held("quiet_hours")),
    "one that does not": ({"channels": (INBOX,)}, QUIET, PASSES),
    "outside them": ({"channels": (PUSH,)}, {**QUIET, "quiet_until": None}, PASSES),
    "service, too": ({"channels": (PUSH,), "message_class": SERVICE}, QUIET, held("quiet_hours")),
    "what is critical": ({"channels": (PUSH,), "critical": True}, QUIET, PASSES),
    "not the next channel instead": ({"channels": (PUSH, INBOX)}, QUIET, held("quiet_hours")),
}


@pytest.mark.parametrize(("touch", "facts", "expected"), QUIET_HOURS.values(), ids=QUIET_HOURS)
def test_gate_10_nobody_is_woken(touch: Any, facts: Any, expected: Any) -> None:
    """A touch is held until the window opens, on its channel."""
    assert come_to(judged(touch=touch, **facts)) == expected


CAPPED = {
    "the first": ((), PASSES),
    "a second within the day": (heard(DAY - timedelta.resolution), withheld("cap")),
    "a second after the day": (heard(DAY), PASSES),
    "a fourth within the week": (heard(2 * DAY, 4 * DAY, 6 * DAY), withheld("cap")),
    "a fourth after the week": (heard(2 * DAY, 4 * DAY, 7 * DAY), PASSES),
    "a second on another channel": (heard(HOUR, channel=PUSH), withheld("cap")),
    "one after advice": (heard(HOUR, kind=MessageClass.ADVICE), withheld("cap")),
    "one after service and education": (
        (*heard(HOUR, kind=SERVICE), *heard(HOUR, kind=MessageClass.EDUCATION)),
        PASSES,
    ),
}


@pytest.mark.parametrize(("before", "expected"), CAPPED.values(), ids=CAPPED)
def test_gate_11_caps_are_in_rolling_windows(before: Any, expected: Any) -> None:
    """One a day and three in seven days, of marketing and advice, whatever their channel."""
    assert come_to(judged(heard=before)) == expected
    assert come_to(judged(heard=before, touch={"critical": True})) == PASSES
    assert come_to(judged(heard=before, touch={"message_class": SERVICE})) == PASSES


def test_gate_11_a_touch_that_may_wait_is_held_until_there_is_room() -> None:
    """Under all its caps: of a window that is full by two the second one has to leave."""
    judgement = judged(touch={"holds_on_cap": True, "expires": 9 * DAY}, heard=heard(HOUR, 3 * DAY, 4 * DAY, 5 * DAY))
    assert come_to(judgement) == held("cap")
    assert judgement.hold_until is not None
    room = NOW + 3 * DAY
    assert room <= judgement.hold_until <= room + CAP_JITTER


def test_gate_12_the_control_group_is_held_out_after_all_other_gates() -> None:
    """So that its record says what the others were refused for; what is critical reaches it, too."""
    assert come_to(judged(control=True)) == withheld("holdout")
    assert come_to(judged(control=True, consents=())) == withheld("no_consent")
    assert come_to(judged(control=True, brakes=brake(HOLD))) == held("brake")
    assert come_to(judged(control=True, touch={"critical": True})) == PASSES


ALL = (
    *("run_open", "overtaken", "stale", "suppression", "suitability", "approval", "recall", "budget"),
    *("reachable", "consent", "class_carried", "brake", "quiet_hours", "caps", "holdout"),
)


def test_the_gates_stand_in_their_order() -> None:
    """Touch gates, channel gates for each channel that is tried, holdout."""
    judgement = judged(touch={"channels": (PUSH, INBOX), "in_turn": 1})
    assert tuple(verdict.gate for verdict in judgement.verdicts) == (*ALL[:8], *ALL[8:14], *ALL[8:14], ALL[14])
    assert [verdict.channel for verdict in judgement.verdicts[8:20]] == [PUSH] * 6 + [INBOX] * 6


def test_a_refusal_tries_the_next_channel_and_a_hold_stays() -> None:
    """The reason of the last channel is that of the touch."""
    both: dict[str, Any] = {"channels": (PUSH, INBOX)}
    assert come_to(judged(touch=both, unreachable=(PUSH,))) == ("next_channel", "unreachable")
    assert come_to(judged(touch=both, brakes=brake(HOLD, channel=PUSH))) == held("brake")
    next_one = {**both, "in_turn": 1}
    assert come_to(judged(touch=next_one, unreachable=(PUSH,))) == PASSES
    assert come_to(judged(touch=next_one, unreachable=(PUSH, INBOX))) == withheld("unreachable")


BAD: dict[str, dict[str, Any]] = {
    "suppression": {"suppressed": ("legal",)},
    "suitability": {"investor": Investor()},
    "consent": {"consents": ()},
    "approval": {},
    "recall": {"recalled": True},
}
REASONS = {
    "suppression": "suppressed: legal",
    "suitability": "unsuitable: not_assessed",
    "consent": "no_consent",
    "approval": "not_approved",
    "recall": "recalled",
}


@pytest.mark.parametrize("gravest", range(len(BAD)), ids=BAD)
def test_the_legal_gates_are_all_asked_and_the_gravest_names_the_reason(gravest: int) -> None:
    """However many refuse, and also where the run is over: the record shows what the law would have said."""
    refusing = list(BAD)[gravest:]
    facts = {name: value for gate in refusing for name, value in BAD[gate].items()}
    touch: dict[str, Any] = {"product": FUND.product_id}
    if "approval" in refusing:
        touch |= NO_REVIEW
    judgement = judged(touch=touch, run_over="exit", unreachable=(INBOX,), **facts)
    assert come_to(judgement) == withheld(REASONS[refusing[0]])
    said = {verdict.gate: verdict.result for verdict in judgement.verdicts}
    for gate in (*BAD, "class_carried"):
        assert said[gate] == ("refuse" if gate in refusing else "pass")


def test_a_hold_is_spread_and_the_same_for_the_same_touch() -> None:
    """A backlog does not leave in one burst when a window opens or a brake is taken off."""
    brakes, spread = brake(HOLD), set()
    for number in range(200):
        quiet = judge(replace(TOUCH, channels=(PUSH,)), replace(FACTS, **QUIET), f"C-{number}")
        braked = judge(TOUCH, replace(FACTS, brakes=brakes), f"C-{number}")
        assert quiet.hold_until is not None
        assert braked.hold_until is not None
        assert NOW + HOUR <= quiet.hold_until <= NOW + HOUR + QUIET_JITTER
        assert NOW + BRAKE_RECHECK <= braked.hold_until <= NOW + BRAKE_RECHECK + BRAKE_JITTER
        spread.add(int((quiet.hold_until - NOW - HOUR) / QUIET_JITTER * 10))
    assert spread == set(range(10))
    assert judged(brakes=brakes) == judged(brakes=brakes)


HOLDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "quiet hours": ({"channels": (PUSH,)}, {**QUIET, "quiet_until": NOW + 11 * HOUR}),
    "caps": ({"holds_on_cap": True}, {"heard": heard(2 * HOUR)}),
    "a brake": ({}, {"brakes": brake(HOLD)}),
    "a pause": ({}, {"paused": True}),
}


@pytest.mark.parametrize(("touch", "facts"), HOLDS.values(), ids=HOLDS)
def test_nothing_is_held_longer_than_it_lives(touch: Any, facts: Any) -> None:
    """A held touch is looked at again once it has expired, and is then stale: the run does not wait for the window."""
    due, lives = NOW - 2 * HOUR, 2 * HOUR + timedelta(minutes=5)
    judgement = judged(touch={**touch, "expires": lives}, late_by=NOW - due, **facts)
    assert judgement.decision == "hold"
    assert judgement.hold_until is not None
    assert due + lives < judgement.hold_until <= due + lives + timedelta(minutes=1)
    again = judged(
        touch={**touch, "expires": lives},
        **facts | {"judged_at": judgement.hold_until},
        late_by=judgement.hold_until - due,
    )
    assert come_to(again) == withheld("stale")


FULL = replace(
    FACTS,
    brakes=brake(HOLD, journey=TOUCH.journey),
    suppressed=("legal",),
    opted_out=("marketing",),
    also_carries=((INBOX, MARKETING),),
    heard=heard(HOUR),
    unreachable=(PUSH,),
    **QUIET,
)


@pytest.mark.parametrize("facts", [FACTS, FULL, Facts(NOW)], ids=["plain", "full", "empty"])
def test_a_judgement_can_be_made_again_from_what_is_stored(facts: Facts) -> None:
    """Touch and facts go through JSON and back, as the record keeps them, and come to the same verdicts."""
    touches, all_facts = TypeAdapter(Touch), TypeAdapter(Facts)
    verdicts = TypeAdapter(tuple[Verdict, ...])
    touch = replace(TOUCH, product=FUND.product_id)
    stored_touch = touches.dump_json(touch, exclude_none=True)
    stored_facts = all_facts.dump_json(facts, exclude_defaults=True)
    assert touches.validate_json(stored_touch) == touch
    assert all_facts.validate_json(stored_facts) == facts
    judgement = judge(touch, facts, KEY)
    assert judge(touches.validate_json(stored_touch), all_facts.validate_json(stored_facts), KEY) == judgement
    stored = verdicts.dump_json(judgement.verdicts, exclude_none=True)
    assert verdicts.validate_json(stored) == judgement.verdicts
