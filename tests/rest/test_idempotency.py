"""One request is carried out once: Idempotency-Key, on an operation of each kind."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from chalicelib.core import errors
from chalicelib.rest.facade import Paths
from chalicelib.rest.idempotency import WAIT_S
from chalicelib.rest.operations import (
    Answer,
    Context,
    Repeat,
    Resource,
    Result,
    operation,
)
from chalicelib.rest.problems import GONE, Failure
from chalicelib.schema.types import Member, Nullable, member, of_class, shape
from chalicelib.schema.values import count, shown_text
from chalicelib.store.requests import DAY_OF_ANSWERS_MS, WORKED_ON_MS
from tests.rest.backend import Backend, is_problem, rest
from tests.stage import A, Clock, Stage
from tests.stage import Answer as Answered

MADE = shape(
    "Thing",
    {"number": Member(count(1), ""), "secret": Member(Nullable(shown_text("s")), "", secret=True)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is made."""

    number: int = member(count(1), "")


class Things(Resource):
    """Counts how often each is made; `then` is what happens next."""

    name = "things"
    text = ""
    made: ClassVar[list[int]] = []
    then: ClassVar[Callable[[], Any]] = lambda: None

    def make(self, number: int) -> Result:
        Things.made.append(number)
        Things.then()
        location = {"Location": f"/v1/things/{len(Things.made)}"}
        return Result(201, {"number": len(Things.made), "secret": "shown once"}, location)

    @operation(
        "POST", "/v1/things", "Make", {201: Answer(MADE, "")}, body=of_class(Wanted), changes=True
    )
    def harmless(self, context: Context, body: Wanted) -> Result:
        return self.make(body.number)

    @operation(
        "POST",
        "/v1/things/once",
        "Make",
        {201: Answer(MADE, "")},
        body=of_class(Wanted),
        changes=True,
        repeat=Repeat.ONCE,
    )
    def once(self, context: Context, body: Wanted) -> Result:
        return self.make(body.number)

    @operation(
        "PATCH",
        "/v1/things/{thing}",
        "Make",
        {201: Answer(MADE, "")},
        body=of_class(Wanted),
        changes=True,
        repeat=Repeat.BY_DOMAIN,
    )
    def by_domain(self, context: Context, thing: str, body: Wanted) -> Result:
        assert context.request_id is not None
        assert context.request_id.explicit
        return self.make(body.number)


@pytest.fixture
def things(stage: Stage, demo: Backend, monkeypatch: pytest.MonkeyPatch) -> type[Things]:
    """The API with these operations, too."""
    facade = rest()
    facade._resources["things"] = Things()
    facade._paths = Paths(op for each in facade._resources.values() for op in each.operations())
    monkeypatch.setattr(Things, "made", [])
    monkeypatch.setattr(Things, "then", staticmethod(lambda: None))
    return Things


def post(
    demo: Backend, key: str | None = "k", number: int = 1, path: str = "/v1/things"
) -> Answered:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return demo.post(path, {"number": number}, **headers)


def test_a_repeat_gets_the_first_answer(demo: Backend, things: type[Things], clock: Clock) -> None:
    first = post(demo)
    assert (first.status, first.json) == (201, {"number": 1, "secret": "shown once"})
    for minutes in (0, 5, 24 * 60 - 5):
        clock.advance(minutes=minutes)
        again = post(demo)
        # The key of a member is kept, its secret is not.
        assert (again.status, again.json) == (201, {"number": 1, "secret": None})
        assert again.headers["Location"] == first.headers["Location"]
    assert things.made == [1]
    assert post(demo, "other").json["number"] == 2
    assert post(demo, None).json["number"] == 3
    clock.advance(ms=DAY_OF_ANSWERS_MS)
    assert post(demo).json["number"] == 4


def test_another_request_with_it_is_refused(demo: Backend, things: type[Things]) -> None:
    post(demo)
    is_problem(post(demo, number=2), 422, "mismatch")
    is_problem(post(demo, path="/v1/things/once"), 422, "mismatch")
    is_problem(demo.post("/v1/events/x/redeliver", **{"Idempotency-Key": "k"}), 422, "mismatch")
    spelled = demo.post("/v1/things", '{ "number" : 1 }', **{"Idempotency-Key": "k"})
    assert spelled.status == 201
    assert things.made == [1]


