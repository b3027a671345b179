"""Texts are filled in as plain text, or refused with what to mend."""

from typing import Any

import pytest

from activities.rendering import render
from errors import TemplateError
from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Template, Text, templates


def template(body: str, title: str = "Points") -> Template:
    """A template with an English inbox text."""
    return Template(
        name=TemplateName("points"),
        message_class=MessageClass.SERVICE,
        sender="Sojourn Securities",
        texts={Language.ENGLISH: {Channel.INBOX: Text(title=title, body=body)}},
    )


def rendered(body: str, **variables: Any) -> str:
    """The body in the inbox."""
    return render(template(body), Language.ENGLISH, Channel.INBOX, variables).body


def test_variables_are_filled_in_title_and_body() -> None:
    """Both parts of a text may use variables."""
    filled = render(
        template("You have {{ points }}.", "{{ points }}!"), Language.ENGLISH, Channel.INBOX, {"points": 20}
    )
    assert filled == Text(title="20!", body="You have 20.")


def test_a_text_is_plain_and_not_html() -> None:
    """Signs that mean something in HTML stay as they are: the App shows text."""
    assert rendered("{{ name }} & more", name="<A&B>") == "<A&B> & more"


def test_another_language_stands_in_for_a_missing_one() -> None:
    """A customer whose language has no text gets it in one that there is."""
    assert render(template("Hello"), Language.CHINESE, Channel.INBOX, {}).body == "Hello"


def test_a_channel_without_a_text_is_an_error() -> None:
    """No text is made up for a channel."""
    with pytest.raises(TemplateError, match="no text for app_push"):
        render(template("Hello"), Language.ENGLISH, Channel.APP_PUSH, {})


def test_missing_variables_are_all_named() -> None:
    """Who has to mend the text sees every name at once."""
    with pytest.raises(TemplateError, match=r"'points'.* body for inbox: nothing gives it amount, points; take the"):
        rendered("{{ points }} {{ amount }} {{ given }}", given=1)


def test_a_missing_part_is_an_error_that_does_not_quote_values() -> None:
    """The value of a variable never stands in the error."""
    with pytest.raises(TemplateError) as error:
        rendered("{{ prices[name] }}", prices={}, name="13812345678")
    assert "13812345678" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize("body", ["{{ points", "{% if points %}", "{{ points | nonsense }}"])
def test_what_is_not_jinja_names_the_line(body: str) -> None:
    """A text that does not parse says where."""
    with pytest.raises(TemplateError, match="line 1 is not valid Jinja2"):
        rendered(body, points=1)


@pytest.mark.parametrize("body", ["{{ points + 1 }}", "{{ 1 / 0 }}", "{{ points.__class__.__mro__ }}"])
def test_what_fails_or_reaches_out_of_the_sandbox_is_an_error(body: str) -> None:
    """An expression that does not work out, or is not allowed, is a template's error and not a crash."""
    with pytest.raises(TemplateError, match="points"):
        rendered(body, points="many")


@pytest.mark.parametrize("name", sorted(templates()))
def test_every_shipped_text_can_be_filled_in(name: TemplateName) -> None:
    """Each text of each template renders with a value for each of its variables."""
    shipped = templates()[name]
    for language, texts in shipped.texts.items():
        for channel in texts:
            assert render(shipped, language, channel, dict.fromkeys(shipped.variables, "x")).body
