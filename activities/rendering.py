"""Texts with their variables filled in; the same code for what is sent and for what is shown again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from activities.variables import written
from errors import TemplateError
from journeys.channels import LONGEST
from journeys.names import Channel, Language
from journeys.templates import Template, Text

_ENVIRONMENT = SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)

# What an expression in a text can raise: Jinja's own errors, and Python's for values of the wrong kind.
_PROBLEMS = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError)


_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of writing: a text could read otherwise than as approved."""


def render(
    template: Template, language: Language, channel: Channel, variables: Mapping[str, object], *, plain: bool = False
) -> Text:
    """The plain text of a template for a channel, in the language or else in another that it has, fit to be sent.

    `variables` holds values as they are recorded; those that the template types are written in the language. Raises
    `TemplateError` with what to mend; it names variables and never holds their values.
    """
    text = fill(template, language, channel, variables, plain=plain)
    check_fits(template.name, channel, text)
    return text


def fill(
    template: Template, language: Language, channel: Channel, variables: Mapping[str, object], *, plain: bool = False
) -> Text:
    """The text as it was sent once, whatever a channel takes today. Raises `TemplateError` as `render` does."""
    text = template.text(language, channel, plain=plain)
    values = written(template, language, variables)

    def filled(parts: Mapping[str, str]) -> dict[str, str]:
        return {part: _fill(template, channel, part, source, values, variables) for part, source in parts.items()}

    words = filled({"title": text.title, "body": text.body})
    return text.model_copy(update={**words, "data": filled(text.data)})


def check_fits(name: str, channel: Channel, text: Text) -> None:
    """Raise `TemplateError` if the channel would cut the text, or if it holds what nobody sees."""
    for part, longest in LONGEST[channel]._asdict().items():
        words: str = getattr(text, part)
        if len(words) > longest:
            raise TemplateError(
                f"template {name!r}, {part} for {channel}: {len(words)} characters, and the channel takes {longest}:"
                " shorten it"
            )
        if _UNSEEN.search(words):
            raise TemplateError(f"template {name!r}, {part} for {channel}: a control character is in it: take it out")


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
    missing = sorted(names_in(source) - variables.keys())
    if not missing:
        return "it uses a part of a variable that is not there; correct the text, or send the whole value"
    return f"nothing gives it {', '.join(missing)}; take the variables out of the text, or name them under [variables]"


def names_in(source: str) -> set[str]:
    """The variables that a text names, with their dots: `event.amount`. Raises Jinja's error if it is no template."""
    tree = _ENVIRONMENT.parse(source)
    free = meta.find_undeclared_variables(tree)
    dotted = {
        (node.node.name, node.attr)
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name in free
    }
    parents = {name for name, _ in dotted}
    return {f"{name}.{part}" for name, part in dotted} | (free - parents)
