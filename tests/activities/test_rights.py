"""The rights of the running product: it writes books, and the database does not let it rewrite them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from activities.brakes import BrakeScope, put_brake_on
from activities.database import Connection, Pool, connect, may_rewrite_books, open_pool, restrict
from activities.migrations import migrate
from embedded import EmbeddedStack
from rules.gates import BrakeMode
from tests.activities.conftest import Connect
from tests.activities.touches import put_touch
from tests.databases import login

BOOKS = (
    "SELECT relname::text FROM pg_class JOIN pg_trigger ON tgrelid = pg_class.oid"
    " WHERE tgname = 'append_only' ORDER BY relname"
)
DEFINERS = """
    SELECT pg_proc.oid::regprocedure::text, proconfig, has_function_privilege('public', pg_proc.oid, 'EXECUTE')
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE prosecdef AND nspname NOT IN ('pg_catalog', 'information_schema')
"""
# Tables of the names that our functions write to, in the place where PostgreSQL looks first if it is not told where.
DECOYS = """
    CREATE TEMP TABLE customer AS SELECT 'C-1' AS customer_id, 1 AS version;
    CREATE TEMP TABLE touch AS SELECT 1::bigint AS touch_id, NULL AS provider_id;
    CREATE TEMP TABLE channel_address (customer_id text, channel text, address text, active boolean, at timestamptz,
                                       PRIMARY KEY (customer_id, channel, address));
    CREATE FUNCTION pg_temp.lift() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM public.touch;
        RETURN NEW;
    END $$;
    CREATE TRIGGER lift BEFORE UPDATE ON touch FOR EACH ROW EXECUTE FUNCTION pg_temp.lift();
    CREATE TRIGGER lift BEFORE INSERT ON channel_address FOR EACH ROW EXECUTE FUNCTION pg_temp.lift();
    GRANT ALL ON customer, touch, channel_address TO PUBLIC
"""
# It fits better than the function of PostgreSQL that a trigger of ours means.
CALLED_INSTEAD = """
    CREATE FUNCTION public.to_jsonb(touch) RETURNS jsonb LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM public.touch;
        RETURN '{}';
    END $$
