"""A journey as a Mermaid flowchart: text to paste into a wiki or an editor that draws it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from cli.preview.wording import Kind, attributes, kind_of, title, ways
from journeys.published import Published
from journeys.words import (
    AnyStep,
    AwardPoints,
    ChangeTag,
    End,
    Repeat,
    Send,
    Split,
    Wait,
    WaitFor,
    WaitUntil,
    When,
    all_steps,
)
from rules.plan import PlannedStep, lay_out
from rules.walk import COMPLETED, TOO_LATE

_LOOKS = (
    ("service", "fill:#eef2f7,stroke:#64748b"),
    ("education", "fill:#e6f6f4,stroke:#0f8f80"),
    ("marketing", "fill:#fff1e0,stroke:#d97706"),
    ("advice", "fill:#f3ebff,stroke:#7c3aed"),
)

_SHAPES: Mapping[Kind, tuple[str, str]] = {
    Kind.SAYS: ("[", "]"),
    Kind.GIVES: ("[", "]"),
    Kind.WAITS: ("{{", "}}"),
    Kind.REPEATS: ("{{", "}}"),
    Kind.CHOOSES: ("{", "}"),
    Kind.ENDS: ("([", "])"),
}

_COMPLETED, _PAST = "(completed)", "(past)"
"""The ends that are no step; no step has such an id."""


def mermaid(value: Published) -> str:
    """The whole journey. Goal and exits, which may come at any time, stand beside it."""
    return "\n".join(["flowchart TD", *(f"  {line}" for line in _lines(value))]) + "\n"


def _lines(value: Published) -> Iterator[str]:
    plan, steps = lay_out(value.journey), tuple(all_steps(value.journey.steps))
    names = {str(step.id): f"s{number}" for number, step in enumerate(steps, 1)}
    told = dict(attributes(value.journey))
    yield f"begin([{_quoted('starts on ' + told['starts on'])}]) --> {names[plan.first]}"
    ends = {_COMPLETED: f"completed([{_quoted(COMPLETED)}])", _PAST: f"past([{_quoted('end: ' + TOO_LATE)}])"}
    for step in steps:
        yield f"{names[step.id]}{_node(step)}{_look(value, step)}"
        for label, to in _edges(plan.steps[step.id]):
            arrow = f"-->|{_quoted(label)}|" if label else "-->"
            yield f"{names[step.id]} {arrow} {names[to] if to in names else ends[to]}"
    for name in ("goal", "exits on"):
        if name in told:
            yield f"{name[:4]}[/{_quoted(f'at any time: {name} {told[name]}')}/]"
    sent = {template.message_class for template in value.templates.values()}
    for name, look in _LOOKS:
        if name in sent:
            yield f"classDef {name} {look}"


def _edges(planned: PlannedStep) -> list[tuple[str, str]]:
    """The ways on from a step: what each is called, and the step or the end that it leads to."""
    labels = [way.label for way in ways(planned.step)]
    match planned.step:
        case End():
            return []
        case Repeat():
            return [(labels[0], planned.then or _COMPLETED), ("after the last", planned.after or _COMPLETED)]
        case When() | Split():
            return [(label, to or _COMPLETED) for label, to in zip(labels, planned.ways, strict=True)]
        case WaitUntil(on_past="end"):
            return [(labels[0], planned.then or _COMPLETED), (labels[1], _PAST)]
        case WaitUntil(on_past="run"):
            return [("", planned.then or _COMPLETED)]
        case WaitUntil():
            return [(labels[0], planned.then or _COMPLETED), (labels[1], planned.after or _COMPLETED)]
        case WaitFor() | Send() if labels:
            there = planned.then if isinstance(planned.step, WaitFor) else planned.after
            return [(labels[0], there or _COMPLETED), (labels[1], planned.otherwise or _COMPLETED)]
        case WaitFor() | Send() | Wait() | AwardPoints() | ChangeTag():
            return [("", planned.after or _COMPLETED)]
        case _:
            assert_never(planned.step)


def _node(step: AnyStep) -> str:
    """A step in the shape of its word."""
    opening, closing = _SHAPES[kind_of(step)]
    return f"{opening}{_quoted(title(step))}{closing}"


def _look(value: Published, step: AnyStep) -> str:
    return f":::{value.templates[step.template].message_class}" if isinstance(step, Send) else ""


def _quoted(text: str) -> str:
    """Text that Mermaid shows as it is."""
    for mark, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        text = text.replace(mark, code)
    return f'"{" ".join(text.split())}"'