def test_a_key_is_its_apps_own(demo: Backend, other: Backend, things: type[Things]) -> None:
    assert post(demo).json["number"] == 1
    assert post(other, number=2).json["number"] == 2


@pytest.mark.parametrize("key", ["", " x", "x y", "x" * 256, "é", "\x7f"])
def test_what_is_no_key(demo: Backend, things: type[Things], key: str) -> None:
    answer = post(demo, key)
    is_problem(answer, 400, "bad-parameter")
    assert answer.json["errors"][0]["pointer"] == "/Idempotency-Key"
    assert things.made == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnknownBinding("no such binding"), 404),
        (errors.NumberTaken("taken"), 409),
        (errors.Unavailable("it did not answer"), 503),
        (Failure(GONE), 410),
    ],
)
def test_what_failed_is_not_remembered(
    demo: Backend,
    things: type[Things],
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(Things, "then", staticmethod(fail))
    assert post(demo).status == post(demo).status == status
    monkeypatch.setattr(Things, "then", staticmethod(lambda: None))
    assert post(demo).status == 201
    assert post(demo).json["number"] == 3
    assert len(things.made) == 3


def died(demo: Backend, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request whose process ends in its middle."""

    def die() -> None:
        raise SystemExit

    monkeypatch.setattr(Things, "then", staticmethod(die))
    with pytest.raises(SystemExit):
        post(demo, path=path)
    monkeypatch.setattr(Things, "then", staticmethod(lambda: None))


@pytest.mark.parametrize("path", ["/v1/things", "/v1/things/once"])
def test_who_dies_on_the_way(
    demo: Backend,
    things: type[Things],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    died(demo, path, monkeypatch)
    waited: list[float] = []
    monotonic = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        monotonic[0] += seconds

    runtime = rest()._idempotency._runtime
    quick = type(runtime)(
        runtime.now_ms, lambda: monotonic[0], sleep, runtime.random_bytes, runtime.start
    )
    monkeypatch.setattr(rest()._idempotency, "_runtime", quick)
    answer = post(demo, path=path)
    is_problem(answer, 503, "unavailable")
    assert WAIT_S <= sum(waited) < WAIT_S + 1
    clock.advance(ms=WORKED_ON_MS + 1)
    again = post(demo, path=path)
    if path.endswith("once"):
        is_problem(again, 409, "conflict")
        assert again.json["code"] == "outcome_unknown"
        assert things.made == [1]
    else:
        assert (again.status, again.json["number"]) == (201, 2)
        assert post(demo, path=path).json["number"] == 2


def test_the_domain_may_know_the_request_itself(demo: Backend, things: type[Things]) -> None:
    headers = {"Idempotency-Key": "k"}
    for number in (1, 2):
        answer = demo.ask("PATCH", "/v1/things/x", json.dumps({"number": 1}), **headers)
        assert answer.json["number"] == number


def test_what_is_kept_is_sealed(stage: Stage, demo: Backend, things: type[Things]) -> None:
    post(demo, f"call {A}".replace(" ", "-"))
    (kept,) = stage.items("R#")
    assert A not in str(kept)
    assert b"shown once" not in kept["answer"]["B"]
    assert "number" not in str(kept)


def test_fifty_at_once_get_fifty_equal_answers(
    stage: Stage, demo: Backend, things: type[Things]
) -> None:
    answers: list[Answered] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(demo, path="/v1/things/once")))
        for _ in range(50)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {each.status for each in answers} == {201}
    assert {each.json["number"] for each in answers} == {1}
    assert things.made == [1]


def test_a_search_ignores_it(demo: Backend) -> None:
    for person in (A, "447700900009"):
        answer = demo.post("/v1/records/search", {"person": person}, **{"Idempotency-Key": "k"})
        assert answer.status == 200


def test_every_change_takes_it(stage: Stage) -> None:
    for resource in rest()._resources.values():
        for each in resource.operations():
            assert each.takes_key is (each.changes and each.method in ("POST", "PATCH"))
            assert not each.changes or each.method != "GET"
            assert isinstance(each.answers, dict)
