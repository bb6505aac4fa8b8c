"""Calls that an app has placed over HTTP, on a switch that the simulator stands for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from admin import provision
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx, basic
from tests.carriers.vendor import Vendor, vendor
from tests.receivers import receiver
from tests.rest.backend import Backend, is_problem, whole
from tests.stage import X1, A, B, C, Clock, Stage
from tests.workers import deliver

PATH = "/v1/calls"
SECRET = "c3dpdGNoLXNlY3JldC0yNC1ieXRlcyEh"
CALL = {"parties": [f"+{A}", f"+{B}"]}
CHINESE = ["+8610012340001", "+8610012340002"]


@pytest.fixture
def switch() -> Iterator[Vendor]:
    with vendor() as server:
        server.content = b'{"status": "inited"}'
        yield server


@pytest.fixture
def shop(stage: Stage, switch: Vendor) -> Backend:
    """An app on a switch that can be asked for calls."""
    provision.create_carrier("own", kind="switch", secret=SECRET, urls=[switch.url])
    made = stage.app("shop", carrier="own", max_call_s=3_600)
    return Backend(stage, made.key, made.secret)


def place(backend: Backend, key: str | None = None, **more: Any) -> Any:
    return backend.post(PATH, CALL | more, **({"Idempotency-Key": key} if key else {}))


def asked(switch: Vendor) -> list[tuple[str, Any]]:
    return [(each.method, json.loads(each.body) if each.body else None) for each in switch.seen]


def test_a_call(shop: Backend, switch: Vendor, clock: Clock) -> None:
    answer = place(shop, number=f"+{X1}", max_call_s=600, record=True, user_data="order-1")
    assert answer.status == 202, answer.text
    call_id = answer.json["id"]
    assert answer.headers["Location"] == f"{PATH}/{call_id}"
    shown = {
        "id": call_id,
        "state": "in_progress",
        "connected": None,
        "parties": [f"+{A}", f"+{B}"],
        "number": f"+{X1}",
        "max_call_s": 600,
        "record": True,
        "account": None,
        "user_data": "order-1",
        "created_at": answer.json["created_at"],
    }
    assert answer.json == shown
    ((method, sent),) = asked(switch)
    assert method == "POST"
    assert sent == {
        "call_id": call_id,
        "kind": "call",
        "account": "",
        "parties": [A, B],
        "show": X1,
        "max_duration_s": 600,
        "record": True,
    }
    assert shop.get(f"{PATH}/{call_id}").json == shown
    switch.content = b'{"status": "success"}'
    assert shop.get(f"{PATH}/{call_id}").json == shown | {"state": "ended", "connected": True}


def test_a_conference_lasts_as_long_as_a_call(shop: Backend, switch: Vendor) -> None:
    answer = place(shop, parties=[f"+{A}", f"+{B}", f"+{C}"], max_call_s=60)
    assert (answer.status, answer.json["max_call_s"]) == (202, 60)
    ((_, sent),) = asked(switch)
    assert (sent["kind"], sent["max_duration_s"], sent["parties"]) == ("conference", 180, [A, B, C])
    assert sent["show"] in answer.json["number"]


def test_the_apps_longest_call_is_the_default(shop: Backend) -> None:
    assert place(shop, max_call_s=3_601).json["max_call_s"] == 3_600
    assert place(shop, parties=[f"+{A}", f"+{C}"]).json["max_call_s"] == 3_600


def test_no_telephone_rings_twice(shop: Backend, switch: Vendor) -> None:
    first = place(shop, "r-1")
    assert place(shop, "r-1").json == first.json
    assert len(asked(switch)) == 1
    other = place(shop, "r-1", parties=[f"+{A}", f"+{C}"])
    assert is_problem(other, 422, "mismatch")
    busy = place(shop, "r-2")
    assert is_problem(busy, 409, "conflict")
    assert busy.json["code"] == "already_calling"
    assert is_problem(place(shop), 409, "conflict")
    assert len(asked(switch)) == 1


def test_an_answer_that_was_lost_is_not_repeated_blindly(
    shop: Backend, switch: Vendor, clock: Clock
) -> None:
    switch.status = 500
    assert is_problem(place(shop, "r-1"), 503, "unavailable")
    # The switch does not know, or does not say: nothing rings again.
    assert is_problem(place(shop, "r-1"), 503, "unavailable")
    assert [method for method, _ in asked(switch)] == ["POST", "GET"]
    switch.status = 200
    answer = place(shop, "r-1")
    assert answer.status == 202
    assert [method for method, _ in asked(switch)] == ["POST", "GET", "GET"]
    assert answer.json["id"] == asked(switch)[0][1]["call_id"]


def test_its_end_comes_with_the_user_data(stage: Stage, switch: Vendor, clock: Clock) -> None:
    provision.create_carrier("own", kind="switch", secret=SECRET, urls=[switch.url])
    password = provision.create_switch("node", "own")
    with receiver() as inbox:
        made = stage.app("shop", carrier="own", callback_url=inbox.url, event_format="cloudevents")
        backend = Backend(stage, made.key, made.secret)
        call = place(backend, user_data="order-1").json
        ended = {
            "event_id": "e",
            "type": "placed.ended",
            "call_id": call["id"],
            "at": clock.now,
            "kind": "call",
            "from": A,
            "parties": [A, B],
            "status": "success",
        }
        assert Pbx(stage, basic("node", password)).report(ended).status == 200
        deliver(stage.messages())
        (body,) = inbox.bodies()
    assert body["data"]["call_id"] == call["id"]
    assert body["data"]["user_data"] == "order-1"
    assert backend.get(f"{PATH}/{call['id']}").json["state"] == "ended"
    assert [method for method, _ in asked(switch)] == ["POST"]


def test_hanging_up(shop: Backend, switch: Vendor) -> None:
    call_id = place(shop).json["id"]
    answer = shop.ask("DELETE", f"{PATH}/{call_id}")
    assert (answer.status, answer.json["state"]) == (200, "ended")
    assert [method for method, _ in asked(switch)] == ["POST", "GET", "DELETE"]
    switch.content = b'{"status": "success"}'
    again = shop.ask("DELETE", f"{PATH}/{call_id}")
    assert (again.status, again.json["connected"]) == (200, True)
    assert [method for method, _ in asked(switch)] == ["POST", "GET", "DELETE", "GET"]


def test_a_switch_that_can_not_hang_up(shop: Backend, switch: Vendor) -> None:
    call_id = place(shop).json["id"]
    switch.answers = [(200, b'{"status": "inited"}'), (405, b"")]
    answer = shop.ask("DELETE", f"{PATH}/{call_id}")
    assert is_problem(answer, 409, "conflict")
    assert answer.json["code"] == "not_supported"
    assert "hang up" in answer.json["detail"]


def test_an_app_whose_switch_is_not_asked(demo: Backend) -> None:
    answer = place(demo)
    assert is_problem(answer, 409, "conflict")
    assert answer.json["code"] == "not_supported"


def test_what_is_wrong_is_said_at_once(shop: Backend, switch: Vendor) -> None:
    answer = place(
        shop,
        parties=[f"+{A}", A, f"+{X1}", "12"],
        max_call_s=0,
        user_data="x" * 1_025,
        number="none",
        more=1,
    )
    assert is_problem(answer, 400, "bad-parameter")
    pointers = [each["pointer"] for each in answer.json["errors"]]
    assert pointers == [
        "/max_call_s",
        "/more",
        "/number",
        "/parties/3",
        "/user_data",
    ]
    twice = place(shop, parties=[f"+{A}", A])
    assert is_problem(twice, 409, "conflict")
    assert twice.json["code"] == "same_person"
    of_x = place(shop, parties=[f"+{X1}", f"+{A}"])
    for answer, pointer in ((twice, "/parties"), (of_x, "/parties/0")):
        assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert is_problem(place(shop, number="+8610000000099"), 404, "unknown")
    assert is_problem(place(shop, parties=[f"+{A}"]), 400, "bad-parameter")
    assert not switch.seen


def test_a_carrier_that_wants_a_user_says_so(stage: Stage, switch: Vendor) -> None:
    provision.create_carrier(
        "vendor", kind="netease", secret="s3cr3t", urls=[switch.url], key="vendor-key"
    )
    made = stage.app("clerks", numbers=(), carrier="vendor")
    clerks = Backend(stage, made.key, made.secret)
    answer = place(clerks)
    assert is_problem(answer, 400, "bad-parameter")
    assert [each["pointer"] for each in answer.json["errors"]] == ["/account"]


def test_a_carrier_of_one_country_says_which(stage: Stage, switch: Vendor) -> None:
    provision.create_carrier(
        "vendor", kind="netease", secret="s3cr3t", urls=[switch.url], key="vendor-key"
    )
    made = stage.app("clerks", numbers=(), carrier="vendor", call_account="bob")
    ours = gateway()
    users = MessagingUserStore(ours.table, ours.encryption)
    users.add("bob", namespace="vendor", app="clerks")
    clerks = Backend(stage, made.key, made.secret)
    for parties, pointer in (([A, B], "/parties/1"), ([A, B, C], "/parties")):
        answer = place(clerks, parties=[f"+{each}" for each in parties])
        assert is_problem(answer, 400, "bad-parameter")
        (wrong,) = answer.json["errors"]
        assert wrong["pointer"] == pointer
        assert wrong["detail"].startswith("must be a number of China (86)")


def test_what_the_carrier_refuses_is_named_as_it_was_sent(stage: Stage, switch: Vendor) -> None:
    provision.create_carrier(
        "vendor", kind="netease", secret="s3cr3t", urls=[switch.url], key="vendor-key"
    )
    made = stage.app("clerks", numbers=(), carrier="vendor")
    clerks = Backend(stage, made.key, made.secret)
    for named, status, pointer in (("callerAcc", 404, "/account"), ("maxDur", 400, "/max_call_s")):
        switch.content = json.dumps({"code": 414, "msg": f"bad {named}"}).encode()
        answer = place(clerks, parties=CHINESE, account="eve")
        assert answer.status == status
        assert answer.json["errors"] == [{"pointer": pointer, "detail": "can't be used"}]


def test_in_whose_name(stage: Stage, shop: Backend, switch: Vendor) -> None:
    answer = place(shop, account="eve")
    assert is_problem(answer, 404, "unknown")
    assert [each["pointer"] for each in answer.json["errors"]] == ["/account"]
    ours = gateway()
    users = MessagingUserStore(ours.table, ours.encryption)
    users.add("bob", namespace="own/shop", app="shop")
    provision.set_app("shop", call_account="bob")
    stage.forget()
    assert place(shop).json["account"] == "bob"


def test_a_call_of_another_app_is_an_unknown_one(
    stage: Stage, shop: Backend, demo: Backend, switch: Vendor
) -> None:
    call_id = place(shop).json["id"]
    theirs = Backend(stage, demo.user, demo.password)
    for method in ("GET", "DELETE"):
        answers = [theirs.ask(method, f"{PATH}/{each}") for each in (call_id, "x", "0" * 99)]
        assert is_problem(answers[0], 404, "unknown")
        assert len({whole(each) for each in answers}) == 1
