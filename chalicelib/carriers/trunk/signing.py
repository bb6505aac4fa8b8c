"""Signatures: HTTP Basic authentication (RFC 7617) of a switch, with the current and the previous
password, and Standard Webhooks for what we ask of it."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

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


def signed_headers(secret: str, message_id: str, body: str, *, now: int) -> Mapping[str, str]:
    """webhook-id, webhook-timestamp (epoch seconds) and webhook-signature of `body`, as Standard
    Webhooks has them. `secret` is base64, with or without `whsec_`; `now` is epoch ms."""
    # Imported here: a cold start of what asks no switch does without.
    from standardwebhooks import Webhook  # noqa: PLC0415

    at = datetime.fromtimestamp(now // 1000, UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now // 1000),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }
