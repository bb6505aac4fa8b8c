"""Extending leases, for the schedule and for whoever extends a binding."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.lease_rules import (
    LAST_MS,
    ahead_ms,
    as_known,
    holding,
    lease_of,
    look_at,
    scheduled,
)
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import BindingCarrier
from chalicelib.services.leases.operations import PendingOperations

MOST_OPERATIONS = 8
"""How many operations of one binding may be pending before nobody begins another one."""

Extend = Callable[[Binding], Binding]
"""Makes the longer binding that an app has asked for."""


class LeaseExtension:
    """Lets a carrier keep a binding for longer."""

    def __init__(self, pending: PendingOperations) -> None:
        self._pending = pending

    def keep_up(self, binding: Binding, carrier: BindingCarrier, *, now: int) -> None:
        """Finds out what became of pending operations, then extends the lease if it is time."""
        if any(look_at(each, now=now) <= now for each in lease_of(binding).operations):
            looked = self._look(binding, carrier, now=now)
            if looked is None:
                return
            binding = looked
        lease = lease_of(binding)
        if lease.until < binding.expires and lease.until - ahead_ms(carrier) <= now:
            self.extend(binding, carrier, None, now=now)
        elif (again := scheduled(binding, carrier, now=now)) != binding:
            self._pending.bindings.change(binding, again)

    def extend(
        self, binding: Binding, carrier: BindingCarrier, extend: Extend | None, *, now: int
    ) -> bool:
        """Lets the carrier keep it for as long as it lasts, or as `extend` makes it last, and
        writes that; False if the binding has changed meanwhile."""
        began = self._pending.monotonic()
        lease = lease_of(binding)
        if len(lease.operations) >= MOST_OPERATIONS:
            raise errors.Contended("this binding is being changed")
        expires = extend(binding).expires if extend is not None else binding.expires
        until = min(expires, now + carrier.lease_ms + ahead_ms(carrier))
        mine = self._pending.new("extend", lease_ms=min(expires - now, carrier.lease_ms), now=now)
        asking = _asking(lease, mine, until=until, now=now)
        written = self._pending.write(binding, replace(binding, lease=asking), carrier, now=now)
        if written is None:
            return False
        last = lease.until - now <= LAST_MS
        try:
            self._pending.check_time(began)
            kept = carrier.renew(written, mine, until=until, last=last, now=now)
        except errors.NotBeside:
            if last:
                return self._exchange(written, mine, carrier, extend, until=until, now=now)
            return self._hold(written, mine, None, carrier, extend, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._pending.close(written, (mine,), carrier, now=now)
            raise
        return self._hold(written, mine, kept, carrier, extend, now=now)

    def _look(self, binding: Binding, carrier: BindingCarrier, *, now: int) -> Binding | None:
        """Writes what the carrier has after all that was asked; None if the binding has changed."""
        looking = self._pending.begin_look(binding, carrier, now=now)
        if looking is None:
            return None
        looked, repeats = looking
        found = carrier.find(looked, lease_of(binding).asked, now=now)
        for current in self._pending.versions(looked):
            if current is None or current.state is not State.BOUND:
                self._pending.withdraw(looked, current, repeats, found, carrier, now=now)
                return None
            lease = lease_of(current)
            left = lease.without(*repeats, *lease.over(now), *lease_of(looked).over(now))
            changed = current.version != looked.version
            seen = [*found, as_known(lease)] if changed else found
            best = max(seen, key=lambda kept: kept.until, default=None)
            if best is None:
                # The carrier has it no more, so it has to be bound anew.
                at_most = lease.at_most if left.operations else now
                held = replace(left, id=None, until=0, at_most=at_most)
            else:
                _release_others(best, (*found, as_known(lease)), carrier, now=now)
                held = holding(left, best, exact=not left.operations and not changed)
            done = self._pending.write(current, replace(current, lease=held), carrier, now=now)
            if done is not None:
                return done
        return None

    def _exchange(
        self,
        binding: Binding,
        refused: Operation,
        carrier: BindingCarrier,
        extend: Extend | None,
        *,
        until: int,
        now: int,
    ) -> bool:
        """Puts the new lease in the place of the old one: for a moment the carrier has none."""
        began = self._pending.monotonic()
        lease = lease_of(binding)
        mine = self._pending.new("extend", lease_ms=refused.lease_ms, now=now)
        asking = (*lease.without(refused).operations, mine)
        after = replace(binding, lease=replace(lease, until=now, operations=asking))
        written = self._pending.write(binding, after, carrier, now=now)
        if written is None:
            return False
        try:
            self._pending.check_time(began)
            if lease.id is not None:
                carrier.release(lease.id, now=now)
            kept = carrier.renew(written, mine, until=until, last=True, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._pending.close(written, (mine,), carrier, now=now)
            raise errors.Unavailable("the lease was released, and no new one was made") from error
        return self._hold(written, mine, kept, carrier, extend, released=lease.id, now=now)

    def _hold(
        self,
        asked: Binding,
        mine: Operation,
        kept: Lease | None,
        carrier: BindingCarrier,
        extend: Extend | None,
        *,
        released: str | None = None,
        now: int,
    ) -> bool:
        """Writes what the carrier keeps now (None: what it had) and makes the binding longer.
        `released` is the id of a lease that the carrier has no more."""
        for current in self._pending.versions(asked):
            if current is None or current.state is not State.BOUND:
                found = [kept] if kept is not None else []
                self._pending.withdraw(asked, current, (mine,), found, carrier, now=now)
                return False
            before = lease_of(current)
            lease = before.without(mine)
            if kept is not None:
                best = max(as_known(before), kept, key=lambda each: each.until)
                others = (kept,) if before.id == released else (kept, as_known(before))
                _release_others(best, others, carrier, now=now)
                alone = not lease.operations and current.version == asked.version
                lease = holding(lease, best, exact=alone and best is kept)
            after = replace(current, lease=lease)
            # An extension by somebody else came after `until` was worked out here.
            as_asked = (current.expires, current.extensions) == (asked.expires, asked.extensions)
            if extend is not None and as_asked:
                after = extend(after)
            after = scheduled(after, carrier, now=now)
            if kept is None:
                # Try again when the carrier may exchange it.
                check_at = max(now, lease.until - LAST_MS)
                after = replace(after, lease=replace(lease, check_at=check_at))
            if self._pending.bindings.change(current, after):
                return as_asked
        raise errors.Contended("this binding is being changed")


def _asking(lease: CarrierLease, mine: Operation, *, until: int, now: int) -> CarrierLease:
    """The lease of a binding whose carrier is about to be asked for more. Whatever others add
    meanwhile, each adds at most what is missing."""
    missing = max(0, -(-(until - lease.until) // MINUTE_MS) * MINUTE_MS) if lease.id else 0
    at_most = max(max(lease.at_most, lease.until) + missing, now + mine.lease_ms)
    return replace(lease, operations=(*lease.operations, mine), at_most=at_most)


def _release_others(
    kept: Lease, others: Sequence[Lease], carrier: BindingCarrier, *, now: int
) -> None:
    """Releases the leases that a binding has beside the one that is kept."""
    for each in dict.fromkeys(each.id for each in others if each.id not in ("", kept.id)):
        carrier.release(each, now=now)
