"""Logs and metrics: one line for each request is both, and no subscriber number stands in it."""

import json
import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from chalicelib.clock import now_ms
from chalicelib.core.credentials import ACCOUNT_BROKEN
from chalicelib.core.errors import AnswerClass, GatewayError, RecordingFailed
from chalicelib.stage_settings import settings

if TYPE_CHECKING:
    from chalicelib.core.calls.model import Call
    from chalicelib.core.calls.sequence_numbers import BlockKey

SERVICE = "masking-gateway"
NAMESPACE = "MaskingGateway"

Dimensions = tuple[tuple[str, ...], ...]
OF_OPERATION: Dimensions = (("operation", "service", "stage"),)
OF_STAGE: Dimensions = (*OF_OPERATION, ("service", "stage"))
"""The dimensions of a metric: by operation, or by operation and for the whole stage."""
OF_CARRIER: Dimensions = (("carrier", "outcome", "service", "stage"),)

METRICS: Mapping[str, tuple[str, Dimensions]] = {
    **dict.fromkeys(
        ("Ok", "Refused", "SignaturesRefused", "Unavailable", "Fault"), ("Count", OF_STAGE)
    ),
    **dict.fromkeys(
        (
            *("CarrierAccountBroken", "CarrierDiffered", "LiveBindings", "Numbers", "PutOff"),
            *("CallGap", "RecordingFailed", "NotDelivered", "DeadEvents", "OrphanedEvents"),
            *("UnreadCallbacks", "BindingsDropped", "EventConflicts", "MembersDropped"),
            *("UnknownEvents", "InvalidCallers"),
        ),
        ("Count", OF_OPERATION),
    ),
    "CarrierRequests": ("Count", OF_CARRIER),
    "Latency": ("Milliseconds", OF_OPERATION),
    "LeaseLag": ("Percent", OF_OPERATION),
    "OldestDue": ("Seconds", OF_OPERATION),
}
"""Every metric that is published: its unit and its dimensions."""

ANSWERS: Mapping[AnswerClass, tuple[str, ...]] = {
    AnswerClass.OK: ("Ok",),
    AnswerClass.REFUSED: ("Refused",),
    AnswerClass.UNAUTHENTICATED: ("Refused", "SignaturesRefused"),
    AnswerClass.UNAVAILABLE: ("Unavailable",),
    AnswerClass.FAULT: ("Fault",),
}
"""Answer -> the metrics that count it."""

_OUTAGE = frozenset({AnswerClass.UNAVAILABLE, AnswerClass.FAULT})
"""Answers that are logged as errors."""

_NUMBER = re.compile(r"(?<!\d)\d{7,24}(?!\d)")
_DIGITS = re.compile(r"[0-9]{7}")
_MASK = "***"
RANGES = 10
"""How many ranges of missing sequence numbers a line shows."""

_CONTEXT = ("correlation_id", "function_arn", "function_request_id", "xray_trace_id")
"""Keys with ids, which may have many digits: AWS's own, or checked by `safe_id`."""
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEX_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"[0-9]{10}")


_to_json = json.JSONEncoder(default=repr).encode
_compact = json.JSONEncoder(separators=(",", ":")).encode


def mask(text: str) -> str:
    """Masks every run of 7 to 24 digits."""
    return _NUMBER.sub(_MASK, text)


def safe_id(sent: str) -> bool:
    """Whether an id that a client sent may stand in logs: up to 64 letters, digits, `.`, `_` and
    `-`, without 7 digits in a row (separators left out), which may be somebody's number. A UUID may
    have 9."""
    if not _SAFE_ID.fullmatch(sent):
        return False
    if _HEX_ID.fullmatch(sent):
        return not _LONG_NUMBER.search(sent)
    return not re.search("[0-9]{7}", re.sub("[._-]", "", sent))


def _serialize(record: Any) -> str:
    """One line of JSON. Lines without 7 digits in a row, which is most, are only searched; the
    others are masked value by value."""
    metrics = record.pop("_aws", None)
    context = {name: record.pop(name) for name in _CONTEXT if name in record}
    # It may have come from a client, and nothing has checked it.
    if _LONG_NUMBER.search(context.get("xray_trace_id", "")):
        context["xray_trace_id"] = _MASK
    try:
        text = _to_json(record)
        # An escape may be a digit of another script, or a digit before those of a number.
        clean = not _DIGITS.search(text) and "\\u" not in text
    except (TypeError, ValueError):
        clean = False
    if not clean:
        text = json.dumps(_masked(record))
    if context:
        text = f"{text[:-1]}, {_to_json(context)[1:]}"
    return f'{text[:-1]}, "_aws": {metrics}}}' if metrics else text


def _masked(value: Any) -> Any:
    """The value, masked before it becomes JSON: a masked number would be no JSON any more."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if mask(str(value)) == str(value) else _MASK
    if isinstance(value, dict):
        return {mask(str(name)): _masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return mask(value if isinstance(value, str) else repr(value))


class _Formatter(LambdaPowertoolsFormatter):
    """Powertools' formatter, with a short way for lines that have all their members in `facts`: a
    third of the time. These have no location, which would be this module."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with the keys that are appended at this moment."""
        facts: Mapping[str, Any] | None = getattr(record, "facts", None)
        if facts is None:
            return super().format(record)
        line = {
            **self.log_format,
            **self.thread_safe_get_current_keys(),
            **facts,
            "level": record.levelname,
            "location": None,
            "message": record.msg,
            "timestamp": self.formatTime(record),
            "xray_trace_id": self._get_latest_trace_id(),
        }
        return _serialize({name: value for name, value in line.items() if value is not None})


