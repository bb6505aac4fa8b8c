"""Webhooks: verified by Standard Webhooks (1.0.0), and read as events."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from masking_gateway.decoding import UNREADABLE, read
from masking_gateway.errors import WebhookVerificationError

TOLERANCE_S = 300
"""How far the sender's clock may be from ours, in seconds."""

_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Leg:
    """One telephone of a placed call."""

    party: str = field(repr=False)
    ended: datetime | None
    cause: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventData:
    """What happened. The first members are in all events, the others in some kinds; what is not
    known, and what this kind does not have, is None."""

    call: str
    call_id: str
    binding: str | None
    user_data: str | None
    number: str | None
    caller: str | None = field(repr=False)
    callee: str | None = field(repr=False)
    at: datetime
    started: datetime | None = None
    ringing: datetime | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    talked_s: int | None = None
    released_by: str | None = None
    outcome: str | None = None
    rejected: str | None = None
    cause: int | None = None
    result: str | None = None
    sms_result: str | None = None
    text: str | None = field(default=None, repr=False)
    url: str | None = None
    md5: str | None = None
    conference: bool | None = None
    account: str | None = None
    parties: tuple[str, ...] = field(default=(), repr=False)
    created: datetime | None = None
    legs: tuple[Leg, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A CloudEvent that was verified. It comes at least once: keep the ids that you have seen.

    `kind` is `type` without prefix and version, for example `call.ended`; `subject` is the
    binding's id; `test`: it is an example that `client.webhook.test` sent, and nothing happened.
    `members` is `data` as it came, with whatever this version does not know.
    """

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None = None
    test: bool = False
    data: EventData
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        """For example `call.ended`."""
        return self.type.removeprefix("masking.").rpartition(".v")[0]


class WebhookVerifier:
    """Verifies webhooks with any of some secrets: while a secret is rotated, both are valid."""

    def __init__(
        self,
        *secrets: str,
        tolerance_s: float = TOLERANCE_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`secrets` are as the gateway shows them, with or without `whsec_`. Raises ValueError
        without any, or for one that is no base64."""
        if not secrets:
            raise ValueError("give at least one secret")
        self._secrets = [_key(each) for each in secrets]
        self._tolerance_s = tolerance_s
        self._now = now

    def verify(self, body: bytes | str, headers: Mapping[str, str]) -> Event:
        """The event in `body`, which has to be the bytes as they came, with the request's headers.
        Raises WebhookVerificationError."""
        given = {name.lower(): value for name, value in headers.items()}
        message_id, sent, signatures = (
            given.get(f"webhook-{each}", "") for each in ("id", "timestamp", "signature")
        )
        content = body if isinstance(body, bytes) else body.encode()
        if not self._is_signed(f"{message_id}.{sent}.".encode() + content, signatures):
            raise WebhookVerificationError("no signature is right")
        self._check_time(sent)
        return _event(content, message_id)

    def _is_signed(self, content: bytes, signatures: str) -> bool:
        """Compares all of them with all secrets, so that the time it takes tells nothing."""
        given = [_signature(each) for each in signatures.split(" ") if each.startswith("v1,")]
        right = [hmac.digest(secret, content, hashlib.sha256) for secret in self._secrets]
        found = [hmac.compare_digest(one, other) for one in given for other in right]
        return any(found)

    def _check_time(self, sent: str) -> None:
        if not (sent.isascii() and sent.isdigit()):
            raise WebhookVerificationError("webhook-timestamp is no number of seconds")
        if abs(self._now() - int(sent)) > self._tolerance_s:
            raise WebhookVerificationError("it was sent too long ago, or a clock is wrong")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        # Without the cause, whose text may hold the secret.
        raise ValueError("a secret must be base64, with or without whsec_") from None
    return key


def _signature(given: str) -> bytes:
    try:
        return base64.b64decode(given.removeprefix("v1,"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _event(content: bytes, message_id: str) -> Event:
    try:
        message = json.loads(content)
        event = read(Event, {**message, "members": message["data"]})
    except UNREADABLE as unreadable:
        raise WebhookVerificationError("it is no event that can be read") from unreadable
    if event.id != message_id:
        raise WebhookVerificationError("webhook-id is not the event's id")
    return event
