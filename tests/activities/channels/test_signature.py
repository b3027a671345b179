"""A signature holds for one body, one key and five minutes."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from activities.channels.signature import KEY_ID, SIGNATURE, TIMESTAMP, TOLERANCE, SigningKey, Verdict, sign, verify

KEY = SigningKey("broker-1", SecretStr("a long secret"))
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BODY = '{"title":"您好"}'.encode()


def test_what_was_signed_is_valid() -> None:
    """The headers of a body are good for that body."""
    assert verify(KEY, sign(KEY, BODY, NOW), BODY, NOW) is Verdict.VALID


def test_the_signature_is_the_documented_one() -> None:
    """Anyone can compute it: hex HMAC-SHA256 of the timestamp, a dot and the body."""
    signature = "50413bb129c976321854cdb57ee935bf7cc01ce87dd02c6def1cbf0e3f3f2905"
    headers = sign(SigningKey("k", SecretStr("s")), b"{}", datetime.fromtimestamp(1_800_000_000, UTC))
    assert headers[TIMESTAMP] == "1800000000"
    assert headers[SIGNATURE] == signature


@pytest.mark.parametrize("change", [b" ", b"\x00"])
def test_another_body_is_forged(change: bytes) -> None:
    """One byte more, and the signature is not good."""
    assert verify(KEY, sign(KEY, BODY, NOW), BODY + change, NOW) is Verdict.FORGED


def test_another_secret_is_forged() -> None:
    """The name of the key alone does not help."""
    other = SigningKey(KEY.key_id, SecretStr("another secret"))
    assert verify(KEY, sign(other, BODY, NOW), BODY, NOW) is Verdict.FORGED


def test_a_renewed_timestamp_is_forged() -> None:
    """An old request cannot be made young again."""
    later = NOW + timedelta(hours=1)
    headers = sign(KEY, BODY, NOW) | {TIMESTAMP: str(int(later.timestamp()))}
    assert verify(KEY, headers, BODY, later) is Verdict.FORGED


def test_a_signature_with_foreign_letters_is_forged() -> None:
    """Letters outside ASCII are compared like all others."""
    assert verify(KEY, sign(KEY, BODY, NOW) | {SIGNATURE: "é"}, BODY, NOW) is Verdict.FORGED


def test_another_key_is_unknown() -> None:
    """A key that is not ours is not tried."""
    other = SigningKey("broker-2", KEY.secret)
    assert verify(KEY, sign(other, BODY, NOW), BODY, NOW) is Verdict.UNKNOWN_KEY


@pytest.mark.parametrize("name", [KEY_ID, TIMESTAMP, SIGNATURE])
def test_a_header_that_is_not_there_is_missing(name: str) -> None:
    """Each of the three headers is needed."""
    headers = sign(KEY, BODY, NOW)
    del headers[name]
    assert verify(KEY, headers, BODY, NOW) is Verdict.MISSING


@pytest.mark.parametrize("direction", [-1, 1])
def test_five_minutes_are_tolerated_and_not_more(direction: int) -> None:
    """Clocks may differ by five minutes either way."""
    headers = sign(KEY, BODY, NOW)
    assert verify(KEY, headers, BODY, NOW + direction * TOLERANCE) is Verdict.VALID
    assert verify(KEY, headers, BODY, NOW + direction * (TOLERANCE + timedelta(seconds=1))) is Verdict.OUTDATED


def test_a_key_does_not_print_its_secret() -> None:
    """Nobody finds the secret in a log."""
    assert "a long secret" not in repr(KEY)
