"""Times in files: written as those on the bus, of our age, and not of the future."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypedDict

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ValidationInfo

from activities.incoming import EARLIEST
from journeys.events import TIME


class TimeContext(TypedDict):
    """Given as the context of a validation; a time after `latest` is refused."""

    latest: datetime


def _written_out(value: object) -> object:
    """A number, or a time without offset, would be taken for another time without a word."""
    if isinstance(value, str) and not TIME.fullmatch(value):
        raise ValueError("write the date, the time and the offset, as in 2026-11-22T09:00:00+08:00")
    if not isinstance(value, str | datetime):
        raise ValueError("write a time as text, as in 2026-11-22T09:00:00+08:00")
    return value


def _plausible(at: datetime, info: ValidationInfo) -> datetime:
    context: TimeContext | None = info.context
    if at < EARLIEST:
        raise ValueError("is before 1990: write the time it happened")
    if context is not None and at > context["latest"]:
        raise ValueError("is in the future: check the time and its offset")
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_plausible)]
"""A time that something happened, in UTC."""

Deadline = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(lambda at: at.astimezone(UTC))]
"""A time that may be still to come, in UTC."""
