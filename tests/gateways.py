"""A stage of the gateway for tests, wired as in production: table in memory or on DynamoDB Local,
secrets and queue on moto; and the people who call it: an app's backend and a switch."""

import base64
import hashlib
import json
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from admin import numbers as pools
from admin import provision
from chalicelib import stage_settings
from chalicelib.clock import SYSTEM
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import Carriers
from chalicelib.stage_settings import settings
from chalicelib.store import clients, secrets
from chalicelib.store.site import Site, site_item
from chalicelib.wiring import egress
from chalicelib.wiring.api import api
from chalicelib.wiring.gateway import Gateway, build, gateway
from simulator.local_addresses import LocalAddresses
from tests import aws_here, dynamodb_here
from tests.asked import ask
from tests.sizes import LARGE

RESOURCES = Path(__file__).resolve().parent.parent / "infra" / "resources.json"
MINUTE = 60_000
NOW = 1_900_000_000_000
"""A moment in 2030 (epoch ms): the domain goes by the time it is handed, no test by the clock."""
STANDING_STILL = replace(SYSTEM, now_ms=lambda: NOW)
"""By which a run of a schedule takes no time."""

_LOCAL_LACKS = {
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "DeletionProtectionEnabled",
}
_PATIENT = Config(connect_timeout=30, read_timeout=120)
_stages = count(1)


def forget_caches() -> None:
    """Makes the next call of the bundle look at the environment, as a new process does."""
    for cached in (
        stage_settings.settings,
        gateway,
        api,
        egress.client,
        secrets.provider,
        clients.dynamodb,
        clients.secretsmanager,
        clients.sqs,
        clients.s3,
        clients._session,
    ):
        cached.cache_clear()


def lend(gateway: Gateway, carriers: Carriers) -> None:
    """From now on this gateway's carriers are these."""
    vars(gateway.carriers)["of"] = carriers.of


@contextmanager
def stage(dynamodb_endpoint: str | None) -> Iterator["Stage"]:
    """An empty stage of its own, as long as the block lasts; without an endpoint its table is in
    memory."""
    name = f"t{os.getpid() % 10_000}x{next(_stages)}"
    environment = {
        "STAGE": name,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint or "",
        "AWS_DEFAULT_REGION": aws_here.REGION,
    }
    names = ("TABLE_NAME", "DELIVERY_QUEUE_NAME", "SECRETS_PREFIX", "DATA_KEYS_SECRET")
    queues = ("SLOW_QUEUE_NAME", "TRANSFER_QUEUE_NAME")
    with ExitStack() as until:
        until.enter_context(patch.dict(os.environ, environment))
        # The receivers of tests are on this machine.
        until.enter_context(patch.object(egress, "guard", LocalAddresses()))
        for each in (*names, *queues, "AWS_ENDPOINT_URL"):
            os.environ.pop(each, None)
        urls = [dynamodb_endpoint] if dynamodb_endpoint else []
        until.enter_context(aws_here.mocked({"core": {"passthrough": {"urls": urls}}}))
        until.enter_context(_on_local() if dynamodb_endpoint else _in_memory())
        try:
            yield Stage()
        finally:
            forget_caches()


@contextmanager
def _in_memory() -> Iterator[None]:
    with ExitStack() as until:
        for service in ("dynamodb", "sqs", "secretsmanager"):
            kept = aws_here.kept(service)
            until.enter_context(patch.object(clients, service, kept))
        forget_caches()
        until.enter_context(dynamodb_here.engine(settings().table_name))
        _create_others()
        yield


@contextmanager
def _on_local() -> Iterator[None]:
    # DynamoDB Local lets transactions queue up, and a busy machine takes its time.
    with patch.object(clients, "_CONFIG", clients._CONFIG.merge(_PATIENT)):
        forget_caches()
        create_table()
        _create_others()
        try:
            yield
        finally:
            clients.dynamodb().delete_table(TableName=settings().table_name)


def create_table() -> None:
    """Makes this stage's table where its client is led to."""
    resources = json.loads(RESOURCES.read_text())["Resources"]
    table = {k: v for k, v in resources["Table"]["Properties"].items() if k not in _LOCAL_LACKS}
    clients.dynamodb().create_table(**table | {"TableName": settings().table_name})


def _create_others() -> None:
    own = settings()
    aws_here.create(
        queues=[own.delivery_queue_name, own.slow_queue_name, own.transfer_queue_name],
        secrets={own.data_keys_secret: {"current": "1", "1": "k" * 64}},
    )


