"""API Gateway's own answers, for what never reaches our code, in the shape of every facade."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Response:
    """`code` is of the NetEase documents, `error` of the interline document; `status` is HTTP's,
    None for API Gateway's own.

    API Gateway can't tell by the path whose client asks, so each finds its own members in the body.
    The facades say 200 to nearly everything. Here the status stays what it is (400 for what is
    malformed, as NetEase's does): a switch goes by it, and would lose events that it believes
    stored.
    """

    desc: str
    code: int
    error: int
    status: str | None = None

    @property
    def templates(self) -> dict[str, str]:
        """Body by content type; API Gateway falls back to JSON for any other."""
        netease = {"desc": self.desc, "code": self.code}
        interline = {"error": self.error, "reason": self.desc}
        return {"application/json": json.dumps({**netease, **interline})}

    def fields(self) -> dict[str, Any]:
        """As `put_gateway_response` and `x-amazon-apigateway-gateway-responses` both name them."""
        status = {"statusCode": self.status} if self.status else {}
        return {"responseTemplates": self.templates, **status}


# By the types of API Gateway's developer guide ("Gateway response types", November 2026).
RESPONSES = {
    # A path deeper than our catch-all routes, or a method that no route has, ends in the first.
    "MISSING_AUTHENTICATION_TOKEN": Response("unknown path", code=404, error=1001, status="400"),
    "RESOURCE_NOT_FOUND": Response("unknown path", code=404, error=1001, status="400"),
    # An Authorization header that is no signature of AWS's, where no route is: Keytime, say.
    "INVALID_SIGNATURE": Response(
        "unknown path or bad http header", code=414, error=1001, status="400"
    ),
    "BAD_REQUEST_BODY": Response("bad body", code=414, error=1002, status="400"),
    "BAD_REQUEST_PARAMETERS": Response("bad parameter", code=414, error=1002, status="400"),
    "REQUEST_TOO_LARGE": Response("body too large", code=414, error=1002, status="400"),
    "UNSUPPORTED_MEDIA_TYPE": Response("bad content type", code=414, error=1002, status="400"),
    "ACCESS_DENIED": Response("forbidden", code=403, error=1104),
    "WAF_FILTERED": Response("forbidden", code=403, error=1104),
    "THROTTLED": Response("too many requests", code=416, error=1105),
    "QUOTA_EXCEEDED": Response("too many requests", code=416, error=1105),
    # The function crashed, took too long, or there are as many of it as the account allows.
    "INTEGRATION_FAILURE": Response("service unavailable", code=514, error=1500),
    "INTEGRATION_TIMEOUT": Response("service unavailable", code=514, error=1500),
    "DEFAULT_4XX": Response("bad request", code=414, error=1002, status="400"),
    "DEFAULT_5XX": Response("internal error", code=500, error=1500),
}


def put_gateway_responses(client: Any, *, api: str, api_stage: str) -> None:
    """Sets them all and deploys the API once more: until then the old ones are served."""
    for kind, response in RESPONSES.items():
        client.put_gateway_response(restApiId=api, responseType=kind, **response.fields())
    client.create_deployment(
        restApiId=api, stageName=api_stage, description="with the gateway's own responses"
    )
