"""What a run of each shipped journey costs, on its longest path and on that of a customer who does nothing.

Each path is walked on the real engine, with a clock that takes a moment for every instant at which something happens.
So that any path can be walked, conditions ask tags that the customer has or has not, and a journey that starts on a
stage starts on a purchase that holds for ten years instead: no change of stage falls into the run.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from asyncpg.connection import LoggedQuery
from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.api.history.v1 import HistoryEvent

from activities.contracts import RECORD_EVENT, workflow_id
from activities.database import Pool, open_pool
from activities.local_time import resolve_local_time
from bench.ground import Ground, allow, event, until, world
from bench.lines import ALL, MODULES, WALK, WORDS, lines_of_code, lines_of_each_word
from bench.report import Grid, Report
from journeys import JOURNEYS
from journeys.events import deposit_made, wealth_product_purchased
from journeys.names import CustomerId, MessageClass
from journeys.published import Published, with_templates
from journeys.templates import templates
from journeys.words import Journey, Repeat, Split, StageEntered, When, all_steps
from rules.bucketing import arm_of, held_out
from rules.clock import Clock
from rules.definitions import Catalogue
from rules.path import Path
from rules.paths import MONDAY, paths_of
from worker import running, workers

COLUMNS = (
    "journey",
    "path",
    "steps",
    "touches",
    "events",
    "bytes",
    "remote",
    "local",
    "timers",
    "statements",
    "trans.",
)
DATA: dict[str, dict[str, Any]] = {
    deposit_made: {"amount": "100.00"},
    wealth_product_purchased: {"product": "P-1", "term_days": 3650},
}
"""What events say that have to say something."""

INSTANT = timedelta(seconds=1)
GRACE = timedelta(seconds=0.05)
QUICK, CAREFUL = timedelta(seconds=2), timedelta(seconds=4)
"""How long an instant may take, and each event at it, before the machine comes late to the next. Temporal's server
rounds timers up to a second."""

_BENDS = re.compile(rb'"bends":\[.*?\]\]')
_DRIVERS_OWN = re.compile(r"typeinfo_tree|set_config\('jit'")
"""What asyncpg asks about types once for each connection."""

_BOUNDS = re.compile(r"^(BEGIN|COMMIT|ROLLBACK)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Walked:
    """A path and the customer who is to walk it."""

    value: Published
    called: str
    path: Path
    customer: str

    @property
    def task_queue(self) -> str:
        """A queue of its own: its workers' statements are counted."""
        return f"runs-{self.customer}"

    @property
    def begins_with(self) -> str:
        """The event with which the run starts."""
        return str(self.value.journey.starts_on[0])


async def run(ground: Ground) -> Report:
    """Walk two paths of each journey, two at a time."""
    rows = list[Sequence[str]]()
    for journey in JOURNEYS:
        ground.show(journey.name)
        two = list(_two_paths(walkable(journey)))
        rows += await asyncio.gather(*(_cost(ground, one) for one in two))
    told = (
        "From the start of the customer's workflow to the end of the run. The clock's bends are left out of the bytes.",
        "Counted, not timed: a machine that comes late to a wait has fewer timers.",
    )
    return Report("Runs: what each shipped journey costs", (), told, (Grid(COLUMNS, rows), *_engine()))


def walkable(journey: Journey) -> Published:
    """The journey with conditions that ask tags, started by an event."""
    data = journey.model_dump(mode="json")
    if any(isinstance(trigger, StageEntered) for trigger in journey.starts_on):
        data["starts_on"] = [wealth_product_purchased]
        data["exits_on"] = [one for one in data["exits_on"] if one != wealth_product_purchased]
    if journey.entry is not None:
        data["entry"] = {"kind": "not", "condition": _tag("kept-out")}
    _let_tags_decide(data)
    return with_templates(Journey.model_validate(data), templates())


def _let_tags_decide(value: Any) -> None:
    match value:
        case dict():
            if value.get("kind") == "when":
                for number, branch in enumerate(value["branches"], start=1):
                    branch["condition"] = _tag(f"{value['id']}-{number}")
            if value.get("kind") == "repeat" and value["until"] is not None:
                value["until"] = _tag(f"{value['id']}-until")
            for inner in value.values():
                _let_tags_decide(inner)
        case list() | tuple():
            for inner in value:
                _let_tags_decide(inner)
        case _:
            pass


def _tag(name: str) -> dict[str, str]:
    return {"kind": "tag", "tag": name}


def _two_paths(value: Published) -> Iterator[Walked]:
    paths = [path for path in paths_of(value, local_time=resolve_local_time) if _can_be_walked(path)]
    longest = max(paths, key=lambda path: (len(path.moments), len(path.touches)))
    idle = next(path for path in paths if _does_nothing(value.journey, path))
    for called, path in (("longest", longest), ("idle", idle)):
        yield Walked(value, called, path, _customer(value.journey, path, called))


