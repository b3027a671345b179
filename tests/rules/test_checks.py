"""What `starter.py check` says of a journey's paths, its classes, its channels and its rewards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.local_time import resolve_local_time
from journeys.events import (
    EventType,
    account_opened,
    app_opened,
    app_registered,
    checked_in,
    deposit_made,
    trade_executed,
    wealth_product_purchased,
)
from journeys.language import (
    any_of,
    award_points,
    days,
    end,
    goal,
    hours,
    journey,
    send,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.names import Channel, MessageClass, TemplateName, Weekday
from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.words import AnyStep
from rules.busy import busiest, worst_week
from rules.checks import problems_of
from rules.paths import paths_at_any_time, paths_of

DAY = timedelta(days=1)
MARKETING, SERVICE = "what-is-new", "welcome"


def trial(*steps: AnyStep, **attributes: object) -> Published:
    """A journey made of some steps, begun by a registration, with its texts: service, education or marketing."""
    given = {"starts_on": app_registered, "ends_after": days(60), **attributes}
    value = journey(name="trial", version=1, steps=steps, **given)  # type: ignore[arg-type]
    lesson = templates()[TemplateName(SERVICE)].model_copy(
        update={"name": "lesson", "message_class": MessageClass.EDUCATION}
    )
    return with_templates(value, {**templates(), TemplateName("lesson"): lesson})


def problems(*steps: AnyStep, **attributes: object) -> list[str]:
    """What check says of it."""
    value = trial(*steps, **attributes)
    return list(problems_of(value, list(paths_at_any_time(value, resolve_local_time))))


def marketing(step: str) -> AnyStep:
    """A marketing touch with an id of its own."""
    return send(MARKETING, id=step)


def test_a_journey_that_keeps_to_everything_has_no_problem() -> None:
    """Marketing on days 0, 2 and 5, service whenever."""
    assert problems(marketing("a"), wait(days(2)), marketing("b"), send(SERVICE), wait(days(3)), marketing("c")) == []


@pytest.mark.parametrize(
    ("purpose", "template", "weaker"),
    [
        ("service", SERVICE, False),
        ("service", "lesson", True),
        ("education", "lesson", False),
        ("education", MARKETING, True),
        ("marketing", MARKETING, False),
        ("advice", SERVICE, False),
    ],
)
def test_a_purpose_is_not_weaker_than_a_text(purpose: str, template: str, weaker: bool) -> None:
    """Service, education, marketing, advice: the journey says the strongest of what it sends."""
    said = problems(send(template), purpose=purpose)
    assert bool(said) is weaker
    if weaker:
        assert f"trial: its purpose is {purpose!r}, and template {template!r} is of class" in said[0]
        assert "send another text." in said[0]


def test_a_touch_needs_a_channel_that_may_carry_its_class() -> None:
    """A channel for service alone takes no marketing; one that may, beside it, is enough, and so is a house's rule."""
    push = trial(send(MARKETING, channels=[Channel.APP_PUSH]), send(SERVICE, channels=[Channel.APP_PUSH]))
    carries = {**dict.fromkeys(Channel, frozenset({MessageClass.SERVICE})), Channel.INBOX: frozenset(MessageClass)}
    assert list(problems_of(push, (), carries)) == [
        "trial: step 'what-is-new' sends marketing on app_push only, which may not carry it: add one of inbox."
    ]
    assert list(problems_of(trial(send(MARKETING)), (), carries)) == []
    assert list(problems_of(push, (), {**carries, Channel.APP_PUSH: frozenset(MessageClass)})) == []


def test_a_step_that_a_path_does_not_come_to_in_time_is_named_with_the_path() -> None:
    """In a journey that is to come to something; one that only accompanies may stop anywhere."""
    steps: list[AnyStep] = [
        wait_for(app_opened, within=days(9), then=[wait(days(2)), send(SERVICE, id="late")]),
        send(SERVICE, id="last"),
    ]
    said = ["trial: step 'late' is never reached in time on this path: app_opened came at the last instant. "]
    said[0] += "Make ends_after longer than 10d, or a wait before it shorter."
    assert problems(*steps, ends_after=days(10), goal=goal(trade_executed, within=days(9))) == said
    assert problems(*steps, end("done"), ends_after=days(10)) == said
    assert problems(*steps, ends_after=days(10)) == []
    assert problems(*steps, ends_after=days(11), goal=goal(trade_executed, within=days(9))) == []


def test_an_end_that_comes_too_late_is_a_step_that_is_missed() -> None:
    """The run would expire instead of ending as it says."""
    slow = wait_for(app_opened, within=days(6)), wait_for(checked_in, within=days(3), otherwise=[end("gone")])
    (said,) = problems(*slow, ends_after=days(8))
    assert said.startswith("trial: step 'end-gone' is never reached in time on this path: ")


