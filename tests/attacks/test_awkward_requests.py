"""Requests that once made a fault, or were built to make one, one by one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.lambda_events import answer, event
from tests.gateways import NOW, Stage, number, stage, subscriber
from tests.runtimes import run_with

HALF = "\ud83d"
"""Half of an emoji: what is left of a text that was cut in the middle."""


@pytest.fixture(scope="module")
def ours(engine: str | None) -> Iterator[Stage]:
    clock = pytest.MonkeyPatch()
    run_with(clock, now_ms=lambda: NOW)
    with stage(engine) as own:
        own.app("demo", [number(0)])
        own.switch()
        yield own
    clock.undo()


@pytest.mark.parametrize("header", ["nonce", "requestid", "appkey", "checksum", "curtime"])
def test_half_a_character_in_a_header(ours: Stage, header: str) -> None:
    headers = ours.apps["demo"].headers(now=NOW, nonce="n") | {header: HALF}
    reply = answer(event("POST", "/smallphone/axb/query", headers=headers, body=b"opType=0"))
    assert reply["statusCode"] == 200
    assert json.loads(reply["body"])["code"] == 414


@pytest.mark.parametrize("name", ["userData", "phoneA", "phoneX", HALF])
def test_half_a_character_in_the_query_string(ours: Stage, name: str) -> None:
    headers = ours.apps["demo"].headers(now=NOW, nonce="n")
    ask = {"phoneA": subscriber(0), "phoneB": subscriber(1), "expiration": "1", name: HALF}
    reply = answer(event("POST", "/smallphone/axb/bind", headers=headers, query=list(ask.items())))
    assert json.loads(reply["body"])["code"] == 414


def test_whole_characters_pass(ours: Stage) -> None:
    app = ours.apps["demo"]
    headers = app.headers(now=NOW, nonce="n", request_id="é\U0001f4de")
    ask = {"phoneA": subscriber(0), "phoneB": subscriber(1), "expiration": "1"}
    ask["userData"] = "\U0001f4de电话"
    reply = answer(event("POST", "/smallphone/axb/bind", headers=headers, query=list(ask.items())))
    assert json.loads(reply["body"])["code"] == 200
    (info,) = app.call(ours.instance(), "query", now=NOW, opType=0, phoneX=number(0))["bindInfos"]
    assert info["userData"] == ask["userData"]


def _reported(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "e",
        "type": "sms.sent",
        "call_id": "c",
        "binding": None,
        "from": subscriber(1),
        "to": number(0),
        "callee": None,
        "at": NOW,
        "result": "ok",
    } | changes


@pytest.mark.parametrize("field", ["event_id", "call_id", "text", "url", "binding", "to"])
def test_an_event_with_half_a_character_is_stored(ours: Stage, field: str) -> None:
    body = json.dumps([_reported(**{field: f"{HALF}x"})])
    headers = ours.switches["switch"].headers()
    reply = answer(event("POST", "/switch/events", headers=headers, body=body))
    # An X has digits only; all other fields may hold any text.
    assert reply["statusCode"] == (400 if field == "to" else 200), reply


def test_a_route_to_half_a_character(ours: Stage) -> None:
    body = json.dumps({"call_id": "c", "kind": "call", "from": "1", "to": HALF})
    headers = ours.switches["switch"].headers()
    reply = answer(event("POST", "/switch/route", headers=headers, body=body))
    assert json.loads(reply["body"])["reason"] == "unknown_number"


@pytest.mark.parametrize("path", ["/switch/route", "/switch/events"])
@pytest.mark.parametrize("body", ["9" * 5000, "[" * 100_000, '{"a":' * 50_000, "[1,]", ""])
def test_what_json_can_not_be(ours: Stage, path: str, body: str) -> None:
    headers = ours.switches["switch"].headers()
    reply = answer(event("POST", path, headers=headers, body=body))
    assert reply["statusCode"] == 400
    assert json.loads(reply["body"])["error"] == "malformed"


def test_an_event_too_large_for_the_table_does_not_hold_up_the_others(ours: Stage) -> None:
    """Every quotation mark is escaped twice on its way to the table."""
    poison = _reported(event_id="poison", text='"' * 120_000)
    body = json.dumps([_reported(event_id="1"), poison, _reported(event_id="2")])
    headers = ours.switches["switch"].headers()
    reply = answer(event("POST", "/switch/events", headers=headers, body=body))
    assert reply["statusCode"] == 400
    told = json.loads(reply["body"])
    assert told["accepted"] == 2
    assert [error["index"] for error in told["errors"]] == [1]


def test_the_largest_event_that_is_taken_fits_into_the_table(ours: Stage) -> None:
    headers = ours.switches["switch"].headers()
    for text in ('"' * 15_000, "\x00" * 5_000, "电" * 10_000, "\\" * 15_000):
        body = json.dumps([_reported(event_id=f"large{text[0]}", text=text)])
        reply = answer(event("POST", "/switch/events", headers=headers, body=body))
        assert reply["statusCode"] == 200
