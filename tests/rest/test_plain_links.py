"""Recordings by a plain GET: the links in callbacks of the vendors' formats open by themselves, for
a while, and nothing but such a link does."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests

from admin import developers, provision, receivers
from chalicelib.core.calls.model import Delivery, Progress, Task
from chalicelib.core.webhooks.policy import RETRIES_S, Result
from chalicelib.store.codec import attribute
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx, basic
from tests.rest.backend import URL, Backend, Recordings, is_problem, transfer, whole
from tests.stage import X1, A, Answer, B, Client, Clock, Receiver, Stage

SOUND = bytes(range(256)) * 40
DAY = 86_400_000
VENDORS = ("netease", "interline")


@pytest.fixture
def client(stage: Stage, receiver: Receiver) -> Client:
    """The app `demo`, which may be told in any format."""
    client = stage.app(callback_url=receiver.url)
    developers.create("demo")
    receivers.new_secret("demo")
    stage.forget()
    return client


def set_app(stage: Stage, **settings: Any) -> None:
    provision.set_app("demo", **settings)
    stage.forget()


@pytest.fixture
def reported(client: Client, pbx: Pbx, kept: Recordings, clock: Clock) -> None:
    """A call that was recorded."""
    kept.files["/c.wav"] = SOUND
    about = {"call_id": "c", "to": X1, "from": A, "callee": B}
    about |= {"binding": client.bind(record="1").json["bindId"]}
    start, end = clock.now - 60_000, clock.now - 1_000
    ended = {"reason": 16, "released_by": "caller"}
    pbx.report(
        {**about, "event_id": "1", "type": "call.started", "at": start},
        {**about, "event_id": "2", "type": "call.answered", "at": start + 5_000},
        {**about, "event_id": "3", "type": "call.ended", "at": end, **ended},
        {**about, "event_id": "4", "type": "recording.ready", "at": end, "url": f"{kept.url}/c.wav"}
        | {"md5": hashlib.md5(SOUND).hexdigest()},  # noqa: S324
    )


def told(stage: Stage, receiver: Receiver, *, now: int) -> str:
    """Lets everything be told; the address of the recording in the last callback that has one."""
    for message in stage.messages():
        assert (
            gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=now)
            is not Result.FAILED
        )
    return next(filter(None, map(address, reversed(receiver.got))))


def address(got: tuple[str, Any, bytes]) -> str | None:
    """Of a recording, in a callback of whatever format."""
    _, headers, body = got
    if headers["Content-Type"].startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode())).get("recording")
    message = json.loads(body)
    url: str | None = message.get("data", message).get("url")
    return url


def opened(stage: Stage, url: str, *, method: str = "GET", **headers: str) -> Answer:
    """Anybody's request."""
    assert url.startswith(URL)
    parts = urlsplit(url.removeprefix(URL))
    return stage.send(
        parts.path, method=method, headers=headers, query=parse_qs(parts.query) or None
    )


Link = Callable[..., str]


@pytest.fixture
def link(stage: Stage, reported: None, receiver: Receiver, clock: Clock) -> Link:
    """Lets the recording be fetched and told in a format; the link that the app is told."""

    def make(event_format: str = "netease") -> str:
        set_app(stage, event_format=event_format)
        assert transfer(stage.messages("transfer")) == []
        return told(stage, receiver, now=clock.now)

    return make


@pytest.mark.parametrize("event_format", VENDORS)
def test_a_vendors_link_opens_by_itself(stage: Stage, link: Link, event_format: str) -> None:
    answer = opened(stage, link(event_format))
    assert (answer.status, answer.text) == (302, "")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "X-Amz-Expires=300" in answer.headers["Location"]
    assert requests.get(answer.headers["Location"], timeout=5).content == SOUND


@pytest.mark.parametrize("event_format", VENDORS)
def test_who_asks_with_head_first_can_do_so(stage: Stage, link: Link, event_format: str) -> None:
    url = link(event_format)
    answer = opened(stage, url, method="HEAD")
    assert (answer.status, answer.text) == (302, "")
    with requests.head(answer.headers["Location"], timeout=5, stream=True) as head:
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(SOUND)))
    # The method is signed too: the file is asked for at its own address.
    assert answer.headers["Location"] != opened(stage, url).headers["Location"]
    assert answer.headers["Location"].partition("?")[0] in opened(stage, url).headers["Location"]


def test_the_link_holds_no_number_and_no_name(link: Link) -> None:
    url = link()
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    assert query.keys() == {"expires", "signature"}
    for secret in (A, B, X1, "demo", A[3:], B[3:]):
        assert secret not in url
    # 256 bits that only the data key knows.
    assert len(query["signature"][0].partition(".")[2]) == 43


