"""Our own API's operations of a tenant over what is its own."""

from collections.abc import Iterator
from typing import Any

from bench.operations import Measured
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
        endpoint = self._measured("get the endpoint, REST", "GET", "/v1/webhook")
        rotated = self._measured("rotate its secret, REST", "POST", "/v1/webhook/secret/rotate", {})
        # Not made again for their CPU: they read secrets, of which no answers are recorded.
        endpoint.path = rotated.path = None
        yield from (endpoint, rotated)

    def _measured(self, name: str, method: str, path: str, content: Any = None) -> Measured:
        sent = content or {}
        with self._world.meter.recording() as calls:
            answer = self._client.send(path, sent, method=method)
        return Measured(name, calls, path, sent, answer, method=method)
