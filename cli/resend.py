"""Send a rejected event again, corrected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activities.quarantine import RejectedLine, mark_resent, read_one_rejected
from cli.database import open_database
from errors import InputError
from journeys.names import CustomerId
from rules.customer_id import check_customer_id
from settings import Settings

_MASKED = re.compile(r"\w{2}…\w{2}")
_OTHERWISE = "send the event with `starter.py event CUSTOMER NAME --data … --at … --id …`"


@dataclass(frozen=True, slots=True)
class Correction:
    """What is said otherwise of an event; none leaves it as it came."""

    data: Mapping[str, Any] | None = None
    name: str | None = None
    at: str | None = None


async def send_again(settings: Settings, rejected_id: int, correction: Correction) -> str:
    """Send a rejected event again, corrected if that is given; answers what became of it.

    Raises `InputError` if there is no such event, or if what was kept of it cannot be sent.
    """
    async with open_database(settings) as connection:
        if (line := await read_one_rejected(connection, rejected_id)) is None:
            raise InputError(f"nothing rejected has the id {rejected_id}: `starter.py rejected` lists the ids")
        customer_id = _addressee(line)
        event = corrected(line, correction)
        # Marked before it goes out, and kept only if it did: were it rejected again at once, the mark would hide that.
        async with connection.transaction():
            await mark_resent(connection, rejected_id)
            return await _send(settings, customer_id, event)


def corrected(line: RejectedLine, correction: Correction) -> dict[str, Any]:
    """The event to send: as it came, but for what is corrected. Raises `InputError` if it cannot be made out."""
    event = _event(line)
    if correction.data is not None:
        event["data"] = dict(correction.data)
    event |= {
        field: said for field, said in (("name", correction.name), ("occurred_at", correction.at)) if said is not None
    }
    if _MASKED.search(json.dumps(event, ensure_ascii=False)):
        raise InputError(
            f"what was kept of {line.rejected_id} has masked numbers in it: give the whole data with --data,"
            f" or {_OTHERWISE}"
        )
    return event


def _addressee(line: RejectedLine) -> CustomerId:
    """Whose it was; of what came for an id that is none neither the id nor the content is kept."""
    try:
        return check_customer_id(line.customer_id)
    except InputError as error:
        raise InputError(
            f"{line.rejected_id} came for what is not a customer id, and its content was not kept: have its sender"
            " send it again, for the customer's internal number"
        ) from error


def _event(line: RejectedLine) -> dict[str, Any]:
    try:
        event = json.loads(json.loads(line.content)["argument"])
    except (ValueError, KeyError, TypeError):
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("name"), str):
        raise InputError(f"what was kept of {line.rejected_id} is no whole event: {_OTHERWISE}")
    return event


async def _send(settings: Settings, customer_id: CustomerId, event: Mapping[str, Any]) -> str:
    """Send one event in the shape of the public contract; answers in a sentence what became of it."""
    from cli.sending import checked, deliver
    from cli.servers import connect_temporal

    outgoing = checked(customer_id, event, settings.future_tolerance)
    await deliver(await connect_temporal(settings), outgoing)
    return f"{event['name']} was sent to {customer_id}: `starter.py customer {customer_id}` shows where they stand."
