"""What does not fit a model, as a person would say it: what is wrong and how it is to be, without the value."""

from __future__ import annotations

import re

from pydantic_core import ErrorDetails

_VISIBLE = re.compile(r"\^\[\\x21-\\x7e\]\{1,(\d+)\}\$")


def said_of(problem: ErrorDetails) -> str:
    """One problem without its place: no value, which may be personal, and no pattern, which nobody can read."""
    if problem["type"] == "missing":
        return "is missing: give it"
    if problem["type"] == "string_pattern_mismatch" and (visible := _VISIBLE.fullmatch(problem["ctx"]["pattern"])):
        return f"is not 1 to {visible[1]} visible ASCII characters: write it with these, without spaces"
    return problem["msg"].removeprefix("Value error, ")
