"""The vault: what it seals only it opens, and what it hashes is what the standards say."""

import base64
import hashlib
import hmac

import pytest
from cryptography.exceptions import InvalidTag

from chalicelib.clock import SYSTEM
from chalicelib.store.field_encryption import FieldEncryption

ONE = {"current": "1", "1": "a" * 64}
BOTH = {"current": "2", "1": "a" * 64, "2": "b" * 64}
SUBSCRIBER = "447700900001"


def hkdf(material: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt, one block of 32 bytes: a second opinion."""
    extracted = hmac.new(b"\0" * 32, material, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_the_second_opinion_is_right() -> None:
    # RFC 5869, test case 3: no salt, no info; the first 32 of its 42 bytes.
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert hkdf(b"\x0b" * 22, b"").hex() == expected


def test_a_person_is_a_keyed_hash_under_a_derived_key() -> None:
    digest = hmac.new(hkdf(b"a" * 64, b"hash"), SUBSCRIBER.encode(), hashlib.sha256).digest()
    assert FieldEncryption(ONE, SYSTEM.random_bytes).person(SUBSCRIBER) == f"1.{b64(digest[:16])}"


def test_a_tag_is_a_keyed_hash_that_keeps_its_parts_apart() -> None:
    encryption = FieldEncryption(ONE, SYSTEM.random_bytes)
    expected = hmac.new(hkdf(b"a" * 64, b"request"), b"x\0yz", hashlib.sha256).digest()
    assert encryption.tag("x", "yz") == expected
    assert encryption.tag("xy", "z") != expected
    assert encryption.tag("x", "yz", "") != expected


def test_a_sealed_text_is_aes_gcm_with_its_version_in_front() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = FieldEncryption(ONE, SYSTEM.random_bytes).seal("something", "context")
    assert sealed[0] == 1
    opened = AESGCM(hkdf(b"a" * 64, b"seal")).decrypt(sealed[1:13], sealed[13:], b"context")
    assert opened == b"something"


@pytest.mark.parametrize("text", ["", SUBSCRIBER, "通话录音", "𝄞" * 150, "x" * 100_000])
def test_what_was_sealed_opens_and_does_not_show(text: str) -> None:
    encryption = FieldEncryption(ONE, SYSTEM.random_bytes)
    sealed = encryption.seal(text, "context")
    assert encryption.open(sealed, "context") == text
    assert not text or text.encode() not in sealed


def test_the_same_text_never_looks_the_same() -> None:
    encryption = FieldEncryption(ONE, SYSTEM.random_bytes)
    assert len({encryption.seal(SUBSCRIBER, "context") for _ in range(100)}) == 100


def test_a_sealed_text_can_not_be_moved_to_another_place() -> None:
    encryption = FieldEncryption(ONE, SYSTEM.random_bytes)
    with pytest.raises(InvalidTag):
        encryption.open(encryption.seal(SUBSCRIBER, "binding 1"), "binding 2")


@pytest.mark.parametrize("at", [1, 12, 13, -17, -1])
def test_a_sealed_text_can_not_be_changed(at: int) -> None:
    encryption = FieldEncryption(ONE, SYSTEM.random_bytes)
    sealed = bytearray(encryption.seal(SUBSCRIBER, "context"))
    sealed[at] ^= 1
    with pytest.raises(InvalidTag):
        encryption.open(bytes(sealed), "context")


def test_another_key_neither_opens_nor_hashes_alike() -> None:
    other = FieldEncryption({"current": "1", "1": "c" * 64}, SYSTEM.random_bytes)
    with pytest.raises(InvalidTag):
        other.open(FieldEncryption(ONE, SYSTEM.random_bytes).seal(SUBSCRIBER, "context"), "context")
    assert other.person(SUBSCRIBER) != FieldEncryption(ONE, SYSTEM.random_bytes).person(SUBSCRIBER)
    assert other.tag(SUBSCRIBER) != FieldEncryption(ONE, SYSTEM.random_bytes).tag(SUBSCRIBER)


def test_a_new_version_reads_what_the_old_one_wrote() -> None:
    old, new = FieldEncryption(ONE, SYSTEM.random_bytes), FieldEncryption(BOTH, SYSTEM.random_bytes)
    assert new.open(old.seal(SUBSCRIBER, "context"), "context") == SUBSCRIBER
    assert new.version == 2
    assert new.seal("x", "context")[0] == 2
    assert new.person_everywhere(SUBSCRIBER) == [new.person(SUBSCRIBER), old.person(SUBSCRIBER)]
    assert new.person(SUBSCRIBER, 1) == old.person(SUBSCRIBER)


def test_pairs_and_tags_stay_the_same_while_a_key_is_replaced() -> None:
    old, new = FieldEncryption(ONE, SYSTEM.random_bytes), FieldEncryption(BOTH, SYSTEM.random_bytes)
    assert new.pair(SUBSCRIBER, "447700900002") == old.pair("447700900002", SUBSCRIBER)
    assert new.tag("request", "x") == old.tag("request", "x")


def test_a_version_that_is_not_known_yet_does_not_open() -> None:
    sealed = FieldEncryption(BOTH, SYSTEM.random_bytes).seal(SUBSCRIBER, "context")
    with pytest.raises(KeyError):
        FieldEncryption(ONE, SYSTEM.random_bytes).open(sealed, "context")


@pytest.mark.parametrize(
    ("current", "others", "missing"),
    [("2", "", 1), ("3", "2", 1), ("3", "1", 2), ("1", "3", 2), ("2", "13", 2), ("3", "12", 3)],
)
def test_without_a_version_that_there_was_nothing_is_done(
    current: str, others: str, missing: int
) -> None:
    # All labels are of version 1: by others X would belong to nobody, and calls would be nowhere.
    secret = {"current": current} | dict.fromkeys(others, "a" * 64)
    secret |= {current: "a" * 64} if missing != int(current) else {}
    with pytest.raises(ValueError, match=f"data key {missing} is missing: put it back"):
        FieldEncryption(secret, SYSTEM.random_bytes)


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"current": "1"},
        {"1": "a" * 64},
        {"current": "1", "1": "a" * 31},
        {"current": "x", "1": "a" * 64},
        {"current": "1", "x": "a" * 64},
        {"current": "1", "01": "a" * 64},
        {"current": "256", **{str(version): "a" * 64 for version in range(1, 257)}},
        {"current": "0", "0": "a" * 64, "1": "a" * 64},
        {"current": "1", "0": "a" * 64, "1": "a" * 64},
        {"current": "a" * 64, "1": "a" * 64},
    ],
)
def test_a_secret_that_is_no_set_of_keys_is_refused(secret: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="data key") as caught:
        FieldEncryption(secret, SYSTEM.random_bytes)
    assert "aaa" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_signature_is_a_keyed_hash_of_its_own_that_keeps_its_parts_apart() -> None:
    encryption = FieldEncryption(ONE, SYSTEM.random_bytes)
    digest = hmac.new(hkdf(b"a" * 64, b"link"), b"x\0yz", hashlib.sha256).digest()
    assert encryption.sign("x", "yz") == f"1.{b64(digest)}"
    assert encryption.is_signed(f"1.{b64(digest)}", "x", "yz")
    for wrong in ("", "1.", b64(digest), f"2.{b64(digest)}", f"01.{b64(digest)}", "é", "1.é"):
        assert not encryption.is_signed(wrong, "x", "yz")
    assert not encryption.is_signed(encryption.sign("x", "yz"), "xy", "z")


def test_a_signature_outlives_a_new_key_and_says_which_one_made_it() -> None:
    before, after = (
        FieldEncryption(ONE, SYSTEM.random_bytes),
        FieldEncryption(BOTH, SYSTEM.random_bytes),
    )
    old, new = before.sign("x"), after.sign("x")
    assert (old[:2], new[:2]) == ("1.", "2.")
    assert after.is_signed(old, "x")
    assert after.is_signed(new, "x")
    assert not before.is_signed(new, "x")
