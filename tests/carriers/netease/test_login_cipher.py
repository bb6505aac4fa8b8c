"""The cipher of one-click login, with openssl as a second opinion."""

import hashlib
import random
import subprocess

import pytest

from chalicelib.carriers.netease.cipher import SCHEMES, USUAL, decrypt, encrypt

# printf %s 10010000001 | openssl enc -aes-128-cbc -K <hex of md5(secret)[:16]> -iv <of [16:]>
SECRET, DIGITS, TEXT = "secret-1", "10010000001", "73F51E6E60DC2E5D985E31CF05736EBF"


def openssl(*arguments: str, given: bytes) -> bytes:
    command = ["openssl", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def by_openssl(data: bytes, secret: str, *direction: str) -> bytes:
    halves = hashlib.md5(secret.encode()).hexdigest().encode()  # noqa: S324
    key = ("-K", halves[:16].hex(), "-iv", halves[16:].hex())
    return openssl("enc", "-aes-128-cbc", *key, *direction, given=data)


def test_a_known_vector_in_both_directions() -> None:
    assert encrypt(DIGITS, secret=SECRET, scheme=None) == TEXT
    assert decrypt(TEXT, secret=SECRET, scheme=None) == DIGITS
    assert by_openssl(DIGITS.encode(), SECRET).hex().upper() == TEXT


@pytest.mark.parametrize("scheme", [None, USUAL])
def test_openssl_reads_what_we_write_and_we_what_openssl_writes(scheme: str | None) -> None:
    dice = random.Random(1)
    for _ in range(20):
        digits = "100" + "".join(dice.choices("0123456789", k=8))
        secret = dice.randbytes(dice.randrange(1, 40)).hex() + "密"
        text = encrypt(digits, secret=secret, scheme=scheme)
        assert by_openssl(bytes.fromhex(text), secret, "-d").decode() == digits
        theirs = by_openssl(digits.encode(), secret).hex()
        assert decrypt(theirs, secret=secret, scheme=scheme) == digits


def test_a_number_has_the_form_that_the_document_prints() -> None:
    text = encrypt(DIGITS, secret=SECRET, scheme=None)
    assert len(text) == 32
    assert text == text.upper()


def test_another_secret_reads_nothing() -> None:
    text = encrypt(DIGITS, secret=SECRET, scheme=None)
    for i in range(2_000):
        with pytest.raises(ValueError, match="not a number"):
            decrypt(text, secret=f"another {i}", scheme=None)


@pytest.mark.parametrize("text", ["", "0", "zz" * 16, "00" * 15, "00" * 16, "00" * 32, "é" * 32])
def test_what_is_no_ciphertext_reads_as_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        decrypt(text, secret=SECRET, scheme=None)


@pytest.mark.parametrize("plain", ["", "123456", "1" * 16, "1001000000x", "+8610010000001"])
def test_what_is_no_number_is_not_given_out(plain: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        decrypt(by_openssl(plain.encode(), SECRET).hex(), secret=SECRET, scheme=None)


def test_a_scheme_that_there_is_not() -> None:
    assert set(SCHEMES) == {USUAL}
    for use in (encrypt, decrypt):
        with pytest.raises(ValueError, match="no such scheme"):
            use("00" * 16, secret=SECRET, scheme="rot13")
