"""What the measured processes need of the engine: requests, and what AWS's stand-in answered."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from bench.events import Credentials
from bench.meter import Call
from bench.operations import Measured


def of(primers: Iterable[Measured], measured: Iterable[Measured], who: Credentials) -> Any:
    """Plain values, for `stub.save`: the first requests of a process and the warm ones."""
    return {
        "credentials": asdict(who),
        "primers": [_operation(each) for each in primers],
        "operations": [_operation(each) for each in measured if each.path is not None],
    }


def _operation(measured: Measured) -> dict[str, Any]:
    return {
        "name": measured.name,
        "path": measured.path,
        "method": measured.method,
        "content": measured.content,
        "answer": measured.answer,
        "calls": [_call(call) for call in measured.calls],
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "event_name": f"before-send.{call.service}.{call.operation}",
        "service": call.service,
        "operation": call.operation,
        "kwargs": _plain(call.kwargs),
        "status": call.status,
        "headers": call.headers,
        "body": call.body,
    }


def _plain(value: Any) -> Any:
    """The same without classes of our own: an enumeration's member becomes its text."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case str():
            return str(value)
        case _:
            return value
