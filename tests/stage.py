"""A stage in memory: the table, queues and secrets of `infra/resources.json` on moto."""

import hashlib
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.local import RouteMatcher

from chalicelib.clock import SYSTEM
from simulator.local_addresses import LocalAddresses
from tests import aws_here, dynamodb_here
from tests.runtimes import answer_at

STAGE = "unit"
REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
"""What API Gateway calls each request here."""
NAME = f"masking-gateway-{STAGE}"

A, B, C, D = "447700900001", "447700900002", "447700900003", "447700900004"
X1, X2, X3 = "8610000000001", "8610000000002", "8610000000003"
X15 = "700000000000001"
NUMBERS = ((X1, "10"), (X2, "10"), (X3, "21"), (X15, None))


@dataclass(frozen=True)
class Answer:
    """What the gateway answered: HTTP status, headers, and the JSON body."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> int:
        """NetEase's code."""
        return int(self.json["code"])


class Clock:
    """The gateway's clock: stands still until a test moves it. Epoch ms."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, *, ms: int = 0, s: int = 0, minutes: int = 0) -> None:
        self.now += ms + 1000 * (s + 60 * minutes)


class Client:
    """An app's backend, as NetEase's document tells it to sign and to send."""

    def __init__(self, send: Callable[..., Answer], clock: Clock, key: str, secret: str) -> None:
        self._send = send
        self._clock = clock
        self.key = key
        self.secret = secret
        self._sent = 0

    def headers(self, *, nonce: str | None = None, cur_time: str | None = None) -> dict[str, str]:
        """AppKey, Nonce, CurTime (seconds) and CheckSum: sha1(AppSecret + Nonce + CurTime)."""
        if nonce is None:
            self._sent += 1
            nonce = f"nonce-{self._sent}"
        if cur_time is None:
            cur_time = str(self._clock.now // 1000)
        signed = hashlib.sha1((self.secret + nonce + cur_time).encode()).hexdigest()  # noqa: S324
        return {"AppKey": self.key, "Nonce": nonce, "CurTime": cur_time, "CheckSum": signed}

    def call(
        self,
        operation: str,
        parameters: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        nonce: str | None = None,
    ) -> Answer:
        """One signed AXB call with a form body."""
        path = f"/smallphone/axb/{operation}"
        return self.post(path, parameters, headers=headers, nonce=nonce)

    def post(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        nonce: str | None = None,
    ) -> Answer:
        """One signed request with a form body, to any of NetEase's paths."""
        form = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        return self._send(
            path,
            body=urlencode(parameters or {}),
            headers=form | self.headers(nonce=nonce) | dict(headers or {}),
        )

    def bind(self, a: str = A, b: str = B, **more: str) -> Answer:
        """Binds for an hour unless told otherwise; `headers` can't be given here."""
        return self.call("bind", {"phoneA": a, "phoneB": b, "expiration": "60"} | more)


@dataclass
class Stage:
    """The AWS side of the stage and the ways into the gateway."""

    dynamodb: Any
    sqs: Any
    secretsmanager: Any
    clock: Clock
    table: str = NAME
    data_keys: str = f"{NAME}/data-keys"

    def app(self, name: str = "demo", **settings: Any) -> Client:
        """Registers an app, with NUMBERS unless `numbers` says otherwise."""
        from admin import provision
        from chalicelib.core.bindings.call_routes import Owner
        from chalicelib.store.tenants.apps import app_number_item, owners_item

        numbers = settings.pop("numbers", NUMBERS)
        settings.setdefault("callback_url", "http://127.0.0.1:9/never")
        key, secret = provision.create_app(name, **settings)
        # In one call, as nearly every test waits for it; how an operator does it: tests/admin.
        carrier, encryption = settings.get("carrier", "switch"), self.encryption()
        items = [
            owners_item(x, [Owner(name, carrier, since=0, number=x)], encryption)
            for x, _ in numbers
        ]
        items += [app_number_item(name, number, area) for number, area in numbers]
        if items:
            puts = [{"PutRequest": {"Item": item}} for item in items]
            self.dynamodb.batch_write_item(RequestItems={self.table: puts})
        return Client(self.send, self.clock, key, secret)

    def binding(
        self, binding_id: str = "0" * 26, *, number: str = X1, record: bool = False
    ) -> None:
        """A binding of demo's with this id: A and B over X."""
        from chalicelib.store.bindings.items import binding_item, seal
        from tests.core.samples import binding

        encryption = self.encryption()
        handle = binding_id[:2] + binding_id[16:]
        known = binding(id=binding_id, handle=handle, number=number, record=record)
        item = binding_item(known, seal(encryption, known))
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def switch(self, user: str = "pbx") -> str:
        """Registers a switch; its password."""
        from admin import provision

        return provision.create_switch(user)

    def send(
        self,
        path: str,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, list[str]] | None = None,
        body: str | bytes | None = "",
    ) -> Answer:
        """One request through the bundle's own entry, as API Gateway (REST, proxy) hands it on."""
        import base64

        from app import app

        event_body, encoded = body, False
        if isinstance(body, bytes):
            event_body, encoded = base64.b64encode(body).decode(), True
        matched = RouteMatcher(list(app.routes)).match_route(path)
        given = app(
            {
                "resource": matched.route,
                "path": path,
                "httpMethod": method,
                "headers": dict(headers or {}),
                "multiValueHeaders": {k: [v] for k, v in (headers or {}).items()},
                "queryStringParameters": {k: v[-1] for k, v in query.items()} if query else None,
                "multiValueQueryStringParameters": query,
                "pathParameters": matched.captured or None,
                "stageVariables": None,
                "requestContext": {
                    "resourcePath": matched.route,
                    "httpMethod": method,
                    "path": f"/{STAGE}{path}",
                    "requestId": REQUEST_ID,
                    "identity": {"sourceIp": "192.0.2.1"},
                },
                "body": event_body,
                "isBase64Encoded": encoded,
            },
            None,
        )
        return Answer(given["statusCode"], given["headers"], given["body"])

    def items(self, prefix: str = "") -> list[dict[str, Any]]:
        """Everything in the table whose partition begins with `prefix`."""
        found = self.dynamodb.scan(TableName=self.table)["Items"]
        return [item for item in found if item["pk"]["S"].startswith(prefix)]

    def messages(self, queue: str = "delivery") -> list[str]:
        """Takes every message off a queue: `delivery`, `delivery-slow` or `transfer`."""
        url = self.sqs.get_queue_url(QueueName=f"{NAME}-{queue}")["QueueUrl"]
        taken: list[str] = []
        while got := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                taken.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def deliveries(self) -> list[str]:
        """How far each stored event is, in order."""
        return sorted(
            value["M"]["delivery"]["S"]
            for item in self.items("C#")
            for name, value in item.items()
            if len(name) == 23 and name.startswith("P")
        )

    def encryption(self) -> Any:
        """What numbers are hashed and sealed with."""
        from chalicelib.store.field_encryption import FieldEncryption

        return FieldEncryption(self.secret(self.data_keys), SYSTEM.random_bytes)

    def secret(self, name: str) -> Any:
        """The content of a secret."""
        return json.loads(self._current(name)["SecretString"])

    def _current(self, name: str) -> Any:
        # Unlike AWS, moto has its latest version where none is asked for.
        return self.secretsmanager.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")

    def put_secret(self, name: str, content: Any) -> None:
        """Writes a secret."""
        self.secretsmanager.put_secret_value(SecretId=name, SecretString=json.dumps(content))

    def forget(self) -> None:
        """What every process does when its caches run out (`CACHE_S`)."""
        _forget()