def test_events_of_our_own_keep_the_address_that_wants_authentication(
    stage: Stage, link: Link, demo: Backend
) -> None:
    url = link("cloudevents")
    assert urlsplit(url).query == ""
    is_problem(opened(stage, url), 401, "unauthorized")
    (record,) = demo.records()
    assert record["recordings"][0]["url"] == url
    assert demo.get(url.removeprefix(URL)).status == 302
    assert demo.ask("HEAD", url.removeprefix(URL)).status == 302


@pytest.mark.parametrize("event_format", VENDORS)
def test_an_app_may_want_authentication_required(
    stage: Stage, link: Link, demo: Backend, client: Client, event_format: str
) -> None:
    set_app(stage, recording_auth="required")
    url = link(event_format)
    assert urlsplit(url).query == ""
    is_problem(opened(stage, url), 401, "unauthorized")
    assert opened(stage, url, Authorization=basic(client.key, client.secret)).status == 302


def test_a_link_of_before_wants_authentication_too(
    stage: Stage, link: Link, client: Client
) -> None:
    url = link()
    assert opened(stage, url).status == 302
    set_app(stage, recording_auth="required")
    is_problem(opened(stage, url), 401, "unauthorized")
    assert opened(stage, url, Authorization=basic(client.key, client.secret)).status == 302


def changed(url: str, **query: str) -> str:
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query)) | query
    return f"{url.partition('?')[0]}?{urlencode(given)}"


def test_whatever_else_is_answered_as_without_a_signature(
    stage: Stage, link: Link, other: Backend
) -> None:
    url = link()
    path = url.partition("?")[0]
    (signature,) = parse_qs(urlsplit(url).query)["signature"]
    (expires,) = parse_qs(urlsplit(url).query)["expires"]
    version, _, digest = signature.partition(".")
    name = path.rpartition("/")[2]
    wrong = [
        path,
        changed(url, expires=str(int(expires) + 1)),
        changed(url, expires=f"0{expires}"),
        changed(url, expires=f"+{expires}"),
        changed(url, expires="9" * 16),
        changed(url, expires=""),
        changed(url, signature=""),
        changed(url, signature=digest),
        changed(url, signature=f"2.{digest}"),
        changed(url, signature=f"{version}.{digest[:-1]}"),
        changed(url, signature=f"{version}.{digest.swapcase()}"),
        changed(url, signature="é" * 45),
        changed(
            url, signature="\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        ),
        f"{url}&expires={expires}",
        f"{url}&signature={signature}",
        f"{path}?expires={expires}",
        f"{path}?signature={signature}",
        url.replace(name, name.swapcase()),
        url.replace(name, f"{'a' * 22}.{'a' * 22}"),
        url.replace(name, "x"),
    ]
    answers = [opened(stage, each) for each in wrong]
    assert all(is_problem(each, 401, "unauthorized") for each in answers)
    assert len(set(map(whole, answers))) == 1
    # Another app hears of them what it hears of an unknown one; the link is good for anybody.
    signed_in = {"Authorization": basic(other.user, other.password)}
    known = [opened(stage, each, **signed_in) for each in (path, changed(url, expires="1"))]
    assert all(is_problem(each, 404, "unknown") for each in known)
    assert opened(stage, url, **signed_in).status == 302
    assert opened(stage, url, Authorization="Basic nonsense").status == 302


@pytest.mark.parametrize("event_format", VENDORS)
def test_each_retry_has_the_same_link(
    stage: Stage, reported: None, receiver: Receiver, clock: Clock, event_format: str
) -> None:
    set_app(stage, event_format=event_format)
    assert transfer(stage.messages("transfer")) == []
    receiver.status = 500
    messages, now = stage.messages(), clock.now
    for delay in (0, *RETRIES_S):
        now += delay * 1100
        for message in messages:
            gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=now)
    urls = [url for url in map(address, receiver.got) if url]
    assert len(urls) > len(RETRIES_S)
    assert len(set(urls)) == 1
    # The last one is told with days to go.
    clock.now = now + DAY
    assert opened(stage, urls[-1]).status == 302


def test_it_is_over_after_seven_days_or_as_set(stage: Stage, link: Link, clock: Clock) -> None:
    set_app(stage, recording_link_days=2)
    received = clock.now
    url = link()
    clock.now = received + 2 * DAY - 1_000
    assert opened(stage, url).status == 302
    clock.now = received + 2 * DAY
    is_problem(opened(stage, url), 410, "gone")


