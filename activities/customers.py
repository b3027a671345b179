"""What is known of customers besides their events: how to reach them, what they allow, who they are to the gates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from activities.addresses import replace_addresses
from activities.customer_rows import lock_customers, raise_versions
from activities.database import AnyConnection, columns
from activities.fact_writing import write_statements
from activities.imported import Imported
from activities.moments import Deadline, Moment
from journeys.channels import ADDRESSED
from journeys.names import OPT_OUT_SCOPES, Channel, CustomerId, Language, MessageClass, RiskClass
from rules.customer_id import check_customer_id, looks_personal
from rules.statements import AssessmentSaid, ConsentSaid, OptOutSaid, Statement, SuppressionSaid

Evidence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\s;,]{1,64}$")]


def in_days(value: object) -> object:
    """Take `90d` as well as ISO 8601 (`P90D`)."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*d\s*", value) if isinstance(value, str) else None
    return timedelta(days=int(match[1])) if match else value


Days = Annotated[timedelta, Field(gt=timedelta(0)), BeforeValidator(in_days)]


@cache
def _zones() -> set[str]:
    return available_timezones()


def _check_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is no IANA time zone: write one as Asia/Shanghai")
    return name


def _check_scope(scope: str) -> str:
    if scope not in OPT_OUT_SCOPES:
        raise ValueError(f"is no scope: write one of {', '.join(OPT_OUT_SCOPES)}")
    return scope


def _check_address(address: str) -> str:
    if re.fullmatch(r"[0-9+._-]+", address) and looks_personal(address):
        raise ValueError("looks like a phone number: your gateway knows the numbers, and Sojourn keeps none")
    return address


def _each_once(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(addresses)) < len(addresses):
        raise ValueError("names an address twice: keep one")
    return addresses


def _only_where_needed(addresses: Mapping[Channel, tuple[str, ...]]) -> Mapping[Channel, tuple[str, ...]]:
    if others := sorted(set(addresses) - set(ADDRESSED)):
        raise ValueError(f"{others[0]} takes no address: only {', '.join(ADDRESSED)} do")
    return addresses


