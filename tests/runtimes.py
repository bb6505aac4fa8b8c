"""What the bundle takes from the machine in this process: the clock and the like."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.api import http
from chalicelib.wiring import gateway as wiring
from chalicelib.wiring.api import api


def answer_at(patch: pytest.MonkeyPatch, now_ms: Callable[[], int]) -> None:
    """Requests alone come in at `now_ms` (epoch ms): workers and schedules go by the machine."""
    runtime = replace(wiring.SYSTEM, now_ms=now_ms)

    def asked() -> SimpleNamespace:
        return SimpleNamespace(runtime=runtime, facade=api().facade)

    patch.setattr(http, "api", asked)


def run_with(patch: pytest.MonkeyPatch, **members: Any) -> None:
    """From now on the bundle's own gateway runs with these members of Runtime instead of the
    machine's, for example `now_ms`."""
    patch.setattr(wiring, "SYSTEM", replace(wiring.SYSTEM, **members))
    wiring.gateway.cache_clear()
    api.cache_clear()
