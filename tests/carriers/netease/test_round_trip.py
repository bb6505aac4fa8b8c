"""Every message that the documents print, read and written again: the same members and types."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from chalicelib.carriers.coded_api import parameter_in
from chalicelib.carriers.netease import wire_api as wire
from chalicelib.carriers.netease import wire_callbacks, wire_calls
from chalicelib.carriers.netease.client import NeteaseClient
from chalicelib.carriers.parameters import Parameters
from chalicelib.core import numbers
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event, EventKind, Outcome, Party, SmsResult
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.errors import BadParameter
from chalicelib.core.messages import Request
from chalicelib.core.subscribers import Subscriber
from tests.carriers.netease.recorded import PAYLOADS, recorded
from tests.core.samples import binding

PLACED = ("startcall", "startconf")
CALLBACKS = ("callback-32", "callback-33", "callback-34", "callback-10-call")
CONFERENCE = "callback-10-conference"
ERRORS = {
    "checksum": None,
    "bad-http-header": None,
    "bad-callerAcc": "account",
    "bad-callee": "callee",
    "no-authorization": None,
}
TESTED = {
    *(
        f"{each}-{kind}"
        for each in ("bind", "unbind", "delay", "query")
        for kind in ("request", "reply")
    ),
    *(f"{each}{of}-request" for each in PLACED for of in ("", "-java", "-php")),
    *("getMobile-request", "getMobile-reply"),
    *(f"error-{each}" for each in ERRORS),
    *CALLBACKS,
    CONFERENCE,
}
NOW = 1_768_464_000_123


def test_no_recorded_message_is_left_out() -> None:
    assert {path.stem for path in PAYLOADS.glob("*.json")} == TESTED


def parameters(name: str) -> Parameters:
    body = recorded(f"{name}-request")["body"]
    return Parameters(Request("POST", {}, (), body.encode()))


def test_the_requests_of_axb() -> None:
    ask = wire.read_bind(parameters("bind"))
    written = {
        "bind": dict(
            wire_calls.write_bind(
                binding(id="ours", a=ask.a, number=ask.number or "", record=ask.record),
                ask.b,
                minutes=ask.lifetime_ms // 60_000,
            )
        ),
        "unbind": wire_calls.write_unbind(wire.read_binding_id(parameters("unbind"))),
        "query": wire_calls.write_query(wire.read_query(parameters("query"))[0] or ""),
    }
    # The sample has none; what we send there is our id.
    assert written["bind"].pop("userData") == "ours"
    binding_id, delta_ms = wire.read_delay(parameters("delay"))
    written["delay"] = wire_calls.write_delay(binding_id, minutes=delta_ms // 60_000)
    for name, each in written.items():
        assert urlencode(each) == recorded(f"{name}-request")["body"]


@pytest.mark.parametrize("of", ["", "-java", "-php"])
@pytest.mark.parametrize("name", PLACED)
def test_the_requests_of_the_dedicated_line(name: str, of: str) -> None:
    sent = dict(parse_qsl(recorded(f"{name}{of}-request")["body"], strict_parsing=not of))
    conference = name == "startconf"
    callees = json.loads(sent["callee"].replace("'", '"')) if conference else [sent["callee"]]
    ask = CallAsk(
        account=sent["callerAcc"],
        caller=numbers.national_subscriber(sent["caller"], name="caller"),
        callees=tuple(numbers.national_subscriber(each, name="callee") for each in callees),
        conference=conference,
        max_s=int(sent["maxDur"]),
        record=False,
    )
    assert all(each.digits.startswith("861") for each in ask.parties)
    written = dict(wire_calls.write_call(ask))
    if conference:
        assert json.loads(written["callee"]) == callees
        written["callee"] = sent["callee"]
    assert written == sent


def test_the_request_of_one_click_login() -> None:
    body = recorded("getMobile-request")["body"]
    sent = dict(parse_qsl(body))
    written = wire_calls.write_login(sent["token"], certificate=sent["certname"])
    assert urlencode(written) == body


def reply(name: str) -> dict[str, Any]:
    body = json.dumps(recorded(name)["body"]).encode()
    _, read = NeteaseClient.read(200, body)
    return dict(read)


def test_the_replies() -> None:
    carrier_id, number = wire_calls.read_bound(reply("bind-reply"))
    assert wire.write_bound(binding(id=carrier_id, number=number)) == reply("bind-reply")
    infos = wire_calls.read_infos(reply("query-reply"))
    assert len(infos) == 2
    assert wire.write_infos(infos) == reply("query-reply")
    for name in ("unbind", "delay"):
        assert reply(f"{name}-reply") == {"code": 200}
    login = reply("getMobile-reply")
    assert {"code": 200, "mobilePhone": wire_calls.read_login(login)} == login


@pytest.mark.parametrize(("name", "value"), ERRORS.items())
def test_the_errors(name: str, value: str | None) -> None:
    said = reply(f"error-{name}")
    assert wire_calls.about_headers(said) == ("desc" in recorded(f"error-{name}")["body"])
    bad = parameter_in(said, wire_calls.CALL_PARAMETERS)
    assert (bad and bad.name) == value
    assert bad is None or isinstance(bad, BadParameter)


def callback(name: str) -> Event:
    body = recorded(name)["body"].encode()
    (event,) = wire_callbacks.read(body, carrier="our-account", received=NOW).events
    assert (event.carrier, event.received, event.raw) == (
        "our-account",
        NOW,
        recorded(name)["body"],
    )
    return event


def bound(message: dict[str, Any]) -> Binding | None:
    if "bindId" not in message:
        return None
    return binding(id=message["bindId"], user_data=message.get("userData", ""))


@pytest.mark.parametrize("name", [*CALLBACKS, CONFERENCE])
def test_the_callbacks(name: str) -> None:
    message = json.loads(recorded(name)["body"])
    event = callback(name)
    written = wire_callbacks.write(event, [event], binding=bound(message))
    for each in (written, message):
        if "callback" in each:
            each["callback"] = json.loads(each["callback"])
    assert written == message


def test_what_a_call_says() -> None:
    event = callback("callback-32")
    assert event.kind is EventKind.CALL_ENDED
    assert event.call_id == "22019122718533304786364931"
    assert (event.started, event.answered, event.at) == (1577444013000, None, 1577444027000)
    assert (event.outcome, event.released_by) == (Outcome.CALLER_GAVE_UP, Party.CALLER)
    assert (event.caller, event.callee) == (
        Subscriber("8618667016326"),
        Subscriber("8618072928687"),
    )
    assert (event.number, event.binding) == ("8618413277972", None)


def test_an_answered_call() -> None:
    body = json.loads(recorded("callback-32")["body"]) | {
        "startTime": "20191227185340",
        "callDuration": "7",
        "finishState": "2",
        "finishType": "2",
        "userData": "12202601151600000123456789",
    }
    (event,) = wire_callbacks.read(json.dumps(body).encode(), carrier="c", received=NOW).events
    assert (event.answered, event.talked_s) == (1577444020000, 7)
    assert (event.outcome, event.released_by) == (Outcome.CALLEE_HUNG_UP, Party.CALLEE)
    assert event.binding == "12202601151600000123456789"
    assert wire_callbacks.write(event, [event], binding=bound(body)) == body


def test_what_a_message_and_a_recording_say() -> None:
    sms, recording = callback("callback-33"), callback("callback-34")
    assert (sms.kind, sms.sms_result, sms.at) == (EventKind.SMS_SENT, SmsResult.OK, 1577436900000)
    assert (recording.kind, recording.at) == (EventKind.RECORDING_READY, NOW)
    # The document's callback says no time.
    assert (recording.timed, sms.timed) == (False, True)
    assert (recording.url or "").startswith("https://nim.nos.netease.com/")


def test_what_a_placed_call_says() -> None:
    event = callback("callback-10-call")
    placed = event.placed
    assert event.kind is EventKind.PLACED_ENDED
    assert placed
    assert event.call_id == "00000000-0000-4000-8000-000000000001"
    assert (placed.conference, placed.account, placed.status) == (False, "caller", "success")
    assert [each.digits for each in placed.parties] == ["8610010000001", "8610010000002"]
    assert placed.caller == event.caller == placed.parties[0]
    assert (placed.created, placed.started, placed.duration_s) == (NOW, 1768464010000, 30)
    assert [(leg.ended, leg.cause) for leg in placed.legs] == [
        (1768464040000, 16),
        (1768464041000, 18),
    ]
    assert event.at == 1768464041000


def test_what_a_conference_says() -> None:
    event = callback(CONFERENCE)
    placed = event.placed
    assert placed
    assert (placed.conference, placed.caller, placed.legs) == (True, None, ())
    assert [each.digits for each in placed.parties] == [
        "8610010000001",
        "8610010000002",
        "861000000003",
    ]
    assert event.at == 1768464010000 + 95_000


def placed(**changed: Any) -> Event:
    """Of eventType 10, with members changed; None leaves one null."""
    body = json.loads(recorded("callback-10-call")["body"])
    inner = json.loads(body["callback"]) | changed
    sent = {"callback": json.dumps(inner), "eventType": "10"}
    (event,) = wire_callbacks.read(json.dumps(sent).encode(), carrier="c", received=NOW).events
    return event


def told(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        wire_callbacks.write(event, [event], binding=None)["callback"]
    )
    return told


@pytest.mark.parametrize("callee", [None, {}, "", "anonymous"])
def test_a_callee_who_is_not_known_is_told_empty(callee: Any) -> None:
    """And not as the caller, who would have called himself."""
    message = told(placed(callee=callee))
    assert (message["caller"], message["callee"]) == ("10010000001", "")
    assert len(message["legs"]) == 2


@pytest.mark.parametrize("caller", [None, {}, ""])
def test_a_call_whose_caller_is_not_known_is_no_conference(caller: Any) -> None:
    event = placed(caller=caller)
    assert event.placed
    assert (event.placed.conference, event.placed.caller) == (False, None)
    message = told(event)
    assert "members" not in message
    assert (message["caller"], message["callee"]) == ("", "10010000002")


def test_times_of_a_placed_call_without_a_zone_are_in_utc_8() -> None:
    end = placed(createtime="2026-01-15T16:00:00", starttime="20260115T160010.5").placed
    assert end
    assert (end.created, end.started) == (1_768_464_000_000, 1_768_464_010_500)


def test_what_was_never_talked_has_no_time_of_it() -> None:
    body = json.loads(recorded("callback-10-call")["body"])
    inner = json.loads(body["callback"])
    del inner["starttime"]
    inner |= {"durationSec": 0, "status": "FAILED", "legs": [{"endpoint": "01082325588"}]}
    sent = {"callback": json.dumps(inner), "eventType": "10"}
    (event,) = wire_callbacks.read(json.dumps(sent).encode(), carrier="c", received=NOW).events
    assert event.placed
    assert (event.placed.started, event.at) == (None, NOW)
    written = json.loads(wire_callbacks.write(event, [event], binding=None)["callback"])
    inner["legs"][0]["hangCause"] = "NONE"
    assert written == inner
