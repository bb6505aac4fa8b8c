"""Logs and metrics: one line a request in both formats; no number of a subscriber gets out."""

import json
import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from chalicelib.clock import now_ms, once
from chalicelib.core.credentials import ACCOUNT_BROKEN
from chalicelib.core.errors import AnswerClass, GatewayError, RecordingFailed
from chalicelib.settings import settings

if TYPE_CHECKING:
    from chalicelib.core.calls.model import Call
    from chalicelib.core.calls.sequences import BlockKey

SERVICE = "masking-gateway"
NAMESPACE = "MaskingGateway"

Dimensions = tuple[tuple[str, ...], ...]
OF_OPERATION: Dimensions = (("operation", "service", "stage"),)
OF_STAGE: Dimensions = (*OF_OPERATION, ("service", "stage"))
"""The sets of dimensions of a metric: by operation, or also of all operations of a stage."""
OF_CARRIER: Dimensions = (("carrier", "outcome", "service", "stage"),)

METRICS: Mapping[str, tuple[str, Dimensions]] = {
    "Ok": ("Count", OF_STAGE),
    "Refused": ("Count", OF_STAGE),
    "SignaturesRefused": ("Count", OF_STAGE),
    "Unavailable": ("Count", OF_STAGE),
    "Fault": ("Count", OF_STAGE),
    "Latency": ("Milliseconds", OF_OPERATION),
    "CarrierRequests": ("Count", OF_CARRIER),
    "CarrierAccountBroken": ("Count", OF_OPERATION),
    "CarrierDiffered": ("Count", OF_OPERATION),
    "LiveBindings": ("Count", OF_OPERATION),
    "Numbers": ("Count", OF_OPERATION),
    "LeaseLag": ("Percent", OF_OPERATION),
    "PutOff": ("Count", OF_OPERATION),
    "OldestDue": ("Seconds", OF_OPERATION),
    "CallGap": ("Count", OF_OPERATION),
    "RecordingFailed": ("Count", OF_OPERATION),
    "NotDelivered": ("Count", OF_OPERATION),
    "DeadEvents": ("Count", OF_OPERATION),
    "OrphanedEvents": ("Count", OF_OPERATION),
    "UnreadCallbacks": ("Count", OF_OPERATION),
    "BindingsDropped": ("Count", OF_OPERATION),
    "EventConflicts": ("Count", OF_OPERATION),
    "MembersDropped": ("Count", OF_OPERATION),
    "UnknownEvents": ("Count", OF_OPERATION),
    "InvalidCallers": ("Count", OF_OPERATION),
}
"""Every metric that is published: its unit and its sets of dimensions."""

ANSWERS: Mapping[AnswerClass, tuple[str, ...]] = {
    AnswerClass.OK: ("Ok",),
    AnswerClass.REFUSED: ("Refused",),
    AnswerClass.UNAUTHENTICATED: ("Refused", "SignaturesRefused"),
    AnswerClass.UNAVAILABLE: ("Unavailable",),
    AnswerClass.FAULT: ("Fault",),
}
"""The metrics that count an answer."""

_OUTAGE = frozenset({AnswerClass.UNAVAILABLE, AnswerClass.FAULT})

_NUMBER = re.compile(r"(?<!\d)\d{7,24}(?!\d)")
_DIGITS = re.compile(r"[0-9]{7}")
_MASK = "***"
RANGES = 10
"""How many ranges of missing numbers a line shows."""

_CONTEXT = ("correlation_id", "function_arn", "function_request_id", "xray_trace_id")
"""Keys with ids, which may have many digits: AWS's, or judged as they came."""
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEX_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"[0-9]{10}")


_to_json = json.JSONEncoder(default=repr).encode
_compact = json.JSONEncoder(separators=(",", ":")).encode


def mask(text: str) -> str:
    """`text` with every run of 7 to 24 digits blotted out."""
    return _NUMBER.sub(_MASK, text)


def safe_id(sent: str) -> bool:
    """Whether an id that a client sent may stand in logs: it has none but letters, digits, `.`, `_`
    and `-`, 64 at most, and no 7 digits in a row, separators left out, as that may be somebody's
    number. A UUID may have up to 9."""
    if not _SAFE_ID.fullmatch(sent):
        return False
    if _HEX_ID.fullmatch(sent):
        return not _LONG_NUMBER.search(sent)
    return not re.search("[0-9]{7}", re.sub("[._-]", "", sent))


def _serialize(record: Any) -> str:
    metrics = record.pop("_aws", None)
    context = {name: record.pop(name) for name in _CONTEXT if name in record}
    # A client may have sent it, and nobody judged it yet.
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
    """The same value, blotted out before it becomes JSON: a bare number would become no JSON."""
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
    """Powertools' lines. One that brings all it says in `facts` is put together in a third of the
    time, and without a location, which would be this module."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, by this formatter's current keys."""
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


@once
def logger() -> Logger:
    """The one logger. It takes the place of Chalice's, which has the same name."""
    return Logger(
        service=SERVICE,
        level=settings().log_level,
        logger_formatter=_Formatter(json_serializer=_serialize),
        log_uncaught_exceptions=False,
    )


