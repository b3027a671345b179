"""What Temporal keeps for us, encrypted: inputs, results, signals, updates, queries, summaries, cards, failures.

A payload becomes one with the encoding `binary/encrypted`, the key's id in `encryption-key-id`, and as its data 12
random bytes, the payload in protobuf encrypted with AES-256-GCM, and the tag. That is the form of the encryption
samples of Temporal's own SDKs, so that a client in another language can take theirs. `encryption-key-check` is ours,
and may be missing.

Nothing is compressed: nine payloads of ten in the replay corpus are under 256 bytes, and zlib would save a sixth of
all their bytes, for ten times the time of the encryption.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from errors import PayloadKeyMissing
from payload_keys import PayloadKey, PayloadKeyId, PayloadKeys

ENCODING = b"binary/encrypted"
_NONCE_BYTES = 12


class EncryptingCodec(PayloadCodec):
    """Encrypts with the first of the keys; decrypts with whichever it was. What is not encrypted is let through."""

    def __init__(self, keys: PayloadKeys) -> None:
        self._encrypting = keys.encrypting
        self._known = {key.id: (key, AESGCM(key.secret)) for key in keys.known}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each encrypted; each as it is if there is no key."""
        if self._encrypting is None:
            return list(payloads)
        key, cipher = self._known[self._encrypting.id]
        return [_encrypted(payload, key, cipher) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each decrypted. Raises `PayloadKeyMissing` for a key that is not known here.

        One that its own key does not open is left as it is: whoever sent it did not encrypt it rightly, and never
        will. A signal ends in quarantine then, instead of holding up the customer for ever.
        """
        return [self._decrypted(payload) if is_encrypted(payload) else payload for payload in payloads]

    def _decrypted(self, payload: Payload) -> Payload:
        cipher = self._cipher_of(payload)
        try:
            plain = cipher.decrypt(payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:], None)
            return Payload.FromString(plain)
        except (InvalidTag, ValueError, DecodeError):
            return payload

    def _cipher_of(self, payload: Payload) -> AESGCM:
        # A task that fails for want of a key is done as soon as the key is there. Quarantine would be for good, and
        # with the key a replay would decide otherwise.
        id = payload.metadata.get("encryption-key-id", b"").decode("ascii", "replace")[:64]
        key, cipher = self._known.get(PayloadKeyId(id), (None, None))
        if key is None or cipher is None or payload.metadata.get("encryption-key-check", key.check) != key.check:
            raise PayloadKeyMissing(
                f"A payload was encrypted with the key {id!r}, which is not known here (or is another one under this"
                " id): add that key to SOJOURN_PAYLOAD_KEYS."
            )
        return cipher


def is_encrypted(payload: Payload) -> bool:
    """Whether a payload has the form that this codec writes."""
    return payload.metadata.get("encoding") == ENCODING


def _encrypted(payload: Payload, key: PayloadKey, cipher: AESGCM) -> Payload:
    nonce = os.urandom(_NONCE_BYTES)
    return Payload(
        metadata={
            "encoding": ENCODING,
            "encryption-key-id": key.id.encode(),
            "encryption-key-check": key.check,
        },
        data=nonce + cipher.encrypt(nonce, payload.SerializeToString(), None),
    )
