"""An app's own server that asks for its history, and the ground that takes: a bucket, a site, a
switch that reports, and where that keeps recordings."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.config import Config

from chalicelib.rest.facade import RestFacade
from chalicelib.store import clients
from chalicelib.store.site import Site, site_item
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx, basic
from tests.owners import set_item
from tests.stage import Answer, Stage

URL = "https://gateway.example"
BUCKET = "masking-gateway-unit-files"
PLENTY_MS = 900_000
WHOLE = {"type", "title", "status", "detail", "request_id"}
"""What each problem has."""


@cache
def s3() -> Any:
    """Made once, as in tests/stage.py."""
    return boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
        config=clients._S3_CONFIG.merge(Config(retries={"total_max_attempts": 1})),
    )


def set_up(stage: Stage) -> None:
    """What `infra deploy` does once the bucket and the API are there."""
    where = {"LocationConstraint": "eu-west-1"}
    s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    stage.dynamodb.put_item(TableName=stage.table, Item=site_item(Site(URL, BUCKET)))


@dataclass
class Backend:
    """Asks with the user and password of HTTP Basic."""

    stage: Stage
    user: str
    password: str

    def get(self, target: str, **headers: str) -> Answer:
        """One GET; `target` is path and query string."""
        return self.ask("GET", target, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """One POST; what is not text or bytes is sent as JSON."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.ask("POST", path, content if body is not None else "", **headers)

    def ask(self, method: str, target: str, body: str | bytes = "", **headers: str) -> Answer:
        """Any request."""
        parts = urlsplit(target)
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        sent = {"Authorization": basic(self.user, self.password)} | headers
        return self.stage.send(
            parts.path, method=method, headers=sent, query=query or None, body=body
        )

    def records(self, query: str = "") -> list[dict[str, Any]]:
        """All records of a search, page by page."""
        found, cursor = [], ""
        while True:
            page = self.get(f"/v1/records?{query}{cursor}").json
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"


def is_problem(answer: Answer, status: int, word: str) -> bool:
    """Fails unless the answer is this problem, as RFC 9457 has it."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json
    assert problem.keys() - {"errors", "code"} == WHOLE
    assert problem["type"] == f"/docs#{word}", problem
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert bool(problem.get("errors")) >= (word == "bad-parameter")
    assert ("code" in problem) is (status == 409)
    assert answer.status == problem["status"] == status
    return True


def rest() -> RestFacade:
    """The facade of this process."""
    facade = gateway().shared(Api).facade("rest")
    assert isinstance(facade, RestFacade)
    return facade


def whole(answer: Answer) -> tuple[int, str, str]:
    """All of an answer that says anything: not how many requests are left this second."""
    headers = {name: each for name, each in answer.headers.items() if name != "RateLimit"}
    return answer.status, answer.text, str(headers)


@dataclass
class Recordings:
    """Where the switch keeps them: path -> content; anything else is 404."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def recordings() -> Iterator[Recordings]:
    """A real HTTP server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept.asked.append(self.path)
            content = kept.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "audio/wav")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Recordings(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def switch(stage: Stage, *hosts: str) -> Pbx:
    """A switch whose recordings are at these hosts."""
    password = stage.switch("pbx")
    set_item("switch/pbx", recording_hosts={"L": [{"S": host} for host in hosts]})
    stage.forget()
    return Pbx(stage, basic("pbx", password))


class Context:
    """Lambda's, as far as the worker looks."""

    def __init__(self, left_ms: int = PLENTY_MS) -> None:
        self._left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms


def transfer(messages: list[str], *, left_ms: int = PLENTY_MS) -> list[str]:
    """As Lambda calls the worker, with one message at a time; those that have to come again."""
    from app import transfer as worker

    again = []
    for message in messages:
        record = {"messageId": "m", "body": message, "receiptHandle": "r"}
        answer: Mapping[str, Any] = worker({"Records": [record]}, Context(left_ms))
        again += [message for _ in answer["batchItemFailures"]]
    return again


def follow_up(stage: Stage) -> None:
    """The schedule, and the workers with what it sends to the queues of events."""
    from app import deliver
    from chalicelib.jobs.schedules import follow_up as schedule

    schedule(lambda: PLENTY_MS)
    records = [{"messageId": m, "body": m, "receiptHandle": "r"} for m in stage.messages()]
    if records:
        answer: Mapping[str, Any] = deliver({"Records": records}, Context(PLENTY_MS))
        assert answer["batchItemFailures"] == []
