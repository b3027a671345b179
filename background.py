"""Work beside a block that is not to end in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do this as long as the block runs. If it fails, the block is cancelled, and raises what it failed with.

    As `async with` of a Temporal worker does it.
    """
    block = asyncio.current_task()
    assert block is not None, "a block runs in a task"
    task = asyncio.create_task(work)

    def end_block(ended: asyncio.Task[None]) -> None:
        if _failure(ended) is not None:
            block.cancel()

    task.add_done_callback(end_block)
    try:
        yield
    except asyncio.CancelledError:
        if (failure := _failure(task)) is None:
            raise
        block.uncancel()
        raise failure from None
    finally:
        task.remove_done_callback(end_block)
        task.cancel()
        await asyncio.wait([task])


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
