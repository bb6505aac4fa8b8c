"""The vendor's control side: tokens, faults, the clock, and what it holds and was asked."""

from collections.abc import Callable
from typing import Any

from simulator.clock import MovableClock
from simulator.netease.vendor import Vendor
from simulator.routes import Asked, Refused, Reply, Route, route


def routes(vendor: Vendor) -> list[Route]:
    """The requests below `/netease` of the simulator's server."""
    control = _Control(vendor)
    return [
        route("POST", "/netease/tokens", control.token),
        route("GET", "/netease/bindings", _tells(vendor.privacy.all)),
        route("GET", "/netease/calls", _tells(vendor.calls.all)),
        route("GET", "/netease/requests", _tells(lambda: dict(vendor.requests))),
        route("GET", "/netease/faults", _tells(vendor.faults.left)),
        route("PUT", "/netease/faults", control.break_down),
        route("DELETE", "/netease/faults", control.repair),
        route("GET", "/netease/clock", _tells(control.time)),
        route("POST", "/netease/clock", control.advance),
        route("POST", "/netease/check_address", _tells(control.check_address)),
        route("POST", "/netease/callbacks", control.resend),
    ]


class _Control:
    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def token(self, asked: Asked) -> Reply:
        body = asked.json_of("phone", "operator")
        return 200, self._vendor.login.make(body.get("phone"), body.get("operator", "mobile"))

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

    def check_address(self) -> dict[str, bool]:
        return {"ok": self._vendor.callbacks.check_address()}

    def resend(self, asked: Asked) -> Reply:
        body = asked.json_of("last", "reverse")
        last, reverse = body.get("last", 1), body.get("reverse", False)
        if isinstance(last, bool) or not isinstance(last, int) or last < 1:
            raise Refused(400, "last must be a number of callbacks, at least 1")
        if not isinstance(reverse, bool):
            raise Refused(400, "reverse must be true or false")
        taken = self._vendor.callbacks.resend(last, reverse=reverse)
        return 200, {"sent": len(taken), "accepted": sum(taken)}


def _tells(what: Callable[[], Any]) -> Callable[[Asked], Reply]:
    return lambda _: (200, what())