def test_what_is_told_again_later_has_a_link_that_opens(
    stage: Stage, link: Link, demo: Backend, receiver: Receiver, clock: Clock
) -> None:
    received = clock.now
    first = link()
    clock.now = received + 7 * DAY - 1_000
    assert opened(stage, first).status == 302
    clock.now += 1_000
    is_problem(opened(stage, first), 410, "gone")
    event = urlsplit(first).path.rpartition("/")[2]
    assert demo.post(f"/v1/events/{event}/redeliver").status == 202
    again = told(stage, receiver, now=clock.now)
    assert again != first
    clock.now = received + 14 * DAY - 1_000
    assert opened(stage, again).status == 302
    clock.now += 1_000
    is_problem(opened(stage, again), 410, "gone")


def test_a_lost_recording_is_told_with_nobodys_address(
    stage: Stage, reported: None, receiver: Receiver, clock: Clock
) -> None:
    """Least of all with the carrier's."""
    set_app(stage, event_format="interline")
    calls = gateway().shared(Calls).store
    (task,) = map(Task.from_text, stage.messages("transfer"))
    call = calls.open(task).call
    stored = call.find(task.key)
    assert stored is not None
    assert calls.advance(call, stored, Progress(Delivery.LOST, 1, clock.now))
    for message in stage.messages():
        gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=clock.now)
    ended = [dict(parse_qsl(body.decode())) for _, _, body in receiver.got if b"taskid" in body]
    assert ended
    assert not any("recording" in each for each in ended)


def test_it_waits_for_a_recording_that_is_still_fetched(
    stage: Stage, link: Link, demo: Backend, kept: Recordings
) -> None:
    """One that was lost and is fetched again; its link was given out before."""
    url = link()
    item = next(item for item in stage.items("C#") if any(name[0] == "R" for name in item))
    event = urlsplit(url).path.rpartition(".")[2]
    stage.dynamodb.update_item(
        TableName=stage.table,
        Key={"pk": item["pk"], "sk": item["sk"]},
        UpdateExpression="SET #progress = :fetching REMOVE #recording",
        ExpressionAttributeNames={"#progress": f"P{event}", "#recording": f"R{event}"},
        ExpressionAttributeValues={":fetching": attribute(Progress(Delivery.FETCHING, 0, 1))},
    )
    for method in ("GET", "HEAD"):
        answer = opened(stage, url, method=method)
        assert answer.status == 409
        assert method == "HEAD" or is_problem(answer, 409, "not-ready")
        assert int(answer.headers["Retry-After"]) > 0


def test_it_ends_with_the_recording(stage: Stage, link: Link, clock: Clock) -> None:
    set_app(stage, recording_days=7, recording_link_days=30)
    url = link()
    clock.now += 7 * DAY - 1
    assert opened(stage, url).status == 302
    clock.now += 1
    is_problem(opened(stage, url), 410, "gone")


def test_it_ends_with_the_record_and_with_the_app(stage: Stage, link: Link) -> None:
    url = link()
    set_app(stage, state="suspended")
    assert opened(stage, url).status == 302
    set_app(stage, state="closed")
    is_problem(opened(stage, url), 410, "gone")
    set_app(stage, state="active")
    assert opened(stage, url).status == 302
    for item in stage.items("C#"):
        key = {"pk": item["pk"], "sk": item["sk"]}
        stage.dynamodb.delete_item(TableName=stage.table, Key=key)
    is_problem(opened(stage, url), 404, "unknown")


def test_a_new_data_key_ends_no_link(stage: Stage, link: Link) -> None:
    url = link()
    version = provision.add_data_key()
    stage.forget()
    assert opened(stage, url).status == 302
    provision.use_data_key(version)
    stage.forget()
    assert opened(stage, url).status == 302


def test_it_counts_on_the_apps_rate(stage: Stage, link: Link) -> None:
    set_app(stage, rate=1)
    url = link()
    assert opened(stage, url).status == 302
    is_problem(opened(stage, url), 429, "rate")


def test_no_log_has_the_signature(
    stage: Stage, link: Link, log: Callable[[], list[dict[str, Any]]]
) -> None:
    url = link()
    assert opened(stage, url).status == 302
    is_problem(opened(stage, changed(url, expires="1")), 401, "unauthorized")
    (signature,) = parse_qs(urlsplit(url).query)["signature"]
    lines = log()
    assert [line["message"] for line in lines if "recording" in line["message"]]
    assert signature.partition(".")[2] not in json.dumps(lines)
