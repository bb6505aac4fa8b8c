"""Northbound: what our own API asks of a request before it answers, and how it answers."""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.carriers import sources
from chalicelib.carriers.basic import read_basic
from chalicelib.core import errors
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply, Request
from chalicelib.core.tenants import App
from chalicelib.rest import problems
from chalicelib.services.rate_limit import RateLimiter
from chalicelib.store.apps import AppStore
from chalicelib.store.credentials import CredentialStore

HEADERS: Mapping[str, str] = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
}

_NOBODYS = ("nobody's secret",)
_UNPROVED = {problems.UNAUTHORIZED: AnswerClass.UNAUTHENTICATED}


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that was let in."""

    app: App
    request: Request
    now: int


Handler = Callable[[RequestContext], Mapping[str, Any] | Reply]
"""What a facade does for a request: the members of its reply, or all of it."""


class Authenticator:
    """Lets requests in by HTTP Basic authentication (RFC 7617), source and rate.

    User and password are an AppKey and its secret, or a developer's id and key. An app that is
    suspended or closed may still see what is its own.
    """

    def __init__(
        self, *, credentials: CredentialStore, apps: AppStore, limiter: RateLimiter
    ) -> None:
        self._credentials = credentials
        self._apps = apps
        self._limiter = limiter

    def answer(
        self,
        handlers: Mapping[str, Handler],
        request: Request,
        *,
        now: int,
        bearer: Callable[[], App | None] = lambda: None,
    ) -> Reply:
        """Lets the method's one of `handlers` answer a request that is let in; every error is a
        problem. `bearer` says whose the request is where its address proves that by itself, from
        whatever network; None: by Basic authentication, as always."""
        facts: dict[str, str] = {}
        try:
            handle = _by_method(handlers, request.method)
            app = bearer() or self._authenticated(request)
            self._limiter.take(app, now=now)
            facts["app"] = app.name
            answered = handle(RequestContext(app, request, now))
        except problems.Refused as refused:
            return problems.reply(
                refused.problem,
                refused.detail,
                answered=_UNPROVED.get(refused.problem, AnswerClass.REFUSED),
                headers=refused.headers,
                facts=facts,
            )
        except errors.GatewayError as error:
            return problems.told(error, facts)
        if isinstance(answered, Reply):
            known = {"code": answered.status, **(answered.facts or {}), **facts}
            return Reply(answered.status, answered.body, {**HEADERS, **answered.headers}, known)
        return Reply(200, as_json(answered), HEADERS, {"code": 200, **facts})

    def failed(self) -> Reply:
        """What a client hears when we have a fault."""
        return problems.reply(problems.FAULT, answered=AnswerClass.FAULT)

    def unknown_path(self) -> Reply:
        """What is answered at a path that does not exist."""
        return problems.reply(problems.UNKNOWN_PATH)

    def _authenticated(self, request: Request) -> App:
        """Whose request this is. Raises Refused."""
        credentials = self._signed_in(request.headers.get("authorization", ""))
        app = self._apps.get(credentials.app) if credentials is not None else None
        if app is None:
            challenge = {"WWW-Authenticate": problems.CHALLENGE}
            raise problems.Refused(problems.UNAUTHORIZED, headers=challenge)
        if not sources.is_from(request.source, app.sources):
            raise problems.Refused(problems.NOT_FROM_HERE)
        return app

    def _signed_in(self, header: str) -> AppCredentials | None:
        """Who sent this Authorization header. A stranger takes as long as a wrong password."""
        user, password = read_basic(header) or ("", b"")
        credentials = self._known(user) if user else None
        secrets = credentials.secrets if credentials is not None else _NOBODYS
        matches = [hmac.compare_digest(password, each.encode()) for each in secrets]
        return credentials if any(matches) else None

    def _known(self, user: str) -> AppCredentials | None:
        # Developers' ids are decimal: asked for first, they cost no second look at the secret.
        kinds = (self._credentials.app, self._credentials.developer)
        for find in reversed(kinds) if user.isdecimal() else kinds:
            credentials = find(user)
            if credentials is not None:
                return credentials
        return None


def _by_method(handlers: Mapping[str, Handler], method: str) -> Handler:
    if method not in handlers:
        raise problems.Refused(problems.METHOD, headers={"Allow": ", ".join(handlers)})
    return handlers[method]


def as_json(members: Mapping[str, Any]) -> str:
    """The body of a reply."""
    return json.dumps(members, ensure_ascii=False)
