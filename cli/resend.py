"""Send a rejected event again, corrected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from activities.quarantine import RejectedLine, mark_resent, read_one_rejected
from cli.database import open_database
from cli.json_object import data_option
from errors import InputError
from journeys.names import CustomerId
from rules.customer_id import check_customer_id
from settings import Settings

_MASKED = re.compile(r"\w{2}…\w{2}")
_OTHERWISE = "send the event with `starter.py event CUSTOMER NAME --data … --at … --id …`"


async def send_again(settings: Settings, rejected_id: int, data: str | None) -> str:
    """Send a rejected event again, with other data if given; answers what became of it.

    Raises `InputError` if there is no such event, or if what was kept of it cannot be sent.
    """
    async with open_database(settings) as connection:
        if (line := await read_one_rejected(connection, rejected_id)) is None:
            raise InputError(f"nothing rejected has the id {rejected_id}: `starter.py rejected` lists the ids")
        customer_id = check_customer_id(line.customer_id)
        event = corrected(line, data_option(data) if data is not None else None)
        # Marked before it goes out, and kept only if it did: were it rejected again at once, the mark would hide that.
        async with connection.transaction():
            await mark_resent(connection, rejected_id)
            return await _send(settings, customer_id, event)


def corrected(line: RejectedLine, data: Mapping[str, Any] | None) -> dict[str, Any]:
    """The event to send: as it came, with other data if given. Raises `InputError` if it cannot be made out."""
    event = _event(line)
    if data is not None:
        event["data"] = dict(data)
    if _MASKED.search(json.dumps(event, ensure_ascii=False)):
        raise InputError(
            f"what was kept of {line.rejected_id} has masked numbers in it: give the whole data with --data,"
            f" or {_OTHERWISE}"
        )
    return event


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
