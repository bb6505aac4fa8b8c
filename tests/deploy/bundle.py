"""The bundle as Lambda has it: unpacked, alone, driven with Lambda's events."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent


class Call(NamedTuple):
    """An AWS call that a function made."""

    service: str
    operation: str
    parameters: dict[str, Any]


class Failed(Exception):
    """A handler raised; the text is of its exception."""


class Lambda:
    """One process that serves invocations one by one, like one execution environment."""

    def __init__(self, bundle: Path, directory: Path, environment: dict[str, str]) -> None:
        empty = directory / "empty"
        empty.mkdir(parents=True)
        self.calls: dict[str, list[Call]] = {}
        # How far its clock is ahead of ours.
        self.ahead_s = 0
        self._log = (directory / "log").open("w+")
        self._process = subprocess.Popen(
            # -I and -S: nothing of this checkout and of its virtual environment.
            [sys.executable, "-I", "-S", HERE / "in_lambda.py", bundle],
            cwd=empty,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> "Lambda":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    @property
    def log(self) -> str:
        """What it has written so far, standard output and error."""
        self._log.flush()
        return Path(self._log.name).read_text()

    def now_ms(self) -> int:
        """By its clock."""
        return int((time.time() + self.ahead_s) * 1000)

    def invoke(self, handler: str, event: dict[str, Any]) -> Any:
        """What the handler returns; raises Failed with what it raises."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([handler, event, self.ahead_s]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"the process has ended: {self.log[-3000:]}")
        reply = json.loads(line)
        self.calls.setdefault(handler, []).extend(Call(*call) for call in reply["calls"])
        if reply["error"]:
            raise Failed(reply["error"])
        return reply["result"]

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        query: dict[str, str] | None = None,
        **path_parameters: str,
    ) -> tuple[int, Any]:
        """A request through API Gateway, `path` as the route is: HTTP status and parsed body."""
        headers = headers or {}
        reply = self.invoke(
            "app",
            {
                "httpMethod": method,
                "path": path.format(**path_parameters),
                "resource": path,
                "requestContext": {
                    "httpMethod": method,
                    "resourcePath": path,
                    "path": f"/dev{path.format(**path_parameters)}",
                    "identity": {"sourceIp": "192.0.2.1"},
                },
                "headers": headers,
                "multiValueHeaders": {name: [value] for name, value in headers.items()},
                "pathParameters": path_parameters or None,
                "stageVariables": None,
                "multiValueQueryStringParameters": {
                    name: [value] for name, value in (query or {}).items()
                }
                or None,
                "body": body.decode() or None,
                "isBase64Encoded": False,
            },
        )
        return reply["statusCode"], json.loads(reply["body"])

    def post(
        self, path: str, body: bytes, headers: dict[str, str], **path_parameters: str
    ) -> tuple[int, Any]:
        """The same for what is posted."""
        return self.request("POST", path, body, headers, **path_parameters)

    def netease(
        self, path: str, app: dict[str, str], *, request_id: str = "", **parameters: str
    ) -> Any:
        """A NetEase call, signed as its document says."""
        nonce, now = os.urandom(8).hex(), str(int(time.time()))
        signed = hashlib.sha1(f"{app['app_secret']}{nonce}{now}".encode()).hexdigest()  # noqa: S324
        headers = {
            "AppKey": app["app_key"],
            "Nonce": nonce,
            "CurTime": now,
            "CheckSum": signed,
            "Content-Type": "application/x-www-form-urlencoded;charset=utf-8",
            **({"RequestId": request_id} if request_id else {}),
        }
        return self.post(path, urlencode(parameters).encode(), headers)[1]

    def interline(
        self, method: str, path: str, developer: dict[str, str], *, x: str = "", **parameters: str
    ) -> Any:
        """An interline call, signed as its document says: a PUT's parameters in a form, others' in
        the query string."""
        now = str(int(time.time() * 1000))
        digest = hashlib.sha256(f"{developer['auth_key']}{now}".encode()).hexdigest()
        headers = {"Authorization": f"Keytime {developer['devid']},{now},{digest[24:40]}"}
        given = {"appid": developer["appid"], **parameters}
        numbers = {"number": x} if x else {}
        if method == "PUT":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(given).encode()
            return self.request(method, path, body, headers, **numbers)[1]
        return self.request(method, path, headers=headers, query=given, **numbers)[1]

    def callback(self, account: str, secret: str, message: Any) -> Any:
        """A callback of NetEase's, signed as its document says."""
        body, now = json.dumps(message).encode(), str(int(time.time() * 1000))
        digest = hashlib.md5(body).hexdigest()  # noqa: S324
        signed = hashlib.sha1(f"{secret}{digest}{now}".encode()).hexdigest()  # noqa: S324
        headers = {
            "CurTime": now,
            "MD5": digest,
            "CheckSum": signed,
            "Content-Type": "application/json",
        }
        return self.post("/callbacks/netease/{account}", body, headers, account=account)[1]

    def switch(self, path: str, password: str, message: Any) -> Any:
        """A call of the switch."""
        basic = base64.b64encode(f"pbx:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        return self.post(path, json.dumps(message).encode(), headers)[1]

    def take(self, handler: str, *bodies: str) -> None:
        """Messages from a queue, as the event source mapping hands them over; none may fail."""
        records = [
            {
                "messageId": str(index),
                "receiptHandle": str(index),
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for index, body in enumerate(bodies)
        ]
        said = self.invoke(handler, {"Records": records})
        failed = (said or {}).get("batchItemFailures")
        if failed:
            raise Failed(f"{handler} names as failed: {failed}")

    def tick(self, handler: str) -> None:
        """A tick of a schedule."""
        self.invoke(
            handler,
            {
                "version": "0",
                "id": "00000000-0000-0000-0000-000000000000",
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": "123456789012",
                "time": "2026-11-01T00:00:00Z",
                "region": "eu-west-1",
                "resources": [],
                "detail": {},
            },
        )
