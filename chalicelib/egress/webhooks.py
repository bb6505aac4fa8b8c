"""Webhooks: one POST to the endpoint that an app chose."""

import time
from collections.abc import Mapping

from chalicelib.core.webhooks.endpoint import DeliveryFailure
from chalicelib.core.webhooks.policy import is_delivered
from chalicelib.egress.client import REFUSED, Client
from chalicelib.egress.connecting import ExchangeFailed, NotResolved


class NotDelivered(Exception):
    """The endpoint did not accept a webhook: it answered with this `status`, if it did. The text
    holds neither its address nor any content."""

    def __init__(
        self,
        why: str,
        *,
        failure: DeliveryFailure = DeliveryFailure.STATUS,
        status: int | None = None,
    ) -> None:
        super().__init__(why)
        self.failure = failure
        self.status = status


class NotAnswered(NotDelivered):
    """The endpoint gave no answer in time, or its address may not be called."""

    @classmethod
    def of(cls, error: ExchangeFailed) -> "NotAnswered":
        """What became of the request, by the reason that its error names."""
        reason = str(error)
        failure = _FAILURES.get(reason, DeliveryFailure.BROKEN)
        if reason.startswith(REFUSED):
            failure = DeliveryFailure.ADDRESS
        elif reason.startswith("SSL"):
            failure = DeliveryFailure.TLS
        return cls(reason, failure=failure)


_FAILURES = {
    "TimeoutError": DeliveryFailure.TIMEOUT,
    "ConnectionRefusedError": DeliveryFailure.REFUSED,
    NotResolved.__name__: DeliveryFailure.ADDRESS,
}


class WebhookSender:
    """Sends webhooks. `timeout_s` (seconds) is for all of a request: connecting, sending, and the
    headers of the answer."""

    def __init__(self, client: Client, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, any_2xx: bool = False
    ) -> int:
        """Sends one POST; the status of the answer. Redirects are not followed and the answer's
        body is not read.

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
            raise NotAnswered.of(error) from None
        if not is_delivered(status, any_2xx=any_2xx):
            raise NotDelivered(f"HTTP {status}", status=status)
        return status
