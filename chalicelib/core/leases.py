"""Bindings that a carrier keeps for us: asking it, and settling what it did when it did not say."""

from dataclasses import dataclass, replace

from chalicelib.core import errors
from chalicelib.core.ports import Bindings, Carrier, Carriers, Duty, Keeper
from chalicelib.core.values import MINUTE_MS, Binding, Kept, Renewal

GRACE_MS = 60_000
"""How long a process may take to hear from a carrier; an older intent was left by a dead one."""
LAST_MS = 90_000
"""How long before its end a lease is given up for another one, if the carrier takes no second one
beside it: the schedule comes every minute."""
PAUSE_MS = 30_000
"""How long a binding waits whose carrier failed: until the schedule's next turn."""
CONFIRM_TRIES = 8
"""How often a bind that the carrier agreed to is written, while others look at it at once."""


@dataclass(frozen=True, slots=True)
class LeaseDesk:
    """What is done at a carrier for a binding. `now` is epoch ms.

    A step is: write what is intended, ask, write what came of it. Whatever step a process dies at,
    the intent is found and settled by asking, never by guessing.
    """

    bindings: Bindings
    carriers: Carriers

    def carrier(self, name: str) -> Carrier:
        """Who connects the calls, with what it can do. Raises Unavailable."""
        return self.carriers.of(name)

    def place(self, binding: Binding, *, now: int) -> Binding:
        """Asks the carrier for a binding whose intent is written; the binding as it is kept.

        When the carrier says no nothing is left of it. Raises what Keeper.bind does.
        """
        keeper = self._keeper(binding)
        lease_ms = min(binding.expires - now, keeper.lease_ms)
        try:
            kept = keeper.bind(binding, lease_ms=lease_ms, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self._undo(binding, now=now)
            raise
        return self._confirm(binding, kept, keeper, now=now)

    def settle(self, binding: Binding, *, now: int) -> Binding | None:
        """Finds out what became of a bind: the binding, or None if there is none (nothing is left
        of the intent then).

        Raises RequestRunning while the request may still be under way, Unavailable.
        """
        keeper = self._keeper(binding)
        if now >= binding.expires and self._succeeded(binding, now=now):
            # Whatever the carrier has there is its successor's.
            self._undo(binding, now=now)
            return None
        if now < _ends_by(binding):
            looked_at = self._looked_at(binding, keeper, now=now)
            if looked_at is None:
                return None
            binding = looked_at
            kept = keeper.find(binding, now=now)
            if kept is not None:
                return self._confirm(binding, kept, keeper, now=now)
        if now - binding.updated < GRACE_MS:
            raise errors.RequestRunning("the same request is being worked on")
        self._undo(binding, now=now)
        return None

    def _looked_at(self, binding: Binding, keeper: Keeper, *, now: int) -> Binding | None:
        """Notes that the carrier is asked about a bind once more, which may be what lets it bind:
        only now, and while somebody else is told no. None if it had moved on meanwhile."""
        longest = now + min(binding.expires - binding.created, keeper.lease_ms)
        noted = replace(binding, version=binding.version + 1)
        if longest > _ends_by(binding):
            noted = replace(noted, at_most=longest)
            # Its legs are kept for as long; unless the same two have them again already.
            if self.bindings.replace(noted):
                return noted
        return noted if self.bindings.note(noted) else None

    def end(self, binding: Binding, *, now: int) -> bool:
        """Releases a binding at its carrier and here; False if it had moved on meanwhile.

        While the carrier has not agreed it stays bound, and is released later. Raises what
        Keeper.release does, Contended.
        """
        keeper = self._keeper(binding)
        sure = binding.intent is None and _is_sure(binding, keeper)
        if binding.intent != "release":
            intended = replace(
                binding,
                intent="release",
                updated=now,
                check_at=now + GRACE_MS,
                version=binding.version + 1,
            )
            if not self.bindings.note(intended):
                return False
            binding = intended
        if sure:
            keeper.release(_carrier_id(binding), now=now)
        else:
            self._release_what_is_there(binding, keeper, now=now)
        if not binding.live(now):
            return self._let_run_out(binding, now=now)
        return self.bindings.replace(binding.released(now=now))

    def _let_run_out(self, binding: Binding, *, now: int) -> bool:
        """Nothing is to be asked any more about one that is over, and that the carrier released."""
        over = replace(
            binding,
            lease=min(binding.lease or now, now),
            at_most=None,
            renewal=None,
            intent=None,
            check_at=None,
            attempts=0,
            version=binding.version + 1,
        )
        # Its legs cool from now on, unless the same two have them again already.
        return self.bindings.replace(over) or self.bindings.note(over)

    def begin(self, binding: Binding, *, expires: int, now: int) -> Binding | None:
        """Notes, before it is asked, that the carrier is to keep it for longer, and may do so for
        longer than its app wants; None if it had moved on meanwhile. The schedule finds out, and
        ends it in time."""
        keeper = self._keeper(binding)
        # The longest that is ever asked for, however late it takes effect.
        longest = now + keeper.lease_ms + _ahead(keeper) + MINUTE_MS
        begun = replace(
            binding,
            renewal=binding.renewal or Renewal(now, min(expires - now, keeper.lease_ms)),
            at_most=max(binding.at_most or 0, longest),
            check_at=now + GRACE_MS,
            attempts=binding.attempts + 1,
            version=binding.version + 1,
        )
        # Its legs too: they must not lead elsewhere while it may still ring.
        return begun if self.bindings.replace(begun) else None

    def renew(self, binding: Binding, *, now: int) -> bool:
        """Writes this next version of a binding, once its carrier keeps it for as long as it lasts
        or as the carrier's longest lease; False if it had moved on meanwhile.

        What it is asked for is noted (`begin`), so it may be repeated; one that the carrier has
        lost is bound there again. Raises what Keeper does.
        """
        keeper = self._keeper(binding)
        renewed = self._covering(binding, keeper, now=now)
        if self.bindings.replace(renewed):
            return True
        current = self.bindings.get(binding.id)
        if current is None or current.intent == "release" or not current.live(now):
            # Bound there anew while it was released here: nobody else would end it.
            self._release_late(renewed, _carrier_id(renewed), keeper, now=now)
        return False

    def _covering(self, binding: Binding, keeper: Keeper, *, now: int) -> Binding:
        until = min(binding.expires, now + keeper.lease_ms + _ahead(keeper))
        end = binding.lease or 0
        last = end - now <= LAST_MS
        try:
            kept = keeper.renew(binding, until=until, last=last, now=now)
        except errors.NotBeside:
            # The carrier said no, so it has what it had, which may end later than is known.
            until_last = max(now, end - LAST_MS)
            return replace(binding, renewal=None, attempts=0, check_at=until_last)
        return _kept_by(binding, kept, keeper)

    def planned(self, binding: Binding, longer: Binding, *, now: int) -> Binding | None:
        """What a binding is to be made, with the time at which its carrier has to be asked next;
        None if it has to be asked before: its lease is short, or not known for sure."""
        if binding.carrier_id is None:
            return longer
        keeper = self._keeper(binding)
        check_at = _check_at(longer, keeper)
        if not _is_sure(binding, keeper) or (check_at is not None and check_at <= now):
            return None
        return replace(longer, check_at=check_at)

    def attend(self, duty: Duty, binding: Binding, *, now: int) -> None:
        """What a schedule does with a binding that it has claimed. Raises what a Keeper does."""
        try:
            self._attend(duty, binding, now=now)
        except errors.NoSuchCarrier:
            self._end_without_carrier(binding, now=now)

    def _attend(self, duty: Duty, binding: Binding, *, now: int) -> None:
        if duty == "intent":
            self._settle_intent(binding, now=now)
        elif now < binding.expires:
            self.make_last(binding, now=now)
        else:
            # The carrier was told to keep it longer than its app wanted.
            self._release_what_is_there(binding, self._keeper(binding), now=now)
            self._let_run_out(binding, now=now)

    def _end_without_carrier(self, binding: Binding, *, now: int) -> None:
        """Ends it here alone. Who was its carrier may connect it until the lease is over there, so
        its legs cool from then on."""
        until = max(binding.lease or 0, binding.at_most or 0, now)
        if binding.carrier_id is None:
            until = max(until, binding.expires)
        cooling_ms = until + MINUTE_MS - now + binding.cooling_ms
        self.bindings.replace(replace(binding, cooling_ms=cooling_ms).released(now=now))

    def put_off(self, binding: Binding, *, now: int) -> None:
        """Lets a binding that the carrier could not be asked about be due again in half a
        minute."""
        if self.bindings.note(_later(binding, now=now)):
            return
        current = self.bindings.get(binding.id)
        # It was noted what the carrier was asked for, and then it did not answer.
        asked = current is not None and (current.renewal is not None or current.intent == "bind")
        if current is not None and asked and current.ended is None:
            self.bindings.note(_later(current, now=now))

    def make_last(self, binding: Binding, *, now: int) -> bool:
        """Lets the carrier keep a binding for as long as it lasts; what it was being asked for is
        brought to its end first. False if it had moved on meanwhile."""
        begun = self._noted(binding, now=now)
        if begun is None:
            return False
        return self.renew(replace(begun, version=begun.version + 1), now=now)

    def _noted(self, binding: Binding, *, now: int) -> Binding | None:
        if binding.renewal is not None:
            # It may take effect a second time, and later.
            return self.begin(binding, expires=binding.expires, now=now)
        keeper = self._keeper(binding)
        lease_ms = min(binding.expires - now, keeper.lease_ms)
        # Its legs know already that it may last this long.
        begun = replace(binding, renewal=Renewal(now, lease_ms), version=binding.version + 1)
        return begun if self.bindings.note(begun) else None

    def _settle_intent(self, binding: Binding, *, now: int) -> None:
        if binding.intent == "bind":
            self.settle(binding, now=now)
        elif binding.intent == "release":
            self.end(binding, now=now)

    def _undo(self, binding: Binding, *, now: int) -> None:
        if self.bindings.undo(binding, now=now):
            return
        current = self.bindings.get(binding.id)
        if current is None or current.intent != "bind":
            return
        # What somebody else asked since is not known here: the schedule finds out.
        if current.version == binding.version:
            # The data key is another than at its commit.
            self.bindings.undo(current, now=now)

    def _confirm(self, binding: Binding, kept: Kept, keeper: Keeper, *, now: int) -> Binding:
        current: Binding | None = binding
        # Again if somebody else looked at it too, or the data key is another than at its commit.
        for _ in range(CONFIRM_TRIES):
            if current is None or current.intent != "bind":
                break
            agreed = replace(_kept_by(current, kept, keeper), intent=None)
            agreed = replace(agreed, version=current.version + 1)
            if self.bindings.confirm(agreed):
                return agreed
            current = self.bindings.get(binding.id)
        else:
            # It stands there, and will be found by one of those who look at it.
            raise errors.RequestRunning("the same request is being worked on")
        if current is not None and current.carrier_id == kept.id:
            return current
        # Its intent was given up while the carrier was still at it: nobody here would end it.
        self._release_late(binding, kept.id, keeper, now=now)
        raise errors.Unavailable("the intent was given up meanwhile")

    def _release_what_is_there(self, binding: Binding, keeper: Keeper, *, now: int) -> None:
        """Who bound it there anew may have died before it was noted, or may still be at it: so the
        carrier is asked too, once what is known to be there has gone. What comes in its place for
        that ends at once, and whoever is late finds that it was done."""
        if now >= binding.expires and self._succeeded(binding, now=now):
            return
        if binding.carrier_id is not None:
            keeper.release(binding.carrier_id, now=now)
        kept = keeper.find(binding, now=now)
        if kept is not None and (kept.id != binding.carrier_id or binding.renewal is not None):
            keeper.release(kept.id, now=now)

    def _release_late(self, binding: Binding, carrier_id: str, keeper: Keeper, *, now: int) -> None:
        """Releases what the carrier took of a binding that was over by then."""
        if self._successor(binding, now=now) is None:
            keeper.release(carrier_id, now=now)

    def _succeeded(self, binding: Binding, *, now: int) -> bool:
        """Whether the carrier has another XA on its X. Raises RequestRunning while that is not
        known."""
        successor = self._successor(binding, now=now)
        if successor is not None and successor.intent == "bind":
            raise errors.RequestRunning("the next binding of this number is being made")
        return successor is not None

    def _successor(self, binding: Binding, *, now: int) -> Binding | None:
        """The XA that has its X by now: a carrier may release one by nothing but X, and that would
        be this one."""
        if binding.b is not None:
            return None
        latest = self.bindings.transfer_on(binding.number)
        if latest is None or latest.id == binding.id:
            return None
        return latest if latest.intent == "bind" or latest.live(now) else None

    def _keeper(self, binding: Binding) -> Keeper:
        keeper = self.carrier(binding.carrier).keeper
        if keeper is None:
            raise errors.Unavailable("this carrier keeps no bindings any more")
        return keeper


def _later(binding: Binding, *, now: int) -> Binding:
    return replace(
        binding,
        check_at=now + PAUSE_MS,
        attempts=min(binding.attempts + 1, 16),
        version=binding.version + 1,
    )


def _carrier_id(binding: Binding) -> str:
    if binding.carrier_id is None:
        raise errors.Unavailable("a binding without its carrier's id")
    return binding.carrier_id


def _ends_by(binding: Binding) -> int:
    """When a carrier that was asked to bind it surely has it no more."""
    return max(binding.expires, binding.at_most or 0) + MINUTE_MS


def _is_sure(binding: Binding, keeper: Keeper) -> bool:
    """Whether what is noted of a lease is what the carrier said last: whoever is about to ask it,
    or did so in vain, moves the time of the next check."""
    pending = binding.attempts or binding.renewal is not None
    return not pending and binding.check_at == _check_at(binding, keeper)


def _ahead(keeper: Keeper) -> int:
    """How long before a lease runs out it is made longer: time for a carrier to come back."""
    return keeper.lease_ms // 4


def _check_at(binding: Binding, keeper: Keeper) -> int | None:
    lease = binding.lease or 0
    if lease < binding.expires:
        return lease - _ahead(keeper)
    # Carriers count in minutes; what is more than one too long has to be ended by us.
    too_long = max(lease, binding.at_most or 0) >= binding.expires + MINUTE_MS
    return binding.expires if too_long else None


def _kept_by(binding: Binding, kept: Kept, keeper: Keeper) -> Binding:
    held = replace(
        binding,
        carrier_id=kept.id,
        lease=kept.until,
        at_most=kept.at_most,
        renewal=None,
        attempts=0,
    )
    return replace(held, check_at=_check_at(held, keeper))
