"""Bodies and query strings of requests, read by an operation's tables."""

import json
from typing import Any, NoReturn

from chalicelib.core.messages import Request
from chalicelib.rest.problems import MALFORMED, MEDIA_TYPE, TOO_LARGE, Failure
from chalicelib.schema.types import Invalid, Members, Object, Wrong

MAX_BODY = 64 * 1024
"""Bytes."""

_JSON = ("application/json", "application/merge-patch+json")


def read_query(table: Object[Any], request: Request) -> Any:
    """The parameters of a request. Raises Invalid."""
    return table.read_query(request.query)


def read_body(table: Object[Any], request: Request) -> tuple[Any, Members]:
    """What the body says, and the JSON object that it is. Raises Failure, Invalid."""
    members = parse(request)
    return table.read(members), members


def check_no_body(request: Request) -> None:
    """Raises Failure, Invalid unless the body is empty, or an empty JSON object."""
    if request.body.strip():
        members = parse(request)
        if members:
            raise Invalid(Wrong("", "this request has no body"))


def parse(request: Request) -> Members:
    """The JSON object of a body. Raises Failure."""
    _check_type(request.headers.get("content-type"))
    if len(request.body) > MAX_BODY:
        raise Failure(TOO_LARGE)
    try:
        parsed = json.loads(
            request.body.decode(), object_pairs_hook=_members, parse_constant=_no_number
        )
        if b"\\u" in request.body:
            json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Failure(MALFORMED, "a text holds half of a surrogate pair") from None
    except UnicodeDecodeError:
        raise Failure(MALFORMED, "the body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Failure(MALFORMED, "the body is not JSON (RFC 8259)") from None
    if not isinstance(parsed, Members):
        raise Failure(MALFORMED, "the body is JSON, but not an object")
    return parsed


def _check_type(sent: str | None) -> None:
    if not sent:
        return
    kind, _, parameters = sent.partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "').lower()
    if kind.strip().lower() not in _JSON or charset not in ("", "utf-8", "utf8"):
        raise Failure(MEDIA_TYPE)


def _members(pairs: list[tuple[str, Any]]) -> Members:
    members = Members(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        members.doubled = tuple({name for name in names if names.count(name) > 1})
    return members


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
