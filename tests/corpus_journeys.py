"""Journeys that the replay corpus was recorded with: together they use every word.

They are read from the JSON beside the histories, as runs in production find theirs in journeys/published/; editing what
stands here changes nothing until a new version is recorded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journeys.events import (
    account_opened,
    app_opened,
    app_registered,
    checked_in,
    deposit_made,
    questionnaire_completed,
    trade_executed,
    wechat_bound,
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
    send,
    set_tag,
    split,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.words import AnyStep
from rules.definitions import define

FOLDER = Path(__file__).parent / "histories" / "journeys"


def stored() -> list[Published]:
    """The journeys of the corpus, made known by their hashes to this process."""
    values = [Published.model_validate_json(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))]
    for value in values:
        define(value)
    return values


def store() -> None:
    """Write down those that are not yet; a file is never changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for value in written():
        file = FOLDER / value.file_name()
        if not file.exists():
            file.write_text(
                value.model_dump_json(indent=1, by_alias=True, exclude_defaults=False) + "\n", encoding="utf-8"
            )


def written() -> list[Published]:
    """The journeys as they are written here."""
    return [
        _every_word(),
        _published("waiting", 1, wait(days(9)), send("welcome"), starts_on=app_opened, reentry="always"),
        _published("waiting", 2, wait(days(20), id="wait-9d"), send("welcome"), starts_on=app_opened, reentry="always"),
        _published("held-out", 1, award_points(5, reason="r"), send("welcome"), wait(days(3)), holdout=100),
        _published("first", 1, wait(days(2)), purpose="marketing", priority=10, starts_on=wechat_bound),
        _published("second", 1, wait(days(4)), purpose="marketing", priority=20, starts_on=wechat_bound),
        _published("third", 1, wait(days(3)), purpose="marketing", priority=20, starts_on=wechat_bound),
        _published("urgent", 1, wait(days(1)), purpose="marketing", priority=90, starts_on=checked_in),
        _published(
            "bounded",
            1,
            wait(days(9)),
            ends_after=days(10),
            goal=goal(deposit_made, within=days(1)),
            starts_on=account_opened,
        ),
        _published(
            "too-late", 1, wait_until("09:00", on="2020-01-01", on_past="end"), starts_on=questionnaire_completed
        ),
    ]


def _every_word() -> Published:
    """Each word once at least, some inside others."""
    return _published(
        "every-word",
        1,
        set_tag("seen"),
        award_points(10, reason="start"),
        when((tag("seen") & (points >= 10), [send("welcome", id="seen")]), otherwise=[end("unseen")]),
        split("corpus", arm("one", 50, [wait(hours(1), id="one")]), arm("two", 50, [wait(hours(2), id="two")])),
        wait_until("09:00"),
        repeat(
            [send("first-product", id="again")], every=hours(6), up_to=3, until=happened(trade_executed, since="run")
        ),
        wait_for(
            any_of(deposit_made, trade_executed),
            within=days(2),
            where=data("amount") >= 100,
            then=[clear_tag("seen")],
            otherwise=[send("we-are-here", id="otherwise", product="P-1", if_not_sent=[send("welcome", id="instead")])],
        ),
        wait_for(account_opened, within=days(1)),
        starts_on=app_registered,
    )


def _published(name: str, version: int, *steps: AnyStep, **attributes: Any) -> Published:
    given = {"starts_on": app_registered, "ends_after": days(60), "purpose": "service", **attributes}
    return with_templates(journey(name=name, version=version, state="live", steps=steps, **given), templates())