"""
TELLS = "SELECT tell_address('C-1', 'wechat', 'oNEW')"
NAMES = "SELECT name_at_provider(touch_id, 'theirs') FROM generate_series(1, 9) AS touch_id"
CHANGES = [
    "UPDATE touch SET facts = '{}'",
    "UPDATE touch SET verdicts = '[]'",
    "UPDATE touch SET channel = 'sms'",
    "UPDATE touch SET text_hash = NULL",
    "UPDATE touch_judgement SET facts = '{}'",
    "DELETE FROM touch_judgement",
    "UPDATE audit SET reason = 'another'",
    "UPDATE consent SET given = true",
    "UPDATE template_content SET content = '{}'",
    "UPDATE brake SET set_by = 'nobody'",
    "DELETE FROM touch",
    "DELETE FROM points_ledger",
    "DELETE FROM touch_hold",
    "DELETE FROM brake",
    "TRUNCATE touch CASCADE",
    "ALTER TABLE touch DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "DROP TABLE audit",
    "SELECT grant_to_application()",
]


@pytest.fixture
async def owner(connected: Connect) -> Connection:
    """Whoever migrated, with all triggers off."""
    owner = await connected()
    for table in ("touch", "touch_judgement", "audit", "consent", "template_content", "points_ledger"):
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    return owner


@pytest.fixture
async def product(database_url: str) -> AsyncIterator[Pool]:
    """The running product."""
    pool = await open_pool(database_url, size=2, restricted=True)
    yield pool
    await pool.close()


@pytest.mark.parametrize("change", CHANGES)
async def test_no_record_is_changed_or_deleted_even_without_triggers(
    owner: Connection, product: Pool, change: str
) -> None:
    """The right is missing, so there is nothing for a trigger to forbid."""
    await put_touch(owner)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await product.execute(change)


async def test_a_settled_record_stays_as_it_is_even_without_triggers(owner: Connection, product: Pool) -> None:
    """Only what is open can be settled; the rest is not there for an update."""
    await put_touch(owner, "withheld", step="one")
    await put_touch(owner, "claimed", step="two")
    await product.execute("UPDATE touch SET outcome = 'sent', reason = ''")
    rows = await owner.fetch("SELECT step, outcome FROM touch ORDER BY step")
    assert [tuple(row) for row in rows] == [("one", "withheld"), ("two", "sent")]


async def test_every_book_is_only_read_and_written_on(connected: Connect, product: Pool) -> None:
    """Also those that come later: a migration that adds a table grants what it needs, and no more."""
    for (table,) in await (await connected()).fetch(BOOKS):
        rights = [
            await product.fetchval("SELECT has_table_privilege($1, $2)", table, right)
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
        ]
        assert (table, rights) == (table, [True, True, False, False, False])


async def test_every_table_can_be_read(product: Pool) -> None:
    """One that was forgotten would stop the product at its first look."""
    rows = await product.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
        " AND NOT has_table_privilege(oid, 'SELECT')"
    )
    assert rows == []


async def test_a_stop_is_seen_by_the_gates_at_once(connected: Connect) -> None:
    """The number of the change is given out under a lock that the product could not take by itself."""
    product = await connected()
    await restrict(product)
    await put_brake_on(product, BrakeScope(), BrakeMode.HOLD, reason="test", actor="li")
    assert await product.fetchval("SELECT what FROM gate_change") == "brake"


async def test_who_could_rewrite_the_books_is_told(connected: Connect) -> None:
    """A worker says so at its start; with the role taken there is nothing to say."""
    connection = await connected()
    assert await may_rewrite_books(connection)
    await restrict(connection)
    assert not await may_rewrite_books(connection)


@pytest.fixture
async def owned(empty_database_url: str, stack: EmbeddedStack) -> str:
    """An empty database whose owner may give the role away, but was not told to take it: as who made it is."""
    owner = await connect(empty_database_url)
    await owner.execute("CREATE ROLE owner LOGIN PASSWORD 'test'")
    await owner.execute("GRANT sojourn_app TO owner WITH ADMIN TRUE, SET FALSE, INHERIT FALSE")
    await owner.execute(f"ALTER DATABASE {await owner.fetchval('SELECT current_database()')} OWNER TO owner")
    await owner.close()
    return empty_database_url.replace(f"sojourn:{stack.secret('postgres')}@", "owner:test@")


@pytest.mark.usefixtures("databases")
async def test_an_owner_who_is_nobody_special_takes_the_role(owned: str) -> None:
    """Also where the login that migrates is the one that works, the product cannot rewrite its books."""
    connection = await connect(owned)
    await restrict(connection)
    assert await connection.fetchval("SELECT current_user") == "owner"
    await migrate(owned)
    await restrict(connection)
    assert await connection.fetchval("SELECT current_user") == "sojourn_app"
    assert not await may_rewrite_books(connection)
    await connection.close()


@pytest.fixture
async def worker_login(database_url: str, stack: EmbeddedStack) -> AsyncIterator[Connection]:
    """The login of its own that docs/production.md makes for workers."""
    async with login(stack, database_url, name="sojourn_worker", roles="IN ROLE sojourn_app") as url:
        worker = await connect(url)
        yield worker
        await worker.close()


async def test_a_login_of_its_own_cannot_rewrite_the_books_whatever_role_it_takes_off(
    owner: Connection, worker_login: Connection
) -> None:
    """An owner's login gets all rights back with RESET ROLE; this one has none to get back."""
    await restrict(owner)
    await owner.execute("RESET ROLE")
    assert await may_rewrite_books(owner)
    await put_touch(owner)
    await restrict(worker_login)
    await worker_login.execute("RESET ROLE")
    assert not await may_rewrite_books(worker_login)
    for (table,) in await owner.fetch(BOOKS):
        for change in ("DELETE FROM", "TRUNCATE"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await worker_login.execute(f"{change} {table}")
    for change in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker_login.execute(change)


@pytest.fixture
async def stranger(database_url: str, stack: EmbeddedStack) -> AsyncIterator[Connection]:
    """A login of the same database that was given nothing."""
    async with login(stack, database_url, name="a_stranger") as url:
        connection = await connect(url)
        yield connection
        await connection.close()


@pytest.mark.parametrize("call", [TELLS, NAMES])
async def test_who_may_call_a_function_of_the_owner_does_not_become_the_owner(
    owner: Connection, stranger: Connection, call: str
) -> None:
    """It does not run the triggers of a temporary table that has the name of one of ours."""
    await put_touch(owner)
    await owner.execute("GRANT EXECUTE ON FUNCTION tell_address, name_at_provider TO a_stranger")
    await stranger.execute(DECOYS)
    await stranger.execute(call)
    assert await owner.fetchval("SELECT count(*) FROM touch") == 1
    for decoy in ("SELECT FROM channel_address", "SELECT FROM touch WHERE provider_id IS NOT NULL"):
        assert await stranger.fetch(decoy) == []


@pytest.mark.parametrize(
    "attempt",
    [
        TELLS,
        NAMES,
        "CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION note_address()",
        "CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION note_gate_change()",
    ],
)
async def test_a_login_that_was_given_nothing_calls_no_function_of_the_owner(
    owner: Connection, stranger: Connection, attempt: str
) -> None:
    """Nor does it put one behind a table of its own, whose rows it would believe."""
    await put_touch(owner)
    await stranger.execute("CREATE TEMP TABLE mine (customer_id text, channel text, active boolean, at timestamptz)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await stranger.execute(attempt)


async def test_nobody_puts_a_function_where_those_of_the_owner_would_call_it(
    owner: Connection, worker_login: Connection
) -> None:
    """Databases that are older than PostgreSQL 15 let everybody; the migration ends that, and a worker looks at it."""
    await put_touch(owner)
    await owner.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert await may_rewrite_books(worker_login)
    assert await owner.fetchval("SELECT grant_to_application()")
    assert not await may_rewrite_books(worker_login)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await worker_login.execute(CALLED_INSTEAD)


async def test_every_function_of_the_owner_looks_for_tables_where_ours_are_and_is_not_for_all(
    owner: Connection,
) -> None:
    """Also those that come later: what is not told to look into `pg_temp` last looks there first."""
    definers = await owner.fetch(DEFINERS)
    assert definers
    for name, settings, for_all in definers:
        assert (name, settings, for_all) == (name, ["search_path=public, pg_temp"], False)
