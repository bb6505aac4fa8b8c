"""Northbound: what interline's facade asks of a request before it answers, and how it answers.

HTTP status is 200 whatever `error` says, except 401 for a request of which it is not proved who
sent it.
"""

import hmac
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.carriers import sources
from chalicelib.carriers.interline import codes, signing
from chalicelib.carriers.interline import wire_api as wire
from chalicelib.carriers.parameters import BadBody, Parameters
from chalicelib.core import errors
from chalicelib.core.bindings.model import Ask
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
CHALLENGE: Mapping[str, str] = {"WWW-Authenticate": signing.SCHEME}

UNAUTHORIZED = 401
"""The HTTP status for a request of which it is not proved who sent it."""

ACCOUNT = "account"
"""What a request about the account itself is about."""
KEYTIME_WANTED = (
    "no Keytime authorization; send the header Authorization: Keytime <developer id>,<epoch ms>,"
    "<characters 24 to 40 of sha256(key + epoch ms)>"
)

_NOBODYS = ("nobody's secret",)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that was let in."""

    app: App
    parameters: Parameters
    tag: KeyedDigest

    def identify(self, ask: Ask) -> RequestId:
        """What makes the request the same as another: its reqid, whatever it asks. All that was
        read of it may not change, however it is written. Raises BadParameter."""
        return RequestId(
            key=self.tag("interline", wire.read_request_id(self.parameters)),
            content=self.tag("interline content", wire.canonical(ask)),
            explicit=True,
        )


Handler = Callable[[RequestContext], dict[str, Any]]
"""What a facade does for a request: the members of its reply, beside `error`."""


class _Refused(Exception):
    """A reply that is given before the domain is asked."""

    def __init__(self, error: int, reason: str, *, status: int = 200) -> None:
        super().__init__()
        proved = status != UNAUTHORIZED
        answered = AnswerClass.REFUSED if proved else AnswerClass.UNAUTHENTICATED
        headers = {} if proved else CHALLENGE
        self.reply = _reply(error, answered, status=status, headers=headers, reason=reason)


class Authenticator:
    """Lets requests in by method, signature, source, rate, the app's state and its id. Of an app
    in strict mode, a signature that came with other parameters is refused."""

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
        handlers: Mapping[str, Handler],
        request: Request,
        *,
        about: str,
        now: int,
        single_use: Collection[str] = (),
    ) -> Reply:
        """Lets the method's one of `handlers` answer a request that is let in; every error in the
        vendor's shape. `about` is what the path names: the ACCOUNT itself names no app, and is
        answered to those that may not ask for anything else. A strict app's signature does what is
        `single_use` (a method) once: it has no id by which a repeat would be known again."""
        handle = handlers.get(request.method)
        if handle is None:
            return self.unknown_path()
        facts: dict[str, str] = {}
        try:
            credentials, signature = self._signer(request, now=now)
            app = self._admit(credentials, request, now=now)
            facts["app"] = app.name
            parameters = _parameters_of(app, credentials, request, account=about == ACCOUNT)
            if app.strict_nonce:
                content = self._tag(
                    "interline content", request.method, about, parameters.canonical()
                )
                once = request.method in single_use
                self._claim_signature(app, signature, None if once else content, now=now)
            said = handle(RequestContext(app, parameters, self._tag))
            return _reply(codes.OK, AnswerClass.OK, facts=facts, **said)
        except _Refused as refused:
            return refused.reply
        except BadBody as error:
            refusal = codes.BAD_PARAMETER, AnswerClass.REFUSED
            return _reply(*refusal, facts=facts, reason=str(error))
        except errors.GatewayError as error:
            return _told(error, facts)

    def failed(self) -> Reply:
        """What a client hears when we have a fault."""
        return _reply(codes.FAULT, AnswerClass.FAULT, reason="internal error")

    def unknown_path(self) -> Reply:
        """What is answered at a path that does not exist, or for a method that it does not have."""
        refusal = codes.UNKNOWN_PATH, AnswerClass.REFUSED
        return _reply(*refusal, reason="unknown path or method")

    def _signer(self, request: Request, *, now: int) -> tuple[AppCredentials, str]:
        """Who signed it, and the signature. An unknown developer takes as long as a known one."""
        keytime = wire.read_keytime(request.headers.get("authorization", ""))
        if keytime is None:
            raise _Refused(codes.UNAUTHORIZED, KEYTIME_WANTED, status=UNAUTHORIZED)
        credentials = self._credentials.developer(keytime.developer)
        secrets = credentials.secrets if credentials is not None else _NOBODYS
        signed = signing.is_signed(keytime.signature, secrets, timestamp=keytime.timestamp)
        if credentials is None:
            raise _Refused(codes.NO_ACCOUNT, "unknown developer", status=UNAUTHORIZED)
        if not signed:
            raise _Refused(codes.UNAUTHORIZED, "wrong signature", status=UNAUTHORIZED)
        off = int(keytime.timestamp) - now
        if abs(off) > wire.CLOCK_SKEW_MS:
            word = "ahead of" if off > 0 else "behind"
            reason = (
                f"the time is off by more than 3 minutes: {abs(off)} ms {word} this server's,"
                f" which is {now}"
            )
            raise _Refused(codes.UNAUTHORIZED, reason, status=UNAUTHORIZED)
        return credentials, keytime.signature

    def _admit(self, credentials: AppCredentials, request: Request, *, now: int) -> App:
        """Whose request this is."""
        app = self._apps.get(credentials.app)
        if app is None:
            raise _Refused(codes.NO_ACCOUNT, "no such account", status=UNAUTHORIZED)
        if not sources.is_from(request.source, app.sources):
            raise _Refused(codes.NOT_ALLOWED_FROM, "not allowed from this address")
        self._limiter.take(app, now=now)
        return app

    def _claim_signature(self, app: App, signature: str, content: str | None, *, now: int) -> None:
        """For apps in strict mode. Raises NonceReused, Unavailable."""
        if not self._nonces.claim(app=app.name, signature=signature, content=content, now=now):
            raise errors.NonceReused(
                "this signature came before; sign each request with a time of its own"
            )


def _parameters_of(
    app: App, credentials: AppCredentials, request: Request, *, account: bool
) -> Parameters:
    """The parameters of a request that the app may send. Raises Suspended, BadBody, BadParameter,
    Forbidden."""
    if not account and not app.enabled:
        raise errors.Suspended
    parameters = Parameters(request)
    if not account:
        _check_app_id(credentials, parameters)
    return parameters


def _check_app_id(credentials: AppCredentials, parameters: Parameters) -> None:
    """Raises BadParameter for none, Forbidden for another one."""
    given, own = wire.read_app_id(parameters), credentials.app_id or ""
    if not hmac.compare_digest(given.encode(), own.encode()):
        raise errors.Forbidden("no authorization for this appid")


def _told(error: errors.GatewayError, facts: Mapping[str, str]) -> Reply:
    """The reply to a request that failed so."""
    reason = str(error)
    if error.answered is AnswerClass.UNAVAILABLE:
        facts = {**facts, "why": reason}
    if isinstance(error, errors.BadParameter):
        reason = codes.bad_parameter(error)
    elif isinstance(error, errors.Unavailable):
        # What of ours did not answer is for our log, not for a client.
        reason = "service temporarily unavailable, retry with the same reqid"
    return _reply(codes.CODES[type(error)], error.answered, facts=facts, reason=reason)


def _reply(
    error: int,
    answered: AnswerClass,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    facts: Mapping[str, str] | None = None,
    **members: Any,
) -> Reply:
    """`facts` are for the log, next to the code."""
    body = json.dumps({"error": error, **members}, ensure_ascii=False)
    known: dict[str, str | int] = {"code": error, **(facts or {})}
    return Reply(status, body, {**HEADERS, **(headers or {})}, known, answered)