# Made by app.py as it is imported, before there is any thread.
@cache
def logger() -> Logger:
    """The logger of this process. It replaces Chalice's, which has the same name."""
    return Logger(
        service=SERVICE,
        level=settings().log_level,
        logger_formatter=_Formatter(json_serializer=_serialize),
        log_uncaught_exceptions=False,
    )


def correlate(request: str | None) -> None:
    """Puts this request's id (None: no id) into every line of this thread, until Powertools clears
    the keys at the end of the invocation."""
    logger().thread_safe_append_keys(correlation_id=request)


def correlation() -> str | None:
    """The request id in the lines of this thread."""
    found: str | None = logger().thread_safe_get_current_keys().get("correlation_id")
    return found


def log_request(operation: str, answered: AnswerClass, *, ms: int, **facts: str | int) -> None:
    """Logs and counts a request or a job: what it was, how it ended, how long it took. An outage is
    an ERROR, so that it is counted at any log level."""
    counts = dict.fromkeys(ANSWERS[answered], 1)
    write = logger().error if answered in _OUTAGE else logger().info
    known = {"operation": operation, "ms": ms, **facts}
    write(operation, extra=_measured({**counts, "Latency": ms}, known))


def count_request(operation: str, answered: AnswerClass) -> None:
    """Counts a request that has no log line."""
    _publish(dict.fromkeys(ANSWERS[answered], 1), operation=operation)


def log_call(operation: str, facts: Mapping[str, str | int]) -> None:
    """Logs and counts a request to a carrier: account and host, how it ended, how long it took. A
    refusal which shows that our account there is broken has a metric of its own."""
    if "ms" not in facts:
        # About the answers to several requests, which were counted one by one.
        logger().info(operation, extra=dict(facts))
        return
    known: dict[str, str | int] = {"operation": "carrier", "outcome": "answered", **facts}
    known["carrier"] = operation.partition(".")[0]
    if known["outcome"] == ACCOUNT_BROKEN:
        counts = {"CarrierRequests": 1, "CarrierAccountBroken": 1}
        logger().error(operation, extra=_measured(counts, known))
    else:
        logger().info(operation, extra=_measured({"CarrierRequests": 1}, known))


def log_trouble(error: Exception) -> None:
    """Logs an error for which a job put off some of its work."""
    if not isinstance(error, GatewayError):
        log_fault("upkeep", error)
        count_request("upkeep", AnswerClass.FAULT)
        return
    logger().warning("put off", extra={"error": type(error).__name__, "why": str(error)})


def log_missing_event(call: "Call", gap: str) -> None:
    """Logs and counts an event or recording that a call lacks."""
    facts = {"gap": gap, "call": call.id, "carrier": call.events[0].carrier}
    logger().warning("gap", extra=facts | {"app": call.app})
    count("CallGap", operation=gap)


def log_fetch_failed(call: "Call", why: RecordingFailed) -> None:
    """Logs a failed attempt to fetch a recording."""
    facts = {"why": str(why), "final": why.final, "call": call.id}
    logger().warning("fetch failed", extra=facts | {"carrier": call.events[0].carrier})


def log_sequence_gap(block: "BlockKey", ranges: Sequence[range]) -> None:
    """Logs sequence numbers that a carrier left out (the first ranges of them), and counts all."""
    # With commas, because a long number without them would be masked.
    shown = [f"{each.start:,} to {each.stop - 1:,}" for each in ranges[:RANGES]]
    missing = sum(map(len, ranges))
    facts: dict[str, Any] = {
        "gap": "hole",
        "carrier": block.carrier,
        "missing": missing,
        "ranges": shown,
    }
    if block.node is not None:
        facts["node"] = block.node
    logger().warning("gap", extra=facts)
    count("CallGap", operation="hole", by=missing)


def log_fault(operation: str, error: Exception) -> None:
    """Logs a fault of our code: the type of the error and where it was raised, but not its text,
    which may hold values."""
    where = traceback.extract_tb(error.__traceback__)[-6:]
    frames = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}" for frame in where]
    logger().error(operation, extra={"fault": type(error).__name__, "at": frames})


def count(name: str, *, operation: str, by: float = 1) -> None:
    """Adds to a metric of an operation; OldestDue and LeaseLag are values, not sums."""
    _publish({name: by}, operation=operation)


def _measured(values: Mapping[str, float], facts: Mapping[str, str | int]) -> dict[str, Any]:
    """The `extra` of a line that publishes these metrics."""
    directive = _directive(*values) % now_ms()
    counted = {name: [float(value)] for name, value in values.items()}
    return {"facts": {"stage": settings().stage, **facts, **counted, "_aws": directive}}


def _publish(values: Mapping[str, float], *, operation: str) -> None:
    known: dict[str, Any] = {"operation": operation, "service": SERVICE}
    known |= {"stage": settings().stage, **{name: [float(value)] for name, value in values.items()}}
    print(f'{{"_aws":{_directive(*values) % now_ms()},{_compact(known)[1:]}')


@cache
def _directive(*names: str) -> str:
    """The part of a line that makes CloudWatch read metrics from it (embedded metric format), with
    %d for epoch ms. Powertools' Metrics writes the same, in a line of its own and in 30 us."""
    by_dimensions: dict[Dimensions, list[dict[str, str]]] = {}
    for name in names:
        unit, dimensions = METRICS[name]
        by_dimensions.setdefault(dimensions, []).append({"Name": name, "Unit": unit})
    directives = [
        {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
        for dimensions, metrics in by_dimensions.items()
    ]
    return f'{{"Timestamp":%d,"CloudWatchMetrics":{_compact(directives)}}}'
