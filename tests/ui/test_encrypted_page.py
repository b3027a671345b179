"""Temporal's UI with encryption on: through the codec server it shows the card, and without it nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import pytest
from playwright.async_api import Browser, Page, expect
from pydantic import HttpUrl, SecretStr

from activities.contracts import workflow_id
from activities.migrations import migrate
from embedded import EmbeddedStack
from payload_keys import PayloadKeys, fresh_key
from settings import Settings
from tests import browser as browsers
from tests.live import live
from tests.ui.support import in_progress, open_card, open_list
from web.app import codec_app, embedded_app
from web.server import served

KEYS = PayloadKeys.parse(fresh_key(date(2026, 11, 27)))
TOKEN = "a-long-random-token-of-hers"
STAGE = "引入期"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for the pages of this module; each is a stranger to the others."""
    async with browsers.browser() as running:
        yield running


@asynccontextmanager
async def codec_server(stack: EmbeddedStack) -> AsyncIterator[str]:
    """A codec server for the UI of the stack; its address."""
    tokens = {"li.na": SecretStr(TOKEN)}
    settings = Settings(payload_keys=KEYS, codec_tokens=tokens, codec_origin=stack.ui_url)
    async with served(codec_app(settings)) as address:
        yield f"{address}/codec"


async def set_in_the_browser(page: Page, endpoint: str) -> None:
    """The data encoder settings of the UI: this codec server, with credentials across origins."""
    chosen = {"endpoint": endpoint, "includeCredentials": True, "overrideRemoteCodecConfiguration": True}
    for name, value in chosen.items():
        await page.add_init_script(f"localStorage.setItem('{name}', JSON.stringify({value!r}))".replace("True", "true"))


async def test_who_has_signed_in_to_the_codec_server_reads_the_card_in_the_ui(
    stack: EmbeddedStack, database_url: str, browser: Browser
) -> None:
    """As in production: sign in once, and the pages of the UI are readable; the list needs no key at all."""
    async with (
        live(stack, database_url, keys=KEYS) as world,
        codec_server(stack) as endpoint,
        browsers.page_of(browser) as page,
    ):
        customer = world.customer("amy")
        await in_progress(world, customer)
        await page.goto(f"{endpoint}/sign-in")
        await page.get_by_label("Your token").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_text("You are signed in").wait_for()
        await set_in_the_browser(page, endpoint)
        await open_list(page, stack, f'CustomerId = "{customer}" AND LifecycleStage = "introduction"')
        card = await open_card(page, customer)
        await expect(card.get_by_role("listitem").filter(has_text="阶段")).to_contain_text(STAGE)
        await expect(card.get_by_role("table").nth(1)).to_contain_text("onboarding-guidance: welcome")


async def test_without_the_codec_server_the_ui_shows_no_content(
    stack: EmbeddedStack, database_url: str, browser: Browser
) -> None:
    """The customer is found, and neither the card nor the history says anything of them."""
    async with live(stack, database_url, keys=KEYS) as world, browsers.page_of(browser) as page:
        customer = world.customer("amy")
        await in_progress(world, customer)
        await open_list(page, stack, f'CustomerId = "{customer}"')
        async with page.expect_response(lambda answer: "__temporal_workflow_metadata" in answer.url) as card:
            await page.get_by_role("link", name=workflow_id(customer), exact=True).click()
        await (await card.value).finished()
        shown = []
        for tab, there in (("Event History", "Workflow Execution Started"), ("User Metadata", "No summary available")):
            await page.get_by_role("tab", name=tab).click()
            await page.get_by_text(there).first.wait_for()
            shown += [await frame.content() for frame in page.frames]
        assert any(customer in one for one in shown)
        words = (STAGE, "app_registered", "✓", "open-account-reminder")
        assert [word for word in words for one in shown if word in one] == []


async def test_an_embedded_stack_with_keys_shows_the_card_by_itself(browser: Browser) -> None:
    """`starter.py up` tells its UI where the codec server is; nobody has to sign in."""
    async with EmbeddedStack(codec=True) as stack:
        await migrate(stack.database_url)
        settings = Settings(
            database_url=SecretStr(stack.database_url),
            inbox_token=SecretStr(TOKEN),
            push_gateway_url=HttpUrl("http://127.0.0.1/push"),
            push_gateway_key_id="k",
            push_gateway_secret=SecretStr("a secret of the gateway"),
            payload_keys=KEYS,
            codec_tokens={"embedded": SecretStr(stack.secret("codec"))},
            codec_origin=stack.ui_url,
        )
        async with (
            live(stack, stack.database_url, keys=KEYS) as world,
            served(embedded_app(settings), stack.folder.memory.ports["web"]),
            browsers.page_of(browser) as page,
        ):
            await in_progress(world, "C-1")
            await open_list(page, stack, 'CustomerId = "C-1"')
            card = await open_card(page, "C-1")
            await expect(card.get_by_role("listitem").filter(has_text="阶段")).to_contain_text(STAGE)
