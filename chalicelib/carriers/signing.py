"""How a request proves who sent it, as far as vendors do it alike."""

import base64
from collections.abc import Callable, Sequence
from hmac import compare_digest

PLACEHOLDER = "nobody's secret"
"""Compared in the place of the secrets of an unknown sender; matches nothing."""


def signed_with(
    given: bytes, secrets: Sequence[str], signed: Callable[[str], str] = str
) -> str | None:
    """The one of `secrets` that was `given`, or from which `signed` makes what was given; None if
    there is none.

    Takes as long whichever it is: each is compared, and in constant time. Without secrets, because
    the sender is unknown, it takes as long as with one.
    """
    matching = [
        secret
        for secret in secrets or (PLACEHOLDER,)
        if compare_digest(signed(secret).encode(), given)
    ]
    return matching[0] if matching and secrets else None


def read_basic(header: str | None) -> tuple[str, bytes] | None:
    """User and password of an Authorization header (HTTP Basic, RFC 7617); None for anything but
    Basic with both, the user in UTF-8."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except ValueError:
        return None
