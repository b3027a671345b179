"""`starter.py check` on texts: where the problem is, and what to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cli.texts import text_problems, text_warnings
from journeys.events import account_opened, app_opened, deposit_made
from journeys.language import days, journey, send
from journeys.names import Channel, Language, TemplateName
from journeys.published import Published, with_templates
from journeys.templates import Template, load
from journeys.words import Trigger

TODAY = date(2026, 11, 22)
GOOD = """class = "service"
sender = "Sojourn Securities"
{head}

[texts.en.inbox]
title = "Sojourn Securities: hello"
body = "{body}"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the templates are."""
    monkeypatch.setattr("cli.texts.FOLDER", tmp_path)
    return tmp_path


def hello(folder: Path, body: str, head: str = "") -> Template:
    """A template in a file."""
    file = folder / "hello.toml"
    file.write_text(GOOD.format(head=head, body=body), encoding="utf-8")
    return load(file)


def problems(template: Template, starts_on: Trigger = deposit_made, state: str = "live") -> list[str]:
    """What `check` says of a journey that sends it."""
    return list(text_problems(greeting(template, starts_on, state), TODAY))


def greeting(template: Template, starts_on: Trigger = deposit_made, state: str = "live") -> Published:
    """A journey that sends it."""
    told = journey(
        name="greeting",
        version=1,
        state=state,  # type: ignore[arg-type]
        starts_on=starts_on,
        ends_after=days(1),
        steps=(send("hello", channels=[Channel.INBOX]),),
    )
    return with_templates(told, {template.name: template})


def test_a_text_without_faults_is_not_spoken_of(folder: Path) -> None:
    """With a variable of the event that starts the journey."""
    assert problems(hello(folder, "{{ event.amount }} has come.", '[variables]\nevent.amount = "money"')) == []


def test_a_problem_names_file_and_line(folder: Path) -> None:
    """An editor jumps there."""
    (problem,) = problems(hello(folder, "It is guaranteed."))
    assert problem == (
        "greeting: journeys/templates/hello.toml:5 [texts.en.inbox]: 'guaranteed' may not be said"
        " (Advertising Law, Art. 25): take it out."
    )


def test_the_words_of_a_draft_are_warned_of(folder: Path) -> None:
    """Once it is live they are a problem; what could not be sent is one at once."""
    promising = hello(folder, "It is guaranteed.")
    assert problems(promising, state="draft") == []
    assert list(text_warnings([greeting(promising, state="draft")], TODAY)) == problems(promising)
    assert problems(hello(folder, "{{ points }}"), state="draft")


def test_a_placeholder_does_not_go_live(folder: Path) -> None:
    """What `new-journey` writes is for somebody to write anew."""
    (problem,) = problems(hello(folder, "A text to be written."))
    assert problem.endswith("'to be written' stands for words that nobody has written: write them.")


VARIABLES = {
    "not named": ("{{ points }}", "", "'points' is not declared: name it under [variables], or take it out"),
    "not named in a branch that the sample does not take": (
        "{% if event.amount == 'none' %}{{ points }}{% endif %}",
        '[variables]\nevent.amount = "money"',
        "'points' is not declared: name it under [variables]",
    ),
    "named as a whole": ("{{ event }}", "", "'event' is not declared"),
    "named by its key": ("{{ event['amount'] }}", "", "'event.amount' is not declared"),
    "sometimes not there": (
        "In {{ event.currency }}",
        '[variables]\nevent.currency = "text"',
        "deposit_made may leave 'currency' out, and the touch would fail: write {{ event.currency | default('…') }}",
    ),
    "asked for too late": (
        "{{ event.currency }}{% if event.currency is defined %}{{ event.currency }}{% endif %}",
        '[variables]\nevent.currency = "text"',
        "may leave 'currency' out",
    ),
    **{
        f"used where it is not there: {body}": (
            body,
            '[variables]\nevent.currency = "text"',
            "may leave 'currency' out",
        )
        for body in (
            "{% if event.currency is not defined %}{{ event.currency }}{% endif %}",
            "{% if event.currency is undefined %}{{ event.currency }}{% endif %}",
            "{% if not event.currency is not defined %}CNY{% else %}{{ event.currency }}{% endif %}",
            "{% if event.currency is defined %}there{% else %}{{ event.currency }}{% endif %}",
            "{% if event.currency is defined or 1 == 1 %}{{ event.currency }}{% endif %}",
            "{% if event.currency is not defined and 1 == 2 %}x{% else %}{{ event.currency }}{% endif %}",
            "{% if event.currency is not defined and event.currency == 'USD' %}dollars{% endif %}",
            "{{ 'CNY' if event.currency is defined else event.currency }}",
        )
    },
    "of chance": ("{{ ['a'] | random }}", "", "random would fill in another text each time; take it out"),
    "of chance, by a function": ("{{ lipsum() }}", "", "lipsum would fill in another text each time; take it out"),
    "not used": ("Hello", '[variables]\npoints = "number"', "no text uses the variable 'points': take it out"),
    "of no event": (
        "{{ event.colour }}",
        '[variables]\nevent.colour = "text"',
        "deposit_made, which starts the journey, has no field 'colour'",
    ),
    "of no product": (
        "{{ product.name }}",
        '[variables]\nproduct.name = "text"',
        "step 'hello' has no product= for 'product.name': name one, or take it out",
    ),
}


@pytest.mark.parametrize(("body", "head", "said"), VARIABLES.values(), ids=VARIABLES)
def test_a_variable_that_would_fail_every_touch_is_found(folder: Path, body: str, head: str, said: str) -> None:
    """Before anybody enters."""
    (problem,) = problems(hello(folder, body, head), state="draft")
    assert said in problem


@pytest.mark.parametrize(
    "body",
    [
        "{{ event.currency | default('CNY') }}",
        "{% if event.currency is defined %}{{ event.currency }}{% endif %}",
        "{% if event.currency is not defined %}CNY{% else %}{{ event.currency }}{% endif %}",
        "{{ event.currency if event.currency is defined else 'CNY' }}",
        "{% if event.currency is defined and event.currency == 'USD' %}dollars{% endif %}",
        "{% if event.currency is not defined or event.currency == 'CNY' %}{% else %}{{ event.currency }}{% endif %}",
        "{% if event.currency is undefined %}CNY{% elif event.currency == 'USD' %}dollars{% endif %}",
        "{% if not event.currency is defined %}CNY{% else %}{{ event.currency }}{% endif %}",
    ],
)
def test_a_text_that_provides_for_what_the_event_may_leave_out_is_taken(folder: Path, body: str) -> None:
    """By a default, or by asking first."""
    assert problems(hello(folder, body, '[variables]\nevent.currency = "text"')) == []


def test_a_promise_is_found_in_what_a_text_comes_to(folder: Path) -> None:
    """Where its source does not have the word."""
    (problem,) = problems(hello(folder, "{{ 'guaran' ~ 'teed' }}"))
    assert "'guaranteed' may not be said" in problem


def test_an_event_without_the_field_is_named(folder: Path) -> None:
    """Whichever event starts the journey has to have it."""
    template = hello(folder, "{{ event.amount }}", '[variables]\nevent.amount = "money"')
    for event in (app_opened, account_opened):
        (problem,) = problems(template, event)
        assert f"{event}, which starts the journey, has no field 'amount': take 'event.amount' out" in problem


def test_a_text_that_is_too_long_is_found(folder: Path) -> None:
    """As it would fail at every send."""
    (problem,) = problems(hello(folder, "x" * 5001))
    assert "5001 characters, and the channel takes 5000: shorten it" in problem


def test_an_approval_about_to_end_is_a_warning(folder: Path) -> None:
    """Once for each template, however many journeys send it."""
    template = hello(folder, "Hello", 'approval = "HG-1"\napproved_until = 2026-12-01')
    told = journey(
        name="greeting",
        version=1,
        state="live",
        starts_on=app_opened,
        ends_after=days(1),
        steps=(send("hello", channels=[Channel.INBOX]),),
    )
    value = with_templates(told, {TemplateName("hello"): template})
    assert list(text_warnings([value, value], TODAY)) == [
        "journeys/templates/hello.toml: its approval ends on 2026-12-01: have it approved anew, or its touches are"
        " withheld from then on."
    ]
    assert Language.ENGLISH in template.texts
