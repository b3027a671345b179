"""A file of products for a rehearsal, as `starter.py products` takes it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from activities.problems import problems_of
from activities.products import ProductRow
from cli.imports import open_products, product_row, row_path_of
from cli.tabular import Reject
from errors import InputError
from rules.suitability import Product


def read_products(file: Path) -> tuple[Product, ...]:
    """The products, of one that comes twice the last. Raises `InputError` at the first row that cannot be taken."""
    products = {}
    with open_products(file) as table:
        for row in table:
            if isinstance(row, Reject):
                raise InputError(f"{file}: line {row.line} {row.reason}")
            try:
                known = _product(product_row(row))
            except ValidationError as error:
                said = problems_of(error, row_path_of)
                told = f"{file}: line {row.line}: {said}; `starter.py products` tells all such rows"
                raise InputError(told) from error
            products[known.product_id] = known
    return tuple(products.values())


def _product(row: ProductRow) -> Product:
    return Product(row.product_id, row.risk_level, row.product_type, row.valid_from, row.valid_until, row.term)
