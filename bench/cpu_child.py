"""A process of its own that measures CPU: the whole handler against the bare client calls.

Arguments: the recording, where to write the result, rounds, requests a round. Nothing but what the
Lambda has is imported besides the stub, and the log goes where standard output goes.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.events import Credentials, request
from bench.lambda_context import CONTEXT
from bench.stub import Stub, load, save


def main(recording_path: str, result_path: str, rounds: int, requests: int) -> None:
    """Measures every operation of the recording."""
    recording = load(recording_path)
    who = Credentials(**recording["credentials"])
    stub = Stub()
    stub.install()

    from app import app

    for primer in recording["primers"]:
        stub.answer_with(primer["calls"])
        _handled(app, request(primer["path"], primer["content"], who))
    bare = _BareCalls()
    results = {}
    for operation in recording["operations"]:
        stub.answer_with(operation["calls"])
        results[operation["name"]] = _compare(
            partial(_handled, app),
            bare.of(operation["calls"]),
            partial(request, operation["path"], operation["content"], who),
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


def _handled(app: Any, event: dict[str, Any]) -> None:
    answer = app(event, CONTEXT)
    if answer["statusCode"] != 200 or json.loads(answer["body"]).get("code", 200) != 200:
        raise AssertionError(f"{event['path']} was refused")


def _compare(
    handle: Callable[[dict[str, Any]], None],
    bare: Callable[[], None],
    new_event: Callable[[], dict[str, Any]],
    *,
    rounds: int,
    requests: int,
) -> list[tuple[float, float]]:
    """CPU seconds for one request and for its bare calls, round by round, taking turns."""
    found = []
    for _ in range(rounds):
        event = new_event()
        gc.collect()
        handler_s = bare_s = 0.0
        # Turns of some twenty requests: whatever else the machine does meets both alike.
        for _ in range(requests // TURN):
            start = time.process_time()
            for _ in range(TURN):
                handle(event)
            middle = time.process_time()
            for _ in range(TURN):
                bare()
            bare_s += time.process_time() - middle
            handler_s += middle - start
        done = requests // TURN * TURN
        found.append((handler_s / done, bare_s / done))
    return found


TURN = 20

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
