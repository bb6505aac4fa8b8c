"""Paths that don't exist, answered in the shape of whoever lives nearest."""

from chalice.app import Blueprint, Response

from chalicelib.api.http import ANY, answer
from chalicelib.wiring.gateway import gateway

routes = Blueprint(__name__)

INTERLINE = ("api", "igw")
"""Whatever begins with these belongs to interline, as deep as it may be."""


@routes.route("/", **ANY)
@routes.route("/{one}", **ANY)
@routes.route("/{one}/{two}", **ANY)
@routes.route("/{one}/{two}/{three}", **ANY)
@routes.route("/{one}/{two}/{three}/{four}", **ANY)
@routes.route("/{one}/{two}/{three}/{four}/{five}", **ANY)
@routes.route("/smallphone/{two}", **ANY)
@routes.route("/smallphone/axb/{three}", **ANY)
@routes.route("/call/{two}", **ANY)
@routes.route("/call/ecp/{three}", **ANY)
@routes.route("/phoneauth/{two}", **ANY)
@routes.route("/phoneauth/login/{three}", **ANY)
@routes.route("/nimserver/{resource}", **ANY)
def unknown_path(one: str = "", **_: str) -> Response:
    authenticator = (
        gateway().interline_authenticator if one in INTERLINE else gateway().authenticator
    )
    return answer(
        "unknown", routes.current_request, authenticator, lambda *_: authenticator.unknown_path()
    )


@routes.route("/api/{two}", **ANY)
@routes.route("/api/v1/{three}", **ANY)
@routes.route("/api/v1/account/{four}", **ANY)
@routes.route("/igw/{two}", **ANY)
@routes.route("/igw/service/{three}", **ANY)
@routes.route("/igw/service/uc/{four}", **ANY)
@routes.route("/igw/service/uc/interline/{number}/{six}", **ANY)
def unknown_interline_path(**_: str) -> Response:
    authenticator = gateway().interline_authenticator
    return answer(
        "unknown", routes.current_request, authenticator, lambda *_: authenticator.unknown_path()
    )


@routes.route("/v1", **ANY)
@routes.route("/v1/{two}", **ANY)
@routes.route("/v1/{two}/{three}", **ANY)
@routes.route("/v1/{two}/{three}/{four}", **ANY)
@routes.route("/v1/{two}/{three}/{four}/{five}", **ANY)
@routes.route("/v1/records/search/{four}", **ANY)
@routes.route("/v1/records/{record_id}/{four}", **ANY)
@routes.route("/v1/recordings", **ANY)
@routes.route("/v1/recordings/{event_id}/{four}", **ANY)
@routes.route("/v1/events/redeliver/{four}", **ANY)
@routes.route("/v1/events/{event_id}", **ANY)
@routes.route("/v1/events/{event_id}/{four}", **ANY)
@routes.route("/v1/exports/{export_id}/{four}", **ANY)
def unknown_own_path(**_: str) -> Response:
    authenticator = gateway().rest_authenticator
    return answer(
        "unknown", routes.current_request, authenticator, lambda *_: authenticator.unknown_path()
    )


@routes.route("/switch/{two}", **ANY)
def unknown_switch_path(**_: str) -> Response:
    switchboard = gateway().switchboard
    return answer(
        "unknown", routes.current_request, switchboard, lambda *_: switchboard.unknown_path()
    )
