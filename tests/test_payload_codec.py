"""Encryption of payloads: what comes out is what went in, and without the key there is nothing to be seen."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from engine import data_converter
from errors import PayloadKeyMissing
from payload_codec import EncryptingCodec, is_encrypted
from payload_keys import PayloadKeyId, PayloadKeys, fresh_key

TODAY = date(2026, 11, 27)
OLD, NEW, OTHER = (PayloadKeys.parse(f"{name}:{fresh_key(TODAY).partition(':')[2]}") for name in ("old", "new", "old"))
BOTH = PayloadKeys((*NEW.known, *OLD.known))
DEPOSIT = Payload(metadata={"encoding": b"json/plain"}, data=b'{"amount": "5000.00"}')

payloads = st.builds(
    Payload, metadata=st.dictionaries(st.text(max_size=20), st.binary(max_size=20), max_size=3), data=st.binary()
)


async def encrypted(payload: Payload, keys: PayloadKeys = OLD) -> Payload:
    """One payload as Temporal gets it."""
    (one,) = await EncryptingCodec(keys).encode([payload])
    return one


async def decrypted(payload: Payload, keys: PayloadKeys = OLD) -> Payload:
    """One payload as our code gets it."""
    (one,) = await EncryptingCodec(keys).decode([payload])
    return one


@given(st.lists(payloads, max_size=4))
async def test_what_was_encrypted_comes_back_as_it_was(given: Sequence[Payload]) -> None:
    """Whatever its encoding and its content, its own metadata included."""
    codec = EncryptingCodec(OLD)
    assert await codec.decode(await codec.encode(given)) == list(given)


async def test_nothing_of_a_payload_is_left_readable() -> None:
    """Neither its content nor its encoding; and the same twice does not look the same."""
    first, second = await encrypted(DEPOSIT), await encrypted(DEPOSIT)
    assert is_encrypted(first)
    assert first.metadata["encryption-key-id"] == b"old"
    assert b"5000" not in first.SerializeToString()
    assert b"json" not in first.SerializeToString()
    assert first.data != second.data


async def test_without_keys_everything_is_as_it_was() -> None:
    """On the embedded stack, unless it is given keys."""
    assert await encrypted(DEPOSIT, PayloadKeys()) == DEPOSIT
    assert await decrypted(DEPOSIT, PayloadKeys()) == DEPOSIT


async def test_what_is_not_encrypted_is_taken_as_it_is() -> None:
    """From backends that have no key, and from before there was one."""
    assert await decrypted(DEPOSIT, BOTH) == DEPOSIT


async def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    """Rotation: the new one goes first, the old one stays."""
    assert (await encrypted(DEPOSIT, BOTH)).metadata["encryption-key-id"] == b"new"
    assert await decrypted(await encrypted(DEPOSIT, OLD), BOTH) == DEPOSIT


@pytest.mark.parametrize("keys", [NEW, OTHER, PayloadKeys()], ids=["dropped", "another-under-its-id", "none-at-all"])
async def test_a_key_that_is_not_known_is_told_with_the_way_out(keys: PayloadKeys) -> None:
    """By its id, and never by its bytes."""
    with pytest.raises(PayloadKeyMissing, match=r"the key 'old', which is not known .* to SOJOURN_PAYLOAD_KEYS"):
        await decrypted(await encrypted(DEPOSIT, OLD), keys)


async def test_a_key_under_a_wrong_id_is_made_known_under_it() -> None:
    """With the key that was meant the signal is read; with any other it ends in quarantine, if it has no check."""
    misnamed = await encrypted(DEPOSIT)
    misnamed.metadata["encryption-key-id"] = b"odl"
    (right,) = OLD.known
    assert await decrypted(misnamed, PayloadKeys((*OLD.known, replace(right, id=PayloadKeyId("odl"))))) == DEPOSIT
    del misnamed.metadata["encryption-key-check"]
    (fresh,) = NEW.known
    assert await decrypted(misnamed, PayloadKeys((*OLD.known, replace(fresh, id=PayloadKeyId("odl"))))) == misnamed


@pytest.mark.parametrize("data", [b"", b"x" * 11, b"x" * 12, b"x" * 60])
async def test_what_its_key_does_not_open_is_left_as_it_is(data: bytes) -> None:
    """A sender who encrypts wrongly must not hold up a customer: what is left as it is ends in quarantine."""
    wrong = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"old"}, data=data)
    assert await decrypted(wrong) == wrong
    altered = await encrypted(DEPOSIT)
    altered.data = altered.data[:-1] + bytes([altered.data[-1] ^ 1])
    assert await decrypted(altered) == altered


async def test_a_payload_of_another_client_needs_no_check() -> None:
    """The encryption samples of Temporal's SDKs write the key's id only."""
    theirs = await encrypted(DEPOSIT)
    del theirs.metadata["encryption-key-check"]
    assert await decrypted(theirs) == DEPOSIT


async def test_the_message_of_a_failure_is_encrypted() -> None:
    """It may quote what failed."""
    failure = Failure()
    await data_converter(OLD).encode_failure(ApplicationError("no deposit of 5000.00", "5000.00 again"), failure)
    assert b"5000" not in failure.SerializeToString()
    assert str(await data_converter(OLD).decode_failure(failure)) == "no deposit of 5000.00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "entry 1 is not `id:base64`"),
        ("c2VjcmV0", "entry 1 is not `id:base64`"),
        ("a b:c2VjcmV0", "entry 1 is not `id:base64`"),
        (f"k1:{'A' * 43}=,", "entry 2 is not `id:base64`"),
        ("k1:c2Vjcm!!", "the key of entry 1 is not base64"),
        ("k1:c2VjcmV0", "the key of entry 1 has 6 bytes instead of 32"),
        (f"k1:{base64.b64encode(b'x' * 16).decode()}", "the key of entry 1 has 16 bytes instead of 32"),
        (",".join(f"k1:{base64.b64encode(one * 32).decode()}" for one in (b"x", b"y")), "an id stands there twice"),
    ],
)
def test_keys_that_cannot_be_used_are_told_and_not_shown(text: str, said: str) -> None:
    """Which entry, and what is wrong with it."""
    with pytest.raises(ValueError, match=said) as refused:
        PayloadKeys.parse(text)
    assert "c2Vjcm" not in str(refused.value)


def test_a_fresh_key_is_one_that_can_be_used() -> None:
    """And no two are alike."""
    keys = PayloadKeys.parse(f"{fresh_key(TODAY)}, {fresh_key(TODAY)}")
    assert len({key.secret for key in keys.known}) == 2
    assert "secret" not in repr(keys)
