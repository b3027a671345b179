"""`starter.py products FILE`, and the suitability of customers by file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Books, Sojourn

HEADER = "product_id,name,risk_level,product_type,term,valid_from,valid_until\n"
STEADY = "F-1,Steady 90,R2,fixed_income,90d,2026-01-01T00:00:00+08:00,\n"
BOLD = "F-2,Bold,R5,fund,,2026-01-01T00:00:00+08:00,2027-01-01T00:00:00+08:00\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "products.csv"


def test_products_are_in_the_books_and_the_same_again_changes_nothing(
    sojourn: Sojourn, books: Books, file: Path
) -> None:
    """What changed is changed, and claims that are under way see it."""
    file.write_text(HEADER + STEADY + BOLD)
    assert "2 rows taken, 0 rejected: 2 products changed, 2 of them new." in sojourn("products", file).out
    assert "0 products changed, 0 of them new." in sojourn("products", file).out
    file.write_text(HEADER + STEADY.replace("R2", "R3"))
    assert "1 product changed, 0 of them new." in sojourn("products", file).out
    assert books.rows("SELECT product_id, risk_level, product_type, term, valid_until FROM product ORDER BY 1") == [
        ("F-1", "R3", "fixed_income", timedelta(days=90), None),
        ("F-2", "R5", "fund", None, datetime(2026, 12, 31, 16, tzinfo=UTC)),
    ]
    assert books.rows("SELECT count(*) > 0 FROM gate_change WHERE what = 'product'") == [(True,)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (STEADY.replace("R2", "R6"), "risk_level"),
        (STEADY.replace("F-1", "F 1"), "product_id"),
        (STEADY.replace("90d", "soon"), "term"),
        (BOLD.replace("2027", "2025"), "ends before it begins"),
        (STEADY.replace("+08:00", ""), "write the date, the time and the offset"),
    ],
)
def test_a_product_that_does_not_fit_is_rejected_and_the_others_are_taken(
    sojourn: Sojourn, books: Books, file: Path, row: str, said: str
) -> None:
    """With line and reason; exit code 1."""
    file.write_text(HEADER + row + STEADY.replace("F-1", "F-9"))
    ran = sojourn("products", file)
    assert ran.code == 1
    assert said in file.with_name("products.csv.rejects.csv").read_text(encoding="utf-8-sig")
    assert books.rows("SELECT product_id FROM product") == [("F-9",)]


ASSESSED = {
    "customer_id": "C-1",
    "risk_class": "C1",
    "lowest_class": True,
    "professional": False,
    "assessed_at": "2026-03-02T09:30:00+08:00",
    "assessed_until": "2030-03-02T09:30:00+08:00",
    "longest_term": "90d",
    "product_types": ["fund", "bond"],
    "personalised": False,
    "suppressions": [
        {"reason": "complaint", "active": True, "source": "branch", "at": "2026-04-02T09:30:00+08:00"},
        {"reason": "complaint", "active": False, "source": "branch", "at": "2026-05-02T09:30:00+08:00"},
    ],
}
FLAT = (
    "customer_id,risk_class,lowest_class,professional,assessed_at,assessed_until,longest_term,product_types,"
    "personalised,suppression,suppression_source,suppression_at\n"
    "C-1,C1,yes,no,2026-03-02T09:30:00+08:00,2030-03-02T09:30:00+08:00,90d,fund; bond,no,complaint,branch,"
    "2026-04-02T09:30:00+08:00\n"
)


@pytest.mark.parametrize(("content", "suppressions"), [(json.dumps(ASSESSED), 2), (FLAT, 1)])
def test_what_the_gates_ask_of_an_investor_comes_by_file(
    sojourn: Sojourn, books: Books, tmp_path: Path, content: str, suppressions: int
) -> None:
    """Assessment, wishes and suppressions; the same file again changes nothing; a new class is no lowest class."""
    file = tmp_path / "customers.csv"
    file.write_text(content)
    assert sojourn("customers", file).code == 0
    assert "0 customers changed" in sojourn("customers", file).out
    said = "risk_class, lowest_class, assessed_until, longest_term, product_types, personalised"
    until = datetime(2030, 3, 2, 1, 30, tzinfo=UTC)
    assert books.rows(f"SELECT {said} FROM customer") == [  # noqa: S608 - columns
        ("C1", True, until, timedelta(days=90), ["bond", "fund"], False)
    ]
    assert books.rows("SELECT count(*) FROM suppression") == [(suppressions,)]
    file.write_text("customer_id,risk_class,assessed_at\nC-1,C3,2026-03-03T09:30:00+08:00\n")
    assert sojourn("customers", file).code == 0
    assert books.rows("SELECT risk_class, lowest_class FROM customer") == [("C3", False)]


def test_the_lowest_class_is_a_part_of_c1(sojourn: Sojourn, tmp_path: Path) -> None:
    """Of another class it is a mistake."""
    file = tmp_path / "customers.csv"
    file.write_text("customer_id,risk_class,lowest_class\nC-1,C2,yes\n")
    assert sojourn("customers", file).code == 1
    assert "give risk_class C1" in file.with_name("customers.csv.rejects.csv").read_text(encoding="utf-8-sig")
