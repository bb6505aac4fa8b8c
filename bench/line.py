"""interline's operations: of an app that speaks its API, of one that pays, and with interline as
the carrier."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from bench.events import ACCOUNT, CALL_AT_S, LINE
from bench.operations import Measured
from bench.world import Client, Failed, World
from chalicelib.core.durations import DAY_MS
from chalicelib.wiring import schedules

HOUR_S = 3600
THREE_DAYS_S = 3 * 24 * HOUR_S
"""Three times what the carrier is told to keep a binding for."""
RENEWED = 20
RENEWAL = f"renew {RENEWED} at interline"
DUE_MS = DAY_MS * 3 // 4 + 60_000
"""After so long a lease of a day has to be made longer."""


class _Line:
    """What an app of interline's API asks."""

    def __init__(self, world: World, client: Client, paying: Client) -> None:
        self._client = client
        self._paying = paying
        self._world = world
        self._people = (f"100{each:08d}" for each in count(60_000_001))
        self._requests = count(1)

    def _asked(
        self, name: str, client: Client, method: str, path: str, content: dict[str, Any]
    ) -> Measured:
        """A call that has to succeed. Raises Failed."""
        line = self._world.line
        before = line.requests.total()
        with self._world.meter.recording() as calls:
            answer = client.send(path, content, method=method)
        if answer["error"] != 0:
            raise Failed(f"{name}: error {answer['error']}")
        asked = line.requests.total() - before
        return Measured(
            name, calls, path, content, method=method, answer=answer, carrier_requests=asked
        )

    def _bind(self, name: str, client: Client, number: str, *, ttl_s: int = HOUR_S) -> Measured:
        people = {"anum": next(self._people), "bnum": next(self._people)}
        given = self._request() | people | {"ttl": ttl_s, "userData": "order 4711"}
        return self._asked(name, client, "PUT", f"{LINE}/{number}", given)

    def _request(self) -> dict[str, Any]:
        return {"reqid": f"bench-{next(self._requests)}"}

    def _without_cpu(self, measured: Measured) -> Measured:
        """Not to be made again for its CPU: it is another app's, or a carrier's too."""
        measured.path = None
        return measured

    def _ended(self, bound: Measured, number: str) -> dict[str, Any]:
        """The end of a call as interline reports it (5.1)."""
        parties = bound.content
        return {
            "taskid": f"task-{bound.answer['subid']}",
            "caller": parties["anum"],
            "rcaller": number,
            "callee": parties["bnum"],
            "result": "answered",
            "beginTime": CALL_AT_S,
            "ringTime": CALL_AT_S + 3,
            "answerTime": CALL_AT_S + 10,
            "releaseTime": CALL_AT_S + 70,
            "duration": 60,
            "userData": bound.answer["subid"],
            "releasedir": "1",
        }


class FrontOperations(_Line):
    """On the switch. `client` pays nothing, `paying` for everything."""

    def primer(self) -> Measured:
        """The first request of a developer, with the calls that fill the caches."""
        return self._asked("first request", self._client, "GET", ACCOUNT, {})

    def all(self) -> Iterator[Measured]:
        """Every operation of the report."""
        client, number = self._client, self._client.numbers[0]
        yield self._bind("bind, interline", client, number)
        transfer = f"{LINE}/{number}/transfer"
        given = self._request() | {"anum": next(self._people)}
        yield self._asked("bind a transfer", client, "PUT", transfer, given)
        yield self._route(number)
        yield self._asked("end a transfer", client, "DELETE", transfer, {})
        yield self._asked("account status", client, "GET", ACCOUNT, {})
        yield from self._paid()

    def _route(self, number: str) -> Measured:
        asked = {"call_id": "line-1", "kind": "call", "from": next(self._people), "to": number}
        path = "/switch/route"
        with self._world.meter.recording() as calls:
            answer = self._client.send(path, asked)
        if answer["action"] != "connect":
            raise Failed(f"route over a transfer: {answer['action']}")
        return Measured("route, connect by a transfer", calls, path, asked)

    def _paid(self) -> Iterator[Measured]:
        paying = self._paying
        number = paying.numbers[0]
        # Fills the cache of the app's profile.
        self._bind("first", paying, number)
        bound = self._bind("bind, paid for", paying, number)
        yield self._without_cpu(bound)
        people, call = bound.content, {"call_id": "line-2", "binding": bound.answer["subid"]}
        call |= {"from": f"86{people['anum']}", "to": number, "callee": f"86{people['bnum']}"}
        at = CALL_AT_S * 1000
        answered = call | {"event_id": "1", "type": "call.answered", "at": at}
        # Fills the cache of whose X it is, too.
        paying.send("/switch/events", [answered])
        ended = call | {"event_id": "2", "type": "call.ended", "at": at + 60_000, "reason": 16}
        with self._world.meter.recording() as calls:
            paying.send("/switch/events", [ended])
        yield Measured("store an event, charged", calls)


class CarrierOperations(_Line):
    """With interline as the carrier. `client` pays nothing, `paying` for everything."""

    def all(self) -> Iterator[Measured]:
        """Every operation of the report. The last one moves the carrier's clock."""
        client, number = self._client, self._client.numbers[0]
        # Fills the cache of the app's profile.
        self._bind("first", client, number)
        bound = self._bind("bind at interline", client, number)
        yield self._without_cpu(bound)
        yield self._called_back("store a callback, interline", client, number, bound)
        given = {"subid": bound.answer["subid"]}
        ended = self._asked("unbind at interline", client, "DELETE", LINE, given)
        yield self._without_cpu(ended)
        paying, number = self._paying, self._paying.numbers[0]
        self._bind("first", paying, number)
        bound = self._bind("bind at interline, paid for", paying, number)
        yield self._without_cpu(bound)
        yield self._called_back("store a callback, charged", paying, number, bound)
        yield self._renewed()

    def _called_back(self, name: str, client: Client, number: str, bound: Measured) -> Measured:
        """The second callback about an X: whose it is, is known then."""
        callbacks = self._world.line_callbacks
        record = self._ended(bound, number.removeprefix("86"))
        client.send(callbacks, record | {"taskid": "task-before"})
        with self._world.meter.recording() as calls:
            client.send(callbacks, record)
        return Measured(name, calls)

    def _renewed(self) -> Measured:
        """Leases of a day that have to be made longer, by a clock eighteen hours ahead."""
        from chalicelib.clock import now_ms
        from chalicelib.wiring.gateway import gateway

        line, numbers = self._world.line, self._client.numbers
        for each in range(RENEWED):
            number = numbers[each % len(numbers)]
            self._bind("long", self._client, number, ttl_s=THREE_DAYS_S)
        line.clock.advance(DUE_MS / 1000)
        before = line.requests.total()
        later = now_ms() + DUE_MS
        with self._world.meter.recording() as calls:
            seen = (
                gateway()
                .shared(schedules.lease_jobs)
                .run("lease", now=later, time_left=lambda: True)
            )
        if (seen.done, seen.put_off) != (RENEWED, 0):
            raise Failed(f"made {seen.done} leases longer, put off {seen.put_off}")
        asked = line.requests.total() - before
        return Measured(RENEWAL, calls, carrier_requests=asked)
