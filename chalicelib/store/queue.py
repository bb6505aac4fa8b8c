"""The queue to the delivery worker. Messages carry digests only."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.events import EventKey

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_MOST = 10


class DeliveryQueue:
    """Fulfils the port Outbox: one call for ten events."""

    def __init__(self, client: "Callable[[], SQSClient]", name: str) -> None:
        self._client = client
        self._name = name
        self._url: str | None = None

    def announce(self, keys: Sequence[EventKey]) -> None:
        """Raises Unavailable unless every key is in the queue."""
        try:
            if self._url is None:
                self._url = self._client().get_queue_url(QueueName=self._name)["QueueUrl"]
            for start in range(0, len(keys), _MOST):
                entries: list[SendMessageBatchRequestEntryTypeDef] = [
                    {"Id": str(i), "MessageBody": each.to_text()}
                    for i, each in enumerate(keys[start : start + _MOST])
                ]
                sent = self._client().send_message_batch(QueueUrl=self._url, Entries=entries)
                if sent.get("Failed"):
                    raise StoreUnavailable("the queue refused a message")
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(f"queue: {type(error).__name__}") from None