def _can_be_walked(path: Path) -> bool:
    """Every touch is sent, which is not for the customer to choose."""
    return not any(moment.what == "not sent" for moment in path.moments)


def _does_nothing(journey: Journey, path: Path) -> bool:
    """Every wait times out, no condition holds, a split leads into its first arm."""
    steps = {step.id: step for step in all_steps(journey.steps)}
    for moment in path.moments:
        match steps[moment.step]:
            case When() if moment.what != "otherwise":
                return False
            case Split() as step if moment.what.split()[1] != next(arm.name for arm in step.arms if arm.percent):
                return False
            case Repeat() if moment.what.startswith("stopped"):
                return False
            case _ if moment.came and "had come" not in moment.what:
                return False
            case _:
                pass
    return True


def _customer(journey: Journey, path: Path, called: str) -> str:
    """One who is in the arms of the path, and not held out."""
    splits = [step for step in all_steps(journey.steps) if isinstance(step, Split)]
    arms = {moment.step: moment.what.split()[1] for moment in path.moments if moment.what.startswith("arm ")}
    ids = (CustomerId(f"{journey.name}-{called}-{number}") for number in count(1))
    return next(
        one
        for one in ids
        if not held_out(journey.name, journey.holdout, one)
        and all(arm_of(step, one)[1].name == arms[step.id] for step in splits if step.id in arms)
    )


async def _cost(ground: Ground, walked: Walked) -> Sequence[str]:
    """Walk a path and count; a row of the table."""
    logged: list[LoggedQuery] = []
    pace = QUICK if ground.quick else CAREFUL
    async with _listened_to(ground, logged) as pool:
        of_one = replace(world(pool), catalogue=Catalogue.of([walked.value]))
        async with running(workers(ground.client, of_one, task_queue=walked.task_queue)):
            try:
                async with asyncio.timeout((_takes(walked.path, pace) * 3 + timedelta(minutes=1)).total_seconds()):
                    await _walk(ground, walked, pace)
                    problem = await _not_as_planned(ground, walked)
            except TimeoutError:
                problem = "took too long"
            history = await _history(ground, walked.customer)
        await ground.terminate([walked.customer])
    called = f"{walked.called} ({problem})" if problem else walked.called
    path = walked.path
    counted = len(path.moments), len(path.touches), *_counted(history), *_statements(logged)
    return (walked.value.journey.name, called, *(f"{number:,}" for number in counted))


@asynccontextmanager
async def _listened_to(ground: Ground, logged: list[LoggedQuery]) -> AsyncIterator[Pool]:
    """A pool of one connection, whose statements are noted."""
    pool = await open_pool(ground.stack.database_url, size=1)
    try:
        async with pool.acquire() as connection:
            connection.add_query_logger(logged.append)
        yield pool
        async with pool.acquire() as connection:
            connection.remove_query_logger(logged.append)
    finally:
        await pool.close()


async def _walk(ground: Ground, walked: Walked, pace: timedelta) -> None:
    """Begin, let each event of the path come at its time, and wait for the end.

    The workflow is not asked where it stands: a query makes its history longer.
    """
    await allow(ground.pool, [walked.customer], MessageClass)
    tags = [f"{one.step}-{one.what.split()[1]}" for one in walked.path.moments if one.what.startswith("branch ")]
    await ground.pool.execute("UPDATE customer SET tags = $2 WHERE customer_id = $1", walked.customer, tags)
    begins, clock = _event(walked.begins_with, MONDAY, "first"), _clock(walked.path, pace)
    await ground.signal(walked.customer, begins, walked.task_queue, {"clock": clock})
    handle = ground.client.get_workflow_handle(workflow_id(walked.customer))
    for at, after, name in _events(walked.path, pace):
        real = clock.real_anchor + after
        await asyncio.sleep((real - datetime.now(UTC)).total_seconds())
        await handle.signal(RECORD_EVENT, _event(name, MONDAY + at, f"{name}-{at.total_seconds():.0f}"))
    await until(lambda: _ended(ground.pool, walked.customer))
    await until(lambda: _at_rest(ground, walked.customer))


def _event(name: str, at: datetime, event_id: str) -> dict[str, Any]:
    return {**event(name, at, event_id), "data": DATA.get(name, {})}


async def _ended(pool: Pool, customer: str) -> bool:
    return bool(await pool.fetchval("SELECT ended_at IS NOT NULL FROM journey_run WHERE customer_id = $1", customer))