class BytesStream(BytesIO):
    """The body of an answer that came over no wire."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """As urllib3 hands a body out."""
        yield self.read()


@dataclass
class Stage:
    """What can be done to a stage from outside."""

    apps: dict[str, "Backend"] = field(default_factory=dict)
    switches: dict[str, "Switch"] = field(default_factory=dict)

    def instance(self) -> Gateway:
        """A gateway as a fresh Lambda instance has it: its own caches, nothing shared but AWS."""
        return build(settings(), STANDING_STILL)

    def instance_with_these_secrets(self) -> Gateway:
        """An instance that has read the secrets as they are now, and keeps them."""
        kept = SecretsProvider(boto3_client=clients.secretsmanager())
        with patch.object(secrets, "provider", lambda: kept):
            instance = self.instance()
        instance.encryption()
        return instance

    def rotation(self) -> tuple[Gateway, Gateway]:
        """A new data key: an instance that knows both and writes the old one, and one that has
        gone over to the new one."""
        version = provision.add_data_key()
        writes_old = self.instance_with_these_secrets()
        provision.use_data_key(version)
        writes_new = self.instance_with_these_secrets()
        assert writes_old.encryption().version < writes_new.encryption().version
        return writes_old, writes_new

    def app(self, name: str, numbers: Sequence[str], **options: Any) -> "Backend":
        """A new app that owns `numbers`; nothing but its quota ever stops it."""
        options = {"callback_url": "http://127.0.0.1:9/", "rate": 10**9} | options
        key, secret = provision.create_app(name, **options)
        pools.add(name, [(number, None) for number in numbers])
        self.apps[name] = Backend(name, key, secret)
        return self.apps[name]

    def switch(self, user: str = "switch") -> "Switch":
        """A new switch."""
        self.switches[user] = Switch(user, provision.create_switch(user))
        return self.switches[user]

    @contextmanager
    def conflicts(self, share: float, rng: random.Random) -> Iterator[list[str]]:
        """Cancels this share of all transactions as AWS does when two meet on an item; lists them.

        DynamoDB Local lets them wait for each other instead (2.9.30 of the npm package).
        """

        def cancel(request: Any, **_: Any) -> AWSResponse | None:
            if rng.random() >= share:
                return None
            cancelled.append(request.url)
            body = {
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
            }
            return AWSResponse(request.url, 400, {}, BytesStream(json.dumps(body).encode()))

        cancelled: list[str] = []
        events = clients.dynamodb().meta.events
        events.register_first("before-send.dynamodb.TransactWriteItems", cancel)
        try:
            yield cancelled
        finally:
            events.unregister("before-send.dynamodb.TransactWriteItems", cancel)

    def items(self) -> list[dict[str, Any]]:
        """Every item of the table."""
        pages = (
            clients.dynamodb()
            .get_paginator("scan")
            .paginate(TableName=settings().table_name, ConsistentRead=True)
        )
        return [item for page in pages for item in page["Items"]]

    def is_at(self, url: str) -> None:
        """Tells the gateway its own address and its bucket, which is made."""
        region = {"LocationConstraint": "eu-west-1"}
        bucket = f"files-{settings().stage}"
        clients.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
        site = site_item(Site(url, bucket))
        clients.dynamodb().put_item(TableName=settings().table_name, Item=site)

    def files(self) -> list[dict[str, Any]]:
        """Every file: its name, and what is said of it."""
        bucket = f"files-{settings().stage}"
        listed = clients.s3().list_objects_v2(Bucket=bucket).get("Contents", [])
        heads = [clients.s3().head_object(Bucket=bucket, Key=each["Key"]) for each in listed]
        said = ("ContentType", "ContentDisposition", "Metadata")
        return [
            {"Key": each["Key"]} | {name: head[name] for name in said if name in head}
            for each, head in zip(listed, heads, strict=True)
        ]

    def events(self) -> int:
        """How many are stored."""
        return events_in(self.items())

    def queued(self, name: str | None = None) -> list[str]:
        """Takes every message out of a queue, if none is named the fast one to the apps."""
        queue_name = name or settings().delivery_queue_name
        queue = clients.sqs().get_queue_url(QueueName=queue_name)["QueueUrl"]
        bodies: list[str] = []
        while (
            found := clients.sqs()
            .receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            .get("Messages")
        ):
            for message in found:
                bodies.append(message["Body"])
                clients.sqs().delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def quota_used(self, app: str) -> int:
        """What the app's counters say together."""
        counters = [item for item in self.items() if item["pk"]["S"] == f"Q#{app}"]
        return sum(int(item["live"]["N"]) for item in counters)

    def live(self, app: str, *, now: int) -> int:
        """How many of the app's bindings route at `now`, by the binding items themselves."""
        return sum(
            item["app"]["S"] == app and "ended" not in item and int(item["expires"]["N"]) > now
            for item in self.items()
            if item["pk"]["S"].startswith("B#")
        )


def events_in(items: Iterable[Mapping[str, Any]]) -> int:
    """How many events these items of the table hold: one an attribute, as store.call_items has
    it."""
    calls = (item for item in items if item["pk"]["S"].startswith("C#"))
    return sum(len(name) == 23 and name.startswith("E") for item in calls for name in item)


