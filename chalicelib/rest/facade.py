"""Northbound: what our own API asks of a request before it answers, and how it answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.carriers import sources
from chalicelib.carriers.facade import JSON, AppFacade, IncomingRequest, Members, Refused, Route
from chalicelib.carriers.signing import read_basic, signed_with
from chalicelib.core import errors
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply, Request
from chalicelib.core.tenants import App
from chalicelib.rest import problems

HEADERS: Mapping[str, str] = {**JSON, "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that was let in."""

    app: App
    request: Request
    now: int


class RestFacade(AppFacade[RequestContext]):
    """Lets requests in by HTTP Basic authentication (RFC 7617), source and rate; every error is a
    problem.

    User and password are an AppKey and its secret, or a developer's id and key. An app that is
    suspended or closed may still see what is its own.
    """

    UNAVAILABLE = ""

    def admit(self, incoming: IncomingRequest) -> RequestContext:
        app = self.authenticated(incoming)
        self._access.limiter.take(app, now=incoming.now)
        incoming.facts["app"] = app.name
        return RequestContext(app, incoming.request, incoming.now)

    def authenticated(self, incoming: IncomingRequest) -> App:
        """Whose request this is. A stranger takes as long as a wrong password. Raises Refused,
        Unavailable."""
        request = incoming.request
        user, password = read_basic(request.headers.get("authorization")) or ("", b"")
        credentials = self._known(user) if user else None
        secrets = credentials.secrets if credentials is not None else ()
        known = signed_with(password, secrets) is not None
        app = self._access.apps.get(credentials.app) if known and credentials else None
        if app is None:
            headers, answered = problems.CHALLENGE, AnswerClass.UNAUTHENTICATED
            unproved = problems.reply(problems.UNAUTHORIZED, headers=headers, answered=answered)
            raise Refused(unproved)
        if not sources.is_from(request.source, app.sources):
            raise Refused(problems.reply(problems.NOT_FROM_HERE))
        return app

    def _known(self, user: str) -> AppCredentials | None:
        # Developers' ids are decimal: asked for first, they cost no second look at the secret.
        kinds = (self._access.credentials.app, self._access.credentials.developer)
        for find in reversed(kinds) if user.isdecimal() else kinds:
            credentials = find(user)
            if credentials is not None:
                return credentials
        return None

    def done(self, said: Members) -> Reply:
        return reply(200, said)

    def not_there(self, route: Route) -> Reply:
        if not route.handlers:
            return problems.reply(problems.UNKNOWN_PATH)
        return problems.reply(problems.METHOD, headers={"Allow": ", ".join(route.handlers)})

    def malformed(self, why: str) -> Reply:
        return problems.reply(problems.MALFORMED, why)

    def refusal(self, error: errors.GatewayError, text: str) -> Reply:
        later = {"Retry-After": str(error.wait_s)} if isinstance(error, errors.TooEarly) else {}
        problem = problems.PROBLEMS[type(error)]
        return problems.reply(problem, text, answered=error.answered, headers=later)

    def fault(self) -> Reply:
        return problems.reply(problems.FAULT, answered=AnswerClass.FAULT)


def reply(status: int, members: Members, headers: Mapping[str, str] | None = None) -> Reply:
    """What a client asked for, as JSON."""
    body = json.dumps(members, ensure_ascii=False)
    return Reply(status, body, {**HEADERS, **(headers or {})}, {"code": status})


def check_enabled(context: RequestContext) -> None:
    """To see is one thing, to have something done another. Raises Suspended."""
    if not context.app.enabled:
        raise errors.Suspended