Address = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,256}$"), AfterValidator(_check_address)]
Addresses = Annotated[tuple[Address, ...], AfterValidator(_each_once)]


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

    Consents, opt-outs, suppressions and the assessment are added to the books, where the latest of each kind counts
    (rules/statements.py). A risk class is that of an assessment: `lowest_class` (of C1) is false unless it is said
    with it, and without `assessed_at` it is no valid one and stands before no dated one. Addresses take the place of
    those that a channel had.
    Raises `InputError` for an id that is no customer id.
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
    addresses: Annotated[Mapping[Channel, Addresses], AfterValidator(_only_where_needed)] = Field(
        default_factory=dict, repr=False
    )
    consents: tuple[Consent, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()
    suppressions: tuple[Suppression, ...] = ()

    @model_validator(mode="after")
    def _an_assessment_is_told_as_a_whole(self) -> Self:
        if self.lowest_class and self.risk_class is not RiskClass.C1:
            raise ValueError("the lowest class is a part of C1: give risk_class C1 with lowest_class")
        if self.risk_class is None and (self.lowest_class is not None or self.assessed_until is not None):
            raise ValueError("lowest_class and assessed_until are of a class: give risk_class with them")
        if self.assessed_until is not None and self.assessed_at is None:
            raise ValueError("assessed_until is of an assessment with a date: give assessed_at with it")
        if self.assessed_at is not None and not self._assessment("").says_something:
            raise ValueError("assessed_at is of an assessment: give risk_class with it")
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

    @property
    def lacks_date(self) -> bool:
        """Whether a risk class is told and not when it was found."""
        return self.risk_class is not None and self.assessed_at is None

    def statements(self, source: str) -> Iterator[Statement]:
        """All that is said with a time of its own. An assessment has no evidence but where it was told: `source`."""
        for consent in self.consents:
            yield ConsentSaid(
                *(consent.at, consent.message_class, consent.channel),
                *(consent.given, consent.source, consent.text_version),
            )
        for opt_out in self.opt_outs:
            yield OptOutSaid(opt_out.at, opt_out.scope, opt_out.active, opt_out.source)
        for suppression in self.suppressions:
            yield SuppressionSaid(suppression.at, suppression.reason, suppression.active, suppression.source)
        if (assessment := self._assessment(source)).says_something:
            yield assessment

    def _assessment(self, source: str) -> AssessmentSaid:
        return AssessmentSaid(
            self.assessed_at,
            source,
            self.risk_class,
            bool(self.lowest_class),
            self.assessed_until,
            self.professional,
            self.longest_term,
            None if self.product_types is None else tuple(sorted(set(self.product_types))),
        )


async def import_customers(
    connection: AnyConnection, updates: Sequence[CustomerUpdate], source: str = "file"
) -> Imported:
    """Write updates in one transaction, in their order; the same again changes nothing.

    The version of every customer that changed goes up, so that a touch that was judged on the old facts is judged
    again. `source` is where assessments were told.
    """
    outcome = Imported(without_date=sum(update.lacks_date for update in updates))
    async with connection.transaction():
        for wave in _waves(updates):
            await _import_wave(connection, wave, source, outcome)
    return outcome


def _waves(updates: Sequence[CustomerUpdate]) -> Iterable[list[CustomerUpdate]]:
    """Updates so that no customer occurs twice in one statement; the first of each come first."""
    waves: list[list[CustomerUpdate]] = []
    seen: Counter[CustomerId] = Counter()
    for update in updates:
        if (turn := seen[update.customer_id]) == len(waves):
            waves.append([])
        seen[update.customer_id] += 1
        waves[turn].append(update)
    return waves


async def _import_wave(
    connection: AnyConnection, updates: Sequence[CustomerUpdate], source: str, outcome: Imported
) -> None:
    new = await _create_and_lock(connection, [update.customer_id for update in updates])
    said = [(update.customer_id, statement) for update in updates for statement in update.statements(source)]
    changed = {
        *new,
        *await _write_profiles(connection, updates),
        *await replace_addresses(connection, _addresses(updates)),
        # After the addresses, which open a channel: a "no" in the same row stands.
        *await _write_reachability(connection, updates),
        *await write_statements(connection, said),
    }
    await raise_versions(connection, changed)
    outcome.new += len(new)
    outcome.changed += len(changed)


async def _create_and_lock(connection: AnyConnection, customer_ids: list[CustomerId]) -> set[str]:
    """Make rows for those who have none, and lock all in one order; answers for whom rows were made."""
    made = await connection.fetch(
        """
        INSERT INTO customer (customer_id) SELECT unnest($1::text[]) ORDER BY 1
        ON CONFLICT (customer_id) DO NOTHING RETURNING customer_id
        """,
        customer_ids,
    )
    await lock_customers(connection, customer_ids)
    return {row["customer_id"] for row in made}


async def _write_profiles(connection: AnyConnection, updates: Iterable[CustomerUpdate]) -> list[str]:
    rows = await connection.fetch(
        """
        UPDATE customer
        SET (zone, language, personalised, tags) = (told.zone, told.language, told.personalised, told.tags)
        FROM (
            SELECT customer_id, coalesce(new.zone, old.zone) AS zone, coalesce(new.language, old.language) AS language,
                   coalesce(new.personalised, old.personalised) AS personalised, coalesce(new.tags, old.tags) AS tags
            FROM jsonb_to_recordset($1) AS new (
                customer_id text, zone text, language text, personalised boolean, tags text[])
            JOIN customer AS old USING (customer_id)
        ) AS told
        WHERE customer.customer_id = told.customer_id
          AND (told.zone, told.language, told.personalised, told.tags)
              IS DISTINCT FROM (customer.zone, customer.language, customer.personalised, customer.tags)
        RETURNING customer.customer_id
        """,
        [_profile_row(update) for update in updates],
    )
    return [row["customer_id"] for row in rows]


async def _write_reachability(connection: AnyConnection, updates: Iterable[CustomerUpdate]) -> list[str]:
    rows = await connection.fetch(
        """
        INSERT INTO reachability (customer_id, channel, reachable, at)
        SELECT customer_id, channel, reachable, clock_timestamp()
        FROM unnest($1::text[], $2::text[], $3::bool[]) AS new (customer_id, channel, reachable)
        ON CONFLICT (customer_id, channel) DO UPDATE SET reachable = excluded.reachable, at = excluded.at
        WHERE reachability.reachable <> excluded.reachable
        RETURNING customer_id
        """,
        *columns([(update.customer_id, *each) for update in updates for each in update.reachable.items()], 3),
    )
    return [row["customer_id"] for row in rows]


def _addresses(updates: Iterable[CustomerUpdate]) -> Mapping[tuple[CustomerId, Channel], Addresses]:
    return {
        (update.customer_id, channel): addresses
        for update in updates
        for channel, addresses in update.addresses.items()
    }


def _profile_row(update: CustomerUpdate) -> dict[str, Any]:
    return {
        "customer_id": update.customer_id,
        "zone": update.zone,
        "language": update.language,
        "personalised": update.personalised,
        "tags": None if update.tags is None else sorted(set(update.tags)),
    }
