"""Asking a carrier: what goes before each question, and what others may have asked meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation, OperationKind
from chalicelib.core.bindings.lease_rules import at_most_with, checked, lease_of, with_looks
from chalicelib.core.bindings.model import Binding
from chalicelib.core.ports import BindingCarrier
from chalicelib.core.retries import CHANGE_TRIES

if TYPE_CHECKING:
    from chalicelib.store.bindings.bindings import BindingStore

SEND_WITHIN_S = 30.0
"""A process that stood still for longer between deciding and asking does not ask any more."""


Change = Callable[[Binding], Binding]
"""Makes a binding longer."""


@dataclass(frozen=True, slots=True)
class Asking:
    """`now` is epoch ms; `new_id` gives 10 hex digits that nobody had before, `monotonic` seconds
    that only grow."""

    bindings: "BindingStore"
    new_id: Callable[[], str]
    monotonic: Callable[[], float]

    def operation(self, kind: OperationKind, *, now: int, lease_ms: int = 0) -> Operation:
        """What this process is about to ask for, for the first time."""
        id_ = self.new_id()
        return Operation(id_, kind, now, now, lease_ms, id_)

    def in_time(self, began: float) -> None:
        """Raises NotReached if it was decided too long ago (at `began` by `monotonic`) to ask."""
        if self.monotonic() - began > SEND_WITHIN_S:
            raise errors.NotReached("it is too late to ask")

    def states(self, binding: Binding) -> Iterator[Binding | None]:
        """The binding, and what it has become each time that it had moved on."""
        current: Binding | None = binding
        for _ in range(CHANGE_TRIES):
            yield current
            current = self.bindings.get(binding.id)

    def looking(
        self, binding: Binding, keeper: BindingCarrier, *, now: int
    ) -> tuple[Binding, tuple[Operation, ...]] | None:
        """The binding with what a look at its open operations asks the carrier once more; None
        if it had moved on."""
        lease = lease_of(binding)
        looks = self.looks(lease.asked, keeper, now=now)
        if not looks:
            return binding, ()
        longest = at_most_with(lease, looks, now=now)
        asking = replace(lease, operations=with_looks(lease, looks, now=now), at_most=longest)
        noted = self.bindings.change(
            binding, checked(replace(binding, lease=asking), keeper, now=now)
        )
        return (noted, looks) if noted is not None else None

    def looks(
        self, asked: Sequence[Operation], keeper: BindingCarrier, *, now: int
    ) -> tuple[Operation, ...]:
        """What a look at these operations asks for once more: nothing where the carrier tells what
        it has."""
        if not keeper.asks_again:
            return ()
        different = {each.request: each for each in asked}
        return tuple(replace(each, id=self.new_id(), since=now) for each in different.values())

    def too_late(
        self,
        current: Binding | None,
        mine: Sequence[Operation],
        found: Sequence[Lease],
        keeper: BindingCarrier,
        *,
        now: int,
        of: Binding | None = None,
    ) -> None:
        """The carrier did something for a binding that is over, or ending: nobody else may know."""
        about = current or of
        waits = current is not None and any(lease_of(current).has(each) for each in mine)
        # While one of ours is open nothing else stands on the X of an XA; afterwards it might.
        if about is not None and (waits or about.b is not None):
            for kept in found:
                keeper.release(kept.id, now=now)
        if current is None or not waits:
            return
        for each in self.states(current):
            if each is None or each.lease is None:
                return
            lease = replace(each.lease, operations=each.lease.without(*mine))
            if each.over and lease.id is None and not lease.operations:
                # Nothing of it is left there from now on.
                lease = replace(lease, at_most=now)
            if self.bindings.change(each, checked(replace(each, lease=lease), keeper, now=now)):
                return

    def close(self, noted: Binding, mine: Operation, keeper: BindingCarrier, *, now: int) -> None:
        """What was asked did certainly not happen."""
        for current in self.states(noted):
            if current is None or not lease_of(current).has(mine):
                return
            lease = replace(lease_of(current), operations=lease_of(current).without(mine))
            after = checked(replace(current, lease=lease), keeper, now=now)
            if self.bindings.change(current, after):
                return
