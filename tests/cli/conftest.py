"""Commands as people run them: arguments in, exit code and text out, against a fresh database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import pytest

import settings
from activities.database import Connection, connect
from cli.edge import exit_code
from starter import starter

Result = TypeVar("Result")


class Ran(NamedTuple):
    """What a command left: its exit code, and what it printed."""

    code: int
    out: str
    err: str


Sojourn = Callable[..., Ran]


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No setting of the machine that runs the tests leaks in."""
    for name in settings.variables():
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def sojourn(database_url: str, bare_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sojourn:
    """Run `starter.py` with arguments, on the test's own database."""
    bare_environment.setenv("DATABASE_URL", database_url)

    def run(*arguments: object) -> Ran:
        code = exit_code(starter, [str(each) for each in arguments])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


class Books:
    """The database of the test, for a look at the rows."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """What a query answers, as plain tuples."""
        return [tuple(row) for row in self.use(lambda connection: connection.fetch(query, *arguments))]

    def value(self, query: str, *arguments: Any) -> Any:
        """The one value that a query answers."""
        return self.use(lambda connection: connection.fetchval(query, *arguments))

    def write(self, statement: str, *arguments: Any) -> None:
        """Carry out a statement; without arguments it may be several."""
        self.use(lambda connection: connection.execute(statement, *arguments))

    def use(self, what: Callable[[Connection], Awaitable[Any]]) -> Any:
        """Do something on a connection of its own."""

        async def do() -> Any:
            connection = await connect(self._url)
            try:
                return await what(connection)
            finally:
                await connection.close()

        return asyncio.run(do())


@pytest.fixture
def books(database_url: str) -> Books:
    """The rows behind the commands."""
    return Books(database_url)
