"""interline's paths."""

from collections.abc import Callable
from functools import partial

from chalice.app import Blueprint, Response

from chalicelib.api.http import ANY, answer
from chalicelib.core.messages import Reply, Request
from chalicelib.wiring.gateway import gateway

routes = Blueprint(__name__)


def _answer(operation: str, handle: Callable[[Request, int], Reply]) -> Response:
    return answer(operation, routes.current_request, gateway().interline_authenticator, handle)


@routes.route("/api/v1/account/status", **ANY)
def account() -> Response:
    return _answer("interline.account", gateway().interline.account)


@routes.route("/igw/service/uc/interline", **ANY)
def bindings() -> Response:
    return _answer("interline.bindings", gateway().interline.bindings)


@routes.route("/igw/service/uc/interline/{number}", **ANY)
def binding(number: str) -> Response:
    return _answer("interline.binding", partial(gateway().interline.binding, number))


@routes.route("/igw/service/uc/interline/{number}/transfer", **ANY)
def transfer(number: str) -> Response:
    return _answer("interline.transfer", partial(gateway().interline.transfer, number))
