"""The rules of a run, each as a sentence (journey-language.md, "Rules of a run"), on paper."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from journeys.events import (
    EventType,
    account_closed,
    app_opened,
    app_registered,
    checked_in,
    deposit_made,
    deposit_returned,
    trade_executed,
)
from journeys.language import (
    after,
    award_points,
    days,
    end,
    goal,
    journey,
    repeat,
    send,
    tag,
    wait,
    wait_for,
    wait_until,
)
from journeys.lifecycle import LifecyclePolicy
from journeys.names import CustomerId, Stage
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import AnyStep, Journey
from rules.commands import Verb
from rules.conditions import CustomerFacts
from rules.definitions import Catalogue
from rules.effects import EntryOffered
from rules.entry import EntryDecided, EntryPolicy, decide, open_run
from rules.paper import PaperEvent, PaperWorld
from rules.record import Record
from rules.state import CustomerState
from tests.story import DAY, EVERYTHING, START, Story, story


def a_journey(name: str, *steps: AnyStep, **attributes: Any) -> Journey:
    """A live journey that begins with a registration and sends one text after twenty days."""
    given = {"starts_on": app_registered, "ends_after": days(30), "state": "live", **attributes}
    return journey(name=name, version=1, steps=steps or (wait(days(20)), send("welcome")), **given)


def lived(journeys: Sequence[Journey], *events: tuple[EventType, float], **world: Any) -> Record:
    """What happens to a customer among several journeys."""
    catalogue = Catalogue.of(with_templates(one, templates()) for one in journeys)
    record = Record()
    happened = [PaperEvent(START + day * DAY, event) for event, day in events]
    PaperWorld(catalogue, consents=EVERYTHING, **world).live(CustomerId("c"), happened, START + 400 * DAY, record)
    return record


def ends(record: Record) -> list[str]:
    """Each run with its end, in the order of the ends."""
    return [f"{row.journey} day {(row.ended_at - START) // DAY}: {row.outcome}" for row in record.runs if row.ended_at]


class TestEntry:
    """Rule 2: a decision with its reason."""

    @pytest.fixture
    def state(self) -> CustomerState:
        return CustomerState(CustomerId("c"))

    def decided(self, one: Journey, state: CustomerState, at: datetime = START, **known: Any) -> EntryDecided:
        """The decision on one journey."""
        (made,) = Catalogue.of([with_templates(one, templates())]).definitions
        offer = EntryOffered("e1", at, event="app_registered", data={"product": known.pop("product", "")})
        return decide(made, offer, state, **known)

    def test_who_fits_enters(self, state: CustomerState) -> None:
        """Entered has no reason against it, and the first number."""
        assert (self.decided(a_journey("one"), state).entry, self.decided(a_journey("one"), state).refused) == (1, "")

    @pytest.mark.parametrize("given", ["draft", "closed"])
    def test_a_journey_that_is_not_live_is_refused(self, state: CustomerState, given: str) -> None:
        """The state of the journey is the reason."""
        assert self.decided(a_journey("one", state=given), state).refused == given

    def test_what_is_too_old_starts_nothing(self, state: CustomerState) -> None:
        """Rule 4: events from before the backfill horizon."""
        assert self.decided(a_journey("one"), state, too_old=True).refused == "backfill"

    def test_a_closed_account_starts_nothing(self, state: CustomerState) -> None:
        """Until it is opened again."""
        state.lifecycle.stage = Stage.CLOSED
        assert self.decided(a_journey("one"), state).refused == "account_closed"

    def test_a_run_under_way_is_not_doubled(self, state: CustomerState) -> None:
        """One run of a journey at a time."""
        open_run(state, self.decided(a_journey("one"), state))
        assert self.decided(a_journey("one"), state).refused == "already_running"

    def test_an_entry_condition_that_does_not_hold_is_the_reason(self, state: CustomerState) -> None:
        """What it looked at is recorded."""
        decided = self.decided(a_journey("one", entry=tag("vip")), state, facts=CustomerFacts(START))
        assert (decided.refused, decided.inputs) == ("condition", {"tag vip": False})

    @pytest.mark.parametrize(
        ("reentry", "day", "refused"),
        [("never", 99, "reentry"), ("always", 20.5, ""), (after(days(30)), 49, "reentry"), (after(days(30)), 50, "")],
    )
    def test_reentry_is_as_the_journey_says(self, reentry: Any, day: float, refused: str) -> None:
        """Counted from the end of the last run, on day 20."""
        told = story(a_journey("one", starts_on=app_opened, reentry=reentry)).when(app_opened, on_day=day)
        assert len(told.record.runs) == (1 if refused else 2)


class TestGoalAndExit:
    """Rule 3: they act at once, in event-time order."""

    def test_nothing_is_planned_after_the_goal(self) -> None:
        """The pending wait goes with the run."""
        told = story(a_journey("one", goal=goal(trade_executed, within=days(9)))).when(trade_executed, on_day=3)
        assert (told.touches(), told.ends()) == ([], ["day 3 goal"])

    def test_a_goal_after_its_window_ends_the_run_without_converting(self) -> None:
        """`goal_late`."""
        told = story(a_journey("one", goal=goal(trade_executed, within=days(2)))).when(trade_executed, on_day=3)
        assert (told.ends(), told.conversions()) == (["day 3 goal_late"], [])

    def test_an_exit_ends_the_run(self) -> None:
        """Under the name of the event."""
        told = story(a_journey("one", exits_on=checked_in)).when(checked_in, on_day=3)
        assert told.ends() == ["day 3 exit: checked_in"]


class TestConversions:
    """Rule 8: once per run, by the first event that is not undone."""

    @pytest.fixture
    def told(self) -> Story:
        """A deposit on the second day is the goal, within ten days."""
        return story(a_journey("first", goal=goal(deposit_made, within=days(10)))).when(
            deposit_made, on_day=2, event_id="d-1", amount="1000.00"
        )

    def test_a_goal_converts_once(self, told: Story) -> None:
        """A second deposit is no second conversion."""
        assert told.when(deposit_made, on_day=4, amount="1000.00").conversions() == ["day 2 converted"]

    def test_a_deposit_that_is_sent_back_takes_the_conversion_away(self, told: Story) -> None:
        """It counts as not made; the run stays ended."""
        undone = told.when(deposit_returned, on_day=3, deposit="d-1")
        assert undone.conversions() == []
        assert undone.ends() == ["day 2 goal"]

    @pytest.mark.parametrize(("day", "converted"), [(2.5, ["day 2 converted"]), (5, ["day 5 converted"]), (11, [])])
    def test_the_next_deposit_in_the_window_counts_then(self, told: Story, day: float, converted: list[str]) -> None:
        """Whether it came before the return or after it."""
        undone = told.when(deposit_returned, on_day=3, deposit="d-1").when(deposit_made, on_day=day, amount="1000.00")
        assert undone.conversions() == converted


class TestPause:
    """Rule 5: a pause stops the run's own deadlines, never facts."""

    @pytest.fixture
    def paused(self) -> Story:
        """A wait of twenty days, paused on day 5."""
        one = a_journey("one", exits_on=account_closed, goal=goal(trade_executed, within=days(9)))
        return story(one).told_to(Verb.PAUSE, on_day=5)

    def test_a_wait_is_longer_by_as_long_as_the_run_stood_still(self, paused: Story) -> None:
        """Three days of pause: the text of day 20 comes on day 23."""
        assert paused.told_to(Verb.RESUME, on_day=8).touches() == ["day 23 welcome"]

    def test_a_run_that_is_never_resumed_ends_with_its_time(self, paused: Story) -> None:
        """`ends_after` is not extended."""
        assert (paused.touches(), paused.ends()) == ([], ["day 30 expired"])

    def test_goal_and_exit_act_at_once(self, paused: Story) -> None:
        """Facts are not paused, and the goal's window is not longer."""
        assert paused.when(trade_executed, on_day=6).ends() == ["day 6 goal"]
        assert paused.when(account_closed, on_day=6).ends() == ["day 6 exit: account_closed"]
        assert paused.told_to(Verb.RESUME, on_day=12).when(trade_executed, on_day=13).ends() == ["day 13 goal_late"]

    def test_an_event_that_comes_meanwhile_is_not_lost(self) -> None:
        """What was waited for came during the pause: its steps are taken when the run goes on."""
        one = a_journey("one", wait_for(deposit_made, within=days(9), then=[send("welcome")], otherwise=[end("no")]))
        told = story(one).told_to(Verb.PAUSE, on_day=1).when(deposit_made, on_day=2)
        assert told.touches() == []
        assert told.told_to(Verb.RESUME, on_day=4).touches() == ["day 4 welcome"]

    def test_a_time_of_the_day_is_looked_for_again(self) -> None:
        """A pause over 09:00 of day 1 moves it to the next 09:00, not by the length of the pause."""
        told = story(a_journey("one", wait_until("09:00"), send("welcome"))).told_to(Verb.PAUSE, on_day=0.5)
        (touch,) = told.told_to(Verb.RESUME, on_day=2.5).record.touches
        assert touch.planned_at.isoformat() == "2026-03-05T01:00:00+00:00"


