"""The loopback push gateway shows what it got, and refuses what is not ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from activities.channels.signature import SigningKey, sign
from tests.loopback import TRUSTS_NOBODY
from web.app import LARGEST_BODY, gateway_app
from web.gateway import PushGateway
from web.server import served

KEY = SigningKey("broker-1", SecretStr("a long secret"))
PUSH = {
    "key": "C-1/j/1/s/1",
    "customer_id": "C-1",
    "template": "welcome",
    "class": "service",
    "title": "<script>",
    "body": "欢迎",
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that keeps three pushes."""
    async with (
        served(gateway_app(PushGateway(KEY, kept=3))) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=TRUSTS_NOBODY) as opened,
    ):
        yield opened


async def send(
    client: httpx.AsyncClient, push: object = PUSH, *, key: str | None = None, age: timedelta = timedelta(0)
) -> httpx.Response:
    """A signed push; `key` is the header's, `age` how long ago it was signed."""
    body = json.dumps(push).encode()
    headers = sign(KEY, body, datetime.now(UTC) - age)
    given = push.get("key", "") if isinstance(push, dict) else ""
    return await client.post("/push", content=body, headers={**headers, "Idempotency-Key": key or given})


async def test_pushes_are_shown_newest_first(client: httpx.AsyncClient) -> None:
    """What came last stands first, with how many were taken in all."""
    for number in range(3):
        assert (await send(client, PUSH | {"key": f"k{number}"})).status_code == 202
    shown = (await client.get("/pushes")).json()
    assert (shown["accepted"], shown["repeated"]) == (3, 0)
    assert [push["key"] for push in shown["pushes"]] == ["k2", "k1", "k0"]


async def test_a_repeated_key_is_answered_409_and_shown_once(client: httpx.AsyncClient) -> None:
    """The same key again changes nothing that is shown but the count."""
    assert [(await send(client)).status_code for _ in range(3)] == [202, 409, 409]
    shown = (await client.get("/pushes")).json()
    assert (shown["accepted"], shown["repeated"], shown["pushes"][0]["times"]) == (1, 2, 3)


async def test_only_the_last_pushes_are_kept(client: httpx.AsyncClient) -> None:
    """Memory has an end: the oldest goes, the count stays."""
    for number in range(5):
        await send(client, PUSH | {"key": f"k{number}"})
    shown = (await client.get("/pushes")).json()
    assert shown["accepted"] == 5
    assert [push["key"] for push in shown["pushes"]] == ["k4", "k3", "k2"]


async def test_a_browser_gets_a_page_with_every_text_escaped(client: httpx.AsyncClient) -> None:
    """The page shows the texts as they are, and nothing in them can act."""
    await send(client)
    page = await client.get("/pushes", headers={"Accept": "text/html,*/*"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "欢迎" in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text


async def test_the_page_of_nothing_says_so(client: httpx.AsyncClient) -> None:
    """Before the first push there is a page, too."""
    assert "Nothing yet." in (await client.get("/pushes", headers={"Accept": "text/html"})).text


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
async def test_an_old_or_early_signature_is_refused(client: httpx.AsyncClient, age: timedelta) -> None:
    """A request that was signed more than five minutes from now is not taken."""
    answer = await send(client, age=age)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


async def test_an_unsigned_push_is_refused(client: httpx.AsyncClient) -> None:
    """Without the three headers nothing is taken."""
    assert (await client.post("/push", json=PUSH)).status_code == 401
    assert (await client.get("/pushes")).json()["accepted"] == 0


@pytest.mark.parametrize(
    "push", [[], {}, PUSH | {"class": "spam"}, PUSH | {"key": ""}, {**PUSH, "title": 7}, PUSH | {"customer_id": None}]
)
async def test_what_does_not_parse_is_refused_without_quoting_it(client: httpx.AsyncClient, push: object) -> None:
    """The answer says how many fields are wrong and repeats none of them."""
    answer = await send(client, push)
    assert answer.status_code == 400
    assert "fields that do not fit" in answer.json()["message"]


async def test_a_key_in_the_header_that_is_not_the_bodys_is_refused(client: httpx.AsyncClient) -> None:
    """The signed body says the key; a header beside it cannot make it another."""
    assert (await send(client, key="another")).status_code == 400


async def test_a_push_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    """A body over 64 KiB is answered 413."""
    assert (await send(client, PUSH | {"body": "x" * LARGEST_BODY})).status_code == 413


async def test_faults_are_used_up_one_push_at_a_time(client: httpx.AsyncClient) -> None:
    """Faults wait in line: each breaks one push, then all is well."""
    await client.post("/faults", json={"mode": "500"})
    await client.post("/faults", json={"mode": "429", "times": 2})
    assert [(await send(client)).status_code for _ in range(4)] == [500, 429, 429, 202]


async def test_no_times_end_all_faults(client: httpx.AsyncClient) -> None:
    """`times` 0 makes the gateway whole again."""
    await client.post("/faults", json={"mode": "500", "times": 9})
    assert (await client.post("/faults", json={"mode": "500", "times": 0})).json() == {"lined_up": 0}
    assert (await send(client)).status_code == 202


@pytest.mark.parametrize("fault", [b"", b"[]", b'{"mode": "fire"}', b'{"mode": "hang", "times": -1}'])
async def test_a_fault_that_there_is_not_names_those_that_there_are(client: httpx.AsyncClient, fault: bytes) -> None:
    """A wrong request for a fault is told every mode."""
    answer = await client.post("/faults", content=fault)
    assert answer.status_code == 400
    assert "lose_answer" in answer.json()["message"]


async def test_an_address_that_there_is_not_is_answered_in_json(client: httpx.AsyncClient) -> None:
    """Every error has the same shape."""
    assert (await client.get("/nowhere")).json()["error"] == "not_found"
    assert (await client.get("/push")).json()["error"] == "method_not_allowed"
