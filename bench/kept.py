"""The operations of an app whose bindings and calls are a carrier's: AWS, and the carrier too."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

from bench.events import CALL_AT_S
from bench.operations import Measured
from bench.world import Client, Failed, World

MINUTES = 60
NOBODYS = "12202611211200003456789012"
"""The id of no binding."""
THREE_DAYS = 3 * 24 * 60
"""Minutes; three times what the carrier is told to keep a binding for."""


def _in_china(seconds: int) -> str:
    """A moment of a call, as NetEase's callbacks have it."""
    zone = timezone(timedelta(hours=8))
    return f"{datetime.fromtimestamp(CALL_AT_S + seconds, zone):%Y%m%d%H%M%S}"


class KeptOperations:
    """Brings about and measures. Needs an app whose carrier is the world's vendor."""

    def __init__(self, world: World, client: Client) -> None:
        self._world = world
        self._client = client
        self._people = (f"86100{each:08d}" for each in count(40_000_001))

    def primer(self) -> Measured:
        """The first callback of a process, with the calls that fill its caches."""
        pair = self._pair(MINUTES)
        return self._called_back("first callback", pair, NOBODYS, self._client.numbers[0])

    def all(self) -> Iterator[Measured]:
        """Every operation of the report."""
        short = self._axb("bind at a carrier", "bind", self._pair(MINUTES))
        yield short
        yield from self._callbacks()
        yield self._axb("delay at a carrier", "delay", self._id(short) | {"delta": 5})
        long = self._client.ask("bind", **self._pair(THREE_DAYS))
        later = {"bindId": long["bindId"], "delta": 5}
        yield self._axb("delay at a carrier, not yet told", "delay", later)
        yield self._axb("unbind at a carrier", "unbind", self._id(short))
        yield self._start_call()

    def _callbacks(self) -> Iterator[Measured]:
        """About a number whose owner is known from a callback before, and about another."""
        known, new = self._client.numbers[:2]
        for name, number in (("", known), (", the first about its X", new)):
            pair = self._pair(MINUTES)
            bound = self._client.ask("bind", **pair, phoneX=number)
            told = self._called_back(f"store a callback{name}", pair, bound["bindId"], number)
            if number == new:
                # Made again for its CPU, it would not be the first any more.
                told.path = None
            yield told

    def _called_back(self, name: str, pair: dict[str, Any], binding: str, number: str) -> Measured:
        """The end of a call, as NetEase's document has it (eventType 32)."""
        record = {
            "eventType": "32",
            "callId": binding[::-1],
            "bindId": "02201912271851578829810300",
            "userData": binding,
            "callNo": pair["phoneA"],
            "peerNo": pair["phoneB"],
            "phoneX": number,
            "callTime": _in_china(0),
            "startTime": _in_china(10),
            "finishTime": _in_china(70),
            "callDuration": "60",
            "finishType": "1",
            "finishState": "1",
        }
        return self._measured(name, self._world.callbacks, record, again=True)

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

    def _measured(
        self, name: str, path: str, content: dict[str, Any], *, again: bool = False
    ) -> Measured:
        """`again`: it can be made once more, for its CPU, because no carrier is asked."""
        before = self._world.vendor.requests.total()
        with self._world.meter.recording() as calls:
            answer = self._sent(path, content)
        asked = self._world.vendor.requests.total() - before
        made = path if again else None
        return Measured(name, calls, made, content, answer, carrier_requests=asked)

    def _sent(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.send(path, content)
        if answer["code"] != 200:
            raise Failed(f"{path}: code {answer['code']}")
        return answer
