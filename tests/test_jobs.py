"""Delivery and cleaning, as the queue and the clock start them, to a receiver over real HTTP."""

import hashlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.calls.model import EventKey, Task
from chalicelib.core.retries import MATCHING_RETRIES_S
from chalicelib.core.webhooks.policy import NOT_READY_S, SLOW_AFTER_S
from chalicelib.jobs.deliver import LOOK_S
from chalicelib.jobs.job import MARGIN_MS
from chalicelib.services.bindings.clean_expired import BATCH
from chalicelib.store.tenants.apps import profile_key
from chalicelib.store.webhooks.endpoints import health_key
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx, basic
from tests.owners import mend, spoil
from tests.simulator.outside import wait_until
from tests.stage import X1, A, B, C, Client, Clock, Receiver, Stage, answering, refusal

# Port 9 (discard) is served by nobody, and has not been for decades.
REFUSED = "http://127.0.0.1:9/secret-path"


@pytest.fixture
def demo(stage: Stage, receiver: Receiver) -> Client:
    return stage.app(callback_url=receiver.url)


@pytest.fixture
def pbx(stage: Stage) -> Pbx:
    return Pbx(stage, basic("pbx", stage.switch("pbx")))


def ended(**more: Any) -> dict[str, Any]:
    fields = {"event_id": "e1", "type": "call.ended", "call_id": "c1", "at": 1_577_444_027_000}
    return fields | {"reason": 16, "released_by": "caller", "to": X1, "from": A} | more


def deliver(messages: list[str], *, lane: str = "deliver") -> list[str]:
    """As Lambda calls the worker, a record for each message; which have to come again."""
    import app

    records = [
        {"messageId": str(i), "body": message, "receiptHandle": "r"}
        for i, message in enumerate(messages)
    ]
    answer = getattr(app, lane)({"Records": records}, None)
    return [messages[int(each["itemIdentifier"])] for each in answer["batchItemFailures"]]


def delivery(stage: Stage) -> list[str]:
    return stage.deliveries()


def attempts(stage: Stage) -> list[int]:
    """How often each event was tried in vain."""
    return [
        int(value["M"].get("attempts", {"N": "0"})["N"])
        for item in stage.items("C#")
        for name, value in item.items()
        if len(name) == 23 and name.startswith("P")
    ]


def follow(stage: Stage) -> None:
    """The schedule by the test's clock, and what it sends to the queue."""
    now = stage.clock.now
    gateway().shared(schedules.follow_up).run(now=now, time_left=lambda: True)
    for message in stage.messages():
        gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=now)


