"""POST /switch/route: whom a call reaches, and every reason that it reaches nobody."""

import json
from typing import Any

import pytest

from admin import carriers
from chalicelib.carriers.switch.facade import SwitchFacade
from chalicelib.core.bindings.call_decision import Connect
from chalicelib.core.bindings.call_routes import Route
from chalicelib.core.credentials import SwitchCredentials
from chalicelib.core.messages import Request
from chalicelib.core.subscribers import Subscriber
from cli.failures import Mistake
from tests.asked import reply_of
from tests.carriers.switch.conftest import Pbx, basic, metric
from tests.stage import X1, X2, X15, A, B, C, Client, Stage, answering, refusal

COOLING_S = 600


@pytest.fixture
def demo(stage: Stage) -> Client:
    return stage.app(max_call_s=99, cooling_s=COOLING_S)


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
    "caller",
    [
        *("", None, "anonymous", "Anonymous", "unknown", "unavailable", "sip:x@y", "  "),
        *("sip:anonymous@anonymous.invalid", '"Anonymous" <sip:192.0.2.1>', "tel:", "+"),
    ],
)
def test_anonymous(pbx: Pbx, demo: Client, caller: Any) -> None:
    demo.bind(phoneX=X1)
    assert rejected(pbx.route(caller, X1)) == "anonymous"


@pytest.mark.parametrize(
    "caller",
    [
        *("1" * 25, "0" + A, "07700900001", "agent7", "+44x7700900001", "sip:gw1@192.0.2.1"),
        *(["447700900001"], {"number": A}, True, "9" * 300, "٤٤٧٧٠٠٩٠٠٠٠١"),
    ],
)
def test_what_is_no_number_is_not_taken_for_anonymous(
    pbx: Pbx, demo: Client, caller: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is anonymous may still reach the one person of an XA."""
    demo.bind(phoneX=X1)
    assert rejected(pbx.route(caller, X1)) == "invalid_caller"
    assert metric(capsys, "InvalidCallers") == 1
    # What the network vouches for goes before it.
    assert pbx.route(caller, X1, asserted=f"sip:+{A}@192.0.2.1").json["to"] == B


SPELLINGS = [
    *(f"+{A}", f"00{A}", f"tel:+{A}", f"TEL:{A}", f"sip:{A}@192.0.2.1", f"sips:+{A}@h:5061"),
    *(f"sip:+{A};npdi;rn=+15550000@h;user=phone", f"<sip:+{A}@h;user=phone>;tag=1"),
    *(f'"Ann 2" <sip:+{A}@h>', "+44 (0)7700 900-001", "+44.7700.900001", f" {A} ", f"{A}@h"),
    *("sip:%2B447700900001@h", "tel:7700900001;phone-context=+44", "+44 7700 900001"),
    int(A),
]


@pytest.mark.parametrize("caller", SPELLINGS)
def test_a_caller_however_it_is_spelled(pbx: Pbx, demo: Client, caller: Any) -> None:
    demo.bind(phoneX=X1)
    assert pbx.route(caller, X1).json.get("to") == B


@pytest.mark.parametrize("number", [f"sip:{X1}@h", f"tel:+{X1}", f"00{X1}", int(X1), f"+{X1};x=1"])
def test_x_however_it_is_spelled(pbx: Pbx, demo: Client, number: Any) -> None:
    demo.bind(phoneX=X1)
    assert pbx.route(A, number).json.get("to") == B


@pytest.mark.parametrize(
    ("plan", "caller"),
    [
        ({"country_code": "44"}, "07700900001"),
        ({"country_code": "44"}, "7700 900001"),
        ({"country_code": "44"}, A),
        ({"country_code": "44"}, "sip:07700900001;phone-context=h@192.0.2.1"),
        ({"country_code": "44", "international_prefix": "011"}, f"011{A}"),
        ({"country_code": "44", "trunk_prefix": "8"}, "87700900001"),
        ({"international_prefix": "011"}, f"011{A}"),
        # Nothing is put before what has its country code.
        ({"country_code": "86"}, f"+{A}"),
    ],
)
def test_national_forms_are_read_as_the_switch_writes_them(
    stage: Stage, pbx: Pbx, demo: Client, plan: dict[str, str], caller: str
) -> None:
    demo.bind(phoneX=X1)
    carriers.set_switch("pbx", dial_plan=plan)
    stage.forget()
    assert pbx.route(caller, f"+{X1}").json.get("to") == B


@pytest.mark.parametrize("wrong", [{"country_code": "+86"}, {"trunk_prefix": "x"}])
def test_a_dial_plan_is_digits(pbx: Pbx, wrong: dict[str, str]) -> None:
    with pytest.raises(Mistake, match="for example 86"):
        carriers.set_switch("pbx", dial_plan=wrong)


class Signed:
    """The port Credentials with one switch."""

    def switch(self, user: str) -> SwitchCredentials:
        return SwitchCredentials("switch", ("password",))


class Showing:
    """A router that has everybody reach B and shows him the caller's number."""

    def route(self, number: str, caller: Subscriber | None, *, carrier: str, now: int) -> Connect:
        assert caller is not None
        leg = Route("b", "demo", number, "a", caller, Subscriber(B), False, 1, 1, 60)
        return Connect(leg, Subscriber(B), caller.digits)


@pytest.mark.parametrize(
    ("privacy", "shown"),
    [(None, A), ("none", A), ("id", X1), ("header;id", X1), ("Restricted", X1), ("critical", A)],
)
def test_who_wants_no_number_shown_is_shown_as_x(privacy: str | None, shown: str) -> None:
    """The app may have people's real numbers shown; each of them may still refuse."""
    switch = SwitchFacade(
        credentials=Signed(), router=Showing(), service=None, count=lambda *_, **__: None
    )
    fields = {"call_id": "c", "kind": "call", "from": A, "to": X1, "privacy": privacy}
    headers = {"authorization": basic("pbx", "password")}
    request = Request("POST", headers, (), json.dumps(fields).encode())
    reply = reply_of(switch, "/switch/route", request, 0)
    assert json.loads(reply.body)["show"] == shown


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
    stage.clock.advance(ms=COOLING_S * 1000 - 1)
    assert rejected(pbx.route(A, X1)) == "expired"
    stage.clock.advance(ms=1)
    assert rejected(pbx.route(A, X1)) == "no_binding"


def test_cooling_after_unbind(stage: Stage, pbx: Pbx, demo: Client) -> None:
    bound = demo.bind(phoneX=X1).json["bindId"]
    demo.call("unbind", {"bindId": bound})
    assert [rejected(pbx.route(caller, X1)) for caller in (A, B)] == ["cooling", "cooling"]
    stage.clock.advance(s=COOLING_S)
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
    from chalicelib.core.bindings.call_routes import Owner
    from chalicelib.store.tenants.apps import owners_item

    demo.bind(phoneX=X1)
    moved = owners_item(X1, (Owner("other", "switch", since=0),), stage.encryption())
    stage.dynamodb.put_item(TableName=stage.table, Item=moved)
    assert pbx.route(A, X1).json["action"] == "reject"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"call_id": None}, "call_id"),
        ({"call_id": ""}, "call_id"),
        ({"call_id": "c" * 256}, "call_id"),
        ({"call_id": [7]}, "call_id"),
        ({"kind": "fax"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": []}, "kind"),
        ({"to": None}, "to"),
        ({"to": []}, "to"),
        ({"to": "9" * 256}, "to"),
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
    # Whose user it is, is read once in CACHE_S.
    pbx.route(A, X1)
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
