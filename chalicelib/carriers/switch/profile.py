"""A switch of your own: the carrier that needs no account."""

import base64

from chalicelib.carriers.profile import AccountRules, Profile

MIN_SECRET_BYTES = 24
"""The fewest that Standard Webhooks allows."""


def check_secret(secret: str) -> None:
    """Base64, with or without the prefix that Standard Webhooks has. Raises ValueError."""
    try:
        strength = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        strength = 0
    if strength < MIN_SECRET_BYTES:
        raise ValueError(
            f"a switch's secret is base64 of at least {MIN_SECRET_BYTES} bytes:"
            " openssl rand -base64 32"
        )


PROFILE = Profile(title="switch", account=AccountRules(key=False, check_secret=check_secret))
