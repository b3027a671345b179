"""The evidence of one customer, to be kept or handed over: every record as a line of its own (docs/evidence.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from activities.database import Connection
from journeys.names import CustomerId

SCHEMA = "sojourn-evidence/1"
"""Fields are added to it and never change their meaning; a line that says it differently has another schema."""

KINDS: Mapping[str, str] = {
    "customer": """
        SELECT zone, language, risk_class, lowest_class, professional, assessed_at, assessed_until, product_types,
               extract(epoch FROM longest_term)::bigint AS longest_term_seconds, personalised, tags, stage, stage_since,
               created_at AS recorded_at
        FROM customer WHERE customer_id = $1
    """,
    "reachability": """
        SELECT channel, reachable, at FROM reachability WHERE customer_id = $1 ORDER BY channel
    """,
    "address": """
        SELECT channel, address, active, at FROM channel_address WHERE customer_id = $1 ORDER BY channel, at, address
    """,
    "event": """
        SELECT sequence, event_id, name, occurred_at, data, source, recorded_at
        FROM customer_event WHERE customer_id = $1 ORDER BY sequence
    """,
    "fact": """
        SELECT fact_id, name, occurred_at, data, imported_at AS recorded_at
        FROM customer_fact WHERE customer_id = $1 ORDER BY occurred_at, fact_id
    """,
    "stage_change": """
        SELECT from_stage, to_stage, at, cause, recorded_at
        FROM stage_change WHERE customer_id = $1 ORDER BY at, recorded_at
    """,
    "consent": """
        SELECT message_class, channel, given, source, text_version, at, recorded_at
        FROM consent WHERE customer_id = $1 ORDER BY at, message_class, channel
    """,
    "opt_out": """
        SELECT scope, active, source, at, recorded_at FROM opt_out WHERE customer_id = $1 ORDER BY at, scope
    """,
    "suppression": """
        SELECT reason, active, source, at, recorded_at FROM suppression WHERE customer_id = $1 ORDER BY at, reason
    """,
    "risk_assessment": """
        SELECT at, dated, risk_class, lowest_class, valid_until, professional,
               extract(epoch FROM longest_term)::bigint AS longest_term_seconds, product_types, source, recorded_at
        FROM risk_assessment WHERE customer_id = $1 ORDER BY at, assessment_id
    """,
    "entry": """
        SELECT journey, entry, key, cause, at, version, definition, refused, control, displaced, inputs,
               decided_at AS recorded_at
        FROM entry_decision WHERE customer_id = $1 ORDER BY at, decision_id
    """,
    "run": """
        SELECT journey, entry, key, version, definition, entered_at, control, ended_at, outcome
        FROM journey_run WHERE customer_id = $1 ORDER BY entered_at, journey, entry
    """,
    "condition": """
        SELECT journey, entry, step, occurrence, at, holds, inputs, recorded_at
        FROM condition_answer WHERE customer_id = $1 ORDER BY at, journey, entry, step
    """,
    "arm": """
        SELECT journey, entry, step, occurrence, split, arm, at, recorded_at
        FROM arm_assignment WHERE customer_id = $1 ORDER BY at, journey, entry, step
    """,
    "tag": """
        SELECT journey, entry, step, occurrence, tag, present, at, recorded_at
        FROM tag_change WHERE customer_id = $1 ORDER BY at, journey, entry, step
    """,
    "text": """
        SELECT content_hash, template, content, first_seen AS recorded_at FROM template_content
        WHERE content_hash IN (SELECT content_hash FROM touch WHERE customer_id = $1) ORDER BY content_hash
    """,
    "decision": """
        SELECT touch_id, journey, entry, step, occurrence, definition, template, content_hash, message_class, channel,
               language, plain, variables, text_hash, approval, product, arm, critical, planned_at, judged_at,
               outcome, reason, planned, facts, verdicts, provider_id, recorded_at, settled_at
        FROM touch WHERE customer_id = $1 ORDER BY planned_at, touch_id
    """,
    "judgement": """
        SELECT touch_id, again.untaken, again.judged_at, again.decision, again.reason, again.held_until, again.facts,
               again.verdicts, again.recorded_at
        FROM touch_judgement AS again JOIN touch USING (touch_id) WHERE customer_id = $1 ORDER BY judgement_id
    """,
    "hold": """
        SELECT journey, entry, step, occurrence, channel, reason, template, planned_at, held_at, looked_at, held_until,
               looks, planned, facts, verdicts
        FROM touch_hold WHERE customer_id = $1 ORDER BY held_at, channel, reason
    """,
    "receipt": """
        SELECT channel, receipt_id, touch_id, kind AS told, at, permanent, scope, detail, source, recorded_at
        FROM receipt WHERE customer_id = $1 ORDER BY at, channel, receipt_id
    """,
    "read": """
        SELECT touch_id, read_at AS at
        FROM inbox_read JOIN touch USING (touch_id) WHERE customer_id = $1 ORDER BY read_at, touch_id
    """,
    "command": """
        SELECT command, actor, reason, before, after, command_id, at AS recorded_at
        FROM audit WHERE subject = $1 ORDER BY at, audit_id
    """,
    "points": """
        SELECT amount, reason, at, journey, entry, step, occurrence, recorded_at
        FROM points_ledger WHERE customer_id = $1 ORDER BY at, ledger_id
    """,
    "withheld_points": """
        SELECT amount, reason, at, journey, entry, step, occurrence, recorded_at
        FROM withheld_award WHERE customer_id = $1 ORDER BY at, journey, entry, step
    """,
    "conversion": """
        SELECT journey, entry, event_id, occurred_at, step, credited, recorded_at
        FROM conversion WHERE customer_id = $1 ORDER BY occurred_at, journey, entry
    """,
    "conversion_reversal": """
        SELECT journey, entry, converted_by, event_id, occurred_at, recorded_at
        FROM conversion_reversal WHERE customer_id = $1 ORDER BY occurred_at, journey, entry
    """,
}


async def read_evidence(connection: Connection, customer_id: CustomerId) -> AsyncIterator[str]:
    """All records about a customer, kind by kind, as JSON lines; all of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for kind, statement in KINDS.items():
            async for row in connection.cursor(statement, customer_id):
                yield _line(kind, customer_id, dict(row))


def _line(kind: str, customer_id: CustomerId, row: dict[str, Any]) -> str:
    """One record; `sha256` is over the line without it, so that a copy can be held against another."""
    record = {"schema": SCHEMA, "kind": kind, "customer_id": customer_id, **to_jsonable_python(row)}
    return canonical({**record, "sha256": hashlib.sha256(canonical(record).encode()).hexdigest()})


def canonical(record: Mapping[str, Any]) -> str:
    """The one way to write a record: keys sorted, no spaces, letters as they are."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
