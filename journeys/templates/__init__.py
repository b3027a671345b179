"""Message texts: one TOML file a template, one text for each language and channel.

A text is Jinja2 with the variables that `variables` names (journeys/variables.py). A journey pins the templates it
was published with by their content, so editing a text means publishing the journeys that send it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from errors import TemplateError
from journeys.names import Channel, ContentHash, Language, MessageClass, TemplateName
from journeys.variables import POINTS, PRODUCT, VariableType, flat, is_known

FOLDER = Path(__file__).parent


class Text(BaseModel):
    """What one channel shows in one language.

    WeChat keeps the words itself: there `template_id` names them and `data` fills in their fields, while title and
    body say what the customer reads, for whoever asks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    body: str
    template_id: str = ""
    data: Mapping[str, str] = Field(default_factory=dict)

    def content_hash(self) -> ContentHash:
        """SHA-256 over the words; of a text that is filled in it tells what a channel was handed."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))

    def sent_by(self, channel: Channel) -> dict[str, str]:
        """The parts that go out by a channel, by name: limits, `check` and whoever shows a touch look at these.

        An SMS has no title, and to WeChat only the fields are given.
        """
        match channel:
            case Channel.APP_PUSH | Channel.INBOX:
                return {"title": self.title, "body": self.body}
            case Channel.SMS:
                return {"body": self.body}
            case Channel.WECHAT:
                return dict(self.data)
            case _:
                assert_never(channel)


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

    The model says how a template looks; what it has to hold, `load` asks of the files. So a text that was sent can
    still be read when a rule has come since.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: TemplateName
    message_class: MessageClass = Field(alias="class")
    sender: str
    approval: str | None = None
    approved_until: date | None = None
    critical: bool = False
    variables: Mapping[str, VariableType] = Field(default_factory=dict)
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

    def content_hash(self) -> ContentHash:
        """SHA-256 over everything the template says; the same on every host."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))

    def text(self, language: Language, channel: Channel, *, plain: bool = False) -> tuple[Language, Text]:
        """The text for a channel and its language: the one asked for, or else any other that has it.

        The plain one if there is one. Raises `TemplateError` if no language has a text for the channel.
        """
        texts = self.plain if plain and self.plain else self.texts
        for candidate in (language, *sorted(texts)):
            if text := texts.get(candidate, {}).get(channel):
                return candidate, text
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
        said = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        template = Template.model_validate({**said, "name": file.stem})
    except UnicodeDecodeError as error:
        raise TemplateError(f"template {file.name} is not UTF-8: save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"template {file.name} is not valid TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(_problem(e["loc"], e["msg"]) for e in error.errors())
        raise TemplateError(f"template {file.name} does not fit: {problems}") from error
    if problems := "; ".join(_missing(said, template)):
        raise TemplateError(f"template {file.name} does not fit: {problems}")
    return template


def _missing(said: Mapping[str, object], template: Template) -> Iterator[str]:
    """What a new template has to hold beyond its shape; what was sent once is not asked."""
    if "name" in said:
        yield "name: the name of the file is the template's name: take name = out"
    if template.critical and template.approval is None:
        yield "critical = true needs an approval: write approval = its number, or take critical out"
    if template.message_class is MessageClass.ADVICE and template.adviser is None:
        yield "class advice needs [adviser] with name and registration: write who gives the advice"
    if template.plain and _places(template.plain) != _places(template.texts):
        yield "[plain…] has other languages or channels than [texts…]: write one for each text"
    for name in template.variables:
        if not is_known(name):
            yield f"variables.{name}: a variable is {POINTS}, {', '.join(PRODUCT)} or event.FIELD, as in event.amount"
    yield from _words_at_wechat(template)


def _words_at_wechat(template: Template) -> Iterator[str]:
    for texts in (template.texts, template.plain):
        for language, channel in sorted(_places(texts)):
            if (channel is Channel.WECHAT) != bool(texts[language][channel].template_id):
                needs = "needs" if channel is Channel.WECHAT else "cannot use"
                yield f"[….{language}.{channel}] {needs} template_id, the name of the words at WeChat"


@cache
def templates() -> Mapping[TemplateName, Template]:
    """Every template by its name, as the files say today."""
    loaded = (load(file) for file in sorted(FOLDER.glob("*.toml")))
    return MappingProxyType({template.name: template for template in loaded})


def _problem(place: tuple[int | str, ...], said: str) -> str:
    said = said.removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {said}" if place else said
