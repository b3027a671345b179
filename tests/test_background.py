"""Work in the background does not end in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from background import in_background
from errors import EngineError


async def failing(after: asyncio.Event) -> None:
    """Work that fails once it is told to."""
    await after.wait()
    raise EngineError("it cannot go on")


async def fails_and_cancels_nobody(block: Coroutine[Any, Any, None]) -> None:
    """It raises what the work failed with, and leaves no cancellation over."""
    with pytest.raises(EngineError, match="it cannot go on"):
        await block
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_its_failure_ends_the_block_and_is_what_it_raises() -> None:
    """And nobody else's cancellation is left over."""
    now = asyncio.Event()

    async def block() -> None:
        async with in_background(failing(now)):
            now.set()
            await asyncio.Event().wait()

    await fails_and_cancels_nobody(block())


async def test_the_end_of_the_block_is_its_end() -> None:
    """It is cancelled, and has ended by then."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def lasting() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with in_background(lasting()):
        await begun.wait()
    assert ended.is_set()


async def test_a_cancellation_of_the_block_stays_one() -> None:
    """Who interrupts a program is told of no failure."""
    begun = asyncio.Event()

    async def block() -> None:
        async with in_background(failing(asyncio.Event())):
            begun.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(block())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_the_block_raises_is_raised() -> None:
    """Whatever becomes of the work."""
    with pytest.raises(ValueError, match="of the block"):
        async with in_background(failing(asyncio.Event())):
            raise ValueError("of the block")


async def test_a_failure_in_the_turn_in_which_the_block_ends_is_raised() -> None:
    """The block has run to its end by then: it is not cancelled, and the failure is not lost."""
    now, to_its_end = asyncio.Event(), False

    async def block() -> None:
        nonlocal to_its_end
        async with in_background(failing(now)):
            now.set()
            await asyncio.sleep(0)
            to_its_end = True

    with pytest.raises(EngineError, match="it cannot go on"):
        await block()
    task = asyncio.current_task()
    assert task is not None
    assert (to_its_end, task.cancelling()) == (True, 0)


async def test_a_failure_while_the_work_is_ended_is_raised() -> None:
    """What it could not put away is told."""
    begun = asyncio.Event()

    async def untidy() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise EngineError("it cannot be ended")

    with pytest.raises(EngineError, match="it cannot be ended"):
        async with in_background(untidy()):
            await begun.wait()


async def test_a_block_that_does_not_heed_its_end_leaves_no_cancellation_behind() -> None:
    """Whoever goes on after the failure is not taken for somebody who was cancelled."""
    now = asyncio.Event()

    async def block() -> None:
        async with in_background(failing(now)):
            now.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    await fails_and_cancels_nobody(block())
