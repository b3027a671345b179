"""Commands to customers' lives: one at a time, or many at a rate (docs/contract.md, "Commands")."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import click
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import TASK_QUEUE, WORKFLOW_TYPE, workflow_id
from cli.show import counted
from engine import refusal
from errors import EngineError, InputError, NoAnswer, SojournError
from journeys.names import CustomerId
from rules.commands import Verb
from rules.customer_id import check_customer_id
from rules.state import Obeyed

PATIENCE = timedelta(seconds=30)
"""How long a command waits for its answer: a life that is busy or a worker that is away may need some time."""

UNANSWERED_IN_A_ROW = 10
"""Many commands are not given any further after so many without an answer, and none with: then it is not this or that
customer who is stuck."""

_POLL = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Order:
    """One command for one customer, as it goes over the wire.

    A server answers an update of the same id as it did before, as long as the workflow runs; what comes of another
    `invocation` is a new update.
    """

    verb: Verb
    customer_id: CustomerId
    argument: Mapping[str, Any]
    invocation: str = ""

    @property
    def update_id(self) -> str:
        """What the server tells updates apart by."""
        said = f"{self.verb}:{self.argument['journey']}:{self.argument['command_id']}"
        return f"{said}:{self.invocation}" if self.invocation else said


InBooks = Callable[[CustomerId], Awaitable[bool]]
"""Whether the books know a customer."""


async def known_already(customer_id: CustomerId) -> bool:
    """For customers that were found in the books."""
    return True


def order(
    verb: Verb,
    customer_id: str,
    journey: str,
    *,
    actor: str,
    reason: str,
    command_id: str,
    key: str = "",
    to: str | None = None,
    invocation: str = "",
) -> Order:
    """A command. InputError if the customer's id is none."""
    argument = {"journey": journey, "actor": actor, "reason": reason, "command_id": command_id, "key": key}
    argument = argument if to is None else {**argument, "to": to}
    return Order(verb, check_customer_id(customer_id), argument, invocation)


async def give(
    client: Client, command: Order, task_queue: str | None = None, *, in_books: InBooks = known_already
) -> Obeyed:
    """Give a command and wait for what was made of it. Twice under one id is done once.

    Who has no workflow under way, as after a Terminate or a long silence, gets one, which goes on where the last one
    ended; `in_books` is asked before, so that a mistyped id begins no life. InputError if the life does not take the
    command or there is none to take it; NoAnswer if no worker answers, EngineError if Temporal refuses.
    """
    refusals: list[RPCError] = []
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await _once_it_can(client, command, task_queue or TASK_QUEUE, in_books, refusals.append)
    except WorkflowUpdateFailedError as error:
        raise InputError(str(error.cause)) from error
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise _no_answer(refusals) from error
    except RPCError as error:
        raise refusal(error) from error


async def _once_it_can(
    client: Client, command: Order, task_queue: str, in_books: InBooks, note: Callable[[RPCError], None]
) -> Obeyed:
    """While a workflow's task has failed and is to be tried again, the server takes no update for it."""
    while True:
        try:
            return await _give(client, command, task_queue, in_books)
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
            note(error)
        await asyncio.sleep(_POLL.total_seconds())


def _no_answer(refusals: Sequence[RPCError]) -> NoAnswer:
    """What to do about a life that does not answer, with Temporal's own last word on it."""
    said = f" ({refusals[-1].message.rstrip('.')})" if refusals else ""
    return NoAnswer(
        f"no answer within {PATIENCE.total_seconds():g} s{said}: is a worker running (`worker.py`, `starter.py up`)? If"
        " one is, the customer's page in the Temporal UI says what the workflow stumbles over."
        " The command may still be carried out; giving it again under the same id does not repeat it"
    )


async def _give(client: Client, command: Order, task_queue: str, in_books: InBooks) -> Obeyed:
    """A life under way is told first, without a look into the books: they may be down when a journey has to stop."""
    if command.verb is not Verb.ENTER:
        try:
            return await _to_a_life(client, command)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    if not await in_books(command.customer_id):
        raise InputError(f"there is no customer {command.customer_id!r}: load them first, with `starter.py customers`")
    return await _with_start(client, command, task_queue)


