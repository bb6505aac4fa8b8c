"""HTTP Basic authentication (RFC 7617), as a header carries it."""

import base64


def read_basic(header: str | None) -> tuple[str, bytes] | None:
    """User and password of an Authorization header; None for anything but Basic with both, the
    user in UTF-8."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except ValueError:
        return None
