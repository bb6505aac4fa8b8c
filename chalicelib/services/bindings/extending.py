"""Making a lease longer at a carrier that can be asked what it has, and told to add to it."""

from typing import Protocol

from chalicelib.core.bindings.lease import Kept, Operation
from chalicelib.core.bindings.model import Binding
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import UnknownBinding
from chalicelib.core.ports import Keeper


class Extender(Keeper, Protocol):
    """Such a carrier."""

    def extend(self, carrier_id: str, *, delta_ms: int, now: int) -> None:
        """Adds to its lease. Not safe to repeat. Raises UnknownBinding if the carrier has it no
        more."""
        ...


def extended(
    carrier: Extender, binding: Binding, asked: Operation, *, until: int, now: int
) -> Kept:
    """What `Keeper.renew` is there: what it has is asked for first, so it may be repeated."""
    found = carrier.find(binding, (asked,), now=now)
    kept = max(found, key=lambda each: each.until, default=None)
    if kept is None:
        return carrier.bind(binding, asked, now=now)
    missing = until - kept.until
    if missing <= 0:
        return kept
    delta_ms = min(-(-missing // MINUTE_MS) * MINUTE_MS, carrier.lease_ms)
    try:
        carrier.extend(kept.id, delta_ms=delta_ms, now=now)
    except UnknownBinding:
        # It ended there meanwhile.
        return carrier.bind(binding, asked, now=now)
    return Kept(kept.id, kept.until + delta_ms)
