"""Texts are filled in as plain text, or refused with what to mend."""

from typing import Any

import pytest

from activities.rendering import render
from errors import TemplateError
from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Template, Text, templates
from journeys.variables import VariableType


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


@pytest.mark.parametrize(
    "body",
    [
        "{{ points + 1 }}",
        "{{ 1 / 0 }}",
        "{{ points.__class__.__mro__ }}",
        "{{ '{}'.format() }} {{ points }}",
        "{{ '%(points)s' % {} }}",
        "{{ points | dictsort }}",
        "{% macro points() %}{{ points() }}{% endmacro %}{{ points() }}",
    ],
)
def test_what_fails_or_reaches_out_of_the_sandbox_is_an_error(body: str) -> None:
    """An expression that does not work out, or is not allowed, is a template's error and not a crash."""
    with pytest.raises(TemplateError, match="points"):
        rendered(body, points="many")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{{ ['a', 'b'] | random }}", "random"),
        ("{{ lipsum(1) }}", "lipsum"),
        ("{{ cycler('a').next() }}", "cycler"),
        ("{{ joiner()() }} {{ [1] | random }}", "joiner, random"),
    ],
)
def test_chance_has_no_place_in_a_text(body: str, named: str) -> None:
    """What was sent is told again from its record, word for word."""
    with pytest.raises(TemplateError, match=f"body for inbox: {named} would fill in another text each time; take it"):
        rendered(body)


@pytest.mark.parametrize("body", ["{{ [1] | map('string') }}", "{{ 'a'.upper }}", "{{ range }}", "{{ none }}"])
def test_only_texts_and_numbers_are_written(body: str) -> None:
    """Of anything else Python would say where it lies in memory: another text at each time."""
    with pytest.raises(TemplateError, match="fails with TypeError"):
        rendered(body)


@pytest.mark.parametrize("name", sorted(templates()))
def test_every_shipped_text_can_be_filled_in(name: TemplateName) -> None:
    """Each text of each template renders with a value for each of its variables."""
    shipped = templates()[name]
    for language, texts in shipped.texts.items():
        for channel in texts:
            assert render(shipped, language, channel, {}).body


TYPED = {
    "text": (VariableType.TEXT, "a {{ 1 }} b", "a {{ 1 }} b"),
    "number": (VariableType.NUMBER, 12345, "12,345"),
    "number from text": (VariableType.NUMBER, "12345.0", "12,345"),
    "money": (VariableType.MONEY, "1000", "1,000.00"),
    "money from JSON": (VariableType.MONEY, 1000.5, "1,000.50"),
    "money that is not rounded": (VariableType.MONEY, "0.123", "0.123"),
    "money with zeros": (VariableType.MONEY, "5.1000", "5.10"),
    "date": (VariableType.DATE, "2026-11-22", "22 November 2026"),
    "date of a moment": (VariableType.DATE, "2026-11-22T09:00:00+08:00", "22 November 2026"),
}


def typed(kind: VariableType, value: object, language: Language = Language.ENGLISH) -> str:
    """A variable of an event, written into a text."""
    one = template("{{ event.it }}")
    texts = {language: one.texts[Language.ENGLISH]}
    one = one.model_copy(update={"variables": {"event.it": kind}, "texts": texts})
    return render(one, language, Channel.INBOX, {"event.it": value}).body


@pytest.mark.parametrize(("kind", "value", "words"), TYPED.values(), ids=TYPED)
def test_a_variable_is_written_by_its_type(kind: VariableType, value: object, words: str) -> None:
    """Thousands are set apart, an amount has two places, a value is never taken for a text to fill in."""
    assert typed(kind, value) == words


def test_a_date_is_written_as_the_language_has_it() -> None:
    """Year, month, day in Chinese."""
    assert typed(VariableType.DATE, "2026-01-05", Language.CHINESE) == "2026年1月5日"


def test_a_date_in_the_text_of_another_language_is_written_as_that_language_has_it() -> None:
    """Who gets an English text for want of a Chinese one gets English dates in it."""
    one = template("By {{ event.it }}.").model_copy(update={"variables": {"event.it": VariableType.DATE}})
    assert render(one, Language.CHINESE, Channel.INBOX, {"event.it": "2026-01-05"}).body == "By 5 January 2026."


