"""CloudEvents: what each says, and that the public library takes its signatures."""

import base64
import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.carriers.cloudevents.callbacks_out import Format
from chalicelib.carriers.registry import EventFormatRegistry, endpoint_check
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import (
    Event,
    EventKind,
    Outcome,
    Party,
    PlacedEnd,
    PlacedLeg,
    RejectReason,
    SmsResult,
)
from chalicelib.core.errors import Unavailable
from chalicelib.core.subscribers import Subscriber
from tests.carriers.dialects import KEY, Known, message
from tests.conventions import plus, rfc
from tests.core.samples import app_with, binding, event

NOW = 1_768_464_100_123
AT = 1_768_464_075_007
A, B = Subscriber("447700900001"), Subscriber("447700900002")
X = "8610000000001"
BOUND = binding(id="12202601151600000123456789", number=X, user_data="订单 1")
NEW, OLD = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))


def dialect(*secrets: str) -> Format:
    return Format(Known(secrets={"demo": secrets or (NEW,)}))


def told(
    of: Event, *call: Event, to: Binding | None = BOUND, **more: Any
) -> tuple[dict[str, str], bytes]:
    headers, body = message(
        dialect(*more.pop("secrets", ())), of, [*call, of], binding=to, **{"now": NOW} | more
    )
    return dict(headers), body


def envelope(of: Event, *call: Event, to: Binding | None = BOUND) -> dict[str, Any]:
    _, body = told(of, *call, to=to)
    parsed: dict[str, Any] = json.loads(body)
    return parsed


def data(of: Event, *call: Event, to: Binding | None = BOUND) -> dict[str, Any]:
    """What it says beyond the members that all have."""
    common = {"call", "call_id", "binding", "user_data", "number", "caller", "callee", "at"}
    said: dict[str, Any] = envelope(of, *call, to=to)["data"]
    assert common <= said.keys()
    return {name: value for name, value in said.items() if name not in common}


def of_kind(kind: EventKind, at: int = AT, **more: Any) -> Event:
    values = {"call_id": "c-1", "binding": BOUND.id, "number": X, "caller": A, "callee": B}
    return event(kind, at, **values | more)


def test_the_envelope() -> None:
    end = envelope(of_kind(EventKind.CALL_ENDED))
    assert end.pop("data")
    assert end == {
        "specversion": "1.0",
        "id": KEY.id,
        "source": "/apps/demo",
        "type": "masking.call.ended.v1",
        "time": "2026-01-15T08:01:15.007Z",
        "subject": BOUND.id,
        "datacontenttype": "application/json",
    }


def test_the_headers() -> None:
    headers, _ = told(of_kind(EventKind.CALL_ENDED))
    assert headers.pop("webhook-signature").startswith("v1,")
    assert headers == {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "webhook-id": KEY.id,
        "webhook-timestamp": str(NOW // 1000),
    }


def test_what_all_say() -> None:
    assert envelope(of_kind(EventKind.CALL_STARTED))["data"] == {
        "call": KEY.call,
        "call_id": "c-1",
        "binding": BOUND.id,
        "user_data": "订单 1",
        "number": plus(X),
        "caller": plus(A.digits),
        "callee": plus(B.digits),
        "at": rfc(AT),
    }


def test_what_is_not_known_is_null_and_without_a_binding_there_is_no_subject() -> None:
    said = envelope(event(EventKind.CALL_STARTED, AT), to=None)
    assert "subject" not in said
    unknown = {name for name, value in said["data"].items() if value is None}
    assert unknown == {"binding", "user_data", "number", "caller", "callee"}


def test_a_binding_that_is_not_the_apps_is_not_named() -> None:
    said = envelope(of_kind(EventKind.CALL_STARTED, binding="somebody's"), to=None)
    assert said["data"]["binding"] is None


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_768_464_075_999, "2026-01-15T08:01:15.999Z"),
        (4_102_444_800_001, "2100-01-01T00:00:00.001Z"),
    ],
)
def test_times_have_milliseconds(at: int, text: str) -> None:
    assert envelope(of_kind(EventKind.CALL_RINGING, at))["time"] == text


def test_an_end_brings_the_whole_record() -> None:
    earlier = [
        of_kind(EventKind.CALL_STARTED, AT - 20_000),
        of_kind(EventKind.CALL_RINGING, AT - 18_000),
        of_kind(EventKind.CALL_ANSWERED, AT - 9_000),
    ]
    end = of_kind(EventKind.CALL_ENDED, cause=16, released_by=Party.CALLEE, result="answered")
    assert data(end, *earlier) == {
        "started": rfc(AT - 20_000),
        "ringing": rfc(AT - 18_000),
        "answered": rfc(AT - 9_000),
        "ended": rfc(AT),
        "talked_s": 9,
        "released_by": "callee",
        "outcome": Outcome.CALLEE_HUNG_UP,
        "rejected": None,
        "cause": 16,
        "result": "answered",
    }


