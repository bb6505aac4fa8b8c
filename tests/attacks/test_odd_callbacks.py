"""Odd callbacks through the real receivers to the app's endpoint: delivered right, or kept where an
operator finds them and can have them read again; never gone, never twice."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from click.testing import CliRunner

from admin import provision
from admin.__main__ import cli
from chalicelib.carriers.interline import wire_callbacks as interline
from chalicelib.carriers.netease import wire_callbacks as netease
from chalicelib.core.calls.events import Reading
from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.calls.model import Task
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.interline.reports import MESSAGE, RECORD, typed
from tests.carriers.netease.recorded import recorded
from tests.owners import set_item, set_secret
from tests.stage import Answer, Receiver, Stage

KEY, SECRET, TOKEN = "the-app-key", "a secret", "token"
X = "8610000000001"
SMS = {**MESSAGE, "rcaller": X.removeprefix("86")}


def samples() -> dict[str, dict[str, Any]]:
    found = {f"netease {n}": json.loads(recorded(f"callback-{n}")["body"]) for n in ("32", "33")}
    found = {name: fields | {"phoneX": X} for name, fields in found.items()}
    no_recording = {name: value for name, value in RECORD.items() if name != "recording"}
    return found | {
        "interline record": typed(no_recording | {"rcaller": X.removeprefix("86")}),
        "interline message": typed(SMS),
    }


@pytest.fixture
def post(stage: Stage, receiver: Receiver) -> Callable[[str, Any], Answer]:
    """Posts a callback as the vendor of a sample does; an app with X1 is behind each vendor."""
    made = {"key": KEY, "secret": SECRET, "urls": ["http://127.0.0.1:9"]}
    provision.create_carrier("netease-1", kind="netease", **made)
    provision.create_carrier("interline-1", kind="interline", app_id="the-app-id", **made)
    set_secret("carrier/interline-1", callback_token=TOKEN)
    set_item("carrier/interline-1", key={"S": RECORD["devid"]})

    def send(sample: str, body: Any) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if sample.startswith("interline"):
            return stage.send(f"/callbacks/interline/interline-1/{TOKEN}/cdr", body=raw)
        at, digest = "1440570500855", hashlib.md5(raw).hexdigest()  # noqa: S324
        check_sum = hashlib.sha1((SECRET + digest + at).encode()).hexdigest()  # noqa: S324
        headers = {"AppKey": KEY, "CurTime": at, "MD5": digest, "CheckSum": check_sum}
        return stage.send("/callbacks/netease/netease-1", headers=headers, body=raw)

    return send


def app_behind(stage: Stage, receiver: Receiver, sample: str) -> None:
    """The app that X belongs to, told in NetEase's format."""
    carrier = f"{sample.split(maxsplit=1)[0]}-1"
    stage.app(carrier=carrier, numbers=[(X, None)], callback_url=receiver.url)
    stage.forget()


def delivered(stage: Stage, now: int) -> None:
    """Whatever is in the queues, and what the schedule puts there."""
    for at in (now, now + GRACE_MS, now + 2 * GRACE_MS):
        gateway().shared(schedules.follow_up).run(now=at, time_left=lambda: True)
        for queue in ("delivery", "delivery-slow"):
            for message in stage.messages(queue):
                gateway().shared(webhook_delivery).deliver(
                    Task.from_text(message), now=at, queue="slow"
                )


