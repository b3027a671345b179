"""Temporal's own UI as support staff use it: the list of customers, and the page of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from playwright.async_api import FrameLocator, Page

from activities.contracts import workflow_id
from embedded import EmbeddedStack
from tests.live import Live, sped_up

COLUMNS = ("Status", "Workflow ID", "LifecycleStage", "JourneySteps", "NextActionAt", "Attention")
ONE_HOUR = timedelta(hours=1)


async def in_progress(world: Live, customer: str) -> None:
    """A customer who got the welcome, did not get the reminder, and has days left in which an hour is a second."""
    born = datetime.now(UTC) - timedelta(days=3)
    await world.event(customer, "app_registered", born, start=sped_up(born + timedelta(days=3) - ONE_HOUR, ONE_HOUR))
    await world.until(lambda: world.pool.fetchval("SELECT count(*) = 2 FROM touch WHERE customer_id = $1", customer))
    await world.settled(customer)
    await listed(world, f"CustomerId = '{customer}' AND JourneySteps = 'onboarding-guidance:account_opened-within-7d'")


async def listed(world: Live, query: str) -> None:
    """Wait until the server's list knows of somebody."""

    async def found() -> bool:
        return (await world.client.count_workflows(query)).count > 0

    await world.until(found)


async def open_list(page: Page, stack: EmbeddedStack, query: str) -> None:
    """The list that a query finds, with our columns."""
    columns = json.dumps({"default": [{"label": label} for label in COLUMNS]})
    await page.add_init_script(f"localStorage.setItem('namespace-workflow-table-columns', {json.dumps(columns)})")
    await page.goto(f"{stack.ui_url}/namespaces/default/workflows?query={quote(query)}")


async def open_card(page: Page, customer: str) -> FrameLocator:
    """From the list to the customer's page, and there to the card."""
    await page.get_by_role("link", name=workflow_id(customer), exact=True).click()
    await page.get_by_role("tab", name="User Metadata").click()
    card = page.frame_locator("iframe#user-metadata-current-details")
    await card.get_by_role("table").first.wait_for()
    return card