def test_a_stranger_who_was_rejected() -> None:
    rejected = of_kind(
        EventKind.CALL_ENDED, binding=None, callee=None, rejected=RejectReason.THIRD_PARTY
    )
    said = data(rejected, to=None)
    assert (said["rejected"], said["outcome"]) == ("third_party", "no_binding")
    assert (said["answered"], said["talked_s"]) == (None, 0)


def test_a_message() -> None:
    sms = of_kind(EventKind.SMS_SENT, sms_result=SmsResult.OK, text="到了")
    assert data(sms) == {"sms_result": "ok", "text": "到了"}


def test_a_recording() -> None:
    ready = of_kind(EventKind.RECORDING_READY, url="https://gateway.example/v1/r", md5="0" * 32)
    assert data(ready) == {"url": "https://gateway.example/v1/r", "md5": "0" * 32}


@pytest.mark.parametrize("kind", [EventKind.RECORDING_FAILED, EventKind.CALL_GAP])
def test_what_is_missing_says_why(kind: EventKind) -> None:
    assert data(of_kind(kind, result="no_end")) == {"result": "no_end"}


def test_a_placed_call_and_a_conference() -> None:
    placed = PlacedEnd(
        conference=False,
        account="clerk",
        caller=A,
        parties=(A, B),
        created=AT - 30_000,
        started=AT - 12_000,
        duration_s=12,
        status="success",
        legs=(PlacedLeg(B, AT, 16),),
    )
    end = event(EventKind.PLACED_ENDED, AT, caller=A, placed=placed)
    assert data(end, to=None) == {
        "conference": False,
        "account": "clerk",
        "parties": [plus(A.digits), plus(B.digits)],
        "created": rfc(AT - 30_000),
        "started": rfc(AT - 12_000),
        "ended": rfc(AT),
        "talked_s": 12,
        "result": "success",
        "legs": [{"party": plus(B.digits), "ended": rfc(AT), "cause": 16}],
    }
    assert envelope(end, to=None)["data"]["caller"] == plus(A.digits)


def test_every_kind_has_a_type_of_its_own_but_the_unknown_one() -> None:
    kinds = set(EventKind) - {EventKind.UNKNOWN}
    assert dialect().kinds == kinds
    types = {envelope(of_kind(kind))["type"] for kind in kinds}
    assert len(types) == len(kinds)
    assert all(re.fullmatch(r"masking(\.[a-z]+){2}\.v1", each) for each in types)
    with pytest.raises(ValueError, match="no words"):
        envelope(of_kind(EventKind.UNKNOWN))


def test_the_public_library_takes_the_signature_of_every_kind() -> None:
    now = round(time.time() * 1000)
    for kind in dialect().kinds:
        headers, body = told(of_kind(kind), now=now)
        assert Webhook(NEW).verify(body, headers) == json.loads(body)


def test_a_rotated_secret_overlaps() -> None:
    headers, body = told(
        of_kind(EventKind.CALL_ENDED), secrets=(NEW, OLD), now=round(time.time() * 1000)
    )
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(body, headers)
    first, second = headers["webhook-signature"].split(" ")
    assert Webhook(NEW).verify(body, {**headers, "webhook-signature": first})
    assert Webhook(OLD).verify(body, {**headers, "webhook-signature": second})


@pytest.mark.parametrize(
    ("secret", "change", "body"),
    [
        (OLD, {}, None),
        (NEW, {"webhook-id": f"{'d' * 22}.{'e' * 22}"}, None),
        (NEW, {"webhook-timestamp": "1"}, None),
        (NEW, {}, b"{}"),
    ],
)
def test_what_was_tampered_with_is_not_taken(
    secret: str, change: dict[str, str], body: bytes | None
) -> None:
    headers, sent = told(of_kind(EventKind.CALL_ENDED), now=round(time.time() * 1000))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body or sent, headers | change)


def test_a_repeat_says_the_same_under_the_same_id() -> None:
    end = of_kind(EventKind.CALL_ENDED)
    first, again = told(end), told(end, attempt=3, now=NOW + 60_000)
    assert first[1] == again[1]
    assert first[0]["webhook-id"] == again[0]["webhook-id"]
    assert first[0]["webhook-timestamp"] != again[0]["webhook-timestamp"]


def test_any_success_will_do_and_an_address_is_not_tried() -> None:
    known = Known(secrets={"demo": (NEW,)})
    made = EventFormatRegistry(known).of(replace(app_with({}), event_format="cloudevents"))
    assert isinstance(made, Format)
    assert made.any_success
    assert endpoint_check("cloudevents") is None


def test_an_app_without_a_secret_can_not_be_told() -> None:
    with pytest.raises(Unavailable):
        message(Format(Known()), of_kind(EventKind.CALL_ENDED), [], now=NOW)
