"""Which app is told of what a carrier says: its own, about its own, and nobody else."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from admin import provision
from chalicelib.core.calls.events import Event, EventKind, Outcome, PlacedEnd
from chalicelib.core.calls.model import Task
from chalicelib.core.calls.placed_calls import CallAsk, PlacedCall
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.webhooks.policy import Result
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway, gateway
from chalicelib.wiring.ingest import Ingest
from tests.attacks.keepers import Book, keeping
from tests.stage import X1, X2, X3, A, B, C, Client, Receiver, Stage

ALICE, BOB, CAROL = Subscriber(A), Subscriber(B), Subscriber(C)


def account(name: str) -> None:
    provision.create_carrier(
        name, kind="netease", key=f"key-{name}", secret="s", urls=["http://127.0.0.1:9"]
    )


@pytest.fixture
def apps(stage: Stage, receiver: Receiver) -> dict[str, Client]:
    """An app on each of two accounts with NetEase, and one on a switch."""
    for name in ("netease-a", "netease-b"):
        account(name)
    numbers = {"netease-a": X1, "netease-b": X2, "switch": X3}
    return {
        carrier: stage.app(
            f"app-{carrier}", carrier=carrier, numbers=[(x, None)], callback_url=receiver.url
        )
        for carrier, x in numbers.items()
    }


@pytest.fixture
def ours(apps: dict[str, Client]) -> Iterator[Gateway]:
    """The gateway, whose carriers keep their bindings in a book."""
    keeping(gateway(), Book())
    yield gateway()


def bound(client: Client, b: str = B, **more: str) -> str:
    answer = client.bind(A, b, **more)
    assert answer.code == 200, answer.text
    return str(answer.json["bindId"])


def ended(carrier: str, number: str | None, **more: Any) -> Event:
    """A call of Alice's to Bob that a carrier tells of."""
    values: dict[str, Any] = {
        "id": "e",
        "kind": EventKind.CALL_ENDED,
        "call_id": "c",
        "at": 1_768_464_001_000,
        "received": 1_768_464_002_000,
        "number": number,
        "caller": ALICE,
        "callee": BOB,
        "outcome": Outcome.CALLER_HUNG_UP,
    }
    return Event(carrier=carrier, **(values | more))


def told(ours: Gateway, stage: Stage, receiver: Receiver, event: Event) -> Any:
    """What an app is told of it: app key and body; None for nobody."""
    ours.shared(Ingest).events.record([event])
    messages = stage.messages()
    if not messages:
        assert stage.deliveries() == ["unmatched"]
        return None
    (message,) = messages
    before = len(receiver.got)
    task = Task.from_text(message)
    assert ours.shared(webhook_delivery).deliver(task, now=event.received) is Result.DELIVERED
    assert len(receiver.got) == before + 1
    _, headers, body = receiver.got[-1]
    return headers["AppKey"], json.loads(body)


def test_a_carrier_that_gives_our_id_back(
    ours: Gateway, stage: Stage, receiver: Receiver, apps: dict[str, Client]
) -> None:
    own = apps["netease-a"]
    binding = bound(own, userData="订单 1")
    key, body = told(ours, stage, receiver, ended("netease-a", X1, binding=binding))
    assert key == own.key
    assert (body["bindId"], body["userData"]) == (binding, "订单 1")


def test_a_carrier_that_gives_its_own_id_only(
    ours: Gateway, stage: Stage, receiver: Receiver, apps: dict[str, Client]
) -> None:
    own = apps["netease-a"]
    binding = bound(own)
    at_carrier = next(
        i["lease"]["M"]["id"]["S"] for i in stage.items("B#") if i["id"]["S"] == binding
    )
    event = ended("netease-a", X1, carrier_binding=at_carrier)
    key, body = told(ours, stage, receiver, event)
    assert (key, body["bindId"]) == (own.key, binding)


def test_an_older_binding_of_the_same_person_is_not_taken_for_the_present_one(
    ours: Gateway, stage: Stage, receiver: Receiver, apps: dict[str, Client]
) -> None:
    own = apps["netease-a"]
    bound(own)
    event = ended("netease-a", X1, carrier_binding="an-older-one")
    key, body = told(ours, stage, receiver, event)
    assert (key, body["bindId"]) == (own.key, "")


