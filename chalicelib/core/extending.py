"""Making a lease longer at a carrier that can be asked what it has, and told to add to it."""

from typing import Protocol

from chalicelib.core.values import MINUTE_MS, Binding, Kept


class Extender(Protocol):
    """What such a carrier does. Outcomes as in the port Keeper; `now` is epoch ms."""

    lease_ms: int

    def bind(self, binding: Binding, *, lease_ms: int, now: int) -> Kept: ...

    def find(self, binding: Binding, *, now: int) -> Kept | None: ...

    def extend(self, carrier_id: str, *, delta_ms: int, now: int) -> None:
        """Adds to its lease. Not safe to repeat. Raises UnknownBinding if the carrier has it no
        more."""
        ...


def extended(carrier: Extender, binding: Binding, *, until: int, now: int) -> Kept:
    """What `Keeper.renew` is there: what it has is asked for first, so it may be repeated."""
    kept = carrier.find(binding, now=now)
    if kept is None:
        lease_ms = min(binding.expires - now, carrier.lease_ms)
        return carrier.bind(binding, lease_ms=lease_ms, now=now)
    missing = until - kept.until
    if missing <= 0:
        return kept
    delta_ms = min(-(-missing // MINUTE_MS) * MINUTE_MS, carrier.lease_ms)
    carrier.extend(kept.id, delta_ms=delta_ms, now=now)
    return Kept(kept.id, kept.until + delta_ms)
