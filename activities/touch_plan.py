"""One planned touch on its way through the gate, with all that does not change while it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from activities.contracts import SendMessageRequest
from activities.world import World
from journeys.names import Channel, ContentHash, CustomerId
from journeys.templates import Template
from rules.clock import Clock
from rules.effects import SendMessage
from rules.gates import Touch, TouchSettled
from rules.touches import planned_touch, template_of, touch_key


@dataclass(frozen=True, slots=True)
class TouchPlan:
    """A touch that a workflow asks for, with what its definition says of it."""

    customer_id: CustomerId
    send: SendMessage
    clock: Clock
    folded: int
    folded_ahead: tuple[int, ...]
    touch: Touch
    template: Template

    @classmethod
    def of(cls, world: World, request: SendMessageRequest) -> TouchPlan:
        """The touch that a request asks for."""
        send = request.send
        return cls(
            request.customer_id,
            send,
            world.clock(request.clock),
            request.folded,
            request.folded_ahead,
            planned_touch(send.definition, send.step, send.channel),
            template_of(send.definition, send.step),
        )

    def decided_in(self, definition: ContentHash, channel: Channel) -> TouchPlan:
        """The touch as it was decided once: in the version that the run was in then, on that channel.

        Raises `DefinitionMissing` if this worker does not ship that version: another has to go on.
        """
        if (self.send.definition, self.channel) == (definition, channel):
            return self
        place = planned_touch(definition, self.send.step, 0).channels.index(channel)
        return replace(
            self,
            send=replace(self.send, definition=definition, channel=place),
            touch=planned_touch(definition, self.send.step, place),
            template=template_of(definition, self.send.step),
        )

    @property
    def channel(self) -> Channel:
        """The channel in turn."""
        return self.touch.channels[self.touch.in_turn]

    @property
    def identity(self) -> tuple[CustomerId, str, int, str, int]:
        """The primary key of the record."""
        return (self.customer_id, self.send.journey, self.send.entry, self.send.step, self.send.occurrence)

    @property
    def key(self) -> str:
        """What a channel de-duplicates by."""
        return touch_key(self.customer_id, self.send)

    def late_by(self) -> timedelta:
        """How long the touch has been due: in real time, or in holds where the clock is sped up."""
        real = datetime.now(UTC) - self.clock.real(self.send.due)
        return max(real, self.send.asked_for - self.send.due, timedelta(0))

    def time_of_judgement(self) -> datetime:
        """The business time that the gates go by (gates.md, "Time of judgement")."""
        asked_for, real_now = self.send.asked_for, datetime.now(UTC)
        late_by = real_now - self.clock.real(asked_for)
        on_time = timedelta(0) <= late_by <= self.clock.grace
        return asked_for if self.clock.simulated or on_time else self.clock.business(real_now)

    def settled(self, outcome: str, reason: str = "") -> TouchSettled:
        """The answer for a settled record."""
        send = self.send
        match outcome:
            case "sent" | "withheld" | "failed" | "in_doubt":
                return TouchSettled(send.journey, send.entry, send.step, send.asked_for, outcome, reason)
            case _:
                raise AssertionError(f"{outcome} is not an outcome")
