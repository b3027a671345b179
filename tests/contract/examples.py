"""The examples of docs/contract.md, made to run against the servers of a test."""

from __future__ import annotations

import re
from pathlib import Path

from tests.live import Live

DOCUMENT = Path(__file__).parents[2] / "docs" / "contract.md"
CUSTOMER = "C-1024"
QUEUE = "sojourn"


def examples(language: str, start: str) -> list[str]:
    """The code blocks in a language that start like this."""
    blocks = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if block.startswith(start)]


def made_for(world: Live, customer: str, example: str) -> str:
    """An example for another customer on the queue of the test, and nothing else changed."""
    on_queue = re.sub(
        rf"(task-queue |taskQueue: '|\"taskQueue\": {{\"name\": \"){QUEUE}", rf"\g<1>{world.task_queue}", example
    )
    return on_queue.replace(CUSTOMER, customer)