class TestPauseInARepeat:
    """Rule 5, for turns and held touches."""

    def test_turns_are_put_off_by_the_pause(self) -> None:
        """Six days of pause within a week: the second turn comes on day 13."""
        one = a_journey("one", repeat([send("welcome"), wait(days(1))], every=days(7), up_to=2))
        told = story(one).told_to(Verb.PAUSE, on_day=0.5).told_to(Verb.RESUME, on_day=6.5)
        assert told.touches() == ["day 0 welcome", "day 13 welcome"]


class TestCommands:
    """What people may do to a run."""

    def test_a_skipped_wait_is_over_now(self) -> None:
        """The text comes at once."""
        assert story(a_journey("one")).told_to(Verb.SKIP, on_day=2).touches() == ["day 2 welcome"]

    def test_a_skipped_wait_for_an_event_goes_on_as_if_it_had_not_come(self) -> None:
        """`otherwise`, dated at the command."""
        one = a_journey("one", wait_for(deposit_made, within=days(9), otherwise=[end("no")]))
        assert story(one).told_to(Verb.SKIP, on_day=2).ends() == ["day 2 no"]

    def test_an_end_is_an_end(self) -> None:
        """Nothing comes after it."""
        told = story(a_journey("one")).told_to(Verb.END, on_day=2)
        assert (told.touches(), told.ends()) == ([], ["day 2 ended_by_command"])

    def test_an_entry_by_command_is_decided_like_any_other(self) -> None:
        """A second run only if re-entry allows it."""
        told = story(a_journey("one", reentry="always")).told_to(Verb.ENTER, on_day=25)
        assert told.touches() == ["day 20 welcome", "day 45 welcome"]
        assert story(a_journey("one")).told_to(Verb.ENTER, on_day=25).touches() == ["day 20 welcome"]


