"""The Python client against the running stack: each of its methods, and by them each operation that
the gateway's document has."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from masking_gateway import Binding, Client, Event, GatewayError, SentEvent, WebhookVerifier
from tests.running import ANSWER_S, Running

APP = "demo-rest"
A, B, C = "+447700900801", "+447700900802", "+447700900803"
EVENTS_S = 15
DESCRIBING = {"description_openapi", "description_docs", "description_health"}

T = TypeVar("T")


class Recorded(requests.Session):
    """Keeps the method and path of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.sent: list[tuple[str, str]] = []

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        self.sent.append((method, re.sub(r"^https?://[^/]+|\?.*", "", url)))
        return super().request(method, url, *args, **more)


@pytest.fixture(scope="module")
def session() -> Iterator[Recorded]:
    with Recorded() as session:
        yield session


@pytest.fixture(scope="module")
def client(running: Running, session: Recorded) -> Client:
    app = running.apps[APP]
    return Client(running.url, app["app_key"], app["app_secret"], session=session)


@pytest.fixture(scope="module")
def binding(client: Client) -> Binding:
    return client.bindings.create(
        a=A, b=B, ttl_s=3600, country="GB", record=True, reference="whole", user_data="order-1"
    )


@pytest.fixture(scope="module")
def events(running: Running, binding: Binding) -> list[Event]:
    """Those of a call from A, verified."""
    dial = {"from": A, "to": binding.number, "talk_s": 30}
    seen = requests.post(f"{running.simulator_url}/calls", json=dial, timeout=ANSWER_S).json()
    assert seen["callee"]["number"] == B.removeprefix("+")
    verifier = WebhookVerifier(running.apps[APP]["callback_secret"])

    def arrived() -> dict[str, Event]:
        received = [each for each in running.received(APP) if binding.id in each["body"]]
        found = [verifier.verify(each["body"], each["headers"]) for each in received]
        return {each.id: each for each in found}

    return list(until(arrived, lambda found: len(found) == 5).values())


def until(ask: Callable[[], T], enough: Callable[[T], bool]) -> T:
    end = time.monotonic() + EVENTS_S
    while not enough(answer := ask()):
        assert time.monotonic() < end, answer
        time.sleep(0.1)
    return answer


def refused(act: Callable[[], object]) -> GatewayError:
    with pytest.raises(GatewayError) as error:
        act()
    return error.value


def test_bindings(client: Client, binding: Binding) -> None:
    again = client.bindings.create(a=A, b=B, ttl_s=3600, reference="whole")
    assert again == client.bindings.get(binding.id) == binding
    assert [each.id for each in client.bindings.list(reference="whole")] == [binding.id]
    assert binding.id in [each.id for each in client.bindings.search(A, state="active")]
    other = refused(lambda: client.bindings.create(a=A, b=C, ttl_s=3600, reference="whole"))
    assert (other.status, other.code) == (409, "reference_taken")


def test_one_key_makes_one_binding(client: Client) -> None:
    made = [
        client.bindings.create(a=A, b=C, ttl_s=60, idempotency_key="one-binding") for _ in range(2)
    ]
    assert made[0] == made[1]
    assert client.bindings.release(made[0].id).state == "released"
    mismatch = refused(
        lambda: client.bindings.create(a=A, b=C, ttl_s=61, idempotency_key="one-binding")
    )
    assert mismatch.status == 422


def test_events(client: Client, binding: Binding, events: list[Event]) -> None:
    assert {each.subject for each in events} == {binding.id}
    assert {each.data.user_data for each in events} == {"order-1"}
    (end,) = (each for each in events if each.kind == "call.ended")

    def delivered() -> list[SentEvent]:
        return [*client.events.list(state="delivered", kind="call.ended")]

    sent = until(delivered, lambda found: end.id in [each.id for each in found])
    event = client.events.get(end.id)
    assert event in sent
    assert (event.record, event.attempts[-1].status) == (end.data.call, 200)
    client.events.redeliver(end.id)
    assert client.events.redeliver_all(since=end.time, until=end.time) == 0


