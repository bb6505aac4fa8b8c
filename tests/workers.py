"""The workers behind the queues, as Lambda calls them."""

from collections.abc import Sequence


def deliver(messages: Sequence[str], *, lane: str = "deliver") -> None:
    """As Lambda calls the worker: with ten SQS records at most, all of which it has to take."""
    import app

    worker = getattr(app, lane)
    for first in range(0, len(messages), 10):
        batch = messages[first : first + 10]
        records = [{"messageId": str(n), "body": each} for n, each in enumerate(batch)]
        assert worker({"Records": records}, None) == {"batchItemFailures": []}
