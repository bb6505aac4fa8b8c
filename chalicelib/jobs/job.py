"""What jobs have in common: a time to stop at, one log line about what they did, and what Lambda
sends and expects of a queue's worker."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.errors import AnswerClass, GatewayError
from chalicelib.telemetry import log_fault, log_request

TimeLeft = Callable[[], int]
"""The milliseconds that are left of an invocation."""

MARGIN_MS = 5_000
"""A job begins nothing new when only this much of its time is left."""


@dataclass
class Line:
    """The log line about a job, which the job fills in; without facts it is not written."""

    operation: str
    began: int
    """Epoch ms."""
    answered: AnswerClass = AnswerClass.OK
    facts: dict[str, str | int] = field(default_factory=dict)


@contextmanager
def logged(operation: str, now_ms: Callable[[], int]) -> Iterator[Line]:
    """Writes one line about the block: what the block says of itself, or why it failed. A fault of
    ours gets a second one that says where. Raises what the block raises."""
    line = Line(operation, now_ms())
    try:
        yield line
    except GatewayError as error:
        log_request(line.operation, error.answered, ms=now_ms() - line.began, why=str(error))
        raise
    except Exception as error:
        log_fault(line.operation, error)
        log_request(line.operation, AnswerClass.FAULT, ms=now_ms() - line.began)
        raise
    if line.facts:
        log_request(line.operation, line.answered, ms=now_ms() - line.began, **line.facts)


def messages(event: Mapping[str, Any]) -> dict[str, str]:
    """The messages of a batch: id -> body."""
    return {record["messageId"]: record["body"] for record in event["Records"]}


def failures(ids: Iterable[str]) -> dict[str, Any]:
    """The answer to a batch of which these messages have to come again
    (ReportBatchItemFailures)."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}
