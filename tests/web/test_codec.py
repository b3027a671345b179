"""The codec server: decrypts for those who are known, from the UI's own pages, and says who it was. Nothing else."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload

from errors import SettingsError
from payload_codec import EncryptingCodec
from payload_keys import PayloadKeys, fresh_key
from settings import Settings
from tests.loopback import TRUSTS_NOBODY
from web.app import codec_app
from web.codec import LARGEST_BATCH
from web.server import served

UI = "https://temporal.example"
TOKENS = {"li.na": SecretStr("a long random token of hers"), "wang": SecretStr("a long random token of his")}
KEYS, UNKNOWN = (PayloadKeys.parse(fresh_key(date(2026, 11, day))) for day in (27, 1))
SECRET = b'{"amount": "48213.77"}'
DEPOSIT = Payload(metadata={"encoding": b"json/plain"}, data=SECRET)
HERS = {"Authorization": "Bearer a long random token of hers", "X-Namespace": "sojourn"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client without any token."""
    application = codec_app(Settings(payload_keys=KEYS, codec_tokens=TOKENS, codec_origin=UI))
    async with (
        served(application) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=TRUSTS_NOBODY) as opened,
    ):
        yield opened


async def batch(*payloads: Payload, keys: PayloadKeys = KEYS) -> dict[str, Any]:
    """Payloads as Temporal's UI sends them, encrypted."""
    return {"payloads": [MessageToDict(one) for one in await EncryptingCodec(keys).encode(payloads)]}


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the codec server has logged."""
    return [one.getMessage() for one in caplog.records if one.name == "web.codec"]


def contents(answer: httpx.Response) -> list[bytes]:
    """What the payloads of an answer hold."""
    return [base64.b64decode(one["data"]) for one in answer.json()["payloads"]]


async def test_payloads_are_decrypted_in_their_order(client: httpx.AsyncClient) -> None:
    """With the metadata that they had before."""
    other = Payload(metadata={"encoding": b"json/plain", "messageType": b"x"}, data=b"7")
    answer = await client.post("/codec/decode", headers=HERS, json=await batch(DEPOSIT, other))
    assert answer.status_code == 200
    assert contents(answer) == [SECRET, b"7"]
    assert base64.b64decode(answer.json()["payloads"][1]["metadata"]["messageType"]) == b"x"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_what_is_plain_and_what_has_an_unknown_key_stay_as_they_are(client: httpx.AsyncClient) -> None:
    """One old payload does not hide a whole page of a history."""
    plain, old = MessageToDict(DEPOSIT), (await batch(DEPOSIT, keys=UNKNOWN))["payloads"][0]
    sent = {"payloads": [plain, old, *(await batch(DEPOSIT))["payloads"]]}
    answer = await client.post("/codec/decode", headers=HERS, json=sent)
    assert answer.json()["payloads"] == [plain, old, plain]


async def test_each_decode_is_logged_with_who_and_how_many_and_without_what(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Who read customers' data has to be found later."""
    await client.post("/codec/decode", headers=HERS, json=await batch(DEPOSIT, DEPOSIT))
    assert told(caplog) == ["li.na decoded 2 payloads of sojourn, 0 left encrypted"]


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Bearer", "Basic a long random token of hers", "Bearer é"]
)
async def test_who_is_not_known_gets_nothing(client: httpx.AsyncClient, authorization: str | None) -> None:
    """No token, a wrong one, a token in another way: 401, and what to do."""
    headers = {"X-Namespace": "sojourn"} | ({"Authorization": authorization} if authorization else {})
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    answer = await client.post("/codec/decode", headers=encoded, json=await batch(DEPOSIT))
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert "/codec/sign-in" in answer.json()["message"]


async def test_a_token_in_the_address_is_for_the_embedded_stack_only(client: httpx.AsyncClient) -> None:
    """Addresses end in the logs of proxies."""
    token = TOKENS["wang"].get_secret_value()
    answer = await client.post(f"/codec/as/{token}/decode", headers={"X-Namespace": "x"}, json=await batch(DEPOSIT))
    assert answer.status_code == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "http://temporal.example", f"{UI}.evil.example", "null"])
