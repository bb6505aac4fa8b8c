"""The OpenAPI document (3.1), made of the tables that read the requests and write the answers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chalicelib.carriers.cloudevents import wire_callbacks as cloudevents
from chalicelib.core.calls.events import EventKind
from chalicelib.rest.idempotency import HEADER
from chalicelib.rest.operations import Answer, Operation, Resource
from chalicelib.rest.problems import (
    CODES,
    ERROR,
    INVALID,
    MALFORMED,
    MEDIA_TYPE,
    MISMATCH,
    NOT_FROM_HERE,
    PROBLEM,
    READ_ONLY,
    TABLE,
    TOO_LARGE,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNKNOWN,
    Problem,
)
from chalicelib.schema.types import (
    Json,
    Listed,
    Member,
    Nullable,
    Object,
    Scalar,
    Schema,
    Type,
    or_null,
)

VERSION = "1.0.0"
EXAMPLE_HOST = "https://gateway.example"

TEXT = """Masks telephone numbers: two people reach each other by dialling a proxy number.

Numbers of people are E.164 with `+`, and never stand in an address. Times are RFC 3339 in UTC with
milliseconds; requests may give epoch ms. Durations end in `_s`. Lists have `data` and
`next_cursor`. An unknown member is refused, and a problem lists everything that is wrong at once.

Each POST and PATCH that changes something takes the header `Idempotency-Key` (1 to 255 visible
characters): a repeat with the same key gets the first answer, for a day at least; another request
with it is answered 422."""

_OFTEN = (UNAUTHORIZED, NOT_FROM_HERE, INVALID, UNAVAILABLE)
_RATE = next(each for each in TABLE if each.word == "rate")
_FORBIDDEN = next(each for each in TABLE if each.word == "forbidden")
_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_RATE_LIMIT = {
    "RateLimit-Policy": "How many requests a second the app may send.",
    "RateLimit": "How many are left.",
}


def document(resources: Iterable[type[Resource]]) -> dict[str, Any]:
    """All of it."""
    resources = tuple(resources)
    components = _Components()
    components.reference(PROBLEM, written=True)
    paths: dict[str, Schema] = defaultdict(dict)
    for resource in resources:
        for operation in resource.operations():
            described = _operation(resource, operation, components)
            paths[operation.path][operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "masking gateway", "version": VERSION, "description": TEXT},
        "servers": [{"url": "/"}],
        "security": [{"basic": []}],
        "tags": [{"name": each.name, "description": each.text} for each in resources],
        "paths": dict(paths),
        "webhooks": {str(kind): _event(kind) for kind in cloudevents.MESSAGES},
        "components": {
            "schemas": dict(sorted(components.schemas.items())),
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Key and secret of the app, or devid and auth_key.",
                }
            },
        },
    }


class _Components:
    """The schemas that have a title, once each."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def reference(self, kind: Type[Any], *, written: bool) -> Schema:
        """The schema of a type, by reference where it is among the components."""
        if isinstance(kind, Nullable):
            return or_null(self.reference(kind.of, written=written))
        if isinstance(kind, Listed):
            return _of(kind, written) | {"items": self.reference(kind.of, written=written)}
        schema = _of(kind, written)
        if not isinstance(kind, Object):
            title = kind.title if isinstance(kind, Scalar) else ""
            return self._named(title, schema) if title else schema
        properties = {
            name: self._member(each, written=written) for name, each in kind.members.items()
        }
        schema = {**schema, "properties": properties}
        return self._named(kind.title, schema) if kind.title else schema

    def _named(self, title: str, schema: Schema) -> Schema:
        known = self.schemas.setdefault(title, schema)
        if known != schema:
            raise ValueError(f"two schemas are called {title}")
        return {"$ref": f"#/components/schemas/{title}"}

    def _member(self, held: Member[Any], *, written: bool) -> Schema:
        schema = self.reference(held.type, written=written)
        if not written and held.takes_null:
            schema = or_null(schema)
        return schema | ({"description": held.text} if held.text else {})


def _of(kind: Type[Any], written: bool) -> Schema:
    return kind.schema() if written else kind.accepted()


def _operation(resource: type[Resource], operation: Operation, components: _Components) -> Schema:
    described: Schema = {
        "operationId": _id_of(operation),
        "tags": [operation.resource],
        "summary": operation.summary,
    }
    if operation.text or operation.takes_key:
        key = f"Takes the header `{HEADER}`." if operation.takes_key else ""
        described["description"] = " ".join(filter(None, (operation.text, key)))
    parameters = [*_path(resource, operation), *_query(operation, components)]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content: Schema = {"schema": components.reference(operation.body, written=False)}
        if operation.example is not None:
            content["example"] = operation.example
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    described["responses"] = {
        **{
            str(status): _answer(answer, resource, operation, components)
            for status, answer in operation.answers.items()
        },
        **_problems(operation),
    }
    if operation.public:
        described["security"] = []
    elif operation.opens:
        described["security"] = [{"basic": []}, {}]
    return described


