"""Keeps numbers unreadable at rest: keyed hashes for keys, AES-GCM for what is read back."""

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FIRST = 1
"""The version of the data key that labels are made with, for good: what is kept is found by them.
"""
_NONCE_SIZE = 12


class FieldEncryption:
    """Hashes and seals with the versions of the data key that the secret holds.

    The secret is JSON: `current` names the version that writes, every other member is a version
    (1 to 255, none left out) with its key material, at least 32 characters. A number is looked for
    under all versions, so a new version is first added, and made current once every cache has seen
    it. None is ever taken away: the first makes all labels, for good, and what one has sealed no
    other opens. Anything else raises ValueError, which says what is wrong and nothing of the keys.
    `random_bytes` makes nonces: no two are the same.
    """

    def __init__(self, secret: Mapping[str, str], random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        names = {str(version) for version in range(FIRST, 256)}
        if secret.get("current") not in names or not secret.keys() - {"current"} <= names:
            raise ValueError("data keys are named 1 to 255, and `current` names one of them")
        self._current = int(secret["current"])
        newest = max(int(name) for name in (secret.keys() & names) | {secret["current"]})
        for version in range(FIRST, newest + 1):
            if str(version) not in secret:
                raise ValueError(f"data key {version} is missing: put it back into the secret")
        materials = {v: secret[str(v)].encode() for v in range(FIRST, newest + 1)}
        if any(len(material) < 32 for material in materials.values()):
            raise ValueError("data keys need at least 32 characters")
        self._hash_keys = {v: _derive(m, b"hash") for v, m in materials.items()}
        self._ciphers = {v: AESGCM(_derive(m, b"seal")) for v, m in materials.items()}
        self._link_keys = {v: _derive(m, b"link") for v, m in materials.items()}
        self._request_key = _derive(materials[FIRST], b"request")

    def person(self, digits: str, version: int | None = None) -> str:
        """What stands for a subscriber in keys: version and 128 bits of keyed hash."""
        return self._hash(version or self._current, digits)

    def person_everywhere(self, digits: str) -> list[str]:
        """The same under every version that may still stand in the table, the current one first."""
        others = [v for v in self._hash_keys if v != self._current]
        return [self._hash(v, digits) for v in (self._current, *others)]

    def pair(self, one: str, other: str) -> str:
        """What stands for two subscribers, whichever comes first. Under the first version, so that
        a pair is the same pair whichever key is current."""
        return self._hash(FIRST, "|".join(sorted((one, other))))

    @property
    def version(self) -> int:
        """The version that new items are written under."""
        return self._current

    def version_of(self, sealed: bytes) -> int:
        """The version of the data key that `seal` used, and all of the same item with it."""
        return sealed[0]

    def tag(self, *parts: str) -> bytes:
        """32 bytes that stand for `parts`, the same for good: under the first version."""
        return hmac.digest(self._request_key, "\x00".join(parts).encode(), "sha256")

    def label(self, *parts: str) -> str:
        """128 bits of `tag` as text, for keys and attributes."""
        return _b64(self.tag(*parts)[:16])

    def sign(self, *parts: str) -> str:
        """What proves that a link was made here: version and 256 bits of keyed hash."""
        return self._signed(self._current, parts)

    def is_signed(self, signature: str, *parts: str) -> bool:
        """Whether `sign` gave this for `parts`, under any version that is kept: a link outlives a
        new data key. In constant time."""
        name = signature.partition(".")[0]
        known = [version for version in self._link_keys if str(version) == name]
        expected = self._signed(known[0] if known else self._current, parts)
        return hmac.compare_digest(signature.encode(), expected.encode())

    def _signed(self, version: int, parts: Sequence[str]) -> str:
        text = "\x00".join(parts).encode()
        return f"{version}.{_b64(hmac.digest(self._link_keys[version], text, 'sha256'))}"

    def seal(self, text: str, context: str, version: int | None = None) -> bytes:
        """`seal_bytes` of a text in UTF-8."""
        return self.seal_bytes(text.encode(), context, version)

    def open(self, sealed: bytes, context: str) -> str:
        """The text of `seal`. Raises what `open_bytes` does."""
        return self.open_bytes(sealed, context).decode()

    def seal_bytes(self, content: bytes, context: str, version: int | None = None) -> bytes:
        """Encrypts under the current data key, or the one of a `version`; opens only with the same
        `context`. One byte version, nonce, cipher text: 29 bytes more than `content`. KeyError for
        a version that is not known yet."""
        version = version or self.version
        nonce = self._random_bytes(_NONCE_SIZE)
        cipher = self._ciphers[version]
        return bytes((version,)) + nonce + cipher.encrypt(nonce, content, context.encode())

    def open_bytes(self, sealed: bytes, context: str) -> bytes:
        """The content of `seal_bytes`. Raises cryptography's InvalidTag, or KeyError for a version
        that is not known yet."""
        nonce, cipher_text = sealed[1 : 1 + _NONCE_SIZE], sealed[1 + _NONCE_SIZE :]
        return self._ciphers[self.version_of(sealed)].decrypt(nonce, cipher_text, context.encode())

    def _hash(self, version: int, text: str) -> str:
        return (
            f"{version}.{_b64(hmac.digest(self._hash_keys[version], text.encode(), 'sha256')[:16])}"
        )


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _derive(material: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(material)
