"""An app finds its records: by time, binding, number and person, page by page."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.carriers.switch.conftest import Pbx
from tests.rest.backend import Backend, is_problem, whole
from tests.stage import X1, X2, A, B, C, Client, Clock, D, Stage

DAY = 86_400_000
MINUTE = 60_000

Ended = Callable[..., int]


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [each["call_id"] for each in records]


def person(backend: Backend, digits: str, **more: Any) -> list[str]:
    answer = backend.post("/v1/records/search", {"person": digits, **more})
    assert answer.status == 200, answer.text
    return ids(answer.json["data"])


def test_by_time_newest_first(demo: Backend, ended: Ended, clock: Clock) -> None:
    now = clock.now
    for name, ago in (("new", MINUTE), ("old", DAY - 2 * MINUTE), ("older", 3 * DAY)):
        ended(call_id=name, at=now - ago)
    assert ids(demo.records()) == ["new", "old"]
    assert ids(demo.records(f"since={now - 4 * DAY}")) == ["new", "old", "older"]
    assert ids(demo.records(f"until={now - DAY}")) == []
    assert ids(demo.records(f"since={now - 3 * DAY}&until={now - MINUTE}")) == ["old", "older"]
    assert ids(demo.records(f"since={now - MINUTE}&until={now - MINUTE + 1}")) == ["new"]


def test_times_as_people_write_them(demo: Backend, ended: Ended) -> None:
    # 2026-01-15 07:30 UTC.
    ended(call_id="c", at=1_768_462_200_000)
    for since, until, found in (
        ("2026-01-15T07:30:00Z", "2026-01-15T07:30:00.001Z", True),
        ("2026-01-15T15:30:00%2B08:00", "2026-01-15T16:00:00+08:00", True),
        ("2026-01-15t02:30:00-05:00", "1768462200001", True),
        ("2026-01-15T07:30:00.001Z", "2026-01-15T08:30:00Z", False),
    ):
        records = demo.records(f"since={since}&until={until}")
        assert bool(records) is found, (since, until)


def test_by_binding_number_and_person(demo: Backend, client: Client, ended: Ended) -> None:
    bound = client.bind(A, B, phoneX=X1).json["bindId"]
    ended(call_id="ab", binding=bound)
    ended(call_id="ba", binding=bound, **{"from": B, "callee": A})
    ended(call_id="cd", to=X2, **{"from": C, "callee": D})
    ended(call_id="ac", to=X2, callee=C)
    assert sorted(ids(demo.records(f"binding={bound}"))) == ["ab", "ba"]
    assert sorted(ids(demo.records(f"number={X2}"))) == ["ac", "cd"]
    assert sorted(person(demo, A)) == ["ab", "ac", "ba"]
    assert sorted(person(demo, f"+{C}")) == ["ac", "cd"]
    assert person(demo, "447700900009") == []


def test_about_something_all_of_its_time(demo: Backend, ended: Ended, clock: Clock) -> None:
    ended(call_id="long ago", at=clock.now - 150 * DAY)
    assert ids(demo.records(f"number={X1}")) == ["long ago"]
    assert person(demo, B) == ["long ago"]
    assert person(demo, B, since=clock.now - DAY) == []


def test_a_data_key_that_is_replaced_hides_nobody(
    stage: Stage, demo: Backend, ended: Ended
) -> None:
    ended(call_id="before")
    keys = {**stage.secret(stage.data_keys), "2": "j" * 64, "current": "2"}
    stage.put_secret(stage.data_keys, keys)
    stage.forget()
    ended(call_id="after")
    assert sorted(person(demo, A)) == ["after", "before"]
    one, two = demo.records()
    assert one["caller_ref"] == two["caller_ref"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_page_by_page(demo: Backend, ended: Ended, clock: Clock, limit: int) -> None:
    # Two of them at the same moment, three under one id, all by the same pair in both directions.
    for i, (call_id, ago) in enumerate(zip("ababa", (2, 4, 4, 6, 8), strict=True)):
        people = {"from": A, "callee": B} if i % 2 else {"from": B, "callee": A}
        ended(call_id=call_id, at=clock.now - ago * MINUTE, **people)
    whole = demo.records()
    assert [each["started"] for each in whole] == sorted(
        (each["started"] for each in whole), reverse=True
    )
    assert sorted(ids(whole)) == ["a", "a", "a", "b", "b"]
    assert demo.records(f"limit={limit}") == whole
    assert demo.records(f"limit={limit}&number={X1}") == whole
    found, body = [], {"person": A, "limit": limit}
    while True:
        page = demo.post("/v1/records/search", body).json
        assert len(page["data"]) <= limit
        found += page["data"]
        if page["next_cursor"] is None:
            break
        body["cursor"] = page["next_cursor"]
    assert found == whole


def test_what_comes_meanwhile_moves_nothing(demo: Backend, ended: Ended, clock: Clock) -> None:
    for i in range(4):
        ended(call_id=str(i), at=clock.now - (i + 1) * MINUTE)
    page = demo.get("/v1/records?limit=2").json
    clock.advance(minutes=10)
    ended(call_id="new")
    rest = demo.get(f"/v1/records?limit=2&cursor={page['next_cursor']}").json
    assert ids(page["data"] + rest["data"]) == ["0", "1", "2", "3"]


def test_one_record(demo: Backend, ended: Ended) -> None:
    ended()
    (record,) = demo.records()
    assert demo.get(f"/v1/records/{record['id']}").json == record
    wrong = ["x", record["id"][:-1], f"{record['id']}x", record["id"].swapcase(), "a" * 22]
    answers = [demo.get(f"/v1/records/{each}") for each in wrong]
    assert all(is_problem(each, 404, "unknown") for each in answers)
    assert len({each.text for each in answers}) == 1


def test_a_foreign_thing_is_an_unknown_one(
    demo: Backend, other: Backend, client: Client, ended: Ended
) -> None:
    bound = client.bind(A, B, phoneX=X1).json["bindId"]
    for _ in range(3):
        ended(binding=bound)
    record = demo.records()[0]["id"]
    nothing = bound[:-1] + str((int(bound[-1]) + 1) % 10)
    for foreign, unknown in (
        (f"/v1/records?binding={bound}&limit=1", f"/v1/records?binding={nothing}&limit=1"),
        (f"/v1/records?number={X1}", "/v1/records?number=8610000000009"),
        (f"/v1/records/{record}", f"/v1/records/{'a' * 22}"),
        ("/v1/records", "/v1/records?limit=7"),
    ):
        assert demo.get(foreign).text != demo.get(unknown).text or foreign == "/v1/records"
        got, expected = other.get(foreign), other.get(unknown)
        assert whole(got) == whole(expected)
    assert person(other, A) == person(other, D) == []


def test_a_person_does_not_stand_in_an_address(demo: Backend, ended: Ended) -> None:
    ended()
    answer = demo.get(f"/v1/records?person={A}")
    is_problem(answer, 400, "bad-parameter")
    assert "POST" in answer.json["errors"][0]["detail"]
    assert A not in answer.text
    is_problem(demo.ask("POST", f"/v1/records/search?person={A}", "{}"), 400, "bad-parameter")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("since=x", "/since"),
        ("since=1e12", "/since"),
        ("since=٣", "/since"),
        ("since=2026-01-15", "/since"),
        ("since=2026-13-15T00:00:00Z", "/since"),
        ("since=2026-01-15T00:00:00", "/since"),
        ("since=2026-01-15T00:00:61Z", "/since"),
        ("until=9999-12-31T23:59:59-24:00", "/until"),
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=", "/limit"),
        ("binding=1", "/binding"),
        (f"binding={'9' * 27}", "/binding"),
        ("number=x", "/number"),
        ("limit=1&limit=2", "/limit"),
        ("Limit=1", "/Limit"),
        ("untill=1", "/untill"),
        ("=", "/***"),
        ("cursor=x", "/cursor"),
        ("cursor=%00", "/cursor"),
        (f"cursor={'A' * 10_000}", "/cursor"),
    ],
)
def test_what_can_not_be_meant(demo: Backend, query: str, pointer: str) -> None:
    answer = demo.get(f"/v1/records?{query}")
    is_problem(answer, 400, "bad-parameter")
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]


def test_everything_that_is_wrong_at_once(demo: Backend) -> None:
    answer = demo.get(f"/v1/records?limit=0&since=x&{A}=1&number=+44&wrong=1")
    is_problem(answer, 400, "bad-parameter")
    wrong = {each["pointer"]: each["detail"] for each in answer.json["errors"]}
    assert wrong.keys() == {"/limit", "/since", "/number", "/wrong", "/***"}
    assert wrong["/limit"] == "must be a whole number from 1 to 100"


def test_without_anything_else_a_page_goes_over_31_days(
    demo: Backend, ended: Ended, clock: Clock
) -> None:
    for days in (1, 40, 70):
        ended(call_id=str(days), at=clock.now - days * DAY)
    since = clock.now - 80 * DAY
    first = demo.get(f"/v1/records?since={since}").json
    assert ids(first["data"]) == ["1"]
    assert first["next_cursor"] is not None
    assert ids(demo.records(f"since={since}")) == ["1", "40", "70"]
    assert demo.records(f"since={clock.now}&until={since}") == []


def test_a_cursor_is_good_for_its_app_and_its_request_alone(
    demo: Backend, other: Backend, ended: Ended
) -> None:
    for name in "abc":
        ended(call_id=name)
    cursor = demo.get("/v1/records?limit=1").json["next_cursor"]
    assert demo.get(f"/v1/records?limit=2&cursor={cursor}").status == 200
    changed = cursor[:50] + ("A" if cursor[50] != "A" else "B") + cursor[51:]
    answers = [
        demo.get(f"/v1/records?cursor={changed}"),
        demo.get(f"/v1/records?number={X1}&cursor={cursor}"),
        demo.get(f"/v1/events?cursor={cursor}"),
        demo.post("/v1/records/search", {"cursor": cursor}),
        other.get(f"/v1/records?cursor={cursor}"),
        other.get(f"/v1/records?cursor={'A' * 60}"),
    ]
    assert all(is_problem(each, 404, "unknown") for each in answers)
    assert len(set(map(whole, answers))) == 1
    assert answers[0].json["errors"][0]["pointer"] == "/cursor"


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ("", 400, "malformed"),
        (b"\xff", 400, "malformed"),
        ("[]", 400, "malformed"),
        ("null", 400, "malformed"),
        ("{", 400, "malformed"),
        ("[" * 10_000, 400, "malformed"),
        ('{"limit": NaN}', 400, "malformed"),
        ('{"limit": -Infinity}', 400, "malformed"),
        ('{"number": "\\ud800"}', 400, "malformed"),
        (json.dumps({"person": "x" * 70_000}), 413, "too-large"),
        ('{"limit": 1e999}', 400, "bad-parameter"),
        ('{"limit": ' + "9" * 4_000 + "}", 400, "bad-parameter"),
        ('{"limit": ' + "9" * 5_000 + "}", 400, "malformed"),
        ('{"since": ' + '{"a":' * 400 + "1" + "}" * 401, 400, "bad-parameter"),
        ({"who": A}, 400, "bad-parameter"),
        ({A: A}, 400, "bad-parameter"),
        (f'{{"person": "{A}", "limit": 1, "limit": 2}}', 400, "bad-parameter"),
        ({"person": int(A)}, 400, "bad-parameter"),
        ({"person": "0044770090000"}, 400, "bad-parameter"),
        ({"person": A, "limit": True}, 400, "bad-parameter"),
        ({"person": A, "limit": 1.5}, 400, "bad-parameter"),
        ({"person": A, "since": True}, 400, "bad-parameter"),
        ({"person": A, "since": []}, 400, "bad-parameter"),
        ({"person": A, "since": "1768464000123"}, 400, "bad-parameter"),
        ({"person": A, "cursor": 1}, 400, "bad-parameter"),
    ],
)
def test_what_can_not_be_meant_in_a_body(demo: Backend, body: Any, status: int, word: str) -> None:
    answer = demo.post("/v1/records/search", body)
    is_problem(answer, status, word)
    assert A not in answer.text


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/json; charset=latin-1", 415),
        ("x", 415),
    ],
)
def test_json_alone(demo: Backend, content_type: str, status: int) -> None:
    answer = demo.post("/v1/records/search", {}, **{"Content-Type": content_type})
    assert answer.status == status
    assert status == 200 or is_problem(answer, 415, "media-type")


def test_a_search_without_a_person_is_one_all_the_same(demo: Backend, ended: Ended) -> None:
    ended(call_id="c")
    answer = demo.post("/v1/records/search", {"number": X1, "person": None})
    assert ids(answer.json["data"]) == ["c"]


def test_a_message_and_a_call_that_goes_on(demo: Backend, pbx: Pbx, clock: Clock) -> None:
    pbx.report(
        {
            "type": "sms.sent",
            "event_id": "m",
            "call_id": "m",
            "at": clock.now - 5_000,
            "from": A,
            "callee": B,
            "to": X1,
            "result": "ok",
            "text": "hello",
        },
        {
            "type": "call.started",
            "event_id": "s",
            "call_id": "c",
            "at": clock.now - 9_000,
            "from": A,
            "callee": B,
            "to": X1,
        },
    )
    message, call = demo.records()
    assert (message["kind"], message["sms_result"], message["ended"]) == ("message", "ok", None)
    assert (call["kind"], call["ended"], call["outcome"]) == ("call", None, None)
    assert "hello" not in json.dumps(message)


def test_gaps_show_once_a_call_should_be_complete(demo: Backend, pbx: Pbx, clock: Clock) -> None:
    bound = "0" * 26
    common = {"from": A, "callee": B, "to": X1, "at": clock.now, "binding": bound}
    pbx.report(
        {"type": "call.answered", "event_id": "a", "call_id": "no start", **common},
        {"type": "call.ended", "event_id": "e", "call_id": "no start", **common},
        {"type": "call.started", "event_id": "s", "call_id": "no end", **common},
    )

    def gaps() -> dict[str, list[str]]:
        return {each["call_id"]: each["gaps"] for each in demo.records()}

    assert gaps() == {"no start": [], "no end": []}
    clock.advance(minutes=31)
    assert gaps() == {"no start": ["no_start"], "no end": []}
    clock.advance(minutes=240)
    assert gaps() == {"no start": ["no_start"], "no end": ["no_end"]}


def test_nobody_is_named_in_the_log(
    demo: Backend, ended: Ended, log: Callable[[], list[dict[str, Any]]]
) -> None:
    ended()
    person(demo, A)
    demo.records()
    lines = [line for line in log() if line["message"].startswith("records.")]
    assert [line["message"] for line in lines] == ["records.search", "records.list"]
    assert all((line["app"], line["code"]) == ("demo", 200) for line in lines)
    assert A not in json.dumps(log())