def _id_of(operation: Operation) -> str:
    return operation.name.replace(".", "_")


def _path(resource: type[Resource], operation: Operation) -> Iterator[Schema]:
    for name, held in resource.parameters.items():
        if f"{{{name}}}" in operation.path:
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": held.text,
                "schema": held.type.accepted(),
                "example": held.type.example,
            }


def _query(operation: Operation, components: _Components) -> Iterator[Schema]:
    for name, held in (operation.query.members if operation.query else {}).items():
        example = (operation.example or {}).get(name)
        yield {
            "name": name,
            "in": "query",
            "required": held.required,
            "description": held.text,
            "schema": _parameter(held, components),
            **({"example": example} if example is not None else {}),
        }


def _parameter(held: Member[Any], components: _Components) -> Schema:
    if held.default is None:
        return components.reference(held.type, written=False)
    return held.type.accepted() | {"default": held.type.write(held.default)}


def _answer(
    answer: Answer, resource: type[Resource], operation: Operation, components: _Components
) -> Schema:
    said = dict(answer.headers) | ({} if operation.public else _RATE_LIMIT)
    described: Schema = {"description": answer.text}
    described["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in said.items()
    }
    if answer.type is not None:
        described["content"] = {
            answer.media_type: {
                "schema": components.reference(answer.type, written=True),
                "example": answer.type.example,
            }
        }
    elif answer.media_type != "application/json":
        described["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    if links := _links(answer, resource, operation):
        described["links"] = links
    return described


def _links(answer: Answer, resource: type[Resource], operation: Operation) -> Schema:
    """What can be done with what was made: the operations of its resource that want its `id`."""
    made = isinstance(answer.type, Object) and "id" in answer.type.members
    if not made or "{" in operation.path:
        return {}
    return {
        _id_of(other): {
            "operationId": _id_of(other),
            "parameters": {name: "$response.body#/id"},
        }
        for other in resource.operations()
        for name in resource.parameters
        if f"{{{name}}}" in other.path
    }


def _event(kind: EventKind) -> Schema:
    """What the app's endpoint is sent, and has to answer."""
    message = cloudevents.MESSAGES[kind]
    content = {"application/cloudevents+json": {"schema": message.schema()}}
    return {
        "post": {
            "operationId": f"event_{kind}".replace(".", "_"),
            "summary": kind.traits.about,
            "requestBody": {"required": True, "content": content},
            "responses": {"2XX": {"description": "The event is delivered."}},
            "security": [],
        }
    }


def problems_of(operation: Operation) -> list[Problem]:
    """What a request for this operation can be answered, if it can't be done."""
    if operation.public:
        return list(operation.problems)
    found = [*_OFTEN, _RATE, *operation.problems]
    if operation.query is not None and "cursor" in operation.query.members:
        found.append(UNKNOWN)
    if operation.body is not None:
        found += [MALFORMED, TOO_LARGE, MEDIA_TYPE]
        found += [UNKNOWN] if "cursor" in operation.body.members else []
    elif operation.method not in ("GET", "HEAD"):
        found += [MALFORMED, TOO_LARGE, MEDIA_TYPE]
    if operation.changes:
        found += [READ_ONLY, _FORBIDDEN]
    if operation.takes_key:
        found.append(MISMATCH)
    return list(dict.fromkeys(found))


def _problems(operation: Operation) -> Schema:
    by_status: dict[int, list[Problem]] = defaultdict(list)
    for each in problems_of(operation):
        by_status[each.status].append(each)
    return {
        str(status): _problem(each, operation.conflict)
        for status, each in sorted(by_status.items())
    }


def _problem(problems: Sequence[Problem], conflict: str) -> Schema:
    first = problems[0]
    example: Json = {
        "type": first.type,
        "title": first.title,
        "status": first.status,
        "detail": first.remedy,
        "request_id": PROBLEM.members["request_id"].type.example,
    }
    if first is INVALID:
        example["detail"] = PROBLEM.members["detail"].type.example
        example["errors"] = [ERROR.example]
    if first.status == 409:
        example |= {"code": conflict, "detail": CODES[conflict]}
    schema = {"$ref": "#/components/schemas/Problem"}
    described: Schema = {
        "description": "; ".join(f"[{each.title}]({each.type})" for each in problems),
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }
    if any(each.retry_s is not None for each in problems):
        described["headers"] = _RETRY
    return described
