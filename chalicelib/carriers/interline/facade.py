"""Northbound: accounts, bindings (AXB) and transfers (XA) as interline answers them.

HTTP status is 200 whatever `error` says, except 401 for a request of which it is not proved who
sent it.
"""

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chalicelib.carriers import sources
from chalicelib.carriers.facade import (
    JSON,
    Access,
    AppFacade,
    IncomingRequest,
    Members,
    Refused,
    Route,
)
from chalicelib.carriers.interline import codes, signing
from chalicelib.carriers.interline import wire_api as wire
from chalicelib.carriers.interline.http_routes import ACCOUNT
from chalicelib.carriers.parameters import Parameters
from chalicelib.carriers.signing import signed_with
from chalicelib.core import errors
from chalicelib.core.bindings.model import Ask
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.services.bindings.service import BindingService
from chalicelib.store.tenants.balances import BalanceStore

KEYTIME_WANTED = (
    "no Keytime authorization; send the header Authorization: Keytime <developer id>,<epoch ms>,"
    "<characters 24 to 40 of sha256(key + epoch ms)>"
)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that was let in."""

    app: App
    parameters: Parameters
    digest: KeyedDigest
    now: int

    def identify(self, ask: Ask) -> RequestId:
        """What makes the request the same as another: its reqid, whatever it asks. All that was
        read of it may not change, however it is written. Raises BadParameter."""
        return RequestId(
            key=self.digest("interline", wire.read_request_id(self.parameters)),
            content=self.digest("interline content", wire.canonical(ask)),
            explicit=True,
        )


class InterlineFacade(AppFacade[RequestContext]):
    """The five calls of the document; parameters and replies as there. `number` is the X of a
    path, as it stands in it.

    Lets requests in by method, signature, source, rate, the app's state and its id. The account
    itself names no app, and is answered to those that may not ask for anything else.
    """

    UNAVAILABLE = "service temporarily unavailable, retry with the same reqid"

    def __init__(self, access: Access, service: BindingService, balances: BalanceStore) -> None:
        super().__init__(access)
        self._service = service
        self._balances = balances

    def account(self, context: RequestContext) -> Members:
        """GET /api/v1/account/status"""
        app = context.app
        return wire.write_status(app.state, app.role, self._balances.standing(app.name))

    def bind(self, context: RequestContext, number: str) -> Members:
        """PUT /igw/service/uc/interline/{x}"""
        x = wire.read_number(number, context.app.pool)
        return self._bound(context, wire.read_axb(context.parameters, x))

    def unbind(self, context: RequestContext) -> Members:
        """DELETE /igw/service/uc/interline"""
        binding_id = wire.read_binding_id(context.parameters)
        self._service.release(context.app, binding_id, now=context.now)
        return {}

    def begin_transfer(self, context: RequestContext, number: str) -> Members:
        """PUT /igw/service/uc/interline/{x}/transfer"""
        x = wire.read_number(number, context.app.pool)
        return self._bound(context, wire.read_xa(context.parameters, x))

    def end_transfer(self, context: RequestContext, number: str) -> Members:
        """DELETE /igw/service/uc/interline/{x}/transfer"""
        x = wire.read_number(number, context.app.pool)
        self._service.release_transfer(context.app, x, now=context.now)
        return {}

    def _bound(self, context: RequestContext, ask: Ask) -> Members:
        same = context.identify(ask)
        return wire.write_bound(self._service.bind(context.app, ask, same, now=context.now))

    def admit(self, incoming: IncomingRequest) -> RequestContext:
        request, route, now = incoming.request, incoming.route, incoming.now
        credentials, signature = self._signer(request, now=now)
        app = self._access.apps.get(credentials.app)
        if app is None:
            raise _unauthenticated(codes.NO_ACCOUNT, "no such account")
        if not sources.is_from(request.source, app.sources):
            reason = "not allowed from this address"
            raise Refused(_reply(codes.NOT_ALLOWED_FROM, AnswerClass.REFUSED, reason=reason))
        self._access.limiter.take(app, now=now)
        incoming.facts["app"] = app.name
        if route.subject != ACCOUNT and not app.enabled:
            raise errors.Suspended
        parameters, digest = Parameters(request), self._access.digest
        if route.subject != ACCOUNT:
            _check_app_id(credentials, parameters)
        if app.strict_nonce:
            signed = request.method, route.subject.format_map(incoming.path), parameters.canonical()
            once = request.method in route.single_use
            content = None if once else digest("interline content", *signed)
            self.claim(app, signature, content, wanted="a time of its own", now=now)
        return RequestContext(app, parameters, digest, now)

    def _signer(self, request: Request, *, now: int) -> tuple[AppCredentials, str]:
        """Who signed it, and the signature. An unknown developer takes as long as a known one."""
        keytime = wire.read_keytime(request.headers.get("authorization", ""))
        if keytime is None:
            raise _unauthenticated(codes.UNAUTHORIZED, KEYTIME_WANTED)
        credentials = self._access.credentials.developer(keytime.developer)
        secrets = credentials.secrets if credentials is not None else ()
        signed = partial(signing.signature, timestamp=keytime.timestamp)
        secret = signed_with(keytime.signature.encode(), secrets, signed)
        if credentials is None:
            raise _unauthenticated(codes.NO_ACCOUNT, "unknown developer")
        if secret is None:
            raise _unauthenticated(codes.UNAUTHORIZED, "wrong signature")
        _check_time(int(keytime.timestamp), now)
        return credentials, keytime.signature

    def done(self, result: Members) -> Reply:
        return _reply(codes.OK, AnswerClass.OK, **result)

    def not_there(self, _: Route) -> Reply:
        reason = "unknown path or method"
        return _reply(codes.UNKNOWN_PATH, AnswerClass.REFUSED, reason=reason)

    def malformed(self, why: str) -> Reply:
        return _reply(codes.BAD_PARAMETER, AnswerClass.REFUSED, reason=why)

    def refusal(self, error: errors.GatewayError, text: str) -> Reply:
        if isinstance(error, errors.BadParameter):
            text = codes.bad_parameter(error)
        return _reply(codes.CODES[type(error)], error.answered, reason=text)

    def fault(self) -> Reply:
        return _reply(codes.FAULT, AnswerClass.FAULT, reason="internal error")


def _check_time(sent: int, server: int) -> None:
    """Both in epoch ms. Raises Refused."""
    off = sent - server
    if abs(off) <= wire.CLOCK_SKEW_MS:
        return
    word = "ahead of" if off > 0 else "behind"
    reason = (
        f"the time is off by more than 3 minutes: {abs(off)} ms {word} this server's,"
        f" which is {server}"
    )
    raise _unauthenticated(codes.UNAUTHORIZED, reason)


def _check_app_id(credentials: AppCredentials, parameters: Parameters) -> None:
    """Raises BadParameter for none, Forbidden for another one."""
    given = wire.read_app_id(parameters).encode()
    if signed_with(given, (credentials.app_id or "",)) is None:
        raise errors.Forbidden("no authorization for this appid")


def _unauthenticated(error: int, reason: str) -> Refused:
    """It is not proved who sent the request."""
    reply = _reply(error, AnswerClass.UNAUTHENTICATED, status=401, reason=reason)
    challenge = {**reply.headers, "WWW-Authenticate": signing.SCHEME}
    return Refused(replace(reply, headers=challenge))


def _reply(error: int, answered: AnswerClass, *, status: int = 200, **members: Any) -> Reply:
    body = json.dumps({"error": error, **members}, ensure_ascii=False)
    return Reply(status, body, JSON, {"code": error}, answered)
