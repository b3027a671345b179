"""Customer ids: what may be one, and that none names a person."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InputError
from rules.customer_id import check_customer_id, looks_personal, mask, mask_numbers

phones = st.from_regex(r"(?:86|0086)?1[3-9][0-9]{9}", fullmatch=True)
birthdays = st.dates(date(1920, 1, 1), date(2020, 12, 31))
identities = st.builds(
    lambda region, born, order, last: f"{region}{born:%Y%m%d}{order:03d}{last}",
    st.integers(110000, 659999),
    birthdays,
    st.integers(0, 999),
    st.sampled_from("0123456789Xx"),
)
old_identities = st.builds(
    lambda province, region, born, order: f"{province}{region:04d}{born:%y%m%d}{order:03d}",
    st.sampled_from(["11", "31", "44", "65"]),
    st.integers(0, 9999),
    st.dates(date(1920, 1, 1), date(1999, 12, 31)),
    st.integers(0, 999),
)
numbers = phones | identities | old_identities
gaps = st.lists(st.sampled_from(["", "", "", "-", ".", "_"]), min_size=18, max_size=18)


def separated(number: str, between: list[str]) -> str:
    return "".join(letter + gap for letter, gap in zip(number, between, strict=False)).strip("-._")


@given(st.from_regex(r"[A-Za-z][A-Za-z._-]{0,63}", fullmatch=True) | st.integers(0, 9_999_999_999).map(str))
def test_letters_marks_and_short_numbers_are_ids(text: str) -> None:
    """What is made of the allowed characters and is no personal number is taken as it is."""
    assert check_customer_id(text) == text


@pytest.mark.parametrize("text", ["", " ", "a b", "a/b", "客户", "a" * 65, "a\n", "customer:1", "C1\x00"])
def test_other_characters_and_lengths_are_refused(text: str) -> None:
    """What the address of a workflow cannot carry is refused with a sentence that says what can."""
    with pytest.raises(InputError, match="1 to 64 letters, digits"):
        check_customer_id(text)


@given(numbers, st.sampled_from(["", "C", "user-", "id_2024."]), st.sampled_from(["", "a", "-cn", ".x"]), gaps)
def test_a_personal_number_is_refused_however_it_is_written(
    number: str, before: str, after: str, between: list[str]
) -> None:
    """Phone and identity numbers are found with separators inside and with words around them, and not repeated."""
    text = before + separated(number, between) + after
    with pytest.raises(InputError) as caught:
        check_customer_id(text)
    assert not re.search(r"\d{5}", str(caught.value))


@pytest.mark.parametrize(
    "text",
    [
        "12345678901",  # 12… is no mobile prefix
        "138123456789",  # twelve digits
        "110101199013071234",  # there is no 13th month
        "110101199002301234",  # nor a 30th of February
        "110101189903071234",
        "001122334455667",
        "990101900101123",  # a date, but no such province
        "1763818800000",  # milliseconds
        "7312345678901234567",
        "0b5e9a54-6f0e-4b8a-9c1d-13812345678a",
        "9e107d9d372bb6826b138123456789ab",
    ],
)
def test_numbers_that_name_nobody_are_ids(text: str) -> None:
    """Numbers that only come near a phone or identity number, UUIDs and digests are ids."""
    assert check_customer_id(text) == text


@given(st.text(max_size=80))
def test_a_mask_shows_four_characters_at_most_and_never_the_whole(text: str) -> None:
    """A refused id is recorded so that its sender may recognise it and nobody else."""
    shown = mask(text)
    assert shown != text or not text or text == "…"
    assert len(shown.replace("…", "", 1)) <= 4
    assert shown.isprintable()


@given(st.text(alphabet="ab ,:", max_size=10), numbers, st.text(alphabet="ab ,:", max_size=10))
def test_masking_a_sentence_leaves_no_number_in_it(before: str, number: str, after: str) -> None:
    """A sentence with a personal number in it keeps its words and loses the number."""
    masked = mask_numbers(f"{before}:{number},{after}")
    assert masked == f"{before}:{mask(number)},{after}"
    assert not looks_personal(masked)
