"""The queues of the workers. A message holds digests and our own ids only."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.calls.model import Task
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.webhooks.policy import Queue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from chalicelib.core.calls.exports import Job

_BATCH = 10
"""SQS takes this many messages at once."""


class WorkQueues:
    """Sends tasks to the workers. Every method raises Unavailable unless all messages are in the
    queue. The worker gets them after `delay_s` seconds; None: nothing is sent, as the work index
    has what is due later than a queue can hold it."""

    def __init__(
        self, client: "Callable[[], SQSClient]", delivery: Mapping[Queue, str], transfers: str
    ) -> None:
        """`delivery` and `transfers` are names of queues."""
        self._client = client
        self._delivery = delivery
        self._transfers = transfers
        self._urls: dict[str, str] = {}

    def deliver(
        self, tasks: Sequence[Task], *, queue: Queue = "fast", delay_s: int | None = 0
    ) -> None:
        """Asks for events to be delivered."""
        self._send(self._delivery[queue], tasks, delay_s)

    def fetch(self, tasks: Sequence[Task], *, delay_s: int | None = 0) -> None:
        """Asks for recordings to be fetched."""
        self._send(self._transfers, tasks, delay_s)

    def export(self, job: "Job", *, delay_s: int = 0) -> None:
        """Asks for an export to be written."""
        self._send(self._transfers, [job], delay_s)

    def _send(self, name: str, work: "Sequence[Task | Job]", delay_s: int | None) -> None:
        if delay_s is None:
            return
        try:
            if name not in self._urls:
                self._urls[name] = self._client().get_queue_url(QueueName=name)["QueueUrl"]
            for start in range(0, len(work), _BATCH):
                entries = [
                    _entry(str(i), each, delay_s)
                    for i, each in enumerate(work[start : start + _BATCH])
                ]
                sent = self._client().send_message_batch(QueueUrl=self._urls[name], Entries=entries)
                if sent.get("Failed"):
                    raise StoreUnavailable("the queue refused a message")
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(f"queue: {type(error).__name__}") from None


def _entry(number: str, work: "Task | Job", delay_s: int) -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": number,
        "MessageBody": work.to_text(),
        "DelaySeconds": delay_s,
    }
    if work.app is not None:
        # With a group for each app SQS lets no app's backlog delay the others (fair queues: Amazon
        # SQS Developer Guide, read 2026-11).
        entry["MessageGroupId"] = work.app
    return entry
