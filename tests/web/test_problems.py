"""What nobody thought of is answered like every other error, and logged without its words."""

import logging

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.loopback import TRUSTS_NOBODY
from web.problems import HANDLERS, MIDDLEWARE
from web.server import served


async def fail(request: Request) -> Response:
    """A mistake in a handler, whose error quotes a customer."""
    raise KeyError("13812345678")


async def test_a_mistake_of_ours_is_answered_500_and_logged_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """The log says where it was, and neither it nor the answer says what was in the error."""
    application = Starlette(routes=[Route("/", fail)], exception_handlers=HANDLERS, middleware=MIDDLEWARE)
    async with (
        served(application) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=TRUSTS_NOBODY) as client,
    ):
        with caplog.at_level(logging.ERROR):
            answer = await client.get("/")
    assert (answer.status_code, answer.json()["error"]) == (500, "failed")
    assert "unexpected KeyError at " in caplog.text
    assert "test_problems.py" in caplog.text
    assert "13812345678" not in answer.text + caplog.text


async def test_a_mistake_of_ours_does_not_get_to_the_server() -> None:
    """Any server logs what an application raises, with the words of the error."""
    application = Starlette(routes=[Route("/", fail)], exception_handlers=HANDLERS, middleware=MIDDLEWARE)
    transport = httpx.ASGITransport(application, raise_app_exceptions=True)
    async with httpx.AsyncClient(base_url="http://here", transport=transport) as client:
        assert (await client.get("/")).status_code == 500
