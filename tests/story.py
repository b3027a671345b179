"""Journeys as stories: what one customer does, and what the journey then says, in days after the beginning.

    assert story(onboarding_guidance).when(account_opened, on_day=5).touches() == [
        "day 0 welcome",
        "day 3 open-account-reminder",
        "day 7 questionnaire-reminder",
        "day 14 first-product",
        "day 15 first-week-lessons",
        "day 23 first-order-guide",
    ]

The customer consents to everything, may have every product that the journey names, and comes into the journey on
day 0 at 10:00; a draft runs like a live journey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import assert_never
from zoneinfo import ZoneInfo

from activities.local_time import resolve_local_time
from errors import InputError
from journeys.events import EventType
from journeys.names import Channel, CustomerId, MessageClass, ProductId, RiskClass, RiskLevel, Stage
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey, Split, StageEntered, Trigger, all_steps
from rules.assumed import assumed_product, products_named
from rules.bucketing import arm_of, held_out
from rules.clock import LAST
from rules.commands import Command, Verb
from rules.conditions import CustomerFacts
from rules.definitions import Catalogue
from rules.effects import StageChanged
from rules.paper import Happening, PaperCommand, PaperEvent, PaperWorld
from rules.record import Record
from rules.suitability import Investor, Product

START = datetime(2026, 3, 2, 10, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
DAY = timedelta(days=1)
CUSTOMER = CustomerFacts(START, risk_class=RiskClass.C3)
EVERYTHING = tuple((message_class, channel) for message_class in MessageClass for channel in Channel)


@dataclass(frozen=True)
class Story:
    """One customer in one journey. Each word answers a new story, so that a beginning can be shared."""

    journey: Journey
    trigger: Trigger | None
    """What begins it on day 0; none for a journey that is entered by command."""
    world: PaperWorld
    events: Sequence[Happening] = ()
    books: Sequence[PaperEvent] = ()
    customer_id: str = "story"

    def when(self, event: EventType, *, on_day: float, event_id: str = "", **data: object) -> Story:
        """The customer does something; 1.5 is 36 hours after the beginning. `data` is what the event says.

        The `event_id` is for another event to name, as a deposit that is sent back.
        """
        happened = PaperEvent(START + on_day * DAY, event, data=data, event_id=event_id)
        return replace(self, events=(*self.events, happened))

    def in_the_books(self, event: EventType, *, on_day: float, **data: object) -> Story:
        """The customer does something that no backend tells, but the broker's own books know."""
        return replace(self, books=(*self.books, PaperEvent(START + on_day * DAY, event, data=data)))

    def told_to(self, verb: Verb, *, on_day: float) -> Story:
        """A person gives a command for the customer's run."""
        command = Command(f"{verb}-{on_day}", verb, self.journey.name, "staff", "a story")
        return replace(self, events=(*self.events, PaperCommand(START + on_day * DAY, command)))

    def of(
        self, *, tags: Sequence[str] = (), risk_class: RiskClass | None = None, zone: str | None = None, id: str = ""
    ) -> Story:
        """Who the customer is; the id decides the arm of a split."""
        customer = self.world.customer
        known = replace(
            customer,
            tags=(*customer.tags, *tags),
            risk_class=risk_class or customer.risk_class,
            zone=zone or customer.zone,
        )
        investor = self.world.investor
        if risk_class is not None:
            investor = replace(investor, risk_class=risk_class, assessed_until=LAST)
        world = replace(self.world, customer=known, investor=investor)
        return replace(self, world=world, customer_id=id or self.customer_id)

    def investor(
        self,
        *,
        lowest_class: bool = False,
        professional: bool = False,
        assessed_until_day: float | None = None,
        longest_term: timedelta | None = None,
        product_types: Sequence[str] = (),
    ) -> Story:
        """Who the customer is to the suitability gate, besides the risk class; on that day the assessment has ended."""
        known = replace(
            self.world.investor,
            lowest_class=lowest_class,
            professional=professional,
            longest_term=longest_term,
            product_types=tuple(product_types),
        )
        if assessed_until_day is not None:
            known = replace(known, assessed_until=START + assessed_until_day * DAY)
        return replace(self, world=replace(self.world, investor=known))

    def product(
        self,
        product_id: str,
        *,
        risk_level: RiskLevel = RiskLevel.R1,
        product_type: str = "assumed",
        term: timedelta | None = None,
        until_day: float | None = None,
    ) -> Story:
        """What the broker's catalogue says of a product; from that day on it is not on offer any more."""
        known = replace(
            assumed_product(ProductId(product_id)),
            risk_level=risk_level,
            product_type=product_type,
            term=term,
            valid_until=None if until_day is None else START + until_day * DAY,
        )
        return self._with_products(*self._other_products(product_id), known)

    def without_product(self, product_id: str) -> Story:
        """A product that the broker's catalogue does not have."""
        return self._with_products(*self._other_products(product_id))

    def _other_products(self, product_id: str) -> tuple[Product, ...]:
        return tuple(one for one in self.world.products if one.product_id != product_id)

    def _with_products(self, *products: Product) -> Story:
        return replace(self, world=replace(self.world, products=products))

    def in_arm(self, split: str, arm: str) -> Story:
        """A customer whom a split puts into an arm. `InputError` if there is no such split, or nobody in that arm."""
        step = self._split(split)
        shares = {one.name: one.percent for one in step.arms}
        if not shares.get(arm):
            told = ", ".join(f"{name} ({percent} %)" for name, percent in shares.items())
            raise InputError(f"split {split!r} puts nobody into an arm {arm!r}: its arms are {told}")
        ids = (CustomerId(f"story-{number}") for number in count())
        return replace(self, customer_id=next(one for one in ids if arm_of(step, one)[1].name == arm))

    def _split(self, name: str) -> Split:
        splits = [one for one in all_steps(self.journey.steps) if isinstance(one, Split)]
        for one in splits:
            if one.name == name:
                return one
        known = ", ".join(repr(one.name) for one in splits) or "none"
        raise InputError(f"{self.journey.name} has no split {name!r}: its splits are {known}")

    def held_out(self) -> Story:
        """A customer in the control arm of the journey. `InputError` if it has none."""
        name, percent = self.journey.name, self.journey.holdout
        if not percent:
            raise InputError(f"{name} holds nobody out: give it holdout=…")
        ids = (CustomerId(f"story-{number}") for number in count())
        return replace(self, customer_id=next(one for one in ids if held_out(name, percent, one)))

    def without_consent(self, to: MessageClass) -> Story:
        """A customer who has not agreed to texts of a class."""
        consents = tuple(one for one in self.world.consents if one[0] is not to)
        return replace(self, world=replace(self.world, consents=consents))

    def without_risk_class(self) -> Story:
        """A customer whose risk assessment is missing or out of date."""
        customer = replace(self.world.customer, risk_class=None)
        investor = replace(self.world.investor, risk_class=None, assessed_until=None)
        return replace(self, world=replace(self.world, customer=customer, investor=investor))

    def touches(self) -> list[str]:
        """The planned touches, as 'day 3 open-account-reminder'; one not sent says why."""
        return [
            _on(row.planned_at, row.step if row.outcome == "sent" else f"{row.step} ({row.outcome}: {row.reason})")
            for row in self.record.touches
        ]

    def hours(self) -> list[str]:
        """The time of the day of each planned touch where the customer lives, as '10:00'."""
        zone = ZoneInfo(self.world.customer.zone)
        return [f"{row.planned_at.astimezone(zone):%H:%M}" for row in self.record.touches]

    def ends(self) -> list[str]:
        """The outcome of each run that ended, as 'day 10 not interested'."""
        return [_on(row.ended_at, row.outcome) for row in self.record.runs if row.ended_at is not None]

    def points(self) -> list[str]:
        """The points awarded, as 'day 0 +20 app registration'."""
        return [_on(row.at, f"+{row.amount} {row.reason}") for row in self.record.points]

    def conversions(self) -> list[str]:
        """The goals reached in their window, as 'day 5 converted'."""
        return [_on(row.at, "converted") for row in self.record.conversions]

    @cached_property
    def record(self) -> Record:
        """Everything that happened, in its order, until all runs have ended."""
        events = sorted(self.events, key=lambda event: event.at)
        until = max([START, *(event.at for event in events)]) + self.journey.ends_after
        begins = None
        match self.trigger:
            case StageEntered(stage=stage, from_=from_):
                begins = StageChanged(from_ or _before(stage), stage, START, "story")
            case None:
                events.insert(0, PaperCommand(START, _entry(self.journey)))
            case EventType() as event:
                events.insert(0, PaperEvent(START, event, data={self.journey.key or "": "the first"}))
            case _:
                assert_never(self.trigger)
        record = Record()
        self.world.live(CustomerId(self.customer_id), events, until, record, self.books, begins)
        return record


