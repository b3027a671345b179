"""The options that `play` and `rehearse` share: how a file of events is to be understood."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cli.known import event_named
from cli.play_file import PlayOptions, first_event_named

_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Duration(click.ParamType[timedelta]):
    """A length of time as in 14d or 36h; 0 needs no unit."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        if value == "0":
            return timedelta(0)
        if (match := _DURATION.fullmatch(value)) is None:
            self.fail(f"{value!r} is no duration: write a number and one of s, m, h, d, w, as in 14d.", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Zone(click.ParamType[ZoneInfo]):
    """A time zone by its name."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone: write it as in Asia/Shanghai.", param, ctx)


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILE and its options to a command, which gets them as `file` and `options` (a `PlayOptions`)."""

    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--event", help="The event that every row stands for; without it, the column 'name' says it.")
    @click.option("--zone", type=Zone(), default="Asia/Shanghai", show_default=True, help="Where a day begins.")
    @click.option(
        "--first-event",
        default="app_registered",
        show_default=True,
        help="Precedes a first row, unless the file tells of it; '': none.",
    )
    @click.option(
        "--first-event-lead", type=Duration(), default="0", show_default=True, help="How long at most, as 14d."
    )
    @click.option("--customers", type=click.IntRange(min=1), help="Take so many customers, a systematic sample.")
    @wraps(command)
    def with_options(
        event: str | None,
        zone: ZoneInfo,
        first_event: str,
        first_event_lead: timedelta,
        customers: int | None,
        **others: Any,
    ) -> Any:
        first = first_event_named(first_event)
        of_all = None if event is None else event_named(event)
        options = PlayOptions(of_all, zone, first, first_event_lead, customers)
        return command(options=options, **others)

    return with_options