def test_two_marketing_touches_within_a_day_are_too_many() -> None:
    """Also when only a quick customer hears both; exactly a day later is another day."""
    assert problems(marketing("a"), wait(days(1)), marketing("b")) == []
    (said,) = problems(marketing("a"), wait_for(app_opened, within=days(3)), marketing("b"))
    assert said == (
        "trial: 2 touches, days 0 to 1 (a, b), where 1 of class marketing or advice may go in 1d, on this path:"
        " app_opened came at the earliest. Put a wait between them, or take one out."
    )


def test_four_marketing_touches_within_a_week_are_too_many() -> None:
    """Service does not count, nor what is sent instead of a touch that was not."""
    steps: list[AnyStep] = []
    for name in "abc":
        steps += marketing(name), send(SERVICE, id=f"service-{name}"), wait(days(2), id=f"after-{name}")
    assert problems(*steps, wait(days(1)), marketing("d")) == []
    (said,) = problems(*steps, marketing("d"))
    assert "4 touches, days 0 to 7 (a, b, c, d), where 3 of class marketing or advice may go in 7d" in said
    instead = send(MARKETING, id="a", if_not_sent=[marketing("b")])
    assert problems(instead) == []


def test_times_of_the_day_are_looked_at_for_every_entry() -> None:
    """Who enters on a Friday morning would hear both at once."""
    friday = wait_until("10:00", weekdays=[Weekday.FRIDAY])
    assert [said[:32] for said in problems(marketing("a"), friday, marketing("b"))] == [
        "trial: 2 touches, days 0 to 1 (a"
    ]


@pytest.mark.parametrize("event", [account_opened, deposit_made, trade_executed, wealth_product_purchased])
def test_points_for_an_account_a_deposit_or_a_trade_need_an_approval(event: EventType) -> None:
    """Whether the event was waited for or started the journey, and however much time has passed since."""
    said = [
        f"trial: step 'award-gift' gives points for {event}, which needs an approval: name its number with"
        " approval=…, or award them for something else."
    ]
    gift, approved = award_points(5, reason="gift"), award_points(5, reason="gift", approval="HG-2026-0401")
    ways: tuple[list[AnyStep], ...] = (
        [wait_for(event, within=days(3), then=[gift])],
        [wait_for(any_of(app_opened, event), within=days(3), otherwise=[end("no")]), send(SERVICE), gift],
        [wait_for(event, within=days(3), otherwise=[end("no")]), wait(hours(1)), when((tag("a"), [gift]))],
    )
    for steps in ways:
        assert problems(*steps) == said
    assert problems(gift, starts_on=event) == said
    assert problems(approved, starts_on=event) == []
    assert problems(wait_for(event, within=days(3), then=[approved])) == []


def test_points_for_anything_else_need_none() -> None:
    """Another event that was waited for in between, or the time-out, is what they are for."""
    gift = award_points(5, reason="gift")
    assert problems(gift) == []
    assert problems(wait_for(deposit_made, within=days(3), then=[end("no")]), gift) == []
    assert problems(wait_for(checked_in, within=days(3), otherwise=[end("no")]), gift, starts_on=account_opened) == []
    assert problems(wait_for(checked_in, within=days(3), then=[end("no")]), gift, starts_on=account_opened) == []


def test_an_approval_changes_no_hash_where_there_is_none() -> None:
    """What was published before there were approvals keeps its name."""
    plain, approved = (trial(award_points(5, reason="r", approval=approval)) for approval in (None, "HG-1"))
    assert "approval" not in str(plain.model_dump(mode="json", exclude_defaults=True)["journey"])
    assert plain.content_hash() != approved.content_hash()


def test_the_worst_week_is_the_one_with_most_touches_on_any_path() -> None:
    """Of every class, in words; it begins with the first of them."""
    quick = marketing("a"), wait_for(app_opened, within=days(9)), marketing("b")
    value = trial(send(SERVICE), wait(days(3)), *quick, wait(days(6)), send(SERVICE, id="last"))
    assert worst_week(paths_of(value)) == "worst week: 3 touches, days 0 to 7"
    assert worst_week(paths_of(trial(wait(days(3)), marketing("a")))) == "worst week: 1 touch, days 3 to 10"
    assert worst_week(paths_of(trial(award_points(5, reason="r")))) == "worst week: no touches"


def test_the_busiest_time_can_be_of_any_length_and_of_some_touches() -> None:
    """With the path on which it is."""
    paths = paths_of(trial(marketing("a"), wait_for(app_opened, within=days(3)), send(SERVICE), marketing("b")))
    busy = busiest(paths, 2 * DAY, lambda touch: touch.message_class is MessageClass.MARKETING)
    assert busy is not None
    assert ([touch.step for touch in busy.touches], busy.path.told()) == (["a", "b"], "app_opened came at the earliest")
    assert busiest(paths, DAY, lambda touch: False) is None
