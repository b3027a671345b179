"""Where a channel finds a customer, as files and people tell it (docs/channels.md, Addresses)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.database import AnyConnection, columns
from journeys.names import Channel, CustomerId

Told = Mapping[tuple[CustomerId, Channel], Sequence[str]]
"""All addresses of a customer on a channel, the one to be tried first at the front."""


async def replace_addresses(connection: AnyConnection, told: Told) -> set[str]:
    """Let exactly these be active on each channel that is named; answers the customers of whom that was not so.

    What goes is kept as inactive. Whoever calls has locked the customers.
    """
    if not told:
        return set()
    stand = await _active(connection, told)
    changed = {of: addresses for of, addresses in told.items() if list(addresses) != stand.get(of, [])}
    if changed:
        await _let_go(connection, changed)
        await _tell(connection, changed)
    return {customer_id for customer_id, _ in changed}


async def _active(connection: AnyConnection, told: Told) -> dict[tuple[CustomerId, Channel], list[str]]:
    """In the order in which a channel is given them (gate_facts.sql)."""
    rows = await connection.fetch(
        """
        SELECT customer_id, channel, array_agg(address ORDER BY at DESC, address) AS addresses
        FROM channel_address JOIN unnest($1::text[], $2::text[]) AS asked (customer_id, channel)
             USING (customer_id, channel)
        WHERE active GROUP BY customer_id, channel
        """,
        *columns(list(told), 2),
    )
    return {(CustomerId(row["customer_id"]), Channel(row["channel"])): row["addresses"] for row in rows}


async def _let_go(connection: AnyConnection, told: Told) -> None:
    await connection.execute(
        """
        UPDATE channel_address AS known SET active = false, at = clock_timestamp()
        FROM unnest($1::text[], $2::text[]) AS asked (customer_id, channel)
        WHERE (known.customer_id, known.channel) = (asked.customer_id, asked.channel) AND known.active
          AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[], $5::text[]) AS kept (customer_id, channel, address)
                          WHERE kept = (known.customer_id, known.channel, known.address))
        """,
        *columns(list(told), 2),
        *columns([(*of, address) for of, addresses in told.items() for address in addresses], 3),
    )


async def _tell(connection: AnyConnection, told: Told) -> None:
    """The first is the latest, by as little as a time can differ; dated once the customer is locked, not when a long
    import began.
    """
    rows = [(*of, address, place) for of, addresses in told.items() for place, address in enumerate(addresses)]
    await connection.execute(
        """
        WITH told AS MATERIALIZED (SELECT clock_timestamp() AS at)
        INSERT INTO channel_address (customer_id, channel, address, at)
        SELECT customer_id, channel, address, told.at - place * interval '1 microsecond'
        FROM told, unnest($1::text[], $2::text[], $3::text[], $4::int[]) AS new (customer_id, channel, address, place)
        ON CONFLICT (customer_id, channel, address) DO UPDATE SET active = true, at = excluded.at
        """,
        *columns(rows, 4),
    )
