"""Message texts: one TOML file a template, one text for each language and channel.

A text is Jinja2 with the variables that `variables` names (journeys/variables.py). A journey pins the templates it
was published with by their content, so editing a text means publishing the journeys that send it.
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
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from errors import TemplateError
from journeys.names import Channel, ContentHash, Language, MessageClass, TemplateName
from journeys.variables import VariableName, VariableType, flat

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

    def content_hash(self) -> ContentHash:
        """SHA-256 over the words; of a text that is filled in it tells what a channel was handed."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))


Texts = Mapping[Language, Mapping[Channel, Text]]


class Adviser(BaseModel):
    """Who gives the advice of a text, with the number that the adviser is registered under (compliance.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    registration: str = Field(min_length=1)


class Template(BaseModel):
    """A message in every language and channel, with what the gates must know about it.

    `critical` lifts quiet hours, caps and the holdout, and needs an approval. `plain` is what a customer gets who wants
    nothing personalised (PIPL 24). `risk_note` and `stop` are this template's own words, where those of the house
    (journeys/wording.py) do not do; the texts have to hold them. What is at its default changes no hash.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: TemplateName
    message_class: MessageClass = Field(alias="class")
    sender: str
    approval: str | None = None
    approved_until: date | None = None
    critical: bool = False
    variables: Mapping[VariableName, VariableType] = Field(default_factory=dict)
    adviser: Adviser | None = None
    risk_note: Mapping[Language, str] = Field(default_factory=dict)
    stop: Mapping[Language, str] = Field(default_factory=dict)
    texts: Texts
    plain: Texts = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _dots_are_tables(cls, values: Any) -> Any:
        """In TOML `event.amount = "money"` is a table in a table."""
        if isinstance(values, dict) and isinstance(values.get("variables"), dict):
            return {**values, "variables": flat(values["variables"])}
        return values

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.critical and self.approval is None:
            raise ValueError("critical = true needs an approval: write approval = its number, or take critical out")
        if self.message_class is MessageClass.ADVICE and self.adviser is None:
            raise ValueError("class advice needs [adviser] with name and registration: write who gives the advice")
        if self.plain and _places(self.plain) != _places(self.texts):
            raise ValueError("[plain…] has other languages or channels than [texts…]: write one for each text")
        return self

    @model_validator(mode="after")
    def _wechat_names_its_words(self) -> Self:
        for texts in (self.texts, self.plain):
            for language, channel in _places(texts):
                if (channel is Channel.WECHAT) != bool(texts[language][channel].template_id):
                    said = "needs" if channel is Channel.WECHAT else "cannot use"
                    raise ValueError(f"[….{language}.{channel}] {said} template_id, the name of the words at WeChat")
        return self

    def content_hash(self) -> ContentHash:
        """SHA-256 over everything the template says; the same on every host."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))

    def text(self, language: Language, channel: Channel, *, plain: bool = False) -> Text:
        """The text for a channel, in the language or else in any other that has it; the plain one if there is one."""
        texts = self.plain if plain and self.plain else self.texts
        for candidate in (language, *sorted(texts)):
            if text := texts.get(candidate, {}).get(channel):
                return text
        raise TemplateError(f"template {self.name!r} has no text for {channel}: add [texts.{language}.{channel}]")


def _places(texts: Texts) -> set[tuple[Language, Channel]]:
    return {(language, channel) for language, channels in texts.items() for channel in channels}


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
        problems = "; ".join(_problem(e["loc"], e["msg"]) for e in error.errors())
        raise TemplateError(f"template {file.name} does not fit: {problems}") from error


@cache
def templates() -> Mapping[TemplateName, Template]:
    """Every template by its name, as the files say today."""
    loaded = (load(file) for file in sorted(FOLDER.glob("*.toml")))
    return MappingProxyType({template.name: template for template in loaded})


def _problem(place: tuple[int | str, ...], said: str) -> str:
    said = said.removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {said}" if place else said
