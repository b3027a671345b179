"""One live world for all tests of a module: for tests that keep to customers of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from embedded import EmbeddedStack
from tests.databases import Databases
from tests.live import Live, live


@pytest.fixture(scope="module")
async def world(stack: EmbeddedStack, databases: Databases) -> AsyncIterator[Live]:
    """The shipped journeys at work, on a database of the module."""
    async with databases.one() as url, live(stack, url) as world:
        yield world