def story(journey: Journey, *, starts_on: Trigger | None = None) -> Story:
    """Tell a story of a journey; `starts_on` chooses one of several triggers. Without triggers it begins by ENTER.

    `InputError` if `starts_on` is given for a journey that nothing starts.
    """
    if starts_on is not None and not journey.starts_on:
        raise InputError(
            f"{journey.name} has no starts_on: leave it out of the story as well, which then begins by ENTER"
        )
    values = with_templates(journey.model_copy(update={"state": "live"}), templates())
    world = PaperWorld(
        Catalogue.of([values]),
        consents=EVERYTHING,
        customer=CUSTOMER,
        local_time=resolve_local_time,
        investor=Investor(risk_class=CUSTOMER.risk_class, assessed_until=LAST),
        products=products_named([journey]),
    )
    return Story(journey, starts_on or next(iter(journey.starts_on), None), world)


def _entry(journey: Journey) -> Command:
    """A person lets the customer in."""
    key = "the first" if journey.key else ""
    return Command("entry", Verb.ENTER, journey.name, "staff", "a story", key)


def _before(stage: Stage) -> Stage | None:
    """Any other stage, for a trigger that does not care where the customer comes from."""
    return None if stage is Stage.INTRODUCTION else Stage.INTRODUCTION


def _on(at: datetime, what: str) -> str:
    return f"day {(at - START) // DAY} {what}"
