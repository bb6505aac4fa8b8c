"""Bindings that a carrier keeps for us: asking it, and finding out what it did when it did not say.

Whoever asks a carrier to change something writes an operation of its own into the binding before it
asks, and takes only that one away when it knows the outcome. One that stays, because its process
died or heard nothing, is looked at until it surely takes effect no more; a binding is finished with
its carrier only when none is left.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Kept, Operation
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS
from chalicelib.core.ports import Carrier, Carriers, Keeper
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.store.bindings import BindingStore

LOOK_MS = MINUTE_MS // 2
"""So long after an operation began it is looked at, and again after each look that did not settle
it: the schedule comes every minute."""
LAST_MS = CLOCKS_APART_MS + MINUTE_MS + MINUTE_MS // 2
"""How long before its end a lease is given up for another one, if the carrier takes no second one
beside it: one clock wrote its end down and another one waits for it, the schedule comes every
minute, and then half a minute is left for a slow one."""
MOST_OPERATIONS = 8
"""How many operations of one binding may be open before nobody begins another one."""
SEND_WITHIN_S = 30.0
"""A process that stood still for longer between deciding and asking does not ask any more."""

Change = Callable[[Binding], Binding]


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
        keeper = self.carrier(draft.carrier).keeper
        if keeper is None:
            return replace(draft, version=self._first_version())
        mine = self._operation("bind", lease_ms=min(draft.expires - now, keeper.lease_ms), now=now)
        lease = CarrierLease(at_most=now + mine.lease_ms, operations=(mine,))
        drafted = replace(draft, state=State.BINDING, lease=lease, version=self._first_version())
        return _checked(drafted, keeper, now=now)

    def place(self, binding: Binding, *, began: float, now: int) -> Binding:
        """Asks the carrier for a binding that is written as `drafted` (at `began` by `monotonic`);
        the binding as it is kept.

        When the carrier says no nothing is left of it. Raises what Keeper.bind does.
        """
        keeper = self._keeper(binding)
        (mine,) = _lease(binding).operations
        try:
            self._in_time(began)
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
        if _past(binding, now=now):
            self.bindings.undo(binding, now=now)
            return None
        looking = self._looking(binding, keeper, now=now)
        if looking is None:
            return None
        looked, looks = looking
        found = keeper.find(looked, _lease(binding).asked, now=now)
        if found and now < binding.expires:
            mine = looks[-1] if looks else _lease(looked).operations[0]
            return self._agree(looked, mine, found[-1], keeper, now=now)
        for kept in found:
            keeper.release(kept.id, now=now)
        left = _lease(looked).without(*looks, *_over(looked, now=now))
        if left:
            after = replace(looked, lease=replace(_lease(looked), operations=left))
            self.bindings.change(looked, _checked(after, keeper, now=now))
            raise errors.RequestRunning("the same request is being worked on")
        self.bindings.undo(looked, now=now)
        return None

    def end(self, binding: Binding, *, now: int) -> bool:
        """Releases a binding at its carrier and here; False if it had moved on meanwhile.

        While the carrier has not agreed it stays as it is for its app, and is released later.
        Raises what Keeper.release does, Contended.
        """
        keeper = self._keeper(binding)
        if now >= binding.kept_until:
            # Run out there too, by whichever clock. Of an XA even asking would be wrong: X may be
            # another one's soon.
            over = _finished(binding.ended(now=now), _over(binding, now=now), keeper, now=now)
            return self.bindings.change(binding, over) is not None
        began = self.monotonic()
        lease = _lease(binding)
        mine = self._operation("release", now=now)
        looks = self._looks(lease.asked, keeper, now=now)
        # A release by the carrier's id of it does no harm however late it comes: who began it need
        # not be waited for. That of an XA, by its X, would end the next one.
        late = [each for each in lease.operations if each.kind == "release" and not each.over(now)]
        waited_for = late if binding.b is None else []
        asked = replace(lease, operations=(*lease.asked, *waited_for))
        ending = replace(
            lease,
            operations=(*_with_looks(asked, looks, now=now), mine),
            at_most=_at_most(lease, looks, now=now),
        )
        intended = replace(binding, state=State.ENDING, updated=now, lease=ending)
        noted = self.bindings.change(binding, _checked(intended, keeper, now=now))
        if noted is None and now >= binding.expires:
            # Unless it moved on, its routes are the next one's: a release of an XA would end that.
            over = _checked(binding.ended(now=now), keeper, now=now)
            return self.bindings.change(binding, over) is not None
        if noted is None:
            return False
        try:
            self._in_time(began)
            self._release_all(noted, keeper, now=now)
        except errors.NotReached as error:
            # It is written that it is to end, and will be ended.
            raise errors.Unavailable(str(error)) from None
        return self._finish(noted, (mine, *looks), keeper, now=now)

    def make_longer(self, binding: Binding, longer: Change, *, now: int) -> bool:
        """Writes the longer binding that `longer` makes of it, once its carrier keeps it until the
        schedule comes; False if it had moved on meanwhile and has to be read again. Raises what
        Keeper.renew does, Contended."""
        keeper = self._keeper(binding)
        lease, after = _lease(binding), longer(binding)
        until = lease.until - _ahead(keeper)
        if lease.id is not None and (lease.until >= after.expires or until > now):
            return self.bindings.change(binding, _checked(after, keeper, now=now)) is not None
        return self._extend(binding, keeper, longer, now=now)

    def attend(self, binding: Binding, *, now: int) -> None:
        """What the schedule does with a binding that is due: whatever makes its carrier and us
        agree again, as far as it can be known by now. Raises what a Keeper does."""
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
            self._keep_up(binding, keeper, now=now)

    def put_off(self, binding: Binding, *, now: int) -> None:
        """What could not be settled is due again soon."""
        self.bindings.put_off(binding, until=now + LOOK_MS)

    def end_stray(self, binding: Binding, carrier_id: str, *, now: int) -> None:
        """Ends at the carrier what is not of `binding` any more, although it was once bound for it.
        Raises what Keeper.release does."""
        self._keeper(binding).release(carrier_id, now=now)

    def correct(self, binding: Binding, *, until: int, now: int) -> None:
        """Notes until when the carrier really keeps a binding (0: it has it no more), so that it is
        made longer in time. Nothing if it has moved on meanwhile."""
        lease = replace(_lease(binding), until=until, id=_lease(binding).id if until else None)
        after = _checked(replace(binding, lease=lease), self._keeper(binding), now=now)
        self.bindings.change(binding, after)

    def _keep_up(self, binding: Binding, keeper: Keeper, *, now: int) -> None:
        """Finds out what is open, then lets the carrier keep it for as long as it lasts."""
        if any(_looked_at(each, now=now) <= now for each in _lease(binding).operations):
            looked = self._look(binding, keeper, now=now)
            if looked is None:
                return
            binding = looked
        lease = _lease(binding)
        if lease.until < binding.expires and lease.until - _ahead(keeper) <= now:
            self._extend(binding, keeper, None, now=now)
        elif lease.check_at is None or lease.check_at != _check_at(binding, keeper, now=now):
            self.bindings.change(binding, _checked(binding, keeper, now=now))

    def _look(self, binding: Binding, keeper: Keeper, *, now: int) -> Binding | None:
        """Takes account of what a carrier has; None if the binding had moved on."""
        looking = self._looking(binding, keeper, now=now)
        if looking is None:
            return None
        looked, looks = looking
        found = keeper.find(looked, _lease(binding).asked, now=now)
        for current in self._states(looked):
            if current is None or current.state is not State.BOUND:
                self._too_late(current, looks, found, keeper, now=now)
                return None
            lease = _lease(current)
            left = lease.without(*looks, *_over(current, now=now), *_over(looked, now=now))
            moved = current.version != looked.version
            seen = [*found, _kept(lease)] if moved else found
            best = max(seen, key=lambda kept: kept.until, default=None)
            if best is None:
                # Gone there, so it has to be bound anew.
                held = replace(lease, id=None, until=0, at_most=lease.at_most if left else now)
            else:
                self._let_go(best, (*found, _kept(lease)), keeper, now=now)
                held = _holding(lease, best, exact=not left and not moved)
            after = replace(current, lease=replace(held, operations=left))
            done = self.bindings.change(current, _checked(after, keeper, now=now))
            if done is not None:
                return done
        return None

    def _extend(self, binding: Binding, keeper: Keeper, longer: Change | None, *, now: int) -> bool:
        """Lets the carrier keep it for longer; False if it had moved on meanwhile."""
        began = self.monotonic()
        lease = _lease(binding)
        if len(lease.operations) >= MOST_OPERATIONS:
            raise errors.Contended("this binding is being changed")
        expires = longer(binding).expires if longer is not None else binding.expires
        until = min(expires, now + keeper.lease_ms + _ahead(keeper))
        mine = self._operation("extend", lease_ms=min(expires - now, keeper.lease_ms), now=now)
        noted = self._noted(binding, mine, keeper, until=until, now=now)
        if noted is None:
            return False
        last = lease.until - now <= LAST_MS
        try:
            self._in_time(began)
            kept = keeper.renew(noted, mine, until=until, last=last, now=now)
        except errors.NotBeside:
            if last:
                return self._swap(noted, mine, keeper, longer, until=until, now=now)
            return self._hold(noted, mine, None, keeper, longer, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._close(noted, mine, keeper, now=now)
            raise
        return self._hold(noted, mine, kept, keeper, longer, now=now)

    def _noted(
        self, binding: Binding, mine: Operation, keeper: Keeper, *, until: int, now: int
    ) -> Binding | None:
        """Writes that the carrier is about to be asked for more, and for how long it may keep it
        then: whatever others add meanwhile, each adds at most what is missing."""
        lease = _lease(binding)
        missing = max(0, -(-(until - lease.until) // MINUTE_MS) * MINUTE_MS) if lease.id else 0
        longest = max(max(lease.at_most, lease.until) + missing, now + mine.lease_ms)
        asking = replace(lease, operations=(*lease.operations, mine), at_most=longest)
        after = replace(binding, lease=asking)
        return self.bindings.change(binding, _checked(after, keeper, now=now))

    def _swap(
        self,
        binding: Binding,
        refused: Operation,
        keeper: Keeper,
        longer: Change | None,
        *,
        until: int,
        now: int,
    ) -> bool:
        """The new lease in the place of the old one: for a moment the carrier has none."""
        began = self.monotonic()
        lease = _lease(binding)
        mine = self._operation("extend", lease_ms=refused.lease_ms, now=now)
        asking = (*lease.without(refused), mine)
        after = replace(binding, lease=replace(lease, until=now, operations=asking))
        noted = self.bindings.change(binding, _checked(after, keeper, now=now))
        if noted is None:
            return False
        try:
            self._in_time(began)
            if lease.id is not None:
                keeper.release(lease.id, now=now)
            kept = keeper.renew(noted, mine, until=until, last=True, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._close(noted, mine, keeper, now=now)
            raise errors.Unavailable("no lease in the place of the one before") from error
        return self._hold(noted, mine, kept, keeper, longer, gone=lease.id, now=now)

    def _hold(
        self,
        noted: Binding,
        mine: Operation,
        kept: Kept | None,
        keeper: Keeper,
        longer: Change | None,
        *,
        gone: str | None = None,
        now: int,
    ) -> bool:
        """Writes what the carrier keeps now (None: what it had), and makes the binding longer.
        `gone` was released already."""
        for current in self._states(noted):
            if current is None or current.state is not State.BOUND:
                self._too_late(current, (mine,), [kept] if kept else [], keeper, now=now)
                return False
            lease = _lease(current)
            left = lease.without(mine)
            if kept is not None:
                best = max(_kept(lease), kept, key=lambda each: each.until)
                others = (kept,) if lease.id == gone else (kept, _kept(lease))
                self._let_go(best, others, keeper, now=now)
                alone = not left and current.version == noted.version
                lease = _holding(lease, best, exact=alone and best is kept)
            after = replace(current, lease=replace(lease, operations=left))
            # Who else made it longer did so after what was asked for here was reckoned.
            as_asked = (current.expires, current.extensions) == (noted.expires, noted.extensions)
            if longer is not None and as_asked:
                after = longer(after)
            after = _checked(after, keeper, now=now)
            if kept is None and after.lease is not None:
                at = max(now, lease.until - LAST_MS)
                after = replace(after, lease=replace(after.lease, check_at=at))
            if self.bindings.change(current, after):
                return as_asked
        raise errors.Contended("this binding is being changed")

    def _clear(self, binding: Binding, keeper: Keeper, *, now: int) -> None:
        """Ends at the carrier what is over here: kept for too long, or brought back by who came
        late."""
        if _past(binding, now=now):
            # Its routes may be somebody else's by now, and asking again could bind it once more.
            self._finish(binding, (), keeper, now=now, over=binding.over)
            return
        looking = self._looking(binding, keeper, now=now)
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
        keeper: Keeper,
        *,
        now: int,
        over: bool = True,
    ) -> bool:
        """Writes that the carrier has it no more, but for what others may still bring back."""
        for current in self._states(noted):
            if current is None or current.state is State.ARCHIVED:
                return True
            if not over and current.version != noted.version:
                # Somebody made it longer by a clock that is behind.
                return False
            ended = current.ended(now=now) if over and not current.over else current
            after = _finished(ended, (*mine, *_over(noted, now=now)), keeper, now=now)
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
        self, binding: Binding, mine: Operation, kept: Kept, keeper: Keeper, *, now: int
    ) -> Binding:
        """Writes that the carrier agreed to bind it."""
        standing: Binding | None = None
        for current in self._states(binding):
            if current is None:
                break
            lease = _lease(current)
            if current.state is State.BINDING and lease.has(mine):
                left = lease.without(mine, *_over(binding, now=now))
                held = replace(_holding(lease, kept, exact=not left), operations=left)
                after = replace(current, state=State.BOUND, lease=held)
            elif current.state is State.BOUND and lease.id == kept.id:
                # Somebody else looked, and saw it.
                standing = current
                after = replace(current, lease=replace(lease, operations=lease.without(mine)))
            else:
                self._too_late(current, (mine,), [kept], keeper, now=now)
                raise errors.Unavailable("it was given up meanwhile")
            if after == current:
                return current
            done = self.bindings.change(current, _checked(after, keeper, now=now))
            if done is not None:
                return done
        else:
            if standing is not None:
                # Many look at it at once. What stays open here is closed when it is over.
                return standing
            # It stands there, and will be found by one of those who look at it.
            raise errors.RequestRunning("the same request is being worked on")
        self._too_late(None, (mine,), [kept], keeper, now=now, of=binding)
        raise errors.Unavailable("it was given up meanwhile")

    def _give_up(self, binding: Binding, mine: Operation, *, now: int) -> None:
        """The carrier said no: nothing is left of it, unless somebody else is still asking."""
        for current in self._states(binding):
            if current is None or current.state is not State.BINDING:
                return
            lease = _lease(current)
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

    def _close(self, noted: Binding, mine: Operation, keeper: Keeper, *, now: int) -> None:
        """What was asked did certainly not happen."""
        for current in self._states(noted):
            if current is None or not _lease(current).has(mine):
                return
            lease = replace(_lease(current), operations=_lease(current).without(mine))
            after = _checked(replace(current, lease=lease), keeper, now=now)
            if self.bindings.change(current, after):
                return

    def _too_late(
        self,
        current: Binding | None,
        mine: Sequence[Operation],
        found: Sequence[Kept],
        keeper: Keeper,
        *,
        now: int,
        of: Binding | None = None,
    ) -> None:
        """The carrier did something for a binding that is over, or ending: nobody else may know."""
        about = current or of
        waits = current is not None and any(_lease(current).has(each) for each in mine)
        # While one of ours is open nothing else stands on the X of an XA; afterwards it might.
        if about is not None and (waits or about.b is not None):
            for kept in found:
                keeper.release(kept.id, now=now)
        if current is None or not waits:
            return
        for each in self._states(current):
            if each is None or each.lease is None:
                return
            lease = replace(each.lease, operations=each.lease.without(*mine))
            if each.over and lease.id is None and not lease.operations:
                # Nothing of it is left there from now on.
                lease = replace(lease, at_most=now)
            if self.bindings.change(each, _checked(replace(each, lease=lease), keeper, now=now)):
                return

    def _looking(
        self, binding: Binding, keeper: Keeper, *, now: int
    ) -> tuple[Binding, tuple[Operation, ...]] | None:
        """The binding with what a look at its open operations asks the carrier once more; None
        if it had moved on."""
        lease = _lease(binding)
        looks = self._looks(lease.asked, keeper, now=now)
        if not looks:
            return binding, ()
        longest = _at_most(lease, looks, now=now)
        asking = replace(lease, operations=_with_looks(lease, looks, now=now), at_most=longest)
        noted = self.bindings.change(
            binding, _checked(replace(binding, lease=asking), keeper, now=now)
        )
        return (noted, looks) if noted is not None else None

    def _looks(
        self, asked: Sequence[Operation], keeper: Keeper, *, now: int
    ) -> tuple[Operation, ...]:
        if not keeper.asks_again:
            return ()
        different = {each.request: each for each in asked}
        return tuple(replace(each, id=self.new_id(), since=now) for each in different.values())

    def _release_all(self, binding: Binding, keeper: Keeper, *, now: int) -> None:
        """Ends what the carrier is known to have, then what it has because of whatever is open: it
        may take nothing new meanwhile, or nothing beside the first."""
        lease = _lease(binding)
        if lease.id is not None:
            keeper.release(lease.id, now=now)
        if lease.asked:
            released = replace(binding, lease=replace(lease, id=None))
            found = keeper.find(released, lease.asked, now=now)
            for each in dict.fromkeys(kept.id for kept in found):
                keeper.release(each, now=now)

    def _let_go(self, best: Kept, others: Sequence[Kept], keeper: Keeper, *, now: int) -> None:
        """Ends the leases beside the one that lasts longest."""
        for each in dict.fromkeys(each.id for each in others if each.id not in ("", best.id)):
            keeper.release(each, now=now)

    def _states(self, binding: Binding) -> Iterator[Binding | None]:
        """The binding, and what it has become each time that it had moved on."""
        current: Binding | None = binding
        for _ in range(CHANGE_TRIES):
            yield current
            current = self.bindings.get(binding.id)

    def _operation(self, kind: str, *, now: int, lease_ms: int = 0) -> Operation:
        id_ = self.new_id()
        return Operation(id_, kind, now, now, lease_ms, id_)  # type: ignore[arg-type]

    def _first_version(self) -> int:
        return int(self.new_id(), 16)

    def _in_time(self, began: float) -> None:
        if self.monotonic() - began > SEND_WITHIN_S:
            raise errors.NotReached("it is too late to ask")

    def _keeper(self, binding: Binding) -> Keeper:
        keeper = self.carrier(binding.carrier).keeper
        if keeper is None:
            raise errors.NoSuchCarrier
        return keeper


def _lease(binding: Binding) -> CarrierLease:
    if binding.lease is None:
        raise errors.Unavailable("a binding that its carrier does not keep")
    return binding.lease


def _past(binding: Binding, *, now: int) -> bool:
    """Whether whatever its carrier was asked for has run out there, and takes effect no more."""
    operations = _lease(binding).operations
    return now >= binding.kept_until and all(each.over(now) for each in operations)


def _kept(lease: CarrierLease) -> Kept:
    """What is noted of it, as if the carrier had said so."""
    return Kept(lease.id or "", lease.until, lease.at_most)


def _holding(lease: CarrierLease, kept: Kept, *, exact: bool) -> CarrierLease:
    """What is known once a carrier said what it keeps; `exact` if nobody else asked for more."""
    at_most = kept.at_most or kept.until
    return replace(
        lease,
        id=kept.id,
        until=kept.until,
        at_most=at_most if exact else max(lease.at_most, at_most),
    )


def _over(looked: Binding, *, now: int) -> tuple[Operation, ...]:
    """The operations that a look has settled: whatever they did was there to be seen."""
    return tuple(each for each in _lease(looked).operations if each.over(now))


def _with_looks(
    lease: CarrierLease, looks: Sequence[Operation], *, now: int
) -> tuple[Operation, ...]:
    """What was asked, and is asked once more: what is over is succeeded by the look at it."""
    again = {each.request for each in looks}
    done = [each for each in lease.asked if each.over(now) and each.request in again]
    return (*lease.without(*done), *looks)


def _at_most(lease: CarrierLease, looks: Sequence[Operation], *, now: int) -> int:
    """How long the carrier keeps it at most once it was asked so again."""
    return max(lease.at_most, *(now + each.lease_ms for each in looks), 0)


def _finished(
    binding: Binding, settled: Sequence[Operation], keeper: Keeper, *, now: int
) -> Binding:
    """The binding once its carrier has it no more, but for what others may still bring back."""
    lease = _lease(binding)
    left = lease.without(*settled)
    gone = min(now, binding.kept_until)
    after = CarrierLease(at_most=max(now, lease.at_most) if left else gone, operations=left)
    return _checked(replace(binding, lease=after), keeper, now=now)


def _ahead(keeper: Keeper) -> int:
    """How long before a lease runs out it is made longer: time for a carrier to come back, and for
    clocks that are apart even where a lease is short."""
    return max(keeper.lease_ms // 4, LAST_MS)


def _looked_at(operation: Operation, *, now: int) -> int:
    return min(operation.since, now) + LOOK_MS


def _checked(binding: Binding, keeper: Keeper, *, now: int) -> Binding:
    """The binding with the time at which its carrier has to be asked next."""
    check_at = _check_at(binding, keeper, now=now)
    return replace(binding, lease=replace(_lease(binding), check_at=check_at))


def _check_at(binding: Binding, keeper: Keeper, *, now: int) -> int | None:
    lease = _lease(binding)
    times = [_next_look(each, binding, now=now) for each in lease.operations]
    if binding.state is State.BOUND and now < binding.expires:
        if lease.until < binding.expires:
            times.append(lease.until - _ahead(keeper))
        elif binding.unfinished:
            # Carriers count in minutes; what is more than one too long has to be ended by us.
            times.append(binding.expires)
    return min(times, default=None)


def _next_look(operation: Operation, binding: Binding, *, now: int) -> int:
    looked = _looked_at(operation, now=now)
    if now < looked:
        return looked
    if binding.live(now) or binding.state is State.BINDING:
        # Seen once; what comes later does no harm while it stands.
        return max(now + LOOK_MS, operation.over_at)
    return now + LOOK_MS
