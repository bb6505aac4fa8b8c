"""Bindings over our own API: made once, found, changed, ended, explained; errors name all."""

import json
from typing import Any

import pytest

from admin import provision
from tests.carriers.vendor import vendor
from tests.rest.backend import WHOLE, Backend
from tests.stage import X1, X2, A, Answer, B, C, Clock, D, Stage

AXB = {"a": f"+{A}", "b": f"+{B}", "ttl_s": 3600}
MEMBERS = [
    "id",
    "mode",
    "state",
    "number",
    "a",
    "b",
    "record",
    "max_call_s",
    "direction",
    "user_data",
    "reference",
    "created_at",
    "updated_at",
    "expires_at",
    "carrier",
]


def bind(demo: Backend, key: str | None = None, /, **more: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    body = {name: value for name, value in (AXB | more).items() if value != "absent"}
    return demo.post("/v1/bindings", body, **headers)


def bound(demo: Backend, **more: Any) -> dict[str, Any]:
    answer = bind(demo, **more)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def change(demo: Backend, binding: dict[str, Any], **change: Any) -> Answer:
    return demo.ask("PATCH", f"/v1/bindings/{binding['id']}", json.dumps(change))


def problem(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    assert answer.status == status, answer.text
    body: dict[str, Any] = answer.json
    assert body.keys() >= WHOLE
    assert body.get("code") == code
    return body


def pointers(answer: Answer) -> set[str]:
    return {each["pointer"] for each in problem(answer, 400)["errors"]}


def test_a_bind_answers_the_binding_and_where_it_is(demo: Backend, clock: Clock) -> None:
    answer = bind(demo, user_data="订单 4711", record=True, max_call_s=600, number=f"+{X1}")
    assert answer.status == 201
    made = answer.json
    assert list(made) == MEMBERS
    assert answer.headers["Location"] == f"/v1/bindings/{made['id']}"
    assert made["mode"], made["state"] == ("axb", "active")
    assert (made["a"], made["b"], made["number"]) == (f"+{A}", f"+{B}", f"+{X1}")
    assert (made["record"], made["max_call_s"], made["direction"]) == (True, 600, "both")
    assert (made["user_data"], made["reference"]) == ("订单 4711", None)
    assert made["created_at"].endswith("Z")
    assert len(made["created_at"]) == len("2026-11-26T12:00:00.000Z")
    assert demo.get(f"/v1/bindings/{made['id']}").json == made


def test_numbers_are_read_as_people_write_them(demo: Backend) -> None:
    made = bound(demo, a=f"{A[:2]} ({A[2:6]}) {A[6:]}", b=f"+{B[:2]}-{B[2:]}")
    assert (made["a"], made["b"]) == (f"+{A}", f"+{B}")


def test_an_xa_has_no_b_and_may_have_no_end(demo: Backend) -> None:
    made = bound(demo, b="absent", ttl_s="absent")
    assert (made["mode"], made["b"], made["expires_at"]) == ("xa", None, None)


def test_all_that_is_wrong_is_told_at_once(demo: Backend) -> None:
    answer = demo.post(
        "/v1/bindings",
        {"a": "12", "ttl_s": 0, "record": "yes", "colour": 1, "prompts": {"c": ""}},
    )
    assert pointers(answer) == {"/a", "/ttl_s", "/record", "/colour", "/prompts/c"}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"ttl_s": "absent"}, {"/ttl_s"}),
        ({"expires_at": "2030-01-01T00:00:00Z"}, {"/expires_at"}),
        ({"number": X1, "country": "CN"}, {"/country"}),
        ({"number": X1, "area": "10"}, {"/area"}),
        ({"area": "010"}, {"/area"}),
        ({"b": f"+{X1}"}, {"/b"}),
        ({"user_data": "数" * 1_025}, {"/user_data"}),
        ({"reference": ""}, {"/reference"}),
        ({"direction": "up"}, {"/direction"}),
        ({"show_caller": "c"}, {"/show_caller"}),
        ({"country": "gb"}, {"/country"}),
    ],
)
def test_each_fault_has_its_pointer(demo: Backend, more: Any, wrong: set[str]) -> None:
    assert pointers(bind(demo, **more)) == wrong


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"b": f"+{A}"}, "same_person"),
        ({"ttl_s": "absent", "expires_at": "1999-01-01T00:00:00Z"}, "end_passed"),
        ({"ttl_s": "absent", "expires_at": "2099-01-01T00:00:00Z"}, "end_too_far"),
        ({"max_call_s": 80_000}, "over_limit"),
        ({"b": "absent", "direction": "a_to_b"}, "not_supported"),
    ],
)
def test_what_the_moment_or_the_account_forbids_is_a_conflict(
    demo: Backend, more: Any, code: str
) -> None:
    said = problem(bind(demo, **more), 409, code)
    assert "see errors" not in said["detail"]


