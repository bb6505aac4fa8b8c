"""The gateway in this process, on a real engine: DynamoDB Local where there is Java, else moto."""

import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self, TypeVar

import boto3
from boto3.dynamodb.conditions import Key
from moto import mock_aws

from admin import accounts, developers, provision
from admin import numbers as pools
from bench.capacity import Index
from bench.events import CALLBACKS, Credentials, request
from bench.lambda_context import CONTEXT, ENVIRONMENT
from bench.meter import Meter
from chalicelib.carriers.registry import EMBEDDED
from chalicelib.core.tenants import FREE, Tariff
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store import secrets as stored_secrets
from chalicelib.wiring.gateway import gateway
from simulator.interline.account import Account as LineAccount
from simulator.interline.vendor import Vendor as RouteLookup
from simulator.local_addresses import allow_local_addresses
from simulator.netease.signature import Account
from simulator.netease.vendor import Vendor
from simulator.placing import Phones
from simulator.vendor_server import Server
from tests import dynamodb_local as local

Served = TypeVar("Served", Vendor, RouteLookup)

ROOT = Path(__file__).resolve().parent.parent
SWITCH = "bench-switch"
ACCOUNT = "bench-netease"
KEPT_NUMBERS = [f"8610000003{each:03d}" for each in range(10)]
"""The X of the account with NetEase."""
LINE_ACCOUNT = "bench-interline"
LINE_NUMBERS = [f"8610000004{each:03d}" for each in range(20)]
"""The X of the account with interline."""
RATE = 1_000_000
"""Requests a second that an app may send: what is measured is not the limiter's refusal."""


class Failed(Exception):
    """The gateway answered something else than what is to be measured."""


class Receiver(ThreadingHTTPServer):
    """An app's receiver: answers every callback with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.taken = 0
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_port}/"

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Answers until the block ends."""
        thread = Thread(target=self.serve_forever, daemon=True)
        thread.start()
        yield self
        self.shutdown()
        thread.join()
        self.server_close()


class _Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken += 1  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the default would write each request to stderr."""


@dataclass
class World:
    """A provisioned gateway; `engine` is the words for the report."""

    engine: str
    meter: Meter
    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    receiver: Receiver
    switch: tuple[str, str]
    vendor: Vendor
    line: RouteLookup
    callbacks: str = CALLBACKS + ACCOUNT

    @property
    def line_callbacks(self) -> str:
        """Where interline's records of calls go."""
        return provision.callback_paths(LINE_ACCOUNT)["records of calls"]

    def announced(self, *, newest: int) -> list[str]:
        """The bodies of the messages that were put into the delivery queue last."""
        sqs: Any = boto3.client("sqs")
        queue = sqs.get_queue_url(QueueName=settings().delivery_queue_name)["QueueUrl"]
        taken: list[str] = []
        while got := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            taken += [message["Body"] for message in got]
        return taken[-newest:]

    def cooled(self, number: str) -> None:
        """As if the released routes of an X had cooled, and the table had collected them."""
        table: Any = boto3.resource("dynamodb").Table(settings().table_name)
        for item in table.query(KeyConditionExpression=Key("pk").eq(f"X#{number}"))["Items"]:
            if "released" in item:
                table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})

    def warm(self, client: "Client") -> None:
        """As if an app had been heard in this process before, by either API."""
        known, who = gateway().credentials, client.credentials
        known.app(who.app_key)
        known.developer(who.devid)

    def app(
        self,
        name: str,
        numbers: list[str],
        *,
        carrier: str = EMBEDDED,
        tariff: Tariff = FREE,
    ) -> "Client":
        """A new app with these X numbers, and enough to pay with; it may speak either API."""
        app_key, app_secret = provision.create_app(
            name,
            callback_url=self.receiver.url,
            carrier=carrier,
            rate=RATE,
            quota=100_000,
        )
        pools.add(name, [(number, None) for number in numbers])
        if not tariff.free:
            provision.set_app(name, tariff=tariff)
            accounts.change(name, deposit="1000", overdraft=None)
        # The operator's process is another one: the gateway's begins with nothing in mind.
        for cached in (gateway, stored_secrets.provider):
            cached.cache_clear()
        account, developer = self.vendor.account, developers.create(name)
        keys = (app_key, app_secret, *self.switch, account.key, account.secret)
        who = Credentials(*keys, **developer.described())
        return Client(self, name, who, numbers)


