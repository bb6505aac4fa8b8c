"""Our own API's operations of a tenant over what is its own."""

from collections.abc import Iterator
from typing import Any

from bench.operations import Measured, measured
from bench.world import Client, World


class TenantOperations:
    """Brings about and measures. Needs an app with numbers."""

    def __init__(self, world: World, client: Client) -> None:
        self._world = world
        self._client = client

    def all(self) -> Iterator[Measured]:
        """Every operation of the report."""
        number = self._client.numbers[0]
        yield self._measured("account, REST", "GET", "/v1/account")
        yield self._measured("list numbers, REST", "GET", "/v1/numbers")
        yield self._measured("get a number, REST", "GET", f"/v1/numbers/{number}")
        yield self._measured("make a key, REST", "POST", "/v1/keys", {"name": "bench"})
        yield self._measured("list keys, REST", "GET", "/v1/keys")
        # With the first, a version of the secret is fetched.
        self._client.send("/v1/webhook", {}, method="GET")
        # These read secrets, of which no answers are recorded.
        yield self._measured("get the endpoint, REST", "GET", "/v1/webhook", again=False)
        rotate = "/v1/webhook/secret/rotate"
        yield self._measured("rotate its secret, REST", "POST", rotate, again=False)

    def _measured(
        self, name: str, method: str, path: str, content: Any = None, *, again: bool = True
    ) -> Measured:
        sent = content or {}
        return measured(self._world, self._client, name, method, path, sent, again=again)