class TestHoldout:
    """Rule 6: a control arm."""

    def test_the_same_people_are_held_out_of_all_marketing(self) -> None:
        """A global holdout of everybody; service goes out."""
        policy = EntryPolicy(global_holdout=100)
        both = [a_journey("ad", priority=9), a_journey("help", wait(days(2)), send("welcome"), purpose="service")]
        reasons = {row.journey: row.reason for row in lived(both, (app_registered, 0), entries=policy).touches}
        assert reasons == {"ad": "holdout", "help": ""}

    def test_a_control_run_takes_a_slot_and_earns_no_points(self) -> None:
        """Two control runs leave no room for a third."""
        held = [a_journey(name, award_points(5, reason="r"), wait(days(5)), holdout=100) for name in ("a", "b", "c")]
        record = lived(held, (app_registered, 0))
        assert ends(record) == ["a day 5: completed", "b day 5: completed", "c day 10: completed"]
        assert record.points == []


class TestArbitration:
    """Rule 7: two marketing runs at once."""

    def test_the_third_waits_for_a_slot(self) -> None:
        """Refused on day 0, offered again when the first two end, seven days at the most."""
        three = [a_journey(name, wait(days(4))) for name in ("a", "b", "c")]
        assert ends(lived(three, (app_registered, 0))) == [
            "a day 4: completed",
            "b day 4: completed",
            "c day 8: completed",
        ]
        slow = [a_journey(name, wait(days(8))) for name in ("a", "b", "c")]
        assert ends(lived(slow, (app_registered, 0))) == ["a day 8: completed", "b day 8: completed"]

    def test_service_and_education_take_no_slot(self) -> None:
        """All four run."""
        one = [a_journey(name, wait(days(4))) for name in ("a", "b")]
        two = [a_journey("c", wait(days(4)), purpose="service"), a_journey("d", wait(days(4)), purpose="education")]
        assert len(ends(lived([*one, *two], (app_registered, 0)))) == 4

    def test_a_strictly_higher_priority_displaces_the_lowest(self) -> None:
        """And an equal one does not."""
        low = [a_journey(name, priority=rank, starts_on=app_registered) for name, rank in (("a", 10), ("b", 20))]
        high = a_journey("c", wait(days(2)), priority=30, starts_on=app_opened)
        record = lived([*low, high], (app_registered, 0), (app_opened, 1))
        assert ends(record) == ["a day 1: displaced", "c day 3: completed", "b day 20: completed"]
        equal = a_journey("c", wait(days(2)), priority=10, starts_on=app_opened)
        assert "displaced" not in str(ends(lived([*low, equal], (app_registered, 0), (app_opened, 1))))

    def test_of_two_that_start_at_once_the_higher_priority_comes_first(self) -> None:
        """The name does not decide."""
        three = [a_journey(name, wait(days(9)), priority=rank) for name, rank in (("a", 1), ("b", 2), ("c", 3))]
        assert ends(lived(three, (app_registered, 0))) == ["c day 9: completed", "b day 9: completed"]


