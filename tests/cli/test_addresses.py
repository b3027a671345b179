"""Addresses by file: where WeChat and JPush find a customer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Books, Sojourn

STAND = """
    SELECT channel, address FROM channel_address WHERE customer_id = 'C-1' AND active
    ORDER BY channel, at DESC, address
"""
HEADER = "customer_id,address_app_push,address_wechat\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


NESTED = {"customer_id": "C-1", "addresses": {"app_push": ["z9", "a1"], "wechat": ["oABC"]}}


@pytest.mark.parametrize("content", [f"{HEADER}C-1,z9; a1,oABC\n", json.dumps(NESTED)])
def test_a_file_tells_addresses_in_their_order(sojourn: Sojourn, books: Books, file: Path, content: str) -> None:
    """The first is the latest: WeChat takes that one only."""
    file.write_text(content)
    assert sojourn("customers", file).code == 0
    assert books.rows(STAND) == [("app_push", "z9"), ("app_push", "a1"), ("wechat", "oABC")]


def test_a_list_takes_the_place_of_the_active_ones_and_what_is_left_out_stays(
    sojourn: Sojourn, books: Books, file: Path
) -> None:
    """An address that goes is kept as inactive; a hyphen clears the channel; the version goes up."""
    file.write_text(f"{HEADER}C-1,z9;a1,oABC\n")
    sojourn("customers", file)
    version = books.value("SELECT version FROM customer")
    file.write_text(f"{HEADER}C-1,b2;a1,\n")
    assert "1 customer" in sojourn("customers", file).out
    assert books.rows(STAND) == [("app_push", "b2"), ("app_push", "a1"), ("wechat", "oABC")]
    assert books.rows("SELECT address FROM channel_address WHERE NOT active") == [("z9",)]
    assert books.value("SELECT version FROM customer") > version
    file.write_text(f"{HEADER}C-1,-,oNEW\n")
    sojourn("customers", file)
    assert books.rows(STAND) == [("wechat", "oNEW")]
    file.write_text(f"{HEADER}C-1,z9,oABC\n")
    sojourn("customers", file)
    assert books.rows(STAND) == [("app_push", "z9"), ("wechat", "oABC")]


def test_the_same_addresses_again_change_nothing(sojourn: Sojourn, books: Books, file: Path) -> None:
    """Nor the version; another order is another first one."""
    file.write_text(f"{HEADER}C-1,z9;a1,oABC\n")
    sojourn("customers", file)
    before = books.rows("SELECT version, xmin::text FROM customer")
    assert "0 customers changed" in sojourn("customers", file).out
    assert books.rows("SELECT version, xmin::text FROM customer") == before
    file.write_text(f"{HEADER}C-1,a1;z9,\n")
    assert "1 customer" in sojourn("customers", file).out
    assert books.rows(STAND)[:2] == [("app_push", "a1"), ("app_push", "z9")]


def test_a_new_address_opens_a_channel_that_had_lost_the_customer(sojourn: Sojourn, books: Books, file: Path) -> None:
    """Told after the loss."""
    books.write("INSERT INTO customer (customer_id) VALUES ('C-1')")
    books.write("INSERT INTO reachability VALUES ('C-1', 'wechat', false, now() - interval '1 hour')")
    file.write_text(f"{HEADER}C-1,,oNEW\n")
    sojourn("customers", file)
    assert books.value("SELECT reachable FROM reachability") is True


WRONG = [
    ({"wechat": ["o A"]}, "addresses.wechat.0: "),
    ({"wechat": ["138 1234 5678"]}, "addresses.wechat.0: "),
    ({"wechat": ["13812345678"]}, "addresses.wechat.0: looks like a phone number: your gateway knows the numbers"),
    ({"sms": ["oABC"]}, "addresses: sms takes no address: only app_push, wechat do"),
    ({"wechat": ["oABC", "oABC"]}, "addresses.wechat: names an address twice"),
]


@pytest.mark.parametrize(("addresses", "said"), WRONG)
def test_what_is_no_address_is_rejected(
    sojourn: Sojourn, books: Books, file: Path, addresses: dict[str, list[str]], said: str
) -> None:
    """Least of all a phone number: Sojourn has none."""
    file.write_text(json.dumps({"customer_id": "C-1", "addresses": addresses}))
    assert sojourn("customers", file).code == 1
    assert said in file.with_name("customers.csv.rejects.csv").read_text(encoding="utf-8-sig")
    assert books.value("SELECT count(*) FROM customer") == 0


def test_there_is_no_column_for_numbers(sojourn: Sojourn, file: Path) -> None:
    """The file is refused, so that no number is kept anywhere."""
    file.write_text("customer_id,address_sms\nC-1,13812345678\n")
    assert sojourn("customers", file).code == 2
