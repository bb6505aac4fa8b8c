"""Letting a carrier keep a binding for longer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.lease_rules import (
    LAST_MS,
    ahead_ms,
    as_kept,
    checked,
    holding,
    lease_of,
    looked_at,
    settled_by_now,
)
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import BindingCarrier
from chalicelib.services.leases.operations import Asking, Change

MOST_OPERATIONS = 8
"""How many operations of one binding may be open before nobody begins another one."""


class LeaseExtension:
    """Longer leases, for the schedule and for whoever makes a binding longer."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def keep_up(self, binding: Binding, keeper: BindingCarrier, *, now: int) -> None:
        """Finds out what is open, then lets the carrier keep it for as long as it lasts."""
        if any(looked_at(each, now=now) <= now for each in lease_of(binding).operations):
            looked = self._look(binding, keeper, now=now)
            if looked is None:
                return
            binding = looked
        lease = lease_of(binding)
        if lease.until < binding.expires and lease.until - ahead_ms(keeper) <= now:
            self.extend(binding, keeper, None, now=now)
        elif (again := checked(binding, keeper, now=now)) != binding:
            self._asking.bindings.change(binding, again)

    def extend(
        self, binding: Binding, keeper: BindingCarrier, longer: Change | None, *, now: int
    ) -> bool:
        """Lets the carrier keep it for longer; False if it had moved on meanwhile."""
        began = self._asking.monotonic()
        lease = lease_of(binding)
        if len(lease.operations) >= MOST_OPERATIONS:
            raise errors.Contended("this binding is being changed")
        expires = longer(binding).expires if longer is not None else binding.expires
        until = min(expires, now + keeper.lease_ms + ahead_ms(keeper))
        mine = self._asking.operation(
            "extend", lease_ms=min(expires - now, keeper.lease_ms), now=now
        )
        noted = self._noted(binding, mine, keeper, until=until, now=now)
        if noted is None:
            return False
        last = lease.until - now <= LAST_MS
        try:
            self._asking.in_time(began)
            kept = keeper.renew(noted, mine, until=until, last=last, now=now)
        except errors.NotBeside:
            if last:
                return self._swap(noted, mine, keeper, longer, until=until, now=now)
            return self._hold(noted, mine, None, keeper, longer, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._asking.close(noted, mine, keeper, now=now)
            raise
        return self._hold(noted, mine, kept, keeper, longer, now=now)

    def _look(self, binding: Binding, keeper: BindingCarrier, *, now: int) -> Binding | None:
        """Takes account of what a carrier has; None if the binding had moved on."""
        looking = self._asking.looking(binding, keeper, now=now)
        if looking is None:
            return None
        looked, looks = looking
        found = keeper.find(looked, lease_of(binding).asked, now=now)
        for current in self._asking.states(looked):
            if current is None or current.state is not State.BOUND:
                self._asking.too_late(current, looks, found, keeper, now=now)
                return None
            lease = lease_of(current)
            left = lease.without(
                *looks, *settled_by_now(current, now=now), *settled_by_now(looked, now=now)
            )
            moved = current.version != looked.version
            seen = [*found, as_kept(lease)] if moved else found
            best = max(seen, key=lambda kept: kept.until, default=None)
            if best is None:
                # Gone there, so it has to be bound anew.
                held = replace(lease, id=None, until=0, at_most=lease.at_most if left else now)
            else:
                self._let_go(best, (*found, as_kept(lease)), keeper, now=now)
                held = holding(lease, best, exact=not left and not moved)
            after = replace(current, lease=replace(held, operations=left))
            done = self._asking.bindings.change(current, checked(after, keeper, now=now))
            if done is not None:
                return done
        return None

    def _noted(
        self, binding: Binding, mine: Operation, keeper: BindingCarrier, *, until: int, now: int
    ) -> Binding | None:
        """Writes that the carrier is about to be asked for more, and for how long it may keep it
        then: whatever others add meanwhile, each adds at most what is missing."""
        lease = lease_of(binding)
        missing = max(0, -(-(until - lease.until) // MINUTE_MS) * MINUTE_MS) if lease.id else 0
        longest = max(max(lease.at_most, lease.until) + missing, now + mine.lease_ms)
        asking = replace(lease, operations=(*lease.operations, mine), at_most=longest)
        after = replace(binding, lease=asking)
        return self._asking.bindings.change(binding, checked(after, keeper, now=now))

    def _swap(
        self,
        binding: Binding,
        refused: Operation,
        keeper: BindingCarrier,
        longer: Change | None,
        *,
        until: int,
        now: int,
    ) -> bool:
        """The new lease in the place of the old one: for a moment the carrier has none."""
        began = self._asking.monotonic()
        lease = lease_of(binding)
        mine = self._asking.operation("extend", lease_ms=refused.lease_ms, now=now)
        asking = (*lease.without(refused), mine)
        after = replace(binding, lease=replace(lease, until=now, operations=asking))
        noted = self._asking.bindings.change(binding, checked(after, keeper, now=now))
        if noted is None:
            return False
        try:
            self._asking.in_time(began)
            if lease.id is not None:
                keeper.release(lease.id, now=now)
            kept = keeper.renew(noted, mine, until=until, last=True, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._asking.close(noted, mine, keeper, now=now)
            raise errors.Unavailable("no lease in the place of the one before") from error
        return self._hold(noted, mine, kept, keeper, longer, gone=lease.id, now=now)

    def _hold(
        self,
        noted: Binding,
        mine: Operation,
        kept: Lease | None,
        keeper: BindingCarrier,
        longer: Change | None,
        *,
        gone: str | None = None,
        now: int,
    ) -> bool:
        """Writes what the carrier keeps now (None: what it had), and makes the binding longer.
        `gone` was released already."""
        for current in self._asking.states(noted):
            if current is None or current.state is not State.BOUND:
                self._asking.too_late(current, (mine,), [kept] if kept else [], keeper, now=now)
                return False
            lease = lease_of(current)
            left = lease.without(mine)
            if kept is not None:
                best = max(as_kept(lease), kept, key=lambda each: each.until)
                others = (kept,) if lease.id == gone else (kept, as_kept(lease))
                self._let_go(best, others, keeper, now=now)
                alone = not left and current.version == noted.version
                lease = holding(lease, best, exact=alone and best is kept)
            after = replace(current, lease=replace(lease, operations=left))
            # Who else made it longer did so after what was asked for here was reckoned.
            as_asked = (current.expires, current.extensions) == (noted.expires, noted.extensions)
            if longer is not None and as_asked:
                after = longer(after)
            after = checked(after, keeper, now=now)
            if kept is None and after.lease is not None:
                at = max(now, lease.until - LAST_MS)
                after = replace(after, lease=replace(after.lease, check_at=at))
            if self._asking.bindings.change(current, after):
                return as_asked
        raise errors.Contended("this binding is being changed")

    def _let_go(
        self, best: Lease, others: Sequence[Lease], keeper: BindingCarrier, *, now: int
    ) -> None:
        """Ends the leases beside the one that lasts longest."""
        for each in dict.fromkeys(each.id for each in others if each.id not in ("", best.id)):
            keeper.release(each, now=now)


class Extender(BindingCarrier, Protocol):
    """A carrier that can be asked what it has, and told to add to it."""

    def extend(self, carrier_id: str, *, delta_ms: int, now: int) -> None:
        """Adds to its lease. Not safe to repeat. Raises UnknownBinding if the carrier has it no
        more."""
        ...


def extended(
    carrier: Extender, binding: Binding, asked: Operation, *, until: int, now: int
) -> Lease:
    """`BindingCarrier.renew` of an Extender: asks first what it has, so it may be repeated."""
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
    except errors.UnknownBinding:
        # It ended there meanwhile.
        return carrier.bind(binding, asked, now=now)
    return Lease(kept.id, kept.until + delta_ms)
