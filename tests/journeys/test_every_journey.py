"""What holds for every journey that is live."""

from datetime import timedelta

import pytest

from journeys import JOURNEYS
from journeys.events import account_closed, app_registered, opted_out_of_marketing
from journeys.names import Stage
from journeys.templates import templates
from journeys.words import Journey, Send, StageEntered, all_steps
from tests.walking import check_lived, walked, with_branches_to_choose

LIVE = [journey for journey in JOURNEYS if journey.state == "live"]

each = pytest.mark.parametrize("journey", LIVE, ids=lambda journey: journey.name)


@each
def test_a_journey_is_measured_and_ends(journey: Journey) -> None:
    """It has a goal, with a window no shorter than a run can last, and lasts a year at most."""
    assert journey.goal is not None
    assert timedelta(days=14) <= journey.ends_after <= journey.goal.within <= timedelta(days=365)


@each
def test_who_leaves_or_refuses_leaves_every_journey(journey: Journey) -> None:
    """Closing the account and refusing marketing are exits everywhere."""
    assert {account_closed, opted_out_of_marketing} <= set(journey.exits_on)


def test_every_stage_of_life_has_a_journey() -> None:
    """From introduction, which begins with the registration, to churn."""
    entered = {one.stage for journey in LIVE for one in journey.starts_on if isinstance(one, StageEntered)}
    assert entered >= {Stage.GROWTH, Stage.MATURITY, Stage.DECLINE, Stage.CHURNED}
    assert any(app_registered in journey.starts_on for journey in LIVE)


def test_every_text_is_sent_by_a_journey() -> None:
    """Nothing is kept that nobody reads."""
    sent = {step.template for journey in JOURNEYS for step in all_steps(journey.steps) if isinstance(step, Send)}
    assert sent == set(templates())


@each
def test_whoever_walks_a_path_is_told_what_the_path_says(journey: Journey) -> None:
    """Every path of every journey that is live, as a story: its touches, on its days, and its end."""
    one = with_branches_to_choose(journey)
    check_lived(one, walked(one))