def test_a_repeat_gets_the_same_binding_with_its_state_of_now(demo: Backend, clock: Clock) -> None:
    first = bind(demo, "key-1")
    again = bind(demo, "key-1")
    assert (again.status, again.json) == (201, first.json)
    released = demo.ask("DELETE", first.headers["Location"]).json
    clock.advance(s=1)
    after = bind(demo, "key-1")
    assert (after.status, after.json) == (201, released)
    assert released["state"] == "released"
    problem(bind(demo, "key-1", ttl_s=60), 422)
    assert bind(demo, "key-2").json["id"] != released["id"]


def test_a_reference_has_one_live_binding(demo: Backend) -> None:
    first = bound(demo, reference="order-1")
    again = bind(demo, reference="order-1", ttl_s=60)
    assert (again.status, again.json) == (200, first)
    assert again.headers["Location"] == f"/v1/bindings/{first['id']}"
    problem(bind(demo, reference="order-1", b=f"+{C}"), 409, "reference_taken")
    assert demo.get("/v1/bindings?reference=order-1").json["data"] == [first]
    demo.ask("DELETE", f"/v1/bindings/{first['id']}")
    assert bind(demo, reference="order-1", b=f"+{C}").status == 201


def test_a_request_that_was_answered_with_anothers_binding_makes_none_later(
    demo: Backend, clock: Clock
) -> None:
    first = bind(demo, "key-1", reference="r")
    assert bind(demo, "key-2", reference="r").status == 200
    problem(bind(demo, "key-2", reference="r", record=True), 422)
    released = demo.ask("DELETE", first.headers["Location"]).json
    clock.advance(s=1)
    again = bind(demo, "key-2", reference="r")
    assert (again.status, again.json) == (200, released)
    following = bind(demo, "key-3", reference="r")
    assert following.status == 201
    assert bind(demo, "key-2", reference="r").json == released
    # Neither is it taken for the answer of a change with the same key.
    changed = demo.ask(
        "PATCH", following.headers["Location"], '{"extend_s": 5}', **{"Idempotency-Key": "key-2"}
    )
    assert changed.status == 200


def test_a_conflict_says_when_it_is_free(demo: Backend, clock: Clock) -> None:
    made = bound(demo, number=X1)
    problem(bind(demo, number=X1), 409, "number_taken")
    problem(bind(demo, number=X1, b=f"+{C}"), 409, "number_taken")
    demo.ask("DELETE", f"/v1/bindings/{made['id']}")
    cooling = problem(bind(demo, number=X1, b=f"+{C}"), 409, "cooling")
    assert cooling["free_at"] > made["created_at"]
    problem(bind(demo, number="+442071838750"), 404)
    problem(bind(demo, area="999"), 409, "no_number")
    problem(bind(demo, country="FR"), 409, "no_number")


def test_a_reference_that_is_not_utf_8(demo: Backend) -> None:
    assert pointers(demo.get("/v1/bindings?reference=%FF")) == {"/reference"}
    assert demo.get("/v1/bindings?reference=%E6%95%B0").status == 200
    assert pointers(demo.get(f"/v1/bindings?reference={'r' * 257}")) == {"/reference"}


def test_lists(demo: Backend, clock: Clock) -> None:
    made = []
    for b in (B, C, D):
        made.append(bound(demo, b=f"+{b}"))
        clock.advance(s=1)
    made.reverse()
    assert demo.get("/v1/bindings").json == {"data": made, "next_cursor": None}
    page = demo.get("/v1/bindings?limit=2").json
    assert page["data"] == made[:2]
    rest = demo.get(f"/v1/bindings?limit=2&cursor={page['next_cursor']}").json
    assert rest == {"data": made[2:], "next_cursor": None}
    problem(demo.get(f"/v1/bindings?state=active&cursor={page['next_cursor']}"), 404)
    since = made[1]["created_at"]
    assert demo.get(f"/v1/bindings?created_since={since}").json["data"] == made[:2]
    demo.ask("DELETE", f"/v1/bindings/{made[0]['id']}")
    active = demo.get("/v1/bindings?state=active").json["data"]
    assert [each["id"] for each in active] == [made[1]["id"], made[2]["id"]]
    x = made[0]["number"].replace("+", "%2B")
    on_number = demo.get(f"/v1/bindings?number={x}").json["data"]
    assert {each["id"] for each in on_number} == {
        each["id"] for each in made if each["number"] == made[0]["number"]
    }


