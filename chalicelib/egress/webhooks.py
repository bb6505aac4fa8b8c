"""Webhooks: one POST to the endpoint that an app chose."""

import time
from collections.abc import Container, Mapping

from chalicelib.core.errors import NotAnswered, NotDelivered
from chalicelib.egress.client import Client
from chalicelib.egress.connecting import ExchangeFailed

EXACTLY_200 = range(200, 201)

ANY_2XX = range(200, 300)


class WebhookSender:
    """Fulfils the port Sender. `timeout_s` are seconds for everything: connecting, sending, and the
    answer's headers."""

    def __init__(self, client: Client, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        accepts: Container[int] = EXACTLY_200,
    ) -> None:
        """One POST; redirects are not followed, the reply's body is not looked at.

        Raises NotDelivered unless one of the HTTP statuses that the app's event format `accepts`
        comes within the time-out, NotAnswered if none comes at all. Their texts hold neither
        address nor content.
        """
        until = time.monotonic() + self._timeout_s
        try:
            with self._client.ask(
                "POST", url, headers=headers, body=body, until=until, silence_s=self._timeout_s
            ) as reply:
                status = reply.status
        except ExchangeFailed as error:
            raise NotAnswered(str(error)) from None
        if status not in accepts:
            raise NotDelivered(f"HTTP {status}")
