"""Every text is kept once, under its hash."""

import json
from collections.abc import AsyncIterator

import pytest

from activities.database import Pool, open_pool
from activities.templates import store_templates
from journeys.templates import Template, templates


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on an empty database."""
    opened = await open_pool(database_url, size=2, restricted=True)
    yield opened
    await opened.close()


async def test_every_template_is_kept_and_comes_back_with_the_same_hash(pool: Pool) -> None:
    """What is read from the store is the template that was put in."""
    await store_templates(pool, templates().values())
    rows = await pool.fetch("SELECT content_hash, template, content::text FROM template_content")
    assert len(rows) == len(templates())
    for row in rows:
        kept = Template.model_validate_json(row["content"])
        assert kept == templates()[kept.name]
        assert (kept.name, kept.content_hash()) == (row["template"], row["content_hash"])
        assert json.loads(row["content"]) == kept.model_dump(mode="json")


async def test_storing_again_changes_nothing(pool: Pool) -> None:
    """Workers store at every start; the first time stands."""
    await store_templates(pool, templates().values())
    before = await pool.fetch("SELECT * FROM template_content ORDER BY content_hash")
    await store_templates(pool, [*templates().values(), *templates().values()])
    assert await pool.fetch("SELECT * FROM template_content ORDER BY content_hash") == before


async def test_no_templates_are_no_work(pool: Pool) -> None:
    """A worker without journeys starts, too."""
    await store_templates(pool, [])
    assert await pool.fetchval("SELECT count(*) FROM template_content") == 0
