"""The queues to the workers. Messages carry digests and our own ids only."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.calls.model import Task
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.webhooks.endpoint import Lane

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from chalicelib.core.calls.exports import Job

_MOST = 10


class WorkQueues:
    """One call for ten tasks."""

    def __init__(
        self, client: "Callable[[], SQSClient]", lanes: Mapping[Lane, str], transfers: str
    ) -> None:
        self._client = client
        self._lanes = lanes
        self._transfers = transfers
        self._urls: dict[str, str] = {}

    def announce(self, tasks: Sequence[Task], *, lane: Lane = "fast", delay_s: int = 0) -> None:
        """Raises Unavailable unless every task is in the queue."""
        self._send(self._lanes[lane], tasks, delay_s)

    def transfer(self, tasks: Sequence[Task], *, delay_s: int = 0) -> None:
        """Raises Unavailable unless every task is in the queue."""
        self._send(self._transfers, tasks, delay_s)

    def export(self, job: "Job", *, delay_s: int = 0) -> None:
        """Asks for work on an export, in the queue of the transfers. Raises Unavailable."""
        self._send(self._transfers, [job], delay_s)

    def _send(self, queue: str, work: "Sequence[Task | Job]", delay_s: int) -> None:
        try:
            if queue not in self._urls:
                self._urls[queue] = self._client().get_queue_url(QueueName=queue)["QueueUrl"]
            for start in range(0, len(work), _MOST):
                entries = [
                    _entry(str(i), each, delay_s)
                    for i, each in enumerate(work[start : start + _MOST])
                ]
                sent = self._client().send_message_batch(
                    QueueUrl=self._urls[queue], Entries=entries
                )
                if sent.get("Failed"):
                    raise StoreUnavailable("the queue refused a message")
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(f"queue: {type(error).__name__}") from None


def _entry(number: str, work: "Task | Job", delay_s: int) -> "SendMessageBatchRequestEntryTypeDef":
    """A message that says whose it is, so that SQS lets nobody's backlog delay the others' (fair
    queues: Amazon SQS Developer Guide, read 2026-11)."""
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": number,
        "MessageBody": work.to_text(),
        "DelaySeconds": delay_s,
    }
    if work.app is not None:
        entry["MessageGroupId"] = work.app
    return entry
