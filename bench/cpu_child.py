"""A process of its own that measures CPU: the whole handler against the bare client calls.

Arguments: the recording, where to write the result, rounds, requests a round. Nothing but what the
Lambda has is imported besides the stub, and the log goes where standard output goes.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.events import Credentials, request
from bench.lambda_context import CONTEXT
from bench.stub import Stub, load, save
from bench.turns import taking_turns


def main(recording_path: str, result_path: str, rounds: int, requests: int) -> None:
    """Measures every operation of the recording."""
    recording = load(recording_path)
    who = Credentials(**recording["credentials"])
    stub = Stub()
    stub.install()

    from app import app

    for primer in recording["primers"]:
        stub.answer_with(primer["calls"])
        first = request(primer["path"], primer["content"], who, method=primer["method"])
        _handled(app, first)
    bare = _BareCalls()
    results = {}
    for operation in recording["operations"]:
        stub.answer_with(operation["calls"])
        path, content = operation["path"], operation["content"]
        new_event = partial(request, path, content, who, method=operation["method"])
        results[operation["name"]] = taking_turns(
            partial(_handling, app, new_event),
            bare.of(operation["calls"]),
            rounds=rounds,
            requests=requests,
        )
        print(f"  {operation['name']}", file=sys.stderr, flush=True)
    save(results, result_path)


class _BareCalls:
    """The same requests by clients as boto3 makes them."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def of(self, calls: list[dict[str, Any]]) -> Callable[[], None]:
        """All calls of one operation, one after the other."""
        import boto3
        from botocore import xform_name
        from botocore.exceptions import ClientError

        bound = []
        for call in calls:
            service = call["service"].replace("-", "")
            if service not in self._clients:
                self._clients[service] = boto3.client(service)
            method = getattr(self._clients[service], xform_name(call["operation"]))
            refused: Any = ClientError if call["status"] != 200 else ()
            bound.append((method, call["kwargs"], refused))

        def run() -> None:
            for method, kwargs, refused in bound:
                try:
                    method(**kwargs)
                except refused:
                    continue

        return run


def _handling(app: Any, new_event: Callable[[], dict[str, Any]]) -> Callable[[], None]:
    """A request that was signed now, over and over."""
    return partial(_handled, app, new_event())


def _handled(app: Any, event: dict[str, Any]) -> None:
    answer = app(event, CONTEXT)
    said = json.loads(answer["body"])
    refused = said.get("code", 200) != 200 or said.get("error", 0) != 0
    if refused or answer["statusCode"] not in (200, 201):
        raise AssertionError(f"{event['path']} was refused: {said}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
