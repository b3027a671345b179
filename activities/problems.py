"""What does not fit a model, as a person would say it: what is wrong and how it is to be, without the value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_VISIBLE = re.compile(r"\^\[\\x21-\\x7e\]\{1,(\d+)\}\$")

Place = Sequence[int | str]
"""Where in a value something is."""


def path_of(place: Place) -> str:
    """A field by its path."""
    return ".".join(map(str, place))


def problems_of(error: ValidationError, name: Callable[[Place], str] = path_of) -> str:
    """Where and what, each once, without the values: they may be personal. `name` says how a place is called."""
    said = ((name(problem["loc"]), _said_of(problem)) for problem in error.errors(include_input=False))
    return "; ".join(dict.fromkeys(f"{where}: {what}" if where else what for where, what in said))


def _said_of(problem: ErrorDetails) -> str:
    """Without a pattern, which nobody can read."""
    if problem["type"] == "missing":
        return "is missing: give it"
    if problem["type"] == "string_pattern_mismatch" and (visible := _VISIBLE.fullmatch(problem["ctx"]["pattern"])):
        return f"is not 1 to {visible[1]} visible ASCII characters: write it with these, without spaces"
    return problem["msg"].removeprefix("Value error, ")
