"""Usage counted and reported, and events looked up. The calls are of an hour that was counted when
they are reported."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from bench.operations import Measured, measured
from bench.world import Client, Failed, World
from chalicelib.core.calls.usage import HOUR_MS, MARGIN_MS, SETTLES_MS, hour_at
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.turns import has_turn, turn_of
from chalicelib.wiring.usage import usage_service

CALLS = 20


class UsageOperations:
    """Brings about and measures. Needs an app that is sent no starts of calls."""

    def __init__(self, world: World, client: Client) -> None:
        self._world = world
        self._client = client
        self._now = time.time_ns() // MINUTE_MS // 1_000_000 * MINUTE_MS
        self._hour = hour_at(self._now - SETTLES_MS)

    def all(self) -> Iterator[Measured]:
        """Every operation of the report."""
        turn = hour_at(self._now) + turn_of(self._client.name) * MINUTE_MS
        # The first turn of an app goes back as far as its calls are kept.
        self._run(turn)
        for number in range(CALLS):
            self._send(number, "call.started")
        late = self._event(0, "call.answered")
        yield self._measured("store a late event", "POST", "/switch/events", [late])
        # By a clock that is ahead: what changed is counted again a few minutes later.
        yield self._run(self._nobodys_turn(), f"count an hour again, {CALLS} calls")
        yield self._run(turn + HOUR_MS, "count usage, an app's turn, nothing used")
        yield self._run(turn + HOUR_MS + MINUTE_MS, "count usage, nothing due")
        usage = self._measured("usage of a month, REST", "GET", "/v1/usage", {})
        if usage.answer["calls"] != CALLS:
            raise Failed(f"{usage.answer['calls']} calls counted")
        yield usage
        for number in range(CALLS):
            self._send(number, "call.ended")
        listed = {"limit": CALLS // 2}
        yield self._measured(f"list {CALLS // 2} events, REST", "GET", "/v1/events", listed)
        (event,) = self._client.send("/v1/events", {"limit": 1}, method="GET")["data"]
        yield self._measured("get an event, REST", "GET", f"/v1/events/{event['id']}", {})

    def _nobodys_turn(self) -> int:
        """A minute at which what changed can be counted, and no app has its turn: that would be
        measured, too."""
        from chalicelib.wiring.gateway import gateway

        names = [name for name, _ in gateway().apps.at_carriers()]
        minutes = count(self._now + 2 * MARGIN_MS, MINUTE_MS)
        return next(at for at in minutes if not any(has_turn(each, now=at) for each in names))

    def _send(self, number: int, kind: str) -> None:
        self._client.send("/switch/events", [self._event(number, kind)])

    def _event(self, number: int, kind: str) -> dict[str, Any]:
        return {
            "event_id": f"{kind} {number}",
            "type": kind,
            "call_id": f"late-{number}",
            "from": f"86100{90_000_000 + number:08d}",
            "to": self._client.numbers[0],
            "at": self._hour + number * 1_000,
        }

    def _run(self, now: int, name: str = "") -> Measured:
        from chalicelib.wiring.gateway import gateway

        usage = gateway().shared(usage_service)
        with self._world.meter.recording() as calls:
            usage.run(now=now, time_left=lambda: True)
        return Measured(name, calls)

    def _measured(self, name: str, method: str, path: str, content: Any) -> Measured:
        # Of another app than the one whose requests are made again for their CPU.
        return measured(self._world, self._client, name, method, path, content, again=False)
