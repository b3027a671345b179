"""Products and an investor for paper worlds whose books nobody gave: everybody may have what the journeys name."""

from __future__ import annotations

from collections.abc import Iterable

from journeys.names import ProductId, RiskClass, RiskLevel
from journeys.words import Journey, Send, all_steps
from rules.clock import LAST
from rules.conditions import BEGINNING
from rules.suitability import Investor, Product

SUITED = Investor(risk_class=RiskClass.C5, assessed_until=LAST)
"""Whom every product suits, until something else is told. Conditions ask for the risk class elsewhere."""


def product_ids(journeys: Iterable[Journey]) -> list[ProductId]:
    """The products that the steps of journeys name, each once, by name."""
    steps = (step for journey in journeys for step in all_steps(journey.steps))
    return sorted({step.product for step in steps if isinstance(step, Send) and step.product is not None})


def products_named(journeys: Iterable[Journey]) -> tuple[Product, ...]:
    """Each product that a step names: of the least risk, without a term, always on offer."""
    return tuple(assumed_product(one) for one in product_ids(journeys))


def assumed_product(product_id: ProductId) -> Product:
    """A product that suits every investor with a valid assessment and without wishes."""
    return Product(product_id, RiskLevel.R1, "assumed", BEGINNING)
