"""What support staff see of a customer, found in the rendered pages of the real Temporal UI."""

from __future__ import annotations

from playwright.async_api import expect

from embedded import EmbeddedStack
from tests.browser import page as browser_page
from tests.live import live
from tests.ui.support import in_progress, open_card, open_list


async def test_a_customer_is_found_by_stage_and_the_page_says_what_was_sent_what_not_why_and_what_comes_next(
    stack: EmbeddedStack, database_url: str
) -> None:
    """One customer in the middle of onboarding, an hour a second."""
    async with live(stack, database_url) as world, browser_page() as page:
        customer = world.customer("amy")
        await in_progress(world, customer)
        await open_list(page, stack, f'CustomerId = "{customer}" AND LifecycleStage = "introduction"')
        await expect(page.get_by_role("row").filter(has_text=customer)).to_contain_text("introduction")
        card = await open_card(page, customer)

        facts = card.get_by_role("listitem")
        await expect(facts.filter(has_text="阶段")).to_contain_text("引入期")
        await expect(facts.filter(has_text="下一步")).to_contain_text("onboarding-guidance: account_opened-within-7d")
        await expect(facts.filter(has_text="时钟")).to_contain_text("模拟时间")

        steps = card.get_by_role("table").first.get_by_role("row")
        await expect(steps.filter(has_text="welcome")).to_contain_text("✓")
        await expect(steps.filter(has_text="open-account-reminder")).to_contain_text("✗")
        await expect(steps.filter(has_text="account_opened-within-7d")).to_contain_text("▶")
        await expect(steps.filter(has_text="account_opened-within-7d")).to_contain_text("等待至")
        await expect(steps.filter(has_text="first-product")).to_contain_text("·")

        touches = card.get_by_role("table").nth(1).get_by_role("row")
        await expect(touches.filter(has_text="onboarding-guidance: welcome")).to_contain_text("✓ 已发送")
        await expect(touches.filter(has_text="open-account-reminder")).to_contain_text(
            "✗ 未发送 · 您未同意通过该渠道接收此类消息。"
        )
