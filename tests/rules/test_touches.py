"""A touch and its key name each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.names import ContentHash, CustomerId, JourneyName, StepId
from rules.effects import SendMessage
from rules.touches import touch_key, touch_named
from tests.activities.touches import SENT

customers = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
slugs = st.from_regex(r"[a-z][a-z0-9-]{0,40}(/[a-z0-9-]{1,9})?", fullmatch=True)
numbers = st.integers(1, 10**9 - 1)


@given(customers, slugs.map(lambda name: name.partition("/")[0]), numbers, slugs, numbers)
def test_a_touch_is_found_by_its_key(customer: str, journey: str, entry: int, step: str, occurrence: int) -> None:
    """Whatever its parts are."""
    send = SendMessage(
        JourneyName(journey), entry, ContentHash("d"), StepId(step), SENT, SENT, 0, occurrence=occurrence
    )
    identity = (customer, journey, entry, step, occurrence)
    assert touch_named(touch_key(CustomerId(customer), send)) == identity


@pytest.mark.parametrize("key", ["", "hello", "a/b/0/c/1", "a/b/1/c/", "a/b/1//1", "a/b/1/c/-1", "a/b/１/c/1"])
def test_what_is_no_key_of_ours_names_no_touch(key: str) -> None:
    """A provider may send anything."""
    assert touch_named(key) is None
