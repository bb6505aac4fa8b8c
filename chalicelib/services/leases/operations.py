"""Pending operations: written into a binding before its carrier is asked, and taken out once their
outcome is known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation, OperationKind
from chalicelib.core.bindings.lease_rules import lease_of, repeating, scheduled
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.ports import BindingCarrier
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.store.bindings.bindings import BindingStore

SEND_WITHIN_S = 30.0
"""A process that stood still for longer between deciding and asking does not ask any more."""


@dataclass(frozen=True, slots=True)
class PendingOperations:
    """Writes the operations of this process. `now` is epoch ms; `new_id` gives 10 hex digits that
    nobody had before, `monotonic` seconds that only grow."""

    bindings: BindingStore
    new_id: Callable[[], str]
    monotonic: Callable[[], float]

    def new(self, kind: OperationKind, *, now: int, lease_ms: int = 0) -> Operation:
        """An operation that nobody has asked for before."""
        id_ = self.new_id()
        return Operation(id_, kind, now, now, lease_ms, id_)

    def repeats(
        self, asked: Sequence[Operation], carrier: BindingCarrier, *, now: int
    ) -> tuple[Operation, ...]:
        """What finding out about these operations asks for once more: nothing where the carrier
        tells what it has."""
        if not carrier.asks_again:
            return ()
        different = {each.request: each for each in asked}
        return tuple(replace(each, id=self.new_id(), since=now) for each in different.values())

    def begin_look(
        self, binding: Binding, carrier: BindingCarrier, *, now: int
    ) -> tuple[Binding, tuple[Operation, ...]] | None:
        """Before `carrier.find`: writes the repeats of the pending operations. The binding with
        them, and they; None if the binding has changed meanwhile."""
        lease = lease_of(binding)
        repeats = self.repeats(lease.asked, carrier, now=now)
        if not repeats:
            return binding, ()
        looked = replace(binding, lease=repeating(lease, repeats, now=now))
        written = self.write(binding, looked, carrier, now=now)
        return (written, repeats) if written is not None else None

    def check_time(self, began: float) -> None:
        """Raises NotReached if it is too late to send what was decided at `began` (`monotonic`)."""
        if self.monotonic() - began > SEND_WITHIN_S:
            raise errors.NotReached("it is too late to ask")

    def write(
        self, before: Binding, after: Binding, carrier: BindingCarrier, *, now: int
    ) -> Binding | None:
        """Writes a binding with the time at which its carrier has to be asked next; None if it has
        changed meanwhile."""
        return self.bindings.change(before, scheduled(after, carrier, now=now))

    def versions(self, binding: Binding) -> Iterator[Binding | None]:
        """The binding, then as it stands after each change by others; a limited number of times."""
        current: Binding | None = binding
        for _ in range(CHANGE_TRIES):
            yield current
            current = self.bindings.get(binding.id)

    def close(
        self, binding: Binding, mine: Sequence[Operation], carrier: BindingCarrier, *, now: int
    ) -> None:
        """Takes operations out that have left nothing at the carrier. A bind that was only pending
        because of them is undone."""
        for current in self.versions(binding):
            if current is None or not _waits_for(current, mine):
                return
            lease = lease_of(current).without(*mine)
            if current.state is State.BINDING and not lease.operations:
                if self.bindings.undo(current, now=now):
                    return
                continue
            if current.over and lease.id is None and not lease.operations:
                # From now on the carrier has nothing of it.
                lease = replace(lease, at_most=now)
            if self.write(current, replace(current, lease=lease), carrier, now=now):
                return

    def withdraw(
        self,
        binding: Binding,
        current: Binding | None,
        mine: Sequence[Operation],
        found: Sequence[Lease],
        carrier: BindingCarrier,
        *,
        now: int,
    ) -> None:
        """Releases what the carrier did for a binding that by now (`current`) is ending, over or
        gone: nobody else may know of it."""
        waits = current is not None and _waits_for(current, mine)
        # An XA is released by its X, which may be another one's once nothing is pending.
        if waits or binding.b is not None:
            for lease in found:
                carrier.release(lease.id, now=now)
        if current is not None and waits:
            self.close(current, mine, carrier, now=now)


def _waits_for(binding: Binding, operations: Sequence[Operation]) -> bool:
    return binding.lease is not None and any(binding.lease.has(each) for each in operations)