def told(receiver: Receiver) -> list[str]:
    """The ids of the calls that the app was told of, in order."""
    ids = []
    for _, headers, body in receiver.got:
        if headers["Content-Type"].startswith("application/json"):
            ids.append(json.loads(body)["callId"])
        else:
            ids.append(dict(parse_qsl(body.decode()))["taskid"])
    return sorted(ids)


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(cli, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def oddities(value: Any) -> Iterator[Any]:
    """What a member becomes in turn; None is JSON's null."""
    yield None
    yield ""
    yield int(value) if isinstance(value, str) and value.isdecimal() else str(value)
    yield {"a": [1]}
    yield "9" * 5_000
    yield -1.5


@pytest.mark.parametrize("sample", samples())
def test_no_odd_member_loses_a_call(
    stage: Stage, post: Callable[[str, Any], Answer], receiver: Receiver, sample: str
) -> None:
    app_behind(stage, receiver, sample)
    fields = samples()[sample]
    identifier = "taskid" if sample.startswith("interline") else "callId"
    # Without these it is another vendor's, another app's, or of another type.
    typing = ("devid", "appid", "eventType", "result", "smsContent")
    names = [name for name in fields if name not in typing]
    expected, kept = [], 0
    for name in names:
        bodies = [{each: value for each, value in fields.items() if each != name}]
        bodies += [fields | {name: odd} for odd in oddities(fields[name])]
        for number, body in enumerate(bodies):
            mine = f"{name}-{number}"
            if name != identifier:
                body |= {identifier: mine}
            body |= {"unknown member": [mine]}
            answer = post(sample, body)
            assert answer.status == 200, (name, body, answer.text)
            before, kept = kept, len(stage.items("V#"))
            if kept == before:
                expected.append(str(body[identifier]))
            else:
                assert name in (identifier, "phoneX", "rcaller"), (name, body)
    delivered(stage, stage.clock.now)
    # An X that is odd leaves a call that is nobody's, which is listed.
    orphaned = len(run("events-orphaned")["events"]) + stage.deliveries().count("unplaced")
    assert len(told(receiver)) + orphaned == len(expected)
    assert set(told(receiver)) <= set(expected)
    assert len(told(receiver)) == len(set(told(receiver)))
    of_x = [each for each in expected if each.startswith(("phoneX-", "rcaller-"))]
    assert set(expected) - set(of_x) <= {*told(receiver), *_odd_ids(fields[identifier])}
    assert run("events-unreadable")["count"] == kept > 0


def _odd_ids(value: Any) -> set[str]:
    return {str(odd) for odd in oddities(value)}


RENAMED = {"netease 32": (b'"callId"', b'"call_ID"'), "interline record": (b"taskid", b"task_ID")}


@pytest.mark.parametrize("sample", RENAMED)
def test_what_could_not_be_read_is_delivered_once_after_a_fix(
    stage: Stage,
    post: Callable[[str, Any], Answer],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sample: str,
) -> None:
    """A vendor renames the member that says which call it is, and its callbacks can't be read."""
    app_behind(stage, receiver, sample)
    was, is_now = RENAMED[sample]
    body = json.dumps(samples()[sample]).encode().replace(was, is_now)
    for _ in range(3):
        assert post(sample, body).status == 200
    assert capsys.readouterr().out.count('"UnreadCallbacks":[1.0]') == 1
    delivered(stage, stage.clock.now)
    assert (receiver.got, stage.items("C#")) == ([], [])
    secret = samples()[sample].get("callNo") or samples()[sample]["caller"]
    assert secret not in repr(stage.items())

    (listed,) = run("events-unreadable")["events"]
    assert (listed["carrier"], listed["bytes"]) == (f"{sample.split(maxsplit=1)[0]}-1", len(body))
    assert ("callId" if sample == "netease 32" else "taskid") in listed["why"]
    assert run("events-reread")["events"][0]["read"] is False
    assert run("events-unreadable")["count"] == 1

    fixed(monkeypatch, sample, lambda sent: sent.replace(is_now, was))
    reread = run("events-reread")
    assert (reread["count"], reread["events"][0]["read"]) == (1, True)
    delivered(stage, stage.clock.now)
    assert len(receiver.got) == 1
    assert run("events-unreadable")["count"] == run("events-reread")["count"] == 0

    # The vendor's own repeat, now that it can be read, is the same event; so is a second reading.
    assert post(sample, body).status == 200
    run("events-reread", listed["id"])
    delivered(stage, stage.clock.now + 9 * GRACE_MS)
    assert len(receiver.got) == 1
    assert run("events-orphaned")["count"] == 0


def test_what_is_read_at_last_and_is_nobodys_can_be_given(
    stage: Stage,
    post: Callable[[str, Any], Answer],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app_behind(stage, receiver, "netease 32")
    fields = samples()["netease 32"] | {"phoneX": "8610000000099"}
    post("netease 32", json.dumps(fields).encode().replace(b'"callId"', b'"call_ID"'))
    fixed(monkeypatch, "netease 32", lambda sent: sent.replace(b'"call_ID"', b'"callId"'))
    for name, carrier in (("alike", "netease-1"), ("elsewhere", "switch")):
        stage.app(name, carrier=carrier, numbers=(), callback_url=receiver.url)
    stage.forget()
    (waiting,) = run("events-unreadable")["events"]
    # What one carrier says is not about the numbers of another.
    assert run("events-reread", waiting["id"], "--give", "elsewhere")["count"] == 0
    assert run("events-unreadable", "--give", "demo")["count"] == 1
    # It is demo's for good.
    assert run("events-reread", waiting["id"], "--give", "alike")["count"] == 0
    delivered(stage, stage.clock.now)
    assert [json.loads(body)["phoneX"] for _, _, body in receiver.got] == ["8610000000099"]
    assert run("events-orphaned")["count"] == 0


def fixed(monkeypatch: pytest.MonkeyPatch, sample: str, mend: Callable[[bytes], bytes]) -> None:
    """The reader of this vendor, as a later version has it."""
    readers: Mapping[str, Any] = {"netease": netease, "interline": interline}
    module = readers[sample.split(maxsplit=1)[0]]
    before = module.read

    def read(body: bytes, *, carrier: str, received: int) -> Reading:
        reading: Reading = before(mend(body), carrier=carrier, received=received)
        return reading

    monkeypatch.setattr(module, "read", read)
