"""Texts with their variables filled in; the same code for what is sent and for what is shown again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import jinja2
from jinja2 import meta
from jinja2.sandbox import SandboxedEnvironment

from errors import TemplateError
from journeys.names import Channel, Language
from journeys.templates import Template, Text

_ENVIRONMENT = SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)

# What an expression in a text can raise: Jinja's own errors, and Python's for values of the wrong kind.
_PROBLEMS = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError)


def render(template: Template, language: Language, channel: Channel, variables: Mapping[str, object]) -> Text:
    """The plain text of a template for a channel, in the language or else in another that it has.

    Raises `TemplateError` with what to mend; it names variables and never holds their values.
    """
    text = template.text(language, channel)
    return Text(
        title=_fill(template, channel, "title", text.title, variables),
        body=_fill(template, channel, "body", text.body, variables),
        template_id=text.template_id,
        data={name: _fill(template, channel, name, value, variables) for name, value in text.data.items()},
    )


def _fill(template: Template, channel: Channel, part: str, source: str, variables: Mapping[str, object]) -> str:
    try:
        return _compiled(source).render(variables)
    except _PROBLEMS as error:
        # Not chained: the original may quote a customer's data.
        raise TemplateError(
            f"template {template.name!r} cannot be filled in, {part} for {channel}: {_remedy(error, source, variables)}"
        ) from None


@lru_cache(maxsize=1024)
def _compiled(source: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(source)


def _remedy(error: Exception, source: str, variables: Mapping[str, object]) -> str:
    """What to mend, without the words of the error where those may quote a value."""
    match error:
        case jinja2.TemplateSyntaxError():
            return f"line {error.lineno} is not valid Jinja2; correct it"
        case jinja2.UndefinedError():
            return _missing(source, variables)
        case _:
            return f"an expression fails with {type(error).__name__}; simplify it, or send a value of the right kind"


def _missing(source: str, variables: Mapping[str, object]) -> str:
    missing = sorted(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)) - variables.keys())
    if not missing:
        return "it uses a part of a variable that is not there; correct the text, or send the whole value"
    return f"nothing gives it {', '.join(missing)}; take the variables out of the text"
