"""Addresses as a backend tells them: by the words of docs/channels.md, beside imports of the same customers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from activities.customer_rows import lock_customers
from activities.customers import CustomerUpdate, import_customers
from activities.database import Connection, Pool, connect
from embedded import EmbeddedStack
from tests.activities.conftest import Connect

DOCUMENT = Path(__file__).parents[2] / "docs" / "channels.md"
ADDRESSES = DOCUMENT.read_text(encoding="utf-8").partition("## Addresses")[2]
(SQL,) = re.findall(r"```sql\n(.*?)```", ADDRESSES, re.DOTALL)
TELLS, TAKES_BACK = re.findall(r"^SELECT tell_address\(.*\)", SQL, re.MULTILINE)
STAND = "SELECT address FROM channel_address WHERE customer_id = 'C-1024' AND active ORDER BY at DESC, address"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def update(*addresses: str) -> CustomerUpdate:
    """The row of a file that tells where WeChat finds the customer of the document."""
    return CustomerUpdate.model_validate({"customer_id": "C-1024", "addresses": {"wechat": addresses}})


async def stand(connection: Connection | Pool) -> list[str]:
    """The addresses that a channel is given, the latest first."""
    return [row["address"] for row in await connection.fetch(STAND)]


async def test_a_backend_tells_an_address_and_takes_it_back(connected: Connect, pool: Pool) -> None:
    """In the words of the document: the latest comes first, the gates judge anew, and what goes is kept as inactive."""
    await import_customers(await connected(), [update("oOLD")])
    before = await pool.fetchval("SELECT version FROM customer")
    await pool.execute(TELLS)
    assert await stand(pool) == ["oABC…", "oOLD"]
    await pool.execute(TAKES_BACK)
    assert await stand(pool) == ["oOLD"]
    assert await pool.fetchval("SELECT count(*) FROM channel_address") == 2
    assert await pool.fetchval("SELECT version FROM customer") > before


@pytest.mark.parametrize("statement", [TELLS, TAKES_BACK])
async def test_a_backend_and_an_import_of_one_customer_do_not_wait_for_each_other(
    connected: Connect, statement: str
) -> None:
    """Both lock the customer first: who comes second waits, and is the later one."""
    importing, backend = await connected(), await connected()
    await import_customers(importing, [update("oOLD")])
    await backend.execute(TELLS)
    async with importing.transaction():
        await lock_customers(importing, ["C-1024"])
        telling = asyncio.create_task(backend.execute(statement))
        watching = await connected()
        while not await watching.fetchval(WAITING):
            assert not telling.done()
        await import_customers(importing, [update("oNEW")])
    await telling
    assert await stand(backend) == (["oABC…", "oNEW"] if statement == TELLS else ["oNEW"])


async def test_an_address_of_nobody_is_refused(pool: Pool) -> None:
    """With what to do first."""
    with pytest.raises(asyncpg.ForeignKeyViolationError, match=r"load it first, with starter\.py customers"):
        await pool.execute(TELLS)


@pytest.fixture
async def backend_login(database_url: str, stack: EmbeddedStack, owner: Connection) -> AsyncIterator[Connection]:
    """A login that may tell addresses, and nothing else."""
    await owner.execute("CREATE ROLE a_backend LOGIN PASSWORD 'test'")
    login = await connect(database_url.replace(f"sojourn:{stack.secret('postgres')}@", "a_backend:test@"))
    yield login
    await login.close()
    await owner.execute("DROP OWNED BY a_backend")
    await owner.execute("DROP ROLE a_backend")


async def test_a_backend_needs_no_right_but_to_tell(owner: Connection, backend_login: Connection) -> None:
    """Nobody has that without being given it, and it opens no table."""
    await import_customers(owner, [update("oOLD")])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await backend_login.execute(TELLS)
    await owner.execute("GRANT EXECUTE ON FUNCTION tell_address TO a_backend")
    await backend_login.execute(TELLS)
    assert await stand(owner) == ["oABC…", "oOLD"]
    for closed in (STAND, "UPDATE channel_address SET active = false", "UPDATE customer SET version = 0"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await backend_login.execute(closed)
