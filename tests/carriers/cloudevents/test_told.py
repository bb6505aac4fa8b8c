"""From a switch's report to an app's receiver, which verifies with the public library."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from admin import receivers
from chalicelib.clock import now_ms
from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.calls.model import Task
from chalicelib.core.webhooks.policy import NOT_READY_S
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from chalicelib.wiring.records import Records
from tests.conventions import plus, rfc
from tests.owners import set_secret
from tests.receivers import Receiver, receiver
from tests.stage import X1, A, B, Stage
from tests.workers import deliver

CALL = ("call.started", "call.ringing", "call.answered", "call.ended")


class Verifies:
    """A receiver that knows one secret, and answers 204 to what that one signed."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)

    def __call__(self, headers: dict[str, str], body: bytes) -> int:
        try:
            self._webhook.verify(body, headers)
        except WebhookVerificationError:
            return 401
        return 204


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as listens:
        yield listens


def report(stage: Stage, *kinds: str, since: tuple[int, ...] = (0,)) -> None:
    """What a switch saw of one call, at one second after the other; of one for each `since`."""
    signed = base64.b64encode(f"pbx:{stage.switch()}".encode()).decode()
    headers = {"Authorization": f"Basic {signed}", "Content-Type": "application/json"}
    parties = {"call_id": "c1", "from": A, "to": X1, "callee": B}
    events: list[dict[str, Any]] = [
        {"event_id": f"{kind} {at}", "type": kind, "at": at + 1000 * n, **parties}
        for at in since
        for n, kind in enumerate(kinds, 1)
    ]
    assert stage.send("/switch/events", headers=headers, body=json.dumps(events)).status == 200


def test_every_event_of_a_call_is_told_once(stage: Stage, inbox: Receiver) -> None:
    stage.app(event_format="cloudevents", callback_url=inbox.url)
    inbox.judge = Verifies(receivers.secret_of("demo"))
    report(stage, *CALL)
    deliver(stage.messages())
    assert stage.deliveries() == ["delivered"] * 4
    assert {body["type"] for body in inbox.bodies()} == {f"masking.{kind}.v1" for kind in CALL}
    ids = [body["id"] for body in inbox.bodies()]
    assert len(set(ids)) == 4
    assert ids == [headers["webhook-id"] for headers, _ in inbox.received]
    (end,) = (body for body in inbox.bodies() if body["type"] == "masking.call.ended.v1")
    assert end["source"] == "/apps/demo"
    assert (end["data"]["started"], end["data"]["answered"], end["data"]["ended"]) == (
        rfc(1000),
        rfc(3000),
        rfc(4000),
    )
    assert (end["data"]["caller"], end["data"]["number"]) == (plus(A), plus(X1))


def test_the_call_that_is_named_has_the_record_also_where_its_id_was_used_before(
    stage: Stage, inbox: Receiver
) -> None:
    stage.app(event_format="cloudevents", callback_url=inbox.url, wants=["call.ended"])
    report(stage, *CALL, since=(0, 600_000))
    deliver(stage.messages())
    for body in inbox.bodies():
        found = gateway().shared(Records).archive.get("demo", body["data"]["call"], now=now_ms())
        assert rfc(found.record.started) == body["data"]["started"]
    assert len({body["data"]["call"] for body in inbox.bodies()}) == 2


def test_what_is_not_wanted_is_not_told(stage: Stage, inbox: Receiver) -> None:
    stage.app(event_format="cloudevents", callback_url=inbox.url, wants=["call.answered"])
    report(stage, *CALL)
    deliver(stage.messages())
    assert [body["type"] for body in inbox.bodies()] == ["masking.call.answered.v1"]
    assert stage.deliveries() == ["delivered", "kept", "kept", "kept"]


@pytest.mark.parametrize("knows", [0, 1, 2])
def test_a_rotated_secret_overlaps(stage: Stage, inbox: Receiver, knows: int) -> None:
    stage.app(event_format="cloudevents", callback_url=inbox.url)
    secrets = [receivers.secret_of("demo"), receivers.rotate_secret("demo")]
    receivers.drop_previous_secret("demo")
    secrets.append(receivers.rotate_secret("demo"))
    inbox.judge = Verifies(secrets[knows])
    report(stage, "call.ended")
    deliver(stage.messages())
    # The one before the last two is not valid any more.
    assert stage.deliveries() == ["delivered" if knows else "pending"]
    assert len(inbox.received) == 1


def test_an_app_without_a_secret_is_told_once_it_has_one(stage: Stage, inbox: Receiver) -> None:
    stage.app(event_format="cloudevents", callback_url=inbox.url)
    kept = receivers.secret_of("demo")
    set_secret("app/demo", callback_secret=None)
    stage.forget()
    report(stage, "call.ended")
    deliver(stage.messages())
    assert (inbox.received, stage.deliveries()) == ([], ["pending"])
    set_secret("app/demo", callback_secret=kept)
    stage.forget()
    # It was put off by a quarter of its age, which is no attempt.
    later = now_ms() + NOT_READY_S[1] * 1000 + GRACE_MS
    gateway().shared(schedules.follow_up).run(now=later, time_left=lambda: True)
    (message,) = stage.messages()
    gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=later)
    assert stage.deliveries() == ["delivered"]
    assert len(inbox.received) == 1
