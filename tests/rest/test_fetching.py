"""Recordings are fetched by one worker at a time, and however the worker ends."""

import hashlib
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.retries import RECORDING_RETRIES_S
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx
from tests.egress.servers import listening, request
from tests.rest.backend import PLENTY_MS, Backend, Recordings, s3, switch, transfer
from tests.stage import X1, A, Clock, Stage

HOUR_MS = 3_600_000
SOUND, OTHER_SOUND = b"RIFF" + b"one" * 1000, b"RIFF" + b"another" * 1000


class Died(BaseException):
    """The process is gone."""


def whole(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


def report(pbx: Pbx, clock: Clock, url: str, **more: Any) -> None:
    ready = {"type": "recording.ready", "event_id": "r", "call_id": "c", "to": X1, "from": A}
    pbx.report(ready | {"at": clock.now, "url": url} | more)


def shown(demo: Backend) -> dict[str, Any]:
    (record,) = demo.records(f"number={X1}")
    (recording,) = record["recordings"]
    return dict(recording)


def given_out(demo: Backend) -> bytes:
    """The file, which is what the record says of it."""
    recording = shown(demo)
    link = demo.get(f"/v1/recordings/{recording['id']}").headers["Location"]
    content = requests.get(link, timeout=5).content
    told = (recording["size"], recording["md5"])
    assert told == (len(content), hashlib.md5(content).hexdigest())  # noqa: S324
    return content


def follow_up(clock: Clock) -> int:
    """A turn of the schedule: how many recordings it sent for."""
    return gateway().shared(schedules.follow_up).run(now=clock.now, time_left=lambda: True).fetched


def test_two_workers_at_once(stage: Stage, demo: Backend, clock: Clock) -> None:
    """The one that is late overwrites nothing."""

    def script(connection: socket.socket, number: int) -> None:
        request(connection)
        if number == 1:
            # While the first one waits for its answer.
            clock.now += 2 * GRACE_MS
            follow_up(clock)
            transfer([*stage.messages("transfer"), *messages])
        connection.sendall(whole(SOUND if number == 1 else OTHER_SOUND))

    with listening(script) as server:
        pbx = switch(stage, f"127.0.0.1:{server.port}")
        report(pbx, clock, server.url)
        messages = stage.messages("transfer")
        assert transfer(messages) == []
        assert given_out(demo) == SOUND
        assert server.connections == 1


@pytest.fixture
def ready(demo: Backend, pbx: Pbx, kept: Recordings, clock: Clock) -> None:
    kept.files["/c.wav"] = SOUND
    report(pbx, clock, f"{kept.url}/c.wav")


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Callable[[], None]:
    """S3 does not store anything, until what is returned is called."""

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(s3(), "put_object", fail)
    return lambda: monkeypatch.delattr(s3(), "put_object")


@pytest.mark.usefixtures("ready")
def test_one_that_died_is_succeeded(
    stage: Stage, demo: Backend, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = stage.messages("transfer")
    heal = failing(monkeypatch, Died())
    with pytest.raises(Died):
        transfer(messages)
    heal()
    clock.now += PLENTY_MS
    assert follow_up(clock) == 0
    clock.now += GRACE_MS
    assert follow_up(clock) == 1
    assert transfer(stage.messages("transfer")) == []
    assert given_out(demo) == SOUND


@pytest.mark.usefixtures("ready")
def test_a_bucket_that_is_down_is_asked_again_soon(
    stage: Stage, demo: Backend, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = stage.messages("transfer")
    heal = failing(monkeypatch, ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"))
    assert transfer(messages) == messages
    assert shown(demo)["state"] == "fetching"
    heal()
    clock.now += GRACE_MS
    assert follow_up(clock) == 1
    assert transfer(stage.messages("transfer")) == []
    assert given_out(demo) == SOUND


def test_the_tries_end(
    stage: Stage, demo: Backend, pbx: Pbx, kept: Recordings, clock: Clock
) -> None:
    report(pbx, clock, f"{kept.url}/none.wav")
    transfer(stage.messages("transfer"))
    for _ in range(60):
        clock.now += HOUR_MS
        follow_up(clock)
        transfer(stage.messages("transfer"))
    assert len(kept.asked) == 1 + len(RECORDING_RETRIES_S)
    assert shown(demo)["state"] == "lost"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "HTTP 404"),
        (b"", "empty"),
        (b"<html>being prepared</html>", "a text, not a recording"),
        (b'{"code": 404}', "a text, not a recording"),
    ],
)
def test_why_it_failed_is_in_the_log_each_time(
    stage: Stage,
    demo: Backend,
    pbx: Pbx,
    kept: Recordings,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    content: bytes | None,
    why: str,
) -> None:
    if content is not None:
        kept.files["/861000001234.wav"] = content
    report(pbx, clock, f"{kept.url}/861000001234.wav")
    for _ in range(60):
        transfer(stage.messages("transfer"))
        clock.now += HOUR_MS
        follow_up(clock)
    lines = [vars(each) for each in caplog.records if each.message == "fetch failed"]
    assert [(line["why"], line["final"]) for line in lines] == [(why, False)] * len(kept.asked)
    assert len(kept.asked) == 1 + len(RECORDING_RETRIES_S)
    assert "861000001234" not in str(lines)
    assert shown(demo)["state"] == "lost"