def test_a_text_may_ask_for_what_the_event_left_out() -> None:
    """Also where the event has nothing else of what it names."""
    one = template("{{ event.it | default('something') }}{% if event.it is defined %}!{% endif %}")
    one = one.model_copy(update={"variables": {"event.it": VariableType.TEXT}})
    assert render(one, Language.ENGLISH, Channel.INBOX, {}).body == "something"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (VariableType.NUMBER, "1.5"),
        (VariableType.NUMBER, "many"),
        (VariableType.MONEY, "NaN"),
        (VariableType.MONEY, "1,000"),
        (VariableType.DATE, "tomorrow"),
    ],
)
def test_a_value_of_another_type_is_an_error_that_does_not_quote_it(kind: VariableType, value: str) -> None:
    """Nobody is sent a text with half a value in it."""
    with pytest.raises(TemplateError, match=rf"value for event\.it is no {kind}: correct its type") as error:
        typed(kind, value)
    assert value not in str(error.value)


def test_a_missing_variable_of_an_event_is_named_with_its_dots() -> None:
    """As the template names it."""
    with pytest.raises(TemplateError, match=r"nothing gives it event\.amount; take"):
        rendered("{{ event.amount }} {{ points }}", points=1)


@pytest.mark.parametrize(("title", "body"), [("x" * 101, "x"), ("x", "x" * 5001)])
def test_what_a_channel_would_cut_is_not_sent(title: str, body: str) -> None:
    """The customer would get half a sentence, perhaps without the risk note."""
    with pytest.raises(TemplateError, match="the channel takes"):
        render(template(body, title), Language.ENGLISH, Channel.INBOX, {})


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\t", "\u202e", "\u2066"])
def test_a_sign_that_nobody_sees_is_not_sent(sign: str) -> None:
    """It could come in by a variable, and turn what was approved into something else."""
    with pytest.raises(TemplateError, match="a control character"):
        rendered("{{ name }}", name=f"A{sign}B")


def by(channel: Channel, **parts: Any) -> Template:
    """A template with a text for a channel."""
    return Template(
        name=TemplateName("points"),
        message_class=MessageClass.SERVICE,
        sender="Sojourn Securities",
        texts={Language.ENGLISH: {channel: Text(**{"title": "t", "body": "b", **parts})}},
    )


TOO_LONG = {
    "a push with a long Chinese title": (
        Channel.APP_PUSH,
        {"title": "好" * 21},
        "title .*: 42 units .*, and the .* 40",
    ),
    "a push with a long title": (
        Channel.APP_PUSH,
        {"title": "x" * 33},
        "title .*: 33 characters, and the channel takes 32",
    ),
    "a push with a long Chinese body": (Channel.APP_PUSH, {"body": "好" * 51}, "body .*: 102 units .*, and the .* 100"),
    "a push with a long body": (Channel.APP_PUSH, {"body": "x" * 101}, "101 characters, and the channel takes 100"),
    "an SMS": (Channel.SMS, {"body": "x" * 501}, "501 characters, and the channel takes 500"),
    "a thing of WeChat": (Channel.WECHAT, {"data": {"thing1": "x" * 21}}, "thing1 for wechat: 21 .* takes 20"),
    "a name of WeChat": (Channel.WECHAT, {"data": {"name12": "好" * 11}}, "name12 for wechat: 22 units"),
    "a field unknown to us": (Channel.WECHAT, {"data": {"poem1": "x" * 65}}, "poem1 for wechat: 65 characters"),
}


@pytest.mark.parametrize(("channel", "parts", "said"), TOO_LONG.values(), ids=TOO_LONG)
def test_what_a_channel_does_not_take_whole_is_not_sent(channel: Channel, parts: dict[str, Any], said: str) -> None:
    """In the unit that its providers count in: to makers of phones a Chinese character is two."""
    with pytest.raises(TemplateError, match=said):
        render(by(channel, **parts), Language.ENGLISH, channel, {})


FITS = [
    (Channel.APP_PUSH, {"title": "好" * 20, "body": "好" * 50}),
    (Channel.SMS, {"title": "x" * 5_000, "body": "x" * 500}),
    (Channel.WECHAT, {"title": "x" * 5_000, "body": "x" * 5_000, "data": {"thing1": "好" * 20, "name1": "好" * 10}}),
]


@pytest.mark.parametrize(("channel", "parts"), FITS)
def test_only_what_is_sent_is_measured(channel: Channel, parts: dict[str, Any]) -> None:
    """An SMS has no title, and WeChat gets the fields."""
    one = by(channel, **parts)
    assert render(one, Language.ENGLISH, channel, {}) == one.texts[Language.ENGLISH][channel]


def test_a_field_for_wechat_with_a_sign_that_nobody_sees_is_not_sent() -> None:
    """It is sent like any other words."""
    with pytest.raises(TemplateError, match="thing1 for wechat: a control character"):
        render(by(Channel.WECHAT, data={"thing1": "a\u202eb"}), Language.ENGLISH, Channel.WECHAT, {})
