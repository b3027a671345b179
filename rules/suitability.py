"""Does a product suit a customer? (Suitability Measures, Art. 19 to 22; compliance.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from journeys.names import ProductId, RiskClass, RiskLevel

SUITS = ""


@dataclass(frozen=True, slots=True)
class Investor:
    """Who the customer is to the Suitability Measures.

    `assessed_until` is when the assessment ends, none if there is none. `longest_term` and `product_types` are what the
    customer wants; none and empty when nothing is known of it.
    """

    risk_class: RiskClass | None = None
    lowest_class: bool = False
    professional: bool = False
    assessed_until: datetime | None = None
    longest_term: timedelta | None = None
    product_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the broker's catalogue has it; `term` is none for one that can be left at any time."""

    product_id: ProductId
    risk_level: RiskLevel
    product_type: str
    valid_from: datetime
    valid_until: datetime | None = None
    term: timedelta | None = None


def unsuitable(investor: Investor, product: Product | None, at: datetime) -> str:
    """Why a product must not be shown to a customer at a time; empty if it may be.

    A professional investor is apart: of the product only its existence and its validity are asked.
    """
    if product is None:
        return "product_unknown"
    if at < product.valid_from or (product.valid_until is not None and at >= product.valid_until):
        return "product_not_offered"
    return SUITS if investor.professional else _above(investor, product, at) or _unwanted(investor, product)


def _above(investor: Investor, product: Product, at: datetime) -> str:
    """No assessment, or none that still holds, is as good as none at all."""
    if investor.risk_class is None or investor.assessed_until is None:
        return "not_assessed"
    if at >= investor.assessed_until:
        return "assessment_expired"
    if _rank(product.risk_level) <= _rank(investor.risk_class):
        return SUITS
    return "lowest_class" if investor.lowest_class else "above_risk_class"


def _unwanted(investor: Investor, product: Product) -> str:
    """A term that is not known, or an objective that was not told, conflicts with nothing."""
    if investor.longest_term is not None and product.term is not None and product.term > investor.longest_term:
        return "term_too_long"
    wanted = not investor.product_types or product.product_type in investor.product_types
    return SUITS if wanted else "type_not_wanted"


def _rank(level: RiskClass | RiskLevel) -> int:
    """C1 to C5 and R1 to R5 go by their number: `R <= C` is allowed."""
    return int(level.value[1])
