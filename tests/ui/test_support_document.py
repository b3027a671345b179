"""docs/support.md: what it tells support staff to type and what it says they will read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules.wording import HOLDS, REASONS
from tests.live import Live
from tests.shared_world import world as world

DOCUMENT = Path(__file__).parents[2] / "docs" / "support.md"
VIEWS = dict(re.findall(r"^\| (.+?) \| `(.+)` \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("query", VIEWS.values(), ids=VIEWS)
async def test_a_saved_view_is_accepted_by_the_server(world: Live, query: str) -> None:
    """Each as it stands in the document."""
    assert (await world.client.count_workflows(query)).count >= 0


def test_all_saved_views_are_tested() -> None:
    """A row in another form would go by unnoticed."""
    assert len(VIEWS) == 10


def test_every_sentence_of_the_card_is_explained_as_it_stands() -> None:
    """Support staff look for what they read, in either language."""
    table = DOCUMENT.read_text(encoding="utf-8").partition("| on the card |")[2]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")]
    explained = "\n".join(rows)
    said = [sentence for both in [*REASONS.values(), *HOLDS.values()] for sentence in both]
    assert [sentence for sentence in said if sentence not in explained] == []
    left = explained
    for sentence in sorted(said, key=len, reverse=True):
        left = left.replace(sentence, "")
    assert [line for line in left.splitlines() if line.strip("| ·-")] == [
        "| one of the sentences above, beside *in doubt*"
    ]


def test_the_pictures_are_there() -> None:
    """`python -m tests.ui.screenshots` takes them."""
    names = re.findall(r"\]\((screenshots/[^)]+)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert names
    assert [name for name in names if not (DOCUMENT.parent / name).is_file()] == []
