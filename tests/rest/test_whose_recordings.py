"""A recording that names nothing but its call: whose it is, the call says, also when it is told."""

import json
from typing import Any

import pytest

from admin import provision, receivers
from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.calls.model import Task
from chalicelib.core.webhooks.policy import Result
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx
from tests.rest.backend import Recordings, follow_up, transfer
from tests.stage import X1, A, Client, Clock, Receiver, Stage


@pytest.fixture
def client(stage: Stage, receiver: Receiver) -> Client:
    """The app `demo`, told in CloudEvents."""
    client = stage.app(callback_url=receiver.url)
    receivers.new_secret("demo")
    provision.set_app("demo", event_format="cloudevents")
    stage.forget()
    return client


@pytest.fixture
def binding(client: Client) -> str:
    return str(client.bind(phoneX=X1).json["bindId"])


def report(pbx: Pbx, clock: Clock, url: str, *, binding: str) -> None:
    """The recording first, and then the end that says whose call it was."""
    common = {"call_id": "c", "at": clock.now}
    ready = {"type": "recording.ready", "event_id": "r", "url": url}
    ended = {"type": "call.ended", "event_id": "e", "to": X1, "from": A, "binding": binding}
    pbx.report(common | ready)
    pbx.report(common | ended)


def followed(stage: Stage, clock: Clock) -> None:
    """What is in the queue is done; what names nothing but a call follows that."""
    clock.advance(ms=GRACE_MS)
    follow_up(stage)


def told(stage: Stage, receiver: Receiver, clock: Clock) -> dict[str, Any]:
    """What the app is told, by its type."""
    for message in stage.messages():
        outcome = gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=clock.now)
        assert outcome is Result.DELIVERED
    bodies = [json.loads(body) for _, _, body in receiver.got]
    return {body["type"]: body for body in bodies}


def test_it_is_told_to_whose_call_it_was(
    stage: Stage, binding: str, pbx: Pbx, kept: Recordings, receiver: Receiver, clock: Clock
) -> None:
    kept.files["/c.wav"] = b"RIFF"
    report(pbx, clock, f"{kept.url}/c.wav", binding=binding)
    followed(stage, clock)
    assert transfer(stage.messages("transfer")) == []
    ready = told(stage, receiver, clock)["masking.recording.ready.v1"]
    assert ready["subject"] == binding
    assert ready["data"]["url"].endswith(f"/v1/recordings/{ready['id']}")


def test_that_it_will_not_come_is_told_too(
    stage: Stage, binding: str, pbx: Pbx, receiver: Receiver, clock: Clock
) -> None:
    report(pbx, clock, "http://somebody@elsewhere.example/c.wav", binding=binding)
    followed(stage, clock)
    assert transfer(stage.messages("transfer")) == []
    failed = told(stage, receiver, clock)["masking.recording.failed.v1"]
    assert failed["subject"] == binding
    assert failed["data"]["number"] == f"+{X1}"


def test_a_call_that_is_nobodys_has_nobodys_recording(
    stage: Stage, client: Client, pbx: Pbx, kept: Recordings, receiver: Receiver, clock: Clock
) -> None:
    kept.files["/c.wav"] = b"RIFF"
    ended = {"type": "call.ended", "event_id": "e", "call_id": "c", "at": clock.now}
    pbx.report(ended | {"to": "8610000000099"})
    ready = {"type": "recording.ready", "event_id": "r", "call_id": "c", "at": clock.now}
    pbx.report(ready | {"url": f"{kept.url}/c.wav"})
    followed(stage, clock)
    assert stage.deliveries() == ["kept", "unmatched", "unmatched"]
    assert transfer(stage.messages("transfer")) == []
    assert kept.asked == []
    assert receiver.got == []