class TestLateNews:
    """Rule 10: an event may arrive later than it happened."""

    @pytest.fixture
    def told(self) -> Story:
        """A wait for a deposit whose news may take a day."""
        late = EventType("deposit_made", deposit_made.data, arrives_within=timedelta(hours=20))
        one = wait_for(late, within=days(3), then=[send("welcome", id="thanks")], otherwise=[send("welcome")])
        return story(a_journey("one", one, wait(days(1)), send("welcome", id="next")))

    def test_a_deadline_is_acted_on_later_and_dated_when_it_was_due(self, told: Story) -> None:
        """The reminder of day 3 is dated day 3, and the next text counts from there."""
        assert told.touches() == ["day 3 welcome", "day 4 next"]

    def test_an_event_from_after_the_deadline_is_no_answer_to_it(self, told: Story) -> None:
        """It happened too late for `then`, though the news came in time; the reminder is pointless all the same."""
        withheld = "day 3 welcome (withheld: overtaken: deposit_made)"
        assert told.when(deposit_made, on_day=3.5).touches() == [withheld, "day 4 next"]
        assert told.when(deposit_made, on_day=3).touches()[0] == "day 3 thanks"

    def test_inactivity_is_dated_when_it_was_due(self) -> None:
        """A stage falls a day later than it is due, dated as due, and a trade after that brings the customer back."""
        policy = LifecyclePolicy(arrives_within=timedelta(hours=20))
        record = lived([], (trade_executed, 0), (trade_executed, 90.5), policy=policy)
        changes = [(row.to_stage, (row.at - START) / DAY) for row in record.stage_changes][:4]
        assert changes == [("introduction", 0), ("growth", 0), ("decline", 90), ("growth", 90.5)]
