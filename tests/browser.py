"""A real browser without a window, for what people see. The system's Chromium; nothing is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright, expect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # in a container and as root there is none to be had
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# A page of the UI takes long on two processors that others use, too; what is waited for ends the wait.
expect.set_options(timeout=30_000)


def chromium() -> str:
    """The browser of this system; says how to come by one if there is none."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise FileNotFoundError("There is no Chromium here: on Debian, apt-get install chromium")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser, gone at the end of the block."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield running
        finally:
            await running.close()


@asynccontextmanager
async def page_of(browser: Browser, width: int = 1440, height: int = 1000) -> AsyncIterator[Page]:
    """An empty page that shares no cookie with another, gone at the end of the block."""
    page = await browser.new_page(viewport={"width": width, "height": height}, timezone_id="Asia/Shanghai")
    try:
        yield page
    finally:
        await page.close()


@asynccontextmanager
async def page(width: int = 1440, height: int = 1000) -> AsyncIterator[Page]:
    """An empty page of a browser of its own."""
    async with browser() as running, page_of(running, width, height) as empty:
        yield empty
