"""The customer card: what it says, and that it never says too much."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from activities.channels import PostponedReason, RefusedReason, UnknownReason
from journeys import JOURNEYS
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import CustomerId, JourneyName, Language, Stage, StepId
from journeys.published import with_templates
from journeys.templates import templates
from rules import card, gates, suitability
from rules.definitions import define
from rules.state import CustomerState, EndedNote, Lifecycle, Phase, Run, TouchNote
from rules.wording import LABELS, REASONS, hold_reason, reason
from workflows.customer import CANCEL_REFUSED

MONDAY = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SUPPRESSIONS = ("complaint", "deceased", "closed", "legal")


def reasons_of_the_gates() -> set[str]:
    """Every reason that a gate may give, read from the code that makes its verdict."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(gates))) if isinstance(node, ast.Call)]
    words = {
        word
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in REASON_AT and len(call.args) > REASON_AT[call.func.id]
        for word in _words(call.args[REASON_AT[call.func.id]])
    }
    assert {"not_approved", "recalled", "opted_out", "quiet_hours", "cap", "holdout", "suppressed: "} <= words
    return {word for word in words if not word.endswith(" ")} | {f"suppressed: {one}" for one in SUPPRESSIONS}


REASON_AT = {"_verdict": 1, "Verdict": 2}
"""Where the reason stands among the arguments."""


def _words(expression: ast.expr) -> Iterator[str]:
    """The texts that an expression may be, not those that it compares with."""
    match expression:
        case ast.IfExp():
            yield from (*_words(expression.body), *_words(expression.orelse))
        case ast.JoinedStr():
            yield from _words(expression.values[0])
        case ast.Constant(value=str(word)) if word:
            yield word
        case ast.Name(id=name) if name.isupper():
            yield getattr(gates, name)


