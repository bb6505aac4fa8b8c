"""interline's control side: what it holds, how calls end, and how its account is set."""

from typing import Any

from simulator import vendor_control
from simulator.interline.vendor import Vendor
from simulator.routes import Asked, Refused, Reply, Route, route
from simulator.vendor_control import tells

SETTINGS: dict[str, tuple[type, ...]] = {
    "json": (bool,),
    "overlap": (bool,),
    "state": (int,),
    "role": (str,),
    "balance": (int, float),
    "overdraft": (int, float),
}
"""What may be set of an account, and as what."""


def routes(vendor: Vendor) -> list[Route]:
    """The requests below `/interline` of the simulator's server."""
    control = _Control(vendor)
    return [
        route("GET", "/interline/bindings", tells(vendor.bindings.all)),
        route("DELETE", "/interline/bindings", tells(lambda: {"deleted": vendor.bindings.clear()})),
        route("GET", "/interline/results", tells(vendor.results.left)),
        route("PUT", "/interline/results", control.force),
        route("DELETE", "/interline/results", control.let_go),
        route("GET", "/interline/account", tells(control.settings)),
        route("PUT", "/interline/account", control.set),
        *vendor_control.routes("interline", vendor),
    ]


class _Control:
    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def force(self, asked: Asked) -> Reply:
        self._vendor.results.add(asked.json_of("result", "releasedir", "x", "times"))
        return 200, self._vendor.results.left()

    def let_go(self, asked: Asked) -> Reply:
        self._vendor.results.clear()
        return 200, self._vendor.results.left()

    def settings(self) -> dict[str, Any]:
        return {name: getattr(self._vendor.account, name) for name in SETTINGS}

    def set(self, asked: Asked) -> Reply:
        changes = asked.json_of(*SETTINGS)
        for name, value in changes.items():
            wanted = SETTINGS[name]
            if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
                raise Refused(400, f"{name} must be of type {wanted[0].__name__}")
        for name, value in changes.items():
            setattr(self._vendor.account, name, value)
        return 200, self.settings()
