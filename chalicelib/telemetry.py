"""Logs and metrics through Powertools; a digit run as long as a phone number never gets out."""

import json
import re
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from chalicelib.clock import once
from chalicelib.core.credentials import ACCOUNT_BROKEN
from chalicelib.core.errors import GatewayError, RecordingFailed
from chalicelib.settings import settings

if TYPE_CHECKING:
    from chalicelib.core.counting import BlockKey
    from chalicelib.core.events import Call

SERVICE = "masking-gateway"

_NUMBER = re.compile(r"(?<!\d)\d{7,24}(?!\d)")
_MASK = "***"
RANGES = 10
"""How many ranges of missing numbers a line shows."""


def mask(text: str) -> str:
    """`text` with every run of 7 to 24 digits blotted out."""
    return _NUMBER.sub(_MASK, text)


def _serialize(record: dict[str, Any]) -> str:
    return json.dumps(_masked(record))


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


@once
def logger() -> Logger:
    """The one logger. It takes the place of Chalice's, which has the same name."""
    return Logger(
        service=SERVICE,
        level=settings().log_level,
        json_serializer=_serialize,
        log_uncaught_exceptions=False,
    )


def log_request(operation: str, *, ms: int, **facts: str | int) -> None:
    """One line for each request or job: what it was, how it ended, how long it took."""
    logger().info(operation, extra={"ms": ms, **facts})


def log_call(operation: str, facts: Mapping[str, str | int]) -> None:
    """One line for each call to a carrier: which account and host, how it ended, how long. A
    refusal that shows that our account there is broken is counted."""
    if facts.get("outcome") != ACCOUNT_BROKEN:
        logger().info(operation, extra=dict(facts))
        return
    logger().error(operation, extra=dict(facts))
    count("CarrierAccountBroken", operation="carrier")


def log_trouble(error: Exception) -> None:
    """One line for what a schedule could not do yet."""
    if not isinstance(error, GatewayError):
        log_fault("upkeep", error)
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
    count("Faults", operation=operation)


def count(name: str, *, operation: str, by: int = 1) -> None:
    """Adds to a CloudWatch metric, as one line in embedded metric format."""
    _measure(name, by, MetricUnit.Count, operation)


def share(name: str, part: float, *, operation: str) -> None:
    """Tells CloudWatch a share (0 to 1), as a percentage in the same format."""
    _measure(name, round(100 * part, 1), MetricUnit.Percent, operation)


def _measure(name: str, value: float, unit: MetricUnit, operation: str) -> None:
    with single_metric(namespace="MaskingGateway", name=name, unit=unit, value=value) as metric:
        metric.add_dimension(name="operation", value=operation)
        # Stages of one account share the namespace.
        metric.add_dimension(name="stage", value=settings().stage)