def test_a_person_is_searched_for_and_stands_in_no_address(demo: Backend) -> None:
    made = bound(demo)
    problem(demo.get(f"/v1/bindings?person=%2B{A}"), 400)
    for person in (A, B):
        found = demo.post("/v1/bindings/search", {"person": f"+{person}"}).json
        assert found == {"data": [made], "next_cursor": None}
    assert demo.post("/v1/bindings/search", {"person": f"+{C}"}).json["data"] == []


def test_changes(demo: Backend, clock: Clock) -> None:
    made = bound(demo)
    clock.advance(s=60)
    longer = change(demo, made, extend_s=600, record=True, user_data="new").json
    assert longer["expires_at"] > made["expires_at"]
    assert (longer["record"], longer["user_data"]) == (True, "new")
    assert longer["updated_at"] > made["updated_at"]
    shorter = change(demo, made, ttl_s=60).json
    assert shorter["expires_at"] < made["expires_at"]
    other = change(demo, made, b=f"+{C}").json
    assert (other["id"], other["b"]) == (made["id"], f"+{C}")
    assert change(demo, made, b=f"+{C}").json == other
    assert change(demo, made).json == other
    assert pointers(change(demo, made, ttl_s=1, extend_s=1)) == {"/extend_s"}
    problem(change(demo, made, b=None), 409, "not_supported")
    problem(change(demo, made, b=f"+{A}"), 409, "same_person")
    clock.advance(s=61)
    problem(change(demo, made, extend_s=60), 409, "binding_ended")
    assert demo.get(f"/v1/bindings/{made['id']}").json["state"] == "expired"


def test_a_change_with_a_key_is_made_once(demo: Backend) -> None:
    made = bound(demo)
    path = f"/v1/bindings/{made['id']}"
    first = demo.ask("PATCH", path, json.dumps({"extend_s": 60}), **{"Idempotency-Key": "k"})
    again = demo.ask("PATCH", path, json.dumps({"extend_s": 60}), **{"Idempotency-Key": "k"})
    assert first.json == again.json == demo.get(path).json


def test_a_repeat_of_a_bind_is_answered_though_its_end_has_passed(
    demo: Backend, clock: Clock
) -> None:
    end = {"ttl_s": "absent", "expires_at": clock.now + 60_000}
    first = bind(demo, "key-1", **end)
    assert first.status == 201
    clock.advance(s=61)
    again = bind(demo, "key-1", **end)
    assert (again.status, again.json) == (201, first.json | {"state": "expired"})
    problem(bind(demo, "key-1", **end, record=True), 422)
    problem(bind(demo, "key-2", **end), 409, "end_passed")
    problem(bind(demo, **end), 409, "end_passed")


def test_a_repeat_of_a_change_gets_the_first_answer_with_the_state_of_now(demo: Backend) -> None:
    made = bound(demo)
    path, body = f"/v1/bindings/{made['id']}", json.dumps({"extend_s": 60})
    first = demo.ask("PATCH", path, body, **{"Idempotency-Key": "k"})
    change(demo, made, user_data="later")
    assert demo.ask("PATCH", path, body, **{"Idempotency-Key": "k"}).json == first.json
    demo.ask("DELETE", path)
    again = demo.ask("PATCH", path, body, **{"Idempotency-Key": "k"})
    assert (again.status, again.json) == (200, first.json | {"state": "released"})


def test_an_end_in_epoch_seconds_is_refused_and_says_so(demo: Backend, clock: Clock) -> None:
    seconds = clock.now // 1000 + 3600
    refused = problem(bind(demo, ttl_s="absent", expires_at=seconds), 409, "end_passed")
    assert "epoch ms" in refused["detail"]
    refused = problem(change(demo, bound(demo), expires_at=seconds), 409, "end_passed")
    assert "epoch ms" in refused["detail"]


