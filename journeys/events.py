"""Every event that a customer can cause, by its name on the bus, with the shape of its data.

A team that sends events reads `docs/contract.md` and the JSON Schemas in `docs/events/`, which are made
from the models here. Fields that a model does not name are kept and ignored. Adding an event means adding
a model and one line in `EVENTS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from journeys.names import OPT_OUT_SCOPES, Channel, MessageClass, RiskClass

TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
"""A time as it is written on the bus: ISO 8601 with the offset."""


_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EXACT_BELOW = 10.0**11
"""A float has fifteen digits that are surely those that were sent; an amount has four behind the point."""


def _decimal(value: object) -> object:
    """A number is taken as well where it has all its digits: some senders have nothing else."""
    if isinstance(value, float) and abs(value) >= _EXACT_BELOW:
        raise ValueError('write so large an amount as text, as in "1000.00": as a JSON number it loses digits')
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("write the amount as a decimal, as in 1000.00")
    return value


def _whole(value: object) -> object:
    """Digits as text are taken, too: a CSV has nothing else."""
    if isinstance(value, bool) or (isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value)):
        raise ValueError("write a whole number")
    return value


def _written_out(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and TIME.fullmatch(value)):
        return value
    raise ValueError("write a time as ISO 8601 with the offset, as in 2026-11-22T09:00:00+08:00")


def _scope(scope: str) -> str:
    if scope not in OPT_OUT_SCOPES:
        raise ValueError(f"is no scope: write one of {', '.join(OPT_OUT_SCOPES)}")
    return scope


def _one_of(values: Iterable[str], description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [str(value) for value in values], "description": description})


_WHOLE = BeforeValidator(_whole)
_AMOUNT_SCHEMA = {
    "type": "string",
    "pattern": r"^[0-9]{1,14}(\.[0-9]{1,4})?$",
    "description": "A decimal in text, with up to 4 decimals: a JSON number would lose digits on its way",
    "examples": ["1000.00"],
}
Money = Annotated[
    Decimal,
    Field(ge=0, max_digits=18, decimal_places=4),
    BeforeValidator(_decimal),
    WithJsonSchema(_AMOUNT_SCHEMA),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Evidence = Annotated[str, Field(pattern=r"\S", max_length=200)]
ProductType = Annotated[str, Field(pattern=r"^[^\s;,]{1,64}$")]
ValidUntil = Annotated[
    AwareDatetime,
    BeforeValidator(_written_out),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": f"^{TIME.pattern}$",
            "description": "Until when it holds: ISO 8601 with the offset; left out, for as long as the house lets it",
        }
    ),
]
Scope = Annotated[
    str, AfterValidator(_scope), _one_of(OPT_OUT_SCOPES, "`marketing`, `all`, or a channel: what is refused")
]
ProductId = Annotated[str, Field(min_length=1, max_length=64, description="The product's number in your books")]


class EventData(BaseModel):
    """What an event says besides who, what and when."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def held_until(self, occurred_at: datetime) -> datetime | None:
        """The end of the term of a product bought with this event: until then the lifecycle clock stands."""
        return None


class AppRegistered(EventData):
    """The customer registered in the app."""

    source: Annotated[str, Field(description="Where the customer came from")] | None = None


class AppOpened(EventData):
    """The customer opened the app."""


class AccountOpened(EventData):
    """The customer has a securities account."""


class QuestionnaireCompleted(EventData):
    """The customer completed the investor questionnaire."""


class DepositMade(EventData):
    """Money arrived on the customer's account."""

    amount: Money
    currency: Currency = "CNY"


class DepositReturned(EventData):
    """A deposit was sent back, so it counts as not made."""

    deposit: Annotated[str, Field(min_length=1, max_length=128, description="The event id of the deposit")]


class FeatureUsed(EventData):
    """The customer used a feature of the app."""

    feature: Annotated[str, Field(min_length=1, max_length=64, description="The feature's name in your app")]


class ProductMatured(EventData):
    """A term product of the customer came to its end."""

    product: ProductId
    amount: Money | None = None
    currency: Currency = "CNY"


class TradeExecuted(EventData):
    """An order was executed: one event an order, not a fill."""

    amount: Money | None = None
    currency: Currency = "CNY"
    product: ProductId | None = None


