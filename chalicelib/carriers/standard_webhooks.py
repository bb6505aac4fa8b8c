"""Signatures of Standard Webhooks 1.0.0, for whatever of ours is signed that way."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime


def signed_headers(
    secrets: Sequence[str], message_id: str, body: str, *, now: int
) -> Mapping[str, str]:
    """webhook-id, webhook-timestamp (epoch seconds) and webhook-signature of `body`: one signature
    for each secret, in their order. `secrets` are base64, with or without `whsec_`; `now` is epoch
    ms."""
    # Imported here: a cold start of what signs nothing this way does without.
    from standardwebhooks import Webhook  # noqa: PLC0415

    at = datetime.fromtimestamp(now // 1000, UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now // 1000),
        "webhook-signature": " ".join(
            Webhook(secret).sign(message_id, at, body) for secret in secrets
        ),
    }
