"""AXB and XA as the document has them: every parameter, by what it does to a call."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from admin import provision
from chalicelib.core.bindings.model import MIN_COOLING_MS
from chalicelib.core.durations import NEVER
from tests.carriers.interline.conftest import Route
from tests.carriers.interline.developer import (
    FORM,
    INTERLINE,
    NUMBERS,
    PAIR,
    X_ABROAD,
    X_TWO,
    A,
    B,
    C,
    Developer,
    X,
    abroad,
    developer,
    is_done,
    is_error,
    put_credentials,
    subid,
)
from tests.stage import X15, Answer, Stage

PEOPLE = {name: abroad(number) for name, number in {"a": A, "b": B, "c": C}.items()}
SHOWN = {"00": ("x", "x"), "01": ("x", "b"), "10": ("a", "x"), "11": ("a", "b")}
YEARS_S = 10 * 365 * 86_400


def binding_of(stage: Stage, binding: str) -> Any:
    """A binding as it is kept."""
    from chalicelib.wiring.gateway import gateway

    kept = gateway().bindings.get(binding)
    assert kept is not None
    return kept


@pytest.fixture
def shown(stage: Stage) -> Developer:
    """An app whose carrier may show people's real numbers."""
    made = developer(stage)
    urls, secret = ["http://127.0.0.1:9"], "c2VjcmV0" * 4
    provision.create_carrier("switch", kind="switch", secret=secret, urls=urls, shows_numbers=True)
    stage.forget()
    return made


# AXB


def test_each_reaches_the_other_and_sees_x(demo: Developer, route: Route) -> None:
    binding = subid(demo.bind())
    for caller, callee in (("a", "b"), ("b", "a")):
        assert route(PEOPLE[caller], X) == {
            "action": "connect",
            "to": PEOPLE[callee],
            "show": X,
            "record": False,
            "max_duration_s": 7200,
            "announcement": None,
            "on_answer": None,
            "binding": binding,
        }


@pytest.mark.parametrize(
    ("asked", "dialled"),
    [
        (X, X),
        (X15, X15),
        (X_ABROAD, X_ABROAD),
        (X_ABROAD.removeprefix("86"), X_ABROAD),
    ],
)
def test_x_is_read_as_the_app_has_it(
    demo: Developer, route: Route, asked: str, dialled: str
) -> None:
    subid(demo.bind(asked))
    assert route(PEOPLE["a"], dialled)["show"] == dialled


@pytest.mark.parametrize(
    ("written", "reached"),
    [
        (B, abroad(B)),
        (abroad(B), abroad(B)),
        ("02110000001", "862110000001"),
        ("447700900002", "447700900002"),
    ],
)
def test_numbers_are_read_as_inside_china(
    demo: Developer, route: Route, written: str, reached: str
) -> None:
    subid(demo.bind(bnum=written))
    assert route(PEOPLE["a"], X)["to"] == reached


@pytest.mark.parametrize(("record", "recorded"), [("0", False), ("1", True), ("", False)])
def test_record(demo: Developer, route: Route, record: str, recorded: bool) -> None:
    subid(demo.bind(record=record))
    assert route(PEOPLE["b"], X)["record"] is recorded


@pytest.mark.parametrize("digits", SHOWN)
def test_display(shown: Developer, route: Route, digits: str) -> None:
    subid(shown.bind(display=f"{digits[0]},{digits[1]}"))
    people = PEOPLE | {"x": X}
    seen_by_b, seen_by_a = SHOWN[digits]
    assert route(PEOPLE["a"], X)["show"] == people[seen_by_b]
    assert route(PEOPLE["b"], X)["show"] == people[seen_by_a]


@pytest.mark.parametrize(
    ("anucode", "heard"),
    [
        ("11,22,33", {"b": "11", "a": "22", "c": "33"}),
        ("11", {"b": "11", "a": None, "c": "third_party"}),
        (",22", {"b": None, "a": "22", "c": "third_party"}),
        (",,hello-World_3", {"b": None, "a": None, "c": "hello-World_3"}),
        (",,", {"b": None, "a": None, "c": "third_party"}),
        ("", {"b": None, "a": None, "c": "third_party"}),
        (f"{'1' * 32},,", {"b": "1" * 32, "a": None, "c": "third_party"}),
    ],
)
def test_anucode(demo: Developer, route: Route, anucode: str, heard: dict[str, str | None]) -> None:
    subid(demo.bind(anucode=anucode))
    assert {who: route(PEOPLE[who], X)["announcement"] for who in "bac"} == heard
    assert [route(PEOPLE[who], X)["action"] for who in "bac"] == ["connect", "connect", "reject"]


