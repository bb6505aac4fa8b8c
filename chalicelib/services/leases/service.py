"""Bindings at their carriers: bound, released, and brought to agree with ours.

Whoever asks a carrier to change something writes a pending operation of its own into the binding
before it asks, and takes out only that one when it knows the outcome. One that stays, because its
process died or got no answer, is looked at until it can no longer take effect. A binding is
finished with its carrier only when no operation is left.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.lease_rules import (
    LOOK_MS,
    ahead_ms,
    finished,
    holding,
    lease_of,
    past,
    repeating,
    scheduled,
)
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.ports import BindingCarrier, Carrier, Carriers
from chalicelib.services.leases.extension import Extend, LeaseExtension
from chalicelib.services.leases.operations import PendingOperations
from chalicelib.store.bindings.bindings import BindingStore


class LeaseService:
    """What is done at a carrier for a binding. `now` is epoch ms; `new_id` gives 10 hex digits that
    nobody had before, `monotonic` seconds that only grow."""

    def __init__(
        self,
        bindings: BindingStore,
        carriers: Carriers,
        new_id: Callable[[], str],
        monotonic: Callable[[], float],
    ) -> None:
        self.carriers = carriers
        self.monotonic = monotonic
        self._bindings = bindings
        self._new_id = new_id
        self._pending = PendingOperations(bindings, new_id, monotonic)
        self._extension = LeaseExtension(self._pending)

    def drafted(self, draft: Binding, carrier: Carrier, *, now: int) -> Binding:
        """A new binding as it is written first: with what its carrier is about to be asked, unless
        that is our own switch."""
        version = int(self._new_id(), 16)
        remote = carrier.bindings
        if remote is None:
            return replace(draft, version=version)
        lease_ms = min(draft.expires - now, remote.lease_ms)
        mine = self._pending.new("bind", lease_ms=lease_ms, now=now)
        lease = CarrierLease(at_most=now + lease_ms, operations=(mine,))
        drafted = replace(draft, state=State.BINDING, lease=lease, version=version)
        return scheduled(drafted, remote, now=now)

    def bind(self, binding: Binding, *, began: float, now: int) -> Binding:
        """Binds at the carrier what was written as `drafted` (at `began` by `monotonic`); returns
        the binding as it stands then.

        If the carrier refuses, nothing is left of it. Raises what BindingCarrier.bind does.
        """
        carrier = self._carrier_of(binding)
        (mine,) = lease_of(binding).operations
        try:
            self._pending.check_time(began)
            kept = carrier.bind(binding, mine, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._pending.close(binding, (mine,), carrier, now=now)
            raise
        return self._bound(binding, mine, kept, carrier, now=now)

    def settle(self, binding: Binding, *, now: int) -> Binding | None:
        """Finds out what became of a bind: the binding, or None if there is none (it was undone, or
        has changed and has to be read again).

        Raises RequestRunning while the bind may still take effect, Unavailable.
        """
        carrier = self._carrier_of(binding)
        if past(binding, now=now):
            self._bindings.undo(binding, now=now)
            return None
        looking = self._pending.begin_look(binding, carrier, now=now)
        if looking is None:
            return None
        looked, repeats = looking
        lease = lease_of(looked)
        found = carrier.find(looked, lease.asked, now=now)
        if found and now < binding.expires:
            mine = repeats[-1] if repeats else lease.operations[0]
            return self._bound(looked, mine, found[-1], carrier, now=now)
        for kept in found:
            carrier.release(kept.id, now=now)
        left = lease.without(*repeats, *lease.over(now))
        if left.operations:
            self._pending.write(looked, replace(looked, lease=left), carrier, now=now)
            raise errors.RequestRunning("the same request is being worked on")
        self._bindings.undo(looked, now=now)
        return None

    def end(self, binding: Binding, *, now: int) -> bool:
        """Releases a binding at its carrier and here; False if it has changed meanwhile.

        Until the carrier has agreed the app still has it, and the schedule releases it. Raises what
        BindingCarrier.release does, Contended.
        """
        carrier = self._carrier_of(binding)
        if now >= binding.kept_until:
            # The carrier has it no more. To release an XA might end another one on its X.
            over = lease_of(binding).over(now)
            after = finished(binding.ended(now=now), over, now=now)
            return self._write(binding, after, carrier, now=now)
        began = self.monotonic()
        mine = self._pending.new("release", now=now)
        repeats = self._pending.repeats(lease_of(binding).asked, carrier, now=now)
        lease = _ending(binding, mine, repeats, now=now)
        ending = replace(binding, state=State.ENDING, updated=now, lease=lease)
        written = self._pending.write(binding, ending, carrier, now=now)
        if written is None:
            # Unless it has changed, its routes are others' by now, and so may the X of an XA be.
            expired = now >= binding.expires
            return expired and self._write(binding, binding.ended(now=now), carrier, now=now)
        try:
            self._pending.check_time(began)
            self._release_all(written, carrier, now=now)
        except errors.NotReached as error:
            # The schedule will release it.
            raise errors.Unavailable(str(error)) from None
        return self._finish(written, (mine, *repeats), carrier, now=now)

    def extend(self, binding: Binding, extend: Extend, *, now: int) -> bool:
        """Writes the longer binding that `extend` makes of this one, once its carrier keeps it at
        least until the schedule comes; False if it has changed meanwhile. Raises what
        BindingCarrier.renew does, Contended."""
        carrier, lease, after = self._carrier_of(binding), lease_of(binding), extend(binding)
        suffices = lease.until >= after.expires or lease.until - ahead_ms(carrier) > now
        if lease.id is not None and suffices:
            return self._write(binding, after, carrier, now=now)
        return self._extension.extend(binding, carrier, extend, now=now)

    def attend(self, binding: Binding, *, now: int) -> None:
        """Does for a binding that is due whatever makes its carrier and us agree again, as far as
        that can be known by now. Raises what a BindingCarrier does."""
        try:
            carrier = self._carrier_of(binding)
        except errors.NoSuchCarrier:
            self._abandon(binding, now=now)
            return
        if binding.state is State.BINDING:
            with suppress(errors.RequestRunning):
                self.settle(binding, now=now)
        elif binding.state is State.ENDING:
            self.end(binding, now=now)
        elif binding.over or now >= binding.expires:
            self._clear(binding, carrier, now=now)
        else:
            self._extension.keep_up(binding, carrier, now=now)

    def put_off(self, binding: Binding, *, now: int) -> None:
        """Makes a binding that could not be attended to due again soon."""
        self._bindings.put_off(binding, until=now + LOOK_MS)

    def release_stray(self, binding: Binding, carrier_id: str, *, now: int) -> None:
        """Releases at the carrier what `binding` does not know of any more. Raises what
        BindingCarrier.release does."""
        self._carrier_of(binding).release(carrier_id, now=now)

    def correct(self, binding: Binding, *, until: int, now: int) -> None:
        """Writes until when the carrier really keeps a binding (0: it has it no more), so that
        it is extended in time; nothing if the binding has changed meanwhile."""
        lease = lease_of(binding)
        lease = replace(lease, until=until, id=lease.id if until else None)
        self._write(binding, replace(binding, lease=lease), self._carrier_of(binding), now=now)

    def _clear(self, binding: Binding, carrier: BindingCarrier, *, now: int) -> None:
        """Releases at the carrier what is over here: it was kept for too long, or a late operation
        brought it back."""
        if past(binding, now=now):
            # Its routes may be others' by now, and asking again could bind it once more.
            self._finish(binding, (), carrier, now=now, over=binding.over)
            return
        looking = self._pending.begin_look(binding, carrier, now=now)
        if looking is None:
            return
        looked, repeats = looking
        if looked.unfinished:
            self._release_all(looked, carrier, now=now)
        self._finish(looked, repeats, carrier, now=now, over=binding.over)

    def _finish(
        self,
        released: Binding,
        mine: Sequence[Operation],
        carrier: BindingCarrier,
        *,
        now: int,
        over: bool = True,
    ) -> bool:
        """Writes that the carrier has it no more, except for what operations of others may still
        bring back."""
        settled = (*mine, *lease_of(released).over(now))
        for current in self._pending.versions(released):
            if current is None or current.state is State.ARCHIVED:
                return True
            if not over and current.version != released.version:
                # Somebody whose clock is behind has extended it.
                return False
            ended = current.ended(now=now) if over and not current.over else current
            after = finished(ended, settled, now=now)
            if self._pending.write(current, after, carrier, now=now):
                return True
        raise errors.Contended("this binding is being changed")

    def _abandon(self, binding: Binding, *, now: int) -> None:
        """Ends a binding whose carrier can't be asked any more. The carrier may connect its calls
        until all that it was asked for has run out: so long the routes stay, and cool then."""
        ended = binding if binding.over else binding.ended(now=now)
        if binding.state is State.BINDING:
            self._bindings.undo(binding, now=now, reusable_at=ended.reusable_at)
        else:
            lease = CarrierLease(at_most=ended.kept_until)
            self._bindings.change(binding, replace(ended, lease=lease))

    def _bound(
        self, binding: Binding, mine: Operation, kept: Lease, carrier: BindingCarrier, *, now: int
    ) -> Binding:
        """Writes that the carrier has bound it."""
        current: Binding | None = binding
        for current in self._pending.versions(binding):
            if current is None:
                break
            lease = lease_of(current)
            if current.state is State.BINDING and lease.has(mine):
                left = lease.without(mine, *lease_of(binding).over(now))
                after = replace(
                    current, state=State.BOUND, lease=holding(left, kept, exact=not left.operations)
                )
            elif current.state is State.BOUND and lease.id == kept.id:
                # Somebody else has looked, and found it.
                after = replace(current, lease=lease.without(mine))
            else:
                break
            if after == current:
                return current
            done = self._pending.write(current, after, carrier, now=now)
            if done is not None:
                return done
        else:
            if current is not None and current.state is State.BOUND:
                # Many look at once. What stays pending here is closed when the binding is over.
                return current
            # It stands at the carrier, and one of those who look at it will find it.
            raise errors.RequestRunning("the same request is being worked on")
        self._pending.withdraw(binding, current, (mine,), [kept], carrier, now=now)
        raise errors.Unavailable("it was given up meanwhile")

    def _release_all(self, binding: Binding, carrier: BindingCarrier, *, now: int) -> None:
        """Releases what the carrier is known to have, then what it has because of pending
        operations: in the meantime it may accept nothing new, or nothing beside the first."""
        lease = lease_of(binding)
        if lease.id is not None:
            carrier.release(lease.id, now=now)
        if lease.asked:
            released = replace(binding, lease=replace(lease, id=None))
            found = carrier.find(released, lease.asked, now=now)
            for each in dict.fromkeys(kept.id for kept in found):
                carrier.release(each, now=now)

    def _write(self, before: Binding, after: Binding, carrier: BindingCarrier, *, now: int) -> bool:
        return self._pending.write(before, after, carrier, now=now) is not None

    def _carrier_of(self, binding: Binding) -> BindingCarrier:
        carrier = self.carriers.of(binding.carrier).bindings
        if carrier is None:
            raise errors.NoSuchCarrier
        return carrier


def _ending(
    binding: Binding, mine: Operation, repeats: Sequence[Operation], *, now: int
) -> CarrierLease:
    """The lease of a binding that its carrier is about to be asked to release."""
    lease = lease_of(binding)
    # A release by the carrier's id does no harm however late it comes, and is not waited for. That
    # of an XA, by its X, would end the next one.
    late = [each for each in lease.operations if each.kind == "release" and not each.over(now)]
    waited_for = late if binding.b is None else []
    repeated = repeating(replace(lease, operations=(*lease.asked, *waited_for)), repeats, now=now)
    return replace(repeated, operations=(*repeated.operations, mine))
