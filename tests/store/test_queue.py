"""The delivery queue: every key gets in, or the caller hears that it did not."""

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.core.errors import Unavailable
from chalicelib.core.events import EventKey
from chalicelib.store.queue import DeliveryQueue
from tests.stage import Stage, answering, refusal

DOWN = EndpointConnectionError(endpoint_url="https://nowhere.invalid")


def keys(count: int) -> list[EventKey]:
    return [EventKey(call=f"c{i}", event=f"e{i}") for i in range(count)]


def queue(stage: Stage) -> DeliveryQueue:
    return DeliveryQueue(lambda: stage.sqs, stage.queue)


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (10, 1), (11, 2), (25, 3)])
def test_every_key_is_one_message_ten_a_call(stage: Stage, count: int, calls: int) -> None:
    with answering(stage.sqs, "SendMessageBatch") as sent:
        queue(stage).announce(keys(count))
    assert len(sent) == calls
    found = [EventKey.from_text(text) for text in stage.messages()]
    assert sorted(found, key=lambda k: k.call) == sorted(keys(count), key=lambda k: k.call)


def test_the_queues_address_is_looked_up_once(stage: Stage) -> None:
    outbox = queue(stage)
    with answering(stage.sqs, "GetQueueUrl") as calls:
        outbox.announce(keys(1))
        outbox.announce(keys(1))
    assert len(calls) == 1


def test_an_entry_that_failed_is_unavailable(stage: Stage) -> None:
    failed = {"Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]}
    with (
        answering(stage.sqs, "SendMessageBatch", (200, failed)),
        pytest.raises(Unavailable),
    ):
        queue(stage).announce(keys(2))


@pytest.mark.parametrize("failure", [DOWN, refusal("AWS.SimpleQueueService.NonExistentQueue")])
@pytest.mark.parametrize("operation", ["GetQueueUrl", "SendMessageBatch"])
def test_a_queue_that_does_not_answer_is_unavailable(
    stage: Stage, operation: str, failure: object
) -> None:
    with answering(stage.sqs, operation, failure), pytest.raises(Unavailable):
        queue(stage).announce(keys(1))