@pytest.mark.parametrize("ansanu", ["1", "100,200", "1,2,3,4,5,6,7,8", "x" * 32])
def test_ansanu(demo: Developer, route: Route, ansanu: str) -> None:
    subid(demo.bind(ansanu=ansanu))
    assert [route(PEOPLE[who], X)["on_answer"] for who in "ab"] == [ansanu] * 2


@pytest.mark.parametrize("user_data", ["5ZWG5a6i", "隐" * 1024, "a=b&c|d\u0000\r\n"])
def test_user_data_is_kept_as_it_is(stage: Stage, demo: Developer, user_data: str) -> None:
    assert binding_of(stage, subid(demo.bind(userData=user_data))).user_data == user_data


@pytest.mark.parametrize("seconds", [1, 61, YEARS_S])
def test_ttl_is_to_the_second(stage: Stage, demo: Developer, route: Route, seconds: int) -> None:
    subid(demo.bind(ttl=str(seconds)))
    stage.clock.advance(ms=seconds * 1000 - 1)
    assert route(PEOPLE["a"], X)["action"] == "connect"
    stage.clock.advance(ms=1)
    assert route(PEOPLE["a"], X)["action"] == "reject"


def test_unbind_ends_it_and_may_be_repeated(demo: Developer, route: Route) -> None:
    binding = subid(demo.bind())
    assert is_done(demo.unbind(binding))
    assert route(PEOPLE["a"], X)["action"] == "reject"
    assert is_done(demo.unbind(binding))


def test_unbind_of_what_ran_out(stage: Stage, demo: Developer) -> None:
    binding = subid(demo.bind(ttl="1"))
    stage.clock.advance(s=2)
    assert is_done(demo.unbind(binding))


# XA


def test_everybody_reaches_a_and_is_shown_as_x(demo: Developer, route: Route) -> None:
    binding = subid(demo.transfer())
    for caller in (PEOPLE["b"], PEOPLE["c"], None):
        assert route(caller, X) == {
            "action": "connect",
            "to": PEOPLE["a"],
            "show": X,
            "record": False,
            "max_duration_s": 7200,
            "announcement": None,
            "on_answer": None,
            "binding": binding,
        }
    assert route(PEOPLE["a"], X)["reason"] == "blocked"


@pytest.mark.parametrize("ttl", ["", "0", "00"])
def test_a_transfer_without_ttl_is_for_good(
    stage: Stage, demo: Developer, route: Route, ttl: str
) -> None:
    assert binding_of(stage, subid(demo.transfer(ttl=ttl))).expires == NEVER
    stage.clock.advance(s=50 * YEARS_S)
    assert route(PEOPLE["b"], X)["to"] == PEOPLE["a"]


@pytest.mark.parametrize("seconds", [1, YEARS_S])
def test_a_transfer_with_ttl_ends(
    stage: Stage, demo: Developer, route: Route, seconds: int
) -> None:
    subid(demo.transfer(ttl=str(seconds)))
    stage.clock.advance(ms=seconds * 1000 - 1)
    assert route(PEOPLE["b"], X)["action"] == "connect"
    stage.clock.advance(ms=1)
    assert route(PEOPLE["b"], X)["action"] == "reject"


def test_record_and_user_data_of_a_transfer(stage: Stage, demo: Developer, route: Route) -> None:
    binding = subid(demo.transfer(record="1", userData="u" * 1024))
    assert route(PEOPLE["b"], X)["record"] is True
    assert binding_of(stage, binding).user_data == "u" * 1024


@pytest.mark.parametrize(("display", "seen"), [("0", X), ("", X), ("1", PEOPLE["c"])])
def test_display_of_a_transfer(shown: Developer, route: Route, display: str, seen: str) -> None:
    subid(shown.transfer(display=display))
    assert route(PEOPLE["c"], X)["show"] == seen


def test_anucode_of_a_transfer_is_heard_by_everybody(demo: Developer, route: Route) -> None:
    subid(demo.transfer(anucode="77"))
    assert {route(caller, X)["announcement"] for caller in (*PEOPLE.values(), None)} == {"77"}


def test_a_transfer_is_ended_by_its_x_and_again(demo: Developer, route: Route) -> None:
    subid(demo.transfer())
    assert is_done(demo.end_transfer())
    assert route(PEOPLE["b"], X)["action"] == "reject"
    assert is_done(demo.end_transfer())


def test_a_transfer_is_ended_by_its_id_too(demo: Developer, route: Route) -> None:
    assert is_done(demo.unbind(subid(demo.transfer())))
    assert route(PEOPLE["b"], X)["action"] == "reject"