async def test_a_page_of_another_origin_is_refused(client: httpx.AsyncClient, origin: str) -> None:
    """Exactly the UI's, and no other gets the headers that a browser asks for."""
    answer = await client.post("/codec/decode", headers=HERS | {"Origin": origin}, json=await batch(DEPOSIT))
    assert answer.status_code == 403
    assert SECRET not in answer.content
    assert "Access-Control-Allow-Origin" not in answer.headers
    asked = await client.options("/codec/decode", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 400
    assert "Access-Control-Allow-Origin" not in asked.headers


async def test_the_ui_may_ask_with_credentials(client: httpx.AsyncClient) -> None:
    """What a browser wants to know before it sends a request across origins, and with the answer."""
    asked = await client.options(
        "/codec/decode",
        headers={
            "Origin": UI,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
        },
    )
    answered = await client.post("/codec/decode", headers=HERS | {"Origin": UI}, json=await batch(DEPOSIT))
    for one in (asked, answered):
        assert one.status_code == 200
        assert one.headers["Access-Control-Allow-Origin"] == UI
        assert one.headers["Access-Control-Allow-Credentials"] == "true"


async def test_who_has_signed_in_needs_no_header(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """A browser keeps the token in a cookie that pages cannot read and other sites cannot send."""
    assert "password" in (await client.get("/codec/sign-in")).text
    wrong = await client.post("/codec/sign-in", data={"token": "a guess"})
    assert (wrong.status_code, "Set-Cookie" in wrong.headers) == (401, False)
    right = await client.post("/codec/sign-in", data={"token": TOKENS["wang"].get_secret_value()})
    cookie = right.headers["Set-Cookie"]
    for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/codec", "Max-Age=43200"):
        assert word in cookie
    headers = {"X-Namespace": "sojourn", "Cookie": cookie.partition(";")[0]}
    answer = await client.post("/codec/decode", headers=headers, json=await batch(DEPOSIT))
    assert contents(answer) == [SECRET]
    assert told(caplog) == ["wang signed in", "wang decoded 1 payloads of sojourn, 0 left encrypted"]


@pytest.mark.parametrize("path", ["/codec/encode", "/codec/", "/"])
async def test_nothing_is_encrypted_here(client: httpx.AsyncClient, path: str) -> None:
    """Who may read may not write in a customer's name."""
    assert (await client.post(path, headers=HERS, json=await batch(DEPOSIT))).status_code == 404
    assert (await client.get("/codec/decode", headers=HERS)).status_code == 405


@pytest.mark.parametrize("body", [b"", b"7", b"{", b'{"payloads": 7}', b'{"payloads": [7]}', b"\xff", b'{"secret": 1}'])
async def test_what_is_no_batch_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """With what is wrong, and without quoting it."""
    answer = await client.post("/codec/decode", headers=HERS, content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert "secret" not in answer.text


async def test_a_namespace_has_to_be_named(client: httpx.AsyncClient) -> None:
    """The log says which; a line break would forge a line of it."""
    headers = {"Authorization": HERS["Authorization"]}
    for namespace in ({}, {"X-Namespace": "two words"}):
        answer = await client.post("/codec/decode", headers=headers | namespace, json=await batch(DEPOSIT))
        assert answer.status_code == 400


async def test_a_page_of_large_payloads_is_decrypted_and_more_is_refused(client: httpx.AsyncClient) -> None:
    """Two megabytes are what Temporal takes for one payload."""
    large = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * 2_000_000)
    answer = await client.post("/codec/decode", headers=HERS, json=await batch(large, large))
    assert [len(one) for one in contents(answer)] == [2_000_000, 2_000_000]
    too_large = await client.post("/codec/decode", headers=HERS, content=b"x" * (LARGEST_BATCH + 1))
    assert too_large.status_code == 413


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "set SOJOURN_PAYLOAD_KEYS"),
        ({"payload_keys": KEYS}, "set SOJOURN_CODEC_TOKENS"),
        ({"payload_keys": KEYS, "codec_tokens": TOKENS}, "SOJOURN_CODEC_ORIGIN"),
    ],
)
def test_without_keys_tokens_or_origin_it_does_not_start(given: dict[str, Any], said: str) -> None:
    """It would be of no use, or open to all."""
    with pytest.raises(SettingsError, match=said):
        codec_app(Settings(**given))
