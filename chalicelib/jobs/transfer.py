"""The queue `transfer`: recordings are fetched, exports are written."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib.core.calls.exports import Job
from chalicelib.core.calls.model import Task
from chalicelib.core.errors import GatewayError
from chalicelib.jobs.job import MARGIN_MS, TimeLeft, failures, logged, messages
from chalicelib.services.calls.recordings import Fetched
from chalicelib.telemetry import correlate, count
from chalicelib.wiring.gateway import Gateway, gateway
from chalicelib.wiring.records import Records
from chalicelib.wiring.transfer import recordings

PART_MS = 60_000
"""More time than any part of an export takes."""


def transfer_batch(event: Mapping[str, Any], time_left_ms: TimeLeft) -> dict[str, Any]:
    """Fetches the recordings and continues the exports that a batch asks for."""
    ours = gateway()
    bodies = messages(event).items()
    return failures(each for each, body in bodies if not _transfer(ours, body, time_left_ms))


def _transfer(ours: Gateway, message: str, time_left_ms: TimeLeft) -> bool:
    correlate(None)
    now_ms = ours.runtime.now_ms
    with suppress(GatewayError, ValueError), logged("transfer", now_ms) as line:
        export = Job.from_text(message)
        if export is not None:
            line.facts = {
                "outcome": ours.shared(Records).exports.work(
                    export, now=now_ms, time_left=lambda: time_left_ms() > PART_MS + MARGIN_MS
                )
            }
            line.operation = "export"
        else:
            fetched = ours.shared(recordings).fetch(
                Task.from_text(message),
                now=line.began,
                within_s=max(0, time_left_ms() - MARGIN_MS) / 1000,
            )
            line.facts = {"outcome": fetched}
            line.operation = "fetch"
            if fetched is Fetched.LOST:
                count("RecordingFailed", operation="fetch")
        return True
    return False