def test_a_pair_goes_before_everybody_on_one_x(demo: Developer, route: Route) -> None:
    pair = subid(demo.bind())
    subid(demo.transfer(anum=C))
    assert route(PEOPLE["a"], X)["to"] == PEOPLE["b"]
    assert route("8610010000009", X)["to"] == PEOPLE["c"]
    assert is_done(demo.end_transfer())
    assert route(PEOPLE["a"], X)["to"] == PEOPLE["b"]
    subid(demo.transfer(X_TWO, anum=C))
    assert is_done(demo.unbind(pair))
    assert route(PEOPLE["a"], X_TWO)["to"] == PEOPLE["c"]


def test_unbinding_the_pair_leaves_the_transfer(demo: Developer, route: Route) -> None:
    pair = subid(demo.bind())
    subid(demo.transfer(anum=C))
    assert is_done(demo.unbind(pair))
    assert route("8610010000009", X)["to"] == PEOPLE["c"]


# What is the same request


def test_a_reqid_gets_its_first_reply(demo: Developer) -> None:
    first = demo.bind(reqid="order-1")
    assert demo.bind(reqid="order-1").text == first.text
    assert is_done(demo.unbind(subid(first)))
    over = demo.bind(reqid="order-1")
    assert is_error(over, 1004)
    assert "has ended" in over.json["reason"]
    assert subid(demo.bind(reqid="order-2")) != subid(first)
    assert is_error(demo.bind(reqid="order-1"), 1004)


def test_1004_for_a_reqid_whose_binding_ran_out(stage: Stage, demo: Developer) -> None:
    subid(demo.bind(reqid="order-1"))
    subid(demo.transfer(X_TWO, reqid="order-2", ttl="3600"))
    stage.clock.advance(minutes=60)
    assert is_error(demo.bind(reqid="order-1"), 1004)
    assert is_error(demo.transfer(X_TWO, reqid="order-2", ttl="3600"), 1004)


def test_the_reqid_of_a_transfer_gets_its_first_reply(demo: Developer) -> None:
    first = demo.transfer(reqid="order-1")
    assert demo.transfer(reqid="order-1").text == first.text
    assert is_done(demo.end_transfer())
    assert is_error(demo.transfer(reqid="order-1"), 1004)


def test_order_place_and_unknown_parameters_make_no_other_request(demo: Developer) -> None:
    first = demo.bind(reqid="order-1")
    asked = demo.asks(**PAIR, reqid="order-1")
    turned = dict(reversed(asked.items())) | {"unheardOf": "1"}
    for in_query in (True, False):
        again = demo.send("PUT", f"{INTERLINE}/{X}", turned, in_query=in_query)
        assert again.text == first.text


@pytest.mark.parametrize(
    "spelled",
    [
        {"record": "0"},
        {"display": "0,0"},
        {"ttl": "03600"},
        {"anum": f"86{A}", "bnum": f"86{B}"},
        {"anucode": ",,", "ansanu": "", "userData": ""},
    ],
)
def test_a_default_that_is_written_out_makes_no_other_request(
    demo: Developer, spelled: dict[str, str]
) -> None:
    first = demo.bind(reqid="order-1")
    assert demo.bind(reqid="order-1", **spelled).text == first.text
    assert demo.bind(f"86{X}", reqid="order-1", **spelled).text == first.text


def test_a_default_of_a_transfer_that_is_written_out_makes_no_other_request(
    demo: Developer,
) -> None:
    first = demo.transfer(reqid="order-1")
    spelled = {"anum": f"86{A}", "ttl": "0", "record": "0", "display": "0"}
    assert demo.transfer(reqid="order-1", **spelled).text == first.text


def test_a_parameter_in_query_and_form_with_one_value_is_that_value(
    stage: Stage, demo: Developer
) -> None:
    asked = demo.asks(**PAIR)
    for in_both, error in ((asked["anum"], None), (C, 1002)):
        answer = stage.send(
            f"{INTERLINE}/{X}",
            method="PUT",
            headers=demo.authorization() | FORM,
            query={"anum": [in_both]},
            body=urlencode(asked),
        )
        assert is_error(answer, error, bad="anum") if error else subid(answer)


@pytest.mark.parametrize(
    "change",
    [
        {"anum": C},
        {"bnum": C},
        {"ttl": "3601"},
        {"record": "1"},
        {"anucode": "1"},
        {"ansanu": "1"},
        {"userData": "x"},
        {"x": X_TWO},
    ],
)
def test_1004_for_a_reqid_with_other_parameters(
    demo: Developer, route: Route, change: dict[str, str]
) -> None:
    first = demo.bind(reqid="order-1")
    assert is_error(demo.bind(reqid="order-1", **change), 1004)
    assert route(PEOPLE["a"], X)["to"] == PEOPLE["b"]
    assert demo.bind(reqid="order-1").text == first.text


