"""What a text may name in double braces: a closed list, each with a type that says how it is written.

`points` is the customer's balance, `product.…` the product of the step, `event.FIELD` a field of the event that the
run began with. Nothing else reaches a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

POINTS = "points"
PRODUCT = {"product.id": "product_id", "product.name": "name", "product.risk_level": "risk_level"}
"""What a text may say of a product, with its column."""

_EVENT_FIELD = re.compile(r"event\.([a-z][a-z0-9_]*)")


class VariableType(StrEnum):
    """How a value is written in a text."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"


def event_field(name: str) -> str | None:
    """The field of the first event that a variable stands for; none if it stands for something else."""
    found = _EVENT_FIELD.fullmatch(name)
    return found[1] if found else None


def is_known(name: str) -> bool:
    """Whether there is such a variable."""
    return name == POINTS or name in PRODUCT or event_field(name) is not None


def flat(names: Mapping[str, object]) -> dict[str, object]:
    """Names with dots, of tables in tables."""
    return {
        f"{name}.{part}" if part else name: kind
        for name, inner in names.items()
        for part, kind in (inner.items() if isinstance(inner, Mapping) else [("", inner)])
    }
