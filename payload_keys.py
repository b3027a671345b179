"""The keys that payloads are encrypted with, as the environment gives them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import NewType

PayloadKeyId = NewType("PayloadKeyId", str)

KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class PayloadKey:
    """A key of AES-256. Its id stands beside everything that it encrypted; its bytes are never shown."""

    id: PayloadKeyId
    secret: bytes = field(repr=False)

    @property
    def mark(self) -> tuple[str, str]:
        """Id and check, as the books may keep them."""
        return self.id, self.check.decode()

    @property
    def check(self) -> bytes:
        """Tells two keys under one id apart, and betrays neither: 32 bits of a digest of 256 random ones."""
        return hashlib.sha256(self.secret).hexdigest()[:8].encode()


@dataclass(frozen=True, slots=True)
class PayloadKeys:
    """All that are known. The first encrypts, each decrypts what it encrypted; without any, nothing is encrypted."""

    known: tuple[PayloadKey, ...] = ()

    @classmethod
    def parse(cls, text: str) -> PayloadKeys:
        """Read `id:base64,id:base64`. ValueError says what is wrong, and shows no key."""
        keys = tuple(_key(part.strip(), place) for place, part in enumerate(text.split(","), 1))
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("an id stands there twice: each key needs an id of its own")
        return cls(keys)

    @property
    def encrypting(self) -> PayloadKey | None:
        """The key for what is written from now on."""
        return self.known[0] if self.known else None

    def __bool__(self) -> bool:
        return bool(self.known)


def fresh_key(today: date) -> str:
    """A new random key as `id:base64`. The id tells its day, and no two of a day are alike."""
    secret = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return f"{today.isoformat()}-{secrets.token_hex(2)}:{secret}"


def _key(text: str, place: int) -> PayloadKey:
    id, colon, encoded = text.partition(":")
    if not colon or not _ID.fullmatch(id):
        raise ValueError(f"entry {place} is not `id:base64`, the id of letters, digits, `.`, `_` or `-`")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(
            f"the key of entry {place} is not base64: `starter.py payload-key` prints a good one"
        ) from None
    if len(secret) != KEY_BYTES:
        raise ValueError(
            f"the key of entry {place} has {len(secret)} bytes instead of {KEY_BYTES}:"
            " `starter.py payload-key` prints a good one"
        )
    return PayloadKey(PayloadKeyId(id), secret)
