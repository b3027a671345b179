"""JSON from outside: how deep a text goes is found out without going down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.json_text import DEEPEST, TooDeep, read_json

LEAVES = st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\a')
VALUES = st.recursive(LEAVES, lambda inside: st.lists(inside) | st.dictionaries(st.text(alphabet='[{"\\'), inside))


def levels(value: Any) -> int:
    """Of objects and lists."""
    match value:
        case dict():
            return 1 + max(map(levels, value.values()), default=0)
        case list():
            return 1 + max(map(levels, value), default=0)
        case _:
            return 0


@given(VALUES, st.integers(DEEPEST - 5, DEEPEST))
def test_what_has_too_many_levels_is_refused_and_all_else_is_read_as_it_is(value: Any, around: int) -> None:
    """Brackets in quotes are no levels, however they are quoted."""
    for _ in range(around):
        value = [0, value, []]
    text = json.dumps(value)
    if levels(value) > DEEPEST:
        with pytest.raises(TooDeep):
            read_json(text)
    else:
        assert read_json(text) == value


@pytest.mark.parametrize("text", ["[" * 1_000_000, '{"":' * 1_000_000, "[" * 980 + "]" * 980])
def test_no_text_leads_to_the_end_of_the_stack(text: str) -> None:
    """There, what Python tidies up in passing fails as well."""
    with pytest.raises(TooDeep):
        read_json(text)


@pytest.mark.parametrize("text", ["", "[", '"' + "[" * 100, "]" * 100, '{"a": "' + "{" * 100 + "\\", "NaN,"])
def test_what_is_no_json_is_refused_as_such(text: str) -> None:
    """Also if it has many brackets in a text that never ends."""
    with pytest.raises(ValueError, match=r"(?i)expecting|unterminated|extra data"):
        read_json(text)