@dataclass(frozen=True)
class Backend:
    """An app's own server: signs requests as NetEase's document says, reads the replies."""

    name: str
    key: str = field(repr=False)
    secret: str = field(repr=False)

    def headers(self, *, now: int, nonce: str, request_id: str | None = None) -> dict[str, str]:
        """The headers of a signed request."""
        cur_time = str(now // 1000)
        signed_text = f"{self.secret}{nonce}{cur_time}".encode()
        digest = hashlib.sha1(signed_text, usedforsecurity=False).hexdigest()
        signed = {
            "appkey": self.key,
            "nonce": nonce,
            "curtime": cur_time,
            "checksum": digest,
            "content-type": "application/x-www-form-urlencoded;charset=utf-8",
        }
        return signed | ({"requestid": request_id} if request_id else {})

    def request(
        self,
        parameters: Mapping[str, Any],
        *,
        now: int,
        nonce: str | None = None,
        request_id: str | None = None,
    ) -> Request:
        """A form post; without a nonce it gets one of its own."""
        nonce = nonce if nonce is not None else os.urandom(8).hex()
        return Request(
            method="POST",
            headers=self.headers(now=now, nonce=nonce, request_id=request_id),
            query=(),
            body=urlencode(parameters).encode(),
        )

    def call(
        self,
        gateway: Gateway,
        operation: str,
        *,
        now: int,
        nonce: str | None = None,
        request_id: str | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Sends one of the four calls to the facade; its reply."""
        request = self.request(parameters, now=now, nonce=nonce, request_id=request_id)
        return read(ask(gateway, f"/smallphone/axb/{operation}", request, now))

    def bind(
        self, gateway: Gateway, a: str, b: str, *, now: int, minutes: int = 10, **more: Any
    ) -> dict[str, Any]:
        """Binds a and b; the reply."""
        return self.call(gateway, "bind", now=now, phoneA=a, phoneB=b, expiration=minutes, **more)

    def send(
        self,
        gateway: Gateway,
        method: str,
        path: str,
        body: Any,
        key: str | None = None,
        *,
        now: int = NOW,
    ) -> tuple[int, dict[str, Any]]:
        """Sends JSON to our own API, `key` as the Idempotency-Key; status and members."""
        login = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        headers = {"authorization": f"Basic {login}", "content-type": "application/json"}
        headers |= {"idempotency-key": key} if key else {}
        content = json.dumps(body).encode() if body is not None else b""
        reply = ask(gateway, path, Request(method, headers, (), content), now)
        return reply.status, json.loads(reply.body)


def read(reply: Reply) -> dict[str, Any]:
    """The facade's JSON. It answers 200, or 400 to what can't be read."""
    assert reply.status in (200, 400), reply
    body = json.loads(reply.body)
    assert isinstance(body, dict)
    assert isinstance(body["code"], int)
    return body


@dataclass(frozen=True)
class Switch:
    """A telephone switch that asks and reports."""

    user: str
    password: str = field(repr=False)

    def post(self, gateway: Gateway, path: str, body: Any, *, now: int) -> Reply:
        """Posts JSON with Basic authentication."""
        request = Request("POST", self.headers(), (), json.dumps(body).encode())
        return ask(gateway, path, request, now)

    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"authorization": f"Basic {credentials}", "content-type": "application/json"}

    def route(self, gateway: Gateway, caller: str, number: str, *, now: int) -> dict[str, Any]:
        """Where a call of `caller` to X goes."""
        call = {"call_id": "c", "kind": "call", "from": caller, "to": number}
        reply = self.post(gateway, "/switch/route", call, now=now)
        assert reply.status == 200, reply
        answer = json.loads(reply.body)
        assert isinstance(answer, dict)
        return answer

    def reached(self, gateway: Gateway, caller: str, number: str, *, now: int) -> str | None:
        """Whom `caller` reaches over X; None for nobody."""
        answer = self.route(gateway, caller, number, now=now)
        return answer["to"] if answer["action"] == "connect" else None

    def refused(self, gateway: Gateway, caller: str, number: str, *, now: int) -> str | None:
        """Why `caller` reaches nobody over X; None if he does reach somebody."""
        return self.route(gateway, caller, number, now=now).get("reason")

    def report(self, gateway: Gateway, *events: Mapping[str, Any], now: int) -> Reply:
        """Reports events."""
        return self.post(gateway, "/switch/events", list(events), now=now)


def subscriber(i: int) -> str:
    """The i-th (from 0, below a million) of numbers that are nobody's."""
    return f"8610010{i:06d}"


def number(i: int) -> str:
    """The i-th X."""
    return f"8610099{i:06d}"


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str | None:
    """Where the table is: in memory (None), which is ten times as fast, or with SIZE=large on
    DynamoDB Local. Tests of races always have the latter: their modules override this fixture."""
    return request.getfixturevalue("dynamodb_local") if LARGE else None


@pytest.fixture
def here(engine: str | None) -> Iterator[Stage]:
    """A stage of this test's own."""
    with stage(engine) as own:
        yield own
