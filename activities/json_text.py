"""JSON from outside, read only as deep as anything else can go.

Whoever reads a nested text goes down as far himself, and at the end of the stack nothing works any more: neither what
writes the value later, nor what Python tidies up just then. So the depth is found out first, without going down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

DEEPEST = 50
"""Levels of objects and lists."""

_MARK = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


class TooDeep(ValueError):
    """A text has more than `DEEPEST` levels."""


def read_json(
    text: str,
    *,
    parse_constant: Callable[[str], Any] | None = None,
    parse_float: Callable[[str], Any] | None = None,
) -> Any:
    """The value of a text, as `json.loads`. `TooDeep` if it has too many levels, `ValueError` if it is no JSON."""
    if _is_too_deep(text):
        raise TooDeep
    return json.loads(text, parse_constant=parse_constant, parse_float=parse_float)


def no_number(constant: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python reads though they are no JSON: for `parse_constant`."""
    raise ValueError(f"{constant} is not a number")


def _is_too_deep(text: str) -> bool:
    """What stands in quotes does not count."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    levels = 0
    for mark in _MARK.finditer(text):
        levels += _STEPS.get(mark[0], 0)
        if levels > DEEPEST:
            return True
    return False
