"""Our callbacks against the tables of 5.1 and 5.3: the same members, the same types."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from chalicelib.carriers.interline import wire_callbacks
from chalicelib.carriers.interline.callbacks_out import Format
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event, EventKind, Party, RejectReason, SmsResult
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import Unavailable
from chalicelib.core.subscribers import Subscriber
from tests.carriers import dialects
from tests.carriers.dialects import Known
from tests.carriers.interline.reports import MESSAGE, NUMBERS, RECORD, START, typed, without
from tests.core.samples import app_with, binding, event

NOW = 1_768_464_100_123
ENDED = 1_768_464_075_000
X = "8610000000001"
BOUND = binding(id="12202601151600000123456789", number=X, user_data="订单 1&2=3")
REQUIRED = ("devid", "appid", "taskid", "subid", "caller", "rcaller", "callee")
"""In both tables."""


DEMO = AppCredentials("demo", "20000000", ("key",), app_id="their-app")


def told(
    event: Event, call: Sequence[Event] = (), *, of: Binding | None = BOUND, as_json: bool = False
) -> dict[str, Any] | None:
    app = replace(app_with({}), callback_json=as_json)
    known = Format(Known(developers=[DEMO]))
    message = dialects.told(known, event, [*call, event], app=app, binding=of, now=NOW)
    if message is None:
        return None
    headers, body = message
    if as_json:
        assert headers == {"Content-Type": "application/json; charset=utf-8"}
        parsed: dict[str, Any] = json.loads(body)
        return parsed
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    assert headers == {"Content-Type": kind}
    return dict(parse_qsl(body.decode(), strict_parsing=True, keep_blank_values=True))


def ended(**more: Any) -> Event:
    values: dict[str, Any] = {
        "call_id": "task-1",
        "binding": BOUND.id,
        "number": X,
        "caller": Subscriber("8610010000001"),
        "callee": Subscriber("861000000003"),
    }
    return event(EventKind.CALL_ENDED, ENDED, **(values | more))


def ready(*, received: int = ENDED, url: str = "https://r/1") -> Event:
    return replace(event(EventKind.RECORDING_READY, ENDED, url=url), received=received)


def read(fields: dict[str, str]) -> list[Event]:
    body = json.dumps(typed(fields)).encode()
    return list(wire_callbacks.read(body, carrier="ours", received=NOW).events)


def ours(fields: dict[str, str]) -> dict[str, str]:
    """What the carrier tells of its binding, as it is told of ours."""
    mine = {"devid": "20000000", "appid": "their-app"}
    return {**fields, **mine, "subid": BOUND.id, "userData": BOUND.user_data}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_record_of_the_vendor_goes_on_member_by_member(as_json: bool) -> None:
    recording, end = read(RECORD)
    expected = typed(ours(RECORD)) if as_json else ours(RECORD)
    message = told(end, [recording], as_json=as_json)
    assert message == expected
    assert list(message) == list(RECORD)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("fields", [START, MESSAGE], ids=["start", "message"])
def test_a_start_of_the_vendor_goes_on_member_by_member(
    fields: dict[str, str], as_json: bool
) -> None:
    (start,) = read(fields)
    expected = typed(ours(fields)) if as_json else ours(fields)
    assert told(start, as_json=as_json) == expected


def test_members_that_are_not_known_are_left_out_and_required_ones_empty() -> None:
    bare = event(EventKind.CALL_ENDED, ENDED)
    message = told(bare, of=None, as_json=True)
    assert message == {
        "devid": "20000000",
        "appid": "their-app",
        "taskid": "c",
        "subid": "",
        "caller": "",
        "rcaller": "",
        "callee": "",
        "result": "206",
        "beginTime": ENDED // 1000,
        "releaseTime": ENDED // 1000,
        "duration": 0,
    }
    start = told(event(EventKind.CALL_STARTED, ENDED), of=None)
    assert start
    assert set(start) == {*REQUIRED, "callTime"}


def test_integers_are_integers_in_json_and_nothing_else_is() -> None:
    _, end = read(RECORD)
    message = told(end, as_json=True)
    assert message
    assert {name for name, value in message.items() if type(value) is int} == NUMBERS - {"callTime"}


@pytest.mark.parametrize(
    ("text", "content"), [("到了", "到了"), ("", ""), (None, "")], ids=["text", "empty", "unknown"]
)
def test_a_message_has_its_text_or_an_empty_one(text: str | None, content: str) -> None:
    sms = event(EventKind.SMS_SENT, ENDED, sms_result=SmsResult.OK, text=text, number=X)
    message = told(sms)
    assert message
    assert (message["smsContent"], message["callTime"]) == (content, str(ENDED // 1000))


def test_numbers_are_national_and_others_have_a_plus() -> None:
    message = told(ended(caller=Subscriber("447700900001"), number="700000000000001"))
    assert message
    assert (message["caller"], message["callee"]) == ("+447700900001", "01000000003")
    assert message["rcaller"] == "700000000000001"
    without_x = told(ended(number=None))
    assert without_x
    assert without_x["rcaller"] == "10000000001"


def test_a_call_of_our_own_switch() -> None:
    earlier = [
        event(EventKind.CALL_STARTED, ENDED - 20_000),
        event(EventKind.CALL_RINGING, ENDED - 18_000),
        event(EventKind.CALL_ANSWERED, ENDED - 9_001),
    ]
    message = told(ended(cause=16, released_by=Party.CALLER), earlier, as_json=True)
    assert message
    assert without(message, *REQUIRED, "userData") == {
        "result": "answered",
        "beginTime": ENDED // 1000 - 20,
        "ringTime": ENDED // 1000 - 18,
        "answerTime": ENDED // 1000 - 10,
        "releaseTime": ENDED // 1000,
        "duration": 10,
        "releasedir": "1",
    }
    stranger = told(ended(rejected=RejectReason.THIRD_PARTY, binding=None, callee=None), of=None)
    assert stranger
    assert (stranger["result"], stranger["releasedir"]) == ("206", "0")
    assert (stranger["subid"], stranger["callee"], stranger["duration"]) == ("", "", "0")


def test_what_nobody_said_who_ended_it_does_not_say_so() -> None:
    message = told(ended(released_by=None))
    assert message
    assert "releasedir" not in message


@pytest.mark.parametrize(
    ("by", "digit"), [(Party.CALLER, "1"), (Party.CALLEE, "2"), (Party.PLATFORM, "0")]
)
def test_who_ended_it(by: Party, digit: str) -> None:
    message = told(ended(released_by=by))
    assert message
    assert message["releasedir"] == digit


def test_a_recording_that_is_there_goes_with_the_record() -> None:
    old, moved = ready(received=ENDED - 2, url="https://r/1"), ready(url="https://r/2")
    for call in ([old, moved], [moved, old]):
        message = told(ended(), call)
        assert message
        assert message["recording"] == "https://r/2"


@pytest.mark.parametrize("after_ms", [1, 3_600_000])
def test_a_recording_that_was_named_later_is_told_with_the_record_again(after_ms: int) -> None:
    end = ended(cause=16, released_by=Party.CALLER)
    message = told(ready(received=end.received + after_ms), [end])
    assert message == {**(told(end) or {}), "recording": "https://r/1"}


@pytest.mark.parametrize("before_ms", [0, 1, 60_001])
def test_a_recording_that_was_named_by_then_is_told_once(before_ms: int) -> None:
    end = ended(cause=16, released_by=Party.CALLER)
    named = ready(received=end.received - before_ms)
    assert told(named, [end]) is None
    assert (told(end, [named]) or {})["recording"] == "https://r/1"


def test_a_recording_that_was_lost_has_no_address() -> None:
    message = told(ended(), [replace(ready(), url=None)])
    assert message
    assert "recording" not in message


def test_a_recording_without_the_end_of_its_call_waits_for_it() -> None:
    assert told(ready(), [event(EventKind.CALL_STARTED, ENDED)]) is None


def test_the_kinds_that_are_told() -> None:
    assert Format(Known()).kinds == {
        *(EventKind.CALL_STARTED, EventKind.CALL_ENDED),
        *(EventKind.SMS_SENT, EventKind.RECORDING_READY),
    }


@pytest.mark.parametrize("kind", [EventKind.CALL_ENDED, EventKind.CALL_STARTED])
def test_an_app_without_developer_can_not_be_told(kind: EventKind) -> None:
    one = event(kind, ENDED)
    with pytest.raises(Unavailable):
        dialects.told(Format(Known()), one, [one], now=NOW)
