"""How a carrier renews that can only add to a lease."""

from abc import abstractmethod
from typing import Protocol

from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.model import Binding
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import BindingCarrier


class Extender(BindingCarrier, Protocol):
    """A carrier that can tell what it has, and add to a lease."""

    asks_again: bool = False

    @abstractmethod
    def extend(self, carrier_id: str, *, delta_ms: int, now: int) -> None:
        """Adds to its lease. Not safe to repeat. Raises UnknownBinding if the carrier has it no
        more."""

    def renew(
        self,
        binding: Binding,
        asked: Operation,
        *,
        until: int,
        last: bool,  # noqa: ARG002
        now: int,
    ) -> Lease:
        """Asks first what it has, so it may be repeated."""
        found = self.find(binding, (asked,), now=now)
        kept = max(found, key=lambda each: each.until, default=None)
        if kept is None:
            return self.bind(binding, asked, now=now)
        missing = until - kept.until
        if missing <= 0:
            return kept
        delta_ms = min(-(-missing // MINUTE_MS) * MINUTE_MS, self.lease_ms)
        try:
            self.extend(kept.id, delta_ms=delta_ms, now=now)
        except errors.UnknownBinding:
            # It ended there meanwhile.
            return self.bind(binding, asked, now=now)
        return Lease(kept.id, kept.until + delta_ms)
