"""A journey drawn as SVG: boxes from top to bottom, ways on beside each other, joined again where they meet.

Every drawing has its centre line at x = 0, so drawings are put under and beside each other without knowing what is
in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from markupsafe import Markup, escape

from cli.preview.outline import Branch, Item
from cli.preview.wording import Kind, kind_of
from journeys.words import End, Repeat

BOX, LINE, PAD, LETTER = 236, 17, 10, 8
ARROW, FORK, BETWEEN = 22, 12, 26
LETTERS = 26
"""As many fit into a line of a box; a Chinese character takes the place of two."""


_LOOKS: Mapping[Kind, str] = {
    Kind.GIVES: "gives",
    Kind.WAITS: "waits",
    Kind.CHOOSES: "chooses",
    Kind.REPEATS: "chooses",
    Kind.ENDS: "over",
}
"""By which class each is drawn; what says something is drawn by the class of its text."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Something drawn. `goes_on` if a line leads out of its bottom."""

    width: int
    height: int
    svg: str
    goes_on: bool = True


def diagram(items: Sequence[Item], begin: str, completed: str) -> Markup:
    """The whole picture, from what starts the journey to where it has run its course."""
    drawn = _stack([_pill(begin, "begin"), *_sequence(items)])
    if drawn.goes_on:
        drawn = _stack([drawn, _pill(completed, "over")])
    width, height = drawn.width + 2 * PAD, drawn.height + 2 * PAD
    view = f'viewBox="{-width // 2} {-PAD} {width} {height}" width="{width}" height="{height}"'
    return Markup(f'<svg class="flow" {view} role="img" aria-label="The journey as a diagram">{drawn.svg}</svg>')


def _sequence(items: Sequence[Item]) -> list[Drawing]:
    return [drawn for item in items for drawn in _item(item)]


def _item(item: Item) -> Iterator[Drawing]:
    """A box, and under it the ways on, if there are several."""
    match item.step, item.branches:
        case End(), _:
            yield _pill(item.title, "over", goes_on=False)
        case Repeat(), (turn,):
            yield _box(item)
            yield _framed(_column(turn))
        case _, (only,):
            yield _box(item)
            yield from _sequence(only.items)
        case _, ():
            yield _box(item)
        case _, several:
            yield _stack([_box(item), _beside([_column(branch) for branch in several])], arrows=False)


def _stack(drawings: Sequence[Drawing], *, arrows: bool = True) -> Drawing:
    """One under the other."""
    parts, y = list[str](), 0
    for number, one in enumerate(drawings):
        if number and arrows:
            parts.append(_arrow(y))
            y += ARROW
        parts.append(_at(0, y, one))
        y += one.height
    goes_on = not drawings or drawings[-1].goes_on
    return Drawing(max((one.width for one in drawings), default=0), y, "".join(parts), goes_on)


def _column(branch: Branch) -> Drawing:
    """A way on: what it is called, and what is on it."""
    lines, inside = _wrapped(branch.label, LETTERS), _stack(_sequence(branch.items))
    label = Drawing(LETTER * max(map(_letters, lines)), len(lines) * LINE + 4, _texts(lines, "label", 0, 0))
    return _stack([label, inside], arrows=bool(branch.items))


def _beside(columns: Sequence[Drawing]) -> Drawing:
    """Next to each other, forked off from above; those that go on are joined again below."""
    width = sum(one.width for one in columns) + BETWEEN * (len(columns) - 1)
    height, left, parts, joined = max(one.height for one in columns), -width // 2, list[str](), [0]
    centres = list[int]()
    for one in columns:
        centre = left + one.width // 2
        parts.append(_at(centre, FORK, one))
        if one.goes_on:
            parts.append(_line(centre, FORK + one.height, centre, FORK + height + FORK))
            joined.append(centre)
        centres.append(centre)
        left += one.width + BETWEEN
    parts.append(_line(0, 0, 0, FORK) + _line(min(centres), FORK, max(centres), FORK))
    parts.append(_line(min(joined), height + 2 * FORK, max(joined), height + 2 * FORK))
    return Drawing(width, height + 2 * FORK, "".join(parts), len(joined) > 1)


def _framed(turn: Drawing) -> Drawing:
    """What is repeated; after the last turn it goes on below, also if a turn may end the run."""
    width, height = turn.width + 2 * PAD, turn.height + 2 * PAD
    frame = f'<rect class="frame" x="{-width // 2}" y="0" width="{width}" height="{height}" rx="8"/>'
    return Drawing(width, height, frame + _at(0, PAD, turn))


def _box(item: Item) -> Drawing:
    """A step: when, what, and what else is to be known."""
    lines, note = _wrapped(item.title, LETTERS), _wrapped(item.note, LETTERS + 4)
    height = (1 + len(lines) + len(note)) * LINE + 14
    left = -BOX // 2
    parts = [
        f'<rect class="box {_look(item)}" x="{left}" y="0" width="{BOX}" height="{height}" rx="7"/>',
        f'<rect class="bar {_look(item)}" x="{left}" y="0" width="6" height="{height}" rx="3"/>',
        _texts([item.days], "days", left + 18, 4, anchor="start"),
        _texts(lines, "title", left + 18, 4 + LINE, anchor="start"),
        _texts(note, "note", left + 18, 4 + LINE * (1 + len(lines)), anchor="start"),
    ]
    return Drawing(BOX, height, "".join(parts))


def _pill(text: str, look: str, *, goes_on: bool = True) -> Drawing:
    """Where a journey begins or ends."""
    lines = _wrapped(text, LETTERS)
    width, height = LETTER * max(map(_letters, lines)) + 36, len(lines) * LINE + 14
    shape = f'<rect class="pill {look}" x="{-width // 2}" y="0" width="{width}" height="{height}" rx="{height // 2}"/>'
    return Drawing(width, height, shape + _texts(lines, "title", 0, 4), goes_on)


def _look(item: Item) -> str:
    """The class of what is sent, or the kind of step."""
    return str(item.message_class) if item.message_class is not None else _LOOKS[kind_of(item.step)]


def _at(x: int, y: int, drawn: Drawing) -> str:
    return f'<g transform="translate({x} {y})">{drawn.svg}</g>' if drawn.svg else ""


def _line(x: int, y: int, to_x: int, to_y: int) -> str:
    return f'<path class="line" d="M{x} {y}L{to_x} {to_y}"/>'


def _arrow(y: int) -> str:
    tip = y + ARROW
    return _line(0, y, 0, tip - 5) + f'<path class="tip" d="M0 {tip}l-4 -7h8z"/>'


def _texts(lines: Sequence[str], look: str, x: int, y: int, *, anchor: str = "middle") -> str:
    return "".join(
        f'<text class="{look}" x="{x}" y="{y + LINE * number + 13}" text-anchor="{anchor}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )


def _letters(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _wrapped(text: str, letters: int) -> list[str]:
    """The text in lines that fit; a word that does not is broken."""
    lines = [""]
    for word in text.split():
        if lines[-1] and _letters(f"{lines[-1]} {word}") <= letters:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for letter in word:
            if _letters(lines[-1] + letter) > letters:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]
