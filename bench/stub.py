"""Puts recorded answers in the place of HTTP, at botocore's before-send. Light: it is loaded in the
processes whose start is measured."""

import marshal
from collections.abc import Sequence
from typing import Any

Recorded = dict[str, Any]
"""`service`, `operation`, `kwargs`, `status`, `headers`, `body` of one call."""


def load(path: str) -> Any:
    """What `save` wrote."""
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib would be loaded for this alone
        return marshal.load(file)  # noqa: S302 - written by the process that started this one


def save(value: Any, path: str) -> None:
    """Writes plain values in a format that is read without importing anything."""
    with open(path, "wb") as file:  # noqa: PTH123
        marshal.dump(value, file)


class _Raw:
    """What botocore wants of an HTTP body."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> tuple[bytes]:
        return (self._body,)


class Stub:
    """Answers calls in the order of a recording, over and over; any other call is an error, and one
    that is made once in a process may be left out later."""

    def __init__(self) -> None:
        self._recorded: Sequence[Recorded] = ()
        self._next = 0

    def answer_with(self, recorded: Sequence[Recorded]) -> None:
        """From now on: these calls, in this order, and then from the start again."""
        self._recorded, self._next = recorded, 0

    def install(self) -> None:
        """In every client that is made after this."""
        import botocore.handlers

        botocore.handlers.BUILTIN_HANDLERS.append(("before-send", self._send))

    def _take(self, event_name: str) -> Recorded:
        """The next one of this name: what is between is read once in a process."""
        for _ in self._recorded:
            recorded = self._recorded[self._next]
            self._next = (self._next + 1) % len(self._recorded)
            if recorded["event_name"] == event_name:
                return recorded
        raise AssertionError(f"{event_name} is not of this operation")

    def _send(self, request: Any, event_name: str, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        recorded = self._take(event_name)
        return AWSResponse(
            request.url, recorded["status"], recorded["headers"], _Raw(recorded["body"])
        )
