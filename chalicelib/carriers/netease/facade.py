"""Northbound: what every NetEase facade asks of a request before it answers, and how it answers.

HTTP status is 200 whatever the code says, except 400 for a request that can't be read at all.
"""

import json
from abc import ABC
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Literal

from chalicelib.carriers.facade import JSON, AppFacade, IncomingRequest, Members, Refused, Route
from chalicelib.carriers.netease import codes, signing
from chalicelib.carriers.netease import wire_api as wire
from chalicelib.carriers.parameters import FORM_WANTED, Parameters, is_json
from chalicelib.carriers.signing import signed_with
from chalicelib.core import errors
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that was let in: signed with `secret`, which is one of `credentials`; `subject` is
    its route's."""

    app: App
    request: Request
    parameters: Parameters
    credentials: AppCredentials
    secret: str = field(repr=False)
    signature: wire.Signature = field(repr=False)
    subject: str
    digest: KeyedDigest
    now: int

    def identify(self) -> RequestId:
        """What makes this request the same as another: its id, or else that it is sent again with
        the same signature and the same parameters."""
        content, signature = self.content(), self.signature
        if signature.request_id is not None:
            key = self.digest("request", self.subject, signature.request_id)
            return RequestId(key=key, content=content, explicit=True)
        key = self.digest("repeat", self.subject, signature.check_sum, content)
        return RequestId(key=key, content=content, explicit=False)

    def content(self) -> str:
        """A digest of what is requested."""
        return self.digest("content", self.subject, self.parameters.canonical())


class NeteaseFacade(AppFacade[RequestContext], ABC):
    """Lets requests in by method, headers, key, time, signature and rate."""

    UNAVAILABLE = "service temporarily unavailable, retry with the same RequestId"
    MESSAGE_MEMBER: ClassVar[Literal["msg", "desc"]] = "msg"
    """The member with the vendor's error message, once a request is authenticated."""

    def admit(self, incoming: IncomingRequest) -> RequestContext:
        request, now = incoming.request, incoming.now
        signature, credentials, secret = self._signed_by(request, now=now)
        app = self._access.apps.get(credentials.app)
        if app is None:
            raise errors.Forbidden("no authorization")
        if not app.enabled:
            raise errors.Suspended
        self._access.limiter.take(app, now=now)
        incoming.facts["app"] = app.name
        context = RequestContext(
            app=app,
            request=request,
            parameters=Parameters(request),
            credentials=credentials,
            secret=secret,
            signature=signature,
            subject=incoming.route.subject,
            digest=self._access.digest,
            now=now,
        )
        if app.strict_nonce:
            self._claim(context, once=request.method in incoming.route.single_use)
        return context

    def _signed_by(
        self, request: Request, *, now: int
    ) -> tuple[wire.Signature, AppCredentials, str]:
        """How a request is signed, whose it is, and with which secret. Raises Refused,
        Unavailable."""
        try:
            signature = wire.read_signature(request.headers)
        except wire.BadHeader as error:
            raise _bad_header(error, request) from None
        credentials = self._access.credentials.app(signature.app_key)
        if credentials is None:
            raise _unauthenticated("appkey")
        _check_time(int(signature.cur_time), now // 1000)
        secret = signed_with(
            signature.check_sum.encode(),
            credentials.secrets,
            partial(signing.check_sum, nonce=signature.nonce, cur_time=signature.cur_time),
        )
        if secret is None:
            raise _unauthenticated("checksum")
        return signature, credentials, secret

    def _claim(self, context: RequestContext, *, once: bool) -> None:
        """Uses a strict app's signature up for this request, or, where `once`, for good."""
        signature = context.signature
        content = None
        if not once:
            # The id is not signed: under another one the request would be another one, too.
            content = context.digest("claim", context.content(), signature.request_id or "")
        self.claim(
            context.app,
            signature.check_sum,
            content,
            wanted="a Nonce of its own",
            now=context.now,
        )

    def done(self, result: Members) -> Reply:
        return _reply(result, AnswerClass.OK)

    def not_there(self, route: Route) -> Reply:
        code, desc = codes.NOT_FOUND, "unknown path"
        if route.handlers:
            code, desc = codes.NOT_ALLOWED, "only POST is allowed"
        return _reply({"desc": desc, "code": code}, AnswerClass.REFUSED, status=400)

    def malformed(self, why: str) -> Reply:
        return _reply({"desc": why, "code": codes.MALFORMED}, AnswerClass.REFUSED, status=400)

    def refusal(self, error: errors.GatewayError, text: str) -> Reply:
        hint = ""
        if isinstance(error, errors.BadParameter):
            text, hint = codes.bad_parameter(error)
        body = {self.MESSAGE_MEMBER: text, "code": codes.CODES[type(error)]}
        return _reply(body | ({"hint": hint} if hint else {}), error.answered)

    def fault(self) -> Reply:
        return _reply({"desc": "internal error", "code": codes.FAULT}, AnswerClass.FAULT)


def _check_time(sent: int, server: int) -> None:
    """Both in epoch seconds. Raises Refused."""
    off = sent - server
    if abs(off) <= wire.CLOCK_SKEW_S:
        return
    hint = (
        f"CurTime is {abs(off)} s {'ahead of' if off > 0 else 'behind'} serverTime, at most"
        f" {wire.CLOCK_SKEW_S} s are allowed; set this machine's clock by NTP"
    )
    raise _unauthenticated("CurTime is expired", hint=hint, serverTime=server)


def _bad_header(error: wire.BadHeader, request: Request) -> Refused:
    """A header that is needed is missing or malformed."""
    hint = f"the HTTP header {error.name} must be {codes.HEADERS[error.name]}"
    if is_json(request.body):
        hint = f"{hint}; {FORM_WANTED}"
    return _unauthenticated("bad http header", header=error.name, hint=hint)


def _unauthenticated(desc: str, **more: str | int) -> Refused:
    """It is not proved who sent the request; `more` are further members."""
    body = {"desc": desc, "code": codes.MALFORMED, **more}
    return Refused(_reply(body, AnswerClass.UNAUTHENTICATED))


def _reply(body: Members, answered: AnswerClass, *, status: int = 200) -> Reply:
    content = json.dumps(body, ensure_ascii=False)
    return Reply(status, content, JSON, {"code": body["code"]}, answered)
