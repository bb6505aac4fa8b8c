"""Lost answers, stores that are down, deaths between two steps: nothing twice or lost."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chalicelib.core.calls.model import Task
from chalicelib.store import clients
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway
from tests.asked import ask
from tests.gateways import MINUTE, NOW, Backend, Stage, Switch, number, subscriber
from tests.receivers import Receiver, receiver

X = number(0)
A, B, C = (subscriber(i) for i in range(3))


@pytest.fixture(scope="session")
def engine(dynamodb_local: str) -> str:
    """Answers are lost on a real wire."""
    return dynamodb_local


@contextmanager
def _answers_lost(operation: str, *, times: int) -> Iterator[list[int]]:
    """DynamoDB does what it is asked, but its next `times` answers do not arrive."""
    lost: list[int] = []
    wire = URLLib3Session()

    def lose(request: Any, **_: Any) -> None:
        if len(lost) < times:
            lost.append(wire.send(request).status_code)
            raise ReadTimeoutError(endpoint_url=request.url)

    events = clients.dynamodb().meta.events
    events.register_first(f"before-send.dynamodb.{operation}", lose)
    try:
        yield lost
    finally:
        events.unregister(f"before-send.dynamodb.{operation}", lose)


@contextmanager
def _down(client: Any) -> Iterator[None]:
    """Nobody listens at this service's address."""

    def refuse(request: Any, **_: Any) -> None:
        raise EndpointConnectionError(endpoint_url=request.url)

    events = client.meta.events
    name = f"before-send.{client.meta.service_model.service_id.hyphenize()}"
    events.register_first(name, refuse)
    try:
        yield
    finally:
        events.unregister(name, refuse)


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
def app(here: Stage, inbox: Receiver) -> Backend:
    return here.app("demo", [X], callback_url=inbox.url)


@pytest.fixture
def switch(here: Stage) -> Switch:
    return here.switch()


@pytest.fixture
def gateway(here: Stage, app: Backend) -> Gateway:
    warm = here.instance()
    app.call(warm, "query", now=NOW, opType=0, phoneX=X)
    return warm


def test_a_lost_answer_is_asked_for_again(here: Stage, app: Backend, gateway: Gateway) -> None:
    with _answers_lost("TransactWriteItems", times=1) as lost:
        bound = app.bind(gateway, A, B, now=NOW, minutes=10)
    assert (lost, bound["code"]) == ([200], 200)
    assert here.quota_used("demo") == here.live("demo", now=NOW) == 1
    with _answers_lost("TransactWriteItems", times=1):
        delayed = app.call(gateway, "delay", now=NOW, bindId=bound["bindId"], delta=1)
    assert delayed == {"code": 200}
    (info,) = app.call(gateway, "query", now=NOW, opType=0, phoneX=X)["bindInfos"]
    assert info["expireTime"] == NOW + 11 * MINUTE
    with _answers_lost("TransactWriteItems", times=1):
        assert app.call(gateway, "unbind", now=NOW, bindId=bound["bindId"]) == {"code": 200}
    assert here.quota_used("demo") == here.live("demo", now=NOW) == 0


@pytest.mark.parametrize("identity", [{"request_id": "one"}, {"nonce": "one"}])
def test_an_outcome_that_stays_unknown_is_found_by_the_clients_repeat(
    here: Stage, app: Backend, switch: Switch, gateway: Gateway, identity: dict[str, str]
) -> None:
    with _answers_lost("TransactWriteItems", times=3) as lost:
        assert app.bind(gateway, A, B, now=NOW, **identity)["code"] == 514
    assert lost == [200, 200, 200]
    again = app.bind(here.instance(), A, B, now=NOW, **identity)
    assert again["code"] == 200
    assert switch.reached(gateway, A, again["phoneX"], now=NOW) == B
    assert here.quota_used("demo") == here.live("demo", now=NOW) == 1


