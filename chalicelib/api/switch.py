"""The paths that a switch calls."""

from chalice.app import Blueprint, Response

from chalicelib.api.http import ANY, answer
from chalicelib.wiring.gateway import gateway

routes = Blueprint(__name__)


@routes.route("/switch/route", **ANY)
def switch_route() -> Response:
    switchboard = gateway().switchboard
    return answer("switch.route", routes.current_request, switchboard, switchboard.route)


@routes.route("/switch/events", **ANY)
def switch_events() -> Response:
    switchboard = gateway().switchboard
    return answer("switch.events", routes.current_request, switchboard, switchboard.events)
