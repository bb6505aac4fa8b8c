"""What API Gateway hands to the function for a request (REST API, proxy integration)."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from app import app


class Context:
    """Lambda's context, as far as anybody looks at it."""

    function_name = "masking-gateway-test"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:masking-gateway-test"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Plenty."""
        return 110_000


def answer(event: Mapping[str, Any]) -> dict[str, Any]:
    """The function's response: `statusCode`, `headers`, `body`."""
    response: dict[str, Any] = app(dict(event), Context())
    return response


def event(
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Sequence[tuple[str, str]] = (),
    body: bytes | str | None = None,
    binary: bool = False,
) -> dict[str, Any]:
    """The event. Bytes that are not UTF-8 come with U+FFFD in their place, as API Gateway does it,
    unless the content type is one of the binary ones (`binary`)."""
    resource, parameters = _resource(path)
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    text: str | None
    if binary and isinstance(body, bytes):
        text = base64.b64encode(body).decode()
    else:
        text = body.decode(errors="replace") if isinstance(body, bytes) else body
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers) if headers else None,
        "multiValueHeaders": {k: [v] for k, v in headers.items()} if headers else None,
        "queryStringParameters": {k: v[-1] for k, v in values.items()} or None,
        "multiValueQueryStringParameters": values or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/test{path}",
            "stage": "test",
            "requestId": Context.aws_request_id,
            "identity": {"sourceIp": "127.0.0.1", "userAgent": None},
        },
        "body": text,
        "isBase64Encoded": binary and isinstance(body, bytes),
    }


def _resource(path: str) -> tuple[str, dict[str, str]]:
    """Which route API Gateway takes, a fixed part before a parameter; and what it captured."""
    parts = path.strip("/").split("/")
    found = []
    for route in app.routes:
        pattern = route.strip("/").split("/")
        if len(pattern) == len(parts) and all(
            have == want or (want.startswith("{") and have)
            for want, have in zip(pattern, parts, strict=True)
        ):
            captured = {
                want[1:-1]: have
                for want, have in zip(pattern, parts, strict=True)
                if want.startswith("{")
            }
            found.append((len(captured), route, captured))
    _, route, captured = min(found)
    return route, captured
