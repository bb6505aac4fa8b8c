"""Idempotency-Key: one request is carried out once, however often and at once it is sent."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from chalicelib.clock import Runtime
from chalicelib.core import errors
from chalicelib.core.messages import Reply
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.rest.operations import Context, Operation, Repeat
from chalicelib.rest.problems import CONFLICT, Failure
from chalicelib.schema.types import Invalid, Json, Wrong
from chalicelib.store.requests import WORKED_ON_MS, AnswerStore

HEADER = "Idempotency-Key"
WANTED = "must be 1 to 255 visible characters of ASCII"
WAIT_S = 8.0
"""How long a repeat waits for the first request's answer."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 0.5
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

CarryOut = Callable[[Context], tuple[Reply, Json]]
"""Carries a request out; returns the reply, and its members as they may be kept."""


class Idempotency:
    """Keeps first answers, sealed and without secrets, for a day.

    A request with a key first claims the key by one conditional write. Whoever sends the same
    meanwhile waits for the answer. What was refused or failed is not kept: the key is free again.
    If the process dies on the way, the key stays claimed without an answer. For WORKED_ON_MS a
    repeat is answered 503, and then as the operation's Repeat says.
    """

    def __init__(self, answers: AnswerStore, digest: KeyedDigest, runtime: Runtime) -> None:
        self._answers = answers
        self._digest = digest
        self._runtime = runtime

    def carry_out(
        self,
        operation: Operation,
        context: Context,
        content: str,
        act: CarryOut,
        repeated: Callable[[Context, Any], Json] | None = None,
    ) -> Reply:
        """The first answer to this request, or carries it out. `content` is what it asks;
        `repeated` makes of the members of the first answer those that a repeat gets (None: the
        same). Raises RequestMismatch, RequestRunning, Failure, Invalid, and what `act` does."""
        key = context.request.headers.get(HEADER.lower())
        if key is None:
            return act(context)[0]
        if not _KEY.fullmatch(key):
            raise Invalid(Wrong(f"/{HEADER}", WANTED))
        app = context.app.name
        request = RequestId(
            self._digest("rest request", app, key),
            self._digest("rest content", app, content),
            explicit=True,
        )
        context = context.with_request(request)
        if operation.repeat is Repeat.BY_DOMAIN:
            return act(context)[0]
        again = operation.repeat is Repeat.HARMLESS
        kept, began = self._claim(request, app, again=again)
        if kept is None:
            return self._first(context, request, began, act)
        answer = json.loads(kept)
        members = answer["members"]
        return _reply(answer, repeated(context, members) if repeated is not None else members)

    def _claim(self, request: RequestId, app: str, *, again: bool) -> tuple[str | None, int]:
        """The answer that is kept, or None and when the key was claimed."""
        runtime = self._runtime
        until, wait_s = runtime.monotonic() + WAIT_S, _FIRST_WAIT_S
        while True:
            now = runtime.now_ms()
            met = self._answers.begin(request, app=app, now=now, again=again)
            if met is None:
                return None, now
            met.check(request)
            if met.answer is not None:
                return met.answer, met.at
            if now - met.at > WORKED_ON_MS:
                raise Failure(
                    CONFLICT,
                    "the first request with this key broke off, and nobody knows how far it came:"
                    " look what it did, and use a new key",
                    code="outcome_unknown",
                )
            if runtime.monotonic() >= until:
                raise errors.RequestRunning("the same request is being carried out")
            runtime.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _first(self, context: Context, request: RequestId, began: int, act: CarryOut) -> Reply:
        app = context.app.name
        try:
            reply, members = act(context)
        except (errors.GatewayError, Invalid, Failure):
            self._forget(request, app=app, began=began)
            raise
        kept = {"status": reply.status, "headers": dict(reply.headers), "members": members}
        # The client has its answer all the same; should it ask again, that is as after a death.
        with suppress(errors.GatewayError):
            self._answers.keep(json.dumps(kept), request, app=app, began=began)
        return reply

    def _forget(self, request: RequestId, *, app: str, began: int) -> None:
        # The client hears of the first error; the key is free by itself after WORKED_ON_MS.
        with suppress(errors.GatewayError):
            self._answers.forget(request, app=app, began=began)


def _reply(answer: Mapping[str, Any], members: Json) -> Reply:
    status = answer["status"]
    body = json.dumps(members, ensure_ascii=False) if members is not None else ""
    return Reply(status, body, answer["headers"], {"code": status, "repeat": "yes"})
