"""What describes the API itself: the OpenAPI document, a page for people, its health."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.clock import making
from chalicelib.core.errors import GatewayError
from chalicelib.core.messages import Request
from chalicelib.rest.openapi import document
from chalicelib.rest.operations import Answer, Resource, Result, operation
from chalicelib.rest.page import SECURITY, page
from chalicelib.rest.problems import UNAVAILABLE, Failure
from chalicelib.schema.types import Json, Member, shape
from chalicelib.schema.values import choice

HEALTHY_S = 5.0
"""How long a process keeps what it found out about its health."""
CACHED: Mapping[str, str] = {"Cache-Control": "public, max-age=300"}

_ETAG = {"ETag": "Send it as If-None-Match: 304 says that nothing has changed."}


class Description(Resource):
    """Answers everybody, without authentication. `check` raises GatewayError while the table or the
    data keys can't be read."""

    name = "description"
    text = "The API itself."

    def __init__(
        self, check: Callable[[], None], monotonic: Callable[[], float], described: Iterable[Any]
    ) -> None:
        self._check = check
        self._monotonic = monotonic
        self._resources = [*described, Description]
        self._checked: float | None = None
        self._healthy = False
        self._texts: dict[Callable[[dict[str, Any]], str], tuple[str, str]] = {}

    def _written(self, write: Callable[[dict[str, Any]], str]) -> tuple[str, str]:
        """The document as this function writes it, and its ETag; made once a process."""
        with making:
            if write not in self._texts:
                text = write(document(self._resources))
                etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
                self._texts[write] = text, etag
            return self._texts[write]

    @operation(
        "GET",
        "/v1/openapi.json",
        "This document",
        {
            200: Answer(None, "OpenAPI 3.1.", _ETAG, media_type="application/json"),
            304: Answer(None, "It has not changed."),
        },
        public=True,
    )
    def openapi(self, request: Request) -> Result:
        """The same for everybody."""
        return _cached(request, *self._written(_as_json))

    @operation(
        "GET",
        "/docs",
        "The same for people",
        {
            200: Answer(None, "A page that loads nothing else.", _ETAG, media_type="text/html"),
            304: Answer(None, "It has not changed."),
        },
        public=True,
    )
    def docs(self, request: Request) -> Result:
        """Loads nothing, from nowhere."""
        return _cached(request, *self._written(page), more=SECURITY)

    @operation(
        "GET",
        "/v1/health",
        "Whether requests can be answered",
        {
            200: Answer(
                shape("Health", {"status": Member(choice(["ok"]), "")}),
                "The table and the data keys can be read.",
            )
        },
        problems=(UNAVAILABLE,),
        public=True,
    )
    def health(self, _: Request) -> Json:
        """Raises Failure, which says nothing of what is wrong."""
        moment = self._monotonic()
        if self._checked is None or moment - self._checked >= HEALTHY_S:
            self._healthy = self._is_healthy()
            self._checked = moment
        if not self._healthy:
            raise Failure(UNAVAILABLE)
        return {"status": "ok"}

    def _is_healthy(self) -> bool:
        try:
            self._check()
        except GatewayError:
            return False
        return True


def _as_json(described: dict[str, Any]) -> str:
    return json.dumps(described, ensure_ascii=False)


def _cached(
    request: Request, text: str, etag: str, *, more: Mapping[str, str] | None = None
) -> Result:
    headers = {**CACHED, "ETag": etag, **(more or {})}
    known = [each.strip().removeprefix("W/") for each in _if_none_match(request).split(",")]
    if etag in known or "*" in known:
        return Result(304, None, headers)
    return Result(200, text, headers)


def _if_none_match(request: Request) -> str:
    return request.headers.get("if-none-match", "")
