"""How one-click login hides a telephone's number: AES under a secret of both sides."""

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher

DEFAULT_SCHEME = "md5-cbc"
_BLOCK_BITS = 128


def _md5_cbc(secret: str) -> "Cipher[Any]":
    """AES-128-CBC under the ASCII hex of md5(secret): its first half the key, its second the IV.

    Published for a client whose sample cipher text is NetEase's own (VENDOR_FACTS.md); the IV is
    therefore the same for every number, and equal numbers look equal.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.modes import CBC  # noqa: PLC0415

    material = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest().encode()
    return Cipher(AES(material[:16]), CBC(material[16:]))


SCHEMES: Mapping[str, Callable[[str], "Cipher[Any]"]] = {DEFAULT_SCHEME: _md5_cbc}
"""Name in an app's or an account's settings -> the cipher that a secret gives."""


def encrypt(digits: str, *, secret: str, scheme: str | None) -> str:
    """Upper-case hex. Raises KeyError for a scheme that SCHEMES has not."""
    from cryptography.hazmat.primitives.padding import PKCS7  # noqa: PLC0415

    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = SCHEMES[scheme or DEFAULT_SCHEME](secret).encryptor()
    padded = padder.update(digits.encode()) + padder.finalize()
    return (encryptor.update(padded) + encryptor.finalize()).hex().upper()


def decrypt(text: str, *, secret: str, scheme: str | None) -> str:
    """What `encrypt` was given. Raises ValueError for what this secret did not encrypt."""
    from cryptography.hazmat.primitives.padding import PKCS7  # noqa: PLC0415

    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    decryptor = SCHEMES[scheme or DEFAULT_SCHEME](secret).decryptor()
    padded = decryptor.update(bytes.fromhex(text)) + decryptor.finalize()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
