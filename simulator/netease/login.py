"""One-click login after netease-phoneauth.txt: an operator's token against an encrypted number."""

import re
import secrets
import threading
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from simulator.clock import Now
from simulator.netease.parameters import Parameters, bad
from simulator.netease.signature import Account, md5

# Minutes, by operator; not documented by NetEase, but by others who sell the same service.
LIFETIMES = {"mobile": 2, "telecom": 10, "unicom": 30}
PHONE = re.compile(r"(?:86)?([0-9]{11})")


@dataclass(frozen=True, slots=True)
class Token:
    """For one telephone (11 digits), until a time (epoch ms)."""

    phone: str
    expires: int


class OneClick:
    """Hands out tokens, as an operator does on a telephone, and takes each once."""

    def __init__(self, account: Account, clock: Now) -> None:
        self._account = account
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._lock = threading.Lock()

    def make(self, phone: object, operator: object) -> dict[str, Any]:
        """A token and when it expires, epoch ms. ValueError if it can't be made."""
        match = PHONE.fullmatch(phone) if isinstance(phone, str) else None
        if match is None:
            raise ValueError("phone must be a Chinese mobile number, 11 digits, 86 may precede")
        if operator not in LIFETIMES:
            raise ValueError(f"operator must be one of {', '.join(LIFETIMES)}")
        text = secrets.token_hex(32)
        token = Token(match[1], self._clock.now_ms + LIFETIMES[str(operator)] * 60_000)
        with self._lock:
            self._tokens[text] = token
        return {"token": text, "expires": token.expires}

    def get_mobile(self, given: Parameters) -> dict[str, Any]:
        """The number of a token, which is used up by it."""
        with self._lock:
            token = self._tokens.pop(given.wanted("token"), None)
        if token is None or self._clock.now_ms >= token.expires:
            raise bad("token")
        secret = self._account.login_secret or self._account.secret
        return {"mobilePhone": encrypted(token.phone, secret)}


def encrypted(phone: str, secret: str) -> str:
    """Upper-case hex of AES-128-CBC: the halves of the secret's MD5, in hex, are key and IV."""
    halves = md5(secret.encode()).encode()
    padder = PKCS7(128).padder()
    padded = padder.update(phone.encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES(halves[:16]), modes.CBC(halves[16:])).encryptor()
    return (cipher.update(padded) + cipher.finalize()).hex().upper()
