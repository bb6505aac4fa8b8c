"""A rotated AppSecret overlaps: a receiver that knows one of the two is told, at once."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from admin import provision
from tests.receivers import Receiver, receiver
from tests.stage import X1, Client, Stage
from tests.workers import deliver

ENDED = {"event_id": "e1", "type": "call.ended", "call_id": "c1", "at": 1_000, "to": X1}


class Knows:
    """A receiver's check of the signature, by the formula of VENDOR_FACTS.md, with one secret."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __call__(self, headers: dict[str, str], body: bytes) -> int:
        digest = hashlib.md5(body).hexdigest()  # noqa: S324
        signed = f"{self.secret}{digest}{headers['CurTime']}".encode()
        right = hashlib.sha1(signed).hexdigest() == headers["CheckSum"]  # noqa: S324
        return 200 if right and headers["MD5"] == digest else 401


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as listens:
        yield listens


def report(stage: Stage) -> None:
    """A call ends, and a worker is told of it."""
    signed = base64.b64encode(f"pbx:{stage.switch()}".encode()).decode()
    headers = {"Authorization": f"Basic {signed}", "Content-Type": "application/json"}
    assert stage.send("/switch/events", headers=headers, body=json.dumps([ENDED])).status == 200


def rotated(stage: Stage, inbox: Receiver, **more: Any) -> tuple[str, str]:
    """The new secret of an app and the one before it."""
    demo: Client = stage.app(callback_url=inbox.url, **more)
    return provision.rotate_app_secret("demo"), demo.secret


def test_a_receiver_with_the_new_secret_is_told_the_first_time(
    stage: Stage, inbox: Receiver
) -> None:
    new, _ = rotated(stage, inbox)
    inbox.judge = Knows(new)
    report(stage)
    deliver(stage.messages())
    assert (len(inbox.received), stage.deliveries()) == (1, ["delivered"])


def test_a_receiver_with_the_old_secret_is_told_by_the_retry_at_once(
    stage: Stage, inbox: Receiver
) -> None:
    _, old = rotated(stage, inbox)
    inbox.judge = Knows(old)
    report(stage)
    deliver(stage.messages())
    assert (len(inbox.received), stage.deliveries()) == (1, ["pending"])
    deliver(stage.messages())
    assert (len(inbox.received), stage.deliveries()) == (2, ["delivered"])
    first, second = (body for _, body in inbox.received)
    assert first == second


def test_a_receiver_with_another_secret_is_not(stage: Stage, inbox: Receiver) -> None:
    rotated(stage, inbox)
    inbox.judge = Knows("nobody's")
    report(stage)
    for _ in range(2):
        deliver(stage.messages())
    assert (len(inbox.received), stage.deliveries()) == (2, ["pending"])