@dataclass
class Client:
    """An app's backend and the switch."""

    world: World
    name: str
    credentials: Credentials
    numbers: list[str]

    def send(self, path: str, content: Any, *, method: str = "POST") -> dict[str, Any]:
        """Through the whole handler; the answer's JSON. Raises Failed unless HTTP 200."""
        return self.handle(self.event(path, content, method=method))

    def event(self, path: str, content: Any, *, method: str = "POST") -> dict[str, Any]:
        """The request, signed now."""
        return request(path, content, self.credentials, method=method)

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        """The answer's JSON. Raises Failed unless HTTP 200 or 201."""
        answer = self.world.handler(event, CONTEXT)
        if answer["statusCode"] not in (200, 201):
            raise Failed(f"{event['path']}: {answer['statusCode']}")
        body: dict[str, Any] = json.loads(answer["body"])
        return body

    def ask(self, call: str, **parameters: Any) -> dict[str, Any]:
        """A NetEase AXB call that has to succeed. Raises Failed."""
        answer = self.send(f"/smallphone/axb/{call}", parameters)
        if answer["code"] != 200:
            raise Failed(f"{call}: code {answer['code']}")
        return answer


@contextmanager
def world() -> Iterator[World]:
    """Engine, table as in the template, queue, secrets and a switch; gone at the end."""
    os.environ.update(ENVIRONMENT)
    # The receiver and the vendors are on this machine.
    allow_local_addresses()
    with _engine() as (engine, endpoint):
        if endpoint is not None:
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
        # Secrets and the queue are moto's in any case: they have no capacity to measure.
        with (
            mock_aws(),
            Path(os.devnull).open("w") as log,
            # The logger keeps the stream that it finds when it is made; the vendor has a log too.
            redirect_stdout(log),
            Receiver().serving() as receiver,
            _served(_vendor()) as (vendor, vendor_url),
            _served(_line()) as (line, line_url),
        ):
            provisioned = _provisioned(engine, receiver, vendor, line)
            _create_carriers(vendor, vendor_url, line, line_url)
            yield provisioned


@contextmanager
def _engine() -> Iterator[tuple[str, str | None]]:
    try:
        java, directory = local._java(), local._installed()
    except local.Missing as missing:
        yield f"moto in this process ({missing})", None
        return
    with local.running(java, directory) as endpoint:
        yield f"DynamoDB Local {local.VERSION}", endpoint


def _vendor() -> Vendor:
    """NetEase, as the simulator has it; the calls that it places take an hour."""
    account = Account(secrets.token_hex(16), secrets.token_hex(16), callback_url="")
    phones = Phones(lasts_s=3600)
    return Vendor(account, dict.fromkeys(KEPT_NUMBERS), recordings_url="", phones=phones)


def _line() -> RouteLookup:
    """interline, as the simulator has it."""
    account = LineAccount("20000000", secrets.token_hex(16), "bench", callback_url="")
    return RouteLookup(account, LINE_NUMBERS, recordings_url="")


@contextmanager
def _served(vendor: Served) -> Iterator[tuple[Served, str]]:
    """A vendor's server, and its address."""
    server = Server(socket.create_server(("127.0.0.1", 0)), vendor)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield vendor, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _create_carriers(vendor: Vendor, vendor_url: str, line: RouteLookup, line_url: str) -> None:
    account = vendor.account
    provision.create_carrier(
        ACCOUNT, kind="netease", key=account.key, secret=account.secret, urls=[vendor_url]
    )
    provision.create_carrier(
        LINE_ACCOUNT,
        kind="interline",
        key=line.account.devid,
        secret=line.account.auth_key,
        app_id=line.account.appid,
        urls=[line_url],
    )


def _provisioned(engine: str, receiver: Receiver, vendor: Vendor, line: RouteLookup) -> World:
    names = settings()
    described = json.loads((ROOT / "infra" / "resources.json").read_text())
    table = described["Resources"]["Table"]["Properties"]
    created = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    probe: Any = boto3.client("dynamodb")
    probe.create_table(TableName=names.table_name, **{part: table[part] for part in created})
    for queue in (names.delivery_queue_name, names.slow_queue_name, names.transfer_queue_name):
        boto3.client("sqs").create_queue(QueueName=queue)
    keys = {"current": "1", "1": secrets.token_hex(32)}
    boto3.client("secretsmanager").create_secret(
        Name=names.data_keys_secret, SecretString=json.dumps(keys)
    )
    table_key = [part["AttributeName"] for part in table["KeySchema"]]
    meter = Meter(probe, [Index.of(each, table_key) for each in table["GlobalSecondaryIndexes"]])
    switch = (SWITCH, provision.create_switch(SWITCH))
    from app import app as handler

    for client in (clients.dynamodb(), clients.sqs(), clients.secretsmanager()):
        meter.attach(client)
    return World(engine, meter, handler, receiver, switch, vendor, line)