async def _at_rest(ground: Ground, customer: str) -> bool:
    """Whether the task that recorded the end is over."""
    *_, last = (await ground.client.get_workflow_handle(workflow_id(customer)).fetch_history()).events
    return last.event_type not in (
        HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    )


def _instants(path: Path, pace: timedelta) -> list[tuple[timedelta, timedelta]]:
    """The instants of a path, each with the real time after the beginning at which it comes."""
    instants, real = list[tuple[timedelta, timedelta]](), timedelta(0)
    for at in sorted({moment.at for moment in path.moments} | {path.ends_at, timedelta(0)}):
        instants.append((at, real))
        real += pace * (1 + len(_coming(path, at)))
    return instants


def _coming(path: Path, at: timedelta) -> list[str]:
    """The events for which the customer waits at an instant, and which come."""
    return [one.came[0] for one in path.moments if one.at == at and one.came and "had come" not in one.what]


def _events(path: Path, pace: timedelta) -> Iterator[tuple[timedelta, timedelta, str]]:
    """The events of a path: when each happens, how long after the beginning it is sent, in real time, and its name."""
    for at, real in _instants(path, pace):
        for number, name in enumerate(_coming(path, at), start=1):
            yield at + number * INSTANT, real + number * pace, name


def _takes(path: Path, pace: timedelta) -> timedelta:
    *_, (_, real) = _instants(path, pace)
    return real


def _clock(path: Path, pace: timedelta) -> Clock:
    """Begins now, on a Monday morning, and is slow enough at each instant of the path."""
    now = datetime.now(UTC)
    _, *instants = _instants(path, pace)
    bends = tuple((now + real, MONDAY + at) for at, real in instants)
    return Clock(now, MONDAY, timedelta(days=1) / pace, GRACE, bends)


async def _not_as_planned(ground: Ground, walked: Walked) -> str:
    """What differs from the path, if anything does: a touch, or the end."""
    sql = "SELECT step, outcome, reason FROM touch WHERE customer_id = $1 ORDER BY planned_at, touch_id"
    touches = await ground.pool.fetch(sql, walked.customer)
    kept_back = {f"{row['outcome']}: {row['reason']}" for row in touches if row["outcome"] != "sent"}
    if [row["step"] for row in touches] != [touch.step for touch in walked.path.touches]:
        return f"another way, {len(touches)} touches"
    if kept_back and all(touch.sent for touch in walked.path.touches):
        return ", ".join(sorted(kept_back))
    outcome = await ground.pool.fetchval("SELECT outcome FROM journey_run WHERE customer_id = $1", walked.customer)
    return "" if outcome == walked.path.outcome else f"ended as {outcome}"


async def _history(ground: Ground, customer: str) -> list[HistoryEvent]:
    """The history up to the marker with which the end of the journey was recorded."""
    events = list((await ground.client.get_workflow_handle(workflow_id(customer)).fetch_history()).events)
    kinds = [one.event_type for one in events]
    recorded = HistoryEventType.EVENT_TYPE_MARKER_RECORDED
    return events[: len(kinds) - kinds[::-1].index(recorded)] if recorded in kinds else events


def _counted(events: Sequence[HistoryEvent]) -> tuple[int, ...]:
    """Events, bytes, remote activities, local activities, timers."""
    kinds = Counter(one.event_type for one in events)
    return (
        len(events),
        sum(len(_BENDS.sub(b'"bends":[]', one.SerializeToString())) for one in events),
        kinds[HistoryEventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED],
        kinds[HistoryEventType.EVENT_TYPE_MARKER_RECORDED],
        kinds[HistoryEventType.EVENT_TYPE_TIMER_STARTED],
    )


def _statements(logged: Sequence[LoggedQuery]) -> tuple[int, int]:
    """Statements and transactions; a statement outside of one is one."""
    statements = transactions = 0
    inside = False
    for one in logged:
        if _DRIVERS_OWN.search(one.query):
            continue
        if bounds := _BOUNDS.match(one.query):
            inside = bounds[1].upper() == "BEGIN"
            transactions += inside
        else:
            statements += 1
            transactions += not inside
    return statements, transactions


def _engine() -> tuple[Grid, Grid]:
    """How large the engine is."""
    sizes = {module: lines_of_code(module) for module in MODULES}
    rows = [(module, f"{lines:,}") for module, lines in sizes.items()]
    words = lines_of_each_word()
    served = [(name, f"{words[name]:,}") for name in (*WORDS, ALL)]
    return (
        Grid(("engine", "lines of code"), [*rows, ("together", f"{sum(sizes.values()):,}")]),
        Grid(("word", f"lines of {WALK}, roughly"), [*served, ("together", f"{words.total():,}")]),
    )
