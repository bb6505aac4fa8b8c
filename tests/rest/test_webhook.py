"""The webhook endpoint of an app over HTTP."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from admin import provision
from chalicelib.core.calls.events import EventKind
from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.guard import _NOT_PUBLIC, AddressGuard
from chalicelib.rest.webhook import _URL
from tests.egress import evil
from tests.receivers import Receiver, receiver
from tests.rest.backend import Backend, is_problem
from tests.stage import Clock, Stage

PATH = "/v1/webhook"
EVERY = {str(kind) for kind in EventKind if kind.traits.known}


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def shop(stage: Stage, inbox: Receiver) -> Backend:
    """An app of CloudEvents."""
    made = stage.app("shop", numbers=(), callback_url=inbox.url, event_format="cloudevents")
    return Backend(stage, made.key, made.secret)


def put(backend: Backend, body: Any) -> Any:
    return backend.ask("PUT", PATH, json.dumps(body))


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """By the time that it says: the clock stands still here, which the library does not know."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signature = Webhook(secret).sign(headers["webhook-id"], at, body.decode())
    return signature in headers["webhook-signature"].split()


def test_the_endpoint_is_shown_and_set(shop: Backend, inbox: Receiver) -> None:
    found = shop.get(PATH).json
    assert set(found["events"]) == EVERY
    assert {name: each for name, each in found.items() if name != "events"} == {
        "url": inbox.url,
        "format": "cloudevents",
        "has_secret": True,
        "previous_secret_valid": False,
    }
    wanted = {"url": "https://shop.example/new", "events": ["sms.sent", "call.ended"]}
    answer = put(shop, wanted | {"format": "cloudevents"})
    assert answer.status == 200
    assert answer.json == found | {
        "url": "https://shop.example/new",
        "events": ["call.ended", "sms.sent"],
    }
    assert shop.get(PATH).json == answer.json
    app = provision.show_app("shop")
    assert (app.callback_url, app.wants) == (wanted["url"], ("call.ended", "sms.sent"))
    assert set(put(shop, {"url": wanted["url"]}).json["events"]) == EVERY


def test_everything_that_is_wrong_is_said_at_once(stage: Stage, demo: Backend) -> None:
    answer = put(
        demo,
        {"url": "ftp://shop.example", "format": "cloudevents", "events": ["call.gap"]},
    )
    assert is_problem(answer, 400, "bad-parameter")
    wrong = {each["pointer"]: each["detail"] for each in answer.json["errors"]}
    assert wrong.keys() == {"/url", "/format"}
    assert "https://" in wrong["/url"]
    assert "POST /v1/webhook/secret/rotate" in wrong["/format"]
    answer = put(demo, {"format": "x", "events": ["y"], "secret": "z"})
    pointers = {each["pointer"] for each in answer.json["errors"]}
    assert pointers == {"/url", "/format", "/events/0", "/secret"}
    # Left out, it means all of them: an app that wants none must not be sent all.
    answer = put(demo, {"url": "https://shop.example", "events": []})
    assert [each["pointer"] for each in answer.json["errors"]] == ["/events"]
    assert provision.show_app("demo").event_format == "netease"


def test_what_an_app_can_not_be_sent_is_a_conflict(demo: Backend, inbox: Receiver) -> None:
    for body, pointer, said in (
        ({"format": "cloudevents"}, "/format", "POST /v1/webhook/secret/rotate"),
        ({"format": "interline"}, "/format", "the operator makes one"),
        ({"events": ["call.gap"]}, "/events", "has words for"),
    ):
        answer = put(demo, {"url": inbox.url, **body})
        assert is_problem(answer, 409, "conflict")
        assert answer.json["code"] == "not_supported"
        assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
        assert said in answer.json["detail"]


def test_the_documented_pattern_takes_what_the_guard_takes_of_names() -> None:
    schema = _URL.accepted()
    ends = [end for name in _NOT_PUBLIC for end in (name, f"my-{name}", f"{name}s", f"{name}.cn")]
    hosts = [f"{begin}{end}" for begin in ("", "a.", "a.b-c.") for end in ends]
    hosts += [f"{'a.' * 4}{'b' * 60}.{'c' * 63}.{'d' * 63}.{'e' * n}" for n in (52, 53, 54, 55)]
    names = [f"https://{host}{path}" for host in hosts for path in ("", "/x", ":443", "?a=.local")]
    seen = set()
    for url in [*evil.WRITTEN, *names]:
        try:
            AddressGuard().read(url)
            taken = True
        except RefusedAddress:
            taken = False
        fits = re.fullmatch(schema["pattern"], url) and len(url) <= schema["maxLength"]
        assert bool(fits) is taken, url
        seen.add(taken)
    assert seen == {True, False}