def test_records(client: Client, binding: Binding, events: list[Event], tmp_path: Path) -> None:
    (record,) = client.records.list(binding=binding.id)
    assert client.records.get(record.id) == record
    assert record in client.records.search(person=B, since=record.started)
    assert (record.caller, record.callee, record.talked_s) == (A, B, 30)
    (recording,) = record.recordings
    file = tmp_path / "call.wav"
    assert client.recordings.download(recording, file) == recording.size == file.stat().st_size
    file.unlink()
    wrong = type(recording)(**{**_values(recording), "md5": "0" * 32})
    with pytest.raises(GatewayError):
        client.recordings.download(wrong, file)
    assert list(tmp_path.iterdir()) == []


def _values(recording: Any) -> dict[str, Any]:
    return {name: getattr(recording, name) for name in recording.__slots__}


def test_exports(client: Client) -> None:
    export = client.exports.start("2026-01-01", format="jsonl")
    done = until(lambda: client.exports.get(export.id), lambda found: found.state == "done")
    assert done.links == ()
    assert export.id in [each.id for each in client.exports.list()]


def test_calls(client: Client, running: Running) -> None:
    call = client.calls.place([A, C], user_data="order-2")
    assert call.parties == (A, C)
    assert client.calls.get(call.id).id == call.id
    ended = client.calls.hang_up(call.id)
    assert ended.state == "ended"


def test_numbers_account_and_usage(client: Client, binding: Binding) -> None:
    numbers = list(client.numbers.list(area="20"))
    assert {each.country for each in numbers} == {"GB"}
    assert client.numbers.get(binding.number).bindings >= 1
    account = client.account()
    assert (account.app, account.state, account.tariff) == (APP, "active", None)
    usage = client.usage(by="day")
    assert usage.since < usage.until
    assert usage.complete_until <= usage.until


def test_the_endpoint(client: Client, running: Running) -> None:
    webhook = client.webhook.get()
    assert (webhook.format, webhook.has_secret) == ("cloudevents", True)
    assert client.webhook.set(webhook.url, events=webhook.events) == webhook
    tried = client.webhook.test("call.ended")
    assert (tried.accepted, tried.status, tried.error) == (True, 200, None)
    (test,) = (each for each in running.received(APP) if tried.event_id in each["body"])
    event = WebhookVerifier(running.apps[APP]["callback_secret"]).verify(
        test["body"], test["headers"]
    )
    assert (event.kind, event.test) == ("call.ended", True)
    secret = client.webhook.rotate_secret().secret
    assert secret is not None
    _known(running, secret)
    assert refused(client.webhook.rotate_secret).status == 409
    assert client.webhook.drop_previous_secret().previous_secret_valid is False


def _known(running: Running, secret: str) -> None:
    """Hands the new secret to whoever verifies: other tests share the stack."""
    demo_json = running.state / "demo.json"
    before = running.apps[APP]["callback_secret"]
    demo_json.write_text(demo_json.read_text().replace(before, secret))
    running.apps[APP]["callback_secret"] = secret


def test_keys(client: Client, running: Running) -> None:
    key = client.keys.create("dashboard", read_only=True)
    assert key.secret is not None
    with Client(running.url, key.id, key.secret) as dashboard:
        assert dashboard.account().app == APP
        error = refused(lambda: dashboard.bindings.create(a=A, b=B, ttl_s=60))
    assert (error.status, error.type) == (403, "/docs#read-only")
    assert key.id in [each.id for each in client.keys.list()]
    client.keys.delete(key.id)
    assert refused(lambda: client.keys.delete(key.id)).status == 404


def test_explain_change_and_release(client: Client, binding: Binding) -> None:
    before = client.explain(number=binding.number, from_=B)
    assert (before.decision, before.to, before.binding) == ("connect", A, binding.id)
    then = client.explain(number=binding.number, from_=B, at=binding.created_at)
    assert then.to == A
    assert client.bindings.change(binding.id, b=C, extend_s=60).b == C
    assert client.explain(number=binding.number, from_=B).reason == "cooling"
    ended = client.bindings.release(binding.id)
    assert ended == client.bindings.release(binding.id)


def test_the_client_has_every_operation(running: Running, session: Recorded) -> None:
    """The last test of this file: those before it sent them."""
    document = requests.get(f"{running.url}/v1/openapi.json", timeout=ANSWER_S).json()
    left = {
        operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not any(
            sent == method.upper() and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), where)
            for sent, where in session.sent
        )
    }
    assert left == DESCRIBING
