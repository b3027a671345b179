"""What a customer's workflow made of an event: waited for, and read from the books before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from activities.contracts import CustomerView, workflow_id
from activities.database import Connection
from activities.fate import Fate, InQuarantine, Recorded, read_fate
from activities.profile import Profile, read_profile
from activities.story import Story, read_story
from cli.database import open_database
from cli.sending import Outgoing, deliver
from cli.servers import connect_temporal
from errors import PayloadKeyMissing
from settings import Settings

LIMIT = timedelta(seconds=15)
"""How long a person waits for the answer."""

_POLL = timedelta(milliseconds=50)

Line = TypeVar("Line")


class Result(StrEnum):
    """What became of an event."""

    RECORDED = "recorded"
    KNOWN = "known"
    REJECTED = "rejected"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A journey under way: the step that the customer is at, and until when, if that is known."""

    journey: str
    step: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What an event led to. `reason` says why it was rejected, `still_open` what has yet to come.

    `since` holds the rows that are new or changed; `next_action_at` is real time.
    """

    result: Result
    reason: str
    still_open: str
    stage_before: str | None
    stage: str | None
    points: int
    since: Story
    waiting: Sequence[Waiting]
    next_action_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Books:
    """What the books say of a customer and an event at one time."""

    fate: Fate | None
    profile: Profile | None
    story: Story


async def send_and_follow(settings: Settings, event: Outgoing, limit: timedelta) -> Aftermath:
    """Send an event and wait until it has taken effect, as long as `limit`.

    InputError if Temporal does not take it; EngineError or DatabaseError if a server is not there; PayloadKeyMissing
    if it was sent, and the answer cannot be read.
    """
    client = await connect_temporal(settings)
    async with open_database(settings) as connection:
        before = await _books(connection, event)
        await deliver(client, event, limit)
        with _told_that_it_was_sent(event):
            view = await _settled(client, event, limit)
        failures = await _failures(client, event) if view is None or view.busy else 0
        after = await _books(connection, event)
    return _aftermath(event, before, after, view, failures)


@contextmanager
def _told_that_it_was_sent(event: Outgoing) -> Iterator[None]:
    """Whoever has to add a key and cannot tell would send it again under another id."""
    try:
        yield
    except PayloadKeyMissing as error:
        again = f"--id {event.argument['event_id']} --at {event.argument['occurred_at']}"
        raise PayloadKeyMissing(f"{error} The event was sent; sent again with `{again}` it counts once.") from error


async def _books(connection: Connection, event: Outgoing) -> _Books:
    return _Books(
        await read_fate(connection, event.customer_id, event.delivery()),
        await read_profile(connection, event.customer_id),
        await read_story(connection, event.customer_id),
    )


async def _settled(client: Client, event: Outgoing, limit: timedelta) -> CustomerView | None:
    """The workflow's view once it is at rest, or the last one within the limit; none if nobody answers."""
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id(event.customer_id))
    view: CustomerView | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(limit.total_seconds()):
            while view is None or view.busy:
                view = await _view(handle) or view
                await asyncio.sleep(_POLL.total_seconds())
    return view


async def _view(handle: WorkflowHandle[Any, Any]) -> CustomerView | None:
    """What the workflow says; none while no worker answers for it."""
    try:
        view: CustomerView = await handle.query("view", result_type=CustomerView)
    except (RPCError, WorkflowQueryFailedError):
        return None
    return view


async def _failures(client: Client, event: Outgoing) -> int:
    """How often in a row the workflow's present task has failed; 0 also if Temporal does not say."""
    try:
        described = await client.get_workflow_handle(workflow_id(event.customer_id)).describe()
    except RPCError:
        return 0
    return max(described.raw_description.pending_workflow_task.attempt - 1, 0)


def _aftermath(event: Outgoing, before: _Books, after: _Books, view: CustomerView | None, failures: int) -> Aftermath:
    runs = view.state.runs if view else []
    return Aftermath(
        result=_result(before.fate, after.fate),
        reason=after.fate.reason if isinstance(after.fate, InQuarantine) else "",
        still_open=_still_open(event, after.fate, view, failures),
        stage_before=before.profile.stage if before.profile else None,
        stage=after.profile.stage if after.profile else None,
        points=after.profile.points if after.profile else 0,
        since=_since(before.story, after.story),
        waiting=[Waiting(run.journey, run.step, run.deadline) for run in runs],
        next_action_at=view.next_action_at if view else None,
    )


def _result(before: Fate | None, after: Fate | None) -> Result:
    match after:
        case None:
            return Result.OPEN
        case InQuarantine():
            return Result.REJECTED
        case Recorded():
            return Result.KNOWN if before == after else Result.RECORDED


def _still_open(event: Outgoing, fate: Fate | None, view: CustomerView | None, failures: int) -> str:
    if failures:
        often = "once" if failures == 1 else f"{failures:,} times"
        return (
            f"the customer's workflow task has failed {often}, and is tried again: what was sent is kept, and takes"
            " effect as soon as the task succeeds. If a worker is running, its log and the customer's page in the"
            " Temporal UI say what the workflow stumbles over"
        )
    if view is None:
        return (
            "no worker has taken it up yet: it is kept, and takes effect as soon as one runs"
            " (`starter.py up`, or `.venv/bin/python worker.py`)"
        )
    if view.busy:
        return f"the workflow is still at work on it: `starter.py why {event.customer_id}` will tell"
    if fate is None:
        return "the workflow is done with it, but this database knows nothing of it: does the worker use the same one?"
    return ""


def _since(before: Story, after: Story) -> Story:
    """What is in the books now and was not before."""
    return Story(
        after.customer_id,
        _new(before.entries, after.entries),
        _new(before.runs, after.runs),
        _new(before.touches, after.touches),
        _new(before.holds, after.holds),
        _new(before.commands, after.commands),
        _new(before.brakes, after.brakes),
        _new(before.points, after.points),
        _new(before.conversions, after.conversions),
    )


def _new(before: Sequence[Line], after: Sequence[Line]) -> list[Line]:
    return [line for line in after if line not in before]
