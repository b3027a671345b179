"""Message texts: one TOML file a template, one text for each language and channel.

A text is Jinja2 with the variables that `variables` names. A journey pins the templates it was published with
by their content, so editing a text means publishing the journeys that send it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from errors import TemplateError
from journeys.names import Channel, ContentHash, Language, MessageClass, TemplateName

FOLDER = Path(__file__).parent


class Text(BaseModel):
    """What one channel shows in one language.

    WeChat keeps the words itself: there `template_id` names them and `data` fills in their fields, while title and
    body say what the customer reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    body: str
    template_id: str = ""
    data: Mapping[str, str] = Field(default_factory=dict)


class Template(BaseModel):
    """A message in every language and channel, with what the gates must know about it."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: TemplateName
    message_class: MessageClass = Field(alias="class")
    sender: str
    approval: str | None = None
    approved_until: date | None = None
    critical: bool = False
    variables: tuple[str, ...] = ()
    texts: Mapping[Language, Mapping[Channel, Text]]

    @model_validator(mode="after")
    def _wechat_names_its_words(self) -> Self:
        for language, channels in self.texts.items():
            for channel, text in channels.items():
                if (channel is Channel.WECHAT) != bool(text.template_id):
                    said = (
                        "needs the template_id of the words at WeChat"
                        if channel is Channel.WECHAT
                        else ("has a template_id, which only a text for wechat may have")
                    )
                    raise ValueError(f"[texts.{language}.{channel}] {said}")
        return self

    def content_hash(self) -> ContentHash:
        """SHA-256 over everything the template says; the same on every host."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))

    def text(self, language: Language, channel: Channel) -> Text:
        """The text for a channel, in the language or else in any other that has it."""
        for candidate in (language, *sorted(self.texts)):
            if text := self.texts.get(candidate, {}).get(channel):
                return text
        raise TemplateError(f"template {self.name!r} has no text for {channel}: add [texts.{language}.{channel}]")


def content_hash(value: object) -> ContentHash:
    """SHA-256 in hex over the canonical JSON of a value."""
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return ContentHash(hashlib.sha256(canonical.encode()).hexdigest())


def load(file: Path) -> Template:
    """Read one template file. Raises `TemplateError` with the file's name and what to mend."""
    try:
        return Template.model_validate({"name": file.stem, **tomllib.loads(file.read_text(encoding="utf-8"))})
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"template {file.name} is not valid TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise TemplateError(f"template {file.name} does not fit: {problems}") from error


@cache
def templates() -> Mapping[TemplateName, Template]:
    """Every template by its name, as the files say today."""
    loaded = (load(file) for file in sorted(FOLDER.glob("*.toml")))
    return MappingProxyType({template.name: template for template in loaded})
