"""Every word of the language, as a story: what it does, on paper, day by day."""

import re
from collections.abc import Callable

import pytest

from errors import InputError, JourneyError
from journeys.events import (
    app_opened,
    app_registered,
    checked_in,
    deposit_made,
    feature_used,
    product_matured,
    trade_executed,
)
from journeys.language import (
    any_of,
    arm,
    award_points,
    clear_tag,
    data,
    days,
    end,
    goal,
    happened,
    hours,
    journey,
    points,
    repeat,
    risk_class,
    send,
    set_tag,
    split,
    stage,
    stage_entered,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.names import RiskClass, RiskLevel, Stage, Weekday
from journeys.words import AnyStep, Journey
from tests.story import Story, story


def trial(*steps: AnyStep, **attributes: object) -> Story:
    """A story of a journey made of some steps, begun by a registration."""
    return story(_journey(*steps, **attributes))


def _journey(*steps: AnyStep, **attributes: object) -> Journey:
    given = {"starts_on": app_registered, "ends_after": days(60), "purpose": "service", **attributes}
    return journey(name="trial", version=1, steps=steps, **given)  # type: ignore[arg-type]


WELCOME = send("welcome")


def later(day: str) -> AnyStep:
    """A touch with an id of its own."""
    return send("welcome", id=day)


def test_a_when_takes_the_first_branch_whose_condition_holds() -> None:
    """Two conditions hold: the first one's steps are taken, and then what follows."""
    told = trial(
        when((tag("a"), [later("for-a")]), (tag("b"), [later("for-b")]), otherwise=[later("else")]), later("then")
    )
    assert told.of(tags=["b", "a"]).touches() == ["day 0 for-a", "day 0 then"]
    assert told.of(tags=["b"]).touches() == ["day 0 for-b", "day 0 then"]
    assert told.touches() == ["day 0 else", "day 0 then"]


def test_conditions_ask_facts_points_and_the_past() -> None:
    """Risk class, stage, points earned in this very run, and what the customer did."""
    asked = (risk_class >= RiskClass.C4) | (stage == Stage.GROWTH) & (points >= 10) & happened(app_opened, at_least=2)
    told = trial(award_points(10, reason="r"), wait(days(2)), when((asked, [later("yes")]), otherwise=[later("no")]))
    opened = told.when(app_opened, on_day=1).when(app_opened, on_day=1.5)
    assert told.touches() == ["day 2 no"]
    assert opened.touches() == ["day 2 no"]
    assert opened.when(trade_executed, on_day=1).touches() == ["day 2 yes"]
    assert told.of(risk_class=RiskClass.C5).touches() == ["day 2 yes"]


def test_what_happened_is_counted_within_a_time_and_by_its_data() -> None:
    """Two long streams within three days; older and shorter ones do not count."""
    asked = happened(feature_used, at_least=2, within=days(3), where=data("feature") == "radar")
    told = trial(wait(days(5)), when((asked, [later("yes")]), otherwise=[later("no")]))
    once = told.when(feature_used, on_day=3, feature="radar")
    assert once.when(feature_used, on_day=4, feature="radar").touches() == ["day 5 yes"]
    assert once.when(feature_used, on_day=4, feature="grid").touches() == ["day 5 no"]
    assert once.when(feature_used, on_day=1, feature="radar").touches() == ["day 5 no"]


def test_a_wait_for_any_of_several_ends_with_the_first() -> None:
    """Whichever comes first."""
    told = trial(
        wait_for(any_of(deposit_made, trade_executed), within=days(5), then=[later("a")], otherwise=[later("b")])
    )
    assert told.touches() == ["day 5 b"]
    assert told.when(deposit_made, on_day=2).when(trade_executed, on_day=3).touches() == ["day 2 a"]


def test_a_wait_looks_at_the_data_of_the_event() -> None:
    """A small deposit is not what is waited for; one that came before the wait in this run is."""
    told = trial(
        wait(days(2)),
        wait_for(deposit_made, within=days(5), where=data("amount") >= 1000, then=[later("a")], otherwise=[later("b")]),
    )
    assert told.when(deposit_made, on_day=3, amount="999.99").touches() == ["day 7 b"]
    assert told.when(deposit_made, on_day=3, amount="1000.00").touches() == ["day 3 a"]
    assert told.when(deposit_made, on_day=1, amount=1000).touches() == ["day 2 a"]


def test_a_conditional_goal_ends_the_run_when_its_data_fit() -> None:
    """A small deposit ends nothing; when the goal is an exit as well, one that fits is the goal."""
    enough = goal(deposit_made, within=days(30), where=data("amount") >= 1000)
    told = trial(wait(days(9)), WELCOME, goal=enough)
    assert told.when(deposit_made, on_day=1, amount="10").ends() == ["day 9 completed"]
    assert told.when(deposit_made, on_day=1, amount="5000").ends() == ["day 1 goal"]
    also_exit = trial(wait(days(9)), WELCOME, goal=enough, exits_on=deposit_made)
    assert also_exit.when(deposit_made, on_day=1, amount="10").ends() == ["day 1 exit: deposit_made"]
    assert also_exit.when(deposit_made, on_day=1, amount="5000").conversions() == ["day 1 converted"]


def test_a_repeat_takes_turns_at_fixed_distances() -> None:
    """Three turns, two days apart, however long a turn takes; each touch is an occurrence of its own."""
    told = trial(repeat([wait(hours(12)), WELCOME], every=days(2), up_to=3), later("after"))
    assert told.touches() == ["day 0 welcome", "day 2 welcome", "day 4 welcome", "day 4 after"]
    slow = trial(repeat([wait(days(3)), WELCOME], every=days(2), up_to=2))
    assert slow.touches() == ["day 3 welcome", "day 6 welcome"]


def test_a_repeat_stops_when_its_condition_holds_before_a_turn() -> None:
    """Asked before each turn, the first included."""
    told = trial(repeat([WELCOME], every=days(2), up_to=5, until=happened(deposit_made, since="run")), later("after"))
    assert told.when(deposit_made, on_day=3).touches() == ["day 0 welcome", "day 2 welcome", "day 4 after"]
    assert trial(repeat([WELCOME], every=days(1), up_to=2, until=tag("a")), later("b")).of(tags=["a"]).touches() == [
        "day 0 b"
    ]


def test_repeats_inside_repeats_count_their_occurrences() -> None:
    """Two times three touches, none of them the same touch."""
    told = trial(repeat([repeat([WELCOME], every=days(1), up_to=3, id="inner")], every=days(7), up_to=2))
    assert told.touches() == [f"day {day} welcome" for day in (0, 1, 2, 7, 8, 9)]


def test_a_split_shares_out_by_a_hash_and_stays_with_it() -> None:
    """The same customer is always in the same arm."""
    told = trial(split("tone", arm("warm", 50, [later("warm")]), arm("dry", 50, [later("dry")])))
    assert told.in_arm("tone", "warm").touches() == ["day 0 warm"]
    assert told.in_arm("tone", "dry").touches() == ["day 0 dry"]


@pytest.mark.parametrize(
    ("split_name", "arm_name", "refused"),
    [
        ("tone", "hot", "puts nobody into an arm 'hot': its arms are warm (100 %), dry (0 %)"),
        ("tone", "dry", "puts nobody into an arm 'dry'"),
        ("ton", "warm", "has no split 'ton': its splits are 'tone'"),
    ],
)
def test_a_story_of_an_arm_that_nobody_is_in_says_which_there_are(split_name: str, arm_name: str, refused: str) -> None:
    """It would look for such a customer for ever."""
    told = trial(split("tone", arm("warm", 100, [later("warm")]), arm("dry", 0, [later("dry")])))
    with pytest.raises(InputError, match=re.escape(refused)):
        told.in_arm(split_name, arm_name)


def test_a_story_of_a_control_arm_needs_one() -> None:
    """A journey that holds nobody out has none."""
    with pytest.raises(InputError, match="holds nobody out: give it holdout"):
        trial(WELCOME).held_out()


def test_tags_that_a_journey_sets_and_clears_are_seen_by_its_conditions() -> None:
    """Set, asked, cleared, asked again."""
    ask = [when((tag("hot"), [later("hot")]), id="first")]
    told = trial(
        set_tag("hot"), *ask, clear_tag("hot"), when((tag("hot"), [later("still")]), otherwise=[later("cold")])
    )
    assert told.touches() == ["day 0 hot", "day 0 cold"]


def test_a_wait_until_takes_the_next_such_time_where_the_customer_lives() -> None:
    """A story begins at 10:00 on a Monday in Shanghai; 09:00 is the next morning, Friday the fourth day after."""
    assert trial(wait_until("10:00"), WELCOME).record.touches[0].planned_at.isoformat() == "2026-03-02T02:00:00+00:00"
    assert trial(wait_until("09:00"), WELCOME).record.touches[0].planned_at.isoformat() == "2026-03-03T01:00:00+00:00"
    friday = trial(wait_until("12:00", weekdays=[Weekday.FRIDAY]), WELCOME)
    assert friday.record.touches[0].planned_at.isoformat() == "2026-03-06T04:00:00+00:00"
    new_york = friday.of(zone="America/New_York")
    assert new_york.record.touches[0].planned_at.isoformat() == "2026-03-06T17:00:00+00:00"


def test_a_trading_day_is_one_on_which_shanghai_trades() -> None:
    """The Qingming holiday, 4 to 6 April 2026, and its weekend are passed over."""
    told = trial(wait(days(32)), wait_until("09:00", trading_day=True), WELCOME)
    assert told.record.touches[0].planned_at.isoformat() == "2026-04-07T01:00:00+00:00"


def test_a_trading_day_at_the_weekend_is_refused() -> None:
    """Shanghai never trades then: such a time would never come."""
    with pytest.raises(JourneyError, match="waits for a trading day at the weekend: name another weekday"):
        trial(wait_until("09:00", trading_day=True, weekdays=[Weekday.SATURDAY, Weekday.SUNDAY]), WELCOME)
    monday = trial(wait_until("09:00", trading_day=True, weekdays=[Weekday.SATURDAY, Weekday.MONDAY]), WELCOME)
    assert monday.record.touches[0].planned_at.isoformat() == "2026-03-09T01:00:00+00:00"


@pytest.mark.parametrize(
    ("on_past", "touches", "end"),
    [
        ("run", ["day 0 in-time", "day 0 after"], "completed"),
        ("skip", ["day 0 after"], "completed"),
        ("end", [], "time_past"),
    ],
)
def test_a_day_that_is_past_runs_skips_or_ends(on_past: str, touches: list[str], end: str) -> None:
    """As the step says."""
    until = wait_until("09:00", on="2026-02-16", on_past=on_past, then=[later("in-time")])  # type: ignore[arg-type]
    told = trial(until, later("after"))
    assert (told.touches(), told.ends()) == (touches, [f"day 0 {end}"])


def test_a_customer_of_a_story_may_have_what_the_journey_names() -> None:
    """Unless the story says otherwise of the customer or of the product."""
    told = trial(send("welcome", product="P-1"))
    for suits in (
        told,
        told.product("P-1", risk_level=RiskLevel.R3),
        told.product("P-1", risk_level=RiskLevel.R5).investor(professional=True),
        told.product("P-1", risk_level=RiskLevel.R5).of(risk_class=RiskClass.C5),
        told.product("P-1", product_type="fund").investor(product_types=["fund"]),
    ):
        assert suits.touches() == ["day 0 welcome"]


@pytest.mark.parametrize(
    ("otherwise", "why"),
    [
        (lambda told: told.without_product("P-1"), "product_unknown"),
        (lambda told: told.product("P-1", until_day=0), "product_not_offered"),
        (lambda told: told.product("P-1", risk_level=RiskLevel.R4), "above_risk_class"),
        (lambda told: told.product("P-1", risk_level=RiskLevel.R4).investor(lowest_class=True), "lowest_class"),
        (lambda told: told.product("P-1", risk_level=RiskLevel.R2).of(risk_class=RiskClass.C1), "above_risk_class"),
        (lambda told: told.product("P-1", term=days(400)).investor(longest_term=days(90)), "term_too_long"),
        (lambda told: told.product("P-1", product_type="fund").investor(product_types=["bond"]), "type_not_wanted"),
        (lambda told: told.investor(assessed_until_day=0), "assessment_expired"),
        (lambda told: told.without_risk_class(), "not_assessed"),
    ],
)
def test_a_story_says_why_a_product_does_not_suit(otherwise: Callable[[Story], Story], why: str) -> None:
    """Each reason of the suitability gate has a word."""
    told = otherwise(trial(send("welcome", product="P-1")))
    assert told.touches() == [f"day 0 welcome (withheld: unsuitable: {why})"]


def test_a_touch_that_is_not_sent_branches() -> None:
    """`if_not_sent` is taken when no channel lets the touch pass, and only then."""
    told = trial(send("welcome", if_not_sent=[later("instead")], product="P-1"), later("after"))
    told = told.without_product("P-1")
    assert told.touches() == ["day 0 welcome (withheld: unsuitable: product_unknown)", "day 0 instead", "day 0 after"]
    assert trial(send("welcome", if_not_sent=[later("instead")]), later("after")).touches() == [
        "day 0 welcome",
        "day 0 after",
    ]


def test_in_the_control_arm_nothing_is_noticed_and_branches_go_as_if_sent() -> None:
    """Touches are recorded as withheld, points are not credited, and the goal converts for the arm."""
    told = trial(
        award_points(5, reason="r"),
        send("welcome", if_not_sent=[later("instead")]),
        wait(days(9)),
        holdout=100,
        goal=goal(deposit_made, within=days(9)),
    )
    assert told.touches() == ["day 0 welcome (withheld: holdout)"]
    assert told.points() == []
    assert told.when(deposit_made, on_day=2).conversions() == ["day 2 converted"]


def test_a_keyed_journey_has_a_run_for_each_key() -> None:
    """Two products mature: two runs; the same product again starts none."""
    keyed = story(_journey(wait(days(3)), WELCOME, starts_on=product_matured, key="product"))
    told = keyed.when(product_matured, on_day=1, product="P-2").when(product_matured, on_day=2, product="P-2")
    assert told.touches() == ["day 3 welcome", "day 4 welcome"]


@pytest.mark.parametrize("key", [None, "product"])
def test_a_journey_that_nothing_starts_begins_by_command(key: str | None) -> None:
    """Its story does, too, as if ENTER were given on day 0."""
    told = trial(wait(days(3)), WELCOME, starts_on=(), key=key)
    assert told.touches() == ["day 3 welcome"]
    assert told.ends() == ["day 3 completed"]


def test_what_cannot_start_a_journey_cannot_begin_its_story() -> None:
    """An event that nobody enters by would tell a story of nothing."""
    with pytest.raises(
        InputError, match="trial has no starts_on: leave it out of the story as well, which then begins"
    ):
        story(_journey(WELCOME, starts_on=()), starts_on=app_registered)


def test_an_entry_condition_keeps_others_out() -> None:
    """Only customers with the tag enter."""
    told = trial(WELCOME, entry=tag("invited"))
    assert told.touches() == []
    assert told.of(tags=["invited"]).touches() == ["day 0 welcome"]


def test_an_end_has_an_outcome_of_its_own() -> None:
    """`end` ends the run wherever it stands."""
    told = trial(
        repeat([wait_for(checked_in, within=days(1), since="step", otherwise=[end("gone")])], every=days(1), up_to=3)
    )
    assert told.when(checked_in, on_day=0.5).ends() == ["day 2 gone"]


def test_a_stage_starts_a_journey_whatever_it_was_before() -> None:
    """`stage_entered` without from_."""
    told = story(_journey(WELCOME, starts_on=stage_entered(Stage.GROWTH)))
    assert told.touches() == ["day 0 welcome"]


def test_an_event_ends_one_wait_not_the_next_one_too() -> None:
    """Two waits for check-ins since the step began need two check-ins."""
    first = wait_for(checked_in, within=days(5), since="step", id="first", otherwise=[end("none")])
    second = wait_for(checked_in, within=days(5), since="step", id="second", otherwise=[end("one")])
    told = trial(first, second, end("two"))
    assert told.when(checked_in, on_day=2).ends() == ["day 7 one"]
    assert told.when(checked_in, on_day=2).when(checked_in, on_day=3).ends() == ["day 3 two"]
