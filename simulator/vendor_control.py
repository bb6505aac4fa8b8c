"""The control side that all vendors have: what they were asked, faults, the clock, callbacks."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from simulator import vendor_server
from simulator.clock import MovableClock, Now
from simulator.routes import Asked, Refused, Reply, Route, route

if TYPE_CHECKING:
    from simulator.vendors import Bound


class Callbacks(Protocol):
    """What a vendor has sent."""

    def resend(self, last: int, *, reverse: bool) -> list[bool]:
        """Sends the last so many once more; whether each was taken."""
        ...


class Vendor(vendor_server.Vendor, Protocol):
    """What can be told to any vendor."""

    @property
    def clock(self) -> Now:
        """By which its bindings expire."""
        ...

    @property
    def callbacks(self) -> Callbacks:
        """How it tells its customer."""
        ...

    def held(self) -> "list[Bound]":
        """What is live, oldest first."""
        ...


def routes(name: str, vendor: Vendor) -> list[Route]:
    """The requests below `/<name>` of the simulator's server."""
    control = _Control(vendor)
    return [
        route("GET", f"/{name}/held", tells(lambda: [asdict(each) for each in vendor.held()])),
        route("GET", f"/{name}/requests", tells(lambda: dict(vendor.requests))),
        route("GET", f"/{name}/faults", tells(vendor.faults.left)),
        route("PUT", f"/{name}/faults", control.break_down),
        route("DELETE", f"/{name}/faults", control.repair),
        route("GET", f"/{name}/clock", tells(control.time)),
        route("POST", f"/{name}/clock", control.advance),
        route("POST", f"/{name}/callbacks", control.resend),
    ]


def tells(what: Callable[[], Any]) -> Callable[[Asked], Reply]:
    """A function for a route that only asks."""
    return lambda _: (200, what())


class _Control:
    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def break_down(self, asked: Asked) -> Reply:
        body = asked.json_of("path", "kind", "times")
        self._vendor.faults.add(body.get("path"), body.get("kind"), body.get("times"))
        return 200, self._vendor.faults.left()

    def repair(self, asked: Asked) -> Reply:
        self._vendor.faults.clear()
        return 200, self._vendor.faults.left()

    def time(self) -> dict[str, int]:
        return {"now_ms": self._vendor.clock.now_ms}

    def advance(self, asked: Asked) -> Reply:
        seconds, clock = asked.json_of("advance_s").get("advance_s"), self._vendor.clock
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Refused(400, "advance_s must be a number of seconds")
        if not isinstance(clock, MovableClock):
            raise Refused(409, "this clock is moved by somebody else")
        clock.advance(seconds)
        return 200, self.time()

    def resend(self, asked: Asked) -> Reply:
        body = asked.json_of("last", "reverse")
        last, reverse = body.get("last", 1), body.get("reverse", False)
        if isinstance(last, bool) or not isinstance(last, int) or last < 1:
            raise Refused(400, "last must be a number of callbacks, at least 1")
        if not isinstance(reverse, bool):
            raise Refused(400, "reverse must be true or false")
        taken = self._vendor.callbacks.resend(last, reverse=reverse)
        return 200, {"sent": len(taken), "accepted": sum(taken)}
