"""What an app has and sets itself: numbers, keys, and its webhook endpoint."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from masking_gateway.decoding import members, read
from masking_gateway.models import (
    Key,
    KeyWithSecret,
    Number,
    NumberInUse,
    RotatedSecret,
    Webhook,
    WebhookTest,
)
from masking_gateway.transport import Transport


class Numbers:
    """The app's proxy numbers (X). Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, number: str) -> NumberInUse:
        """One of them, with how many bindings are live over it."""
        return read(NumberInUse, self._transport.get(f"/v1/numbers/{quote(number, safe='')}"))

    def list(self, *, area: str | None = None) -> Iterator[Number]:
        """All of them, or those of an area."""
        return self._transport.pages(Number, "/v1/numbers", members(area=area))


class Keys:
    """Further keys of the app. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Key]:
        """All of them, the oldest first."""
        return self._transport.pages(Key, "/v1/keys", {})

    def create(
        self, name: str, *, read_only: bool | None = None, idempotency_key: str | None = None
    ) -> KeyWithSecret:
        """Makes a key; its secret is not shown again."""
        body = members(name=name, read_only=read_only)
        answer = self._transport.change("POST", "/v1/keys", body, idempotency_key=idempotency_key)
        return read(KeyWithSecret, answer)

    def delete(self, key_id: str) -> None:
        """Ends a key; it may be the one that this client signs in with."""
        self._transport.send("DELETE", f"/v1/keys/{quote(key_id, safe='')}")


class WebhookEndpoint:
    """Where and how the app is sent its events. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> Webhook:
        """As it is set now."""
        return read(Webhook, self._transport.get("/v1/webhook"))

    def set(
        self, url: str, *, format: str | None = None, events: Sequence[str] | None = None
    ) -> Webhook:
        """Sets the address, the format (else as it is) and the kinds of events (else all)."""
        body = members(url=url, format=format, events=list(events) if events is not None else None)
        return read(Webhook, self._transport.send("PUT", "/v1/webhook", body=body))

    def rotate_secret(self, *, idempotency_key: str | None = None) -> RotatedSecret:
        """A new secret; the one before it signs too, until `drop_previous_secret`."""
        path = "/v1/webhook/secret/rotate"
        answer = self._transport.change("POST", path, idempotency_key=idempotency_key)
        return read(RotatedSecret, answer)

    def drop_previous_secret(self, *, idempotency_key: str | None = None) -> Webhook:
        """Lets the current secret alone sign."""
        path = "/v1/webhook/secret/drop_previous"
        answer = self._transport.change("POST", path, idempotency_key=idempotency_key)
        return read(Webhook, answer)

    def test(self, kind: str, *, idempotency_key: str | None = None) -> WebhookTest:
        """Has the endpoint sent an example of an event; what it answered."""
        answer = self._transport.change(
            "POST", "/v1/webhook/test", {"kind": kind}, idempotency_key=idempotency_key
        )
        return read(WebhookTest, answer)
