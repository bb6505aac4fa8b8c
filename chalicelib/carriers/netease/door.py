"""Northbound: what every NetEase facade asks of a request before it answers, and how it answers.

HTTP status is 200 whatever the code says, except 400 for a request that can't be read at all.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chalicelib.carriers.netease import codes, signing, wire
from chalicelib.carriers.parameters import BadBody, Parameters
from chalicelib.core import errors
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import Apps, Credentials, Nonces, Tag
from chalicelib.core.rate import RateLimiter
from chalicelib.core.values import App, RequestId

HEADERS: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was let in.

    `secret` is the one of `credentials` that signed it. `identify` works out what makes the
    request the same as another; only what can be repeated asks.
    """

    app: App
    credentials: AppCredentials
    secret: str
    parameters: Parameters
    identify: Callable[[], RequestId]


Use = Callable[[Visit], dict[str, Any] | Reply]
"""What a facade does for a request: the members of its reply, or all of it."""


class _Refused(Exception):
    """A reply that is given before the domain is asked."""

    def __init__(self, code: int, desc: str, *, status: int = 200) -> None:
        super().__init__()
        self.reply = _reply({"desc": desc, "code": code}, status=status)


class Door:
    """Lets requests in by method, headers, key, time, signature and rate."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        apps: Apps,
        nonces: Nonces,
        limiter: RateLimiter,
        tag: Tag,
    ) -> None:
        self._credentials = credentials
        self._apps = apps
        self._nonces = nonces
        self._limiter = limiter
        self._tag = tag

    def answer(self, operation: str, request: Request, use: Use, *, now: int) -> Reply:
        """Lets `use` answer a request that is let in; every error in the vendor's shape."""
        facts: dict[str, str] = {}
        try:
            app, credentials, secret, signature = self._admit(request, now=now)
            facts["app"] = app.name
            parameters = Parameters(request)
            if app.strict_nonce:
                self._claim_nonce(app, operation, signature, parameters, now=now)
            identify = partial(self._identify, operation, signature, parameters)
            answered = use(Visit(app, credentials, secret, parameters, identify))
            if isinstance(answered, Reply):
                return replace(answered, facts={**(answered.facts or {}), **facts})
            return _reply(answered, facts=facts)
        except _Refused as refused:
            return refused.reply
        except wire.BadHeader as error:
            body = {"desc": "bad http header", "code": codes.MALFORMED, "header": error.name}
            return _reply(body)
        except BadBody as error:
            return _reply({"desc": str(error), "code": codes.MALFORMED}, status=400, facts=facts)
        except errors.BadParameter as error:
            return _reply({"msg": codes.bad_parameter(error), "code": codes.MALFORMED}, facts=facts)
        except errors.Unavailable as error:
            # What of ours did not answer is for our log, not for a client.
            text = "not to be had now; repeat with the same RequestId"
            body = {"msg": text, "code": codes.CODES[type(error)]}
            return _reply(body, facts={**facts, "why": str(error)})
        except errors.GatewayError as error:
            return _reply({"msg": str(error), "code": codes.CODES[type(error)]}, facts=facts)

    def failed(self) -> Reply:
        """What a client hears when we have a fault."""
        return _reply({"desc": "internal error", "code": codes.FAULT})

    def unknown_path(self) -> Reply:
        """What is answered at a path that does not exist."""
        return _reply({"desc": "unknown path", "code": codes.NOT_FOUND}, status=400)

    def _admit(
        self, request: Request, *, now: int
    ) -> tuple[App, AppCredentials, str, wire.Signature]:
        """Whose request this is, and the secret that signed it."""
        if request.method != "POST":
            raise _Refused(codes.NOT_ALLOWED, "only POST is allowed", status=400)
        signature = wire.read_signature(request.headers)
        credentials = self._credentials.app(signature.app_key)
        if credentials is None:
            raise _Refused(codes.MALFORMED, "appkey")
        if abs(now // 1000 - int(signature.cur_time)) > wire.CLOCK_SKEW_S:
            raise _Refused(codes.MALFORMED, "CurTime is expired")
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

    def _claim_nonce(
        self,
        app: App,
        operation: str,
        signature: wire.Signature,
        parameters: Parameters,
        *,
        now: int,
    ) -> None:
        """For apps in strict mode. Raises NonceReused, Unavailable."""
        nonce = f"{signature.nonce}\n{signature.cur_time}"
        content = self._content(operation, parameters)
        if not self._nonces.claim(app=app.name, nonce=nonce, content=content, now=now):
            raise errors.NonceReused("this Nonce and CurTime came with other parameters")

    def _identify(
        self, operation: str, signature: wire.Signature, parameters: Parameters
    ) -> RequestId:
        """What makes this request the same as another: its id, or else that it is sent again with
        the same signature and the same parameters."""
        content = self._content(operation, parameters)
        if signature.request_id is not None:
            key = self._tag("request", operation, signature.request_id)
            return RequestId(key=key, content=content, explicit=True)
        key = self._tag("repeat", operation, signature.nonce, signature.cur_time, content)
        return RequestId(key=key, content=content, explicit=False)

    def _content(self, operation: str, parameters: Parameters) -> str:
        return self._tag("content", operation, parameters.canonical())


def _reply(
    body: dict[str, Any], *, status: int = 200, facts: Mapping[str, str] | None = None
) -> Reply:
    """`facts` are for the log, next to the code."""
    content = json.dumps(body, ensure_ascii=False)
    return Reply(status, content, HEADERS, {"code": body["code"], **(facts or {})})
