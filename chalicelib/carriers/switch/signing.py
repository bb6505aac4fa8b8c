"""How a switch signs in: HTTP Basic authentication (RFC 7617), with the current and the previous
password."""

import hmac

from chalicelib.carriers.basic import read_basic
from chalicelib.core.credentials import SwitchCredentials
from chalicelib.store.credentials import CredentialStore


def signed_in(header: str | None, credentials: CredentialStore) -> SwitchCredentials | None:
    """Who sent this Authorization header; None for anything but a valid one.

    Passwords are compared in constant time.
    """
    given = read_basic(header)
    if given is None:
        return None
    user, password = given
    switch = credentials.switch(user)
    if switch is None:
        return None
    matches = [hmac.compare_digest(password, each.encode()) for each in switch.passwords]
    return switch if any(matches) else None
