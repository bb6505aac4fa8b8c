"""The operations of an app whose bindings and calls are a carrier's: AWS, and the carrier too."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from bench.operations import Measured
from bench.world import Client, Failed, World

MINUTES = 60
THREE_DAYS = 3 * 24 * 60
"""Minutes; three times what the carrier is told to keep a binding for."""


class KeptOperations:
    """Brings about and measures. Needs an app whose carrier is the world's vendor."""

    def __init__(self, world: World, client: Client) -> None:
        self._world = world
        self._client = client
        self._people = (f"86100{each:08d}" for each in count(40_000_001))

    def all(self) -> Iterator[Measured]:
        """Every operation of the report."""
        # Fills the cache of the app's profile.
        self._client.ask("bind", **self._pair(MINUTES))
        short = self._axb("bind at a carrier", "bind", self._pair(MINUTES))
        yield short
        yield self._axb("delay at a carrier", "delay", self._id(short) | {"delta": 5})
        long = self._client.ask("bind", **self._pair(THREE_DAYS))
        later = {"bindId": long["bindId"], "delta": 5}
        yield self._axb("delay at a carrier, not yet told", "delay", later)
        yield self._axb("unbind at a carrier", "unbind", self._id(short))
        yield self._start_call()

    def _pair(self, minutes: int) -> dict[str, Any]:
        people = {"phoneA": next(self._people), "phoneB": next(self._people)}
        return people | {"expiration": minutes, "userData": "order 4711"}

    def _id(self, bound: Measured) -> dict[str, Any]:
        return {"bindId": bound.answer["bindId"]}

    def _axb(self, name: str, call: str, parameters: dict[str, Any]) -> Measured:
        return self._measured(name, f"/smallphone/axb/{call}", parameters)

    def _start_call(self) -> Measured:
        self._sent("/nimserver/user/create.action", {"accid": "bench"})
        caller, callee = (next(self._people).removeprefix("86") for _ in range(2))
        asked = {"callerAcc": "bench", "caller": caller, "callee": callee, "maxDur": 60}
        return self._measured("startcall at a carrier", "/call/ecp/startcall.action", asked)

    def _measured(self, name: str, path: str, content: dict[str, Any]) -> Measured:
        before = self._world.vendor.requests.total()
        with self._world.meter.recording() as calls:
            answer = self._sent(path, content)
        asked = self._world.vendor.requests.total() - before
        # No path: without the carrier this request can't be made again for its CPU.
        return Measured(name, calls, content=content, answer=answer, carrier_requests=asked)

    def _sent(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.send(path, content)
        if answer["code"] != 200:
            raise Failed(f"{path}: code {answer['code']}")
        return answer
