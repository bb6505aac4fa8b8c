"""API keys over HTTP: made, shown once, used, read-only, deleted."""

from typing import Any

import pytest

from tests.rest.backend import Backend, is_problem, whole
from tests.stage import Clock, Stage

KEYS = "/v1/keys"


def make(backend: Backend, **more: Any) -> dict[str, Any]:
    headers = more.pop("headers", {})
    answer = backend.post(KEYS, {"name": "ci"} | more, **headers)
    assert answer.status == 201, answer.text
    return dict(answer.json)


def signed_by(stage: Stage, made: dict[str, Any]) -> Backend:
    return Backend(stage, made["id"], made["secret"])


def test_a_key_is_shown_once_and_signs_in(stage: Stage, demo: Backend, clock: Clock) -> None:
    made = make(demo)
    assert made.keys() == {"id", "name", "read_only", "created_at", "secret"}
    assert (made["name"], made["read_only"]) == ("ci", False)
    key = signed_by(stage, made)
    del made["secret"]
    assert key.get(KEYS).json == {"data": [made], "next_cursor": None}
    assert key.post(KEYS, {"name": "another"}).status == 201
    is_problem(Backend(stage, made["id"], "wrong").get(KEYS), 401, "unauthorized")
    is_problem(Backend(stage, "key_" + "x" * 22, "wrong").get(KEYS), 401, "unauthorized")


def test_a_key_deletes_itself_and_ends_at_once(stage: Stage, demo: Backend) -> None:
    made = make(demo)
    key = signed_by(stage, made)
    answer = key.ask("DELETE", f"{KEYS}/{made['id']}")
    assert (answer.status, answer.text) == (204, "")
    is_problem(key.get(KEYS), 401, "unauthorized")
    is_problem(demo.ask("DELETE", f"{KEYS}/{made['id']}"), 404, "unknown")
    assert demo.get(KEYS).json["data"] == []


def test_a_read_only_key_looks_and_changes_nothing(stage: Stage, demo: Backend) -> None:
    made = make(demo, read_only=True)
    key = signed_by(stage, made)
    for path in (KEYS, "/v1/records", "/v1/account", "/v1/numbers", "/v1/webhook", "/v1/events"):
        assert key.get(path).status == 200, path
    assert key.post("/v1/records/search", {"person": "+447700900001"}).status == 200
    changes: list[tuple[str, str, Any]] = [
        ("POST", KEYS, {"name": "x"}),
        ("DELETE", f"{KEYS}/{made['id']}", None),
        ("PUT", "/v1/webhook", {"url": "https://shop.example/"}),
        ("POST", "/v1/webhook/secret/rotate", None),
        ("POST", "/v1/webhook/secret/drop_previous", None),
        ("POST", "/v1/webhook/test", {"kind": "call.ended"}),
        ("POST", "/v1/calls", {"parties": ["+447700900001", "+447700900002"]}),
        ("DELETE", "/v1/calls/x", None),
        ("POST", "/v1/events/redeliver", {"since": 1, "until": 2}),
        ("POST", "/v1/exports", {"day": "2026-01-01"}),
    ]
    for method, path, body in changes:
        answer = (
            key.post(path, body)
            if method == "POST"
            else key.ask(method, path, "" if body is None else str(body).replace("'", '"'))
        )
        assert is_problem(answer, 403, "read-only"), path


def test_a_repeat_shows_the_same_secret_and_nothing_of_it_is_kept(
    stage: Stage, demo: Backend
) -> None:
    first, again = (make(demo, headers={"Idempotency-Key": "r-1"}) for _ in range(2))
    assert first == again
    assert first["secret"] not in repr(stage.items())
    assert len(demo.get(KEYS).json["data"]) == 1
    other = demo.post(KEYS, {"name": "another"}, **{"Idempotency-Key": "r-1"})
    is_problem(other, 422, "mismatch")
    assert demo.ask("DELETE", f"{KEYS}/{first['id']}").status == 204
    over = demo.post(KEYS, {"name": "ci"}, **{"Idempotency-Key": "r-1"})
    is_problem(over, 409, "conflict")
    assert over.json["code"] == "request_over"


def test_there_is_a_limit(demo: Backend) -> None:
    for place in range(20):
        make(demo, name=f"key {place}")
    answer = demo.post(KEYS, {"name": "one more"})
    is_problem(answer, 409, "conflict")
    assert answer.json["code"] == "limit_reached"
    assert "20 keys" in answer.json["detail"]


def test_pages(demo: Backend, clock: Clock) -> None:
    for place in range(5):
        make(demo, name=f"key {place}")
        clock.advance(s=1)
    seen, cursor = [], ""
    while True:
        page = demo.get(f"{KEYS}?limit=2{cursor}").json
        seen += [each["name"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"key {place}" for place in range(5)]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": ""}, ["/name"]),
        ({"name": "x" * 129, "read_only": 1, "secret": "mine"}, ["/name", "/read_only", "/secret"]),
    ],
)
def test_what_is_wrong_is_said(demo: Backend, body: Any, pointers: list[str]) -> None:
    answer = demo.post(KEYS, body)
    is_problem(answer, 400, "bad-parameter")
    assert [each["pointer"] for each in answer.json["errors"]] == pointers


def test_another_apps_key_is_an_unknown_one(demo: Backend, other: Backend) -> None:
    made = make(demo)
    theirs, nobodys = (
        other.ask("DELETE", f"{KEYS}/{each}") for each in (made["id"], "key_" + "x" * 22)
    )
    is_problem(theirs, 404, "unknown")
    assert whole(theirs) == whole(nobodys)
    assert other.get(KEYS).json["data"] == []
    assert demo.get(KEYS).json["data"] != []