class WealthProductPurchased(EventData):
    """The customer bought a wealth product; a term in days means that it is held that long."""

    product: ProductId
    amount: Money | None = None
    currency: Currency = "CNY"
    term_days: Annotated[int, Field(ge=1, le=36_500, description="Days until the term ends"), _WHOLE] | None = None

    def held_until(self, occurred_at: datetime) -> datetime | None:
        return None if self.term_days is None else occurred_at + timedelta(days=self.term_days)


class WechatBound(EventData):
    """The customer bound the WeChat official account."""


class CheckedIn(EventData):
    """The customer checked in for the day."""


class LiveStreamWatched(EventData):
    """The customer followed a live stream."""

    stream: Annotated[str, Field(min_length=1, max_length=64, description="The stream's number in your books")]
    seconds: Annotated[int, Field(ge=0, description="How long the customer followed it"), _WHOLE]


class MessageData(EventData):
    """What became of a message that was sent, as its provider tells: which one it was."""

    channel: Annotated[str, Field(min_length=1, max_length=64, description="The channel it went by")]
    journey: Annotated[str, Field(min_length=1, max_length=64, description="The journey that sent it")]
    step: Annotated[str, Field(min_length=1, max_length=128, description="The step of the journey")]
    template: Annotated[str, Field(min_length=1, max_length=64, description="The text that was sent")]
    touch: Annotated[str, Field(min_length=1, max_length=512, description="The key that the message was sent with")]


class MessageOpened(MessageData):
    """The customer opened a message."""


class MessageClicked(MessageData):
    """The customer followed a link or a button of a message."""


class MessageBounced(MessageData):
    """A message did not reach the customer, although its channel had taken it."""

    permanent: Annotated[
        bool, Field(strict=True, description="Whether the customer is not to be reached there any more")
    ] = False


class Unsubscribed(MessageData):
    """The customer refused further messages in a message; effective at once."""

    scope: Scope


class OptedOutOfMarketing(EventData):
    """The customer refused marketing; effective at once on every channel."""


class ScopeData(EventData):
    """What a refusal, or its end, is about."""

    scope: Scope


class OptedOut(ScopeData):
    """The customer refused messages; effective at once."""


class OptedIn(ScopeData):
    """The customer took a refusal of the same scope back."""


class ConsentData(EventData):
    """What a consent, or its withdrawal, is about, and its evidence."""

    message_class: Annotated[MessageClass, _one_of(MessageClass, "The class of messages")]
    channel: Annotated[Channel, _one_of(Channel, "The channel that they may go by")]
    text_version: Annotated[Evidence, Field(description="The version of the text that the customer agreed to")]
    source: Annotated[Evidence, Field(description="Where it was said: an app and its version, a form, a branch")]


class ConsentGiven(ConsentData):
    """The customer agreed to a class of messages on a channel."""


class ConsentWithdrawn(ConsentData):
    """The customer withdrew the consent to a class of messages on a channel."""


class RiskAssessed(EventData):
    """The customer's risk was assessed; the assessment is of the time of the event."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"lowest_class": {"const": True}}, "required": ["lowest_class"]},
            "then": {"properties": {"risk_class": {"const": "C1"}}},
        }
    )

    risk_class: Annotated[RiskClass, _one_of(RiskClass, "How much risk the customer may take")]
    lowest_class: Annotated[
        bool, Field(strict=True, description="Whether it is the lowest sub-class; only with C1")
    ] = False
    professional: (
        Annotated[bool, Field(strict=True, description="Whether a professional investor; left out, that stays")] | None
    ) = None
    valid_until: ValidUntil | None = None
    longest_term_days: (
        Annotated[int, Field(ge=1, le=36_500, description="How long at most to invest; left out, that stays"), _WHOLE]
        | None
    ) = None
    product_types: (
        Annotated[tuple[ProductType, ...], Field(description="The kinds of product wanted; left out, that stays")]
        | None
    ) = None

    @model_validator(mode="after")
    def _lowest_class_is_of_c1(self) -> Self:
        if self.lowest_class and self.risk_class is not RiskClass.C1:
            raise ValueError("lowest_class is a part of C1: leave it out, or say risk_class C1")
        return self


class ComplaintData(EventData):
    """Which complaint it is."""

    case: (
        Annotated[str, Field(min_length=1, max_length=64, description="The complaint's number in your books")] | None
    ) = None


class ComplaintMade(ComplaintData):
    """The customer complained: nothing is sent until that is resolved."""


class ComplaintResolved(ComplaintData):
    """The customer's complaints are resolved, the last of them with this."""


