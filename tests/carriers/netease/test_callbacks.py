"""Our callbacks against the document's: the same members, the same texts, signed the same way."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.carriers.netease.callbacks_out import Format, check
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event, EventKind, Outcome, Party, RejectReason, SmsResult
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import Unavailable
from chalicelib.core.subscribers import Subscriber
from tests.carriers.dialects import Known, message
from tests.carriers.netease.recorded import CALLBACKS, recorded
from tests.core.samples import binding, event

NOW = 1_440_570_500_855
# 2019-12-27 18:53:47 in UTC+8, when the document's call ended.
ENDED = 1_577_444_027_000


DEMO = AppCredentials("demo", "the-app-key", ("current", "previous"))


def rendered(
    told: Event, call: Sequence[Event] = (), *, of: Binding | None = None
) -> dict[str, Any]:
    _, body = message(Format(Known(DEMO)), told, [*call, told], binding=of, now=NOW)
    rendered: dict[str, Any] = json.loads(body)
    return rendered


def documented(kind: str) -> dict[str, str]:
    body: dict[str, str] = json.loads(recorded(f"callback-{kind}")["body"])
    return body


def bound(message: dict[str, str]) -> Binding:
    return binding(
        id=message["bindId"],
        number=message.get("phoneX", "8618413277972"),
        user_data=message.get("userData", ""),
    )


def of_message(kind: EventKind, at: int, message: dict[str, str], **more: Any) -> Event:
    return event(
        kind,
        at,
        call_id=message["callId"],
        binding=message["bindId"],
        number=message.get("phoneX"),
        caller=Subscriber(message["callNo"]) if "callNo" in message else None,
        callee=Subscriber(message["peerNo"]) if "peerNo" in message else None,
        **more,
    )


def call_of_the_document(**more: Any) -> tuple[Event, list[Event], dict[str, str]]:
    """The call that the document prints: rung for 14 seconds, then the caller gave up."""
    message = documented("32")
    started = of_message(EventKind.CALL_STARTED, ENDED - 14_000, message)
    values = {"cause": 16, "released_by": Party.CALLER} | more
    return of_message(EventKind.CALL_ENDED, ENDED, message, **values), [started], message


def test_the_documents_call_comes_out_word_for_word() -> None:
    end, call, message = call_of_the_document()
    assert rendered(end, call, of=bound(message)) == message


def test_the_documents_sms_comes_out_with_the_user_data_of_its_table() -> None:
    message = documented("33")
    sent = of_message(EventKind.SMS_SENT, 1_577_436_900_000, message, sms_result=SmsResult.OK)
    expected = message | {"userData": "abc"}
    assert rendered(sent, of=bound(message | {"userData": "abc"})) == expected


def test_the_documents_recording_comes_out_word_for_word() -> None:
    message = documented("34")
    ready = of_message(
        EventKind.RECORDING_READY, ENDED, message, url=message["url"], md5=message["md5"]
    )
    assert rendered(ready, of=bound(message)) == message


@pytest.mark.parametrize("kind", CALLBACKS)
@pytest.mark.parametrize("with_binding", [True, False])
def test_every_member_of_the_table_is_there_and_text(kind: str, with_binding: bool) -> None:
    kinds = {
        "32": EventKind.CALL_ENDED,
        "33": EventKind.SMS_SENT,
        "34": EventKind.RECORDING_READY,
    }
    bare = event(kinds[kind], ENDED)
    message = rendered(bare, of=binding(user_data="u") if with_binding else None)
    table = set(recorded(f"callback-{kind}")["table"])
    # The example of an SMS has no userData where there is none.
    assert set(message) == table - ({"userData"} if kind == "33" and not with_binding else set())
    assert message["eventType"] == kind
    assert {type(value) for value in message.values()} == {str}
    assert message["bindId"] == ("1" if with_binding else "")


def test_an_answered_call_lasts_from_answer_to_end() -> None:
    end, call, message = call_of_the_document(released_by=Party.CALLEE)
    answered = of_message(EventKind.CALL_ANSWERED, ENDED - 9_001, message)
    told = rendered(end, [answered, *call], of=bound(message))
    assert told["callTime"] == "20191227185333"
    assert told["startTime"] == "20191227185337"
    assert told["finishTime"] == "20191227185347"
    assert (told["finishType"], told["finishState"]) == ("2", "2")
    assert told["callDuration"] == "10"


@pytest.mark.parametrize(
    ("answered_ms", "ended_ms", "duration"),
    [(0, 0, "0"), (0, 999, "0"), (999, 1000, "1"), (0, 59_999, "59"), (1, 60_000, "60")],
)
def test_a_duration_is_the_difference_of_the_times_that_are_told(
    answered_ms: int, ended_ms: int, duration: str
) -> None:
    end = event(EventKind.CALL_ENDED, ENDED + ended_ms, binding="1", released_by=Party.CALLER)
    answered = event(EventKind.CALL_ANSWERED, ENDED + answered_ms)
    told = rendered(end, [answered], of=binding())
    assert told["callDuration"] == duration
    start, finish = (
        datetime.strptime(told[name], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        for name in ("startTime", "finishTime")
    )
    assert (finish - start).total_seconds() == int(duration)


def test_a_rejected_stranger_is_told_without_binding_or_callee() -> None:
    end = event(
        EventKind.CALL_ENDED,
        ENDED,
        number="8618413277972",
        caller=Subscriber("447700900001"),
        rejected=RejectReason.THIRD_PARTY,
        released_by=Party.PLATFORM,
    )
    told = rendered(end)
    assert (told["callNo"], told["peerNo"]) == ("447700900001", "")
    assert (told["phoneX"], told["bindId"], told["userData"]) == ("8618413277972", "", "")
    assert (told["finishType"], told["finishState"], told["callDuration"]) == ("0", "0", "0")


@pytest.mark.parametrize(
    ("result", "number"),
    [
        (SmsResult.OK, "1"),
        (SmsResult.FAILED, "0"),
        (SmsResult.TIMEOUT, "2"),
        (SmsResult.NUMBER_FAULT, "3"),
        (SmsResult.UNSUPPORTED, "5"),
        (SmsResult.REJECTED, "6"),
        (SmsResult.EXPIRED, "7"),
        (SmsResult.PLATFORM_ERROR, "9"),
        (SmsResult.TOO_FREQUENT, "19"),
        (SmsResult.FORBIDDEN_WORD, "20"),
        (SmsResult.FORBIDDEN_TEXT, "21"),
        (None, "1"),
    ],
)
def test_sms_results(result: SmsResult | None, number: str) -> None:
    sent = event(EventKind.SMS_SENT, ENDED, sms_result=result)
    assert rendered(sent, of=binding())["smsResult"] == number


def test_user_data_travels_as_it_is() -> None:
    end = event(EventKind.CALL_ENDED, ENDED, binding="1")
    assert rendered(end, of=binding(user_data='订单 "1"\\ & 𝄞'))["userData"] == '订单 "1"\\ & 𝄞'


def test_a_kind_that_nobody_is_told_of_has_no_message() -> None:
    with pytest.raises(ValueError, match="no callback"):
        rendered(event(EventKind.CALL_RINGING, 1))


def test_a_callback_is_signed_over_its_very_bytes_with_the_current_secret() -> None:
    told = event(EventKind.CALL_ENDED, ENDED, binding="1")
    headers, body = message(
        Format(Known(DEMO)), told, [told], binding=binding(user_data="订单"), now=NOW
    )
    digest = hashlib.md5(body).hexdigest()  # noqa: S324
    signed = hashlib.sha1(f"current{digest}{NOW}".encode()).hexdigest()  # noqa: S324
    assert headers == {
        "Content-Type": "application/json",
        "AppKey": "the-app-key",
        "CurTime": str(NOW),
        "MD5": digest,
        "CheckSum": signed,
    }
    # Every header that the document shows, and the AppKey.
    assert set(headers) == set(recorded("callback-32")["headers"]) | {"AppKey"}


def signature(secret: str, body: bytes) -> str:
    """CheckSum as VENDOR_FACTS.md has it."""
    digest = hashlib.md5(body).hexdigest()  # noqa: S324
    return hashlib.sha1(f"{secret}{digest}{NOW}".encode()).hexdigest()  # noqa: S324


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        (("current", "previous"), ["current", "previous", "current", "previous"]),
        (("current",), ["current", "current", "current", "current"]),
    ],
)
def test_attempts_take_the_valid_secrets_in_turn(
    secrets: tuple[str, ...], expected: list[str]
) -> None:
    dialect = Format(Known(AppCredentials("demo", "the-app-key", secrets)))
    end = event(EventKind.CALL_ENDED, ENDED, binding="1")
    for attempt, secret in enumerate(expected):
        headers, body = message(dialect, end, [end], attempt=attempt, now=NOW)
        assert headers["CheckSum"] == signature(secret, body)


def test_an_address_is_tried_with_an_empty_object_signed_like_a_callback() -> None:
    headers, body = check(DEMO, now=NOW)
    assert body == b"{}"
    assert headers == {
        "Content-Type": "application/json",
        "AppKey": "the-app-key",
        "CurTime": str(NOW),
        "MD5": hashlib.md5(body).hexdigest(),  # noqa: S324
        "CheckSum": signature("current", body),
    }


def test_an_app_without_credentials_can_not_be_told() -> None:
    told = event(EventKind.CALL_ENDED, ENDED)
    with pytest.raises(Unavailable):
        message(Format(Known()), told, [told], now=NOW)


def test_all_outcomes_can_be_told() -> None:
    # finishState 8, 21 and 50 are only a carrier's own words (numbers, trials, captchas).
    causes = {1, 2, 17, 18, 20, 21, 27, 50, 55, 127, None}
    states = set()
    for cause in causes:
        for by in Party:
            end = event(EventKind.CALL_ENDED, ENDED, binding="1", cause=cause, released_by=by)
            answered = event(EventKind.CALL_ANSWERED, ENDED)
            states.add(rendered(end, of=binding())["finishState"])
            states.add(rendered(end, [answered], of=binding())["finishState"])
    for reason in RejectReason:
        end = event(EventKind.CALL_ENDED, ENDED, rejected=reason)
        states.add(rendered(end)["finishState"])
    assert states == {str(n) for n in range(15) if n != 8}


def test_what_a_carrier_itself_says_of_an_end_is_told_as_it_is() -> None:
    told = {Outcome.NUMBER_FAULT: "8", Outcome.TEST_QUOTA: "21", Outcome.CAPTCHA_FAILED: "50"}
    for outcome, state in told.items():
        end = event(EventKind.CALL_ENDED, ENDED, outcome=outcome, cause=16)
        assert rendered(end, of=binding())["finishState"] == state


@pytest.mark.parametrize(
    ("known", "told"),
    [
        # A word of the vendor's own, also one that is in no table and one that two outcomes share.
        ({"result": "77", "result_of": "netease", "outcome": Outcome.PLATFORM_ERROR}, ("77", "0")),
        ({"result": "12", "result_of": "netease", "outcome": Outcome.SUSPENDED}, ("12", "0")),
        # Another vendor's is told by its outcome.
        ({"result": "17", "result_of": "interline", "outcome": Outcome.BUSY}, ("5", "0")),
        # Nobody said who hung up, and nobody is made up.
        ({"answered": ENDED - 9_000, "binding": "1", "cause": 16}, ("1", "0")),
        ({"answered": ENDED - 9_000, "binding": "1", "cause": 38}, ("7", "0")),
        (
            {"answered": ENDED - 9_000, "binding": "1", "released_by": Party.LIMIT},
            ("10", "0"),
        ),
        ({"rejected": RejectReason.UNAVAILABLE}, ("7", "0")),
        ({"cause": 38}, ("7", "0")),
    ],
)
def test_how_an_end_is_told(known: dict[str, Any], told: tuple[str, str]) -> None:
    message = rendered(event(EventKind.CALL_ENDED, ENDED, **known))
    assert (message["finishState"], message["finishType"]) == told


def test_the_vendors_own_result_of_a_message_is_told_as_it_came() -> None:
    own = {"sms_result": SmsResult.FAILED, "result": "77", "result_of": "netease"}
    assert rendered(event(EventKind.SMS_SENT, ENDED, **own))["smsResult"] == "77"


def test_a_duration_that_the_carrier_tells_wins() -> None:
    end = event(EventKind.CALL_ENDED, ENDED, binding="1", answered=ENDED + 5_000, talked_s=30)
    assert rendered(end)["callDuration"] == "30"
