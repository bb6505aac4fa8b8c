"""What is noted of a binding at its carrier, and when the carrier has to be asked next."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS
from chalicelib.core.ports import BindingCarrier

LOOK_MS = MINUTE_MS // 2
"""So long after an operation began it is looked at, and again after each look that did not settle
it: the schedule comes every minute."""
LAST_MS = CLOCKS_APART_MS + MINUTE_MS + MINUTE_MS // 2
"""How long before its end a lease is given up for another one, if the carrier takes no second one
beside it: one clock wrote its end down and another one waits for it, the schedule comes every
minute, and then half a minute is left for a slow one."""


def lease_of(binding: Binding) -> CarrierLease:
    if binding.lease is None:
        raise errors.Unavailable("a binding that its carrier does not keep")
    return binding.lease


def past(binding: Binding, *, now: int) -> bool:
    """Whether whatever its carrier was asked for has run out there, and takes effect no more."""
    operations = lease_of(binding).operations
    return now >= binding.kept_until and all(each.over(now) for each in operations)


def as_kept(lease: CarrierLease) -> Lease:
    """What is noted of it, as if the carrier had said so."""
    return Lease(lease.id or "", lease.until, lease.at_most)


def holding(lease: CarrierLease, kept: Lease, *, exact: bool) -> CarrierLease:
    """What is known once a carrier said what it keeps; `exact` if nobody else asked for more."""
    at_most = kept.at_most or kept.until
    return replace(
        lease,
        id=kept.id,
        until=kept.until,
        at_most=at_most if exact else max(lease.at_most, at_most),
    )


def settled_by_now(looked: Binding, *, now: int) -> tuple[Operation, ...]:
    """The operations that a look has settled: whatever they did was there to be seen."""
    return tuple(each for each in lease_of(looked).operations if each.over(now))


def with_looks(
    lease: CarrierLease, looks: Sequence[Operation], *, now: int
) -> tuple[Operation, ...]:
    """What was asked, and is asked once more: what is over is succeeded by the look at it."""
    again = {each.request for each in looks}
    done = [each for each in lease.asked if each.over(now) and each.request in again]
    return (*lease.without(*done), *looks)


def at_most_with(lease: CarrierLease, looks: Sequence[Operation], *, now: int) -> int:
    """How long the carrier keeps it at most once it was asked so again."""
    return max(lease.at_most, *(now + each.lease_ms for each in looks), 0)


def finished(
    binding: Binding, settled: Sequence[Operation], keeper: BindingCarrier, *, now: int
) -> Binding:
    """The binding once its carrier has it no more, but for what others may still bring back."""
    lease = lease_of(binding)
    left = lease.without(*settled)
    gone = min(now, binding.kept_until)
    after = CarrierLease(at_most=max(now, lease.at_most) if left else gone, operations=left)
    return checked(replace(binding, lease=after), keeper, now=now)


def ahead_ms(keeper: BindingCarrier) -> int:
    """How long before a lease runs out it is made longer: time for a carrier to come back, and for
    clocks that are apart even where a lease is short."""
    return max(keeper.lease_ms // 4, LAST_MS)


def looked_at(operation: Operation, *, now: int) -> int:
    return min(operation.since, now) + LOOK_MS


def checked(binding: Binding, keeper: BindingCarrier, *, now: int) -> Binding:
    """The binding with the time at which its carrier has to be asked next."""
    check_at = _check_at(binding, keeper, now=now)
    return replace(binding, lease=replace(lease_of(binding), check_at=check_at))


def _check_at(binding: Binding, keeper: BindingCarrier, *, now: int) -> int | None:
    lease = lease_of(binding)
    times = [_next_look(each, binding, now=now) for each in lease.operations]
    if binding.state is State.BOUND and now < binding.expires:
        if lease.until < binding.expires:
            times.append(lease.until - ahead_ms(keeper))
        elif binding.unfinished:
            # Carriers count in minutes; what is more than one too long has to be ended by us.
            times.append(binding.expires)
    return min(times, default=None)


def _next_look(operation: Operation, binding: Binding, *, now: int) -> int:
    looked = looked_at(operation, now=now)
    if now < looked:
        return looked
    if binding.live(now) or binding.state is State.BINDING:
        # Seen once; what comes later does no harm while it stands.
        return max(now + LOOK_MS, operation.over_at)
    return now + LOOK_MS
