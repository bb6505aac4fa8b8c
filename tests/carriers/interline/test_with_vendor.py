"""Bindings, leases, calls and messages with an interline platform that knows none of our code."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from chalicelib.store.site import Site, site_item
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import gateway
from simulator.dialling import dialled, written
from simulator.interline.account import Account
from simulator.interline.vendor import Vendor
from simulator.vendor_server import Server
from tests.carriers.interline.accounts import account_of
from tests.carriers.interline.developer import (
    APP_ID,
    INTERLINE,
    Developer,
    abroad,
    developer,
    is_done,
    subid,
)
from tests.receivers import Receiver, receiver
from tests.simulator.outside import listening
from tests.stage import Client, Stage
from tests.workers import deliver

A, B, C = "10010000001", "10010000002", "10010000003"
X = "10099000001"
PUT = f"PUT {INTERLINE}/{{x}}"
Make = Callable[..., "Platform"]


@dataclass
class Time:
    """The vendor's clock (epoch ms)."""

    now_ms: int


@dataclass
class Platform:
    """The vendor, its clock, and what it has told us that was not handed on yet."""

    vendor: Vendor
    clock: Time
    told: Receiver

    def live(self) -> list[dict[str, Any]]:
        return [each for each in self.vendor.bindings.all() if each["state"] == "live"]

    def dial(self, caller: str, **more: Any) -> dict[str, Any]:
        return self.vendor.dial(dialled({"from": abroad(caller), "to": X, **more}))


@pytest.fixture
def make(stage: Stage) -> Iterator[Make]:
    """A vendor, and our account `interline-1` with it, whose leases have 20 minutes."""
    stack: list[Callable[[], None]] = []

    def made(**open_questions: Any) -> Platform:
        inbox = receiver()
        told = inbox.__enter__()
        stack.append(lambda: inbox.__exit__(None, None, None))
        clock = Time(stage.clock.now)
        account = Account("10000000", "key", "the-app-id", told.url, **open_questions)
        vendor = Vendor(account, [X], recordings_url="http://r", clock=clock, pauses_s=(0.01,))
        opened = listening()
        server = Server(opened, vendor)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        stack.extend((server.server_close, server.shutdown, vendor.faults.clear))
        url = f"http://127.0.0.1:{opened.getsockname()[1]}"
        account_of(stage, "interline-1", urls=[url], lease_minutes=20)
        return Platform(vendor, clock, told)

    yield made
    for undo in reversed(stack):
        undo()


def hand_on(stage: Stage, platform: Platform) -> None:
    """What the vendor told, to the gateway, and from there to the app."""
    for headers, body in platform.told.received:
        path = "/callbacks/interline/interline-1/token-interline-1/cdr"
        kind = {"Content-Type": headers["Content-Type"]}
        answer = stage.send(path, headers=kind, body=body)
        assert (answer.status, answer.json) == (200, {"error": 0})
    platform.told.received.clear()
    deliver(stage.messages())


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    """The app's."""
    with receiver() as listens:
        yield listens


def pass_time(stage: Stage, platform: Platform, *, minutes: int) -> None:
    """Minute by minute, with the schedules."""
    for _ in range(minutes):
        stage.clock.advance(minutes=1)
        platform.clock.now_ms = stage.clock.now
        for duty in ("lease", "pending"):
            seen = (
                gateway()
                .shared(schedules.lease_jobs)
                .run(duty, now=stage.clock.now, time_left=lambda: True)
            )
            assert not seen.put_off


def speaker(stage: Stage, inbox: Receiver, **settings: Any) -> Developer:
    """An app of interline's facade and dialect, on interline's numbers."""
    made = developer(
        stage,
        carrier="interline-1",
        callback_url=inbox.url,
        numbers=[(X, None)],
        cooling_s=300,
        **settings,
    )
    made.change(event_format={"S": "interline"})
    return made


