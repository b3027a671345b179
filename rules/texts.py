"""What is wrong with a text before anybody is sent it: promises, what has to be said, who approved it.

The words are in journeys/wording.py. Everything here is pure; the day is given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from journeys.channels import NAMES_ITS_SENDER
from journeys.names import Channel, Language, MessageClass
from journeys.templates import Template, Text
from journeys.wording import BANNED, DENIED, INVESTING, PLACEHOLDER, RISK_NOTE, SPEAKERS, STOP, TO_STOP
from rules.gates import APPROVED_CLASSES

WARN_FOR = timedelta(days=30)
"""How long before an approval ends `check` speaks of it."""

_BETWEEN_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff]) +(?=[\u4e00-\u9fff])")
_BLANK = "\u034f\u115f\u1160\u2800\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
"""Signs that show nothing, and are of no class of their own: fillers, joiners, variants."""


class Place(NamedTuple):
    """Where a text stands in its file: `texts` or `plain`, language and channel; nowhere for the whole template."""

    table: str
    language: Language
    channel: Channel

    def __str__(self) -> str:
        return ".".join(self)


class Finding(NamedTuple):
    """What is wrong, where, and how to mend it."""

    place: Place | None
    sentence: str


def findings(
    template: Template, today: date, *, with_product: bool = False, filled: Mapping[Place, Text] | None = None
) -> Iterator[Finding]:
    """All that is wrong with a template; `with_product` if a step sends it with one.

    `filled` has its texts filled in with samples, as far as that goes. A promise is looked for in both, as it may
    stand in a branch that the sample does not take; what has to be said, in what would be sent.
    """
    yield from _of_approval(template, today, with_product=with_product)
    for place, text in texts_of(template):
        sent = (filled or {}).get(place, text)
        said = _said(sent, place.channel)
        for problem in (
            *dict.fromkeys((*_promises(text, place), *_promises(sent, place))),
            *_unwritten(said),
            *_unnamed(template, said, place),
            *_without_risk_note(template, said, place.language, with_product=with_product),
            *_without_stop(template, said, place.language),
        ):
            yield Finding(place, problem)


def _said(text: Text, channel: Channel) -> str:
    """What is sent of a text, as a reader sees it."""
    return as_read("\n".join(text.sent_by(channel).values()))


def as_read(words: str) -> str:
    """Words without signs that nobody sees, and with one for those that look alike (NFKC), as wide letters do."""
    alike = unicodedata.normalize("NFKC", words)
    seen = "".join(sign for sign in alike if unicodedata.category(sign) != "Cf" and sign not in _BLANK)
    return _BETWEEN_CHINESE.sub("", seen)


def texts_of(template: Template) -> Iterator[tuple[Place, Text]]:
    """Every text of a template, those of the plain variant last."""
    for table, texts in (("texts", template.texts), ("plain", template.plain)):
        for language, channels in texts.items():
            for channel, text in channels.items():
                yield Place(table, language, channel), text


def ends_soon(template: Template, today: date) -> str:
    """A warning while an approval is about to end; empty otherwise."""
    until = template.approved_until
    if until is None or not today <= until <= today + WARN_FOR:
        return ""
    return f"its approval ends on {until}: have it approved anew, or its touches are withheld from then on"


def _of_approval(template: Template, today: date, *, with_product: bool) -> Iterator[Finding]:
    needed = template.message_class in APPROVED_CLASSES or with_product or template.critical
    if needed and template.approval is None:
        what = "with a product" if with_product else f"of class {template.message_class}"
        yield Finding(None, f"a text {what} needs an approval: write approval = its number")
    if template.approved_until is not None and template.approved_until < today:
        yield Finding(None, f"its approval ended on {template.approved_until}: have it approved anew")


def _promises(text: Text, place: Place) -> Iterator[str]:
    """Also in the title and the body for WeChat: they are what its words come to."""
    everything = {"title": text.title, "body": text.body, **text.sent_by(place.channel)}
    said = as_read("\n".join(everything.values()))
    for language in Language:  # a Chinese text may promise in English
        undenied = DENIED[language].sub("", said)
        for law, words in BANNED[language]:
            for found in words.finditer(undenied):
                yield f"{found[0]!r} may not be said ({law}): take it out"


def _unwritten(said: str) -> Iterator[str]:
    for found in dict.fromkeys(PLACEHOLDER.findall(said)):
        yield f"{found!r} stands for words that nobody has written: write them"


def _unnamed(template: Template, said: str, place: Place) -> Iterator[str]:
    name = SPEAKERS.get(template.sender, {}).get(place.language, template.sender)
    if place.channel not in NAMES_ITS_SENDER and as_read(name) not in said:
        yield f"it does not say who speaks: name {name!r}"
    adviser = template.adviser
    if adviser and (as_read(adviser.name) not in said or as_read(adviser.registration) not in said):
        yield f"it does not name its adviser: write {adviser.name!r} and the number {adviser.registration!r}"


def _without_risk_note(template: Template, said: str, language: Language, *, with_product: bool) -> Iterator[str]:
    note = template.risk_note.get(language, RISK_NOTE[language])
    needed = with_product or template.message_class is not MessageClass.SERVICE or INVESTING[language].search(said)
    if needed and as_read(note) not in said:
        yield f"the risk note is missing (Advertising Law, Art. 25): write {note!r}"


def _without_stop(template: Template, said: str, language: Language) -> Iterator[str]:
    if template.message_class is MessageClass.SERVICE:
        return
    own = template.stop.get(language)
    if not (as_read(own) in said if own else TO_STOP[language].search(said)):
        yield f"it does not say how to stop it (Advertising Law, Art. 43): write {own or STOP[language]!r}"
