"""The number of one-click login, enciphered as NetEase does it; sources in VENDOR_FACTS.md."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

USUAL = "md5-cbc"
"""The scheme of an account that names none."""

_DIGITS = re.compile(rb"[0-9]{7,15}")
_BLOCK = 128


def encrypt(digits: str, *, secret: str, scheme: str | None) -> str:
    """Upper-case hex. Raises ValueError for a scheme that there is not."""
    padder = PKCS7(_BLOCK).padder()
    encryptor = _cipher(secret, scheme).encryptor()
    padded = padder.update(digits.encode()) + padder.finalize()
    return (encryptor.update(padded) + encryptor.finalize()).hex().upper()


def decrypt(text: str, *, secret: str, scheme: str | None) -> str:
    """The 7 to 15 digits inside. Raises ValueError, whose text holds nothing of them, for what
    was not enciphered with this secret by this scheme."""
    decryptor = _cipher(secret, scheme).decryptor()
    unpadder = PKCS7(_BLOCK).unpadder()
    try:
        padded = decryptor.update(bytes.fromhex(text)) + decryptor.finalize()
        plain = unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        plain = b""
    if not _DIGITS.fullmatch(plain):
        raise ValueError("not a number enciphered with this secret")
    return plain.decode()


def _cipher(secret: str, scheme: str | None) -> Cipher[Any]:
    make = SCHEMES.get(scheme or USUAL)
    if make is None:
        raise ValueError("no such scheme")
    return make(secret)


def _md5_cbc(secret: str) -> Cipher[Any]:
    """AES-128-CBC; key and IV are the halves of lower hex md5(secret), as ASCII."""
    halves = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest().encode()
    return Cipher(AES(halves[:16]), CBC(halves[16:]))


SCHEMES: Mapping[str, Callable[[str], Cipher[Any]]] = {USUAL: _md5_cbc}
"""By the name that settings give it."""
