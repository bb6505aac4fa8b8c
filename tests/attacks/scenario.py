"""A process that lives through a gateway's whole day; a test reads all that it left behind.

`python -m tests.attacks.scenario <DynamoDB endpoint> <file> [plant]` runs the handlers as Lambda
does, with every logger at its most talkative, and writes table, queues and the names of files to
the file.
"""

import base64
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import EndpointConnectionError

from admin import carriers
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.field_encryption import FieldEncryption
from tests.carriers.switch.conftest import basic
from tests.gateways import NOW, Backend, Stage, Switch, number, stage
from tests.receivers import Receiver, receiver
from tests.rest.backend import Recordings, recordings
from tests.runtimes import run_with
from tests.vendor_here import ACCOUNT, SECRET, VendorHere, account_at, vendor_here

A, B, C = "447700900101", "447700900202", "12125550187"
D, E, F = "8610055512345", "447700900404", "8610055598765"
SUBSCRIBERS = (A, B, C, D, E, F)
NATIONAL_D, NATIONAL_F = D.removeprefix("86"), F.removeprefix("86")
PLANTED = E
RIFF = hashlib.md5(b"RIFF", usedforsecurity=False).hexdigest()


class Day:
    """What happens."""

    def __init__(
        self, here: Stage, inbox: Receiver, vendor: VendorHere, recorded: Recordings
    ) -> None:
        from tests.attacks import lambda_events

        self._lambda = lambda_events
        self._here = here
        self._inbox = inbox
        self._recorded = recorded
        self._app: Backend = here.app("demo", [number(0), number(1)], callback_url=inbox.url)
        self._strict = here.app("strict", [number(2)], callback_url=inbox.url, strict_nonce=True)
        self._slow = here.app("slow", [number(3)], callback_url=inbox.url, rate=1)
        self._lost = here.app("lost", [number(4)], callback_url="http://127.0.0.1:9/")
        self._switch: Switch = here.switch()
        self._vendor = vendor
        account_at(vendor.url, vendor.url)
        host = recorded.url.removeprefix("http://")
        carriers.set_switch(self._switch.user, recording_hosts=[host])
        carriers.set_carrier(ACCOUNT, recording_hosts=[host])
        recorded.files |= {f"/{each}.wav": b"RIFF" for each in (A, D)}
        kept = {"carrier": ACCOUNT, "callback_url": inbox.url, "im_calls": ["msg/sendMsg"]}
        self._kept = here.app("kept", [number(5)], **kept)
        self.queued: list[str] = []

    def ask(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        app: Backend | None = None,
        in_query: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One AXB call to the facade; its reply, after its shape was looked at."""
        path = f"/smallphone/axb/{operation}"
        return self.post(path, parameters, app=app, in_query=in_query, more=more)

    def post(
        self,
        path: str,
        parameters: Mapping[str, Any],
        *,
        app: Backend | None = None,
        in_query: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One call to a facade; its reply."""
        from urllib.parse import urlencode

        headers = (app or self._app).headers(now=NOW, nonce=f"{A}-{os.urandom(4).hex()}")
        sent = self._lambda.event(
            "POST",
            path,
            headers=headers | (more or {}),
            query=[(k, str(v)) for k, v in parameters.items()] if in_query else (),
            body=None if in_query else urlencode(parameters).encode(),
        )
        reply: dict[str, Any] = json.loads(self._lambda.answer(sent)["body"])
        return reply

    def tell(self, path: str, body: Any, **more: str) -> int:
        """One call of the switch; the status."""
        raw = body if isinstance(body, str) else json.dumps(body)
        sent = self._lambda.event(
            "POST", path, headers=self._switch.headers() | more, body=raw.encode()
        )
        return int(self._lambda.answer(sent)["statusCode"])

    def event(self, kind: str, binding: str | None, **more: Any) -> dict[str, Any]:
        """One event of the switch; its ids hold a number, as a careless switch's do."""
        return {
            "event_id": f"{kind}-{A}-{os.urandom(4).hex()}",
            "type": kind,
            "call_id": f"call-{A}-{B}",
            "binding": binding,
            "from": A,
            "to": number(0),
            "callee": B,
            "at": NOW,
        } | more

    def requests(self) -> str:
        """Binds in every way there is, right and wrong; an id to go on with."""
        pair = {"phoneA": A, "phoneB": B, "expiration": 60}
        bound = self.ask("bind", pair | {"userData": f"call {C}", "recordFlag": 1})
        assert bound["code"] == 200
        other = {"phoneA": C, "phoneB": D, "expiration": 5, "userData": D}
        assert self.ask("bind", other, in_query=True, more={"requestid": C})["code"] == 200
        assert self.ask("bind", pair, app=self._strict)["code"] == 200
        self.ask("bind", pair, app=self._slow)
        assert self.ask("bind", pair, app=self._slow)["code"] == 416
        assert self.ask("bind", other | {"phoneB": A}, more={"requestid": C})["code"] == 417
        assert self.ask("bind", pair | {"phoneX": bound["phoneX"]})["code"] == 602
        for wrong in (
            {"phoneA": f"+{A}"},
            {"phoneB": A},
            {"expiration": B},
            {"areaCode": A},
            {"phoneX": A},
            {"recordFlag": B},
            {A: B},
        ):
            self.ask("bind", pair | wrong)
            self.ask("bind", pair | wrong, in_query=True)
        for wrong in ({"appkey": A}, {"curtime": A}, {"checksum": A}, {"x-custom-traceid": A * 99}):
            self.ask("bind", pair, more=wrong)
        for operation in ("unbind", "delay", "query"):
            self.ask(operation, {"bindId": A, "opType": 1, "delta": 5})
        assert self.ask("query", {"opType": 0, "phoneX": bound["phoneX"]})["bindInfos"]
        assert self.ask("delay", {"bindId": bound["bindId"], "delta": 1})["code"] == 200
        answer, event = self._lambda.answer, self._lambda.event
        for path in (f"/{A}", f"/smallphone/axb/{A}", f"/switch/{A}"):
            answer(event("GET", path, query=[("phone", B)], headers={"user-agent": C}))
        binding: str = bound["bindId"]
        return binding

    def calls(self, binding: str) -> None:
        """Calls and messages, reported well and badly."""
        for caller in (A, B, E, "", "anonymous", f"+{A}", f"{A}x"):
            for to in (number(0), number(1)):
                route = {"call_id": A, "kind": "call", "from": caller, "to": to}
                assert self.tell("/switch/route", route) == 200
        assert self.tell("/switch/route", {"from": A, "to": B}) == 400
        assert self.tell("/switch/route", f"[{A}") == 400
        assert self.tell("/switch/route", "{}", authorization=f"Basic {A}") == 401
        ended = {"reason": 16, "released_by": "caller"}
        stranger: dict[str, Any] = {"call_id": "stranger", "from": E, "callee": None}
        good = [
            self.event("call.started", binding),
            self.event("call.answered", binding),
            self.event("call.ended", binding, **ended),
            self.event("sms.sent", binding, result="ok", text=f"my number is {B}"),
            self.event("recording.ready", binding, url=f"{self._recorded.url}/{A}.wav"),
            self.event("recording.ready", binding, url=f"{self._recorded.url}/{B}.wav", md5=A),
            self.event("recording.ready", binding, url=f"https://{A}.example/{C}", md5=""),
            self.event("call.transferred", binding, target=C),
            self.event("call.ended", None, rejected="third_party", **stranger),
            self.event("call.ended", None, to=number(4), call_id="lost", callee=None),
        ]
        assert self.tell("/switch/events", good) == 200
        bad = [self.event("call.ended", binding, at=A), self.event("sms.sent", None, result=A)]
        assert self.tell("/switch/events", [*bad, A, [B]]) == 400

    def carrier(self) -> None:
        """NetEase behind us: asked well and badly, answering, failing, silent; and calling us."""
        pair = {"phoneA": D, "phoneB": A, "expiration": 60, "recordFlag": 1, "userData": f"to {B}"}
        faults = self._vendor.vendor.faults
        for kind in (
            "refuse",
            "502",
            "html_after",
            "half_json",
            "code_500",
            "code_414",
            "code_602",
        ):
            faults.add("*", kind, 2)
            self.ask("bind", pair | {"phoneA": F, "phoneB": C}, app=self._kept)
            faults.clear()
        bound = self.ask("bind", pair, app=self._kept)
        assert bound["code"] == 200, bound
        for kind in ("refuse", "html_after", "half_json", "code_500"):
            faults.add("*", kind, 4)
            assert self.ask("delay", {"bindId": bound["bindId"], "delta": 5}, app=self._kept)
            faults.clear()
        user = {"accid": "bob", "name": D}
        assert self.post("/nimserver/user/create.action", user, app=self._kept)["code"] == 200
        call = {"callerAcc": "bob", "caller": NATIONAL_D, "callee": NATIONAL_F, "maxDur": 60}
        placed = self.post("/call/ecp/startcall.action", call, app=self._kept)
        assert placed["code"] == 200, placed
        assert self.post("/call/ecp/startcall.action", call, app=self._kept)["code"] == 417
        for wrong in ({"caller": D}, {"callee": f"['{F}']"}, {"callerAcc": F}, {"maxDur": F}):
            self.post("/call/ecp/startconf.action", call | wrong, app=self._kept)
        query = {"session": placed["obj"]["session"], "type": 1}
        assert self.post("/call/ecp/queryBySession.action", query, app=self._kept)["code"] == 200
        token = self._vendor.vendor.login.make(NATIONAL_D, "mobile")["token"]
        for each in (token, token, D):
            self.post("/phoneauth/login/getMobile", {"token": each, "certname": F}, app=self._kept)
        relayed = {"from": "bob", "to": F, "body": f"call {D}"}
        for in_query in (True, False):
            path = "/nimserver/msg/sendMsg.action"
            answer = self.post(
                path, relayed, app=self._kept, in_query=in_query, more={"requestid": D}
            )
            assert answer["code"] == 200, answer
            faults.add("*", "502", 1)
            self.post(path, relayed, app=self._kept, in_query=in_query)
        self.callbacks(bound["bindId"], session=placed["obj"]["session"])

    def callbacks(self, binding: str, *, session: str) -> None:
        """What NetEase tells us, and what somebody else would have us believe."""
        common = {"callId": f"{D}x", "bindId": "0220", "userData": binding}
        parties = {"callNo": D, "peerNo": A, "phoneX": number(5)}
        at = "20300118101010"
        times = {"callTime": at, "startTime": at, "finishTime": at, "callDuration": "0"}
        ended = {**common, **parties, **times, "finishType": "1", "finishState": "3"}
        inner = {
            "caller": NATIONAL_D,
            "callee": NATIONAL_F,
            "createtime": NOW,
            "durationSec": 30,
            "initAccount": "bob",
            "legs": [{"endTime": "2030-01-18 10:10:10", "endpoint": NATIONAL_D, "hangCause": "X"}],
            "session": session,
            "starttime": "2030-01-18 10:10:10",
            "status": "SUCCESS",
        }
        for told in (
            {},
            {"eventType": "32", **ended},
            {"eventType": "33", **common, **parties, "smsTime": at, "smsResult": "1"},
            {"eventType": "34", **common, "url": f"{self._recorded.url}/{D}.wav", "md5": RIFF},
            {"eventType": "10", "callback": json.dumps(inner)},
            {"eventType": "99", "phone": F},
            {"eventType": "32", **ended, "callTime": F},
        ):
            assert self.call_back(told) == 200
            assert self.call_back(told, secret=D) == 414

    def call_back(self, told: Mapping[str, Any], secret: str = SECRET) -> int:
        """One callback of NetEase's, signed as it does; the HTTP status."""
        body = json.dumps(told).encode()
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        signed = f"{secret}{digest}{NOW}".encode()
        headers = {
            "curtime": str(NOW),
            "md5": digest,
            "checksum": hashlib.sha1(signed, usedforsecurity=False).hexdigest(),
        }
        path = f"/callbacks/netease/{ACCOUNT}"
        sent = self._lambda.event("POST", path, headers=headers, body=body)
        return int(self._lambda.answer(sent)["statusCode"])

    def deliveries(self) -> None:
        """Of the recordings some are there; the receiver refuses, then takes; one receiver is not
        there at all."""
        from app import deliver, transfer

        self._work(transfer, self._taken(settings().transfer_queue_name))
        told = self._taken()
        for status in (500, 200, 200):
            self._inbox.status = status
            self._work(deliver, told)

    def _taken(self, queue: str | None = None) -> list[str]:
        taken = self._here.queued(queue)
        assert taken
        self.queued += taken
        return [*taken, A, f'"{A}"']

    def _work(self, worker: Callable[..., Any], messages: Sequence[str]) -> None:
        for body in messages:
            record = {"messageId": "m", "body": body, "receiptHandle": "r"}
            try:
                worker({"Records": [record]}, self._lambda.Context())
            except Exception:
                # Lambda's runtime writes it to the log.
                logging.getLogger("lambda").exception(worker.__name__)

    def history(self) -> None:
        """The app looks its calls up, well and badly."""
        span: dict[str, Any] = {"since": NOW - 1000, "until": NOW + 1000}
        for status, method, path, query, body in (
            (200, "GET", "/v1/records", span, None),
            (200, "GET", "/v1/records", {"number": number(0)}, None),
            (400, "GET", "/v1/records", {"person": A}, None),
            (400, "GET", "/v1/records", {A: B, "cursor": C}, None),
            (200, "POST", "/v1/records/search", {}, {"person": A} | span),
            (400, "POST", "/v1/records/search", {}, {"person": [B], A: B}),
            (404, "GET", f"/v1/records/{A}", {}, None),
            (404, "GET", f"/v1/recordings/{A}", {}, None),
            (200, "GET", "/v1/events", {"state": "dead"}, None),
            (404, "POST", f"/v1/events/{A}/redeliver", {}, None),
            (202, "POST", "/v1/events/redeliver", {}, span),
            (400, "POST", "/v1/exports", {}, {"day": A, "format": B}),
        ):
            sent = self._lambda.event(
                method,
                path,
                headers={"Authorization": basic(self._app.key, self._app.secret)},
                query=[(name, str(each)) for name, each in query.items()],
                body=json.dumps(body).encode() if body is not None else None,
            )
            got = self._lambda.answer(sent)
            assert got["statusCode"] == status, (path, got["body"])
            if "/search" in path and status == 200:
                (shown, *_) = json.loads(got["body"])["data"]
                assert A in str(shown)

    def faults(self, binding: str) -> None:
        """Stores that are down, and a fault of our own whose text holds a number."""

        def refuse(request: Any, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url=request.url)

        route = {"call_id": A, "kind": "call", "from": A, "to": number(0)}
        for client in (clients.dynamodb(), clients.sqs()):
            client.meta.events.register_first("before-send", refuse)
            self.ask("bind", {"phoneA": A, "phoneB": C, "expiration": 5})
            self.ask("query", {"opType": 1, "bindId": binding})
            self.tell("/switch/route", route)
            self.tell("/switch/events", [self.event("sms.sent", binding, result="ok")])
            client.meta.events.unregister("before-send", refuse)

        def broken(*_: Any, **__: Any) -> Any:
            raise ValueError(f"can't read {A} and {B}")

        with (
            patch.object(FieldEncryption, "open", broken),
            patch.object(FieldEncryption, "seal", broken),
        ):
            assert self.ask("query", {"opType": 1, "bindId": binding})["code"] == 500
            assert self.ask("bind", {"phoneA": C, "phoneB": B, "expiration": 5})["code"] == 500
            assert self.tell("/switch/route", route) == 500

    def evening(self, binding: str) -> None:
        """Unbinding, cleaning, and asking carriers."""
        from app import clean, extend, follow, settle

        assert self.ask("unbind", {"bindId": binding})["code"] == 200
        tick = {
            "version": "0",
            "account": "123456789012",
            "region": "eu-west-1",
            "detail": {},
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": "2030-01-01T00:00:00Z",
            "id": "1",
            "resources": [],
        }
        with pytest.MonkeyPatch.context() as clock:
            # The vendor's clock stands still: our signature is too old for it.
            run_with(clock, now_ms=lambda: NOW + 380_000)
            settle(tick, self._lambda.Context())
        with pytest.MonkeyPatch.context() as clock:
            run_with(clock, now_ms=lambda: NOW + 10**8)
            clean(tick, self._lambda.Context())
            for job in (settle, extend, follow):
                job(tick, self._lambda.Context())
        names = settings()
        for queue in (
            names.delivery_queue_name,
            names.slow_queue_name,
            names.transfer_queue_name,
        ):
            self.queued += self._here.queued(queue)


def plant(day: Day) -> None:
    """One number wherever the search looks, each time in another dress."""
    print(base64.b64encode(f"caller={PLANTED};".encode()).decode())
    print(PLANTED.encode().hex(), file=sys.stderr)
    item = {"pk": {"S": "PLANTED"}, "sk": {"S": "1"}, "blob": {"B": f"<{PLANTED}>".encode()}}
    clients.dynamodb().put_item(TableName=settings().table_name, Item=item)
    day.queued.append(json.dumps({"to": PLANTED[2:]}))
    (bucket,) = clients.s3().list_buckets()["Buckets"]
    clients.s3().put_object(Bucket=bucket["Name"], Key=f"recordings/{PLANTED}.wav", Body=b"RIFF")


def main(arguments: Sequence[str]) -> None:
    """Lives through the day and leaves table and queue in a file."""
    endpoint, file, *extra = arguments
    os.environ["LOG_LEVEL"] = "DEBUG"
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    with (
        receiver() as inbox,
        stage(endpoint) as here,
        pytest.MonkeyPatch.context() as clock,
        vendor_here([number(5)], now=NOW) as vendor,
        recordings() as recorded,
    ):
        run_with(clock, now_ms=lambda: NOW)
        here.is_at("https://gateway.example")
        day = Day(here, inbox, vendor, recorded)
        binding = day.requests()
        day.calls(binding)
        day.carrier()
        day.deliveries()
        day.history()
        day.faults(binding)
        day.evening(binding)
        assert len(here.files()) == 2
        if extra == ["plant"]:
            plant(day)
        told = {body.get("eventType") for body in inbox.bodies()}
        assert told == {"10", "32", "33", "34"}, told
        left = {"items": here.items(), "queued": day.queued, "files": here.files()}
    Path(file).write_text(json.dumps(left, default=lambda raw: {"base64": _text(raw)}))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


if __name__ == "__main__":
    main(sys.argv[1:])
