"""Requests to the simulator as its routes see them, and how a path finds its function."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """A request that the simulator can't serve: HTTP status and what is wrong with it."""

    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **more}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the routes see it."""

    names: tuple[str, ...]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Refused if it is none."""
        try:
            body = json.loads(self.body)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "the body must be a JSON object")
        return body

    def json_of(self, *known: str) -> dict[str, Any]:
        """As `json`. Refused, too, if it has any other field than these."""
        body = self.json()
        unknown = sorted(set(body) - set(known))
        if unknown:
            raise Refused(400, f"unknown field {unknown[0]!r}; known are {', '.join(known)}")
        return body


Reply = tuple[int, Any]
Route = tuple[str, str, re.Pattern[str], Callable[[Asked], Reply]]


def route(method: str, pattern: str, function: Callable[[Asked], Reply]) -> Route:
    """A route; `<name>` in the pattern stands for one part of the path."""
    expression = re.compile(re.sub(r"<\w+>", "([^/]+)", pattern) + "/?")
    return method, pattern, expression, function
