"""API Gateway's own answers, for what never reaches our code, in the facade's shape."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Response:
    """`code` is of the NetEase documents; `status` is HTTP's, None for API Gateway's own.

    The facade says 200 to nearly everything. Here the status stays what it is (400 for what is
    malformed, as the facade does): a switch goes by it, and would lose events that it believes
    stored.
    """

    code: int
    desc: str
    status: str | None = None

    @property
    def templates(self) -> dict[str, str]:
        """Body by content type; API Gateway falls back to JSON for any other."""
        return {"application/json": json.dumps({"desc": self.desc, "code": self.code})}

    def fields(self) -> dict[str, Any]:
        """As `put_gateway_response` and `x-amazon-apigateway-gateway-responses` both name them."""
        status = {"statusCode": self.status} if self.status else {}
        return {"responseTemplates": self.templates, **status}


# By the types of API Gateway's developer guide ("Gateway response types", November 2026).
RESPONSES = {
    # A path deeper than our catch-all routes, or a method that no route has, ends in the first.
    "MISSING_AUTHENTICATION_TOKEN": Response(404, "unknown path", status="400"),
    "RESOURCE_NOT_FOUND": Response(404, "unknown path", status="400"),
    # An Authorization header in the form of AWS's own signature, which no route asks for.
    "INVALID_SIGNATURE": Response(414, "bad http header", status="400"),
    "BAD_REQUEST_BODY": Response(414, "bad body", status="400"),
    "BAD_REQUEST_PARAMETERS": Response(414, "bad parameter", status="400"),
    "REQUEST_TOO_LARGE": Response(414, "body too large", status="400"),
    "UNSUPPORTED_MEDIA_TYPE": Response(414, "bad content type", status="400"),
    "ACCESS_DENIED": Response(403, "forbidden"),
    "WAF_FILTERED": Response(403, "forbidden"),
    "THROTTLED": Response(416, "too many requests"),
    "QUOTA_EXCEEDED": Response(416, "too many requests"),
    # The function crashed, took too long, or there are as many of it as the account allows.
    "INTEGRATION_FAILURE": Response(514, "service unavailable"),
    "INTEGRATION_TIMEOUT": Response(514, "service unavailable"),
    "DEFAULT_4XX": Response(414, "bad request", status="400"),
    "DEFAULT_5XX": Response(500, "internal error"),
}


def put_gateway_responses(client: Any, *, api: str, api_stage: str) -> None:
    """Sets them all and deploys the API once more: until then the old ones are served."""
    for kind, response in RESPONSES.items():
        client.put_gateway_response(restApiId=api, responseType=kind, **response.fields())
    client.create_deployment(
        restApiId=api, stageName=api_stage, description="with the gateway's own responses"
    )
