"""Published journeys: append-only JSON, one file a version, addressed by the hash of its content.

A customer keeps the definition they entered with, so a file here is never edited and never removed while
somebody may be in it. `starter.py publish JOURNEY` writes one; review sees it in the diff.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from errors import JourneyError
from journeys.names import ContentHash, TemplateName
from journeys.templates import Template, content_hash
from journeys.words import Journey, Send, all_steps

FOLDER = Path(__file__).parent


class Published(BaseModel):
    """A journey together with the texts it sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    journey: Journey
    templates: Mapping[TemplateName, Template]

    def content_hash(self) -> ContentHash:
        """What a run refers to: changes with any word of the journey or of its texts, not with its state.

        Values that are at their default are left out: a word or an attribute that the language gains later changes
        no hash. (So a default is never changed: the language gets a new field instead.)

        Whether a journey is live or closed says who may enter, nothing of what happens inside.
        """
        return content_hash(self.model_dump(mode="json", exclude_defaults=True, exclude={"journey": {"state"}}))

    def file_name(self) -> str:
        """Name, version and the beginning of the hash: two texts under one number cannot hide."""
        return f"{self.journey.name}-{self.journey.version}-{self.content_hash()[:12]}.json"


def with_templates(journey: Journey, templates: Mapping[TemplateName, Template]) -> Published:
    """Join a journey with the templates it sends. Raises `JourneyError` when one is missing."""
    names = sorted({step.template for step in all_steps(journey.steps) if isinstance(step, Send)})
    if missing := [name for name in names if name not in templates]:
        raise JourneyError(
            f"journey {journey.name!r} sends {missing[0]!r}, which is not a template:"
            f" write journeys/templates/{missing[0]}.toml or mend the name"
        )
    return Published(journey=journey, templates={name: templates[name] for name in names})


@cache
def published() -> Mapping[ContentHash, Published]:
    """Every version ever published, by its content hash."""
    return MappingProxyType({p.content_hash(): p for p in _read(sorted(FOLDER.glob("*.json")))})


def release() -> str:
    """What this process ships, in eight characters: another where a published journey is missing or too many."""
    return content_hash(sorted(published()))[:8]


def is_published(value: Published) -> bool:
    """Whether a journey is published as it stands, its state apart."""
    stored = published().get(value.content_hash())
    if stored is None:
        return False
    return stored == value.model_copy(
        update={"journey": value.journey.model_copy(update={"state": stored.journey.state})}
    )


def _read(files: Iterable[Path]) -> Iterable[Published]:
    for file in files:
        value = Published.model_validate_json(file.read_text(encoding="utf-8"))
        if value.file_name() != file.name:
            raise JourneyError(f"published/{file.name} was edited: restore it, and publish the change as a new version")
        yield value