@pytest.mark.parametrize(
    "change",
    [
        {"anum": B},
        {"ttl": "3600"},
        {"record": "1"},
        {"anucode": "1"},
        {"userData": "x"},
        {"x": X_TWO},
    ],
)
def test_1004_for_the_reqid_of_another_transfer(demo: Developer, change: dict[str, str]) -> None:
    subid(demo.transfer(reqid="order-1"))
    assert is_error(demo.transfer(reqid="order-1", **change), 1004)


def test_1004_for_one_reqid_for_a_binding_and_a_transfer(demo: Developer) -> None:
    subid(demo.bind(reqid="order-1"))
    assert is_error(demo.transfer(reqid="order-1"), 1004)
    subid(demo.transfer(X_TWO, reqid="order-2"))
    assert is_error(demo.bind(X_TWO, reqid="order-2"), 1004)


def test_a_reqid_belongs_to_one_app(stage: Stage, demo: Developer) -> None:
    other = developer(stage, "other", numbers=[("10099000009", None)])
    first = subid(demo.bind(reqid="order-1"))
    assert subid(other.bind("10099000009", reqid="order-1", anum=C)) != first


def test_a_reqid_that_was_refused_may_be_sent_again(stage: Stage) -> None:
    demo = developer(stage, cooling_s=300)
    other = subid(demo.bind())
    assert is_error(demo.bind(bnum=C, reqid="order-1"), 1302)
    assert is_done(demo.unbind(other))
    stage.clock.advance(ms=MIN_COOLING_MS)
    subid(demo.bind(bnum=C, reqid="order-1"))


# Where parameters stand


@pytest.mark.parametrize("in_query", [True, False])
def test_parameters_in_the_query_string_or_in_the_body(demo: Developer, in_query: bool) -> None:
    def send(method: str, path: str, parameters: dict[str, str]) -> Answer:
        return demo.send(method, INTERLINE + path, parameters, in_query=in_query)

    bound = send("PUT", f"/{X}", demo.asks(**PAIR))
    assert is_done(send("DELETE", "", demo.own(subid=subid(bound))))
    subid(send("PUT", f"/{X}/transfer", demo.asks(anum=C)))
    assert is_done(send("DELETE", f"/{X}/transfer", demo.own()))


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data", "nonsense", ""]
)
def test_any_content_type(demo: Developer, kind: str) -> None:
    subid(demo.send("PUT", f"{INTERLINE}/{X}", demo.asks(**PAIR), headers={"Content-Type": kind}))


# What belongs to others


def test_what_is_anothers_is_unknown_byte_for_byte(stage: Stage, demo: Developer) -> None:
    theirs = "10099000009"
    other = developer(stage, "other", numbers=[(theirs, None)])
    pair, everybody = subid(other.bind(theirs)), subid(other.transfer(theirs, anum=C))
    nobodys = str(int(pair) + 1)
    before = stage.items()
    for binding in (pair, everybody):
        assert demo.unbind(binding).text == demo.unbind(nobodys).text
    for ask in (demo.bind, demo.transfer, demo.end_transfer):
        assert ask(theirs).text == ask("10099000008").text
        assert is_error(ask(theirs), 1300)
    assert stage.items() == before


def test_an_app_may_be_spoken_to_in_both_ways(stage: Stage) -> None:
    client = stage.app(numbers=NUMBERS)
    igw = Developer(stage)
    put_credentials(igw)
    assert is_done(igw.unbind(client.bind().json["bindId"]))
    bound = subid(igw.bind())
    assert client.call("query", {"opType": "1", "bindId": bound}).json["bindInfos"]


# What is logged


def test_each_request_logs_one_line_without_numbers(demo: Developer, log: Any) -> None:
    demo.unbind(subid(demo.bind(userData=C)))
    demo.transfer(anum="x")
    demo.send("PUT", f"{INTERLINE}/{X}", headers={"Authorization": "Keytime 1,2,3"})
    lines = log()
    told = [(line["message"], line["code"], line.get("app")) for line in lines]
    assert told == [
        ("interline.binding", 0, "demo"),
        ("interline.bindings", 0, "demo"),
        ("interline.transfer", 1002, "demo"),
        ("interline.binding", 1101, None),
    ]
    assert not [number for number in (A, B, C) if number[2:] in json.dumps(lines)]
