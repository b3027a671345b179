"""The exact text of a message."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import StrictUndefined
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import SandboxedEnvironment

from errors import TemplateError
from journeys.names import Channel, Language
from journeys.templates import Template, Text

_environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def render(template: Template, language: Language, channel: Channel, variables: Mapping[str, str]) -> Text:
    """Fill in a template's text. Raises `TemplateError` when a variable is missing or the text is faulty."""
    text = template.text(language, channel)
    try:
        return Text(
            title=_environment.from_string(text.title).render(variables),
            body=_environment.from_string(text.body).render(variables),
        )
    except JinjaError as error:
        raise TemplateError(f"template {template.name!r} cannot be filled in for {channel}: {error}") from error