def test_an_endpoint_of_neteases_format_that_does_not_answer(
    demo: Backend, inbox: Receiver
) -> None:
    inbox.status = 500
    answer = put(demo, {"url": inbox.url})
    assert is_problem(answer, 409, "conflict")
    assert answer.json["code"] == "no_answer"
    inbox.status = 200
    assert put(demo, {"url": inbox.url}).status == 200


def test_a_secret_is_rotated_and_the_previous_one_dropped(
    shop: Backend, inbox: Receiver, clock: Clock
) -> None:
    first = shop.post(f"{PATH}/secret/rotate", **{"Idempotency-Key": "r-1"})
    assert first.status == 200
    assert first.json["secret"].startswith("whsec_")
    assert first.json["previous_valid"] is True
    assert shop.post(f"{PATH}/secret/rotate", **{"Idempotency-Key": "r-1"}).json == first.json
    refused = shop.post(f"{PATH}/secret/rotate")
    assert is_problem(refused, 409, "conflict")
    assert refused.json["code"] == "previous_valid"
    assert shop.get(PATH).json["previous_secret_valid"] is True
    assert shop.post(f"{PATH}/test", {"kind": "call.ended"}).json["accepted"]
    headers, body = inbox.received[-1]
    assert len(headers["webhook-signature"].split()) == 2
    assert is_signed(first.json["secret"], headers, body)
    for _ in range(2):
        dropped = shop.post(f"{PATH}/secret/drop_previous")
        assert (dropped.status, dropped.json["previous_secret_valid"]) == (200, False)
    repeat = shop.post(f"{PATH}/secret/rotate", **{"Idempotency-Key": "r-1"})
    assert repeat.json == first.json | {"previous_valid": False}
    assert shop.post(f"{PATH}/secret/rotate").json["secret"] != first.json["secret"]


def test_a_first_secret_lets_an_app_change_its_format(demo: Backend, inbox: Receiver) -> None:
    made = demo.post(f"{PATH}/secret/rotate").json
    assert made["previous_valid"] is False
    answer = put(demo, {"url": inbox.url, "format": "cloudevents"})
    assert (answer.status, answer.json["format"]) == (200, "cloudevents")
    assert demo.post(f"{PATH}/test", {"kind": "call.ended"}).json["status"] == 200
    headers, body = inbox.received[-1]
    assert is_signed(made["secret"], headers, body)
    assert json.loads(body)["test"] is True


def test_what_the_endpoint_answers_to_a_test(shop: Backend, inbox: Receiver, clock: Clock) -> None:
    inbox.status = 503
    found = shop.post(f"{PATH}/test", {"kind": "placed.ended"}).json
    duration_ms, event_id = found.pop("duration_ms"), found.pop("event_id")
    assert found == {"accepted": False, "status": 503, "error": "status"}
    assert 0 <= duration_ms < 5_000
    assert event_id == inbox.received[-1][0]["webhook-id"]
    again = shop.post(f"{PATH}/test", {"kind": "placed.ended"})
    assert is_problem(again, 429, "rate")
    clock.advance(s=2)
    put(shop, {"url": "http://127.0.0.1:9/"})
    found = shop.post(f"{PATH}/test", {"kind": "placed.ended"}).json
    assert (found["accepted"], found["status"], found["error"]) == (False, None, "refused")
    answer = shop.post(f"{PATH}/test", {"kind": "call.held"})
    assert is_problem(answer, 400, "bad-parameter")


def test_a_kind_that_the_format_has_no_words_for(demo: Backend) -> None:
    answer = demo.post(f"{PATH}/test", {"kind": "call.gap"})
    assert is_problem(answer, 409, "conflict")
    assert answer.json["code"] == "not_supported"
    assert [each["pointer"] for each in answer.json["errors"]] == ["/kind"]


def test_a_suspended_app_changes_nothing_but_ends_a_secret(stage: Stage, shop: Backend) -> None:
    shop.post(f"{PATH}/secret/rotate")
    provision.set_app("shop", state="suspended")
    stage.forget()
    assert shop.get(PATH).status == 200
    assert is_problem(put(shop, {"url": "https://x.example/"}), 403, "forbidden")
    assert is_problem(shop.post(f"{PATH}/secret/rotate"), 403, "forbidden")
    assert is_problem(shop.post(f"{PATH}/test", {"kind": "call.ended"}), 403, "forbidden")
    assert shop.post(f"{PATH}/secret/drop_previous").status == 200
