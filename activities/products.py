"""The broker's products, as far as suitability asks of them (compliance.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from activities.customers import Days, Tag
from activities.database import Connection
from activities.imported import Imported
from activities.moments import Deadline
from journeys.names import ProductId, RiskLevel


class ProductRow(BaseModel):
    """A product; without a `term` it can be left at any time, without `valid_until` it stays on offer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: Annotated[ProductId, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    risk_level: RiskLevel
    product_type: Tag
    term: Days | None = None
    valid_from: Deadline
    valid_until: Deadline | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("ends before it begins: valid_until is later than valid_from")
        return self


async def import_products(connection: Connection, products: Sequence[ProductRow]) -> Imported:
    """Write products in one transaction, of one that comes twice the last; the same again changes nothing."""
    latest = {product.product_id: product for product in products}
    # In one order for all: two files with other orders of the same rows would wait for each other.
    rows = [latest[product_id] for product_id in sorted(latest)]
    written = await connection.fetch(
        """
        INSERT INTO product AS old (product_id, name, risk_level, product_type, term, valid_from, valid_until)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::interval[], $6::timestamptz[],
                             $7::timestamptz[])
        ON CONFLICT (product_id) DO UPDATE
        SET (name, risk_level, product_type, term, valid_from, valid_until, imported_at)
          = (excluded.name, excluded.risk_level, excluded.product_type, excluded.term, excluded.valid_from,
             excluded.valid_until, now())
        WHERE (old.name, old.risk_level, old.product_type, old.term, old.valid_from, old.valid_until)
              IS DISTINCT FROM (excluded.name, excluded.risk_level, excluded.product_type, excluded.term,
                                excluded.valid_from, excluded.valid_until)
        RETURNING xmax = 0 AS new
        """,
        [row.product_id for row in rows],
        [row.name for row in rows],
        [row.risk_level for row in rows],
        [row.product_type for row in rows],
        [row.term for row in rows],
        [row.valid_from for row in rows],
        [row.valid_until for row in rows],
    )
    return Imported(sum(row["new"] for row in written), len(written))
