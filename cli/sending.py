"""Sending events as the public contract says: signal-with-start, one JSON argument (docs/contract.md).

checked()   an event that a customer's workflow would take; what it would reject is refused here, before it is sent
deliver()   hand one event to Temporal, again and again while it is busy or away
send_all()  many at once, those of one customer one after the other
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import RECORD_EVENT, TASK_QUEUE, WORKFLOW_TYPE, Delivery, workflow_id
from activities.incoming import Incoming, Rejected, read
from cli.tabular import Row
from engine import refusal
from errors import EngineError, InputError, SojournError
from journeys.names import CustomerId
from rules.customer_id import check_customer_id

PATIENCE = timedelta(minutes=1)
"""How long a server may be away before a command gives up."""

ROOM = 16
"""Events read ahead, for each that may be in flight: enough to find another customer's."""

_FIRST_PAUSE = timedelta(milliseconds=200)
_LONGEST_PAUSE = timedelta(seconds=5)

_ABOUT_THIS_ONE = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE, RPCStatusCode.FAILED_PRECONDITION)
_ABOUT_ALL = (
    RPCStatusCode.UNAUTHENTICATED,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.NOT_FOUND,
    RPCStatusCode.UNIMPLEMENTED,
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event for a customer: the one argument of the signal, and the row of a file that it came from, if any."""

    customer_id: CustomerId
    argument: Mapping[str, Any]
    row: Row | None = None

    def delivery(self) -> Delivery:
        """The event as the workflow will see it. InputError if it cannot be written down."""
        try:
            content = to_json(self.argument)
        except PydanticSerializationError as error:
            raise InputError("data has characters that are no text, or is nested too deeply: correct it") from error
        return Delivery(RECORD_EVENT, (("json/plain", content.decode("latin-1")),))


Deliver = Callable[[Outgoing], Awaitable[None]]
Refused = Callable[[Outgoing, str], None]


def checked(customer_id: str, argument: Mapping[str, Any], tolerance: timedelta, row: Row | None = None) -> Outgoing:
    """An event that fits. InputError says what does not, by the rules of the workflow itself.

    `tolerance` is how far ahead of this machine's clock it may be.
    """
    outgoing = Outgoing(check_customer_id(customer_id), argument, row)
    match read(outgoing.delivery(), lambda at: at > datetime.now(UTC) + tolerance):
        case Incoming():
            return outgoing
        case Rejected(reason):
            raise InputError(reason)


async def signal(client: Client, event: Outgoing) -> None:
    """Signal the customer's workflow; it is started if there is none. RPCError if Temporal does not take it."""
    await client.start_workflow(
        WORKFLOW_TYPE,
        {},
        id=workflow_id(event.customer_id),
        task_queue=TASK_QUEUE,
        start_signal=RECORD_EVENT,
        start_signal_args=[event.argument],
    )


async def deliver(client: Client, event: Outgoing, patience: timedelta = PATIENCE) -> None:
    """Signal until Temporal takes it; twice is once, by the event's id.

    InputError if it does not take this one; EngineError if it takes none, or does not answer for as long as `patience`.
    """
    deadline = time.monotonic() + patience.total_seconds()
    pause = _FIRST_PAUSE
    while True:
        try:
            return await signal(client, event)
        except RPCError as error:
            _raise_if_final(error)
            if time.monotonic() > deadline:
                raise EngineError(
                    f"Temporal does not answer any more ({error.status.name}): start it, or correct TEMPORAL_ADDRESS."
                ) from error
        await asyncio.sleep(pause.total_seconds())
        pause = min(pause * 2, _LONGEST_PAUSE)


def _raise_if_final(error: RPCError) -> None:
    """Most errors pass by themselves; these do not."""
    if error.status in _ABOUT_THIS_ONE:
        said = error.message.rstrip(".")
        raise InputError(f"Temporal does not take it ({said}): shorten its data, or send it later") from error
    if error.status in _ABOUT_ALL:
        raise refusal(error) from error


async def send_all(events: Iterable[Outgoing], deliver: Deliver, refused: Refused, concurrency: int) -> int:
    """Send events, as many at once as `concurrency`, those of one customer in their order; the number taken.

    What `deliver` refuses with InputError goes to `refused`. Any other problem, and one of the file itself, ends it:
    EngineError or InputError says how far it came.
    """
    line = _Line(concurrency * ROOM)
    senders = _Senders(line, deliver, refused)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(senders.send()) for _ in range(concurrency)]
            for event in events:
                await line.put(event)
            await line.empty()
            for task in tasks:
                task.cancel()
    except* SojournError as problems:
        problem = problems.exceptions[0]
    else:
        return senders.sent
    # Outside of the `except*`, or it would be wrapped in a group again.
    raise _how_far(problem, senders.sent, line) from problem


def _how_far(problem: Exception, sent: int, line: _Line) -> SojournError:
    """The problem of one sender, or of the file, with what was done by then."""
    kind = InputError if isinstance(problem, InputError) else EngineError
    return kind(
        f"{str(problem).rstrip('.')}. {sent:,} events were sent, among them all before line {line.first_line:,}."
        " Run the command again when that is done: what was sent counts once."
    )


class _Senders:
    """What the senders have in common."""

    def __init__(self, line: _Line, deliver: Deliver, refused: Refused) -> None:
        self.sent = 0
        self._line = line
        self._deliver = deliver
        self._refused = refused

    async def send(self) -> None:
        """Send what is next, for ever."""
        while True:
            event = await self._line.take()
            try:
                await self._deliver(event)
                self.sent += 1
            except InputError as error:
                self._refused(event, str(error))
            self._line.done(event)


class _Line:
    """Events that wait to be sent. Of one customer, the next is handed out when the one before is done."""

    def __init__(self, room: int) -> None:
        self._room = asyncio.Semaphore(room)
        self._waiting: dict[CustomerId, deque[Outgoing]] = {}
        self._ready: asyncio.Queue[CustomerId] = asyncio.Queue()
        self._last = 0

    @property
    def first_line(self) -> int:
        """The first line of the file that is not done."""
        waiting = (row.line for waiting in self._waiting.values() if (row := waiting[0].row))
        return min(waiting, default=self._last + 1)

    async def put(self, event: Outgoing) -> None:
        """Line up; waits while there is no room."""
        await self._room.acquire()
        self._last = event.row.line if event.row else 0
        if waiting := self._waiting.get(event.customer_id):
            waiting.append(event)
        else:
            self._waiting[event.customer_id] = deque([event])
            self._ready.put_nowait(event.customer_id)

    async def take(self) -> Outgoing:
        """The next event of a customer who has none in flight."""
        return self._waiting[await self._ready.get()][0]

    def done(self, event: Outgoing) -> None:
        """Let the customer's next event go, if there is one."""
        waiting = self._waiting[event.customer_id]
        waiting.popleft()
        if waiting:
            self._ready.put_nowait(event.customer_id)
        else:
            del self._waiting[event.customer_id]
        self._ready.task_done()
        self._room.release()

    async def empty(self) -> None:
        """Wait until everything is done."""
        await self._ready.join()
