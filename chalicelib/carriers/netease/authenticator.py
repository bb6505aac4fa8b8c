"""Northbound: what every NetEase facade asks of a request before it answers, and how it answers.

HTTP status is 200 whatever the code says, except 400 for a request that can't be read at all.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from chalicelib.carriers.netease import codes, signing
from chalicelib.carriers.netease import wire_api as wire
from chalicelib.carriers.parameters import FORM_WANTED, BadBody, Parameters, is_json
from chalicelib.core import errors
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.services.rate_limit import RateLimiter
from chalicelib.store.apps import AppStore
from chalicelib.store.credentials import CredentialStore
from chalicelib.store.requests import NonceStore

HEADERS: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that was let in.

    `secret` is the one of `credentials` that signed it. `identify` works out what makes the
    request the same as another; only what can be repeated asks.
    """

    app: App
    credentials: AppCredentials
    secret: str = field(repr=False)
    parameters: Parameters
    identify: Callable[[], RequestId]


Handler = Callable[[RequestContext], dict[str, Any] | Reply]
"""What a facade does for a request: the members of its reply, or all of it."""


Word = Literal["msg", "desc"]
"""The member in which the vendor tells what went wrong once a request was let in."""


class _Refused(Exception):
    """A reply that is given before the domain is asked; `more` are further members."""

    def __init__(
        self,
        code: int,
        desc: str,
        *,
        status: int = 200,
        answered: AnswerClass = AnswerClass.UNAUTHENTICATED,
        **more: str | int,
    ) -> None:
        super().__init__()
        body = {"desc": desc, "code": code, **more}
        self.reply = _reply(body, status=status, answered=answered)


