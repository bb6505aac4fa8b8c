"""The client: all of the API, by resource."""

from types import TracebackType
from typing import Literal, Self

import requests

from masking_gateway.account import Keys, Numbers, WebhookEndpoint
from masking_gateway.bindings import Bindings
from masking_gateway.calls import Exports, PlacedCalls, Recordings, Records
from masking_gateway.decoding import Time, members
from masking_gateway.events import Events
from masking_gateway.models import Account, Explanation, Usage
from masking_gateway.transport import Transport


class Client:
    """An app's access to the gateway. Threads may share one.

    `key` and `secret` are the app's, or an API key's. A request waits `timeout_s` seconds for its
    answer, and is repeated up to `retries` times where that is safe (see Transport). `session` is
    for proxies, certificates and the like. Raises ValueError unless `base_url` is http or https.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        secret: str,
        *,
        timeout_s: float = 30.0,
        retries: int = 4,
        session: requests.Session | None = None,
    ) -> None:
        self._transport = transport = Transport(
            base_url, key, secret, timeout_s=timeout_s, retries=retries, session=session
        )
        self.bindings = Bindings(transport)
        self.calls = PlacedCalls(transport)
        self.records = Records(transport)
        self.recordings = Recordings(transport)
        self.exports = Exports(transport)
        self.events = Events(transport)
        self.numbers = Numbers(transport)
        self.webhook = WebhookEndpoint(transport)
        self.keys = Keys(transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.session.close()

    def explain(self, *, number: str, from_: str | None, at: Time | None = None) -> Explanation:
        """Whom a call from `from_` (None: an anonymous caller) to the X `number` would reach, or
        would have reached at a time, and why. Raises GatewayError."""
        body = {"number": number, "from": from_, **members(at=at)}
        return self._transport.send("POST", "/v1/explain", body=body).read(Explanation)

    def account(self) -> Account:
        """What the app may do, and how much of it is used. Raises GatewayError."""
        return self._transport.get("/v1/account").read(Account)

    def usage(
        self,
        *,
        since: Time | None = None,
        until: Time | None = None,
        by: Literal["day"] | None = None,
    ) -> Usage:
        """What was used, in whole hours; of the last 30 days if nothing is given. Raises
        GatewayError."""
        query = members(since=since, until=until, by=by)
        return self._transport.get("/v1/usage", query).read(Usage)
