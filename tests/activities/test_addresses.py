"""Addresses as a backend tells them: by the words of docs/channels.md, beside imports of the same customers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import ValidationError

from activities.customer_rows import lock_customers
from activities.customers import CustomerUpdate, import_customers
from activities.database import Connection, Pool, connect
from embedded import EmbeddedStack
from journeys.channels import ADDRESSED
from journeys.names import Channel
from tests.activities.conftest import Connect
from tests.databases import login

DOCUMENT = Path(__file__).parents[2] / "docs" / "channels.md"
ADDRESSES = DOCUMENT.read_text(encoding="utf-8").partition("## Addresses")[2]
(SQL,) = re.findall(r"```sql\n(.*?)```", ADDRESSES, re.DOTALL)
TELLS, TAKES_BACK = re.findall(r"^SELECT tell_address\(.*\)", SQL, re.MULTILINE)
STAND = "SELECT address FROM channel_address WHERE customer_id = 'C-1024' AND active ORDER BY at DESC, address"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
PHONES = ["13812345678", "+8613812345678", "0086-138-1234-5678", "138.1234.5678", "1_38123456_78", "9+13812345678"]
ADDRESSES_NEAR_PHONES = ["o13812345678", "12812345678", "138123456789", "1381234567", "13812345678oABC"]


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


REFUSED: dict[str, tuple[tuple[object, ...], str]] = {
    **{
        f"for {channel}": ((channel, "oABC", True), "such a channel has no addresses: only app_push and wechat have")
        for channel in [*(one for one in Channel if one not in ADDRESSED), "wechta", "", None]
    },
    "empty": (("wechat", "", True), "an address has 1 to 256 characters"),
    "none": (("wechat", None, True), "an address has 1 to 256 characters"),
    "too long": (("wechat", "o" * 257, True), "an address has 1 to 256 characters"),
    "neither there nor gone": (("wechat", "oABC", None), "say whether the address is active"),
    **{
        f"phone {number}": (("app_push", number, True), "this looks like a phone number: Sojourn keeps none")
        for number in PHONES
    },
}


@pytest.mark.parametrize(("told", "said"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_address_is_refused_in_a_sentence(pool: Pool, told: tuple[object, ...], said: str) -> None:
    """It is told neither which customer it was nor what was told: logs have that error."""
    await import_customers_of(pool)
    with pytest.raises(asyncpg.InvalidParameterValueError) as refused:
        await pool.execute("SELECT tell_address('C-1024', $1, $2, $3)", *told)
    assert str(refused.value) == said
    assert refused.value.detail is None
    assert await stand(pool) == ["oOLD"]


@pytest.mark.parametrize("number", PHONES)
def test_an_import_refuses_the_same_numbers(number: str) -> None:
    """One rule, told twice: in Python and in the database."""
    with pytest.raises(ValidationError, match="looks like a phone number"):
        update(number)


@pytest.mark.parametrize("address", ADDRESSES_NEAR_PHONES)
async def test_an_address_that_only_comes_near_a_number_is_taken(pool: Pool, address: str) -> None:
    """By the function as by a file."""
    await import_customers_of(pool)
    await pool.execute("SELECT tell_address('C-1024', 'wechat', $1)", address)
    assert await stand(pool) == [address, "oOLD"]
    assert update(address).addresses


async def import_customers_of(pool: Pool) -> None:
    """The customer of the document, with an address from a file."""
    async with pool.acquire() as connection:
        await import_customers(connection, [update("oOLD")])


@pytest.fixture
async def backend_login(database_url: str, stack: EmbeddedStack) -> AsyncIterator[Connection]:
    """A login that may tell addresses, and nothing else."""
    async with login(stack, database_url, name="a_backend") as url:
        connection = await connect(url)
        yield connection
        await connection.close()


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
