"""Rules of leases: what is known after a carrier has answered, and when to ask it next."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS
from chalicelib.core.ports import BindingCarrier

LOOK_MS = MINUTE_MS // 2
"""When a pending operation is looked at, counted from its beginning and from each look that did not
settle it: the schedule comes every minute."""
LAST_MS = CLOCKS_APART_MS + MINUTE_MS + MINUTE_MS // 2
"""How long before its end a lease is exchanged for another one at a carrier that takes no second
one beside it: clocks are apart, the schedule comes every minute, and half a minute is left for a
slow one."""


def lease_of(binding: Binding) -> CarrierLease:
    """Raises Unavailable for a binding of our own switch."""
    if binding.lease is None:
        raise errors.Unavailable("a binding that its carrier does not keep")
    return binding.lease


def past(binding: Binding, *, now: int) -> bool:
    """Whether its carrier has it no more, whatever it was asked to do."""
    operations = lease_of(binding).operations
    return now >= binding.kept_until and all(each.over(now) for each in operations)


def as_known(lease: CarrierLease) -> Lease:
    """The known lease, as if the carrier had answered with it."""
    return Lease(lease.id or "", lease.until, lease.at_most)


def holding(lease: CarrierLease, kept: Lease, *, exact: bool) -> CarrierLease:
    """The lease after the carrier's answer; `exact` if nobody else has asked for more."""
    at_most = kept.at_most or kept.until
    return replace(
        lease,
        id=kept.id,
        until=kept.until,
        at_most=at_most if exact else max(lease.at_most, at_most),
    )


def repeating(lease: CarrierLease, repeats: Sequence[Operation], *, now: int) -> CarrierLease:
    """The lease once the carrier is asked for the same things again. An operation that can no
    longer take effect gives way to its repeat."""
    again = {each.request for each in repeats}
    replaced = [each for each in lease.asked if each.over(now) and each.request in again]
    return replace(
        lease,
        operations=(*lease.without(*replaced).operations, *repeats),
        at_most=max([lease.at_most, *(now + each.lease_ms for each in repeats)]),
    )


def finished(binding: Binding, settled: Sequence[Operation], *, now: int) -> Binding:
    """The binding once its carrier has it no more, except for what the operations that are left
    may still bring back."""
    lease = lease_of(binding).without(*settled)
    at_most = max(now, lease.at_most) if lease.operations else min(now, binding.kept_until)
    return replace(binding, lease=CarrierLease(at_most=at_most, operations=lease.operations))


def ahead_ms(carrier: BindingCarrier) -> int:
    """How long before its end a lease is extended: time for a carrier to come back, and for clocks
    that are apart even where a lease is short."""
    return max(carrier.lease_ms // 4, LAST_MS)


def look_at(operation: Operation, *, now: int) -> int:
    """When a pending operation is looked at first."""
    return min(operation.since, now) + LOOK_MS


def scheduled(binding: Binding, carrier: BindingCarrier, *, now: int) -> Binding:
    """The binding with the time at which its carrier has to be asked next."""
    lease = lease_of(binding)
    times = [_next_look(each, binding, now=now) for each in lease.operations]
    if binding.state is State.BOUND and now < binding.expires:
        if lease.until < binding.expires:
            times.append(lease.until - ahead_ms(carrier))
        elif binding.unfinished:
            # Carriers count in minutes; what is more than one too long has to be ended by us.
            times.append(binding.expires)
    return replace(binding, lease=replace(lease, check_at=min(times, default=None)))


def _next_look(operation: Operation, binding: Binding, *, now: int) -> int:
    first = look_at(operation, now=now)
    if now < first:
        return first
    if binding.live(now) or binding.state is State.BINDING:
        # Looked at once; a later effect does no harm while the binding lives.
        return max(now + LOOK_MS, operation.over_at)
    return now + LOOK_MS
