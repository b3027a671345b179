"""The inbox shows each customer what they were sent there, to the holder of the token alone."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activities.database import Pool, open_pool
from activities.templates import store_templates
from errors import SettingsError, StackError
from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Template, Text
from journeys.variables import VariableType
from settings import Settings
from tests.loopback import TRUSTS_NOBODY
from web.app import inbox_app
from web.server import served

TOKEN = "a-long-random-token-of-theirs"
SENT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
POINTS = Template(
    name=TemplateName("points"),
    message_class=MessageClass.SERVICE,
    sender="Sojourn Securities",
    variables={"points": VariableType.NUMBER},
    texts={
        Language.ENGLISH: {
            Channel.INBOX: Text(title="Points", body="You have {{ points }} <points>."),
            Channel.APP_PUSH: Text(title="!", body="Push"),
        },
        Language.CHINESE: {Channel.INBOX: Text(title="积分", body="您有{{ points }}积分。")},
    },
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """The database of the inbox, with a template and two customers."""
    opened = await open_pool(database_url, size=2)
    await store_templates(opened, [POINTS])
    await opened.execute("INSERT INTO customer (customer_id) VALUES ('C-1'), ('C-2')")
    await opened.execute(
        """
        INSERT INTO journey_run (customer_id, journey, entry, version, definition, entered_at)
        SELECT customer_id, 'bonus', 1, 1, 'd', $1 FROM customer
        """,
        SENT,
    )
    yield opened
    await opened.close()


@pytest.fixture
async def client(pool: Pool, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token."""
    application = inbox_app(Settings(database_url=SecretStr(database_url), inbox_token=SecretStr(TOKEN), pool_size=2))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        served(application) as address,
        httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, verify=TRUSTS_NOBODY) as opened,
    ):
        yield opened


async def put(pool: Pool, occurrence: int = 1, **differences: Any) -> int:
    """A touch as `send_message` leaves it, but for the differences; its id."""
    touch = {
        "customer_id": "C-1",
        "channel": "inbox",
        "language": "en",
        "outcome": "sent",
        "variables": {"points": 20},
        "settled_at": SENT,
    } | differences
    number: int = await pool.fetchval(
        """
        INSERT INTO touch (customer_id, journey, entry, step, occurrence, definition, template, content_hash,
                           message_class, channel, language, variables, planned_at, judged_at, outcome,
                           facts, verdicts, settled_at)
        VALUES ($1, 'bonus', 1, 'tell', $2, 'd', 'points', $3, 'service', $4, $5, $6, $7, $7, $8, '{}', '[]', $9)
        RETURNING touch_id
        """,
        touch["customer_id"],
        occurrence,
        POINTS.content_hash(),
        touch["channel"],
        touch["language"],
        touch["variables"],
        SENT,
        touch["outcome"],
        touch["settled_at"],
    )
    return number


async def show(client: httpx.AsyncClient, customer: str = "C-1", **query: Any) -> dict[str, Any]:
    """The inbox of a customer."""
    answer = await client.get(f"/customers/{customer}/inbox", params=query)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_message_is_shown_with_its_variables(client: httpx.AsyncClient, pool: Pool) -> None:
    """Everything that the App needs for a message is there, as plain text."""
    number = await put(pool)
    assert await show(client) == {
        "messages": [
            {
                "id": number,
                "title": "Points",
                "body": "You have 20 <points>.",
                "class": "service",
                "sent_at": "2026-11-22T09:00:00+00:00",
                "read": False,
            }
        ],
        "next": None,
    }


async def test_a_message_is_shown_in_the_language_it_was_sent_in(client: httpx.AsyncClient, pool: Pool) -> None:
    """A customer who changes their language later keeps what they got."""
    await put(pool, language="zh-CN")
    assert (await show(client))["messages"][0]["body"] == "您有20积分。"


@pytest.mark.parametrize(
    "difference",
    [
        {"outcome": "claimed", "settled_at": None},
        {"outcome": "in_doubt"},
        {"outcome": "failed"},
        {"outcome": "withheld"},
        {"channel": "app_push"},
        {"customer_id": "C-2"},
    ],
)
async def test_only_what_was_sent_to_this_inbox_is_shown(
    client: httpx.AsyncClient, pool: Pool, difference: dict[str, Any]
) -> None:
    """Another outcome, another channel or another customer's message is not in the inbox, nor can it be read."""
    number = await put(pool, **difference)
    assert (await show(client))["messages"] == []
    assert (await client.post(f"/customers/C-1/inbox/{number}/read")).status_code == 404
    assert await pool.fetchval("SELECT count(*) FROM inbox_read") == 0


async def test_a_customer_that_nobody_knows_has_an_empty_inbox(client: httpx.AsyncClient) -> None:
    """The App may ask before the first event came."""
    assert await show(client, "C-9") == {"messages": [], "next": None}


