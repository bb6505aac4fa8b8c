"""NetEase's control side: tokens, and what it holds."""

from simulator import vendor_control
from simulator.netease.vendor import Vendor
from simulator.routes import Asked, Reply, Route, route
from simulator.vendor_control import tells


def routes(vendor: Vendor) -> list[Route]:
    """The requests below `/netease` of the simulator's server."""

    def token(asked: Asked) -> Reply:
        body = asked.json_of("phone", "operator")
        return 200, vendor.login.make(body.get("phone"), body.get("operator", "mobile"))

    return [
        route("POST", "/netease/tokens", token),
        route("GET", "/netease/bindings", tells(vendor.privacy.all)),
        route("GET", "/netease/calls", tells(vendor.calls.all)),
        route(
            "POST",
            "/netease/check_address",
            tells(lambda: {"ok": vendor.callbacks.check_address()}),
        ),
        *vendor_control.routes("netease", vendor),
    ]
