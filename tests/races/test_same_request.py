"""One request, sent fifty times at once, is one request."""

import random
from typing import Any

import pytest

from chalicelib.core.calls.placed_calls import CallAsk, Occupied, PlacedCall
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.requests import AnswerStore
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest
from tests.asked import ask
from tests.gateways import MINUTE, NOW, Backend, Stage, number, read, subscriber
from tests.races.crowd import Action, Crowd, crowd

COPIES = 50
CONFLICTS = 0.15
NUMBERS = [number(i) for i in range(5)]
A, B, C = (subscriber(i) for i in range(3))

IDENTITIES = [{"request_id": "one"}, {"nonce": "one"}]
"""What makes the copies the same: the client's id for the request, or all but the id."""


def _copies(everybody: Crowd, app: Backend, operation: str, **request: Any) -> list[dict[str, Any]]:
    def send(gateway: Gateway) -> dict[str, Any]:
        return app.call(gateway, operation, now=NOW, **request)

    actions: list[Action[dict[str, Any]]] = [send] * COPIES
    return everybody.at_once(actions)


@pytest.mark.parametrize("identity", IDENTITIES, ids=["RequestId", "repeat"])
@pytest.mark.parametrize("wanted", [{}, {"phoneX": NUMBERS[2]}], ids=["any X", "this X"])
def test_bind(here: Stage, identity: dict[str, str], wanted: dict[str, str]) -> None:
    app, switch = here.app("demo", NUMBERS), here.switch()
    ask = {"phoneA": A, "phoneB": B, "expiration": 10} | wanted
    with crowd(here, COPIES) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        replies = _copies(everybody, app, "bind", **ask, **identity)
    gateway = here.instance()
    assert replies[0]["code"] == 200
    assert all(reply == replies[0] for reply in replies)
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1
    reached = [switch.reached(gateway, A, x, now=NOW) for x in NUMBERS]
    assert reached.count(B) == 1
    assert reached.index(B) == NUMBERS.index(replies[0]["phoneX"])


@pytest.mark.parametrize("identity", IDENTITIES, ids=["RequestId", "repeat"])
def test_delay(here: Stage, identity: dict[str, str]) -> None:
    app = here.app("demo", NUMBERS)
    gateway = here.instance()
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    with crowd(here, COPIES) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        replies = _copies(everybody, app, "delay", bindId=bound, delta=7, **identity)
    assert {reply["code"] for reply in replies} <= {200, 416}
    again = app.call(gateway, "delay", now=NOW, bindId=bound, delta=7, **identity)
    assert again == {"code": 200}
    (info,) = app.call(gateway, "query", now=NOW, opType=1, bindId=bound)["bindInfos"]
    assert info["expireTime"] == NOW + 17 * MINUTE


