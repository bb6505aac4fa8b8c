"""Lambda's runtime API for one invocation, and AWS's answers to what the function asks."""

import json
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from bench.stub import Recorded

INVOCATIONS = "/2018-06-01/runtime/invocation/"
REQUEST_ID = "01234567-89ab-cdef-0123-456789abcdef"
# awslambdaric (4.2.2) crashes without any of these.
INVOCATION = {
    "Content-Type": "application/json",
    "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:bench",
    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
    "Lambda-Runtime-Client-Context": "{}",
    "Lambda-Runtime-Cognito-Identity": "{}",
}
INVOCATION_S = 28


class RuntimeApi(ThreadingHTTPServer):
    """Hands `event` to the first process that asks, and answers its calls of AWS in the order of
    `calls`. It listens until the block ends; `done` is set when the function has answered or
    failed, at `done_at` by `time.perf_counter`.
    """

    daemon_threads = True

    def __init__(self, event: dict[str, Any], calls: Sequence[Recorded] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.event = json.dumps(event).encode()
        self.calls = list(calls)
        self.done = Event()
        self.done_at = 0.0
        self.answer: dict[str, Any] | None = None
        """What the function returned; None if it failed, and `failure` says how."""
        self.failure = ""

    @property
    def address(self) -> str:
        """Host and port, as `AWS_LAMBDA_RUNTIME_API` has it."""
        return f"127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that has answered is ended while it asks for the next invocation."""

    def finish(self, answer: dict[str, Any] | None, failure: str) -> None:
        """The function has answered, or failed."""
        self.done_at = time.perf_counter()
        self.answer, self.failure = answer, failure
        self.done.set()


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The next invocation; there is only one."""
        if self.server.done.is_set():
            self.close_connection = True
            return
        deadline = {"Lambda-Runtime-Deadline-Ms": str(int((time.time() + INVOCATION_S) * 1000))}
        self._answer(200, INVOCATION | deadline, self.server.event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "X-Amz-Target" in self.headers:
            self._aws(self.headers["X-Amz-Target"].rpartition(".")[2])
            return
        answered = self.path == f"{INVOCATIONS}{REQUEST_ID}/response"
        self.server.finish(json.loads(body) if answered else None, "" if answered else str(body))
        self._answer(202, {}, b"")

    def _aws(self, operation: str) -> None:
        for recorded in self.server.calls:
            if recorded["operation"] == operation:
                self.server.calls.remove(recorded)
                self._answer(recorded["status"], recorded["headers"], recorded["body"])
                return
        self._answer(400, {}, json.dumps({"__type": f"{operation} is not recorded"}).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        # In one piece: a second one would wait for the acknowledgement of the first.
        self.send_response_only(status)
        sent = {name.lower(): value for name, value in headers.items()}
        for name, value in (sent | {"content-length": str(len(body))}).items():
            self.send_header(name, value)
        self._headers_buffer.extend((b"\r\n", body))
        self.flush_headers()

    def log_message(self, *_: Any) -> None:
        pass
