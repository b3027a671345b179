"""Take the pictures of docs/screenshots/ anew: `python -m tests.ui.screenshots`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.contracts import WORKFLOW_TYPE
from activities.migrations import migrate
from cli.edge import leave
from embedded import EmbeddedStack
from journeys.names import Language
from tests.browser import page as browser_page
from tests.live import Live, live
from tests.ui.support import in_progress, listed, open_card, open_list

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
SHOWN = "C-1024"
DAY = timedelta(days=1)
LIVES: dict[str, list[tuple[str, float]]] = {
    "C-1025": [("app_registered", 0.2)],
    "C-1026": [("app_registered", 2), ("account_opened", 1.5)],
    "C-1027": [("app_registered", 4), ("account_opened", 3.8), ("questionnaire_completed", 3)],
    "C-1028": [("app_registered", 6), ("account_opened", 5), ("trade_executed", 1)],
    "C-1029": [("app_registered", 150), ("trade_executed", 120)],
    "C-1030": [("app_registered", 90.0), *(("trade_executed", days) for days in (40.0, 30.0, 20.0, 10.0))],
    "C-1031": [("app_registered", 400.0)],
}
"""What happened how many days ago."""


async def take() -> None:
    """A stack of our own, some customers, and a browser."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for language, name in ((Language.CHINESE, "customer"), (Language.ENGLISH, "customer-en")):
        async with EmbeddedStack() as stack:
            await migrate(stack.database_url)
            async with live(stack, stack.database_url, language=language) as world:
                await _fill(world)
                await _take(stack, name)


async def _fill(world: Live) -> None:
    now = datetime.now(UTC)
    for customer, happenings in LIVES.items():
        for event, days in happenings:
            await world.event(customer, event, now - days * DAY)
    await in_progress(world, SHOWN)
    for customer in LIVES:
        await world.settled(customer)
        await listed(world, f"CustomerId = '{customer}'")


async def _take(stack: EmbeddedStack, name: str) -> None:
    async with browser_page(1680, 640) as page:
        await open_list(page, stack, f'WorkflowType = "{WORKFLOW_TYPE}" AND ExecutionStatus = "Running"')
        await page.get_by_role("link", name=f"customer:{SHOWN}", exact=True).wait_for()
        await page.screenshot(path=FOLDER / "list.png")
        await page.set_viewport_size({"width": 1680, "height": 1120})
        await open_card(page, SHOWN)
        await page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(take())
    print(f"Pictures taken: {FOLDER}")  # noqa: T201 - a command for people
    leave(0)
