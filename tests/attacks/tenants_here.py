"""The gateway of two tenants: a stage, its carriers' accounts and bindings, the apps' endpoints, a
clock. What carriers send comes in by the receivers, what apps see goes out by the facades."""

import base64
import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

from admin import carriers, provision
from admin import numbers as pools
from chalicelib.core.bindings.model import Ask
from chalicelib.core.calls.exports import Job
from chalicelib.core.calls.model import Task
from chalicelib.core.durations import CLOCKS_APART_MS
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import Carrier
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import Tariff
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.wiring import schedules, transfer
from chalicelib.wiring.api import Api
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest
from chalicelib.wiring.records import Records
from tests.asked import ask
from tests.attacks.keepers import Book, Keeper
from tests.attacks.tenants import (
    APPS,
    CARRIERS,
    DAY,
    FREE,
    GIVEN,
    HOUR,
    LEFT,
    MINUTE,
    MINUTE_PRICE,
    NODES,
    PEOPLE,
    SMS_PRICE,
    START,
    SWITCHES,
    TENANTS,
    TOLD,
    VENDORS,
    Bound,
    Report,
    x_of,
)
from tests.attacks.tenants_model import sound
from tests.gateways import Stage, lend

PAID_IN = 10**9
SITE = "https://gateway.example"
SECRET, DEVELOPER, APP_ID = "vendor-secret", "10000001", "vendor-app"
SETTLED = TOLD + 2 * MINUTE
"""When the workers begin with what is in the queues, and recordings are fetched;"""
STEPS_MS = tuple(SETTLED + step for step in (0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE))
"""when the schedule comes, whatever order the reports came in; and last, when nothing is open."""
STEPS = (*STEPS_MS, SETTLED + HOUR, SETTLED + 2 * HOUR, SETTLED + 6 * HOUR, SETTLED + 7 * HOUR)
READ = START // DAY * DAY + 3 * DAY
"""When apps look: both days can be exported."""
KINDS = (
    *("call.started", "call.ringing", "call.answered", "call.ended", "sms.sent"),
    *("recording.ready", "recording.failed", "call.gap"),
)


@dataclass
class Queue:
    """Stands in for SQS: keeps messages until they are due by the clock of the test."""

    now: int = 0
    sent: list[tuple[int, str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"QueueUrl": QueueName}

    def send_message_batch(self, QueueUrl: str, Entries: Any) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            due = self.now + entry["DelaySeconds"] * 1000
            self.sent.append((due, QueueUrl, entry["MessageBody"]))
            self.bodies.append(json.dumps(entry))
        return {}

    def due(self, *queues: str) -> list[tuple[str, str]]:
        """Takes out what is due in these."""
        found = [each for each in self.sent if each[0] <= self.now and each[1] in queues]
        self.sent = [each for each in self.sent if each not in found]
        return [(queue, body) for _, queue, body in found]


@dataclass
class Outside:
    """Where recordings are, and the endpoints of all apps."""

    url: str
    told: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))