@contextmanager
def answering(client: Any, operation: str, *answers: Any) -> Iterator[list[dict[str, Any]]]:
    """Answers the next calls of `operation` from `answers`, then lets them through; gives the
    parameters of all of them. An answer is an exception or (HTTP status, parsed reply)."""
    left, seen = list(answers), []

    def answer(params: dict[str, Any], **_: Any) -> Any:
        seen.append(json.loads(params["body"]) if params["body"] else {})
        if not left:
            return None
        given = left.pop(0)
        if isinstance(given, Exception):
            raise given
        status, parsed = given
        return SimpleNamespace(status_code=status), parsed

    service = client.meta.service_model.service_id.hyphenize()
    event = f"before-call.{service}.{operation}"
    client.meta.events.register_first(event, answer)
    try:
        yield seen
    finally:
        client.meta.events.unregister(event, answer)


def refusal(code: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """An AWS error as botocore has parsed it."""
    return 400, {"Error": {"Code": code, "Message": "stubbed"}} | more


def _forget() -> None:
    from chalicelib import stage_settings
    from chalicelib.store import secrets
    from chalicelib.wiring import egress
    from chalicelib.wiring.api import api
    from chalicelib.wiring.gateway import gateway

    for cached in (stage_settings.settings, gateway, api, egress.client, secrets.provider):
        cached.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the HTTP side, set to 2026-01-15 08:00 UTC and 123 ms."""
    clock = Clock(1_768_464_000_123)
    answer_at(monkeypatch, clock)
    return clock


@pytest.fixture
def tables() -> Callable[[str], AbstractContextManager[object]]:
    """Makes a stage's table: in memory. A module whose stage other processes reach overrides it."""
    return dynamodb_here.engine


@contextmanager
def staged(
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    tables: Callable[[str], AbstractContextManager[object]] = dynamodb_here.engine,
) -> Iterator[Stage]:
    """An empty stage with production's resources, in this process, as long as the block lasts."""
    from chalicelib.store import clients

    for name in ("TABLE_NAME", "DELIVERY_QUEUE_NAME", "SECRETS_PREFIX", "DATA_KEYS_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SLOW_QUEUE_NAME", "TRANSFER_QUEUE_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "CACHE_S", "CALLBACK_TIMEOUT_S"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STAGE", STAGE)
    # The receivers of tests are on this machine.
    from chalicelib.wiring import egress

    monkeypatch.setattr(egress, "guard", LocalAddresses())
    _forget()
    with aws_here.mocked(), tables(NAME):
        services = ("dynamodb", "sqs", "secretsmanager")
        for service in services:
            monkeypatch.setattr(clients, service, aws_here.kept(service))
        stage = Stage(*(aws_here.kept(service)() for service in services), clock)
        aws_here.create(
            queues=[f"{NAME}-{queue}" for queue in ("delivery", "delivery-slow", "transfer")],
            secrets={stage.data_keys: {"current": "1", "1": "k" * 64}},
        )
        yield stage
    _forget()


@pytest.fixture
def stage(
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    tables: Callable[[str], AbstractContextManager[object]],
) -> Iterator[Stage]:
    """An empty stage with production's resources, in this process."""
    with staged(monkeypatch, clock, tables) as made:
        yield made


@pytest.fixture
def log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """What the gateway's logger has written so far, line by line."""
    from chalicelib.telemetry import SERVICE, logger

    logger()
    written = io.StringIO()
    for handler in logging.getLogger(SERVICE).handlers:
        monkeypatch.setattr(handler, "stream", written)
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


@dataclass
class Receiver:
    """An app's receiver: answers with `status` (after `delay` is set, if any) and keeps all."""

    url: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append((self.path, dict(self.headers), body))
            if told.hold is not None:
                told.hold.wait(10)
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Receiver(f"http://127.0.0.1:{server.server_port}/callback")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    if told.hold is not None:
        told.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()
