"""Our own paths: records, recordings, dead events, exports."""

from collections.abc import Callable
from functools import partial

from chalice.app import Blueprint, Response

from chalicelib.api.http import ANY, answer
from chalicelib.core.messages import Reply, Request
from chalicelib.wiring.gateway import gateway

routes = Blueprint(__name__)


def _answer(operation: str, handle: Callable[[Request, int], Reply]) -> Response:
    return answer(operation, routes.current_request, gateway().rest_authenticator, handle)


@routes.route("/v1/records", **ANY)
def records() -> Response:
    return _answer("history.records", gateway().own.records)


@routes.route("/v1/records/search", **ANY)
def search() -> Response:
    return _answer("history.search", gateway().own.search)


@routes.route("/v1/records/{record_id}", **ANY)
def record(record_id: str) -> Response:
    return _answer("history.record", partial(gateway().own.record, record_id))


@routes.route("/v1/recordings/{event_id}", **ANY)
def recording(event_id: str) -> Response:
    return _answer("history.recording", partial(gateway().own.recording, event_id))


@routes.route("/v1/events", **ANY)
def events() -> Response:
    return _answer("history.events", gateway().own.events)


@routes.route("/v1/events/redeliver", **ANY)
def redeliver_all() -> Response:
    return _answer("history.redeliver_all", gateway().own.redeliver_all)


@routes.route("/v1/events/{event_id}/redeliver", **ANY)
def redeliver(event_id: str) -> Response:
    return _answer("history.redeliver", partial(gateway().own.redeliver, event_id))


@routes.route("/v1/exports", **ANY)
def exports() -> Response:
    return _answer("history.exports", gateway().exports.exports)


@routes.route("/v1/exports/{export_id}", **ANY)
def export(export_id: str) -> Response:
    return _answer("history.export", partial(gateway().exports.export, export_id))