def test_a_call_reaches_the_apps_receiver_signed(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    bound = demo.bind(phoneX=X1, userData="订单").json["bindId"]
    pbx.report(ended(binding=bound, callee=B))
    deliver(stage.messages())

    ((path, headers, body),) = receiver.got
    message = json.loads(body)
    assert path == "/callback"
    assert (message["eventType"], message["bindId"], message["userData"]) == ("32", bound, "订单")
    assert (message["callNo"], message["peerNo"], message["phoneX"]) == (A, B, X1)
    digest = hashlib.md5(body).hexdigest()  # noqa: S324
    signed = hashlib.sha1((demo.secret + digest + headers["CurTime"]).encode())  # noqa: S324
    assert (headers["AppKey"], headers["MD5"]) == (demo.key, digest)
    assert headers["CheckSum"] == signed.hexdigest()
    assert headers["Content-Type"] == "application/json"
    assert len(headers["CurTime"]) == 13
    assert delivery(stage) == ["delivered"]


def test_an_item_that_cannot_be_read_holds_up_nobody_else(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    pbx.report(ended())
    (call,) = stage.items("C#")
    (sealed,) = [name for name in call if name[0] == "E"]
    broken = call | {sealed: {"B": b"\x01 not what was sealed"}}
    stage.dynamodb.put_item(TableName=stage.table, Item=broken)
    (bad,) = stage.messages()
    pbx.report(ended(event_id="e2", call_id="c2"))
    (good,) = stage.messages()
    assert deliver([bad, good]) == [bad]
    assert len(receiver.got) == 1


def test_calls_and_messages_are_told_apart(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    bound = demo.bind(phoneX=X1).json["bindId"]
    pbx.report(
        ended(binding=bound, callee=B),
        ended(binding=bound, callee=B, event_id="e2", type="sms.sent", result="ok"),
    )
    deliver(stage.messages())
    assert sorted(json.loads(body)["eventType"] for _, _, body in receiver.got) == ["32", "33"]


def test_a_recording_is_fetched_before_anybody_is_told_of_it(
    stage: Stage, demo: Client, pbx: Pbx
) -> None:
    bound = demo.bind(phoneX=X1).json["bindId"]
    pbx.report(ended(binding=bound, type="recording.ready", url="https://u/1.wav", md5="m"))
    assert stage.messages() == []
    (message,) = stage.messages("transfer")
    assert Task.from_text(message).binding == bound
    assert delivery(stage) == ["fetching"]


def test_the_record_of_a_call_knows_its_earlier_events(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    bound = demo.bind(phoneX=X1).json["bindId"]
    at = ended()["at"]
    pbx.report(
        ended(binding=bound, callee=B),
        ended(event_id="e2", type="call.answered", at=at - 30_000),
        ended(event_id="e3", type="call.started", at=at - 45_000),
    )
    deliver(stage.messages())
    ((_, _, body),) = receiver.got
    message = json.loads(body)
    assert (message["callDuration"], message["finishState"]) == ("30", "1")
    assert message["callTime"] == "20191227185302"


def test_what_was_delivered_is_not_sent_again(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    pbx.report(ended())
    messages = stage.messages()
    deliver(messages)
    deliver(messages * 2)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [201, 204, 400, 404, 500, 503])
def test_anything_but_200_comes_again(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver, status: int
) -> None:
    pbx.report(ended())
    receiver.status = status
    # Its own message for each attempt, the first retry at once.
    assert deliver(stage.messages()) == []
    assert delivery(stage) == ["pending"]
    receiver.status = 200
    assert deliver(stage.messages()) == []
    assert len(receiver.got) == 2
    assert delivery(stage) == ["delivered"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    receiver.headers["Location"] = receiver.url.replace("/callback", "/elsewhere")
    pbx.report(ended())
    deliver(stage.messages())
    assert delivery(stage) == ["pending"]
    assert [path for path, _, _ in receiver.got] == ["/callback"]


def test_a_receiver_that_takes_too_long_comes_again(
    stage: Stage,
    demo: Client,
    pbx: Pbx,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALLBACK_TIMEOUT_S", "0.2")
    stage.forget()
    receiver.hold = threading.Event()
    pbx.report(ended())
    deliver(stage.messages())
    assert len(receiver.got) == 1
    assert delivery(stage) == ["pending"]
    receiver.hold.set()
    # Where nothing answered, the slow lane tries again.
    assert stage.messages() == []
    deliver(stage.messages("delivery-slow"), lane="deliver_slow")
    assert delivery(stage) == ["delivered"]


def test_who_takes_his_time_counts_as_slow_while_he_does(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    pbx.report(ended())
    receiver.hold = threading.Event()
    with ThreadPoolExecutor() as worker:
        delivering = worker.submit(deliver, stage.messages())
        try:
            assert wait_until(lambda: is_slow(stage))
            assert not delivering.done()
        finally:
            receiver.hold.set()
        assert delivering.result() == []
    assert delivery(stage) == ["delivered"]


def test_a_table_that_takes_its_time_is_no_receivers_fault(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    pbx.report(ended())
    messages = stage.messages()

    def dawdle(**_: Any) -> None:
        time.sleep(SLOW_AFTER_S + 3 * LOOK_S)

    events = stage.dynamodb.meta.events
    events.register_first("before-call.dynamodb.BatchGetItem", dawdle)
    try:
        deliver(messages)
    finally:
        events.unregister("before-call.dynamodb.BatchGetItem", dawdle)
    assert delivery(stage) == ["delivered"]
    assert not is_slow(stage)


def is_slow(stage: Stage) -> bool:
    """Whether it is noted that the app's receiver takes its time."""
    item = stage.dynamodb.get_item(TableName=stage.table, Key=health_key("demo")).get("Item", {})
    return "slow_until" in item


@pytest.mark.parametrize("address", [REFUSED, "http://", "http://[::bad", "https://a b"])
def test_an_address_that_leads_nowhere_comes_again_and_stays_out_of_the_log(
    stage: Stage, pbx: Pbx, log: Any, address: str
) -> None:
    stage.app()
    # As it may have been saved before addresses were looked at.
    stage.dynamodb.update_item(
        TableName=stage.table,
        Key=profile_key("demo"),
        UpdateExpression="SET callback_url = :url",
        ExpressionAttributeValues={":url": {"S": address}},
    )
    pbx.report(ended())
    assert deliver(stage.messages()) == []
    assert delivery(stage) == ["pending"]
    written = json.dumps(log())
    assert "secret-path" not in written
    assert A[2:] not in written


def test_one_receiver_that_is_down_does_not_hold_up_the_others(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    other = stage.app("other", callback_url=REFUSED, numbers=[("8610000000088", None)])
    assert other.key != demo.key
    pbx.report(ended(to="8610000000088"), ended(event_id="e2"))
    deliver(stage.messages())
    assert len(receiver.got) == 1
    assert sorted(delivery(stage)) == ["delivered", "pending"]


@pytest.mark.parametrize(
    ("parties", "state"),
    [
        ({"binding": "0" * 26, "to": ""}, "unplaced"),
        ({"to": "8610000000099"}, "unmatched"),
        ({"to": "", "from": ""}, "unplaced"),
    ],
)
def test_an_event_that_is_nobodys_is_flagged_and_sent_to_nobody(
    stage: Stage,
    demo: Client,
    pbx: Pbx,
    receiver: Receiver,
    clock: Clock,
    parties: dict[str, str],
    state: str,
) -> None:
    pbx.report(ended(**parties))
    assert delivery(stage) == [state]
    # What names nothing but a call waits for what else is known of that, an hour or so.
    for wait_s in MATCHING_RETRIES_S:
        clock.advance(ms=wait_s * 1200 + GRACE_MS)
        follow(stage)
    assert receiver.got == []
    assert delivery(stage) == ["unmatched"]


def test_an_unknown_binding_on_an_apps_x_is_told_to_the_app_without_it(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    pbx.report(ended(binding="0" * 26))
    deliver(stage.messages())
    assert json.loads(receiver.got[0][2])["bindId"] == ""


def test_a_stranger_who_was_rejected_is_reported_to_the_owner_of_x(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver
) -> None:
    demo.bind(phoneX=X1)
    pbx.report(ended(**{"from": C}, rejected="third_party", released_by="platform"))
    deliver(stage.messages())
    message = json.loads(receiver.got[0][2])
    assert (message["callNo"], message["peerNo"], message["bindId"]) == (C, "", "")
    assert (message["finishState"], message["finishType"]) == ("0", "0")


def test_an_app_without_credentials_waits_for_them(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver, clock: Clock
) -> None:
    good = spoil("app/demo")
    stage.forget()
    pbx.report(ended())
    follow(stage)
    clock.advance(ms=GRACE_MS)
    follow(stage)
    mend("app/demo", good)
    stage.forget()
    clock.advance(ms=NOT_READY_S[0] * 1000 + GRACE_MS)
    follow(stage)
    assert len(receiver.got) == 1
    # That was a failure of ours, and no attempt.
    assert attempts(stage) == [0]


@pytest.mark.parametrize("message", ["", "x", "{}", Task(EventKey("c" * 22, "e" * 22)).to_text()])
def test_a_message_that_names_no_event_comes_again_and_ends_with_the_dead(
    stage: Stage, message: str
) -> None:
    assert deliver([message]) == [message]


@pytest.mark.parametrize("operation", ["BatchGetItem", "UpdateItem"])
def test_a_table_that_does_not_answer_comes_again(
    stage: Stage, demo: Client, pbx: Pbx, receiver: Receiver, operation: str
) -> None:
    bound = demo.bind(phoneX=X1).json["bindId"]
    pbx.report(ended(binding=bound))
    messages = stage.messages()
    with answering(stage.dynamodb, operation, refusal("InternalServerError")):
        assert deliver(messages) == messages
    assert delivery(stage) == ["pending"]
    deliver(messages)
    # At least once: when only the mark was lost, the app hears it twice.
    assert len(receiver.got) == (2 if operation == "UpdateItem" else 1)


def clean(*, time_left_ms: int = 60_000) -> None:
    """As the schedule calls it."""
    from app import clean as scheduled

    detail = dict.fromkeys(["version", "id", "account", "time", "region"], "")
    event = {"detail-type": "", "source": "", "resources": [], "detail": {}} | detail
    scheduled(event, SimpleNamespace(get_remaining_time_in_millis=lambda: time_left_ms))


def used(stage: Stage) -> int:
    return sum(int(item["live"]["N"]) for item in stage.items("Q#"))


def overdue(stage: Stage, demo: Client, count: int) -> None:
    """Leaves `count` bindings that ran out long ago, as if they had all been made."""
    demo.bind(A, B)
    made = next(item for item in stage.items("B#"))
    past = {"N": "1000"}
    for i in range(count):
        key = {"pk": {"S": f"B#{i:012d}"}} if i else {}
        item = made | key | {"expires": past, "due_at": past}
        stage.dynamodb.put_item(TableName=stage.table, Item=item)
    (counter,) = stage.items("Q#")
    item = counter | {"live": {"N": str(count)}}
    stage.dynamodb.put_item(TableName=stage.table, Item=item)


def test_the_schedule_archives_what_ran_out_and_nothing_else(
    stage: Stage, demo: Client, log: Any
) -> None:
    overdue(stage, demo, 3)
    # The schedule goes by the real clock.
    stage.clock.now = time.time_ns() // 1_000_000
    live = stage.app("other", numbers=[("8610000000088", None)])
    assert live.bind(A, C).code == 200
    assert used(stage) == 4
    clean()
    assert used(stage) == 1
    assert len([item for item in stage.items("B#") if "due_at" in item]) == 1
    clean()
    assert used(stage) == 1
    assert [line["archived"] for line in log() if line["message"] == "clean"] == [3, 0]
    assert A[2:] not in json.dumps(log())


def test_cleaning_stops_when_little_time_is_left_and_goes_on_next_time(
    stage: Stage, demo: Client
) -> None:
    overdue(stage, demo, BATCH + 1)
    left = [used(stage)]
    for _ in range(2):
        clean(time_left_ms=MARGIN_MS)
        left.append(used(stage))
    assert left == [BATCH + 1, 1, 0]


def test_cleaning_goes_on_while_there_is_time(stage: Stage, demo: Client) -> None:
    overdue(stage, demo, BATCH + 1)
    clean(time_left_ms=MARGIN_MS + 1)
    assert used(stage) == 0
