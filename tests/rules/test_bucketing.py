"""Who is in which arm: shared out by a hash, for ever."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language import arm, split
from journeys.names import CustomerId, JourneyName
from journeys.words import Split
from rules.bucketing import arm_of, bucket, globally_held_out, held_out

CUSTOMERS = [CustomerId(f"C-{number}") for number in range(100_000)]
FIVE_SIGMA = 5
WIN_BACK = JourneyName("win-back")


def shared_out(*percents: int, name: str = "tone") -> Split:
    """A split whose arms `0`, `1`, … have these shares."""
    return split(name, *(arm(str(place), percent) for place, percent in enumerate(percents)))


def arm_name(shares: Split, customer: CustomerId) -> str:
    """The name of the arm that a customer is in."""
    return arm_of(shares, customer)[1].name


def is_share(count: int, share: float, of: int = len(CUSTOMERS)) -> bool:
    """Whether a count is what chance makes of a share, up to five standard deviations."""
    return abs(count - of * share) <= FIVE_SIGMA * sqrt(of * share * (1 - share))


def test_arms_get_their_shares() -> None:
    """Of 100,000 customers as many as chance would give each arm."""
    shares = shared_out(50, 30, 19, 1)
    counts = Counter(arm_name(shares, customer) for customer in CUSTOMERS)
    assert all(is_share(counts[one.name], one.percent / 100) for one in shares.arms)


def test_customers_are_spread_evenly_over_the_buckets() -> None:
    """Every tenth of the 10,000 buckets gets a tenth of the customers."""
    tenths = Counter(bucket("split/tone", customer) // 1000 for customer in CUSTOMERS)
    assert sorted(tenths) == list(range(10))
    assert all(is_share(count, 0.1) for count in tenths.values())


def test_two_splits_are_independent() -> None:
    """Who is in an arm of one is in the arms of another as everybody else is."""
    tone, time = shared_out(50, 50, name="tone"), shared_out(30, 70, name="time")
    inside = [customer for customer in CUSTOMERS if arm_name(tone, customer) == "0"]
    both = sum(arm_name(time, customer) == "0" for customer in inside)
    assert is_share(both, 0.3, len(inside))


def test_being_held_out_of_a_journey_says_nothing_of_another() -> None:
    """Nor of the holdout from all marketing, nor of a split with the journey's name."""
    inside = [customer for customer in CUSTOMERS if held_out(WIN_BACK, 20, customer)]
    assert is_share(len(inside), 0.2)
    for other in (
        [held_out(JourneyName("onboarding-guidance"), 20, customer) for customer in inside],
        [globally_held_out(20, customer) for customer in inside],
        [arm_name(shared_out(20, 80, name=WIN_BACK), customer) == "0" for customer in inside],
    ):
        assert is_share(sum(other), 0.2, len(inside))


GOLDEN = {
    "C-1001": (9845, 5178),
    "C-1002": (2542, 4728),
    "story": (6086, 9207),
    "A.b_c-9": (6975, 5779),
    "0": (1322, 3470),
}


@pytest.mark.parametrize(("customer", "buckets"), GOLDEN.items())
def test_an_assignment_never_changes(customer: str, buckets: tuple[int, int]) -> None:
    """These numbers stand for all who are in a split or a control group: with others, experiments would be mixed up."""
    assert (bucket("split/tone", CustomerId(customer)), bucket("holdout/win-back", CustomerId(customer))) == buckets


def test_an_arm_begins_where_the_one_before_it_ends() -> None:
    """Bucket 4,999 is in the first half and 5,000 in the second."""
    by_bucket = {bucket("split/tone", customer): customer for customer in CUSTOMERS}
    halves = shared_out(50, 50)
    assert [arm_of(halves, by_bucket[number])[0] for number in (0, 4999, 5000, 9999)] == [0, 0, 1, 1]


def test_nobody_is_in_an_arm_of_0_and_everybody_in_one_of_100_percent() -> None:
    """Also when the empty arm comes first."""
    some = CUSTOMERS[:10_000]
    assert {arm_name(shared_out(0, 100), customer) for customer in some} == {"1"}
    assert {arm_name(shared_out(100, 0), customer) for customer in some} == {"0"}
    assert {held_out(WIN_BACK, 0, customer) for customer in some} == {False}
    assert {held_out(WIN_BACK, 100, customer) for customer in some} == {True}
    assert {globally_held_out(0, customer) for customer in some} == {False}
    assert {globally_held_out(100, customer) for customer in some} == {True}


def test_arms_are_told_by_their_place_and_not_by_their_names() -> None:
    """An arm may be renamed; its customers stay."""
    renamed = split("tone", arm("warm", 50), arm("dry", 50))
    some = CUSTOMERS[:1000]
    assert [arm_of(shared_out(50, 50), one)[0] for one in some] == [arm_of(renamed, one)[0] for one in some]


percents = st.integers(0, 100)
customers = st.text("abcXYZ019._-", min_size=1, max_size=64).map(CustomerId)


@given(percents, percents, customers)
def test_the_first_and_the_last_arm_keep_whom_they_had_when_they_grow(
    one: int, other: int, customer: CustomerId
) -> None:
    """The first begins at bucket 0, the last ends with the last bucket: each only takes in neighbours."""
    small, large = sorted((one, other))
    if arm_name(shared_out(small, 100 - small), customer) == "0":
        assert arm_name(shared_out(large, 100 - large), customer) == "0"
    if arm_name(shared_out(100 - small, small), customer) == "1":
        assert arm_name(shared_out(100 - large, large), customer) == "1"


@given(st.lists(percents, min_size=4, max_size=4).map(sorted), customers)
def test_an_arm_in_the_middle_keeps_whom_it_had_if_it_grows_on_both_sides(
    cuts: list[int], customer: CustomerId
) -> None:
    """It holds the buckets between its neighbours' shares, and has to hold those it had."""
    outer_from, inner_from, inner_to, outer_to = cuts
    if arm_name(shared_out(inner_from, inner_to - inner_from, 100 - inner_to), customer) == "1":
        assert arm_name(shared_out(outer_from, outer_to - outer_from, 100 - outer_to), customer) == "1"


def test_an_arm_in_the_middle_loses_some_when_the_arm_before_it_grows() -> None:
    """Even if it grows itself: let the first or the last arm grow in a running experiment."""
    before, after = shared_out(20, 40, 40), shared_out(40, 50, 10)
    lost = [one for one in CUSTOMERS[:1000] if arm_name(before, one) == "1" and arm_name(after, one) != "1"]
    assert lost
    assert {arm_name(after, one) for one in lost} == {"0"}


@given(percents, percents, customers)
def test_a_control_group_that_grows_keeps_whom_it_had(one: int, other: int, customer: CustomerId) -> None:
    """A journey's and the global one."""
    small, large = sorted((one, other))
    assert held_out(WIN_BACK, small, customer) <= held_out(WIN_BACK, large, customer)
    assert globally_held_out(small, customer) <= globally_held_out(large, customer)
