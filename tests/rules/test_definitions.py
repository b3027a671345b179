"""Journeys under their hashes: who may enter is said by the journey as it is now."""

from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.win_back import win_back
from rules.definitions import Catalogue, define, definition


def published(state: str) -> Published:
    return with_templates(win_back.model_copy(update={"state": state}), templates())


def test_closing_a_journey_reaches_a_process_that_knows_it_as_live() -> None:
    """A journey closed since has the hash it was live under; the catalogue still says that it is closed."""
    live = define(published("live"))
    (closed,) = Catalogue.of([published("closed")]).definitions
    assert closed.hash == live.hash
    assert closed.journey.state == "closed"


def test_a_run_finds_its_definition_by_the_hash() -> None:
    """What was defined is found again."""
    defined = define(published("live"))
    assert definition(defined.hash).plan == defined.plan