def test_unbind(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    bound = app.bind(here.instance(), A, B, now=NOW)["bindId"]
    with crowd(here, COPIES) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        replies = _copies(everybody, app, "unbind", bindId=bound, nonce="one")
    assert {reply["code"] for reply in replies} == {200}
    assert here.quota_used("demo") == 0


def test_a_request_id_with_other_parameters_is_refused(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    gateway = here.instance()
    first = app.bind(gateway, A, B, now=NOW, request_id="one")
    for a, b, more in [(A, C, {}), (B, A, {}), (A, B, {"minutes": 11}), (A, B, {"userData": "x"})]:
        reply = app.bind(gateway, a, b, now=NOW, request_id="one", **more)
        assert reply["code"] == 417
    assert app.bind(gateway, A, B, now=NOW, request_id="one") == first
    assert here.live("demo", now=NOW) == 1


def test_a_request_id_of_delay_with_other_parameters_is_refused(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    gateway = here.instance()
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    delay = {"now": NOW, "bindId": bound, "request_id": "one"}
    assert app.call(gateway, "delay", **delay, delta=5)["code"] == 200
    assert app.call(gateway, "delay", **delay, delta=6)["code"] == 417
    (info,) = app.call(gateway, "query", now=NOW, opType=1, bindId=bound)["bindInfos"]
    assert info["expireTime"] == NOW + 15 * MINUTE


def test_fifty_at_once_with_one_id_and_other_parameters(here: Stage) -> None:
    app = here.app("demo", NUMBERS)

    def asking(i: int) -> Action[dict[str, Any]]:
        return lambda gateway: app.bind(gateway, A, subscriber(10 + i), now=NOW, request_id="one")

    with crowd(here, COPIES) as everybody:
        codes = [reply["code"] for reply in everybody.at_once([asking(i) for i in range(COPIES)])]
    assert sorted(codes) == [200] + [417] * (COPIES - 1)
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1


@pytest.mark.parametrize("later", [1, 59_000, 3_600_000, 86_400_000])
def test_a_request_is_known_again_after_its_binding(here: Stage, later: int) -> None:
    """Whoever named the request hears that it is over; nothing is bound a second time."""
    app = here.app("demo", NUMBERS)
    gateway = here.instance()
    first = app.bind(gateway, A, B, now=NOW, request_id="one", minutes=60)
    assert app.call(gateway, "unbind", now=NOW, bindId=first["bindId"])["code"] == 200
    assert app.bind(gateway, A, B, now=NOW + later, request_id="one", minutes=60)["code"] == 431
    assert here.live("demo", now=NOW + later) == 0


def test_a_delay_repeated_after_the_unbind_is_over(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    gateway = here.instance()
    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    delay = {"now": NOW, "bindId": bound, "delta": 5, "request_id": "one"}
    assert app.call(gateway, "delay", **delay) == {"code": 200}
    assert app.call(gateway, "unbind", now=NOW, bindId=bound) == {"code": 200}
    assert app.call(gateway, "delay", **delay)["code"] == 431
    assert here.live("demo", now=NOW) == 0


def test_an_id_is_one_apps_own(here: Stage) -> None:
    demo, other = here.app("demo", NUMBERS[:2]), here.app("other", NUMBERS[2:])
    gateway = here.instance()
    one = demo.bind(gateway, A, B, now=NOW, request_id="one")
    two = other.bind(gateway, A, B, now=NOW, request_id="one")
    assert one["code"] == two["code"] == 200
    assert one["bindId"] != two["bindId"]


def test_many_delays_are_each_done_once(here: Stage) -> None:
    """Repeats may come late, with others in between: a minute holds more than a few."""
    app = here.app("demo", NUMBERS)
    gateway = here.instance()
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    for _ in range(2):
        for i in range(10):
            reply = app.call(
                gateway, "delay", now=NOW + i, bindId=bound, delta=1, request_id=str(i)
            )
            assert reply == {"code": 200}
    (info,) = app.call(gateway, "query", now=NOW, opType=1, bindId=bound)["bindInfos"]
    assert info["expireTime"] == NOW + 20 * MINUTE


@pytest.mark.parametrize("identity", IDENTITIES, ids=["RequestId", "repeat"])
def test_a_registration_on_our_own_switch(here: Stage, identity: dict[str, str]) -> None:
    app = here.app("demo", NUMBERS)

    def send(gateway: Gateway) -> dict[str, Any]:
        request = app.request({"accid": "bob"}, now=NOW, **identity)
        return read(ask(gateway, "/nimserver/user/create.action", request, NOW))

    with crowd(here, COPIES) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        replies = everybody.at_once([send] * COPIES)
    assert replies[0]["code"] == 200
    assert all(reply == replies[0] for reply in replies)


def test_one_of_many_asks_and_all_hear_its_answer(here: Stage) -> None:
    """A token of getMobile is used up by the first question."""
    request = RequestId(key="r" * 22, content="c", explicit=True)

    def begin(gateway: Gateway) -> Earlier | None:
        return answers(gateway).begin(request, app="demo", now=NOW)

    with crowd(here, COPIES) as everybody:
        met = everybody.at_once([begin] * COPIES)
        assert met.count(None) == 1
        assert met.count(Earlier("c", NOW)) == COPIES - 1
        answers(here.instance()).keep("10010000001", request, app="demo", began=NOW)
        assert everybody.at_once([begin] * COPIES) == [Earlier("c", NOW, "10010000001")] * COPIES


def answers(gateway: Gateway) -> AnswerStore:
    return AnswerStore(gateway.table, gateway.encryption)


def test_one_of_many_copies_of_a_placed_call_claims_its_people(here: Stage) -> None:
    request = RequestId(key="r" * 22, content="c", explicit=True)
    ask = CallAsk("bob", Subscriber(A), (Subscriber(B),), conference=False, max_s=60, record=False)
    call = PlacedCall("demo", "switch", ask, request, NOW, NOW + MINUTE, proposed="one")

    def claim(gateway: Gateway) -> Occupied | None:
        return gateway.shared(Ingest).placed.claim(call, once=True, now=NOW)

    with crowd(here, COPIES) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        met = everybody.at_once([claim] * COPIES)
    assert met.count(None) == 1
    assert met.count(Occupied(call, Earlier("c", NOW))) == COPIES - 1
