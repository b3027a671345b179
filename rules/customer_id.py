"""Customer ids: what may be one, and how one that names a person is shown.

Ids stand in workflow ids, search attributes, logs and keys, so nothing that names a person may be one: a backend
that sends phone numbers as ids is refused before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from errors import InputError
from journeys.names import CustomerId

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MADE_BY_MACHINE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{64})", re.I
)
"""A UUID or a digest: one in a thousand holds eleven digits in a row by chance."""

_GAP = r"[._\- ]*"
_COUNTRY = rf"(?:(?:0{_GAP}0{_GAP})?8{_GAP}6{_GAP})?"
_PHONE = re.compile(rf"(?<!\d)(?=({_COUNTRY}1{_GAP}[3-9](?:{_GAP}\d){{9}})(?!\d))", re.ASCII)
_IDENTITY = re.compile(rf"(?<!\d)(?=(\d(?:{_GAP}\d){{16}}{_GAP}[\dXx])(?!\d))", re.ASCII)
_OLD_IDENTITY = re.compile(rf"(?<!\d)(?=(\d(?:{_GAP}\d){{14}})(?!\d))", re.ASCII)
_ELEVEN_DIGITS = re.compile(r"(?:\D*\d){11}", re.ASCII)
"""The shortest number is a phone's: most ids have fewer digits, and are known at once to be none."""

_PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91")


def check_customer_id(text: str) -> CustomerId:
    """Take a text as a customer id. Raises `InputError`, without the text itself, if it cannot be one."""
    if looks_personal(text):
        raise InputError(
            f"{mask(text)!r} looks like a phone or identity number, which must not be a customer id:"
            " send the customer's internal number"
        )
    if not _ID.fullmatch(text):
        raise InputError(
            f"{mask(text)!r} is not a customer id: use 1 to 64 letters, digits, '.', '_' or '-', as in 'C-1024'"
        )
    return CustomerId(text)


def looks_personal(text: str) -> bool:
    """Whether a mainland phone number or an identity number stands in a text, written with separators or not."""
    if not _ELEVEN_DIGITS.match(text) or _MADE_BY_MACHINE.fullmatch(text):
        return False
    return next(_personal(text), None) is not None


def mask(text: str) -> str:
    """Two characters from each end of a text, for the record of an id that was refused; of a short one nothing."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f"{shown[:2]}…{shown[-2:]}" if len(shown) >= 8 else "…"


def mask_numbers(text: str) -> str:
    """A text in which each phone or identity number is masked and all else stands."""
    for number in sorted(set(_personal(text)), key=len, reverse=True):
        text = text.replace(number, mask(number))
    return text


def _personal(text: str) -> Iterator[str]:
    """Each phone or identity number in a text, as it is written there."""
    yield from (found[1] for found in _PHONE.finditer(text))
    yield from (found[1] for found in _IDENTITY.finditer(text) if _is_identity(found[1]))
    yield from (found[1] for found in _OLD_IDENTITY.finditer(text) if _is_old_identity(found[1]))


def _is_identity(number: str) -> bool:
    """Eighteen characters with a birth date in the 7th to 14th."""
    digits = re.sub(_GAP, "", number)
    return _is_date(int(digits[6:10]), digits[10:14])


def _is_old_identity(number: str) -> bool:
    """Fifteen digits: a province, then yymmdd in the 7th to 12th. So short a date alone would fit by chance."""
    digits = re.sub(_GAP, "", number)
    return bool(_PROVINCE.match(digits)) and _is_date(1900 + int(digits[6:8]), digits[8:12])


def _is_date(year: int, month_and_day: str) -> bool:
    if not 1900 <= year < 2100:
        return False
    try:
        date(year, int(month_and_day[:2]), int(month_and_day[2:]))
    except ValueError:
        return False
    return True