def correlate(request: str | None) -> None:
    """Every line of this thread names this request from now on (None: none), until Powertools
    clears what one invocation left."""
    logger().thread_safe_append_keys(correlation_id=request)


def correlation() -> str | None:
    """The id of the request that this thread works on."""
    found: str | None = logger().thread_safe_get_current_keys().get("correlation_id")
    return found


def log_request(operation: str, answered: AnswerClass, *, ms: int, **facts: str | int) -> None:
    """One line for each request or job: what it was, how it ended, how long it took. The same line
    counts it; an outage is an ERROR, so that it is counted at any level of the log."""
    counts = dict.fromkeys(ANSWERS[answered], 1)
    write = logger().error if answered in _OUTAGE else logger().info
    known = {"operation": operation, "ms": ms, **facts}
    write(operation, extra=_measured({**counts, "Latency": ms}, known))


def count_request(operation: str, answered: AnswerClass) -> None:
    """Counts a request without a line of its own."""
    _publish(dict.fromkeys(ANSWERS[answered], 1), operation=operation)


def log_call(operation: str, facts: Mapping[str, str | int]) -> None:
    """One line for each call to a carrier: which account and host, how it ended, how long. It is
    counted by carrier and outcome, and so is a refusal that shows that our account there is
    broken."""
    if "ms" not in facts:
        # No request, but what was made of the answers to some.
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
    """One line for what a schedule could not do yet."""
    if not isinstance(error, GatewayError):
        log_fault("upkeep", error)
        count_request("upkeep", AnswerClass.FAULT)
        return
    logger().warning("put off", extra={"error": type(error).__name__, "why": str(error)})


def log_gap(call: "Call", gap: str) -> None:
    """One line, and a count, for something that the record of a call lacks."""
    facts = {"gap": gap, "call": call.id, "carrier": call.events[0].carrier}
    logger().warning("gap", extra=facts | {"app": call.app})
    count("CallGap", operation=gap)


def log_unfetched(call: "Call", why: RecordingFailed) -> None:
    """One line for a recording that could not be fetched this time."""
    facts = {"why": str(why), "final": why.final, "call": call.id}
    logger().warning("fetch failed", extra=facts | {"carrier": call.events[0].carrier})


def log_hole(block: "BlockKey", ranges: Sequence[range]) -> None:
    """One line for numbers that a carrier left out as it counted its events, of which it shows the
    first; all are counted."""
    # Grouped by commas: without, a long one would be blotted out like somebody's.
    shown = [f"{each.start:,} to {each.stop - 1:,}" for each in ranges[:RANGES]]
    missing = sum(map(len, ranges))
    facts: dict[str, Any] = {
        "gap": "hole",
        "carrier": block.carrier,
        "missing": missing,
        "ranges": shown,
    }
    facts |= {"node": block.node} if block.node is not None else {}
    logger().warning("gap", extra=facts)
    count("CallGap", operation="hole", by=missing)


def log_fault(operation: str, error: Exception) -> None:
    """One line for a fault of ours: the error's type and where it arose, never its text, which
    may hold values."""
    where = traceback.extract_tb(error.__traceback__)[-6:]
    frames = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}" for frame in where]
    logger().error(operation, extra={"fault": type(error).__name__, "at": frames})


def count(name: str, *, operation: str, by: int = 1) -> None:
    """Adds to a metric of an operation; of OldestDue, tells it."""
    _publish({name: by}, operation=operation)


def share(name: str, part: float, *, operation: str) -> None:
    """Tells CloudWatch a share (0 to 1) as a percentage."""
    _publish({name: round(100 * part, 1)}, operation=operation)


def _measured(values: Mapping[str, float], facts: Mapping[str, str | int]) -> dict[str, Any]:
    """What a line with these metrics says beside its message."""
    directive = _directive(*values) % now_ms()
    counted = {name: [float(value)] for name, value in values.items()}
    return {"facts": {"stage": settings().stage, **facts, **counted, "_aws": directive}}


def _publish(values: Mapping[str, float], *, operation: str) -> None:
    known: dict[str, Any] = {"operation": operation, "service": SERVICE}
    known |= {"stage": settings().stage, **{name: [float(value)] for name, value in values.items()}}
    print(f'{{"_aws":{_directive(*values) % now_ms()},{_compact(known)[1:]}')


@cache
def _directive(*names: str) -> str:
    """What tells CloudWatch of the metrics in a line (embedded metric format), with %d for epoch
    ms. As Powertools' Metrics writes it, which takes a line of its own and 30 us for it."""
    by_dimensions: dict[Dimensions, list[dict[str, str]]] = {}
    for name in names:
        unit, dimensions = METRICS[name]
        by_dimensions.setdefault(dimensions, []).append({"Name": name, "Unit": unit})
    directives = [
        {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
        for dimensions, metrics in by_dimensions.items()
    ]
    return f'{{"Timestamp":%d,"CloudWatchMetrics":{_compact(directives)}}}'
