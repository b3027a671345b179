"""One customer changed by a person: by the rules of a file, and with a row in the audit."""

from __future__ import annotations

from collections.abc import Sequence

from activities.audit import audit
from activities.customers import CustomerUpdate, import_customers
from activities.database import Connection
from errors import InputError

COMMAND = "set-customer"


async def change_customer(
    connection: Connection, update: CustomerUpdate, fields: Sequence[str], *, actor: str, reason: str
) -> bool:
    """Write an update and who gave it, why and of which `fields`; false, and nothing written, if it stands already.

    The audit has the names of the fields and no value: values are personal, and stand in their own books. Raises
    `InputError` for a customer who is not in the books: an id with a typing error would make a new one.
    """
    async with connection.transaction():
        known = await connection.fetchval("SELECT true FROM customer WHERE customer_id = $1", update.customer_id)
        if not known:
            raise InputError(
                f"there is no customer {update.customer_id!r}: look the id up, or load the customer first, with"
                " `starter.py customers`"
            )
        imported = await import_customers(connection, [update], source_of(actor))
        if imported.changed:
            await audit(
                connection,
                actor=actor,
                command=COMMAND,
                subject=update.customer_id,
                reason=reason,
                before={},
                after={"fields": list(fields), "told": f"changed {', '.join(fields)}"},
            )
        return bool(imported.changed)


def source_of(actor: str) -> str:
    """The evidence of what a person says who brings no other."""
    return f"{COMMAND} by {actor}"[:200]