class AccountClosed(EventData):
    """The customer closed the account; final until it is opened again."""


class EventType(str):
    """The name of a kind of event, with what the language needs to know of it.

    A plain string in JSON and in comparisons. `milestone` events happen once in a life and are looked for in
    the customer's whole life by default (docs/journeys.md, `since`). `arrives_within` is how long after it
    happened the news of it may come, as from a file of the next day. `reverses` names the field with the id of an event
    that this one undoes.
    """

    __slots__ = ("arrives_within", "data", "milestone", "reverses")
    data: type[EventData]
    milestone: bool
    arrives_within: timedelta
    reverses: str | None

    def __new__(
        cls,
        name: str,
        data: type[EventData] = EventData,
        *,
        milestone: bool = False,
        arrives_within: timedelta = timedelta(0),
        reverses: str | None = None,
    ) -> Self:
        event = super().__new__(cls, name)
        event.data, event.milestone = data, milestone
        event.arrives_within, event.reverses = arrives_within, reverses
        return event

    def __reduce__(self) -> tuple[object, ...]:
        return (_event_type, (str(self), self.data, self.milestone, self.arrives_within, self.reverses))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda name: name if isinstance(name, cls) else cls(name),
            core_schema.str_schema(pattern=r"^[a-z][a-z0-9_]{0,63}$"),
        )


def _event_type(
    name: str, data: type[EventData], milestone: bool, arrives_within: timedelta, reverses: str | None
) -> EventType:
    """An event type from its parts, when it is copied."""
    return EventType(name, data, milestone=milestone, arrives_within=arrives_within, reverses=reverses)


app_registered = EventType("app_registered", AppRegistered, milestone=True)
app_opened = EventType("app_opened", AppOpened)
account_opened = EventType("account_opened", AccountOpened, milestone=True)
questionnaire_completed = EventType("questionnaire_completed", QuestionnaireCompleted, milestone=True)
deposit_made = EventType("deposit_made", DepositMade, milestone=True)
deposit_returned = EventType("deposit_returned", DepositReturned, reverses="deposit")
feature_used = EventType("feature_used", FeatureUsed)
product_matured = EventType("product_matured", ProductMatured)
trade_executed = EventType("trade_executed", TradeExecuted)
wealth_product_purchased = EventType("wealth_product_purchased", WealthProductPurchased)
wechat_bound = EventType("wechat_bound", WechatBound, milestone=True)
checked_in = EventType("checked_in", CheckedIn)
live_stream_watched = EventType("live_stream_watched", LiveStreamWatched)
message_opened = EventType("message_opened", MessageOpened)
message_clicked = EventType("message_clicked", MessageClicked)
message_bounced = EventType("message_bounced", MessageBounced)
unsubscribed = EventType("unsubscribed", Unsubscribed)
opted_out_of_marketing = EventType("opted_out_of_marketing", OptedOutOfMarketing)
opted_out = EventType("opted_out", OptedOut)
opted_in = EventType("opted_in", OptedIn)
consent_given = EventType("consent_given", ConsentGiven)
consent_withdrawn = EventType("consent_withdrawn", ConsentWithdrawn)
risk_assessed = EventType("risk_assessed", RiskAssessed)
complaint_made = EventType("complaint_made", ComplaintMade)
complaint_resolved = EventType("complaint_resolved", ComplaintResolved)
account_closed = EventType("account_closed", AccountClosed)

EVENTS: Mapping[str, EventType] = MappingProxyType(
    {
        str(event): event
        for event in (
            app_registered,
            app_opened,
            account_opened,
            questionnaire_completed,
            deposit_made,
            deposit_returned,
            feature_used,
            product_matured,
            trade_executed,
            wealth_product_purchased,
            wechat_bound,
            checked_in,
            live_stream_watched,
            message_opened,
            message_clicked,
            message_bounced,
            unsubscribed,
            opted_out_of_marketing,
            opted_out,
            opted_in,
            consent_given,
            consent_withdrawn,
            risk_assessed,
            complaint_made,
            complaint_resolved,
            account_closed,
        )
    }
)
"""Every event by its name on the bus."""