class Authenticator:
    """Lets requests in by method, headers, key, time, signature and rate."""

    def __init__(
        self,
        *,
        credentials: CredentialStore,
        apps: AppStore,
        nonces: NonceStore,
        limiter: RateLimiter,
        tag: KeyedDigest,
    ) -> None:
        self._credentials = credentials
        self._apps = apps
        self._nonces = nonces
        self._limiter = limiter
        self._tag = tag

    def answer(
        self,
        operation: str,
        request: Request,
        handle: Handler,
        *,
        now: int,
        word: Word = "msg",
        single_use: bool = False,
    ) -> Reply:
        """Lets `handle` answer a request that is let in; every error in the vendor's shape, in the
        member `word`. With `single_use` a strict app's signature does it once: for operations
        where neither we nor the carrier know a repeat again."""
        facts: dict[str, str] = {}
        try:
            app, credentials, secret, signature = self._admit(request, now=now)
            facts["app"] = app.name
            parameters = Parameters(request)
            if app.strict_nonce:
                # The id is not signed: under another one the request would be another one, too.
                said = self._content(operation, parameters), signature.request_id or ""
                content = None if single_use else self._tag("claim", *said)
                self._claim_signature(app, signature, content, now=now)
            identify = partial(self._identify, operation, signature, parameters)
            answered = handle(RequestContext(app, credentials, secret, parameters, identify))
        except _Refused as refused:
            return refused.reply
        except wire.BadHeader as error:
            return _bad_header(error, request)
        except BadBody as error:
            refusal = {"desc": str(error), "code": codes.MALFORMED}
            return _reply(refusal, status=400, answered=AnswerClass.REFUSED, facts=facts)
        except errors.GatewayError as error:
            return _told(error, word, facts)
        if isinstance(answered, Reply):
            return replace(answered, facts={**(answered.facts or {}), **facts})
        return _reply(answered, answered=AnswerClass.OK, facts=facts)

    def failed(self) -> Reply:
        """What a client hears when we have a fault."""
        return _reply({"desc": "internal error", "code": codes.FAULT}, answered=AnswerClass.FAULT)

    def unknown_path(self) -> Reply:
        """What is answered at a path that does not exist."""
        refusal = {"desc": "unknown path", "code": codes.NOT_FOUND}
        return _reply(refusal, status=400, answered=AnswerClass.REFUSED)

    def _admit(
        self, request: Request, *, now: int
    ) -> tuple[App, AppCredentials, str, wire.Signature]:
        """Whose request this is, and the secret that signed it."""
        if request.method != "POST":
            raise _Refused(
                codes.NOT_ALLOWED,
                "only POST is allowed",
                status=400,
                answered=AnswerClass.REFUSED,
            )
        signature = wire.read_signature(request.headers)
        credentials = self._credentials.app(signature.app_key)
        if credentials is None:
            raise _Refused(codes.MALFORMED, "appkey")
        _check_time(int(signature.cur_time), now // 1000)
        secret = signing.signed_with(
            signature.check_sum,
            credentials.secrets,
            nonce=signature.nonce,
            cur_time=signature.cur_time,
        )
        if secret is None:
            raise _Refused(codes.MALFORMED, "checksum")
        app = self._apps.get(credentials.app)
        if app is None:
            raise errors.Forbidden("no authorization")
        if not app.enabled:
            raise errors.Suspended
        self._limiter.take(app, now=now)
        return app, credentials, secret, signature

    def _claim_signature(
        self, app: App, signature: wire.Signature, content: str | None, *, now: int
    ) -> None:
        """For apps in strict mode. Raises NonceReused, Unavailable."""
        sent = signature.check_sum
        if not self._nonces.claim(app=app.name, signature=sent, content=content, now=now):
            raise errors.NonceReused(
                "this signature came before; sign each request with a Nonce of its own"
            )

    def _identify(
        self, operation: str, signature: wire.Signature, parameters: Parameters
    ) -> RequestId:
        """What makes this request the same as another: its id, or else that it is sent again with
        the same signature and the same parameters."""
        content = self._content(operation, parameters)
        if signature.request_id is not None:
            key = self._tag("request", operation, signature.request_id)
            return RequestId(key=key, content=content, explicit=True)
        key = self._tag("repeat", operation, signature.check_sum, content)
        return RequestId(key=key, content=content, explicit=False)

    def _content(self, operation: str, parameters: Parameters) -> str:
        return self._tag("content", operation, parameters.canonical())


def _check_time(sent: int, server: int) -> None:
    """Both in epoch seconds. Raises _Refused."""
    off = sent - server
    if abs(off) <= wire.CLOCK_SKEW_S:
        return
    hint = (
        f"CurTime is {abs(off)} s {'ahead of' if off > 0 else 'behind'} serverTime, at most"
        f" {wire.CLOCK_SKEW_S} s are allowed; set this machine's clock by NTP"
    )
    raise _Refused(codes.MALFORMED, "CurTime is expired", hint=hint, serverTime=server)


def _told(error: errors.GatewayError, word: Word, facts: Mapping[str, str]) -> Reply:
    """The reply to a request that failed so."""
    body: dict[str, Any]
    if isinstance(error, errors.BadParameter):
        text, hint = codes.bad_parameter(error)
        body = {word: text, "code": codes.CODES[type(error)]}
        body |= {"hint": hint} if hint else {}
        return _reply(body, answered=error.answered, facts=facts)
    text = str(error)
    if error.answered is AnswerClass.UNAVAILABLE:
        facts = {**facts, "why": text}
    if isinstance(error, errors.Unavailable):
        # What of ours did not answer is for our log, not for a client.
        text = "service temporarily unavailable, retry with the same RequestId"
    body = {word: text, "code": codes.CODES[type(error)]}
    return _reply(body, answered=error.answered, facts=facts)


def _bad_header(error: wire.BadHeader, request: Request) -> Reply:
    """The reply to a request without a header that it needs, or with a malformed one."""
    hint = f"the HTTP header {error.name} must be {codes.HEADERS[error.name]}"
    if is_json(request.body):
        hint = f"{hint}; {FORM_WANTED}"
    body = {"desc": "bad http header", "code": codes.MALFORMED, "header": error.name, "hint": hint}
    return _reply(body, answered=AnswerClass.UNAUTHENTICATED)


def _reply(
    body: dict[str, Any],
    *,
    answered: AnswerClass,
    status: int = 200,
    facts: Mapping[str, str] | None = None,
) -> Reply:
    """`facts` are for the log, next to the code."""
    content = json.dumps(body, ensure_ascii=False)
    return Reply(status, content, HEADERS, {"code": body["code"], **(facts or {})}, answered)
