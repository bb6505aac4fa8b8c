"""The paths that carriers call."""

from chalice.app import Blueprint, Response

from chalicelib.api.http import ANY, answer
from chalicelib.wiring.gateway import gateway

routes = Blueprint(__name__)


@routes.route("/callbacks/netease/{account}", **ANY)
def netease_callback(account: str) -> Response:
    receiver = gateway().netease_receiver
    handle = receiver.receive(account)
    return answer("netease.callback", routes.current_request, receiver, handle)


@routes.route("/callbacks/interline/{account}/{token}/cdr", **ANY)
def interline_cdr(account: str, token: str) -> Response:
    return _interline(account, token, "cdr")


@routes.route("/callbacks/interline/{account}/{token}/start", **ANY)
def interline_start(account: str, token: str) -> Response:
    return _interline(account, token, "start")


def _interline(account: str, token: str, address: str) -> Response:
    receiver = gateway().interline_receiver
    handle = receiver.receive(account, token, address)
    return answer("interline.callback", routes.current_request, receiver, handle)
