"""Recordings as apps get them: by a short-lived link, after their own authentication."""

import hashlib
from typing import Any

import pytest
import requests

from chalicelib.wiring.calls import Calls
from tests.carriers.switch.conftest import Pbx
from tests.conventions import rfc
from tests.rest.backend import BUCKET, Backend, Recordings, is_problem, s3, transfer, whole
from tests.stage import X1, A, Clock, Stage

SOUND = bytes(range(256)) * 40
DAY = 86_400_000


@pytest.fixture
def ready(demo: Backend, pbx: Pbx, kept: Recordings, clock: Clock) -> None:
    kept.files["/c.wav"] = SOUND
    pbx.report(
        {
            "type": "recording.ready",
            "event_id": "r",
            "call_id": "c",
            "at": clock.now,
            "url": f"{kept.url}/c.wav",
            "to": X1,
            "from": A,
        }
    )


def recording(demo: Backend) -> dict[str, Any]:
    (record,) = demo.records()
    (found,) = record["recordings"]
    return dict(found)


@pytest.mark.usefixtures("ready")
def test_a_link_that_gives_the_file(stage: Stage, demo: Backend) -> None:
    assert transfer(stage.messages("transfer")) == []
    path = f"/v1/recordings/{recording(demo)['id']}"
    answer = demo.get(path)
    assert (answer.status, answer.text) == (302, "")
    assert answer.headers["Cache-Control"] == "no-store"
    assert requests.get(answer.headers["Location"], timeout=5).content == SOUND
    told = demo.get(f"{path}?redirect=no")
    assert told.json.keys() == {"url", "expires_in_s"}
    assert told.json["expires_in_s"] == 300
    assert requests.get(told.json["url"], timeout=5).content == SOUND
    assert "X-Amz-Expires=300" in told.json["url"]


@pytest.mark.usefixtures("ready")
def test_not_before_it_is_here(stage: Stage, demo: Backend) -> None:
    found = recording(demo)
    assert (found["state"], found["url"], found["size"]) == ("fetching", None, None)
    answer = demo.get(f"/v1/recordings/{found['id']}")
    is_problem(answer, 409, "not-ready")
    assert int(answer.headers["Retry-After"]) > 0
    transfer(stage.messages("transfer"))
    assert demo.get(f"/v1/recordings/{found['id']}").status == 302


@pytest.mark.usefixtures("ready")
def test_not_any_more(stage: Stage, demo: Backend, clock: Clock) -> None:
    transfer(stage.messages("transfer"))
    found = recording(demo)
    assert found["expires"] == rfc(clock.now + 180 * DAY)
    clock.now += 180 * DAY - 1
    assert demo.get(f"/v1/recordings/{found['id']}").status == 302
    clock.now += 1
    is_problem(demo.get(f"/v1/recordings/{found['id']}"), 410, "gone")
    answer = demo.get(f"/v1/records/{found['id'].partition('.')[0]}").json
    (shown,) = answer["recordings"]
    assert (shown["state"], shown["url"]) == ("expired", None)


def test_what_never_came_is_gone_and_counted(
    stage: Stage,
    demo: Backend,
    pbx: Pbx,
    kept: Recordings,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # An address that is refused for what it says: no repeat can mend that.
    url = kept.url.replace("http://", "http://somebody@") + "/c.wav"
    pbx.report(
        {
            "type": "recording.ready",
            "event_id": "r",
            "call_id": "c",
            "at": clock.now,
            "url": url,
            "to": X1,
            "from": A,
        }
    )
    assert transfer(stage.messages("transfer")) == []
    assert kept.asked == []
    assert '"RecordingFailed"' in capsys.readouterr().out
    found = recording(demo)
    assert (found["state"], found["url"]) == ("lost", None)
    is_problem(demo.get(f"/v1/recordings/{found['id']}"), 410, "gone")
    # Whoever knows better may ask for it again.
    assert demo.post(f"/v1/events/{found['id']}/redeliver").status == 202
    assert recording(demo)["state"] == "fetching"
    assert len(stage.messages("transfer")) == 1


@pytest.mark.usefixtures("ready")
def test_a_foreign_one_is_an_unknown_one(stage: Stage, demo: Backend, other: Backend) -> None:
    transfer(stage.messages("transfer"))
    own = recording(demo)["id"]
    wrong = [own, own.partition(".")[0], f"{own}x", own.swapcase(), "x", f"{'a' * 22}.{'a' * 22}"]
    answers = [other.get(f"/v1/recordings/{each}") for each in wrong]
    assert all(is_problem(each, 404, "unknown") for each in answers)
    assert len(set(map(whole, answers))) == 1
    assert demo.get(f"/v1/recordings/{own}").status == 302


def test_an_event_that_is_no_recording(demo: Backend, pbx: Pbx, clock: Clock) -> None:
    from chalicelib.core.calls.search import Search
    from chalicelib.wiring.gateway import gateway

    pbx.report({"type": "call.ended", "event_id": "e", "call_id": "c", "at": clock.now, "to": X1})
    search = Search("demo", clock.now - DAY, clock.now + DAY)
    (call,) = gateway().shared(Calls).store.find(search, limit=1).calls
    (stored,) = call.stored
    is_problem(demo.get(f"/v1/recordings/{stored.key.id}"), 404, "unknown")


@pytest.mark.usefixtures("ready")
def test_a_question_that_can_not_be_meant(stage: Stage, demo: Backend) -> None:
    transfer(stage.messages("transfer"))
    path = f"/v1/recordings/{recording(demo)['id']}"
    is_problem(demo.get(f"{path}?redirect=maybe"), 400, "bad-parameter")
    is_problem(demo.get(f"{path}?follow=no"), 400, "bad-parameter")


@pytest.mark.usefixtures("ready")
def test_its_name_tells_nothing_of_anybody(stage: Stage, demo: Backend) -> None:
    transfer(stage.messages("transfer"))
    (file,) = s3().list_objects_v2(Bucket=BUCKET)["Contents"]
    assert file["Key"] == f"recordings/180/demo/{recording(demo)['id']}"
    body = s3().get_object(Bucket=BUCKET, Key=file["Key"])["Body"].read()
    assert hashlib.sha256(body).digest() == hashlib.sha256(SOUND).digest()
