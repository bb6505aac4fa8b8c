"""POST /switch/route: whom a call reaches, and every reason that it reaches nobody."""

import json
from typing import Any

import pytest

from tests.carriers.trunk.conftest import Pbx
from tests.stage import X1, X2, X15, A, B, C, Client, Stage, answering, refusal


@pytest.fixture
def demo(stage: Stage) -> Client:
    return stage.app(max_call_s=99, cooling_s=60)


def rejected(answer: Any) -> str:
    assert answer.status == 200
    assert answer.json == {
        "action": "reject",
        "reason": answer.json["reason"],
        "announcement": answer.json["reason"],
    }
    return str(answer.json["reason"])


@pytest.mark.parametrize("kind", ["call", "sms"])
@pytest.mark.parametrize("number", [X1, X15])
def test_each_reaches_the_other_and_sees_x(pbx: Pbx, demo: Client, kind: str, number: str) -> None:
    bound = demo.bind(phoneX=number, recordFlag="1").json
    for caller, callee in ((A, B), (B, A)):
        answer = pbx.route(caller, number, kind=kind)
        assert answer.status == 200
        assert answer.json == {
            "action": "connect",
            "to": callee,
            "show": number,
            "record": True,
            "max_duration_s": 99,
            "announcement": None,
            "on_answer": None,
            "binding": bound["bindId"],
        }


def test_without_record_flag_nothing_is_recorded(pbx: Pbx, demo: Client) -> None:
    demo.bind(phoneX=X1)
    assert pbx.route(A, X1).json["record"] is False


def test_a_plus_sign_is_the_switchs_way_to_write(pbx: Pbx, demo: Client) -> None:
    demo.bind(phoneX=X1)
    assert pbx.route("+" + A, "+" + X1).json["to"] == B


@pytest.mark.parametrize("number", ["8610000000099", "", "x", "通", "9" * 128, "*21#"])
def test_unknown_number(pbx: Pbx, demo: Client, number: str) -> None:
    assert rejected(pbx.route(A, number)) == "unknown_number"


def test_no_binding(pbx: Pbx, demo: Client) -> None:
    demo.bind(phoneX=X2)
    assert rejected(pbx.route(A, X1)) == "no_binding"


def test_third_party(pbx: Pbx, demo: Client) -> None:
    demo.bind(phoneX=X1)
    assert rejected(pbx.route(C, X1)) == "third_party"


@pytest.mark.parametrize(
    "caller", ["", None, "anonymous", "Anonymous", "unknown", "unavailable", "sip:x@y", "1" * 25]
)
def test_anonymous(pbx: Pbx, demo: Client, caller: Any) -> None:
    demo.bind(phoneX=X1)
    assert rejected(pbx.route(caller, X1)) == "anonymous"


def test_a_missing_caller_is_anonymous_too(pbx: Pbx, demo: Client) -> None:
    demo.bind(phoneX=X1)
    answer = pbx.post("/switch/route", {"call_id": "c", "kind": "call", "to": X1})
    assert rejected(answer) == "anonymous"


def test_expired_at_its_millisecond_then_forgotten_when_it_has_cooled(
    stage: Stage, pbx: Pbx, demo: Client
) -> None:
    demo.bind(phoneX=X1, expiration="1")
    stage.clock.advance(ms=59_999)
    assert pbx.route(A, X1).json["action"] == "connect"
    stage.clock.advance(ms=1)
    assert [rejected(pbx.route(caller, X1)) for caller in (A, B)] == ["expired", "expired"]
    assert rejected(pbx.route(C, X1)) == "no_binding"
    stage.clock.advance(ms=59_999)
    assert rejected(pbx.route(A, X1)) == "expired"
    stage.clock.advance(ms=1)
    assert rejected(pbx.route(A, X1)) == "no_binding"


def test_cooling_after_unbind(stage: Stage, pbx: Pbx, demo: Client) -> None:
    bound = demo.bind(phoneX=X1).json["bindId"]
    demo.call("unbind", {"bindId": bound})
    assert [rejected(pbx.route(caller, X1)) for caller in (A, B)] == ["cooling", "cooling"]
    stage.clock.advance(s=60)
    assert rejected(pbx.route(A, X1)) == "no_binding"


