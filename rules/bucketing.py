"""Who is in which arm: a salted hash of the customer, the same on every run and host, and for ever.

SHA-256 over salt and customer id, as Kohavi, Tang and Xu advise for online experiments (2020, ch. 14): assignments
under different salts are independent of each other.
"""

import hashlib

from journeys.names import CustomerId, JourneyName
from journeys.words import Arm, Split

_BUCKETS = 10_000


def bucket(salt: str, customer_id: CustomerId) -> int:
    """A number from 0 to 9,999."""
    digest = hashlib.sha256(f"{salt}/{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _BUCKETS


def arm_of(split: Split, customer_id: CustomerId) -> tuple[int, Arm]:
    """The arm of a split that a customer is in, with its place.

    The first and the last arm keep whom they had when they grow; one in the middle only if neither the arms before it
    nor those after it have more than they had.
    """
    left = bucket(f"split/{split.name}", customer_id)
    for place, arm in enumerate(split.arms):
        left -= arm.percent * _BUCKETS // 100
        if left < 0:
            return place, arm
    raise AssertionError("the arms of a split sum to 100: import refuses anything else")


def held_out(journey: JourneyName, percent: int, customer_id: CustomerId) -> bool:
    """Whether a customer is in the control arm of a journey."""
    return percent > 0 and bucket(f"holdout/{journey}", customer_id) < percent * _BUCKETS // 100


def globally_held_out(percent: int, customer_id: CustomerId) -> bool:
    """Whether a customer is kept out of all marketing."""
    return percent > 0 and bucket("holdout", customer_id) < percent * _BUCKETS // 100
