"""A test event: an example that an app has its endpoint sent."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from standardwebhooks import Webhook

from admin import provision, receivers
from chalicelib.carriers.registry import EventFormatRegistry
from chalicelib.clock import SYSTEM
from chalicelib.core.calls.events import EventKind
from chalicelib.core.errors import BadParameter
from chalicelib.core.webhooks.endpoint import DeliveryFailure, Trial
from chalicelib.egress.client import Client
from chalicelib.egress.guard import AddressGuard
from chalicelib.egress.webhooks import WebhookSender
from chalicelib.services.tenants.endpoint_trial import EndpointTrial
from simulator.local_addresses import LocalAddresses
from tests.receivers import Receiver, receiver
from tests.stage import Stage


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def send(kind: EventKind, guard: AddressGuard | None = None, *, timeout_s: float = 10) -> Trial:
    formats = EventFormatRegistry(receivers._known())
    sender = WebhookSender(Client(guard or LocalAddresses()), timeout_s=timeout_s)
    trial = EndpointTrial(formats, sender, SYSTEM)
    return trial.send(provision.show_app("demo"), kind, now=SYSTEM.now_ms())


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind.traits.known])
def test_an_example_of_each_kind_is_signed_and_marked(
    stage: Stage, inbox: Receiver, kind: EventKind
) -> None:
    stage.app(numbers=(), callback_url=inbox.url, event_format="cloudevents")
    found = send(kind)
    assert (found.status, found.failure) == (200, None)
    assert 0 <= found.duration_ms < 10_000
    ((headers, body),) = inbox.received
    event: Any = Webhook(receivers.secret_of("demo")).verify(body.decode(), headers)
    assert (event["type"], event["test"], event["data"]["test"]) == (
        f"masking.{kind}.v1",
        True,
        True,
    )
    assert (event["id"], headers["webhook-id"]) == (found.event, found.event)
    assert event["source"] == "/apps/demo"


def test_two_of_one_kind_are_two_events(stage: Stage, inbox: Receiver) -> None:
    stage.app(numbers=(), callback_url=inbox.url, event_format="cloudevents")
    assert len({send(EventKind.CALL_ENDED).event for _ in range(2)}) == 2


def test_neteases_format(stage: Stage, inbox: Receiver) -> None:
    stage.app(numbers=(), callback_url=inbox.url)
    assert send(EventKind.CALL_ENDED).status == 200
    ((headers, body),) = inbox.received
    assert json.loads(body)["test"] is True
    assert {"AppKey", "CheckSum"} <= headers.keys()
    with pytest.raises(BadParameter, match="has words for") as refused:
        send(EventKind.CALL_GAP)
    assert refused.value.name == "kind"


@pytest.mark.parametrize("as_json", [False, True])
def test_interlines_format(stage: Stage, inbox: Receiver, as_json: bool) -> None:
    provision.create_interline_app("demo", callback_url=inbox.url, callback_json=as_json)
    assert send(EventKind.CALL_ENDED).status == 200
    ((_, body),) = inbox.received
    if as_json:
        assert json.loads(body)["test"] is True
    else:
        assert parse_qs(body.decode())["test"] == ["true"]


def test_what_an_endpoint_answers(stage: Stage, inbox: Receiver) -> None:
    stage.app(numbers=(), callback_url=inbox.url, event_format="cloudevents")
    for status, failure in ((204, None), (302, "status"), (500, "status")):
        inbox.status = status
        found = send(EventKind.CALL_ENDED)
        assert (found.status, found.failure) == (status, failure)
    found = send(EventKind.CALL_ENDED, AddressGuard())
    assert (found.status, found.failure) == (None, DeliveryFailure.ADDRESS)


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("http://127.0.0.1:9/", DeliveryFailure.REFUSED),
        ("http://no-such-host.invalid/", DeliveryFailure.ADDRESS),
    ],
)
def test_an_endpoint_that_is_not_there(stage: Stage, url: str, failure: DeliveryFailure) -> None:
    stage.app(numbers=(), callback_url=url, event_format="cloudevents")
    assert send(EventKind.CALL_ENDED).failure is failure


def test_an_endpoint_that_does_not_answer(stage: Stage, inbox: Receiver) -> None:
    stage.app(numbers=(), callback_url=inbox.url, event_format="cloudevents")
    inbox.judge = lambda *_: time.sleep(1) or 200
    found = send(EventKind.CALL_ENDED, timeout_s=0.3)
    assert (found.status, found.failure) == (None, DeliveryFailure.TIMEOUT)
    assert found.duration_ms >= 250