def test_while_the_table_is_down_everybody_is_told_to_come_again(
    here: Stage, app: Backend, switch: Switch, gateway: Gateway
) -> None:
    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    switch.route(gateway, A, X, now=NOW)
    route = {"call_id": "c", "kind": "call", "from": A, "to": X}
    with _down(clients.dynamodb()):
        codes = [
            app.bind(gateway, A, C, now=NOW)["code"],
            app.call(gateway, "unbind", now=NOW, bindId=bound)["code"],
            app.call(gateway, "delay", now=NOW, bindId=bound, delta=1)["code"],
            app.call(gateway, "query", now=NOW, opType=0, phoneX=X)["code"],
        ]
        statuses = [
            switch.post(gateway, "/switch/route", route, now=NOW).status,
            switch.report(gateway, _ended("1", bound), now=NOW).status,
        ]
        reply = ask(
            gateway,
            "/smallphone/axb/bind",
            app.request({"phoneA": A, "phoneB": C, "expiration": 1}, now=NOW),
            NOW,
        )
    assert codes == [514] * 4
    # A client hears nothing of what we are made of; the log does.
    assert "transact" not in reply.body
    assert "EndpointConnectionError" in str(reply.facts["why"])
    assert statuses == [503] * 2
    assert switch.reached(gateway, A, X, now=NOW) == B
    assert here.live("demo", now=NOW) == 1


def _ended(event_id: str, binding: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "type": "call.ended",
        "call_id": f"call-{event_id}",
        "binding": binding,
        "from": A,
        "to": X,
        "callee": B,
        "at": NOW,
        "reason": 16,
        "released_by": "caller",
    }


def _deliver(here: Stage, gateway: Gateway) -> int:
    tasks = [Task.from_text(body) for body in here.queued()]
    for task in tasks:
        gateway.shared(webhook_delivery).deliver(task, now=NOW)
    return len(tasks)


def test_a_death_between_storing_and_announcing_is_made_good_by_the_repeat(
    here: Stage, app: Backend, switch: Switch, gateway: Gateway, inbox: Receiver
) -> None:
    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    with _down(clients.sqs()):
        assert switch.report(gateway, _ended("1", bound), now=NOW).status == 503
    stored = [item for item in here.items() if item["pk"]["S"].startswith("C#")]
    assert len(stored) == 1
    assert here.queued() == []
    assert switch.report(here.instance(), _ended("1", bound), now=NOW).status == 200
    assert [item for item in here.items() if item["pk"]["S"].startswith("C#")] == stored
    assert _deliver(here, gateway) == 1
    (told,) = inbox.bodies()
    assert (told["bindId"], told["callNo"], told["peerNo"]) == (bound, A, B)
    # Delivered: a third report announces nothing any more.
    assert switch.report(gateway, _ended("1", bound), now=NOW).status == 200
    assert here.queued() == []


def test_a_stored_event_whose_answer_was_lost_is_announced(
    here: Stage, app: Backend, switch: Switch, gateway: Gateway, inbox: Receiver
) -> None:
    """The repeat inside the client finds the event there: its own, not a duplicate."""
    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    with _answers_lost("UpdateItem", times=1) as lost:
        assert switch.report(gateway, _ended("1", bound), now=NOW).status == 200
    assert lost == [200]
    assert _deliver(here, gateway) == 1
    assert len(inbox.bodies()) == 1


def test_a_death_between_telling_and_marking_tells_twice_and_no_more(
    here: Stage, app: Backend, switch: Switch, gateway: Gateway, inbox: Receiver
) -> None:
    from chalicelib.core.errors import Unavailable

    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    switch.report(gateway, _ended("1", bound), now=NOW)
    (body,) = here.queued()
    refuse = "before-send.dynamodb.UpdateItem"

    def down(request: Any, **_: Any) -> None:
        raise EndpointConnectionError(endpoint_url=request.url)

    clients.dynamodb().meta.events.register_first(refuse, down)
    with pytest.raises(Unavailable):
        gateway.shared(webhook_delivery).deliver(Task.from_text(body), now=NOW)
    clients.dynamodb().meta.events.unregister(refuse, down)
    for _ in range(2):
        gateway.shared(webhook_delivery).deliver(Task.from_text(body), now=NOW)
    assert len(inbox.bodies()) == 2


def test_fifty_reports_of_one_event_are_stored_once(
    here: Stage, app: Backend, switch: Switch, inbox: Receiver
) -> None:
    from tests.races.crowd import crowd

    with crowd(here, 50) as everybody:
        bound = app.bind(here.instance(), A, B, now=NOW)["bindId"]
        replies = everybody.at_once(
            [lambda gateway: switch.report(gateway, _ended("1", bound), now=NOW)] * 50
        )
    assert {(reply.status, reply.body) for reply in replies} == {(200, '{"accepted": 1}')}
    assert len([item for item in here.items() if item["pk"]["S"].startswith("C#")]) == 1
    assert len({json.dumps(json.loads(body)) for body in here.queued()}) == 1
