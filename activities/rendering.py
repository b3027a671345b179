"""Texts with their variables filled in; the same code for what is sent and for what is shown again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import jinja2

from activities.expressions import ENVIRONMENT, by_chance_in, names_in
from activities.variables import written
from errors import TemplateError
from journeys.channels import longest, units
from journeys.names import Channel, Language
from journeys.templates import Template, Text

# What an expression in a text can raise: Jinja's own errors, and Python's for values of the wrong kind.
_PROBLEMS = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)

_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of writing: a text could read otherwise than as approved."""


def render(
    template: Template, language: Language, channel: Channel, variables: Mapping[str, object], *, plain: bool = False
) -> Text:
    """The plain text of a template for a channel, in the language or else in another that it has, fit to be sent.

    `variables` holds values as they are recorded; those that the template types are written in the language of the
    text. Raises `TemplateError` with what to mend; it names variables and never holds their values.
    """
    text = fill(template, language, channel, variables, plain=plain)
    check_fits(template.name, channel, text)
    return text


def fill(
    template: Template, language: Language, channel: Channel, variables: Mapping[str, object], *, plain: bool = False
) -> Text:
    """The text as it was sent once, whatever a channel takes today. Raises `TemplateError` as `render` does."""
    written_in, text = template.text(language, channel, plain=plain)
    values = written(template, written_in, variables)

    def filled(parts: Mapping[str, str]) -> dict[str, str]:
        return {part: _fill(template, channel, part, source, values, variables) for part, source in parts.items()}

    words = filled({"title": text.title, "body": text.body})
    return text.model_copy(update={**words, "data": filled(text.data)})


def check_fits(name: str, channel: Channel, text: Text) -> None:
    """Raise `TemplateError` if the channel does not take the text whole, or if it holds what nobody sees."""
    for part, words in text.sent_by(channel).items():
        if problem := _too_long(channel, part, words):
            raise TemplateError(f"template {name!r}, {part} for {channel}: {problem}: shorten it")
        if _UNSEEN.search(words):
            raise TemplateError(f"template {name!r}, {part} for {channel}: a control character is in it: take it out")


def _too_long(channel: Channel, part: str, words: str) -> str:
    """By how much a part is too long; empty if it is not."""
    limit = longest(channel, part)
    if limit.characters is not None and len(words) > limit.characters:
        return f"{len(words)} characters, and the channel takes {limit.characters}"
    if limit.units is not None and units(words) > limit.units:
        return f"{units(words)} units (a Chinese character is two), and the channel takes {limit.units}"
    return ""


def _fill(
    template: Template,
    channel: Channel,
    part: str,
    source: str,
    values: Mapping[str, object],
    variables: Mapping[str, object],
) -> str:
    try:
        return _compiled(source).render(values)
    except _PROBLEMS as error:
        # Not chained: the original may quote a customer's data.
        raise TemplateError(
            f"template {template.name!r} cannot be filled in, {part} for {channel}: {_remedy(error, source, variables)}"
        ) from None


@lru_cache(maxsize=1024)
def _compiled(source: str) -> jinja2.Template:
    return ENVIRONMENT.from_string(source)


def _remedy(error: Exception, source: str, variables: Mapping[str, object]) -> str:
    """What to mend, without the words of the error where those may quote a value."""
    match error:
        case jinja2.TemplateAssertionError() | jinja2.UndefinedError() if chance := by_chance_in(source):
            return f"{', '.join(chance)} would fill in another text each time; take it out"
        case jinja2.TemplateSyntaxError():
            return f"line {error.lineno} is not valid Jinja2; correct it"
        case jinja2.UndefinedError():
            return _missing(source, variables)
        case _:
            return f"an expression fails with {type(error).__name__}; simplify it, or send a value of the right kind"


def _missing(source: str, variables: Mapping[str, object]) -> str:
    missing = sorted(names_in(source) - variables.keys())
    if not missing:
        return "it uses a part of a variable that is not there; correct the text, or send the whole value"
    return f"nothing gives it {', '.join(missing)}; take the variables out of the text, or name them under [variables]"