@contextmanager
def outside() -> Iterator[Outside]:
    """A real HTTP server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(sound(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.headers["Content-Type"]
            place.told[self.path.removeprefix("/told/")].append((kind, body))
            self._answer(b"{}")

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "audio/wav")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    place = Outside(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Kept:
    """Fulfils the port Carriers: vendors keep bindings in a book, switches are as they are."""

    real: Callable[[str], Carrier]
    keepers: Mapping[str, Keeper]

    def of(self, name: str) -> Carrier:
        if name not in self.keepers:
            return self.real(name)
        return Carrier(name=name, kind=name, bindings=self.keepers[name])


class Tenancy:
    """Everything that was set up, and what can be done with it."""

    def __init__(self, stage: Stage, place: Outside) -> None:
        self.stage = stage
        self.place = place
        self.queue = Queue()
        self.accounts: dict[str, Any] = {"interline": {"devid": DEVELOPER, "appid": APP_ID}}
        self._passwords: dict[str, tuple[str, str]] = {}
        self.refs: dict[str, dict[str, str]] = {app: {} for app in APPS}
        """What stood for calls and people so far: it never changes."""
        self.developers = dict.fromkeys(APPS, ("", ""))
        self._users: dict[str, str] = {}
        stage.is_at(SITE)
        self._make_carriers()
        for app in APPS:
            self._make_app(app)
        self.gateway = stage.instance()
        for app in APPS:
            BalanceStore(self.gateway.table).deposit(app, PAID_IN, now=START)
        own = self.gateway.settings
        self._lanes = own.delivery_queue_name, own.slow_queue_name
        self._transfers = own.transfer_queue_name
        self.book = {carrier: Book() for carrier in VENDORS}
        keepers = {carrier: Keeper(self.book[carrier]) for carrier in VENDORS}
        self._carriers = Kept(self.gateway.carriers.of, keepers)
        self._equip(self.gateway)
        self.bound: list[Bound] = []
        self._make_bindings()
        # Numbers have moved since it began: one that has seen that is a process of today.
        fresh = stage.instance()
        self._send_here(fresh)
        self.gateway = fresh
        self._start = {_key(item): item for item in stage.items()}

    # What there is.

    def _make_carriers(self) -> None:
        host = self.place.url.removeprefix("http://")
        for carrier in SWITCHES:
            for node in NODES:
                user = f"{carrier}-{node}"
                self._users[user] = provision.create_switch(user, carrier)
        for carrier, more in (("netease", {}), ("interline", {"app_id": APP_ID})):
            provision.create_carrier(
                carrier,
                kind=carrier,
                key=DEVELOPER if carrier == "interline" else "vendor-key",
                secret=SECRET,
                urls=["http://127.0.0.1:9"],
                **more,
            )
        self._token = provision.callback_paths("interline")["records of calls"].split("/")[4]

        for user in self._users:
            carriers.set_switch(user, recording_hosts=[host])
        for carrier in provision.list_carriers():
            carriers.set_carrier(carrier, recording_hosts=[host])

    def _make_app(self, app: str) -> None:
        carrier = app.partition("-")[2]
        more: dict[str, Any] = {
            "carrier": carrier,
            "callback_url": f"{self.place.url}/told/{app}",
            "rate": 10**9,
            "cooling_s": 300,
            "max_call_s": 600,
        }
        if carrier == "interline":
            made = provision.create_interline_app(app, **more)
            self._passwords[app] = made.devid, made.auth_key
            self.developers[app] = made.devid, made.appid
        else:
            told = {"event_format": "cloudevents", "wants": KINDS} if carrier == "east" else {}
            self._passwords[app] = provision.create_app(app, **more, **told)
        if app not in FREE:
            provision.set_app(app, tariff=Tariff(sms=SMS_PRICE, minute=MINUTE_PRICE))

    def _make_bindings(self) -> None:
        """Those of each tenant over its own X, and over the one that moves, one after the other."""
        began = START - 2 * HOUR
        for carrier in CARRIERS:
            for tenant in TENANTS:
                app = f"{tenant}-{carrier}"
                self._give(app, x_of(carrier, tenant), at=began)
                self._bind(app, x_of(carrier, tenant), at=began, minutes=60 * 24)
            moves = x_of(carrier, "moves")
            self._give(f"red-{carrier}", moves, at=began)
        self.gateway = self._again()
        for carrier in CARRIERS:
            self._bind(f"red-{carrier}", x_of(carrier, "moves"), at=began, minutes=30)
        for carrier in CARRIERS:
            moves = x_of(carrier, "moves")
            with patch.object(pools, "now_ms", lambda: LEFT - 15 * MINUTE):
                pools.drain(f"red-{carrier}", [moves])
            with patch.object(pools, "now_ms", lambda: LEFT - 5 * MINUTE):
                free = pools.remove(f"red-{carrier}", [moves])
                assert free == LEFT + CLOCKS_APART_MS
            self._give(f"blue-{carrier}", moves, at=GIVEN + 2 * MINUTE)
        self.gateway = self._again()
        for carrier in CARRIERS:
            moves = x_of(carrier, "moves")
            self._bind(f"blue-{carrier}", moves, at=GIVEN + 5 * MINUTE, minutes=60 * 24)

    def _again(self) -> Any:
        fresh = self.stage.instance()
        self._equip(fresh)
        return fresh

    def _equip(self, gateway: Gateway) -> None:
        lend(gateway, self._carriers)
        self._send_here(gateway)

    def _send_here(self, gateway: Gateway) -> None:
        """What this gateway sends to a queue is in ours."""
        vars(gateway.shared(Ingest).queues)["_client"] = lambda: self.queue

    def _give(self, app: str, x: str, *, at: int) -> None:
        with patch.object(pools, "now_ms", lambda: at):
            assert pools.add(app, [(x, None)]) == 1
        self.gateway.apps._profiles._found.pop(app, None)

    def _bind(self, name: str, x: str, *, at: int, minutes: int) -> None:
        app = self.gateway.apps.get(name)
        assert app is not None
        for i, people in enumerate((PEOPLE[:2], PEOPLE[2:])):
            a, b = map(Subscriber, people)
            word = f"{name} says {i}"
            ask = Ask(
                a=a,
                b=b,
                number=x,
                area=None,
                lifetime_ms=minutes * MINUTE,
                record=i == 0,
                user_data=word,
            )
            request = RequestId(
                self.gateway.digest("t", name, x, str(i)), "content", explicit=False
            )
            made = self.gateway.shared(Api).binding_service.bind(app, ask, request, now=at)
            replaced = name.startswith("red-") and x == x_of(app.carrier, "moves")
            self.bound.append(
                Bound(
                    *(made.id, name, x, (people[0], people[1]), i == 0, word),
                    carrier_id=(made.lease.id if made.lease else None) or "",
                    replaced=replaced,
                )
            )

    # Carriers.

    def report(self, batch: Sequence[Report], *, now: int) -> None:
        """What a carrier sends at once; it sends it again until it is taken."""
        self.queue.now = now
        reply = self._sent(batch, now)
        assert reply.status == 200, reply

    def _sent(self, batch: Sequence[Report], now: int) -> Reply:
        carrier, body = batch[0].carrier, batch[0].body
        if carrier in SWITCHES:
            events = [each.body for each in batch]
            user = f"{carrier}-{NODES[now % len(NODES)]}"
            headers = _basic(user, self._users[user]) | {"content-type": "application/json"}
            request = Request("POST", headers, (), json.dumps(events).encode())
            return ask(self.gateway, "/switch/events", request, now)
        if carrier == "netease":
            md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
            signed = f"{SECRET}{md5}{now}".encode()
            headers = {
                "appkey": "vendor-key",
                "curtime": str(now),
                "md5": md5,
                "checksum": hashlib.sha1(signed, usedforsecurity=False).hexdigest(),
                "content-type": "application/json",
            }
            request = Request("POST", headers, (), body)
            return ask(self.gateway, "/callbacks/netease/netease", request, now)
        address = "start" if b"callTime" in body else "cdr"
        path = f"/callbacks/interline/interline/{self._token}/{address}"
        return ask(self.gateway, path, Request("POST", {}, (), body), now)

    # Workers.

    def work(self, *, now: int, transfers: bool) -> None:
        """The workers do what is due in their queues, until nothing is."""
        self.queue.now = now
        queues = (*self._lanes, *((self._transfers,) if transfers else ()))
        while due := self.queue.due(*queues):
            for queue, body in due:
                if queue != self._transfers:
                    lane: Any = "fast" if queue == self._lanes[0] else "slow"
                    self.gateway.shared(webhook_delivery).deliver(
                        Task.from_text(body), now=now, queue=lane
                    )
                elif (job := Job.from_text(body)) is not None:
                    desk = self.gateway.shared(Records).exports
                    desk.work(job, now=lambda: now, time_left=lambda: True)
                else:
                    task = Task.from_text(body)
                    self.gateway.shared(transfer.recordings).fetch(task, now=now, within_s=60)

    def settle(self) -> None:
        """Hours go by, in which the schedule and the workers do all that is to be done."""
        for now in STEPS:
            self.queue.now = now
            seen = self.gateway.shared(schedules.follow_up).run(now=now, time_left=lambda: True)
            assert seen.put_off == 0
            self.work(now=now, transfers=True)
        assert self.queue.sent == []

    # Apps.

    def get(self, app: str, path: str, query: str = "", *, signed_in: bool = True) -> Reply:
        """What an app is answered to a GET below /v1."""
        members = tuple(parse_qsl(query))
        headers = _basic(*self._passwords[app]) if signed_in else {}
        return ask(self.gateway, f"/v1/{path}", Request("GET", headers, members, b""), READ)

    def post(self, app: str, path: str, body: Any) -> Reply:
        """What an app is answered to a POST below /v1."""
        headers = _basic(*self._passwords[app]) | {"content-type": "application/json"}
        request = Request("POST", headers, (), json.dumps(body).encode())
        return ask(self.gateway, f"/v1/{path}", request, READ)

    def file(self, link: str) -> bytes:
        """What a link leads to."""
        key = urlsplit(link).path.lstrip("/").removeprefix(f"files-{settings().stage}/")
        bucket = f"files-{settings().stage}"
        return clients.s3().get_object(Bucket=bucket, Key=key)["Body"].read()

    def opened(self, app: str, url: str) -> bytes:
        """The recording at an address that an app was told; one in a vendor's format opens for
        anybody."""
        path, query = urlsplit(url).path, urlsplit(url).query
        assert path.startswith("/v1/recordings/")
        reply = self.get(app, path.removeprefix("/v1/"), query, signed_in=not query)
        assert reply.status == 302, reply
        return self.file(reply.headers["Location"])

    def export(self, app: str, day: int, written_as: str) -> bytes:
        """The export of a day."""
        date = _date(day)
        started = self.post(app, "exports", {"day": date, "format": written_as})
        assert started.status in (200, 202), started
        self.work(now=READ, transfers=True)
        shown = json.loads(self.get(app, f"exports/{json.loads(started.body)['id']}").body)
        assert shown["state"] == "done", shown
        return b"".join(map(self.file, shown["links"]))

    def balance(self, app: str) -> int:
        """What it has to spend, without what was paid in."""
        return int(BalanceStore(self.gateway.table).standing(app).balance) - PAID_IN

    # Between two interleavings.

    def left(self) -> list[dict[str, Any]]:
        """Every item that was not there before anything happened, or was another."""
        return [item for item in self.stage.items() if self._start.get(_key(item)) != item]

    def forget(self, left: Sequence[Mapping[str, Any]]) -> None:
        """As if nothing had happened."""
        client, table = clients.dynamodb(), settings().table_name
        writes: list[Any] = []
        for item in left:
            before = self._start.get(_key(item))
            keys = {"pk": item["pk"], "sk": item["sk"]}
            writes.append(
                {"PutRequest": {"Item": before}} if before else {"DeleteRequest": {"Key": keys}}
            )
        for i in range(0, len(writes), 25):
            client.batch_write_item(RequestItems={table: writes[i : i + 25]})
        bucket = f"files-{settings().stage}"
        for each in clients.s3().list_objects_v2(Bucket=bucket).get("Contents", []):
            clients.s3().delete_object(Bucket=bucket, Key=each["Key"])
        self.queue.sent.clear()
        self.queue.bodies.clear()
        self.place.told.clear()


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day // 1000, UTC):%Y-%m-%d}"
