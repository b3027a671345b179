"""`starter.py check` and `publish`: what runs is written down for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from cli.journeys import problems_of, publish_journey
from cli.walked import Walks
from errors import JourneyError
from journeys import JOURNEYS, published
from journeys.events import app_opened
from journeys.language import days, journey, send, wait
from journeys.names import Channel, Language, TemplateName
from journeys.published import Published, with_templates
from journeys.templates import Template, Text, templates
from journeys.win_back import win_back
from journeys.words import Journey
from tests.cli.conftest import Sojourn


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of published journeys with nothing in it."""
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    published.published.cache_clear()
    yield tmp_path
    published.published.cache_clear()


def test_nothing_is_wrong_with_the_shipped_journeys(sojourn: Sojourn) -> None:
    """They are sound, published, within the caps, and of the purpose that their texts have."""
    ran = sojourn("check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"All is well: {len(JOURNEYS)} journeys")


def test_check_names_the_worst_week_of_each_journey_when_all_is_well(
    sojourn: Sojourn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 0, a summary, and a line for each journey."""
    monkeypatch.setattr("cli.journeys.JOURNEYS", (win_back,))
    ran = sojourn("check")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        f"All is well: 1 journeys, 1 of them live, {len(templates())} templates.",
        "win-back: worst week: 1 touch, days 0 to 7",
    ]


def test_check_names_a_journey_that_was_forgotten_in_the_catalogue(
    sojourn: Sojourn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not run, whatever its file says; that is allowed, so the exit code is 0."""
    monkeypatch.setattr("cli.journeys.JOURNEYS", tuple(one for one in JOURNEYS if one is not win_back))
    ran = sojourn("check")
    told = "win-back is in journeys/win_back.py and does not run: list it in journeys/catalogue.py."
    assert (ran.code, ran.err) == (0, f"warning: {told}\n")


HASTY = journey(
    name="hasty",
    version=1,
    starts_on=app_opened,
    ends_after=days(1),
    steps=(send("we-are-here"), send("what-is-new"), send("last-word"), send("first-product")),
)


def test_check_says_what_the_paths_of_a_draft_lead_to(folder: Path) -> None:
    """Nobody is in it yet, and it is told all the same."""
    a_day, a_week = problems_of([HASTY], Walks())
    assert a_day.startswith("hasty: 4 touches, days 0 to 1 (we-are-here, what-is-new, last-word, first-product), where")
    assert a_week.startswith("hasty: 4 touches, days 0 to 7 (")


def test_check_refuses_a_journey_with_too_many_paths(folder: Path) -> None:
    """As a problem among others: the check goes on."""
    touches = [send("welcome", if_not_sent=[wait(days(1), id=f"w{number}")], id=f"s{number}") for number in range(14)]
    endless = journey(name="endless", version=1, starts_on=app_opened, ends_after=days(99), steps=touches)
    (said,) = problems_of([endless, win_back.model_copy(update={"state": "draft"})], Walks())
    assert said.startswith("journey 'endless' has more than 10,000 paths: ")


@pytest.mark.parametrize("each", JOURNEYS, ids=lambda each: each.name)
def test_a_published_journey_comes_back_as_it_was(folder: Path, each: Journey) -> None:
    """The file is readable JSON under its name, version and hash, and is read back to the same value."""
    file = publish_journey(each, folder)
    assert file.name.startswith(f"{each.name}-{each.version}-")
    text = file.read_text(encoding="utf-8")
    assert "旅程证券" in text
    value = Published.model_validate_json(text)
    assert value == with_templates(each, templates())
    assert published.published() == {value.content_hash(): value}


def test_nothing_published_is_ever_overwritten(folder: Path) -> None:
    """The same again is refused, and so is another text under the same version, with the way out."""
    publish_journey(win_back, folder)
    with pytest.raises(JourneyError, match="is published as it is"):
        publish_journey(win_back, folder)
    edited = win_back.model_copy(update={"ends_after": days(61)})
    with pytest.raises(
        JourneyError, match=rf"is published with another text .*: set version={win_back.version + 1} in the journey"
    ):
        publish_journey(edited, folder)
    publish_journey(edited.model_copy(update={"version": win_back.version + 1}), folder)
    assert len(published.published()) == 2


def test_closing_a_journey_publishes_nothing_new(folder: Path) -> None:
    """Who may enter is no part of what was promised to those inside."""
    publish_journey(win_back, folder)
    closed = win_back.model_copy(update={"state": "closed"})
    with pytest.raises(JourneyError, match="is published as it is"):
        publish_journey(closed, folder)


def test_publish_names_its_file_and_refuses_what_there_is_not(sojourn: Sojourn, folder: Path) -> None:
    """The command takes a journey by its name."""
    ran = sojourn("publish", "win-back")
    assert ran.code == 0
    assert [file.name for file in folder.glob("*.json")] == [ran.out.split()[2].rstrip(":")]
    assert sojourn("publish", "win-back").code == 2
    assert "the journeys are growth-nudges, mature-service," in sojourn("publish", "winback").err


@pytest.mark.parametrize("state", ["draft", "live"])
def test_publish_refuses_what_check_refuses(
    sojourn: Sojourn, folder: Path, monkeypatch: pytest.MonkeyPatch, state: Literal["draft", "live"]
) -> None:
    """In the same words and with the same exit code, and writes nothing: a published file stays for good."""
    monkeypatch.setattr("cli.journeys.JOURNEYS", (HASTY.model_copy(update={"state": state}), win_back))
    checked, published = sojourn("check"), sojourn("publish", "hasty")
    said = [line for line in checked.out.splitlines() if line.startswith("hasty: ") and "not published" not in line]
    assert (published.code, published.out.splitlines()) == (checked.code, said)
    assert len(said) == 2
    assert [*folder.iterdir()] == []
    assert sojourn("publish", "win-back").code == 0


def test_publish_refuses_a_name_that_two_journeys_have(
    sojourn: Sojourn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could tell which of them was meant."""
    monkeypatch.setattr("cli.journeys.JOURNEYS", (win_back, win_back))
    ran = sojourn("publish", "win-back")
    assert (ran.code, ran.out) == (1, "win-back: two journeys have this name: rename one.\n")
    assert [*folder.iterdir()] == []


def test_publish_warns_of_what_will_be_wrong_once_the_draft_is_live(
    sojourn: Sojourn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `check` does: the words stay as they are published."""
    draft = greeting_with(Text(title="Hello", body="A text to be written."), monkeypatch)
    monkeypatch.setattr("cli.journeys.JOURNEYS", (draft,))
    checked, published = sojourn("check"), sojourn("publish", "greeting")
    assert (checked.code, published.code) == (0, 0)
    assert "'to be written' stands for words that nobody has written" in published.err
    assert checked.err.endswith(published.err)


def test_check_names_a_live_journey_that_is_not_published(sojourn: Sojourn, folder: Path) -> None:
    """With the command that mends it, and exit code 1."""
    ran = sojourn("check")
    assert ran.code == 1
    assert f"win-back: version {win_back.version} is not published: run `starter.py publish win-back`." in ran.out


def test_check_asks_for_a_new_version_when_the_text_changed(folder: Path) -> None:
    """Also when only a template changed; a draft may change as it likes."""
    publish_journey(win_back, folder)
    edited = win_back.model_copy(update={"ends_after": days(61)})
    (problem,) = problems_of([edited], Walks())
    assert f"set version={win_back.version + 1}, then run `starter.py publish win-back`" in problem
    assert list(problems_of([edited.model_copy(update={"state": "draft"})], Walks())) == []


def test_check_names_each_text_that_is_missing_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every template needs a text for each language and each channel of its steps."""
    welcome = templates()[TemplateName("welcome")]
    texts = {Language.ENGLISH: {Channel.INBOX: welcome.texts[Language.ENGLISH][Channel.INBOX]}}
    half: Template = welcome.model_copy(update={"texts": texts})
    monkeypatch.setattr("cli.journeys.templates", lambda: {TemplateName("welcome"): half})
    twice = journey(
        name="greeting",
        version=1,
        starts_on=app_opened,
        ends_after=days(1),
        steps=(send("welcome", channels=[Channel.INBOX]), send("welcome", id="again")),
    )
    assert list(problems_of([twice], Walks())) == [
        "greeting: template 'welcome' has no text for [texts.zh-CN.inbox]: write it.",
        "greeting: template 'welcome' has no text for [texts.zh-CN.app_push]: write it.",
        "greeting: template 'welcome' has no text for [texts.en.app_push]: write it.",
    ]


def greeting_with(text: Text, monkeypatch: pytest.MonkeyPatch) -> Journey:
    """A draft that sends a template whose English inbox text is another."""
    welcome = templates()[TemplateName("welcome")]
    texts = {**welcome.texts, Language.ENGLISH: {**welcome.texts[Language.ENGLISH], Channel.INBOX: text}}
    edited = welcome.model_copy(update={"texts": texts})
    monkeypatch.setattr("cli.journeys.templates", lambda: {TemplateName("welcome"): edited})
    return journey(name="greeting", version=1, starts_on=app_opened, ends_after=days(1), steps=(send("welcome"),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (Text(title="Hello", body="You have {{ points }}."), "welcome.toml: 'points' is not declared: name it under"),
        (Text(title="{{ name }}!", body="Hello"), "welcome.toml: 'name' is not declared: name it under [variables]"),
        (Text(title="Hello", body="{{ name | default('x') }}"), "'name' is not declared: name it under [variables]"),
        (
            Text(title="Hello", body="{{ points"),
            "in en, template 'welcome' cannot be filled in, body for inbox: line 1 is not valid Jinja2; correct it",
        ),
    ],
)
def test_check_names_a_text_that_could_never_be_sent(monkeypatch: pytest.MonkeyPatch, text: Text, said: str) -> None:
    """Nothing gives it what it does not declare: touches would fail, or never say it. A draft is told so, too."""
    (problem,) = problems_of([greeting_with(text, monkeypatch)], Walks())
    assert problem.startswith("greeting: ")
    assert said in problem


@pytest.mark.parametrize(
    ("purpose", "weaker"),
    [("service", True), ("education", True), ("marketing", False), ("advice", False)],
)
def test_a_journey_is_not_weaker_in_purpose_than_its_texts(
    purpose: Literal["service", "education", "marketing", "advice"], weaker: bool
) -> None:
    """Service, education, marketing, advice: of a journey that says less than its texts are, each text is named."""
    told = journey(
        name="greeting",
        version=1,
        starts_on=app_opened,
        ends_after=days(1),
        purpose=purpose,
        steps=(send("welcome"), send("first-product")),
    )
    problems = [one for one in problems_of([told], Walks()) if "its purpose is" in one]
    assert problems == (
        [
            f"greeting: its purpose is '{purpose}', and template 'first-product' is of class 'marketing':"
            " set purpose='marketing', or send another text."
        ]
        if weaker
        else []
    )


@pytest.mark.parametrize(("classes", "allowed"), [("", False), ("service,marketing", True)])
def test_what_the_house_lets_sms_carry_is_what_check_lets_pass(
    classes: str, allowed: bool, bare_environment: pytest.MonkeyPatch
) -> None:
    """By the setting that workers go by, too."""
    bare_environment.setenv("SOJOURN_SMS_CLASSES", classes)
    told = journey(
        name="greeting",
        version=1,
        starts_on=app_opened,
        ends_after=days(1),
        purpose="marketing",
        steps=(send("first-product", channels=[Channel.SMS]),),
    )
    assert (not [one for one in problems_of([told], Walks()) if "may not carry it" in one]) is allowed


def test_check_names_a_template_that_does_not_exist_and_a_name_used_twice() -> None:
    """Each problem is a sentence of its own."""
    lost = journey(
        name="lost", version=1, starts_on=app_opened, ends_after=days(1), steps=(send("nowhere"),), state="live"
    )
    problems = list(problems_of([lost, lost], Walks()))
    assert "sends 'nowhere', which is not a template" in problems[0]
    assert problems[1] == "lost: two journeys have this name: rename one."