def test_a_delayed_binding_goes_on(stage: Stage, pbx: Pbx, demo: Client) -> None:
    bound = demo.bind(phoneX=X1, expiration="1").json["bindId"]
    demo.call("delay", {"bindId": bound, "delta": "1"})
    stage.clock.advance(ms=119_999)
    assert [pbx.route(caller, X1).json["to"] for caller in (A, B)] == [B, A]
    stage.clock.advance(ms=1)
    assert rejected(pbx.route(A, X1)) == "expired"


def test_a_number_that_changed_hands_leads_to_nobody_of_before(
    stage: Stage, pbx: Pbx, demo: Client
) -> None:
    from chalicelib.core.ownership import Owner
    from chalicelib.store.apps import owners_item

    demo.bind(phoneX=X1)
    moved = owners_item(X1, (Owner("other", "trunk", since=0),), stage.vault())
    stage.dynamodb.put_item(TableName=stage.table, Item=moved)
    assert pbx.route(A, X1).json["action"] == "reject"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"call_id": None}, "call_id"),
        ({"call_id": ""}, "call_id"),
        ({"call_id": "c" * 129}, "call_id"),
        ({"call_id": 7}, "call_id"),
        ({"kind": "fax"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": []}, "kind"),
        ({"to": None}, "to"),
        ({"to": 8610000000001}, "to"),
        ({"to": "9" * 129}, "to"),
        ({"from": 447700900001}, "from"),
        ({"from": "9" * 129}, "from"),
        ({"from": {}}, "from"),
    ],
)
def test_a_malformed_question_names_the_field_not_the_value(
    pbx: Pbx, demo: Client, change: dict[str, Any], field: str
) -> None:
    fields = {"call_id": "c", "kind": "call", "from": A, "to": X1} | change
    answer = pbx.post("/switch/route", fields)
    assert (answer.status, answer.json["error"]) == (400, "malformed")
    assert answer.json["message"].startswith(field)
    assert "7700" not in answer.text


@pytest.mark.parametrize("field", ["call_id", "from", "to", "more"])
def test_half_a_surrogate_pair_is_answered_like_any_other_text(
    pbx: Pbx, demo: Client, field: str
) -> None:
    fields = {"call_id": "c", "kind": "call", "from": A, "to": X1, field: "\ud800"}
    answer = pbx.post("/switch/route", fields)
    assert (answer.status, answer.json["action"]) == (200, "reject")


@pytest.mark.parametrize("caller", [A, C])
def test_503_while_the_table_does_not_answer(
    stage: Stage, pbx: Pbx, demo: Client, caller: str
) -> None:
    demo.bind(phoneX=X1)
    operation = "BatchGetItem" if caller == A else "Query"
    with answering(stage.dynamodb, operation, refusal("InternalServerError")):
        answer = pbx.route(caller, X1)
    assert (answer.status, answer.json["error"]) == (503, "unavailable")


def test_one_read_and_no_write_for_somebody_who_is_bound(
    stage: Stage, pbx: Pbx, demo: Client
) -> None:
    demo.bind(phoneX=X1)
    seen: list[str] = []

    def record(model: Any, **_: Any) -> None:
        seen.append(model.name)

    for client in (stage.dynamodb, stage.sqs):
        client.meta.events.register("before-call", record)
    try:
        pbx.route(A, X1)
    finally:
        for client in (stage.dynamodb, stage.sqs):
            client.meta.events.unregister("before-call", record)
    assert seen == ["BatchGetItem"]


def test_the_log_says_what_and_not_who(pbx: Pbx, demo: Client, log: Any) -> None:
    demo.bind(phoneX=X1)
    pbx.route(A, X1, call_id=f"call-{A}")
    pbx.route(C, X1)
    assert [line["answer"] for line in log()[1:]] == ["connect", "third_party"]
    assert "7700" not in json.dumps(log())
