"""How a switch signs in: HTTP Basic authentication (RFC 7617), with the current and the previous
password."""

import base64
import binascii
import hmac

from chalicelib.core.credentials import SwitchCredentials
from chalicelib.core.ports import Credentials


def signed_in(header: str | None, credentials: Credentials) -> SwitchCredentials | None:
    """Who sent this Authorization header; None for anything but a valid one.

    Passwords are compared in constant time.
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        switch = credentials.switch(user.decode()) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None
    if switch is None:
        return None
    matches = [hmac.compare_digest(password, each.encode()) for each in switch.passwords]
    return switch if any(matches) else None
