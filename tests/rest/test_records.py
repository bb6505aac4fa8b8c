"""An app finds its records: by time, binding, number and person, page by page."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.carriers.switch.conftest import Pbx
from tests.rest.backend import Backend, is_problem, unpadded
from tests.stage import X1, X2, A, B, C, Client, Clock, D, Stage

DAY = 86_400_000
MINUTE = 60_000
PLACE = "000000000000003#" + "a" * 22

Ended = Callable[..., int]


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [each["call_id"] for each in records]


def person(backend: Backend, digits: str, **more: Any) -> list[str]:
    answer = backend.post("/v1/records/search", {"person": digits, **more})
    assert answer.status == 200, answer.text
    return ids(answer.json["records"])


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
        assert len(page["records"]) <= limit
        found += page["records"]
        if page["cursor"] is None:
            break
        body["cursor"] = page["cursor"]
    assert found == whole


def test_what_comes_meanwhile_moves_nothing(demo: Backend, ended: Ended, clock: Clock) -> None:
    for i in range(4):
        ended(call_id=str(i), at=clock.now - (i + 1) * MINUTE)
    page = demo.get("/v1/records?limit=2").json
    clock.advance(minutes=10)
    ended(call_id="new")
    rest = demo.get(f"/v1/records?limit=2&cursor={page['cursor']}").json
    assert ids(page["records"] + rest["records"]) == ["0", "1", "2", "3"]


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
        assert (got.status, got.text, got.headers) == (
            expected.status,
            expected.text,
            expected.headers,
        )
    assert person(other, A) == person(other, D) == []


def test_a_person_does_not_stand_in_an_address(demo: Backend, ended: Ended) -> None:
    ended()
    answer = demo.get(f"/v1/records?person={A}")
    is_problem(answer, 400, "malformed")
    assert "POST" in answer.json["detail"]
    assert A not in answer.text
    is_problem(demo.ask("POST", f"/v1/records/search?person={A}", "{}"), 400, "malformed")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("since=x", "bad-parameter"),
        ("since=-1", "bad-parameter"),
        ("since=1e12", "bad-parameter"),
        ("since=٣", "bad-parameter"),
        ("since=2026-01-15", "bad-parameter"),
        ("since=2026-13-15T00:00:00Z", "bad-parameter"),
        ("since=2026-01-15T00:00:00", "bad-parameter"),
        ("since=0001-01-01T00:00:00Z", "bad-parameter"),
        ("until=9999-12-31T23:59:59-23:59", "bad-parameter"),
        ("since=5&until=5", "bad-parameter"),
        ("since=9&until=5", "bad-parameter"),
        ("since=253370764800001", "bad-parameter"),
        ("since=1&until=2678400002", "malformed"),
        ("since=1", "malformed"),
        ("limit=0", "bad-parameter"),
        ("limit=101", "bad-parameter"),
        ("limit=ten", "bad-parameter"),
        ("binding=1", "bad-parameter"),
        (f"binding={'9' * 27}", "bad-parameter"),
        ("number=x", "bad-parameter"),
        (f"binding={'9' * 26}&number={X1}", "malformed"),
        ("limit=1&limit=2", "malformed"),
        ("Limit=1", "malformed"),
        ("untill=1", "malformed"),
        ("=", "malformed"),
        ("cursor=x", "bad-parameter"),
        ("cursor=%00", "bad-parameter"),
        (f"cursor={unpadded('1|2|3')}", "bad-parameter"),
        (f"cursor={unpadded('1|2|000000000000003#' + 'a' * 21)}", "bad-parameter"),
        (f"cursor={unpadded('1|2|000000000000003#' + 'a' * 22)}x", "bad-parameter"),
        (f"cursor={unpadded('a|2|000000000000003#' + 'a' * 22)}", "bad-parameter"),
        (f"cursor={unpadded(f'2|2|{PLACE}')}", "bad-parameter"),
        # The year 33658.
        (f"cursor={unpadded('9' * 14 + '8|' + '9' * 15 + '|' + PLACE)}", "bad-parameter"),
        (f"cursor={'A' * 10_000}", "bad-parameter"),
    ],
)
def test_what_can_not_be_meant(demo: Backend, query: str, word: str) -> None:
    is_problem(demo.get(f"/v1/records?{query}"), 400, word)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("", "malformed"),
        (b"\xff", "malformed"),
        ("[]", "malformed"),
        ("null", "malformed"),
        ("{", "malformed"),
        ("[" * 10_000, "malformed"),
        (json.dumps({"person": "x" * 70_000}), "malformed"),
        ({"who": A}, "malformed"),
        ({"person": A, "number": X1}, "malformed"),
        (f'{{"person": "{A}", "limit": 1, "limit": 2}}', "malformed"),
        ({"person": int(A)}, "bad-parameter"),
        ({"person": "0044770090000"}, "bad-parameter"),
        ({"person": f"{A} "}, "bad-parameter"),
        ({"person": A, "limit": True}, "bad-parameter"),
        ({"person": A, "limit": 1.5}, "bad-parameter"),
        ({"person": A, "since": True}, "bad-parameter"),
        ({"person": A, "since": []}, "bad-parameter"),
        ({"person": A, "cursor": 1}, "bad-parameter"),
        ({"since": 0}, "malformed"),
    ],
)
def test_what_can_not_be_meant_in_a_body(demo: Backend, body: Any, word: str) -> None:
    answer = demo.post("/v1/records/search", body)
    is_problem(answer, 400, word)
    assert A not in answer.text


def test_a_search_without_a_person_is_one_all_the_same(demo: Backend, ended: Ended) -> None:
    ended(call_id="c")
    answer = demo.post("/v1/records/search", {"number": X1, "person": None})
    assert ids(answer.json["records"]) == ["c"]


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
    lines = [line for line in log() if line["message"].startswith("history.")]
    assert [line["message"] for line in lines] == ["history.search", "history.records"]
    assert all((line["app"], line["code"]) == ("demo", 200) for line in lines)
    assert A not in json.dumps(log())
