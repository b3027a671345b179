"""docs/events/: what the schemas say is what is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from activities.contracts import RECORD_EVENT, Delivery
from activities.incoming import Incoming, read
from cli.edge import DONE, SOME_REJECTED, exit_code
from cli.schemas import FOLDER, schema_of, stale_files, write_files
from journeys.events import EVENTS
from starter import starter

MESSAGE = {
    "channel": "app_push",
    "journey": "onboarding-guidance",
    "step": "welcome",
    "template": "welcome",
    "touch": "C-1/onboarding-guidance/1/welcome/1",
}
CONSENT = {"message_class": "marketing", "channel": "inbox", "text_version": "2026-03", "source": "app 4.2"}
GOOD_DATA: dict[str, dict[str, Any]] = {
    "app_registered": {"source": "wechat"},
    "deposit_made": {"amount": "1000.00", "currency": "USD"},
    "trade_executed": {"amount": "0.0001", "currency": "CNY", "product": "600519"},
    "wealth_product_purchased": {"product": "WP-90", "amount": "50000", "currency": "CNY", "term_days": 90},
    "live_stream_watched": {"stream": "L-7", "seconds": 1800},
    "message_opened": MESSAGE,
    "message_clicked": MESSAGE,
    "message_bounced": {**MESSAGE, "permanent": True},
    "unsubscribed": {**MESSAGE, "scope": "marketing"},
    "opted_out": {"scope": "app_push"},
    "opted_in": {"scope": "all"},
    "consent_given": CONSENT,
    "consent_withdrawn": CONSENT,
    "risk_assessed": {
        "risk_class": "C1",
        "lowest_class": True,
        "professional": False,
        "valid_until": "2027-01-05T09:00:00+08:00",
        "longest_term_days": 365,
        "product_types": ["fund", "债券"],
    },
    "complaint_made": {"case": "K-17"},
    "complaint_resolved": {"case": "K-17"},
}
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    36_500,
    36_501,
    30.0,
    30.5,
    10**30,
    "",
    " ",
    "x",
    "x" * 64,
    "x" * 65,
    "-1",
    "1e3",
    "1_000",
    " 30 ",
    "１２",
    "NaN",
    "0.00001",
    "123456789012345",
    "cny",
    "CNY",
    "C" * 4,
    [],
    {},
)
TIMES = (
    "2026-01-05T09:00:00+08:00",
    "2026-01-05T01:00:00Z",
    "2026-01-05T01:00Z",
    "2026-01-05 01:00:00.123456789-03:30",
    "2026-01-05T01:00:00",
    "2026-01-05",
    "1767571200",
    "yesterday",
    "",
)
IDS = ("e-1", "x" * 128, "x" * 129, "", "e 1", "é", "e\n1")


def good(name: str) -> dict[str, Any]:
    """An event that says everything its model names, and more."""
    data = {**GOOD_DATA.get(name, {}), "branch": "Pudong", "more": [1, {"deep": None}]}
    return {"event_id": "e-1", "name": name, "occurred_at": "2026-01-05T09:00:00+08:00", "data": data, "trace": "t-1"}


def samples(name: str) -> Iterator[dict[str, Any]]:
    """A good event; it without each of its fields; and it with something odd in each of them."""
    yield (whole := good(name))
    for field in whole:
        yield {key: value for key, value in whole.items() if key != field}
        yield from ({**whole, field: odd} for odd in ODD if field != "data" or odd != {})
    yield from ({**whole, "occurred_at": at} for at in TIMES)
    yield from ({**whole, "event_id": id} for id in IDS)
    for field in GOOD_DATA.get(name, {}):
        data = {key: value for key, value in whole["data"].items() if key != field}
        yield {**whole, "data": data}
        yield from ({**whole, "data": {**data, field: odd}} for odd in ODD)


def is_taken(event: object) -> bool:
    """Whether the activity that reads deliveries takes it."""
    delivery = Delivery(RECORD_EVENT, (("json/plain", json.dumps(event)),))
    return isinstance(read(delivery, _never_ahead), Incoming)


def _never_ahead(at: datetime) -> bool:
    return False


def is_number_for_an_amount(event: dict[str, Any]) -> bool:
    """The one place where more is taken than is promised: files and other senders write these numbers both ways."""
    data = event.get("data")
    if not isinstance(data, dict):
        return False
    return isinstance(data.get("amount"), (int, float)) or any(
        isinstance(data.get(field), str) for field in ("term_days", "longest_term_days", "seconds")
    )


def validator(name: str) -> Validator:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_files_are_what_the_models_say() -> None:
    """`starter.py schemas` writes them; nobody else does."""
    assert stale_files(FOLDER) == []
    assert len(list(FOLDER.glob("*"))) == len(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_what_fits_the_schema_is_taken_and_what_does_not_is_refused(name: str) -> None:
    """But for numbers as text and text as numbers, where the reader is kinder than its promise."""
    schema = validator(name)
    promised = [event for event in samples(name) if schema.is_valid(event)]
    assert [event for event in promised if not is_taken(event)] == []
    refused = [event for event in samples(name) if not schema.is_valid(event)]
    assert len(refused) > len(ODD)
    assert [event for event in refused if is_taken(event) and not is_number_for_an_amount(event)] == []


@pytest.mark.parametrize("name", EVENTS)
def test_a_schema_says_in_words_what_every_field_is(name: str) -> None:
    """A team that sends events reads nothing else."""
    schema = schema_of(EVENTS[name])
    assert schema["description"].endswith(".")
    fields = [*schema["properties"].values(), *schema["properties"]["data"]["properties"].values()]
    assert all("description" in json.dumps(field) for field in fields)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("deposit_made", {"amount": 1000}),
        ("deposit_made", {"amount": 29.33}),
        ("live_stream_watched", {"stream": "L-7", "seconds": "1800"}),
        ("wealth_product_purchased", {"product": "WP-90", "term_days": "90"}),
        ("risk_assessed", {"risk_class": "C2", "longest_term_days": "90"}),
    ],
)
def test_a_number_is_taken_as_text_and_an_amount_as_a_number(name: str, data: dict[str, Any]) -> None:
    """A CSV has only text, and some senders have only numbers."""
    assert is_taken({**good(name), "data": data})


@pytest.mark.parametrize(
    ("amount", "taken"),
    [
        (99999999999.9999, True),
        (100000000000.5, False),
        (12345678901234.5678, False),
        (100000000000, True),
        ("12345678901234.5678", True),
    ],
)
def test_an_amount_that_loses_digits_as_a_number_is_refused(amount: object, taken: bool) -> None:
    """What is kept is what was sent: a float has fifteen digits, four of them behind the point."""
    assert is_taken({**good("deposit_made"), "data": {"amount": amount}}) is taken


@given(st.decimals(min_value=0, max_value="99999999999.9999", places=4))
def test_an_amount_that_is_taken_as_a_number_has_all_its_digits(amount: Decimal) -> None:
    """Also when it was read by a JSON library as a float."""
    data = EVENTS["deposit_made"].data.model_validate({"amount": json.loads(str(amount))})
    assert data.model_dump()["amount"] == amount


def test_check_tells_what_is_stale_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed, missing, and left over from an event that is no more."""
    monkeypatch.setattr("cli.schemas.FOLDER", tmp_path)
    write_files(tmp_path)
    assert exit_code(starter, ["schemas", "--check"]) == DONE
    (tmp_path / "app_opened.schema.json").unlink()
    (tmp_path / "checked_in.schema.json").write_text("{}")
    (tmp_path / "moon_landed.schema.json").write_text("{}")
    assert exit_code(starter, ["schemas", "--check"]) == SOME_REJECTED
    assert [path.name.split(".")[0] for path in stale_files(tmp_path)] == ["app_opened", "checked_in", "moon_landed"]
    assert exit_code(starter, ["schemas"]) == DONE
    assert stale_files(tmp_path) == []


@pytest.mark.parametrize("data", [{"risk_class": "C2", "lowest_class": True}, {"risk_class": "C2", "valid_until": "x"}])
def test_an_assessment_that_makes_no_sense_fits_neither_schema_nor_reader(data: dict[str, Any]) -> None:
    """The lowest sub-class is one of C1."""
    event = {**good("risk_assessed"), "data": data}
    assert not validator("risk_assessed").is_valid(event)
    assert not is_taken(event)
