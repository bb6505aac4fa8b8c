"""Webhooks: one POST to the endpoint that an app chose."""

import time
from collections.abc import Mapping

from chalicelib.core.webhooks.policy import is_delivered
from chalicelib.egress.client import Client
from chalicelib.egress.connecting import ExchangeFailed


class NotDelivered(Exception):
    """The endpoint did not accept a webhook. The text holds neither its address nor any content."""


class NotAnswered(NotDelivered):
    """The endpoint gave no answer in time, or its address may not be called."""


class WebhookSender:
    """Sends webhooks. `timeout_s` (seconds) is for all of a request: connecting, sending, and the
    headers of the answer."""

    def __init__(self, client: Client, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, any_2xx: bool = False
    ) -> None:
        """Sends one POST. Redirects are not followed and the answer's body is not read.

        Raises NotDelivered unless the answer is 200, or any 2xx if that will do; NotAnswered if
        there is none.
        """
        until = time.monotonic() + self._timeout_s
        try:
            with self._client.ask(
                "POST", url, headers=headers, body=body, until=until, silence_s=self._timeout_s
            ) as reply:
                status = reply.status
        except ExchangeFailed as error:
            raise NotAnswered(str(error)) from None
        if not is_delivered(status, any_2xx=any_2xx):
            raise NotDelivered(f"HTTP {status}")
