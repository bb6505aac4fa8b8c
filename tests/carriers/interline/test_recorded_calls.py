"""A recorded call of interline's, told to an app of its format: one record, with our address of its
recording, and a second one only if the carrier named the recording later."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.carriers.interline.accounts import account_of
from tests.carriers.interline.developer import developer
from tests.carriers.interline.reports import RECORD, without
from tests.rest.backend import URL, recordings, set_up, transfer
from tests.stage import Receiver, Stage
from tests.workers import deliver

SOUND = b"RIFF" + bytes(range(256))


@pytest.fixture
def vendor(stage: Stage, receiver: Receiver) -> Any:
    """Posts a call record; hands on what follows from it, the sound included."""
    with recordings() as kept:
        kept.files |= {"/1.wav": SOUND, "/2.wav": SOUND}
        account_of(stage, "interline-1", recording_hosts=[kept.url.removeprefix("http://")])
        set_up(stage)
        told_as = developer(
            stage,
            "demo",
            numbers=[("8610000000001", None)],
            carrier="interline-1",
            callback_url=receiver.url,
        )
        told_as.change(event_format={"S": "interline"})
        stage.forget()

        def post(recording: str = "", **changed: str) -> list[dict[str, str]]:
            fields = without(RECORD, "recording", "userData") | changed
            fields |= {"recording": kept.url + recording} if recording else {}
            path = "/callbacks/interline/interline-1/token-interline-1/cdr"
            answer = stage.send(path, body=urlencode(fields).encode())
            assert (answer.status, answer.json) == (200, {"error": 0})
            before = len(receiver.got)
            deliver(stage.messages())
            assert transfer(stage.messages("transfer")) == []
            deliver(stage.messages())
            return [dict(parse_qsl(body.decode())) for _, _, body in receiver.got[before:]]

        yield post


def test_one_record_with_the_address_of_its_recording(vendor: Any) -> None:
    (told,) = vendor("/1.wav")
    assert told["taskid"] == "task-1"
    assert told["recording"].startswith(f"{URL}/v1/recordings/")
    assert vendor("/1.wav") == []


def test_the_record_does_not_wait_for_a_sound_that_is_not_there_yet(vendor: Any) -> None:
    (told,) = vendor("/not-there-yet.wav")
    assert told["recording"].startswith(f"{URL}/v1/recordings/")
    assert vendor() == []


def test_a_recording_that_is_named_later_is_told_with_the_record_again(
    stage: Stage, vendor: Any
) -> None:
    (first,) = vendor()
    assert "recording" not in first
    stage.clock.advance(s=60)
    (second,) = vendor("/2.wav")
    assert second == first | {"recording": second["recording"]}
    assert vendor("/2.wav") == []
    # It says what the other one has said: that a call was 65 seconds long.
    assert (second["taskid"], second["duration"]) == ("task-1", "65")
