"""Who is let in to our own API, and what everybody else hears."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from admin import provision
from chalicelib.core import errors
from chalicelib.rest import problems
from tests.carriers.switch.conftest import basic
from tests.owners import set_secret
from tests.rest.backend import Backend, is_problem
from tests.stage import Client, Stage

RECORDS = "/v1/records"


def below(kind: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


def test_every_error_is_a_problem() -> None:
    # Looked up by exact type, so a new one without a row would be a fault.
    assert set(problems.PROBLEMS) == set(below(errors.GatewayError))
    assert sum(len(told) for told in problems.TABLE.values()) == len(problems.PROBLEMS)
    words = [problem.word for problem in problems.TABLE]
    assert len(words) == len(set(words))


def test_an_app_key_and_its_secret(demo: Backend) -> None:
    answer = demo.get(RECORDS)
    assert (answer.status, answer.json) == (200, {"data": [], "next_cursor": None})
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_developers_id_and_his_key(stage: Stage) -> None:
    made = provision.create_interline_app("dev", callback_url="http://127.0.0.1:9/never")
    stage.forget()
    assert Backend(stage, made.devid, made.auth_key).get(RECORDS).status == 200
    is_problem(Backend(stage, made.devid, made.appid).get(RECORDS), 401, "unauthorized")


def test_the_previous_secret_while_a_new_one_is_taken_up(stage: Stage, demo: Backend) -> None:
    set_secret("app/demo", secret="a new one", previous_secret=demo.password)
    stage.forget()
    assert demo.get(RECORDS).status == 200
    assert Backend(stage, demo.user, "a new one").get(RECORDS).status == 200


WRONG: list[Callable[[Backend], str | None]] = [
    lambda _: None,
    lambda _: "",
    lambda _: "Basic",
    lambda _: "Basic ",
    lambda _: "Basic ???",
    lambda _: "Basic /w==",
    lambda demo: basic(demo.user, ""),
    lambda demo: basic(demo.user, f"{demo.password} "),
    lambda demo: basic(demo.user, demo.password.upper()),
    lambda demo: basic(demo.password, demo.user),
    lambda demo: basic("", demo.password),
    lambda demo: basic("demo", demo.password),
    lambda demo: basic(f"{demo.user}:", demo.password),
    lambda demo: basic(demo.user, "nobody's secret"),
    lambda _: basic("nobody", "nobody's secret"),
    lambda _: basic("10000000", "nobody's secret"),
    lambda _: basic("é" * 40, "\x00"),
    lambda demo: basic(demo.user, demo.password).replace("Basic", "Bearer"),
    lambda demo: basic(demo.user, demo.password).replace("Basic ", "Basic"),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_anything_else_hears_the_same(
    stage: Stage, demo: Backend, wrong: Callable[[Backend], str | None]
) -> None:
    assert demo.get(RECORDS).status == 200
    header = wrong(demo)
    headers = {"Authorization": header} if header is not None else {}
    answer = stage.send(RECORDS, method="GET", headers=headers)
    is_problem(answer, 401, "unauthorized")
    assert problems.CHALLENGE.items() <= answer.headers.items()
    assert answer.text == stage.send(RECORDS, method="GET").text


def test_scheme_and_header_in_any_case(stage: Stage, demo: Backend) -> None:
    signed = basic(demo.user, demo.password).replace("Basic", "bAsIc")
    assert stage.send(RECORDS, method="GET", headers={"aUTHORIZATION": signed}).status == 200


@pytest.mark.parametrize("state", [2, 3])
def test_an_app_that_is_suspended_may_look_but_not_act(
    stage: Stage, demo: Backend, state: int
) -> None:
    stage.dynamodb.update_item(
        TableName=stage.table,
        Key={"pk": {"S": "APP#demo"}, "sk": {"S": "PROFILE"}},
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": {"N": str(state)}},
    )
    stage.forget()
    assert demo.get(RECORDS).status == 200
    assert demo.get("/v1/events").status == 200
    assert demo.get("/v1/exports").status == 200
    span = {"since": 1, "until": 2}
    is_problem(demo.post("/v1/events/redeliver", span), 403, "forbidden")
    is_problem(demo.post("/v1/events/x/redeliver"), 403, "forbidden")


def test_only_from_where_the_app_may_send(stage: Stage) -> None:
    here = stage.app("here", numbers=(), sources=["192.0.2.0/24"])
    there = stage.app("there", numbers=(), sources=["198.51.100.0/24"])
    assert Backend(stage, here.key, here.secret).get(RECORDS).status == 200
    is_problem(Backend(stage, there.key, there.secret).get(RECORDS), 403, "not-from-here")


def test_the_rate_is_one_for_all_doors(stage: Stage) -> None:
    slow = stage.app("slow", numbers=(), rate=2)
    backend = Backend(stage, slow.key, slow.secret)
    assert backend.get(RECORDS).status == 200
    assert slow.call("query", {"opType": "1", "bindId": "1" * 26}).code != 416
    answer = backend.get(RECORDS)
    is_problem(answer, 429, "rate")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/records", "GET, HEAD, OPTIONS"),
        ("HEAD", "/v1/records/search", "POST, OPTIONS"),
        ("GET", "/v1/records/search", "POST, OPTIONS"),
        ("DELETE", "/v1/records/x", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/recordings/x", "GET, HEAD, OPTIONS"),
        ("PUT", "/v1/events", "GET, HEAD, OPTIONS"),
        ("GET", "/v1/events/redeliver", "POST, OPTIONS"),
        ("GET", "/v1/events/x/redeliver", "POST, OPTIONS"),
        ("PATCH", "/v1/exports", "GET, POST, HEAD, OPTIONS"),
        ("DELETE", "/v1/exports/x", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method(demo: Backend, method: str, path: str, allowed: str) -> None:
    answer = demo.ask(method, path)
    assert answer.status == 405
    assert method == "HEAD" or is_problem(answer, 405, "method")
    assert answer.headers["Allow"] == allowed
    asked = demo.ask("OPTIONS", path)
    assert (asked.status, asked.text, asked.headers["Allow"]) == (204, "", allowed)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1", "/v1/x", "/v1/x/y", "/v1/x/y/z", "/v1/x/y/z/a", "/v1/recordings"),
        *("/v1/records/search/x", "/v1/records/x/y", "/v1/recordings/x/y", "/v1/exports/x/y"),
        *("/v1/events/x/y", "/v1/events/redeliver/x"),
    ],
)
def test_a_path_that_is_not(stage: Stage, path: str) -> None:
    is_problem(stage.send(path, method="GET"), 404, "unknown-path")


def test_a_fault_is_a_problem_too(
    demo: Backend, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    from chalicelib.services.calls.records import Archive

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(client.secret)

    monkeypatch.setattr(Archive, "find", broken)
    answer = demo.get(RECORDS)
    is_problem(answer, 500, "fault")
    assert client.secret not in answer.text