async def _to_a_life(client: Client, command: Order) -> Obeyed:
    obeyed: Obeyed = await client.get_workflow_handle(workflow_id(command.customer_id)).execute_update(
        command.verb, command.argument, id=command.update_id, result_type=Obeyed
    )
    return obeyed


async def _with_start(client: Client, command: Order, task_queue: str) -> Obeyed:
    start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        WORKFLOW_TYPE,
        {},
        id=workflow_id(command.customer_id),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    obeyed: Obeyed = await client.execute_update_with_start_workflow(
        command.verb, command.argument, start_workflow_operation=start, id=command.update_id, result_type=Obeyed
    )
    return obeyed


@dataclass(slots=True)
class Tally:
    """What became of many commands: done, refused by what was told, and whose could not be given."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: dict[CustomerId, str] = field(default_factory=dict)


async def give_all(
    orders: AsyncIterator[Order],
    give_one: Callable[[Order], Awaitable[Obeyed]],
    *,
    concurrency: int,
    a_minute: int | None = None,
    show: Callable[[int], None] = lambda done: None,
) -> Tally:
    """Give many commands, so many at once, and no more than `a_minute`; each customer's fate goes into the tally."""
    giver = _Giver(give_one, show)
    try:
        await _give_each(orders, giver, concurrency, a_minute)
    except* SojournError as problems:
        problem = problems.exceptions[0]
    else:
        return giver.tally
    raise _how_far(problem, giver.tally) from problem


async def _give_each(orders: AsyncIterator[Order], giver: _Giver, concurrency: int, a_minute: int | None) -> None:
    """As many at once as may be. Interrupted, it says how far it came: there is nobody left to ask."""
    free, pace = asyncio.Semaphore(concurrency), _Pace(a_minute)
    try:
        async with asyncio.TaskGroup() as group:
            async for command in orders:
                await free.acquire()
                await pace.next()
                group.create_task(giver.give(command)).add_done_callback(lambda _: free.release())
    except asyncio.CancelledError:
        click.echo(f"Stopped. {_done(giver.tally)} Run the command again, and it goes on from there.", err=True)
        raise


def _done(tally: Tally) -> str:
    were = "was" if tally.done == 1 else "were"
    return f"{counted(tally.done, 'command')} {were} done, and {tally.refused.total():,} refused."


def _how_far(problem: Exception, tally: Tally) -> SojournError:
    """What kept the commands from going on, with what was done by then."""
    kind = InputError if isinstance(problem, InputError) else EngineError
    return kind(
        f"{str(problem).rstrip('.')}. Before that, {_done(tally)}"
        " Run the command again when that is mended: what was done is not done twice."
    )


@dataclass(slots=True)
class _Giver:
    """Gives commands and keeps the tally."""

    give_one: Callable[[Order], Awaitable[Obeyed]]
    show: Callable[[int], None]
    tally: Tally = field(default_factory=Tally)
    given: int = 0
    unanswered: int = 0

    async def give(self, command: Order) -> None:
        """Give one; that a customer's life does not take it, or does not answer, is that customer's fate.

        NoAnswer if nobody's has answered for a while.
        """
        try:
            obeyed = await self.give_one(command)
        except NoAnswer as error:
            self.tally.failed[command.customer_id] = str(error)
            self.unanswered += 1
            if self.unanswered >= UNANSWERED_IN_A_ROW:
                raise
        except InputError as error:
            self.tally.failed[command.customer_id] = str(error)
            self.unanswered = 0
        else:
            self.unanswered = 0
            if obeyed.done:
                self.tally.done += 1
            else:
                self.tally.refused[obeyed.told] += 1
        self.given += 1
        self.show(self.given)


class _Pace:
    """Lets one through at a time, evenly."""

    def __init__(self, a_minute: int | None) -> None:
        self._distance = 60 / a_minute if a_minute else 0.0
        self._next = time.monotonic()

    async def next(self) -> None:
        now = time.monotonic()
        if self._next > now:
            await asyncio.sleep(self._next - now)
        self._next = max(self._next, now) + self._distance
