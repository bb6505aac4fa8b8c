"""Turns Chalice's request into ours and our reply into Chalice's; the only place that does."""

from typing import Any

import chalice.app

from chalicelib.carriers.facade import IncomingRequest, Route
from chalicelib.core.messages import Request
from chalicelib.telemetry import correlate, count_request, log_fault, log_request, safe_id
from chalicelib.wiring.api import api

REQUEST_ID = "X-Request-Id"


def answer(
    app: chalice.app.Chalice, facade_name: str, route: Route, /, **path: str
) -> chalice.app.Response:
    """Lets the facade or receiver of this name answer the app's current request, counts the answer
    and logs one line, unless the reply wants none. Lines and answer carry the client's
    X-Request-Id, if that is safe, else API Gateway's id of the request."""
    request: Any = app.current_request
    ours = api()
    facade, now_ms = ours.facade(facade_name), ours.runtime.now_ms
    began = now_ms()
    sent = request.headers.get(REQUEST_ID)
    safe = sent if sent and safe_id(sent) else None
    request_id = safe or request.context.get("requestId") or ours.runtime.new_id()
    correlate(request_id)
    incoming = IncomingRequest(route, _ours(request), path, began)
    try:
        reply = facade.answer(incoming)
    except Exception as error:  # noqa: BLE001 - the last resort: no stack trace goes out
        log_fault(incoming.operation, error)
        reply = facade.fault()
    if reply.facts is None:
        count_request(incoming.operation, reply.answered)
    else:
        ms = now_ms() - began
        facts = {name: each for name, each in reply.facts.items() if name != "operation"}
        log_request(incoming.operation, reply.answered, ms=ms, **facts)
    headers: dict[str, Any] = {
        "Content-Type": "application/json",
        **reply.headers,
        REQUEST_ID: request_id,
    }
    return chalice.app.Response(body=reply.body, status_code=reply.status, headers=headers)


def _ours(request: chalice.app.Request) -> Request:
    event = request.to_original_event()
    query: dict[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    return Request(
        method=request.method,
        headers={
            name.lower(): value if value.isascii() else _unicode(value)
            for name, value in (event.get("headers") or {}).items()
        },
        query=tuple(
            (_unicode(name), _unicode(value)) for name, values in query.items() for value in values
        ),
        body=_body(request, event),
        source=(event.get("requestContext", {}).get("identity") or {}).get("sourceIp") or "",
    )


def _unicode(text: str) -> str:
    """`text` with U+FFFD for each half of a surrogate pair, which no encoding can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _body(request: chalice.app.Request, event: dict[str, Any]) -> bytes:
    body = event.get("body")
    if isinstance(body, str) and not event.get("isBase64Encoded"):
        # Half a surrogate pair can stand in an event's JSON; it stays what it is: not UTF-8.
        return body.encode(errors="surrogatepass")
    raw = request.raw_body
    return raw if isinstance(raw, bytes) else raw.encode()
