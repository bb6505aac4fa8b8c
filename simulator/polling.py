"""What Lambda does with a queue: polls it, hands batches over, and has more pollers under load."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from simulator.child import describe, say

ACCOUNT = "123456789012"
LONG_POLL_S = 5
PAUSE_AFTER_ERROR_S = 1.0
FEWEST = 2
MOST = 32  # of a queue on one machine; on AWS a mapping without a maximum has a thousand

Invoke = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A function that is given the messages of a queue, `batch_size` at most at a time and
    `concurrency` batches at most at once."""

    function: str
    queue: str
    batch_size: int
    concurrency: int = MOST


def receive(sqs: Any, url: str, subscription: Subscription, *, wait_s: int) -> list[dict[str, Any]]:
    """One batch, none if the queue stays empty for `wait_s` seconds."""
    received = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(subscription.batch_size, 10),
        WaitTimeSeconds=wait_s,
        AttributeNames=["All"],
    )
    return list(received.get("Messages", []))


def hand_over(
    sqs: Any,
    url: str,
    subscription: Subscription,
    messages: list[dict[str, Any]],
    invoke: Invoke,
) -> None:
    """Invokes the function and deletes what it dealt with.

    As Lambda does with ReportBatchItemFailures: what the function names as failed stays and comes
    again after the queue's visibility time-out, and at last goes to the dead-letter queue, which
    is SQS's work; all of it, when the function raises or names what is not in the batch.
    """
    started = time.monotonic()
    function = subscription.function
    try:
        said = invoke(function, sqs_event(messages, queue=subscription.queue))
        failed = failures(said, messages)
    except Exception as error:  # noqa: BLE001 - Lambda, too, survives whatever a function raises
        say(f"{function} failed, {len(messages)} message(s) will be redelivered: {describe(error)}")
        return
    done = [message for message in messages if message["MessageId"] not in failed]
    if done:
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
            for index, message in enumerate(done)
        ]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    took_ms = (time.monotonic() - started) * 1000
    later = f", {len(failed)} will be redelivered" if failed else ""
    say(f"{function} took {len(messages)} message(s) in {took_ms:.0f} ms{later}")


def failures(said: Any, messages: list[dict[str, Any]]) -> set[str]:
    """Ids of the messages that a function names as failed, by the rules of "Handling errors for an
    SQS event source in Lambda". ValueError if the answer can't be read: all have failed then."""
    if not said:
        return set()
    failed = {each["itemIdentifier"] for each in said.get("batchItemFailures") or []}
    if not failed <= {message["MessageId"] for message in messages}:
        raise ValueError("the function names a message that was not in the batch")
    return failed


def sqs_event(messages: list[dict[str, Any]], *, queue: str) -> dict[str, Any]:
    """The event that Lambda makes of messages received from SQS."""
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{region}:{ACCOUNT}:{queue}",
                "awsRegion": region,
            }
            for message in messages
        ]
    }


class Pollers:
    """The threads that serve one queue: a few that wait, one more whenever none is left to wait,
    up to the subscription's concurrency. One more than the few ends when it finds nothing to do.
    """

    def __init__(
        self, sqs: Any, subscription: Subscription, invoke: Invoke, *, wait_s: int = LONG_POLL_S
    ) -> None:
        self._sqs = sqs
        self._subscription = subscription
        self._invoke = invoke
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._running = 0
        self._busy = 0
        self._stopped = False
        self._url: str | None = None

    @property
    def running(self) -> int:
        """How many there are."""
        return self._running

    def start(self) -> None:
        """Serves from now on."""
        with self._lock:
            for _ in range(min(FEWEST, self._subscription.concurrency)):
                self._add()

    def stop(self) -> None:
        """Ends each of them after the batch that it has, or waits for."""
        self._stopped = True

    def _add(self) -> None:
        self._running += 1
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._stopped:
            try:
                if not self._serve_once() and self._may_end():
                    return
            except Exception as error:  # noqa: BLE001 - whatever it is, the next poll may work
                say(f"queue of {self._subscription.function} not reached: {describe(error)}")
                time.sleep(PAUSE_AFTER_ERROR_S)

    def _serve_once(self) -> int:
        subscription = self._subscription
        if self._url is None:
            self._url = self._sqs.get_queue_url(QueueName=subscription.queue)["QueueUrl"]
        messages = receive(self._sqs, self._url, subscription, wait_s=self._wait_s)
        if messages:
            with self._busily():
                hand_over(self._sqs, self._url, subscription, messages, self._invoke)
        return len(messages)

    @contextmanager
    def _busily(self) -> Iterator[None]:
        with self._lock:
            self._busy += 1
            if self._busy == self._running < self._subscription.concurrency:
                self._add()
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    def _may_end(self) -> bool:
        with self._lock:
            ends = self._running > FEWEST
            self._running -= ends
        return ends


def serve(subscription: Subscription, invoke: Invoke) -> None:
    """Serves a queue for as long as the process runs."""
    config = Config(
        retries={"total_max_attempts": 1}, max_pool_connections=subscription.concurrency
    )
    Pollers(boto3.client("sqs", config=config), subscription, invoke).start()
