"""Northbound: our own API. Finds the operation of a request, lets the request in, has it read,
carried out and answered."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from chalicelib.carriers import sources
from chalicelib.carriers.facade import JSON, Access, Answering, IncomingRequest, with_facts
from chalicelib.carriers.signing import read_basic, signed_with
from chalicelib.core import errors
from chalicelib.core.api_keys import is_key_id
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply, Request
from chalicelib.core.tenants import App
from chalicelib.rest import problems
from chalicelib.rest.cursors import Cursors
from chalicelib.rest.idempotency import Idempotency
from chalicelib.rest.operations import Context, Operation, Page, Resource, Result
from chalicelib.rest.problems import Failure
from chalicelib.rest.reading import check_no_body, read_body, read_query
from chalicelib.schema.types import Invalid, Json, Object, Wrong, shape
from chalicelib.store.tenants.api_keys import ApiKeyStore

HEADERS: Mapping[str, str] = {**JSON, "Cache-Control": "no-store"}
NOTHING = shape("", {})
"""The table of a request without parameters."""

Methods = Mapping[str, Operation]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed in."""

    app: App
    read_only: bool = False


class RestFacade(Answering):
    """Answers every path of our own API.

    Apps sign in by HTTP Basic (RFC 7617): user and password are an AppKey and its secret, a
    developer's id and key, or an API key and its secret. An app that is suspended or closed may
    still see what is its own.
    `request_id` is that of the current request.
    """

    def __init__(
        self,
        access: Access,
        resources: Sequence[Resource],
        *,
        keys: ApiKeyStore,
        cursors: Cursors,
        idempotency: Idempotency,
        request_id: Callable[[], str | None],
    ) -> None:
        self._access = access
        self._keys = keys
        self._resources = {each.name: each for each in resources}
        self._paths = Paths(op for each in resources for op in each.operations())
        self._cursors = cursors
        self._idempotency = idempotency
        self._request_id = request_id

    def answer(self, incoming: IncomingRequest) -> Reply:
        request, headers = incoming.request, dict[str, str]()
        methods, path = self._paths.find(incoming.route.path.format_map(incoming.path))
        try:
            operation = _operation(methods, request.method)
            if operation is None:
                return Reply(204, "", {**HEADERS, "Allow": _allow(methods)}, {"code": 204})
            incoming.facts["operation"] = operation.name
            reply = self._perform(operation, replace(incoming, path=path), headers)
        except Failure as failure:
            reply = self._problem(failure)
        except (errors.GatewayError, Invalid) as error:
            reply = self._problem(Failure.of(error))
        # A HEAD is answered as the GET would be, without its body.
        body = reply.body if request.method != "HEAD" else ""
        return with_facts(
            replace(reply, body=body, headers={**reply.headers, **headers}), incoming.facts
        )

    def fault(self) -> Reply:
        return self._problem(Failure(problems.FAULT, answered=AnswerClass.FAULT))

    def _problem(self, failure: Failure) -> Reply:
        return failure.reply(self._request_id() or "")

    def _perform(
        self, operation: Operation, incoming: IncomingRequest, headers: dict[str, str]
    ) -> Reply:
        resource = self._resources[operation.resource]
        handler = getattr(resource, operation.handler)
        if operation.public:
            return self._written(operation, handler(incoming.request))[0]
        caller = self._caller(operation, resource, incoming)
        incoming.facts["app"] = caller.app.name
        self._take(caller.app, headers, now=incoming.now)
        _check_allowed(operation, caller)
        request = incoming.request
        given, sent = _read(operation, request)
        scope = (caller.app.name, operation.name, _text_of_list(request, sent))
        context = Context(caller.app, request, incoming.now)
        if cursor := _cursor(given):
            context = replace(context, place=self._cursors.open(cursor, scope))

        def carry_out(context: Context) -> tuple[Reply, Json]:
            value = handler(context, **incoming.path, **given)
            if isinstance(value, Page):
                after = self._cursors.seal(value.after, scope) if value.after is not None else None
                value = {"data": value.data, "next_cursor": after}
            return self._written(operation, value)

        if not operation.takes_key:
            return carry_out(context)[0]
        content = (
            f"{operation.method} {sorted(incoming.path.items())} {operation.path} {_text(sent)}"
        )
        repeated = getattr(resource, operation.repeated) if operation.repeated else None
        return self._idempotency.carry_out(operation, context, content, carry_out, repeated)

    def _caller(
        self, operation: Operation, resource: Resource, incoming: IncomingRequest
    ) -> Caller:
        if operation.opens:
            opens = getattr(resource, operation.opens)
            app: App | None = opens(incoming.request, **incoming.path, now=incoming.now)
            if app is not None:
                return Caller(app)
        return self._authenticated(incoming.request)

    def _authenticated(self, request: Request) -> Caller:
        """Who sent it. An unknown key takes as long as a wrong password. Raises Failure,
        Unavailable."""
        user, password = read_basic(request.headers.get("authorization")) or ("", b"")
        read_only = False
        if is_key_id(user):
            key = self._keys.authenticate(user, password)
            name, read_only = (key.app, key.read_only) if key is not None else (None, False)
        else:
            credentials = self._known(user) if user else None
            secrets = credentials.secrets if credentials is not None else ()
            known = signed_with(password, secrets) is not None
            name = credentials.app if known and credentials is not None else None
        app = self._access.apps.get(name) if name is not None else None
        if app is None:
            raise Failure(
                problems.UNAUTHORIZED,
                headers=problems.CHALLENGE,
                answered=AnswerClass.UNAUTHENTICATED,
            )
        if not sources.is_from(request.source, app.sources):
            raise Failure(problems.NOT_FROM_HERE)
        return Caller(app, read_only)

    def _known(self, user: str) -> AppCredentials | None:
        # Developers' ids are decimal: looked up first, they cost no second read of the secret.
        kinds = (self._access.credentials.app, self._access.credentials.developer)
        for find in reversed(kinds) if user.isdecimal() else kinds:
            credentials = find(user)
            if credentials is not None:
                return credentials
        return None

    def _take(self, app: App, headers: dict[str, str], *, now: int) -> None:
        """Takes from the app's rate, and says in the headers what is left. Raises RateExceeded."""
        headers["RateLimit-Policy"] = f'"app";q={app.rate};w=1'
        headers["RateLimit"] = '"app";r=0;t=1'
        left = self._access.limiter.take(app, now=now)
        headers["RateLimit"] = f'"app";r={left};t=1'

    @staticmethod
    def _written(operation: Operation, value: Any) -> tuple[Reply, Json]:
        """The reply, and its members as they may be kept: None where nothing is."""
        first = next(iter(operation.answers))
        status, value, more = value if isinstance(value, Result) else Result(first, value)
        answer = operation.answers[status]
        headers = {**HEADERS, "Content-Type": _content_type(answer.media_type), **more}
        if answer.type is None:
            return Reply(status, value or "", headers, {"code": status}), None
        members = answer.type.write(value)
        reply = Reply(status, json.dumps(members, ensure_ascii=False), headers, {"code": status})
        if not operation.takes_key:
            return reply, None
        kept = answer.type.without_secrets(members) if isinstance(answer.type, Object) else members
        return reply, kept


