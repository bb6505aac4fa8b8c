"""The operations that are measured: each brought about, then done once with the meter running."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bench.capacity import Units
from bench.events import CALL_AT_S
from bench.meter import Call
from bench.world import Client, Failed, World
from chalicelib.wiring import schedules
from chalicelib.wiring.records import Records

MINUTES = 60
LONGEST_USER_DATA = "\U0001f4de" * 150
"""As many characters as a client may send, of four bytes each."""
CLEANED = 20


@dataclass
class Measured:
    """One operation, done once. `content` and `answer` are a request's; a job has none. `path` is
    there if its CPU is to be measured too. `carrier_requests` are those that a carrier was sent."""

    name: str
    calls: list[Call]
    path: str | None = None
    content: Any = None
    answer: dict[str, Any] = field(default_factory=dict)
    carrier_requests: int = 0
    method: str = "POST"

    @property
    def round_trips(self) -> int:
        """HTTP requests to AWS."""
        return sum(call.round_trips for call in self.calls)

    @property
    def units(self) -> Units:
        """Capacity of all calls together."""
        return sum((call.units for call in self.calls), Units())

    @property
    def largest_item(self) -> int:
        """Bytes."""
        return max((size for call in self.calls for size in call.sizes), default=0)


def measured(
    world: World,
    client: Client,
    name: str,
    method: str,
    path: str,
    content: Any,
    *,
    again: bool = True,
) -> Measured:
    """A request, with what it takes. Not made `again` for its CPU where that would be another one,
    reads what no answer is recorded of, or asks AWS nothing: there is no bare call."""
    with world.meter.recording() as calls:
        answer = client.send(path, content, method=method)
    return Measured(name, calls, path if again and calls else None, content, answer, method=method)


class Operations:
    """Brings about and measures. Needs an app with at least ten numbers."""

    def __init__(self, world: World, client: Client, *, cleaned: Client) -> None:
        self._world = world
        self._client = client
        self._cleaned = cleaned
        self._people = (f"86100{each:08d}" for each in count(20_000_001))
        self._number = ""

    def primers(self) -> list[Measured]:
        """The first requests of a process: with the calls that fill its caches."""
        bound = self._axb("first bind", "bind", self._bind_parameters())
        ended = self._call_ended(bound)
        self._number = bound.answer["phoneX"]
        return [bound, self._post("first event", "/switch/events", [ended])]

    def all(self) -> Iterator[Measured]:
        """Every operation of the report."""
        usual = self._axb("bind", "bind", self._bind_parameters())
        yield usual
        largest = self._axb(
            "bind, largest request", "bind", self._bind_parameters(userData=LONGEST_USER_DATA)
        )
        yield largest
        yield self._conflicting_bind()
        yield self._repeated_bind()
        yield self._axb("delay", "delay", self._id(usual) | {"delta": 5})
        yield self._axb("delay, largest request", "delay", self._id(largest) | {"delta": 5})
        yield self._axb("query by bindId", "query", self._id(usual) | {"opType": 1})
        number = usual.answer["phoneX"]
        yield self._axb("query by X", "query", {"opType": 0, "phoneX": number})
        yield self._route("route, connect", usual.content["phoneA"], number)
        yield self._route("route, third party", next(self._people), number)
        yield self._route("route, unknown X", next(self._people), "86100999")
        yield from self._events()
        yield self._axb("unbind", "unbind", self._id(usual))
        yield self._clean()

    def _events(self) -> Iterator[Measured]:
        """Of one call about a number whose owner is known from an event before; then the workers'
        part, and what an app looks up."""
        bound = self._axb("known", "bind", self._bind_parameters(phoneX=self._number))
        ended = self._call_ended(bound)
        started = ended | {"event_id": "start", "type": "call.started", "at": ended["at"] - 60_000}
        yield self._post("store the start of a call", "/switch/events", [started])
        yield self._post("store an event", "/switch/events", [ended])
        yield self._deliver("deliver an event", status=200)
        message = ended | {"call_id": "a message", "type": "sms.sent", "result": "ok"}
        self._client.send("/switch/events", [message])
        yield self._deliver("deliver an event, refused", status=500)
        yield self._records(bound.answer["phoneX"])
        yield self._follow_up()

    def _bind_parameters(self, **more: Any) -> dict[str, Any]:
        people = {"phoneA": next(self._people), "phoneB": next(self._people)}
        return people | {"expiration": MINUTES, "userData": "order 4711", **more}

    def _id(self, bound: Measured) -> dict[str, Any]:
        return {"bindId": bound.answer["bindId"]}

    def _axb(self, name: str, call: str, parameters: dict[str, Any]) -> Measured:
        measured = self._post(name, f"/smallphone/axb/{call}", parameters)
        if measured.answer["code"] != 200:
            raise Failed(f"{name}: code {measured.answer['code']}")
        return measured

    def _route(self, name: str, caller: str, number: Any) -> Measured:
        asked = {"call_id": "bench-1", "kind": "call", "from": caller, "to": number}
        measured = self._post(name, "/switch/route", asked)
        if measured.answer["action"] != ("connect" if name.endswith("connect") else "reject"):
            raise Failed(f"{name}: {measured.answer['action']}")
        return measured

    def _post(self, name: str, path: str, content: Any) -> Measured:
        return measured(self._world, self._client, name, "POST", path, content)

    def _conflicting_bind(self) -> Measured:
        """The pair's first number is given to one of the two and a stranger, just before."""
        parameters = self._bind_parameters()
        first = self._client.ask("bind", **parameters)
        self._client.ask("unbind", bindId=first["bindId"])
        self._world.cooled(first["phoneX"])
        stranger = {"phoneB": next(self._people), "phoneX": first["phoneX"]}
        self._client.ask("bind", **(parameters | stranger))
        measured = self._axb("bind, one number taken", "bind", parameters)
        if measured.answer["phoneX"] == first["phoneX"]:
            raise Failed("the number that was taken was given out")
        return measured

    def _repeated_bind(self) -> Measured:
        event = self._client.event("/smallphone/axb/bind", self._bind_parameters())
        first = self._client.handle(event)
        with self._world.meter.recording() as calls:
            again = self._client.handle(event)
        if first != again:
            raise Failed("a repeat got another answer")
        return Measured("bind, repeated", calls)

    def _call_ended(self, bound: Measured) -> dict[str, Any]:
        parties = bound.content
        return {
            "event_id": f"{bound.name}-1",
            "type": "call.ended",
            "call_id": bound.name,
            "binding": bound.answer["bindId"],
            "from": parties["phoneA"],
            "to": bound.answer["phoneX"],
            "callee": parties["phoneB"],
            "at": CALL_AT_S * 1000,
            "reason": 16,
            "released_by": "caller",
        }

    def _deliver(self, name: str, *, status: int) -> Measured:
        """The worker's part: what was announced last, to a receiver that answers this."""
        from chalicelib.jobs.deliver import deliver_events
        from chalicelib.wiring.gateway import gateway

        (message,) = self._world.announced(newest=1)
        receiver = self._world.receiver
        receiver.status, before = status, receiver.taken
        with self._world.meter.recording() as calls:
            again = deliver_events(gateway(), {"1": message}, queue="fast")
        if again or receiver.taken != before + 1:
            raise Failed("the callback did not arrive")
        return Measured(name, calls)

    def _records(self, number: str) -> Measured:
        """What an app is shown of an X: two calls."""
        from chalicelib.core.calls.search import Search
        from chalicelib.wiring.gateway import gateway

        search = Search(self._client.name, since=0, until=2**42, number=number)
        with self._world.meter.recording() as calls:
            found = gateway().shared(Records).archive.find(search, limit=20, now=0)
        if len(found.entries) < 2:
            raise Failed(f"{len(found.entries)} calls found")
        return Measured(f"records of an X, {len(found.entries)}", calls)

    def _follow_up(self) -> Measured:
        """The schedule when nothing is due."""
        from chalicelib.wiring.gateway import gateway

        with self._world.meter.recording() as calls:
            gateway().shared(schedules.follow_up).run(now=1, time_left=lambda: True)
        return Measured("follow up, nothing due", calls)

    def _clean(self) -> Measured:
        """Twenty bindings that run out in a minute, cleaned by a clock that is ahead."""
        from chalicelib.services.bindings.clean_expired import LATER_MS
        from chalicelib.wiring.gateway import gateway

        for _ in range(CLEANED):
            self._cleaned.ask("bind", **self._bind_parameters(expiration=1))
        later = time.time_ns() // 1_000_000 + 120_000 + LATER_MS
        with self._world.meter.recording() as calls:
            done = gateway().cleaner.clean(now=later, time_left=lambda: True)
        if done != CLEANED:
            raise Failed(f"cleaned {done}")
        return Measured(f"clean {CLEANED}", calls)
