"""What is known of customers besides their events: how to reach them, what they allow, who they are to the gates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from activities.database import Connection
from activities.imported import Imported
from activities.moments import Deadline, Moment
from journeys.names import Channel, CustomerId, Language, MessageClass
from rules.customer_id import check_customer_id

Evidence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\s;,]{1,64}$")]


def in_days(value: object) -> object:
    """Take `90d` as well as ISO 8601 (`P90D`)."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*d\s*", value) if isinstance(value, str) else None
    return timedelta(days=int(match[1])) if match else value


RiskClass = Literal["C1", "C2", "C3", "C4", "C5"]
Days = Annotated[timedelta, Field(gt=timedelta(0)), BeforeValidator(in_days)]
SCOPES = ("marketing", "all", *(str(channel) for channel in Channel))


@cache
def _zones() -> set[str]:
    return available_timezones()


def _check_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is no IANA time zone: write one as Asia/Shanghai")
    return name


def _check_scope(scope: str) -> str:
    if scope not in SCOPES:
        raise ValueError(f"is no scope: write one of {', '.join(SCOPES)}")
    return scope


class _Part(BaseModel):
    """Frozen, and closed: a misspelled field would be a consent lost without a word."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Consent(_Part):
    """Consent to a class of messages on a channel, or its withdrawal (`given` false), with its evidence."""

    message_class: MessageClass = Field(alias="class")
    channel: Channel
    given: bool = True
    source: Evidence
    text_version: Evidence
    at: Moment


class OptOut(_Part):
    """A refusal by scope ('marketing', 'all' or a channel), or its end (`active` false), with its evidence."""

    scope: Annotated[str, AfterValidator(_check_scope)]
    active: bool = True
    source: Evidence
    at: Moment


class Suppression(_Part):
    """A reason to send nothing at all, or its end (`active` false), with its evidence."""

    reason: Literal["complaint", "deceased", "closed", "legal"]
    active: bool = True
    source: Evidence
    at: Moment


class CustomerUpdate(_Part):
    """What is to be known of one customer; what is not given stays as it is.

    Consents, opt-outs and suppressions are added to the books, where the latest of each kind counts. A risk class is
    that of an assessment: `lowest_class` (of C1) is false unless it is said with it. Raises `InputError` for an id
    that is no customer id.
    """

    customer_id: Annotated[CustomerId, AfterValidator(check_customer_id)]
    zone: Annotated[str, AfterValidator(_check_zone)] | None = None
    language: Language | None = None
    risk_class: RiskClass | None = None
    lowest_class: bool | None = None
    professional: bool | None = None
    assessed_at: Moment | None = None
    assessed_until: Deadline | None = None
    longest_term: Days | None = None
    product_types: tuple[Tag, ...] | None = None
    personalised: bool | None = None
    tags: tuple[Tag, ...] | None = None
    reachable: Mapping[Channel, bool] = Field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()
    suppressions: tuple[Suppression, ...] = ()

    @model_validator(mode="after")
    def _lowest_class_is_of_c1(self) -> Self:
        if self.lowest_class and self.risk_class != "C1":
            raise ValueError("the lowest class is a part of C1: give risk_class C1 with lowest_class")
        return self

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Self:
        kinds = [(each.message_class, each.channel, each.at) for each in self.consents]
        scopes = [(each.scope, each.at) for each in self.opt_outs]
        reasons = [(each.reason, each.at) for each in self.suppressions]
        if any(len(set(each)) < len(each) for each in (kinds, scopes, reasons)):
            raise ValueError(
                "says the same consent, opt-out or suppression twice at one time: keep one, or give each its own time"
            )
        return self


async def import_customers(connection: Connection, updates: Sequence[CustomerUpdate]) -> Imported:
    """Write updates in one transaction, in their order; the same again changes nothing.

    The version of every customer that changed goes up, so that a touch that was judged on the old facts is judged
    again. An update whose consent or opt-out stands in the books otherwise at the very same time is refused as a
    whole.
    """
    outcome = Imported()
    async with connection.transaction():
        for wave in _waves(updates):
            await _import_wave(connection, wave, outcome)
    return outcome


def _waves(updates: Sequence[CustomerUpdate]) -> Iterable[dict[int, CustomerUpdate]]:
    """Updates by their place, so that no customer occurs twice in one statement; the first of each come first."""
    waves: list[dict[int, CustomerUpdate]] = []
    seen: dict[CustomerId, int] = {}
    for place, update in enumerate(updates):
        turn = seen.get(update.customer_id, 0)
        seen[update.customer_id] = turn + 1
        if turn == len(waves):
            waves.append({})
        waves[turn][place] = update
    return waves


async def _import_wave(connection: Connection, wave: dict[int, CustomerUpdate], outcome: Imported) -> None:
    new = await _create_and_lock(connection, [update.customer_id for update in wave.values()])
    known = {place: update for place, update in wave.items() if update.customer_id not in new}
    refused = await _contradicted(connection, known)
    outcome.refused |= refused
    updates = [update for place, update in wave.items() if place not in refused]
    changed = {
        *new,
        *await _write_profiles(connection, updates),
        *await _write_reachability(connection, updates),
        *await _write_consents(connection, updates),
        *await _write_opt_outs(connection, updates),
        *await _write_suppressions(connection, updates),
    }
    await _raise_versions(connection, changed)
    outcome.new += len(new)
    outcome.changed += len(changed)


async def _create_and_lock(connection: Connection, customer_ids: list[CustomerId]) -> set[str]:
    """Make rows for those who have none, and lock all in one order; answers for whom rows were made."""
    made = await connection.fetch(
        """
        INSERT INTO customer (customer_id) SELECT unnest($1::text[]) ORDER BY 1
        ON CONFLICT (customer_id) DO NOTHING RETURNING customer_id
        """,
        customer_ids,
    )
    await connection.execute(
        "SELECT FROM customer WHERE customer_id = ANY($1::text[]) ORDER BY customer_id FOR NO KEY UPDATE",
        customer_ids,
    )
    return {row["customer_id"] for row in made}


async def _contradicted(connection: Connection, updates: dict[int, CustomerUpdate]) -> dict[int, str]:
    """The updates that say something else than the books do of the very same time."""
    consents = await connection.fetch(
        """
        SELECT DISTINCT new.place
        FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::text[],
                    $8::timestamptz[])
             AS new (place, customer_id, message_class, channel, given, source, text_version, at)
        JOIN consent AS old USING (customer_id, message_class, channel, at)
        WHERE (new.given, new.source, new.text_version) <> (old.given, old.source, old.text_version)
        """,
        *_columns([(place, *row) for place, update in updates.items() for row in _consent_rows(update)], 8),
    )
    opt_outs = await connection.fetch(
        """
        SELECT DISTINCT new.place
        FROM unnest($1::int[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::timestamptz[])
             AS new (place, customer_id, scope, active, source, at)
        JOIN opt_out AS old USING (customer_id, scope, at)
        WHERE (new.active, new.source) <> (old.active, old.source)
        """,
        *_columns([(place, *row) for place, update in updates.items() for row in _opt_out_rows(update)], 6),
    )
    suppressions = await connection.fetch(
        """
        SELECT DISTINCT new.place
        FROM unnest($1::int[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::timestamptz[])
             AS new (place, customer_id, reason, active, source, at)
        JOIN suppression AS old USING (customer_id, reason, at)
        WHERE (new.active, new.source) <> (old.active, old.source)
        """,
        *_columns([(place, *row) for place, update in updates.items() for row in _suppression_rows(update)], 6),
    )
    said = "is on record with other content at the same time: give the change its own time"
    return (
        {row["place"]: f"a suppression {said}" for row in suppressions}
        | {row["place"]: f"an opt-out {said}" for row in opt_outs}
        | {row["place"]: f"a consent {said}" for row in consents}
    )


async def _write_profiles(connection: Connection, updates: Iterable[CustomerUpdate]) -> list[str]:
    # A class is that of a new assessment, which says by itself whether it is the lowest.
    rows = await connection.fetch(
        """
        UPDATE customer
        SET (zone, language, risk_class, lowest_class, professional, assessed_at, assessed_until, longest_term,
             product_types, personalised, tags)
          = (told.zone, told.language, told.risk_class, told.lowest_class, told.professional, told.assessed_at,
             told.assessed_until, told.longest_term, told.product_types, told.personalised, told.tags)
        FROM (
            SELECT customer_id, coalesce(new.zone, old.zone) AS zone, coalesce(new.language, old.language) AS language,
                   coalesce(new.risk_class, old.risk_class) AS risk_class,
                   coalesce(new.lowest_class, new.risk_class IS NULL AND old.lowest_class) AS lowest_class,
                   coalesce(new.professional, old.professional) AS professional,
                   coalesce(new.assessed_at, old.assessed_at) AS assessed_at,
                   coalesce(new.assessed_until, old.assessed_until) AS assessed_until,
                   coalesce(new.longest_term, old.longest_term) AS longest_term,
                   coalesce(new.product_types, old.product_types) AS product_types,
                   coalesce(new.personalised, old.personalised) AS personalised, coalesce(new.tags, old.tags) AS tags
            FROM jsonb_to_recordset($1) AS new (
                customer_id text, zone text, language text, risk_class text, lowest_class boolean, professional boolean,
                assessed_at timestamptz, assessed_until timestamptz, longest_term interval, product_types text[],
                personalised boolean, tags text[])
            JOIN customer AS old USING (customer_id)
        ) AS told
        WHERE customer.customer_id = told.customer_id
          AND (told.zone, told.language, told.risk_class, told.lowest_class, told.professional, told.assessed_at,
               told.assessed_until, told.longest_term, told.product_types, told.personalised, told.tags)
              IS DISTINCT FROM
              (customer.zone, customer.language, customer.risk_class, customer.lowest_class, customer.professional,
               customer.assessed_at, customer.assessed_until, customer.longest_term, customer.product_types,
               customer.personalised, customer.tags)
        RETURNING customer.customer_id
        """,
        [_profile_row(update) for update in updates],
    )
    return [row["customer_id"] for row in rows]


async def _write_reachability(connection: Connection, updates: Iterable[CustomerUpdate]) -> list[str]:
    rows = await connection.fetch(
        """
        INSERT INTO reachability (customer_id, channel, reachable, at)
        SELECT customer_id, channel, reachable, now()
        FROM unnest($1::text[], $2::text[], $3::bool[]) AS new (customer_id, channel, reachable)
        ON CONFLICT (customer_id, channel) DO UPDATE SET reachable = excluded.reachable, at = excluded.at
        WHERE reachability.reachable <> excluded.reachable
        RETURNING customer_id
        """,
        *_columns([(update.customer_id, *each) for update in updates for each in update.reachable.items()], 3),
    )
    return [row["customer_id"] for row in rows]


async def _write_consents(connection: Connection, updates: Iterable[CustomerUpdate]) -> list[str]:
    rows = await connection.fetch(
        """
        INSERT INTO consent (customer_id, message_class, channel, given, source, text_version, at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::text[], $7::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING customer_id
        """,
        *_columns([row for update in updates for row in _consent_rows(update)], 7),
    )
    return [row["customer_id"] for row in rows]


async def _write_opt_outs(connection: Connection, updates: Iterable[CustomerUpdate]) -> list[str]:
    rows = await connection.fetch(
        """
        INSERT INTO opt_out (customer_id, scope, active, source, at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING customer_id
        """,
        *_columns([row for update in updates for row in _opt_out_rows(update)], 5),
    )
    return [row["customer_id"] for row in rows]


async def _write_suppressions(connection: Connection, updates: Iterable[CustomerUpdate]) -> list[str]:
    rows = await connection.fetch(
        """
        INSERT INTO suppression (customer_id, reason, active, source, at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING customer_id
        """,
        *_columns([row for update in updates for row in _suppression_rows(update)], 5),
    )
    return [row["customer_id"] for row in rows]


async def _raise_versions(connection: Connection, customer_ids: Iterable[str]) -> None:
    await connection.execute(
        "UPDATE customer SET version = version + 1 WHERE customer_id = ANY($1::text[])", list(customer_ids)
    )


def _profile_row(update: CustomerUpdate) -> dict[str, Any]:
    return {
        "customer_id": update.customer_id,
        "zone": update.zone,
        "language": update.language,
        "risk_class": update.risk_class,
        "lowest_class": update.lowest_class,
        "professional": update.professional,
        "assessed_at": update.assessed_at,
        "assessed_until": update.assessed_until,
        "longest_term": update.longest_term and f"{update.longest_term.total_seconds():.0f} seconds",
        "product_types": None if update.product_types is None else sorted(set(update.product_types)),
        "personalised": update.personalised,
        "tags": None if update.tags is None else sorted(set(update.tags)),
    }


def _consent_rows(update: CustomerUpdate) -> list[tuple[object, ...]]:
    return [
        (update.customer_id, each.message_class, each.channel, each.given, each.source, each.text_version, each.at)
        for each in update.consents
    ]


def _opt_out_rows(update: CustomerUpdate) -> list[tuple[object, ...]]:
    return [(update.customer_id, each.scope, each.active, each.source, each.at) for each in update.opt_outs]


def _suppression_rows(update: CustomerUpdate) -> list[tuple[object, ...]]:
    return [(update.customer_id, each.reason, each.active, each.source, each.at) for each in update.suppressions]


def _columns(rows: list[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)] or [[]] * width
