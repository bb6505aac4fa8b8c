"""What a process may be at when it dies, and what the schedules make of it afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from chalicelib.core import errors
from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.core.bindings.model import MIN_COOLING_MS
from chalicelib.core.durations import DAY_MS
from chalicelib.store import clients
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import OVER_MS, Book, Died, Entry, keeper, keeping
from tests.attacks.swapping import SwappingBook, swapping
from tests.gateways import MINUTE, NOW, Backend, Stage, subscriber

A, B, C = (subscriber(i) for i in range(3))
COOLING_S = MIN_COOLING_MS // 1000
RENEWAL = NOW + DAY_MS * 3 // 4
LONG, SHORT = 3 * 1440, 10


@dataclass
class World:
    """One app with one number, whose carrier keeps its bindings in a book."""

    here: Stage
    app: Backend
    x: str
    book: Book
    bound: str = ""

    def instance(self) -> Gateway:
        gateway = self.here.instance()
        if isinstance(self.book, SwappingBook):
            swapping(gateway, self.book)
        else:
            keeping(gateway, self.book)
        return gateway

    def bind(self, gateway: Gateway, *, minutes: int = SHORT, now: int = NOW) -> dict[str, Any]:
        return self.app.bind(gateway, A, B, now=now, minutes=minutes, request_id="r")

    def shown(self, gateway: Gateway, *, now: int) -> list[dict[str, Any]]:
        found = self.app.call(gateway, "query", now=now, opType=0, phoneX=self.x)["bindInfos"]
        assert isinstance(found, list)
        return found


@contextmanager
def dying(gateway: Gateway, at: int) -> Iterator[list[str]]:
    """The process dies at its so-many-th step, from 0; lists the steps that it took. Steps are the
    moments before and after each call."""
    steps: list[str] = []

    def step(what: str) -> None:
        steps.append(what)
        if len(steps) > at:
            raise Died

    def before_table(**more: Any) -> None:
        step(f"before {more['event_name']}")

    def after_table(**more: Any) -> None:
        step(f"after {more['event_name']}")

    events = clients.dynamodb().meta.events
    events.register("before-call.dynamodb", before_table)
    events.register("after-call.dynamodb", after_table)
    own = keeper(gateway)
    own.before, own.after = (
        (lambda call: step(f"before {call}")),
        lambda call: step(f"after {call}"),
    )
    try:
        with suppress(Died):
            yield steps
    finally:
        events.unregister("before-call.dynamodb", before_table)
        events.unregister("after-call.dynamodb", after_table)
        own.before = own.after = lambda _: None


def bind(world: World, gateway: Gateway) -> None:
    world.bind(gateway)


def bind_refused(world: World, gateway: Gateway) -> None:
    people = frozenset((A, C))
    entry = Entry("theirs", ours="0" * 26, number=world.x, people=people, until=NOW + MINUTE)
    world.book.entries[entry.id] = entry
    world.bind(gateway)


def unbind(world: World, gateway: Gateway) -> None:
    world.app.call(gateway, "unbind", now=NOW, bindId=world.bound)


def delay(world: World, gateway: Gateway) -> None:
    world.app.call(gateway, "delay", now=NOW, bindId=world.bound, delta=60, request_id="d")


def renew(world: World, gateway: Gateway) -> None:
    gateway.shared(schedules.lease_jobs).run("lease", now=RENEWAL, time_left=lambda: True)


def renew_lost(world: World, gateway: Gateway) -> None:
    world.book.entries.clear()
    renew(world, gateway)


def settle(world: World, gateway: Gateway) -> None:
    gateway.shared(schedules.lease_jobs).run("pending", now=NOW + LOOK_MS, time_left=lambda: True)


def bound_for(minutes: int) -> Callable[[World], None]:
    def start(world: World) -> None:
        reply = world.bind(world.instance(), minutes=minutes)
        assert reply["code"] == 200
        world.bound = reply["bindId"]

    return start


def left_open(point: str, call: str) -> Callable[[World], None]:
    """An operation of a process that is dead already."""

    def fail(asked: str) -> None:
        if asked == call:
            raise errors.Unavailable("silence")

    def start(world: World) -> None:
        gateway = world.instance()
        if call != "bind":
            world.bound = world.bind(gateway)["bindId"]
        setattr(keeper(gateway), point, fail)
        (bind if call == "bind" else unbind)(world, gateway)

    return start


ACTIONS: dict[str, tuple[Callable[[World], None], Callable[[World, Gateway], None], int]] = {
    "bind": (lambda _: None, bind, NOW),
    "refused bind": (lambda _: None, bind_refused, NOW),
    "unbind": (bound_for(SHORT), unbind, NOW),
    "delay": (bound_for(SHORT), delay, NOW),
    "bind, sent again at once": (lambda _: None, bind, NOW),
    "unbind, sent again at once": (bound_for(SHORT), unbind, NOW),
    "delay, sent again at once": (bound_for(SHORT), delay, NOW),
    "renewal": (bound_for(LONG), renew, RENEWAL),
    "renewal of what the carrier lost": (bound_for(LONG), renew_lost, RENEWAL),
    "settling a bind that was done": (left_open("after", "bind"), settle, NOW + LOOK_MS),
    "settling a bind that was not": (left_open("before", "bind"), settle, NOW + LOOK_MS),
    "settling an unbind": (left_open("before", "release"), settle, NOW + LOOK_MS),
}


def recover(gateway: Gateway, *, now: int) -> int:
    """The schedules, each minute, until everything must be settled; when that is."""
    for _ in range(OVER_MS // MINUTE + 2):
        now += MINUTE
        for duty in ("pending", "lease"):
            gateway.shared(schedules.lease_jobs).run(duty, now=now, time_left=lambda: True)  # type: ignore[arg-type]
        gateway.cleaner.clean(now=now, time_left=lambda: True)
    return now


def agreed(world: World, gateway: Gateway, *, now: int) -> bool:
    at_carrier = [entry for entry in world.book.live(now=now) if entry.id != "theirs"]
    shown = world.shown(gateway, now=now)
    # The carrier keeps it for as long as the app was told, or for a lease, to a minute.
    until = {info["bindId"]: min(info["expireTime"], now + DAY_MS // 4) for info in shown}
    return sorted(entry.ours for entry in at_carrier) == sorted(until) and all(
        entry.until >= until[entry.ours] for entry in at_carrier
    )
