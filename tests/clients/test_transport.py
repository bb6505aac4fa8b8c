"""The Python client on the wire: what it repeats, with which key, and what its errors say."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from masking_gateway import Client
from masking_gateway.decoding import members
from masking_gateway.errors import FieldError, GatewayError
from masking_gateway.transport import Transport
from tests.clients.gateway_double import BROKEN, Answer, Double, double, problem

RETRIES = 3
NOT_CHANGED = ("GET", "/v1/bindings/1")


@pytest.fixture
def there() -> Iterator[Double]:
    with double() as state:
        yield state


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def transport(there: Double, waits: list[float]) -> Transport:
    return client_of(there.url, waits)


def client_of(url: str, waits: list[float], *, timeout_s: float = 5) -> Transport:
    return Transport(
        url,
        "key",
        "secret",
        timeout_s=timeout_s,
        retries=RETRIES,
        sleep=waits.append,
        chance=lambda: 1.0,
    )


@pytest.mark.parametrize(
    "failure", [Answer(BROKEN), problem(503), problem(429), Answer(504)], ids=lambda a: a.status
)
def test_a_request_is_repeated_with_the_same_key(
    there: Double, transport: Transport, waits: list[float], failure: Answer
) -> None:
    there.answers = [failure, failure, Answer(201, {"id": "1"})]
    assert transport.change("POST", "/v1/bindings", {"a": "+447700900001"}) == {"id": "1"}
    assert len(there.asked) == 3
    assert len({each.headers["idempotency-key"] for each in there.asked}) == 1
    assert all(each.body == {"a": "+447700900001"} for each in there.asked)
    assert waits == [0.25, 0.5]


def test_each_request_has_a_key_of_its_own_or_the_callers(
    there: Double, transport: Transport
) -> None:
    there.answers = [Answer(200, {})]
    for _ in range(2):
        transport.change("PATCH", "/v1/bindings/1", {"ttl_s": 1})
    transport.change("PATCH", "/v1/bindings/1", {"ttl_s": 1}, idempotency_key="order-4711")
    keys = [each.headers["idempotency-key"] for each in there.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "order-4711"


def test_what_changes_nothing_has_no_key(there: Double, transport: Transport) -> None:
    there.answers = [Answer(200, {})]
    transport.get("/v1/bindings/1")
    assert "idempotency-key" not in there.asked[0].headers


def test_attempts_end(there: Double, transport: Transport, waits: list[float]) -> None:
    there.answers = [problem(503, request_id="r-1", detail="try later")]
    with pytest.raises(GatewayError) as error:
        transport.change("POST", "/v1/bindings", {}, idempotency_key="mine")
    assert len(there.asked) == 1 + RETRIES
    assert (error.value.status, error.value.idempotency_key) == (503, "mine")
    assert str(error.value) == "503 try later (request r-1)"
    assert waits == sorted(waits)


def test_the_wait_is_what_the_gateway_asks_for(
    there: Double, transport: Transport, waits: list[float]
) -> None:
    there.answers = [problem(429, retry_after="2"), Answer(200, {})]
    transport.send(*NOT_CHANGED)
    assert waits == [2.5]  # a quarter of it is jitter


def test_a_long_wait_is_the_callers_to_decide(
    there: Double, transport: Transport, waits: list[float]
) -> None:
    there.answers = [problem(429, retry_after="60", type="/docs#quota")]
    with pytest.raises(GatewayError) as error:
        transport.send(*NOT_CHANGED)
    assert (error.value.retry_after_s, error.value.type, waits) == (60, "/docs#quota", [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 500, 502])
def test_what_a_repeat_does_not_mend_is_raised_at_once(
    there: Double, transport: Transport, status: int
) -> None:
    there.answers = [problem(status)]
    with pytest.raises(GatewayError) as error:
        transport.change("POST", "/v1/bindings", {})
    assert (error.value.status, len(there.asked)) == (status, 1)


def test_an_error_has_all_that_the_problem_says(there: Double, transport: Transport) -> None:
    wrong = [{"pointer": "/a", "detail": "is missing"}, {"pointer": "/ttl_s", "detail": "must be"}]
    there.answers = [
        problem(409, code="cooling", errors=wrong, request_id="r-2", detail="no", free_at="later")
    ]
    with pytest.raises(GatewayError) as caught:
        transport.send(*NOT_CHANGED)
    error = caught.value
    assert (error.code, error.request_id, error.type) == ("cooling", "r-2", "/docs#x")
    assert error.errors == (FieldError("/a", "is missing"), FieldError("/ttl_s", "must be"))
    assert error.members == {"free_at": "later"}
    assert str(error) == "409 [cooling] no: /a is missing; /ttl_s must be (request r-2)"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"'])
@pytest.mark.parametrize("kind", ["text/html", "application/problem+json"])
def test_what_is_no_problem_is_an_error_too(
    there: Double, transport: Transport, body: bytes, kind: str
) -> None:
    there.answers = [Answer(502, body, {"Content-Type": kind, "X-Request-Id": "r-3"})]
    with pytest.raises(GatewayError) as error:
        transport.send(*NOT_CHANGED)
    assert (error.value.status, error.value.request_id) == (502, "r-3")


@pytest.mark.parametrize("errors", [None, {"a": ["is wrong"]}, ["a is wrong"], [{"pointer": "/a"}]])
def test_a_problem_of_somebody_else_is_an_error_too(
    there: Double, transport: Transport, errors: Any
) -> None:
    there.answers = [problem(400, errors=errors, detail="no")]
    with pytest.raises(GatewayError) as error:
        transport.send(*NOT_CHANGED)
    assert (str(error.value), error.value.errors) == ("400 no", ())


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b'"x"'])
def test_an_answer_that_is_no_json_object_is_an_error_too(
    there: Double, transport: Transport, body: bytes
) -> None:
    there.answers = [Answer(200, body, {"Content-Type": "text/html"})]
    with pytest.raises(GatewayError) as error:
        transport.send(*NOT_CHANGED)
    assert str(error.value) == "200 the answer can't be read"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(204),
        Answer(201, {}),
        Answer(201, {"id": "1", "name": "ci", "read_only": True, "created_at": 1, "secret": "x"}),
    ],
)
def test_an_answer_without_what_is_wanted_is_an_error_too(there: Double, answer: Answer) -> None:
    there.answers = [answer]
    client = Client(there.url, "key", "secret")
    with pytest.raises(GatewayError) as error:
        client.keys.create("ci", idempotency_key="mine")
    assert (error.value.status, error.value.idempotency_key) == (answer.status, "mine")
    with pytest.raises(GatewayError):
        list(client.keys.list())
    with pytest.raises(GatewayError):
        client.events.redeliver_all(since=0, until=1)


@pytest.mark.parametrize("url", ["", "gateway.example", "ftp://gateway.example", "https://"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="for example https://"):
        Client(url, "key", "secret")


def test_nobody_listens(waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        transport = client_of(f"http://127.0.0.1:{free.getsockname()[1]}", waits)
    with pytest.raises(GatewayError) as error:
        transport.change("POST", "/v1/bindings", {}, idempotency_key="mine")
    assert (error.value.status, error.value.idempotency_key) == (None, "mine")
    assert len(waits) == RETRIES


def test_a_gateway_that_hangs_is_left(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(GatewayError) as error:
            client_of(url, waits, timeout_s=0.05).send(*NOT_CHANGED)
    assert (error.value.status, len(waits)) == (None, RETRIES)


def test_a_redirect_is_not_followed(there: Double, transport: Transport) -> None:
    there.answers = [Answer(302, {}, {"Location": "http://127.0.0.1:1/elsewhere"})]
    with pytest.raises(GatewayError):
        transport.send(*NOT_CHANGED)
    assert len(there.asked) == 1


def test_a_list_is_read_page_by_page(there: Double, transport: Transport) -> None:
    from masking_gateway.models import Recording

    one = {"id": "1", "state": "lost", "size": None, "md5": None, "expires": None, "url": None}
    two = one | {"id": "2", "added_later": True, "expires": "2026-11-26T12:00:00.000Z"}
    there.answers = [
        Answer(200, {"data": [one], "next_cursor": "c-1"}),
        Answer(200, {"data": [], "next_cursor": "c-2"}),
        Answer(200, {"data": [two], "next_cursor": None}),
    ]
    found: list[Any] = list(transport.pages(Recording, "/v1/x", {"person": "+1"}, search=True))
    assert [each.id for each in found] == ["1", "2"]
    assert found[1].expires == datetime(2026, 11, 26, 12, tzinfo=UTC)
    asked = [each.body for each in there.asked]
    assert asked == [
        {"limit": 100, "person": "+1"},
        {"limit": 100, "person": "+1", "cursor": "c-1"},
        {"limit": 100, "person": "+1", "cursor": "c-2"},
    ]


def test_times_are_written_in_utc() -> None:
    paris = datetime(2026, 11, 26, 13, tzinfo=UTC) + timedelta(microseconds=1500)
    assert members(at=paris, since=1, until="x", b=None) == {
        "at": "2026-11-26T13:00:00.001Z",
        "since": 1,
        "until": "x",
    }
    with pytest.raises(ValueError, match="time zone"):
        members(at=datetime(2026, 11, 26))  # noqa: DTZ001