def forms(inbox: Receiver) -> list[dict[str, str]]:
    return [
        dict(parse_qsl(body.decode(), strict_parsing=True, keep_blank_values=True))
        for _, body in inbox.received
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_calls_and_messages_come_back_in_the_words_of_the_app(
    as_json: bool, stage: Stage, make: Make, inbox: Receiver
) -> None:
    platform = make(json=as_json)
    site = site_item(Site(url="https://gateway.example", bucket="recordings"))
    stage.dynamodb.put_item(TableName=stage.table, Item=site)
    demo = speaker(stage, inbox)
    bound = subid(demo.bind(X, userData="order-1", record="1"))
    assert platform.live()[0]["userData"] == bound
    seen = platform.dial(A, talk_s=65, hangup_by="callee")
    assert seen["answered"]
    platform.dial(C)
    hand_on(stage, platform)
    by_caller = {(form["caller"], "result" in form): form for form in forms(inbox)}
    start, end = by_caller[A, False], by_caller[A, True]
    assert (start["callee"], start["rcaller"], start["subid"]) == (B, X, bound)
    assert (end["result"], end["duration"], end["releasedir"]) == ("answered", "65", "2")
    assert (end["subid"], end["userData"], end["appid"]) == (bound, "order-1", APP_ID)
    # The record does not wait for its recording, of which the carrier's link is nobody's business.
    assert end["recording"].startswith("https://gateway.example/v1/recordings/")
    assert len(stage.messages("transfer")) == 1
    # Nobody told the gateway whose it is but X, which stands without country code in the pool.
    assert by_caller[C, True]["result"] == "206"
    inbox.received.clear()

    platform.vendor.send(written({"from": abroad(B), "to": X, "text": "到了"}))
    hand_on(stage, platform)
    (sms,) = forms(inbox)
    assert (sms["smsContent"], sms["caller"], sms["callee"]) == ("到了", B, A)


@pytest.mark.parametrize(("caller", "agrees"), [(A, True), (C, False)])
def test_a_call_that_x_does_not_allow_is_told_with_the_binding_that_agrees(
    stage: Stage, make: Make, inbox: Receiver, caller: str, agrees: bool
) -> None:
    platform = make()
    demo = speaker(stage, inbox)
    bound = subid(demo.bind(X, userData="order-1"))
    fields = {"taskid": "t", "caller": caller, "rcaller": X, "result": "206", "userData": bound}
    fields |= {"subid": platform.live()[0]["subid"], "releaseTime": "1768464075"}
    path = "/callbacks/interline/interline-1/token-interline-1/cdr"
    assert stage.send(path, body=urlencode(fields).encode()).json == {"error": 0}
    deliver(stage.messages())
    (told,) = forms(inbox)
    assert (told["result"], told["caller"]) == ("206", caller)
    known = (told["subid"], told.get("userData"))
    assert known == ((bound, "order-1") if agrees else ("", None))


def test_a_netease_app_on_interlines_numbers(stage: Stage, make: Make, inbox: Receiver) -> None:
    platform = make()
    demo: Client = stage.app(
        carrier="interline-1", callback_url=inbox.url, numbers=[(abroad(X), None)]
    )
    bound = demo.bind(abroad(A), abroad(B), phoneX=abroad(X), recordFlag="1").json["bindId"]
    platform.dial(B, talk_s=5, hangup_by="caller")
    hand_on(stage, platform)
    told = {message["eventType"]: message for message in inbox.bodies()}
    assert told.keys() == {"32"}
    call = told["32"]
    assert (call["bindId"], call["phoneX"]) == (bound, abroad(X))
    assert (call["callNo"], call["peerNo"]) == (abroad(B), abroad(A))
    assert (call["finishState"], call["finishType"], call["callDuration"]) == ("1", "1", "5")
    assert len(stage.messages("transfer")) == 1


@pytest.mark.parametrize("overlap", [True, False])
def test_a_binding_outlives_its_leases_and_ends_in_time(
    overlap: bool, stage: Stage, make: Make, inbox: Receiver
) -> None:
    platform = make(overlap=overlap)
    demo = speaker(stage, inbox)
    demo.bind(X, ttl="3000")
    for _ in range(49):
        pass_time(stage, platform, minutes=1)
        assert len(platform.live()) == 1
        assert platform.dial(B)["answered"]
    pass_time(stage, platform, minutes=2)
    assert not platform.live()
    # Fifty minutes are three leases; a quarter of each overlaps with the next if it may.
    assert len(platform.vendor.bindings.all()) in (3, 4)


def test_a_transfer_for_good(stage: Stage, make: Make, inbox: Receiver) -> None:
    platform = make()
    demo = speaker(stage, inbox)
    bound = subid(demo.transfer(X, anucode="hello"))
    for _ in range(45):
        pass_time(stage, platform, minutes=1)
        assert len(platform.live()) == 1
    seen = platform.dial(C, talk_s=1)
    assert (seen["answered"], seen["caller"]["heard"]) == (True, "hello")
    hand_on(stage, platform)
    assert {form["subid"] for form in forms(inbox)} == {bound}
    assert is_done(demo.end_transfer(X))
    assert not platform.live()


@pytest.mark.parametrize("kind", ["502", "502_after", "half_json_after", "html"])
def test_a_renewal_without_an_answer_leaves_nothing_behind(
    kind: str, stage: Stage, make: Make, inbox: Receiver
) -> None:
    platform = make()
    demo = speaker(stage, inbox)
    bound = subid(demo.bind(X, ttl="7200"))
    pass_time(stage, platform, minutes=14)
    platform.vendor.faults.add(PUT, kind, 1)
    stage.clock.advance(minutes=1)
    platform.clock.now_ms = stage.clock.now
    seen = (
        gateway()
        .shared(schedules.lease_jobs)
        .run("lease", now=stage.clock.now, time_left=lambda: True)
    )
    assert (seen.done, seen.put_off) == (0, 1)
    assert is_done(demo.unbind(bound))
    assert not platform.live()


@pytest.mark.parametrize("kind", ["502", "502_after", "half_json_after", "html"])
def test_a_bind_without_an_answer_is_settled(
    kind: str, stage: Stage, make: Make, inbox: Receiver
) -> None:
    platform = make()
    demo = speaker(stage, inbox)
    platform.vendor.faults.add(PUT, kind, 1)
    lost = demo.asks(anum=A, bnum=B, ttl="7200")
    assert demo.send("PUT", f"{INTERLINE}/{X}", lost).json["error"] == 1401
    pass_time(stage, platform, minutes=2)
    (held,) = platform.live()
    bound = subid(demo.send("PUT", f"{INTERLINE}/{X}", lost))
    assert held["userData"] == bound
    assert is_done(demo.unbind(bound))
    assert not platform.live()
