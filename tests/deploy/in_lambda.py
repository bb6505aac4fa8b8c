"""Run by the bundle tests as Lambda runs the bundle: `python -I -S in_lambda.py BUNDLE`.

Reads one `[handler, event, seconds that its clock is ahead]` a line, answers one
`{"result", "error", "calls"}` a line; `calls` are the AWS calls that the handler made, as
`[service, operation, parameters]`.
"""

import importlib
import importlib.util
import json
import sys
import time
from functools import partial
from pathlib import Path

REAL_NS = time.time_ns
LEFT_MS = {"transfer": 900_000, "extend": 115_000, "settle": 115_000}
"""As in .chalice/config.json; the others do with less."""


class Context:
    """What a handler gets of Lambda's context."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    function_name = "masking-gateway-dev"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:masking-gateway-dev"

    def __init__(self, handler: str) -> None:
        self._left_ms = LEFT_MS.get(handler, 30_000)

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms


def main() -> None:
    """Answers until its standard input ends."""
    # It needs nothing of the runtime's own packages, and nothing else is to be seen.
    sys.path.insert(0, sys.argv[1])
    replies, sys.stdout = sys.stdout, sys.stderr
    calls = []
    _record(calls)
    app = importlib.import_module("app")
    _allow_local_addresses()
    for line in sys.stdin:
        handler, event, ahead_s = json.loads(line)
        time.time_ns = partial(_ahead, ahead_s)
        calls.clear()
        reply = {"result": None, "error": None, "calls": calls}
        try:
            reply["result"] = getattr(app, handler)(event, Context(handler))
        except Exception as error:  # noqa: BLE001 - as Lambda does
            reply["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(reply, default=repr), file=replies, flush=True)


def _allow_local_addresses() -> None:
    """The receivers of the tests are on this machine; the bundle has no code for that."""
    path = Path(__file__).resolve().parents[2] / "simulator" / "local_addresses.py"
    spec = importlib.util.spec_from_file_location("local_addresses", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.allow_local_addresses()


def _ahead(seconds: int) -> int:
    return REAL_NS() + seconds * 10**9


def _record(calls: list[object]) -> None:
    client = importlib.import_module("botocore.client").BaseClient
    call = client._make_api_call

    def recorded(self: object, operation: str, parameters: dict[str, object]) -> object:
        calls.append([self.meta.service_model.service_name, operation, parameters])
        return call(self, operation, parameters)

    client._make_api_call = recorded

    # A link asks nothing of AWS when it is made, but works only if its maker may do the same.
    signers = importlib.import_module("botocore.signers")
    sign = signers.generate_presigned_url

    def signed(self: object, ClientMethod: str, Params: object = None, **more: object) -> object:  # noqa: N803 - boto3's names
        operation = self._PY_TO_OP_NAME[ClientMethod]
        calls.append([self.meta.service_model.service_name, operation, Params])
        return sign(self, ClientMethod, Params, **more)

    signers.generate_presigned_url = signed


if __name__ == "__main__":
    main()
