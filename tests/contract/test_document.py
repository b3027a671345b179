"""docs/contract.md: what it says of fields and events is what the code says."""

from __future__ import annotations

import re

from activities.contracts import RECORD_EVENT, TASK_QUEUE, WORKFLOW_TYPE, workflow_id
from activities.incoming import Envelope
from activities.json_text import DEEPEST
from activities.world import World
from journeys.events import EVENTS
from tests.contract.examples import CUSTOMER, DOCUMENT, QUEUE

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_every_event_is_listed_with_its_schema_and_its_fields() -> None:
    """The required ones in bold."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(events/(\w+)\.schema\.json\) \| (.*?) ?\| ", TEXT, re.MULTILINE)
    assert [(name, name) for name in EVENTS] == [(name, file) for name, file, _ in rows]
    for name, _, fields in rows:
        model = EVENTS[name].data.model_fields
        told = [f"**`{field}`**" if model[field].is_required() else f"`{field}`" for field in model]
        assert sorted(told) == sorted(filter(None, fields.split(", ")))


def test_the_fields_of_an_event_are_listed() -> None:
    """The four of the envelope, in order."""
    section = TEXT.split("## The event")[1].split("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(Envelope.model_fields)


def test_the_names_and_numbers_are_those_of_the_code() -> None:
    """Workflow type, queue, signal and address; how long what was refused is kept; how deep data may be nested."""
    assert f"`{WORKFLOW_TYPE}`" in TEXT
    assert f"`{RECORD_EVENT}`" in TEXT
    assert QUEUE == TASK_QUEUE
    assert workflow_id(CUSTOMER) in TEXT
    assert f"for {World.rejected_retention.days} days" in TEXT
    assert f"At most {DEEPEST} levels" in TEXT