@pytest.mark.parametrize("liar", ["netease-b", "switch", "netease-c"])
def test_what_a_carrier_says_of_another_ones_binding_concerns_nobody(
    ours: Gateway, stage: Stage, receiver: Receiver, apps: dict[str, Client], liar: str
) -> None:
    binding = bound(apps["netease-a"], userData="mine")
    assert told(ours, stage, receiver, ended(liar, X1, binding=binding)) is None


def test_with_its_own_number_it_is_told_to_the_liars_app_and_says_nothing(
    ours: Gateway, stage: Stage, receiver: Receiver, apps: dict[str, Client]
) -> None:
    binding = bound(apps["netease-a"], userData="mine")
    key, body = told(ours, stage, receiver, ended("netease-b", X2, binding=binding))
    assert key == apps["netease-b"].key
    assert (body["bindId"], body["userData"]) == ("", "")


def placed(stage: Stage, *, carrier: str = "netease-a", session: str | None) -> PlacedCall:
    """A call of the app on netease-a, as CallDesk leaves it."""
    call = PlacedCall(
        app="app-netease-a",
        carrier=carrier,
        ask=CallAsk("bob", ALICE, (BOB,), conference=False, max_s=60, record=False),
        request=RequestId(key="r" * 22, content="c" * 22, explicit=True),
        created=stage.clock.now,
        until=stage.clock.now + 240_000,
    )
    calls = gateway().shared(Ingest).placed
    assert calls.claim(call, once=True, now=stage.clock.now) is None
    if session is not None:
        calls.started(call, session=session)
    return call


def over(carrier: str, session: str, *parties: Subscriber) -> Event:
    end = PlacedEnd(
        conference=False,
        account="bob",
        caller=ALICE,
        parties=parties or (ALICE, BOB),
        created=1_768_464_000_000,
        started=1_768_464_001_000,
        duration_s=5,
        status="success",
    )
    return ended(carrier, None, kind=EventKind.PLACED_ENDED, call_id=session, placed=end)


def test_the_end_of_a_placed_call_is_told_to_its_app_and_frees_its_people(
    ours: Gateway, stage: Stage, receiver: Receiver, apps: dict[str, Client]
) -> None:
    call = placed(stage, session="one")
    key, body = told(ours, stage, receiver, over("netease-a", "one"))
    assert (key, body["eventType"]) == (apps["netease-a"].key, "10")
    assert json.loads(body["callback"])["session"] == "one"
    other = replace(call, request=RequestId(key="s" * 22, content="c" * 22, explicit=True))
    assert ours.shared(Ingest).placed.claim(other, once=True, now=stage.clock.now) is None


def test_a_session_that_was_never_heard_is_found_by_its_people(
    ours: Gateway, stage: Stage, receiver: Receiver, apps: dict[str, Client]
) -> None:
    call = placed(stage, session=None)
    ours.shared(Ingest).messaging_users.add("bob", namespace="netease-a", app=call.app)
    key, _ = told(ours, stage, receiver, over("netease-a", "lost"))
    assert key == apps["netease-a"].key
    assert ours.shared(Ingest).placed.get("lost", carrier="netease-a") is not None


@pytest.mark.parametrize("owner", [None, "app-netease-b"])
def test_a_session_that_was_never_heard_is_nobodys_unless_its_user_is_known(
    ours: Gateway, stage: Stage, receiver: Receiver, owner: str | None
) -> None:
    call = placed(stage, session=None)
    if owner is not None:
        ours.shared(Ingest).messaging_users.add("bob", namespace="netease-a", app=owner)
    assert told(ours, stage, receiver, over("netease-a", "lost")) is None
    taken = ours.shared(Ingest).placed.among(call.ask.parties, carrier="netease-a", app=call.app)
    assert taken is not None
    assert (taken.session, taken.ended) == (None, None)


@pytest.mark.parametrize(
    ("carrier", "session", "people"),
    [
        ("netease-b", "one", (ALICE, BOB)),
        ("switch", "one", (ALICE, BOB)),
        ("netease-a", "another", (ALICE, BOB)),
        ("netease-a", "another", (ALICE, CAROL)),
    ],
)
def test_the_end_of_nobodys_call_is_told_to_nobody(
    ours: Gateway,
    stage: Stage,
    receiver: Receiver,
    carrier: str,
    session: str,
    people: tuple[Subscriber, ...],
) -> None:
    call = placed(stage, session="one")
    assert told(ours, stage, receiver, over(carrier, session, *people)) is None
    # And frees nobody.
    taken = ours.shared(Ingest).placed.among(call.ask.parties, carrier="netease-a", app=call.app)
    assert taken is not None
    assert taken.ended is None
