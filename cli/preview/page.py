"""The page that a product owner shows: one HTML file that needs nothing else, the same for the same journey."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from cli.preview.calendar import Ways, summary, ways_through
from cli.preview.diagram import diagram
from cli.preview.mermaid import mermaid
from cli.preview.outline import outline_of, times_of, told
from cli.preview.wording import assumed, attributes, counted, days_of
from cli.walked import Walked
from journeys.names import Channel, Language, MessageClass
from journeys.templates import Template, Text
from journeys.words import Send, all_steps
from rules.path import Path
from rules.walk import COMPLETED

STRIP, EDGE, DOT = 1000, 12, 15


class Line(NamedTuple):
    """One calendar: in words, and drawn on a strip of days."""

    told: str
    strip: Markup


class Shown(NamedTuple):
    """A way through: its first and its last calendar, and those in between."""

    title: str
    ends: Sequence[Line]
    between: Sequence[Line]


class Message(NamedTuple):
    """A template with the steps that send it, and its texts by channel and language."""

    template: Template
    sent: Sequence[str]
    texts: Sequence[tuple[Channel, Sequence[tuple[Language, Text | None]]]]


def page(walked: Walked, problems: Sequence[str]) -> str:
    """The page as text."""
    journey, ways = walked.value.journey, ways_through(walked.paths)
    environment = Environment(
        loader=FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    facts = dict(attributes(journey))
    return environment.get_template("page.html.jinja").render(
        journey=journey,
        attributes=list(facts.items()),
        figures=_figures(walked, ways),
        problems=problems,
        classes=[one for one in MessageClass if one in {t.message_class for t in walked.value.templates.values()}],
        diagram=diagram(outline_of(walked), f"starts on {facts['starts on']}", COMPLETED),
        summary=summary(ways),
        assumed=assumed(journey),
        ways=_shown(ways),
        messages=_messages(walked),
        mermaid=mermaid(walked.value),
    )


def _figures(walked: Walked, ways: Sequence[Ways]) -> list[tuple[str, str]]:
    """The numbers at the top."""
    sent = max(sum(touch.sent for touch in path.touches) for path in walked.paths)
    longest = max(path.ends_at for path in walked.paths)
    points = max(path.points for path in walked.paths)
    week = walked.worst_week().partition(": ")[2]
    return [
        (str(len(ways)), "ways through"),
        (str(sent), "touches at most"),
        *([(f"{points:,}", "points at most")] if points else []),
        (days_of(longest), "the latest end"),
        (week.partition(",")[0], f"in the worst week{f': {days}' if (days := week.partition(', ')[2]) else ''}"),
        (counted(len(walked.value.templates), "message"), "with their texts below"),
    ]


def _shown(ways: Sequence[Ways]) -> list[Shown]:
    scale = max(path.ends_at for way in ways for path in way.paths)
    return [_way(way, scale) for way in ways]


def _way(way: Ways, scale: timedelta) -> Shown:
    lines = [Line(told, _strip(path, scale)) for told, path in way.calendars]
    return Shown(way.title, [lines[0], *lines[1:][-1:]], lines[1:-1])


def _strip(path: Path, scale: timedelta) -> Markup:
    """The days of the longest path from left to right; a dot for each touch, a bar where this path ends."""
    dots, x = list[str](), -STRIP
    for touch in path.touches:
        x = max(_x(touch.at, scale), x + DOT)
        look = f"{touch.message_class}{'' if touch.sent else ' unsent'}"
        name = f"{days_of(touch.at)} {touch.step}"
        dots.append(f'<circle class="{look}" cx="{x}" cy="12" r="7"><title>{escape(name)}</title></circle>')
    end = _x(path.ends_at, scale)
    line = f'<path class="line" d="M{EDGE} 12H{STRIP - EDGE}"/><path class="lived" d="M{EDGE} 12H{end}"/>'
    stop = f'<path class="stop" d="M{end} 1V23"/>'
    return Markup(f'<svg class="strip" viewBox="0 0 {STRIP} 24" aria-hidden="true">{line}{stop}{"".join(dots)}</svg>')


def _x(at: timedelta, scale: timedelta) -> int:
    return EDGE + round((STRIP - 2 * EDGE) * (at / scale if scale else 0))


def _messages(walked: Walked) -> list[Message]:
    """Every message in the order in which the journey first sends it."""
    times, sends = times_of(walked.paths), [s for s in all_steps(walked.value.journey.steps) if isinstance(s, Send)]
    messages = []
    for name in dict.fromkeys(step.template for step in sends):
        steps = [step for step in sends if step.template == name]
        template = walked.value.templates[name]
        channels = [one for one in Channel if any(one in step.channels for step in steps)]
        texts = [(one, [(lang, template.texts.get(lang, {}).get(one)) for lang in Language]) for one in channels]
        messages.append(Message(template, [f"{step.id}, {told(times, step.id)}" for step in steps], texts))
    return messages
