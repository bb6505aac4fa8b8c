"""The queues: ten errands a call, each lane its own, and nothing but digests and ids of ours."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.core.calls.model import EventKey, Task
from chalicelib.core.errors import Unavailable
from chalicelib.store.work_queues import WorkQueues
from tests.stage import NAME, Stage, answering, refusal

DOWN = EndpointConnectionError(endpoint_url="https://nowhere.invalid")

QUEUES: Any = {"fast": f"{NAME}-delivery", "slow": f"{NAME}-delivery-slow"}


@pytest.fixture
def queues(stage: Stage) -> WorkQueues:
    return WorkQueues(lambda: stage.sqs, QUEUES, f"{NAME}-transfer")


def tasks(count: int) -> list[Task]:
    return [Task(EventKey(f"c{i}", f"e{i}"), app="demo") for i in range(count)]


@pytest.mark.parametrize("count", [1, 10, 11, 25])
def test_each_errand_is_a_message_ten_at_a_time(
    stage: Stage, queues: WorkQueues, count: int
) -> None:
    with answering(stage.sqs, "SendMessageBatch") as sent:
        queues.deliver(tasks(count))
    assert len(sent) == -(-count // 10)
    assert sorted(stage.messages()) == sorted(each.to_text() for each in tasks(count))


def test_each_lane_and_the_transfers_have_a_queue_of_their_own(
    stage: Stage, queues: WorkQueues
) -> None:
    one, two, three = tasks(3)
    queues.deliver([one])
    queues.deliver([two], queue="slow")
    queues.fetch([three])
    for queue, task in (("delivery", one), ("delivery-slow", two), ("transfer", three)):
        assert stage.messages(queue) == [task.to_text()]


def test_a_retry_waits_in_the_queue(stage: Stage, queues: WorkQueues) -> None:
    with answering(stage.sqs, "SendMessageBatch") as sent:
        queues.deliver(tasks(1), delay_s=300)
        queues.fetch(tasks(1), delay_s=5)
    assert [each["Entries"][0]["DelaySeconds"] for each in sent] == [300, 5]
    assert stage.messages() == []


def test_a_message_says_whose_it_is_so_that_the_queue_is_fair(
    stage: Stage, queues: WorkQueues
) -> None:
    nobodys = Task(EventKey("c", "e"))
    with answering(stage.sqs, "SendMessageBatch") as sent:
        queues.deliver([*tasks(1), nobodys])
    assert [each.get("MessageGroupId") for each in sent[0]["Entries"]] == ["demo", None]


def test_the_queues_address_is_looked_up_once(stage: Stage, queues: WorkQueues) -> None:
    with answering(stage.sqs, "GetQueueUrl") as asked:
        queues.deliver(tasks(1))
        queues.deliver(tasks(1))
    assert len(asked) == 1


def test_a_refused_message_is_not_taken_for_sent(stage: Stage, queues: WorkQueues) -> None:
    failed = (200, {"Failed": [{"Id": "0", "Code": "x", "SenderFault": False}]})
    with answering(stage.sqs, "SendMessageBatch", failed), pytest.raises(Unavailable):
        queues.deliver(tasks(1))


@pytest.mark.parametrize("failure", [DOWN, refusal("AWS.SimpleQueueService.NonExistentQueue")])
@pytest.mark.parametrize("operation", ["GetQueueUrl", "SendMessageBatch"])
def test_a_queue_that_does_not_answer_is_unavailable(
    stage: Stage, queues: WorkQueues, operation: str, failure: object
) -> None:
    with answering(stage.sqs, operation, failure), pytest.raises(Unavailable):
        queues.deliver(tasks(1))


def test_a_queue_that_is_not_there(stage: Stage) -> None:
    queues = WorkQueues(lambda: stage.sqs, QUEUES, "nowhere")
    with pytest.raises(Unavailable):
        queues.fetch(tasks(1))


def test_a_message_has_members_of_ours_only() -> None:
    text = Task(EventKey("c", "e"), app="demo", binding="0" * 26).to_text()
    assert json.loads(text) == {"event": "c.e", "app": "demo", "binding": "0" * 26}
