"""A journey walked along every path, as `check` and `preview` look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from activities.local_time import resolve_local_time
from journeys.channels import CARRIES
from journeys.names import Channel, MessageClass
from journeys.published import Published
from rules import busy, checks
from rules.path import Path
from rules.paths import paths_at_any_time, paths_of
from settings import load_settings


@dataclass(frozen=True)
class Walked:
    """A journey with its texts. Its paths raise `JourneyError` if there are too many."""

    value: Published

    @cached_property
    def paths(self) -> Sequence[Path]:
        """Every path of an entry on a Monday at 10:00."""
        return paths_of(self.value, local_time=resolve_local_time)

    @cached_property
    def paths_at_any_time(self) -> Sequence[Path]:
        """Those of other entries as well, where the journey has times of the day."""
        return tuple(paths_at_any_time(self.value, resolve_local_time))

    def problems(self) -> list[str]:
        """What is wrong with its paths and classes, a sentence each."""
        return list(checks.problems_of(self.value, self.paths_at_any_time, carried()))

    def worst_week(self) -> str:
        """As 'worst week: 3 touches, days 3 to 10'."""
        return busy.worst_week(self.paths_at_any_time)


class Walks:
    """Journeys that are walked once each, however often they are asked for: it takes most of the time of `check`."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Walked] = {}

    def of(self, value: Published) -> Walked:
        """The walk of this very text, in this state: the state is not in the hash."""
        return self._known.setdefault((value.content_hash(), value.journey.state), Walked(value))


def carried() -> Mapping[Channel, frozenset[MessageClass]]:
    """What each channel may carry in this deployment (`SOJOURN_SMS_CLASSES`)."""
    return {**CARRIES, Channel.SMS: CARRIES[Channel.SMS] | load_settings().sms_classes}
