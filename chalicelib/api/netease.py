"""NetEase's paths."""

from chalice.app import Blueprint, Response

from chalicelib.api.http import ANY, answer
from chalicelib.bootstrap import gateway

routes = Blueprint(__name__)


@routes.route("/smallphone/axb/bind", **ANY)
def axb_bind() -> Response:
    axb = gateway().axb
    return answer("axb.bind", routes.current_request, axb, axb.bind)


@routes.route("/smallphone/axb/unbind", **ANY)
def axb_unbind() -> Response:
    axb = gateway().axb
    return answer("axb.unbind", routes.current_request, axb, axb.unbind)


@routes.route("/smallphone/axb/delay", **ANY)
def axb_delay() -> Response:
    axb = gateway().axb
    return answer("axb.delay", routes.current_request, axb, axb.delay)


@routes.route("/smallphone/axb/query", **ANY)
def axb_query() -> Response:
    axb = gateway().axb
    return answer("axb.query", routes.current_request, axb, axb.query)
