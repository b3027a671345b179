"""How a request to a gateway, or a receipt from one, proves where it comes from: HMAC-SHA256 over time and body.

Sojourn-Key-Id      which secret                 Sojourn-Timestamp   seconds since 1970
Sojourn-Signature   hex HMAC-SHA256 of `timestamp + "." + body` under that secret
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretStr

KEY_ID = "Sojourn-Key-Id"
TIMESTAMP = "Sojourn-Timestamp"
SIGNATURE = "Sojourn-Signature"
TOLERANCE = timedelta(minutes=5)
_SECONDS = re.compile("[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret that both sides hold, and its name."""

    key_id: str
    secret: SecretStr


class Verdict(StrEnum):
    """What a signature is worth."""

    VALID = "valid"
    MISSING = "missing"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    OUTDATED = "outdated"


def sign(key: SigningKey, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers for a body sent at a time."""
    timestamp = str(int(now.timestamp()))
    return {KEY_ID: key.key_id, TIMESTAMP: timestamp, SIGNATURE: _signature(key, timestamp, body)}


def verify(key: SigningKey, headers: Mapping[str, str], body: bytes, now: datetime) -> Verdict:
    """What the headers are worth for a body received at a time. Header names in any case if the mapping allows it."""
    key_id, timestamp, signature = (headers.get(name, "") for name in (KEY_ID, TIMESTAMP, SIGNATURE))
    if not (key_id and timestamp and signature):
        return Verdict.MISSING
    if not _same(key_id, key.key_id):
        return Verdict.UNKNOWN_KEY
    if not _same(signature, _signature(key, timestamp, body)):
        return Verdict.FORGED
    if not _SECONDS.fullmatch(timestamp):
        return Verdict.OUTDATED
    age = timedelta(seconds=now.timestamp() - int(timestamp))
    return Verdict.VALID if abs(age) <= TOLERANCE else Verdict.OUTDATED


def _signature(key: SigningKey, timestamp: str, body: bytes) -> str:
    signed = timestamp.encode() + b"." + body
    return hmac.digest(key.secret.get_secret_value().encode(), signed, "sha256").hex()


def _same(one: str, other: str) -> bool:
    """Compare in a time that does not tell how much is right."""
    return hmac.compare_digest(one.encode(), other.encode())
