"""What the app is, and has: numbers, keys, and the endpoint of its webhooks."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from masking_gateway.decoding import members
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
    """The app's proxy numbers. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, area: str | None = None) -> Iterator[Number]:
        """All of them, or those with an area code."""
        return self._transport.pages(Number, "/v1/numbers", members(area=area))

    def get(self, number: str) -> NumberInUse:
        """A number, and how many bindings are live over it."""
        return self._transport.get(f"/v1/numbers/{quote(number, safe='')}").read(NumberInUse)


class Keys:
    """Further keys of the app. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, name: str, *, read_only: bool | None = None, idempotency_key: str | None = None
    ) -> KeyWithSecret:
        """Makes a key, whose secret is not shown again."""
        body = members(name=name, read_only=read_only)
        answer = self._transport.change("POST", "/v1/keys", body, idempotency_key=idempotency_key)
        return answer.read(KeyWithSecret)

    def list(self) -> Iterator[Key]:
        """The app's keys, the oldest first; the operator's is not among them."""
        return self._transport.pages(Key, "/v1/keys", {})

    def delete(self, key_id: str) -> None:
        """Ends a key. A key that does not exist is GatewayError 404."""
        self._transport.send("DELETE", f"/v1/keys/{quote(key_id, safe='')}")


class WebhookEndpoint:
    """Where and how the app is sent its events. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> Webhook:
        """As it is set now."""
        return self._transport.get("/v1/webhook").read(Webhook)

    def set(
        self, url: str, *, format: str | None = None, events: Sequence[str] | None = None
    ) -> Webhook:
        """Sets where events go, the event format, and which kinds are sent (None: all)."""
        body = members(url=url, format=format, events=events)
        return self._transport.send("PUT", "/v1/webhook", body=body).read(Webhook)

    def rotate_secret(self, *, idempotency_key: str | None = None) -> RotatedSecret:
        """Makes a new secret. Both sign until `drop_previous_secret`; before that the next rotation
        is refused (409)."""
        path = "/v1/webhook/secret/rotate"
        answer = self._transport.change("POST", path, idempotency_key=idempotency_key)
        return answer.read(RotatedSecret)

    def drop_previous_secret(self) -> Webhook:
        """Ends the secret before the current one; nothing happens if there is none."""
        return self._transport.change("POST", "/v1/webhook/secret/drop_previous").read(Webhook)

    def test(self, kind: str) -> WebhookTest:
        """Sends the endpoint an example, signed, and says what it answered."""
        answer = self._transport.change("POST", "/v1/webhook/test", {"kind": kind})
        return answer.read(WebhookTest)
