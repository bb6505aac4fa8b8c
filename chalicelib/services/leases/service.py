"""Bindings that a carrier keeps for us: asking it, and finding out what it did when it did not say.

Whoever asks a carrier to change something writes an operation of its own into the binding before it
asks, and takes only that one away when it knows the outcome. One that stays, because its process
died or heard nothing, is looked at until it surely takes effect no more; a binding is finished with
its carrier only when none is left.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.lease_rules import (
    LOOK_MS,
    ahead_ms,
    at_most_with,
    checked,
    finished,
    holding,
    lease_of,
    past,
    settled_by_now,
    with_looks,
)
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.ports import BindingCarrier, Carrier, Carriers
from chalicelib.services.leases.operations import Asking, Change
from chalicelib.store.bindings.bindings import BindingStore

if TYPE_CHECKING:
    from chalicelib.services.leases.extension import LeaseExtension


@dataclass(frozen=True, slots=True)
class LeaseService:
    """What is done at a carrier for a binding. `now` is epoch ms; `new_id` gives 10 hex digits that
    nobody had before, `monotonic` seconds that only grow."""

    bindings: BindingStore
    carriers: Carriers
    new_id: Callable[[], str]
    monotonic: Callable[[], float]

    def carrier(self, name: str) -> Carrier:
        """Who connects the calls, with what it can do. Raises Unavailable."""
        return self.carriers.of(name)

    def drafted(self, draft: Binding, *, now: int) -> Binding:
        """A draft with what its carrier is about to be asked; that of our own switch as it is."""
        keeper = self.carrier(draft.carrier).bindings
        if keeper is None:
            return replace(draft, version=self._first_version())
        lease_ms = min(draft.expires - now, keeper.lease_ms)
        mine = self._asking.operation("bind", lease_ms=lease_ms, now=now)
        lease = CarrierLease(at_most=now + mine.lease_ms, operations=(mine,))
        drafted = replace(draft, state=State.BINDING, lease=lease, version=self._first_version())
        return checked(drafted, keeper, now=now)

    def place(self, binding: Binding, *, began: float, now: int) -> Binding:
        """Asks the carrier for a binding that is written as `drafted` (at `began` by `monotonic`);
        the binding as it is kept.

        When the carrier says no nothing is left of it. Raises what BindingCarrier.bind does.
        """
        keeper = self._keeper(binding)
        (mine,) = lease_of(binding).operations
        try:
            self._asking.in_time(began)
            kept = keeper.bind(binding, mine, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._give_up(binding, mine, now=now)
            raise
        return self._agree(binding, mine, kept, keeper, now=now)

    def settle(self, binding: Binding, *, now: int) -> Binding | None:
        """Finds out what became of a bind: the binding, or None if there is none (nothing is left
        of it then, or it has moved on and has to be read again).

        Raises RequestRunning while it may still take effect, Unavailable.
        """
        keeper = self._keeper(binding)
        if past(binding, now=now):
            self.bindings.undo(binding, now=now)
            return None
        looking = self._asking.looking(binding, keeper, now=now)
        if looking is None:
            return None
        looked, looks = looking
        found = keeper.find(looked, lease_of(binding).asked, now=now)
        if found and now < binding.expires:
            mine = looks[-1] if looks else lease_of(looked).operations[0]
            return self._agree(looked, mine, found[-1], keeper, now=now)
        for kept in found:
            keeper.release(kept.id, now=now)
        left = lease_of(looked).without(*looks, *settled_by_now(looked, now=now))
        if left:
            after = replace(looked, lease=replace(lease_of(looked), operations=left))
            self.bindings.change(looked, checked(after, keeper, now=now))
            raise errors.RequestRunning("the same request is being worked on")
        self.bindings.undo(looked, now=now)
        return None

    def end(self, binding: Binding, *, now: int) -> bool:
        """Releases a binding at its carrier and here; False if it had moved on meanwhile.

        While the carrier has not agreed it stays as it is for its app, and is released later.
        Raises what BindingCarrier.release does, Contended.
        """
        keeper = self._keeper(binding)
        if now >= binding.kept_until:
            # Run out there too, by whichever clock. Of an XA even asking would be wrong: X may be
            # another one's soon.
            over = finished(
                binding.ended(now=now), settled_by_now(binding, now=now), keeper, now=now
            )
            return self.bindings.change(binding, over) is not None
        began = self.monotonic()
        lease = lease_of(binding)
        mine = self._asking.operation("release", now=now)
        looks = self._asking.looks(lease.asked, keeper, now=now)
        # A release by the carrier's id of it does no harm however late it comes: who began it need
        # not be waited for. That of an XA, by its X, would end the next one.
        late = [each for each in lease.operations if each.kind == "release" and not each.over(now)]
        waited_for = late if binding.b is None else []
        asked = replace(lease, operations=(*lease.asked, *waited_for))
        ending = replace(
            lease,
            operations=(*with_looks(asked, looks, now=now), mine),
            at_most=at_most_with(lease, looks, now=now),
        )
        intended = replace(binding, state=State.ENDING, updated=now, lease=ending)
        noted = self.bindings.change(binding, checked(intended, keeper, now=now))
        if noted is None and now >= binding.expires:
            # Unless it moved on, its routes are the next one's: a release of an XA would end that.
            over = checked(binding.ended(now=now), keeper, now=now)
            return self.bindings.change(binding, over) is not None
        if noted is None:
            return False
        try:
            self._asking.in_time(began)
            self._release_all(noted, keeper, now=now)
        except errors.NotReached as error:
            # It is written that it is to end, and will be ended.
            raise errors.Unavailable(str(error)) from None
        return self._finish(noted, (mine, *looks), keeper, now=now)

    def make_longer(self, binding: Binding, longer: Change, *, now: int) -> bool:
        """Writes the longer binding that `longer` makes of it, once its carrier keeps it until the
        schedule comes; False if it had moved on meanwhile and has to be read again. Raises what
        BindingCarrier.renew does, Contended."""
        keeper = self._keeper(binding)
        lease, after = lease_of(binding), longer(binding)
        until = lease.until - ahead_ms(keeper)
        if lease.id is not None and (lease.until >= after.expires or until > now):
            return self.bindings.change(binding, checked(after, keeper, now=now)) is not None
        return self._extension.extend(binding, keeper, longer, now=now)

    def attend(self, binding: Binding, *, now: int) -> None:
        """What the schedule does with a binding that is due: whatever makes its carrier and us
        agree again, as far as it can be known by now. Raises what a BindingCarrier does."""
        try:
            keeper = self._keeper(binding)
        except errors.NoSuchCarrier:
            self._abandon(binding, now=now)
            return
        if binding.state is State.BINDING:
            with suppress(errors.RequestRunning):
                self.settle(binding, now=now)
        elif binding.state is State.ENDING:
            self.end(binding, now=now)
        elif binding.over or now >= binding.expires:
            self._clear(binding, keeper, now=now)
        else:
            self._extension.keep_up(binding, keeper, now=now)

    def put_off(self, binding: Binding, *, now: int) -> None:
        """What could not be settled is due again soon."""
        self.bindings.put_off(binding, until=now + LOOK_MS)

    def end_stray(self, binding: Binding, carrier_id: str, *, now: int) -> None:
        """Ends at the carrier what is not of `binding` any more, although it was once bound for it.
        Raises what BindingCarrier.release does."""
        self._keeper(binding).release(carrier_id, now=now)

    def correct(self, binding: Binding, *, until: int, now: int) -> None:
        """Notes until when the carrier really keeps a binding (0: it has it no more), so that it is
        made longer in time. Nothing if it has moved on meanwhile."""
        lease = replace(lease_of(binding), until=until, id=lease_of(binding).id if until else None)
        after = checked(replace(binding, lease=lease), self._keeper(binding), now=now)
        self.bindings.change(binding, after)

    def _clear(self, binding: Binding, keeper: BindingCarrier, *, now: int) -> None:
        """Ends at the carrier what is over here: kept for too long, or brought back by who came
        late."""
        if past(binding, now=now):
            # Its routes may be somebody else's by now, and asking again could bind it once more.
            self._finish(binding, (), keeper, now=now, over=binding.over)
            return
        looking = self._asking.looking(binding, keeper, now=now)
        if looking is None:
            return
        looked, looks = looking
        if looked.unfinished:
            self._release_all(looked, keeper, now=now)
        self._finish(looked, looks, keeper, now=now, over=binding.over)

    def _finish(
        self,
        noted: Binding,
        mine: Sequence[Operation],
        keeper: BindingCarrier,
        *,
        now: int,
        over: bool = True,
    ) -> bool:
        """Writes that the carrier has it no more, but for what others may still bring back."""
        for current in self._asking.states(noted):
            if current is None or current.state is State.ARCHIVED:
                return True
            if not over and current.version != noted.version:
                # Somebody made it longer by a clock that is behind.
                return False
            ended = current.ended(now=now) if over and not current.over else current
            after = finished(ended, (*mine, *settled_by_now(noted, now=now)), keeper, now=now)
            if self.bindings.change(current, after):
                return True
        raise errors.Contended("this binding is being changed")

    def _abandon(self, binding: Binding, *, now: int) -> None:
        """Ends what nobody can ask a carrier about any more. It may connect its calls until
        whatever it was asked for has run out: the routes are kept for as long, and cool then."""
        ended = binding if binding.over else binding.ended(now=now)
        if binding.state is State.BINDING:
            self.bindings.undo(binding, now=now, reusable_at=ended.reusable_at)
        else:
            lease = CarrierLease(at_most=ended.kept_until)
            self.bindings.change(binding, replace(ended, lease=lease))

    def _agree(
        self, binding: Binding, mine: Operation, kept: Lease, keeper: BindingCarrier, *, now: int
    ) -> Binding:
        """Writes that the carrier agreed to bind it."""
        standing: Binding | None = None
        for current in self._asking.states(binding):
            if current is None:
                break
            lease = lease_of(current)
            if current.state is State.BINDING and lease.has(mine):
                left = lease.without(mine, *settled_by_now(binding, now=now))
                held = replace(holding(lease, kept, exact=not left), operations=left)
                after = replace(current, state=State.BOUND, lease=held)
            elif current.state is State.BOUND and lease.id == kept.id:
                # Somebody else looked, and saw it.
                standing = current
                after = replace(current, lease=replace(lease, operations=lease.without(mine)))
            else:
                self._asking.too_late(current, (mine,), [kept], keeper, now=now)
                raise errors.Unavailable("it was given up meanwhile")
            if after == current:
                return current
            done = self.bindings.change(current, checked(after, keeper, now=now))
            if done is not None:
                return done
        else:
            if standing is not None:
                # Many look at it at once. What stays open here is closed when it is over.
                return standing
            # It stands there, and will be found by one of those who look at it.
            raise errors.RequestRunning("the same request is being worked on")
        self._asking.too_late(None, (mine,), [kept], keeper, now=now, of=binding)
        raise errors.Unavailable("it was given up meanwhile")

    def _give_up(self, binding: Binding, mine: Operation, *, now: int) -> None:
        """The carrier said no: nothing is left of it, unless somebody else is still asking."""
        for current in self._asking.states(binding):
            if current is None or current.state is not State.BINDING:
                return
            lease = lease_of(current)
            if not lease.has(mine):
                return
            left = lease.without(mine)
            if not left:
                if self.bindings.undo(current, now=now):
                    return
            elif self.bindings.change(
                current, replace(current, lease=replace(lease, operations=left))
            ):
                return

    def _release_all(self, binding: Binding, keeper: BindingCarrier, *, now: int) -> None:
        """Ends what the carrier is known to have, then what it has because of whatever is open: it
        may take nothing new meanwhile, or nothing beside the first."""
        lease = lease_of(binding)
        if lease.id is not None:
            keeper.release(lease.id, now=now)
        if lease.asked:
            released = replace(binding, lease=replace(lease, id=None))
            found = keeper.find(released, lease.asked, now=now)
            for each in dict.fromkeys(kept.id for kept in found):
                keeper.release(each, now=now)

    @property
    def _asking(self) -> Asking:
        return Asking(self.bindings, self.new_id, self.monotonic)

    @property
    def _extension(self) -> "LeaseExtension":
        from chalicelib.services.leases.extension import LeaseExtension  # noqa: PLC0415

        return LeaseExtension(self._asking)

    def _first_version(self) -> int:
        return int(self.new_id(), 16)

    def _keeper(self, binding: Binding) -> BindingCarrier:
        keeper = self.carrier(binding.carrier).bindings
        if keeper is None:
            raise errors.NoSuchCarrier
        return keeper
