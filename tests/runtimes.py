"""What the bundle takes from the machine in this process: the clock and the like."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib import bootstrap


def run_with(patch: pytest.MonkeyPatch, **members: Any) -> None:
    """From now on the bundle's own gateway runs with these members of Runtime instead of the
    machine's, for example `now_ms`."""
    patch.setattr(bootstrap, "SYSTEM", replace(bootstrap.SYSTEM, **members))
    bootstrap.gateway.cache_clear()
