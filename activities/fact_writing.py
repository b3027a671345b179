"""What is said of customers goes into its books (rules/statements.py): the one place that writes each of them.

Events, files, receipts and people all come here. A book is only written on, the same again changes nothing, and the
latest counts by its own time, so nobody has to know what came first. Whoever calls has locked the customers, and
raises the version of those who are answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from activities.database import AnyConnection, columns
from journeys.names import CustomerId
from rules.statements import AssessmentSaid, ConsentSaid, OptOutSaid, Statement, SuppressionSaid

Rows = list[tuple[Any, ...]]


async def write_statements(connection: AnyConnection, said: Sequence[tuple[CustomerId, Statement]]) -> set[str]:
    """Add to the books what is new; answers the customers of whom something is. Without statements nothing runs."""
    consents, opt_outs, suppressions, assessments = _by_book(said)
    changed: set[str] = set()
    if consents:
        changed |= await _write_consents(connection, consents)
    if opt_outs:
        changed |= await _write_opt_outs(connection, opt_outs)
    if suppressions:
        changed |= await _write_suppressions(connection, suppressions)
    if assessments:
        changed |= await _write_assessments(connection, assessments)
    return changed


def source_of(event_id: str) -> str:
    """The evidence of what an event says."""
    return f"event {event_id}"


def _by_book(said: Sequence[tuple[CustomerId, Statement]]) -> tuple[Rows, Rows, Rows, list[dict[str, Any]]]:
    consents: Rows = []
    opt_outs: Rows = []
    suppressions: Rows = []
    assessments: list[dict[str, Any]] = []
    for who, one in said:
        match one:
            case ConsentSaid():
                consents.append((who, one.message_class, one.channel, one.given, one.source, one.text_version, one.at))
            case OptOutSaid():
                opt_outs.append((who, one.scope, one.active, one.source, one.at))
            case SuppressionSaid():
                suppressions.append((who, one.reason, one.active, one.source, one.at))
            case AssessmentSaid():
                assessments.append(_assessment_row(who, one))
            case _:
                assert_never(one)
    return consents, opt_outs, suppressions, assessments


async def _write_consents(connection: AnyConnection, rows: Rows) -> set[str]:
    written = await connection.fetch(
        """
        INSERT INTO consent (customer_id, message_class, channel, given, source, text_version, at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::text[], $7::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING customer_id
        """,
        *columns(rows, 7),
    )
    return {row["customer_id"] for row in written}


async def _write_opt_outs(connection: AnyConnection, rows: Rows) -> set[str]:
    written = await connection.fetch(
        """
        INSERT INTO opt_out (customer_id, scope, active, source, at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING customer_id
        """,
        *columns(rows, 5),
    )
    return {row["customer_id"] for row in written}


async def _write_suppressions(connection: AnyConnection, rows: Rows) -> set[str]:
    written = await connection.fetch(
        """
        INSERT INTO suppression (customer_id, reason, active, source, at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING customer_id
        """,
        *columns(rows, 5),
    )
    return {row["customer_id"] for row in written}


async def _write_assessments(connection: AnyConnection, rows: list[dict[str, Any]]) -> set[str]:
    """What is not dated is only written down if it says something else than what stands; of a class, which may not
    stand for want of a date, something else than what was told without one before.
    """
    written = await connection.fetch(
        """
        INSERT INTO risk_assessment (customer_id, at, dated, risk_class, lowest_class, valid_until, professional,
                                     longest_term, product_types, source)
        SELECT customer_id, coalesce(new.at, clock_timestamp()), new.at IS NOT NULL, new.risk_class, new.lowest_class,
               new.valid_until, new.professional, new.longest_term, new.product_types, new.source
        FROM jsonb_to_recordset($1) AS new (
            customer_id text, at timestamptz, risk_class text, lowest_class boolean, valid_until timestamptz,
            professional boolean, longest_term interval, product_types text[], source text)
        JOIN customer AS old USING (customer_id)
        LEFT JOIN LATERAL (
            SELECT risk_class, lowest_class FROM risk_assessment
            WHERE risk_assessment.customer_id = new.customer_id AND NOT dated AND risk_class IS NOT NULL
            ORDER BY at DESC LIMIT 1
        ) AS before ON true
        WHERE new.at IS NOT NULL
           OR new.risk_class IS NOT NULL
              AND (new.risk_class, new.lowest_class) IS DISTINCT FROM (before.risk_class, before.lowest_class)
           OR new.professional <> old.professional
           OR new.longest_term IS NOT NULL AND new.longest_term IS DISTINCT FROM old.longest_term
           OR new.product_types <> old.product_types
        ON CONFLICT DO NOTHING
        RETURNING customer_id
        """,
        rows,
    )
    changed = {row["customer_id"] for row in written}
    if changed:
        await _let_the_latest_stand(connection, changed)
    return changed


async def _let_the_latest_stand(connection: AnyConnection, customer_ids: set[str]) -> None:
    await connection.execute(
        """
        UPDATE customer
        SET (risk_class, lowest_class, assessed_at, assessed_until, professional, longest_term, product_types)
          = (SELECT risk_class, lowest_class, assessed_at, assessed_until, professional, longest_term, product_types
             FROM investor_at(customer.customer_id, 'infinity'))
        WHERE customer_id = ANY($1::text[])
        """,
        sorted(customer_ids),
    )


def _assessment_row(customer_id: CustomerId, one: AssessmentSaid) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "at": one.at,
        "risk_class": one.risk_class,
        "lowest_class": one.lowest_class,
        "valid_until": one.valid_until,
        "professional": one.professional,
        "longest_term": one.longest_term and f"{one.longest_term.total_seconds():.0f} seconds",
        "product_types": one.product_types,
        "source": one.source,
    }