def test_what_the_carrier_can_not_do_is_named(demo: Backend) -> None:
    refused = problem(bind(demo, show_caller="a"), 409, "not_supported")
    assert refused["detail"].endswith(": showing real numbers")


@pytest.mark.parametrize(
    ("named", "pointer"),
    [
        *(("anum", "/a"), ("bnum", "/b"), ("record", "/record"), ("display", "/show_caller")),
        *(("anucode", "/prompts"), ("ansanu", "/prompts/on_answer"), ("ttl", "/ttl_s")),
    ],
)
def test_what_the_carrier_refuses_is_named_as_it_was_sent(
    stage: Stage, named: str, pointer: str
) -> None:
    with vendor() as server:
        provision.create_carrier(
            "acme", kind="interline", key="10000000", app_id="1", secret="s" * 32, urls=[server.url]
        )
        made = stage.app("far", carrier="acme")
        server.content = json.dumps({"error": 1002, "reason": f"bad value of {named}"}).encode()
        people = {"a": "+8610012340001", "b": "+8610012340002"}
        prompts = {"a": "7", "on_answer": "8"}
        answer = bind(Backend(stage, made.key, made.secret), **people, prompts=prompts)
    assert pointers(answer) == {pointer}


def test_a_release_can_be_repeated(demo: Backend, clock: Clock) -> None:
    made = bound(demo)
    path = f"/v1/bindings/{made['id']}"
    ended = demo.ask("DELETE", path)
    clock.advance(s=5)
    assert ended.status == 200
    assert ended.json["state"] == "released"
    assert demo.ask("DELETE", path).json == ended.json


def test_another_tenants_binding_is_like_none(demo: Backend, other: Backend) -> None:
    made = bound(demo, reference="r")
    unknown = "12202601151600000123456789"
    for method, body in (("GET", ""), ("DELETE", ""), ("PATCH", '{"extend_s": 60}')):
        theirs = other.ask(method, f"/v1/bindings/{made['id']}", body)
        nobodys = other.ask(method, f"/v1/bindings/{unknown}", body)
        assert theirs.status == 404
        assert _without_request(theirs) == _without_request(nobodys)
    assert other.get("/v1/bindings?reference=r").json["data"] == []
    assert other.get("/v1/bindings").json["data"] == []
    assert other.post("/v1/bindings/search", {"person": A}).json["data"] == []
    x = made["number"]
    for number in (x, "+8619999999999"):
        asked = other.post("/v1/explain", {"number": number, "from": A})
        problem(asked, 404)


def _without_request(answer: Answer) -> dict[str, Any]:
    return {name: each for name, each in answer.json.items() if name != "request_id"}


def test_explain(demo: Backend, stage: Stage, clock: Clock) -> None:
    made = bound(demo, number=X1)
    at = made["created_at"]
    explained = demo.post("/v1/explain", {"number": X1, "from": f"+{A}"}).json
    assert explained == {
        "decision": "connect",
        "to": f"+{B}",
        "show": f"+{X1}",
        "reason": None,
        "binding": made["id"],
        "since": at,
        "until": made["expires_at"],
    }
    clock.advance(s=10)
    change(demo, made, b=f"+{C}")
    now = demo.post("/v1/explain", {"number": X1, "from": f"+{A}"}).json
    assert (now["to"], now["binding"]) == (f"+{C}", made["id"])
    then = demo.post("/v1/explain", {"number": X1, "from": f"+{A}", "at": at}).json
    assert (then["to"], then["until"]) == (f"+{B}", now["since"])
    before = demo.post("/v1/explain", {"number": X1, "from": f"+{B}"}).json
    assert (before["decision"], before["reason"]) == ("reject", "cooling")
    anonymous = demo.post("/v1/explain", {"number": X1, "from": None}).json
    assert anonymous["reason"] == "anonymous"
    long_ago = {"number": X1, "from": A, "at": "2001-01-01T00:00:00Z"}
    problem(demo.post("/v1/explain", long_ago), 404, "not_kept")
    ahead = {"number": X1, "from": A, "at": "2100-01-01T00:00:00Z"}
    assert demo.post("/v1/explain", ahead).json["reason"] == "no_binding"
    problem(demo.post("/v1/explain", {"number": "+442071838750", "from": A}), 404)


_ = X2