class Paths:
    """Finds the operations of a path; a fixed segment counts before a variable one."""

    def __init__(self, operations: Iterator[Operation]) -> None:
        self._known: dict[tuple[str, ...], dict[str, Operation]] = {}
        for each in operations:
            pattern = tuple(_VARIABLE if part[0] == "{" else part for part in _parts(each.path))
            self._known.setdefault(pattern, {})[each.method] = each
        self._beginnings = {known[:n] for known in self._known for n in range(len(known) + 1)}

    def find(self, path: str) -> tuple[Methods, dict[str, str]]:
        """The operations by method (empty: there is no such path), and the parameters."""
        parts = [unquote(part) for part in _parts(path)]
        patterns: list[tuple[str, ...]] = [()]
        for part in parts:
            longer = [(*pattern, each) for pattern in patterns for each in (part, _VARIABLE)]
            patterns = [pattern for pattern in longer if pattern in self._beginnings]
        methods = next((self._known[each] for each in patterns if each in self._known), None)
        if methods is None:
            return {}, {}
        names = _parts(next(iter(methods.values())).path)
        pairs = zip(names, parts, strict=True)
        return methods, {name[1:-1]: part for name, part in pairs if name[0] == "{"}


_VARIABLE = "{}"


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/")


def _operation(methods: Methods, method: str) -> Operation | None:
    """The operation of a method; None for OPTIONS. Raises Failure."""
    if not methods:
        raise Failure(problems.UNKNOWN_PATH)
    found = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
    if found is None and method != "OPTIONS":
        raise Failure(problems.METHOD, headers={"Allow": _allow(methods)})
    return found


def _allow(methods: Methods) -> str:
    head = ["HEAD"] if "GET" in methods and "HEAD" not in methods else []
    return ", ".join([*methods, *head, "OPTIONS"])


def _check_allowed(operation: Operation, caller: Caller) -> None:
    if not operation.changes:
        return
    if caller.read_only:
        raise Failure(problems.READ_ONLY)
    if not (caller.app.enabled or operation.while_suspended):
        raise errors.Suspended


def _read(operation: Operation, request: Request) -> tuple[dict[str, Any], Json]:
    """What the handler is given of query and body, and the body as it was sent. Raises Failure,
    Invalid with the faults of both."""
    given: dict[str, Any] = {}
    sent: Json = None
    wrong: list[Wrong] = []
    try:
        query = read_query(operation.query or NOTHING, request)
        if operation.query is not None:
            given["query"] = query
    except Invalid as invalid:
        wrong += invalid.errors
    try:
        if operation.body is not None:
            given["body"], sent = read_body(operation.body, request)
        elif request.method not in ("GET", "HEAD"):
            check_no_body(request)
    except Invalid as invalid:
        wrong += invalid.errors
    if wrong:
        raise Invalid(*wrong)
    return given, sent


def _cursor(given: Mapping[str, Any]) -> str | None:
    asked = given.get("query") or given.get("body")
    found: str | None = getattr(asked, "cursor", None)
    return found


def _text(sent: Json) -> str:
    return json.dumps(sent, sort_keys=True) if sent is not None else ""


def _text_of_list(request: Request, sent: Json) -> str:
    """What a list was asked with, but for the parts that change from page to page."""
    asked = [*request.query, *(sent or {}).items()]
    same = [each for each in asked if each[0] not in ("cursor", "limit") and each[1] is not None]
    return json.dumps(sorted(same, key=lambda each: each[0]))


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8"
