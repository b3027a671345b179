"""How far a play agrees with the rehearsal of the same file, and why the rest does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from datetime import datetime

from cli.report import Agreement
from rules.record import Record, RunRow, TouchRow

LATE_EVENT = "an event of the customer arrived after a deadline that it bears on"
MISSED = "unexplained: please report it with the files in the folder"


def up_to(record: Record, until: datetime, customers: Set[str]) -> Record:
    """What had happened to them by a time: a play's engine lives on while it is looked at, and others may be on it."""
    return Record(
        [row for row in record.stage_changes if row.at <= until and row.customer_id in customers],
        [row for row in record.touches if row.planned_at <= until and row.customer_id in customers],
        [_open_at(row, until) for row in record.runs if row.entered_at <= until and row.customer_id in customers],
        [row for row in record.points if row.at <= until and row.customer_id in customers],
        [row for row in record.conversions if row.at <= until and row.customer_id in customers],
    )


def agreement(played: Record, rehearsed: Record) -> Agreement:
    """Compare the planned touches of both, with their outcomes and reasons."""
    one, other = _counted(played.touches), _counted(rehearsed.touches)
    agreeing = (one & other).total()
    differing = (one | other) - (one & other)
    late = {row.customer_id for row in played.stage_changes if row.cause == "late"} | _moved(played, rehearsed)
    explained = Counter(LATE_EVENT if row.customer_id in late else MISSED for row in differing.elements())
    return Agreement((one | other).total(), agreeing, dict(explained))


def _moved(played: Record, rehearsed: Record) -> set[str]:
    """Customers whose stages moved at other times than on paper: an event was late for the lifecycle."""
    return {row.customer_id for row in set(played.stage_changes) ^ set(rehearsed.stage_changes)}


def _counted(rows: Iterable[TouchRow]) -> Counter[TouchRow]:
    return Counter(rows)


def _open_at(row: RunRow, until: datetime) -> RunRow:
    return row if row.ended_at is None or row.ended_at <= until else row._replace(ended_at=None, outcome="")