UNSUITABLE = [f"unsuitable: {word}" for word in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', inspect.getsource(suitability))]


def test_every_reason_of_the_gates_is_found() -> None:
    """Those of the suitability rules stand in their own module."""
    assert {"unsuitable: not_assessed", "unsuitable: above_risk_class", "unsuitable: type_not_wanted"} <= {*UNSUITABLE}
    assert len(reasons_of_the_gates()) > len(SUPPRESSIONS)


GATE_REASONS = ("no_consent", "opted_out", "unreachable", "stale", "overtaken: deposit_made", "brake", "template_error")
RUN_OVER = (
    "goal",
    "goal_late",
    "completed",
    "expired",
    "exit: account_closed",
    "exit: opted_out_of_marketing",
    "displaced",
    "ended_by_command",
    "time_past",
    "end_lost",
    "paused",
)


@pytest.fixture
def onboarding() -> Run:
    """A run that waits for the account."""
    published = next(with_templates(one, templates()) for one in JOURNEYS if one.name == "onboarding-guidance")
    known = define(published)
    return Run(
        journey=JourneyName("onboarding-guidance"),
        entry=1,
        version=known.journey.version,
        definition=known.hash,
        entered_at=MONDAY,
        ends_at=MONDAY + timedelta(days=45),
        at=MONDAY,
        step=StepId("account_opened-within-3d"),
        phase=Phase.WAITING,
        deadline=MONDAY + timedelta(days=3),
        path=[(StepId("award-app-registration"), "+20"), (StepId("welcome"), "withheld: unreachable")],
    )


def customer(*runs: Run, language: Language = Language.ENGLISH) -> CustomerState:
    """A customer since Monday."""
    return CustomerState(
        CustomerId("C-1024"),
        language=language,
        policy=LIFECYCLE_POLICY,
        lifecycle=Lifecycle(Stage.INTRODUCTION, MONDAY, last_activity=MONDAY),
        runs=list(runs),
        moved_at=MONDAY,
    )


def test_the_card_says_where_a_customer_stands_and_what_comes_next(onboarding: Run) -> None:
    """Stage, next action, and each step with its mark."""
    lines = card.render(customer(onboarding)).splitlines()
    assert "- **Stage**: introduction (since 2026-03-02 04:00 UTC)" in lines
    assert "- **Next action**: 2026-03-05 04:00 UTC · onboarding-guidance: account_opened-within-3d" in lines
    assert "| ✓ | award-app-registration | +20 |" in lines
    assert "| ✗ | welcome | not sent · We cannot reach you on this channel at present. |" in lines
    assert "| ▶ | **account_opened-within-3d** | **waiting until 2026-03-05 04:00 UTC** |" in lines
    assert "| · | first-product |  |" in lines


def test_the_card_says_why_a_touch_is_held(onboarding: Run) -> None:
    """Until when, and a sentence that may be said to the customer, in the card's language."""
    onboarding.step, onboarding.phase, onboarding.held_for = StepId("first-product"), Phase.HELD, "brake"
    assert (
        "**held until 2026-03-05 04:00 UTC · We have put this message on hold; it is decided again then whether"
        " it is sent.**"
    ) in card.render(customer(onboarding))
    assert "该消息已暂缓发送，届时将再次核对后决定是否发送。" in card.render(
        customer(onboarding, language=Language.CHINESE)
    )


@pytest.mark.parametrize("gate", ["brake", gates.QUIET_HOURS, gates.CAP])
def test_a_held_touch_is_not_promised(gate: str) -> None:
    """What the customer refuses before it is looked at again withholds it: nobody knows before whether it goes out."""
    assert hold_reason(gate, Language.CHINESE).endswith("，届时将再次核对后决定是否发送。")
    assert "it is decided again then whether" in hold_reason(gate, Language.ENGLISH)


def test_a_brake_that_drops_is_told_as_what_it_is() -> None:
    """A message that was dropped does not follow."""
    state = customer(language=Language.CHINESE)
    state.touches = [TouchNote(MONDAY, JourneyName("win-back"), StepId("we-are-here"), "withheld", "brake")]
    assert "✗ 未发送 · 该消息已取消发送。" in card.render(state)


def test_what_a_person_should_look_at_is_told_in_the_language_of_the_card(onboarding: Run) -> None:
    """Paused runs, failed steps, and a cancel that was refused."""
    onboarding.paused_at, onboarding.path = MONDAY, [(StepId("welcome"), "failed: template_error")]
    state = customer(onboarding, language=Language.CHINESE)
    state.attention = [CANCEL_REFUSED]
    told = card.render(state)
    assert "已暂停: onboarding-guidance" in told
    assert "发送失败: onboarding-guidance: welcome" in told
    assert "取消请求已被拒绝" in told
    assert "cancel was refused" not in told


def test_a_customer_without_a_journey_is_told_when_the_stage_changes() -> None:
    """Time alone brings the next stage."""
    assert "· the stage changes if there is no investment before" in card.render(customer())


def test_a_customer_of_whom_nothing_is_known_has_a_card() -> None:
    """As after a first event that could not be read."""
    assert "- **阶段**: 尚无（还没有任何事件）" in card.render(CustomerState(CustomerId("C-1024")))


def test_the_next_action_of_a_customer_without_events_is_told(onboarding: Run) -> None:
    """Whoever was loaded from a file and entered by command has a journey and no stage."""
    state = customer(onboarding)
    state.lifecycle, state.moved_at = Lifecycle(), None
    lines = card.render(state).splitlines()
    assert "- **Stage**: none yet: nothing has happened" in lines
    assert "- **Next action**: 2026-03-05 04:00 UTC · onboarding-guidance: account_opened-within-3d" in lines


def test_the_card_tells_how_the_last_journeys_ended() -> None:
    """In words; an exit with its event."""
    state = customer()
    journey = JourneyName("win-back")
    state.ended = [EndedNote(journey, n, MONDAY, MONDAY, end) for n, end in enumerate(("goal", "exit: account_closed"))]
    lines = card.render(state).splitlines()
    assert lines[-2:] == [
        "| 2026-03-02 04:00 | win-back | left early: account_closed |",
        "| 2026-03-02 04:00 | win-back | goal reached |",
    ]


def test_a_cell_cannot_break_out_of_its_table() -> None:
    """An outcome is whatever a product owner wrote."""
    state = customer()
    state.ended = [EndedNote(JourneyName("win-back"), 1, MONDAY, MONDAY, "yes | no")]
    assert card.render(state).endswith("| yes \\| no |")


@pytest.mark.parametrize("language", Language)
def test_a_card_is_never_too_long_and_ends_with_a_whole_line(onboarding: Run, language: Language) -> None:
    """The UI asks for it in an address."""
    state = customer(*[onboarding] * 60, language=language)
    state.touches = [TouchNote(MONDAY, onboarding.journey, StepId("welcome"), "withheld", "no_consent")] * 20
    rendered = card.render(state)
    assert len(rendered.encode()) <= card.LONGEST
    assert rendered.splitlines()[-1] == "…"
    assert rendered.splitlines()[-2].endswith("|")


CHANNEL_REASONS = [*get_args(RefusedReason), *get_args(UnknownReason), *get_args(PostponedReason), "bounced"]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "name", [*GATE_REASONS, *RUN_OVER, *CHANNEL_REASONS, *sorted(reasons_of_the_gates()), *UNSUITABLE]
)
def test_each_reason_is_a_sentence_that_may_be_said(name: str, language: Language) -> None:
    """No customer is told `no_consent`, and none of the closed set is told as what is in no table."""
    word, _, event = name.partition(": ")
    assert {word, event} & {*REASONS}
    assert reason(name, language)[-1] in "。."
    assert "_" not in reason(name, language)


@pytest.mark.parametrize("name", ["deposit_made", "answered"])
def test_what_ended_a_run_is_told_as_that_it_ended(name: str) -> None:
    """The event that was its goal, or the word of an `end`: a journey is free in both."""
    assert reason(name, Language.ENGLISH) == "The journey had ended, so it was not sent."


def test_no_label_is_left_empty() -> None:
    """In either language."""
    assert all(all(texts) for texts in LABELS.values())
