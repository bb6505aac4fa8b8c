"""NetEase's paths."""

from collections.abc import Callable
from functools import partial

from chalice.app import Blueprint, Response

from chalicelib.api.http import ANY, answer
from chalicelib.core.messages import Reply, Request
from chalicelib.wiring.gateway import gateway

routes = Blueprint(__name__)


def _answer(operation: str, handle: Callable[[Request, int], Reply]) -> Response:
    return answer(operation, routes.current_request, gateway().authenticator, handle)


@routes.route("/smallphone/axb/bind", **ANY)
def axb_bind() -> Response:
    return _answer("axb.bind", gateway().axb.bind)


@routes.route("/smallphone/axb/unbind", **ANY)
def axb_unbind() -> Response:
    return _answer("axb.unbind", gateway().axb.unbind)


@routes.route("/smallphone/axb/delay", **ANY)
def axb_delay() -> Response:
    return _answer("axb.delay", gateway().axb.delay)


@routes.route("/smallphone/axb/query", **ANY)
def axb_query() -> Response:
    return _answer("axb.query", gateway().axb.query)


@routes.route("/call/ecp/startcall.action", **ANY)
def ecp_startcall() -> Response:
    return _answer("ecp.startcall", gateway().ecp.startcall)


@routes.route("/call/ecp/startconf.action", **ANY)
def ecp_startconf() -> Response:
    return _answer("ecp.startconf", gateway().ecp.startconf)


@routes.route("/call/ecp/queryBySession.action", **ANY)
def ecp_query() -> Response:
    return _answer("ecp.query", gateway().ecp.query)


@routes.route("/phoneauth/login/getMobile", **ANY)
def login_number() -> Response:
    return _answer("login.number", gateway().phone_login.number)


@routes.route("/nimserver/user/create.action", **ANY)
def im_create() -> Response:
    return _answer("im.create", gateway().im.create)


# API Gateway does not go back to a variable part once a fixed one (`user`, above) matched.
@routes.route("/nimserver/user/{action}", **ANY)
@routes.route("/nimserver/{resource}/{action}", **ANY)
def im_relay(action: str, resource: str = "user") -> Response:
    return _answer("im.relay", partial(gateway().im.relay, resource, action))
