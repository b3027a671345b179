"""Work beside a block that is not to end in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do this as long as the block runs. If it fails, the block is cancelled, and raises what it failed with.

    So does a block that ends as the work fails, unless it raised something itself.

    As `async with` of a Temporal worker does it.
    """
    block = asyncio.current_task()
    assert block is not None, "a block runs in a task"
    task = asyncio.create_task(work)
    over = cancelled = False

    def end_block(ended: asyncio.Task[None]) -> None:
        nonlocal cancelled
        # It is called a turn after the failure: by then the block may be waiting for this.
        if _failure(ended) is not None and not over:
            cancelled = block.cancel()

    task.add_done_callback(end_block)
    try:
        yield
    except asyncio.CancelledError:
        if _failure(task) is None:
            raise
    finally:
        over = True
        if cancelled:
            block.uncancel()
        task.cancel()
        await asyncio.wait([task])
    if (failure := _failure(task)) is not None:
        raise failure


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
