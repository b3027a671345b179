"""Every path through a journey: which there are, when each speaks, and that customers really walk them."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from activities.local_time import resolve_local_time
from errors import JourneyError
from journeys import JOURNEYS
from journeys.events import (
    account_closed,
    app_opened,
    app_registered,
    checked_in,
    deposit_made,
    trade_executed,
)
from journeys.language import (
    any_of,
    arm,
    award_points,
    data,
    days,
    end,
    goal,
    hours,
    journey,
    repeat,
    send,
    set_tag,
    split,
    stage_entered,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.names import Channel, MessageClass, Stage, Weekday
from journeys.onboarding_guidance import onboarding_guidance
from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.words import AnyStep, Journey, all_steps
from rules.path import Path
from rules.paths import MOST, paths_at_any_time, paths_of
from rules.ways import LAST_INSTANT

DAY = timedelta(days=1)


def trial(*steps: AnyStep, **attributes: object) -> Journey:
    """A journey made of some steps, begun by a registration."""
    given = {"starts_on": app_registered, "ends_after": days(60), "purpose": "service", **attributes}
    return journey(name="trial", version=1, steps=steps, **given)  # type: ignore[arg-type]


def later(step: str) -> AnyStep:
    """A touch with an id of its own."""
    return send("welcome", id=step)


def published(one: Journey) -> Published:
    """A journey with its texts."""
    return with_templates(one, templates())


def walked(*steps: AnyStep, **attributes: object) -> list[str]:
    """The paths of a journey made of some steps, each as what is decided and its calendar."""
    paths = paths_of(published(trial(*steps, **attributes)), local_time=resolve_local_time)
    return [f"{path.told()}: {calendar(path)}" for path in paths]


def calendar(path: Path) -> str:
    """Touches and end, in days after entry."""
    touches = [f"{touch.at / DAY:g} {touch.step}{'' if touch.sent else ' (not sent)'}" for touch in path.touches]
    return " · ".join([*touches, f"{path.ends_at / DAY:g} {path.outcome}"])


def test_a_journey_without_choices_has_one_path() -> None:
    """Its moments, its touches with class and channels, and its end."""
    (path,) = paths_of(published(trial(later("a"), wait(days(2)), award_points(5, reason="r"), end("done"))))
    assert path.points == 5
    assert [(one.at, one.step, one.told()) for one in path.moments] == [
        (0 * DAY, "a", "sent"),
        (2 * DAY, "wait-2d", "2d passed"),
        (2 * DAY, "award-r", "+5 points"),
        (2 * DAY, "end-done", "end"),
    ]
    (touch,) = path.touches
    assert (touch.at, touch.step, touch.template, touch.sent) == (0 * DAY, "a", "welcome", True)
    assert (touch.message_class, touch.channels) == (MessageClass.SERVICE, (Channel.APP_PUSH, Channel.INBOX))
    assert (path.outcome, path.ends_at, path.missed, path.told()) == ("done", 2 * DAY, None, "the only path")


def test_a_wait_is_satisfied_at_once_or_at_the_last_instant_or_times_out() -> None:
    """Three paths; what follows counts from when the event came."""
    assert walked(wait_for(app_opened, within=days(3), then=[wait(days(1)), later("a")], otherwise=[later("b")])) == [
        "app_opened came at the earliest: 1 a · 1 completed",
        "app_opened came at the last instant: 4 a · 4 completed",
        "app_opened timed out: 3 b · 3 completed",
    ]


def test_a_wait_that_leads_to_the_same_step_either_way_has_two_times_only() -> None:
    """At the last instant it makes no difference whether the event came."""
    assert walked(wait_for(app_opened, within=days(3)), later("a")) == [
        "app_opened came at the earliest: 0 a · 0 completed",
        "app_opened timed out: 3 a · 3 completed",
    ]


def test_what_came_has_come_for_a_later_wait() -> None:
    """The second wait for the same event is over at once where the first was, and open where it was not."""
    again = wait_for(app_opened, within=days(5), id="again", then=[later("a")], otherwise=[later("b")])
    assert walked(wait_for(app_opened, within=days(3), then=[wait(days(1))], otherwise=[later("x")]), again) == [
        "app_opened came at the earliest: 1 a · 1 completed",
        "app_opened came at the last instant: 4 a · 4 completed",
        "app_opened timed out, app_opened came at the earliest: 3 x · 3 a · 3 completed",
        "app_opened timed out, app_opened came at the last instant: 3 x · 8 a · 8 completed",
        "app_opened timed out, app_opened timed out: 3 x · 8 b · 8 completed",
    ]


def test_a_wait_that_counts_from_its_own_beginning_forgets() -> None:
    """What came before does not answer it."""
    again = wait_for(app_opened, within=days(5), since="step", id="again", otherwise=[later("b")])
    assert len(walked(wait_for(app_opened, within=days(3), otherwise=[later("x")]), again)) == 9


def test_a_milestone_that_starts_the_journey_has_come() -> None:
    """But an event that starts it is not counted again by a wait in the run."""
    asked = wait_for(app_registered, within=days(3), then=[later("a")], otherwise=[later("b")])
    assert walked(asked) == ["the only path: 0 a · 0 completed"]
    assert len(walked(asked, starts_on=(app_registered, stage_entered(Stage.GROWTH)))) == 3
    in_run = wait_for(app_opened, within=days(3), then=[later("a")], otherwise=[later("b")])
    assert len(walked(in_run, starts_on=app_opened)) == 3


def test_one_of_several_events_answers_a_wait_for_all_of_them_and_more() -> None:
    """Which one it was is not known, so a wait for one of them stays open."""
    either = wait_for(any_of(app_opened, checked_in), within=days(3), otherwise=[end("gone")])
    wider = wait_for(any_of(app_opened, checked_in, trade_executed), within=days(3), otherwise=[later("b")])
    assert len(walked(either, wider)) == 3
    narrower = wait_for(app_opened, within=days(3), otherwise=[later("b")])
    assert len(walked(either, narrower)) == 7


def test_which_of_several_events_came_is_known_when_the_others_did_not() -> None:
    """After one of them was waited for in vain it was the other, and a wait for that is over."""
    either = wait_for(any_of(app_opened, checked_in), within=days(3), otherwise=[end("gone")])
    first = wait_for(app_opened, within=days(3), then=[end("first")])
    second = wait_for(checked_in, within=days(3), then=[end("second")], otherwise=[end("neither")])
    assert not any("neither" in told for told in walked(either, first, second))


def test_a_touch_is_overtaken_by_what_was_waited_for_in_vain_and_came_since() -> None:
    """It is not sent, as in a real run, nor what is to be sent instead."""
    asked = when((tag("a"), [wait_for(app_opened, within=days(9), id="again")]), otherwise=[end("no")], id="asked")
    reminder = send("welcome", id="reminder", if_not_sent=[later("instead")])
    assert walked(wait_for(app_opened, within=days(3), otherwise=[asked, reminder]))[2:4] == [
        "app_opened timed out, asked: branch 1, app_opened came at the earliest:"
        " 3 reminder (not sent) · 3 instead (not sent) · 3 completed",
        "app_opened timed out, asked: branch 1, app_opened timed out, reminder: sent: 12 reminder · 12 completed",
    ]


def test_an_event_with_data_answers_the_same_question_and_the_one_without() -> None:
    """A large deposit is a deposit; a deposit need not be large."""
    large = wait_for(deposit_made, within=days(3), where=data("amount") >= 1000, id="large", otherwise=[end("no")])
    small = wait_for(deposit_made, within=days(3), since="run", id="small", otherwise=[later("b")])
    same = wait_for(deposit_made, within=days(3), where=data("amount") >= 1000, id="same", otherwise=[later("b")])
    assert len(walked(large, small)) == len(walked(large, same)) == 3
    assert len(walked(wait_for(deposit_made, within=days(3), id="any", otherwise=[end("no")]), same)) == 7


def test_a_wait_for_the_goal_or_an_exit_ends_the_run() -> None:
    """Only a milestone from before entry goes on: it ends nothing. Once it was missing, it cannot be from before."""
    seven = {"within": days(7), "then": [later("a")], "otherwise": [later("b")]}
    assert walked(wait_for(trade_executed, **seven), goal=goal(trade_executed, within=days(3))) == [  # type: ignore[arg-type]
        "trade_executed came at the earliest: 0 goal",
        "trade_executed came at the last instant: 7 goal_late",
        "trade_executed timed out: 7 b · 7 completed",
    ]
    again = wait_for(deposit_made, within=days(7), id="again", otherwise=[later("c")])
    assert walked(wait_for(deposit_made, **seven), again, goal=goal(deposit_made, within=days(30)))[:3] == [  # type: ignore[arg-type]
        "deposit_made came at the earliest: 0 a · 0 completed",
        "deposit_made came at the last instant: 7 goal",
        "deposit_made timed out, deposit_made came at the earliest: 7 b · 7 goal",
    ]
    assert walked(wait_for(account_closed, **seven), exits_on=account_closed)[:2] == [  # type: ignore[arg-type]
        "account_closed came at the earliest: 0 exit: account_closed",
        "account_closed came at the last instant: 7 exit: account_closed",
    ]


def test_a_goal_with_a_condition_may_leave_a_wait_satisfied() -> None:
    """The deposit that is waited for may be too small for the goal."""
    large = goal(deposit_made, within=days(30), where=data("amount") >= 1000)
    assert "0 a" in walked(wait_for(deposit_made, within=days(3), since="run", then=[later("a")]), goal=large)[0]


def test_conditions_arms_and_unsent_touches_branch() -> None:
    """A condition may be answered one way and then the other; a customer stays in the arm of a split."""
    assert walked(when((tag("a"), [later("one")]), (tag("b"), [later("two")]), id="either"), later("then")) == [
        "either: branch 1: 0 one · 0 then · 0 completed",
        "either: branch 2: 0 two · 0 then · 0 completed",
        "either: otherwise: 0 then · 0 completed",
    ]
    twice = [when((tag("a"), [later(name)]), id=f"when-{name}") for name in ("first", "second")]
    assert len(walked(*twice)) == 4
    arms = arm("warm", 50, [later("warm")]), arm("dry", 50), arm("nobody", 0, [later("never")])
    assert walked(split("tone", *arms), split("tone", arm("warm", 50), arm("dry", 50, [later("dry")]), id="again")) == [
        "tone: arm warm 50 %: 0 warm · 0 completed",
        "tone: arm dry 50 %: 0 dry · 0 completed",
    ]
    assert walked(send("welcome", if_not_sent=[wait(days(1)), later("instead")]), set_tag("a"), later("then")) == [
        "welcome: sent: 0 welcome · 0 then · 0 completed",
        "welcome: not sent: 0 welcome (not sent) · 1 instead · 1 then · 1 completed",
    ]


def test_a_repeat_without_choices_takes_all_its_turns() -> None:
    """At its distances, or later when a turn takes longer; repeats inside repeats begin anew."""
    assert walked(repeat([later("a")], every=days(2), up_to=3), later("b")) == [
        "the only path: 0 a · 2 a · 4 a · 4 b · 4 completed"
    ]
    assert walked(repeat([wait(days(3)), later("a")], every=days(2), up_to=2)) == [
        "the only path: 3 a · 6 a · 6 completed"
    ]
    inner = repeat([later("a")], every=days(1), up_to=2, id="inner")
    assert walked(repeat([inner], every=days(7), up_to=2)) == ["the only path: 0 a · 1 a · 7 a · 8 a · 8 completed"]


def test_a_repeat_with_a_condition_stops_before_it_begins_after_one_turn_or_after_all() -> None:
    """Not after every number of turns: there are no other consequences."""
    all_turns = " · ".join(f"{day} a" for day in range(0, 18, 2))
    assert walked(repeat([later("a")], every=days(2), up_to=9, until=tag("x"), id="daily"), later("b")) == [
        f"daily: turn 1 of 9, daily: turn 2 of 9: {all_turns} · 16 b · 16 completed",
        "daily: turn 1 of 9, daily: stopped before turn 2: 0 a · 2 b · 2 completed",
        "daily: stopped before turn 1: 0 b · 0 completed",
    ]


def test_the_turns_after_the_second_go_like_the_second() -> None:
    """Two turns that differ show what comes close together; an `end` ends at the first turn or at the second."""
    misses = wait_for(checked_in, within=days(1), since="step", otherwise=[end("gone")])
    assert walked(repeat([misses], every=days(1), up_to=30))[-2:] == [
        "checked_in came at the last instant, checked_in timed out: 2 gone",
        "checked_in timed out: 1 gone",
    ]
    assert len(walked(repeat([misses], every=days(1), up_to=30))) == 7


def test_a_journey_that_takes_too_long_is_cut() -> None:
    """It expires, and the path knows which step it did not come to. A deadline at the very end is in time."""
    long = trial(
        wait_for(app_opened, within=days(9), then=[wait(days(2)), later("a")]), later("b"), ends_after=days(10)
    )
    paths = paths_of(published(long))
    assert [(calendar(path), path.missed) for path in paths] == [
        ("2 a · 2 b · 2 completed", None),
        ("10 expired", "a"),
        ("9 b · 9 completed", None),
    ]
    assert walked(wait(days(10)), later("a"), ends_after=days(10)) == ["the only path: 10 a · 10 completed"]
    assert walked(wait_for(app_opened, within=days(20), then=[later("a")]), ends_after=days(10))[1:] == [
        "app_opened came at the last instant: 10 a · 10 completed",
        "app_opened-within-20d: cut by ends_after, 10d: 10 expired",
    ]


def test_news_that_may_come_late_can_come_too_late_for_the_end() -> None:
    """A deadline is acted on later if its event may be told later; then the end of the journey may come first."""
    waits = wait_for(app_opened, within=days(10), otherwise=[later("b")])
    patient = waits.model_copy(update={"arrives_within": hours(20)})
    assert walked(waits, ends_after=days(10))[-1].endswith("10 b · 10 completed")
    assert walked(patient, ends_after=days(10))[-1].endswith("10 expired")


def test_a_time_of_the_day_falls_where_the_entry_puts_it() -> None:
    """A path begins on a Monday at 10:00 in Shanghai."""
    friday = wait_until("12:00", weekdays=[Weekday.FRIDAY])
    assert walked(wait_until("10:00"), later("a"), wait(hours(1)), wait_until("09:00"), later("b"), friday) == [
        f"the only path: 0 a · {23 / 24:g} b · {4 + 2 / 24:g} completed"
    ]


@pytest.mark.parametrize(
    ("on_past", "paths"),
    [
        ("run", ["the only path: 0 a · 0 b · 0 completed"]),
        (
            "skip",
            [
                "2026-02-16 09:00 came: 0 a · 0 b · 0 completed",
                "2026-02-16 09:00 is past: skipped: 0 b · 0 completed",
            ],
        ),
        ("end", ["2026-02-16 09:00 came: 0 a · 0 b · 0 completed", "2026-02-16 09:00 is past: 0 time_past"]),
    ],
)
def test_a_day_by_its_date_has_come_or_is_past(on_past: str, paths: list[str]) -> None:
    """When anybody enters is not known; if it makes no difference, it is no choice."""
    step = wait_until("09:00", on="2026-02-16", on_past=on_past, then=[later("a")])  # type: ignore[arg-type]
    assert walked(step, later("b")) == paths


def test_after_a_date_the_calendar_is_known() -> None:
    """The next date comes so much later, one from before is past, and weekdays are the real ones."""

    def on(day: str) -> AnyStep:
        return wait_until("09:00", on=day, on_past="skip", then=[later(f"on-{day[-2:]}")])

    friday = wait_until("09:00", weekdays=[Weekday.FRIDAY])
    assert walked(on("2026-02-16"), on("2026-02-18"), on("2026-02-17"), friday, later("friday"))[0] == (
        "2026-02-16 09:00 came: 0 on-16 · 2 on-18 · 4 friday · 4 completed"
    )


def test_entries_at_other_times_bring_times_of_the_day_closer_together() -> None:
    """Who enters on a Monday at 10:00 waits until Friday; who enters on a Friday at nine hears both at once."""
    value = published(trial(later("a"), wait_until("09:00", weekdays=[Weekday.FRIDAY]), later("b")))
    gaps = [path.touches[1].at - path.touches[0].at for path in paths_at_any_time(value, resolve_local_time)]
    assert (gaps[0], min(gaps)) == (4 * DAY - hours(1), 0 * DAY)
    assert len(list(paths_at_any_time(published(trial(later("a"))), resolve_local_time))) == 1


def three_ways(number: int) -> AnyStep:
    """A wait with a path for each of its times."""
    return wait_for(checked_in, within=days(1), since="step", otherwise=[later(f"b{number}")], id=f"w{number}")


def test_where_there_are_too_many_paths_the_last_instants_are_left_out() -> None:
    """Nine waits in a row have 19,683 paths with them, and 512 without."""
    few = paths_of(published(trial(*map(three_ways, range(8)))))
    many = paths_of(published(trial(*map(three_ways, range(9)))))
    assert (len(few), len(many)) == (3**8, 2**9)
    assert not any(moment.timing == LAST_INSTANT for path in many for moment in path.moments)


def test_a_journey_with_too_many_paths_is_refused() -> None:
    """With the way out, and quickly."""
    started = time.process_time()
    with pytest.raises(JourneyError, match=f"more than {MOST:,} paths: let fewer waits"):
        paths_of(published(trial(*map(three_ways, range(40)))))
    assert time.process_time() - started < 10


@pytest.mark.parametrize("each", JOURNEYS, ids=lambda each: each.name)
def test_all_paths_of_a_shipped_journey_are_found_within_a_second(each: Journey) -> None:
    """Check and preview are quick, and every step is on some path."""
    started = time.process_time()
    paths = paths_of(published(each), local_time=resolve_local_time)
    assert time.process_time() - started < 1
    assert paths


def test_every_step_of_onboarding_is_on_some_path() -> None:
    """The account in time, after the reminder or never; with and without questionnaire, deposit and check-ins."""
    paths = paths_of(published(onboarding_guidance), local_time=resolve_local_time)
    walked = {moment.step for path in paths for moment in path.moments}
    assert {step.id for step in all_steps(onboarding_guidance.steps)} <= walked
