"""Webhooks verified by the Python client, as the reference implementation signs them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from admin import event_examples
from masking_gateway import Event, WebhookVerificationError, WebhookVerifier

NOW = 1_768_464_000
CURRENT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PREVIOUS = "whsec_c2VjcmV0IG9mIGEgcmVjZWl2ZXIgb2Ygb25lcyBvd24="
EXAMPLES: dict[str, dict[str, Any]] = {
    kind: json.loads(text) for kind, text in event_examples.documents().items()
}


def signed(*secrets: str, body: str, message_id: str, at: int = NOW) -> dict[str, str]:
    moment = datetime.fromtimestamp(at, UTC)
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": " ".join(Webhook(s).sign(message_id, moment, body) for s in secrets),
    }


def verified(*secrets: str, body: str, headers: dict[str, str], now: int = NOW) -> Event:
    return WebhookVerifier(*secrets, now=lambda: now).verify(body.encode(), headers)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_each_kind_of_event_is_read(kind: str) -> None:
    example = EXAMPLES[kind]
    body = json.dumps(example)
    event = verified(
        CURRENT, body=body, headers=signed(CURRENT, body=body, message_id=example["id"])
    )
    assert (event.kind, event.id, event.test) == (kind, example["id"], False)
    assert event.members == example["data"]
    assert event.subject == example.get("subject")
    for name, value in example["data"].items():
        read = getattr(event.data, name)
        if isinstance(read, datetime):
            assert read == datetime.fromisoformat(value)
        elif isinstance(read, tuple):
            assert len(read) == len(value)
        else:
            assert read == value


@pytest.mark.parametrize("signing", [(CURRENT,), (PREVIOUS,), (PREVIOUS, CURRENT)])
@pytest.mark.parametrize("known", [(CURRENT, PREVIOUS), (PREVIOUS, CURRENT)])
def test_a_secret_is_rotated_without_a_gap(signing: tuple[str], known: tuple[str]) -> None:
    body = json.dumps(EXAMPLES["call.ended"])
    headers = signed(*signing, body=body, message_id=EXAMPLES["call.ended"]["id"])
    assert verified(*known, body=body, headers=headers).kind == "call.ended"


def test_while_both_sign_either_secret_does() -> None:
    body = json.dumps(EXAMPLES["call.ended"])
    headers = signed(CURRENT, PREVIOUS, body=body, message_id=EXAMPLES["call.ended"]["id"])
    for known in (CURRENT, PREVIOUS, CURRENT.removeprefix("whsec_")):
        assert verified(known, body=body, headers=headers).kind == "call.ended"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "another"),
        ("webhook-timestamp", str(NOW + 1)),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "\u0661"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,###"),
        ("webhook-signature", "v1,\u00e9"),
        ("webhook-signature", "v2,abcd"),
        ("webhook-signature", "  v1, ,"),
    ],
)
def test_what_was_changed_is_refused(name: str, value: str) -> None:
    example = EXAMPLES["call.ended"]
    body = json.dumps(example)
    given = signed(CURRENT, body=body, message_id=example["id"])
    headers = {each.lower(): text for each, text in given.items()}
    assert verified(CURRENT, body=body, headers=headers)
    with pytest.raises(WebhookVerificationError):
        verified(CURRENT, body=body, headers=headers | {name: value})
    with pytest.raises(WebhookVerificationError):
        verified(CURRENT, body=body, headers={n: v for n, v in headers.items() if n != name})


def test_another_body_or_secret_is_refused() -> None:
    example = EXAMPLES["call.ended"]
    body = json.dumps(example)
    headers = signed(CURRENT, body=body, message_id=example["id"])
    with pytest.raises(WebhookVerificationError):
        verified(CURRENT, body=body + " ", headers=headers)
    with pytest.raises(WebhookVerificationError):
        verified(PREVIOUS, body=body, headers=headers)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_is_too_old_or_from_the_future_is_refused(seconds: int) -> None:
    example = EXAMPLES["call.ended"]
    body = json.dumps(example)
    headers = signed(CURRENT, body=body, message_id=example["id"])
    assert verified(CURRENT, body=body, headers=headers, now=NOW + seconds * 300 // 301)
    with pytest.raises(WebhookVerificationError):
        verified(CURRENT, body=body, headers=headers, now=NOW + seconds)


@pytest.mark.parametrize("body", ["", "[]", "{}", "null", '{"id": "e", "data": 3}'])
def test_what_is_signed_but_no_event_is_refused(body: str) -> None:
    headers = signed(CURRENT, body=body, message_id="e")
    with pytest.raises(WebhookVerificationError):
        verified(CURRENT, body=body, headers=headers)


def test_the_id_in_the_header_is_the_events() -> None:
    body = json.dumps(EXAMPLES["call.ended"])
    with pytest.raises(WebhookVerificationError):
        verified(CURRENT, body=body, headers=signed(CURRENT, body=body, message_id="another"))


def test_members_that_are_added_later_do_no_harm() -> None:
    example = EXAMPLES["call.ended"]
    body = json.dumps({**example, "later": 1, "data": {**example["data"], "later": 1}})
    headers = signed(CURRENT, body=body, message_id=example["id"])
    assert verified(CURRENT, body=body, headers=headers).members["later"] == 1


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("whsec_\u00e9",), ("no base64!",)])
def test_a_secret_that_is_none_is_refused_without_showing_it(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret") as error:
        WebhookVerifier(*secrets)
    assert "no base64!" not in str(error.value)


def test_people_are_not_shown() -> None:
    example = EXAMPLES["call.ended"]
    body = json.dumps(example)
    headers = signed(CURRENT, body=body, message_id=example["id"])
    shown = repr(verified(CURRENT, body=body, headers=headers))
    assert example["data"]["caller"] not in shown