async def test_pages_hold_every_message_once_newest_first(client: httpx.AsyncClient, pool: Pool) -> None:
    """Following `next` gives all messages, also those settled in one moment, while new ones come in."""
    sent = [await put(pool, number, settled_at=SENT + timedelta(seconds=number // 4)) for number in range(1, 12)]
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = await show(client, limit=3, **after)
        seen += [message["id"] for message in page["messages"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
        await put(pool, 100 + len(seen), settled_at=SENT + timedelta(hours=1))
    assert seen == sent[::-1]


async def test_the_last_full_page_has_no_next(client: httpx.AsyncClient, pool: Pool) -> None:
    """There is no empty page to find at the end."""
    for number in (1, 2):
        await put(pool, number)
    assert (await show(client, limit=2))["next"] is None


async def test_reading_is_remembered_however_often(client: httpx.AsyncClient, pool: Pool) -> None:
    """The second time is answered as the first, and the time of the first stands."""
    number = await put(pool)
    for _ in range(2):
        answer = await client.post(f"/customers/C-1/inbox/{number}/read")
        assert (answer.status_code, answer.json()) == (200, {"id": number, "read": True})
    assert (await show(client))["messages"][0]["read"] is True
    assert await pool.fetchval("SELECT count(*) FROM inbox_read") == 1


async def test_nobody_reads_anothers_message(client: httpx.AsyncClient, pool: Pool) -> None:
    """A message of another customer is as if it were not there."""
    number = await put(pool)
    answer = await client.post(f"/customers/C-2/inbox/{number}/read")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert (await show(client))["messages"][0]["read"] is False


@pytest.mark.parametrize("message", ["0", "x", "-1", "9223372036854775807", "9223372036854775808", "9" * 40, "%00"])
async def test_a_message_that_cannot_be_is_not_found(client: httpx.AsyncClient, message: str) -> None:
    """Whatever stands for the message, the answer is 404."""
    assert (await client.post(f"/customers/C-1/inbox/{message}/read")).status_code == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=", "after=x", "after=1", "after=1-2-3", f"after={'9' * 40}-1"]
)
async def test_a_query_that_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    """A wrong limit or cursor is answered 400 with what it should be."""
    answer = await client.get(f"/customers/C-1/inbox?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("after", ["0-0", f"{'9' * 17}-{'9' * 18}"])
async def test_the_farthest_cursors_are_answered(client: httpx.AsyncClient, pool: Pool, after: str) -> None:
    """The ends of time are cursors, too."""
    await put(pool)
    assert len((await show(client, after=after))["messages"]) == (after != "0-0")


@pytest.mark.parametrize("customer", ["%00", "a%20b", "x" * 65, "13812345678"])
async def test_what_is_no_customer_id_is_refused_without_repeating_it(client: httpx.AsyncClient, customer: str) -> None:
    """A phone number in the address is answered 400 and not quoted."""
    answer = await client.get(f"/customers/{customer}/inbox")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert "13812345678" not in answer.text


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \xe9"],
)
async def test_without_the_token_nothing_is_told(client: httpx.AsyncClient, pool: Pool, header: str | None) -> None:
    """A wrong token is answered 401, for messages that there are and for addresses that there are not."""
    await put(pool)
    del client.headers["Authorization"]
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for address in ("/customers/C-1/inbox", "/customers/C-9/inbox", "/customers/nothing"):
        answer = await client.get(address, headers=headers)  # type: ignore[arg-type]
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_without_a_token_the_inbox_does_not_start() -> None:
    """An inbox that is open to all is refused before it opens."""
    with pytest.raises(SettingsError, match="set SOJOURN_INBOX_TOKEN"):
        inbox_app(Settings(database_url=SecretStr("postgresql://x"), inbox_token=None))


def test_without_a_database_the_inbox_does_not_start() -> None:
    """The missing setting is named."""
    with pytest.raises(SettingsError, match="set DATABASE_URL"):
        inbox_app(Settings(database_url=None, inbox_token=SecretStr(TOKEN)))


async def test_a_database_that_is_not_there_ends_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """The log says why and what to do, without the password."""
    settings = Settings(database_url=SecretStr("postgresql://u:topsecret@127.0.0.1:9/x"), inbox_token=SecretStr(TOKEN))
    with pytest.raises(StackError, match="does not start"):
        async with served(inbox_app(settings)):
            pass
    assert "correct DATABASE_URL" in caplog.text
    assert "topsecret" not in caplog.text


async def test_a_database_that_fails_is_answered_503_and_comes_back(
    client: httpx.AsyncClient, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """While the table is not there the answer is 503; afterwards all is as before."""
    await put(pool)
    await pool.execute("ALTER TABLE touch RENAME TO touch_away")
    answer = await client.get("/customers/C-1/inbox")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert "touch" not in answer.text
    assert "C-1" not in caplog.text
    await pool.execute("ALTER TABLE touch_away RENAME TO touch")
    assert len((await show(client))["messages"]) == 1


async def test_connections_that_are_cut_are_opened_again(client: httpx.AsyncClient, pool: Pool) -> None:
    """After a restart of the database the inbox answers again without being restarted."""
    await show(client)
    await pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'sojourn-web' AND datname = current_database()"
    )
    answers = [(await client.get("/customers/C-1/inbox")).status_code for _ in range(4)]
    assert set(answers) <= {200, 503}
    assert answers[-1] == 200


async def test_a_message_that_cannot_be_shown_does_not_hide_the_others(
    client: httpx.AsyncClient, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """A message without its variables is left out and named in the log; nothing of its text is."""
    broken = await put(pool, 1, variables={"other": "secret value"})
    whole = await put(pool, 2)
    with caplog.at_level(logging.ERROR):
        assert [message["id"] for message in (await show(client))["messages"]] == [whole]
    assert f"message {broken} cannot be shown" in caplog.text
    assert "secret value" not in caplog.text


async def test_no_answer_is_kept_by_caches(client: httpx.AsyncClient) -> None:
    """What a customer was sent stays between the App and here."""
    assert (await client.get("/customers/C-1/inbox")).headers["Cache-Control"] == "no-store"
