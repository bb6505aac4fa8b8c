"""What an app changes of a binding while it lasts."""

from dataclasses import dataclass, replace

from chalicelib.core.bindings.model import MAX_LIFETIME_MS, Binding, Direction, Revision
from chalicelib.core.errors import EndRefused, TooManyChanges
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber

MAX_REVISIONS = 32
"""How often B, the direction and whether it is recorded may change: each change is kept with the
binding, so that it can be told later whom a call reached."""
_IN_S = 10**11
"""A time before this (in 1973, epoch ms) was meant in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change; None: it stays. Of `ttl_ms` (from now on), `extend_ms` (longer than now)
    and `expires` (epoch ms) at most one is given."""

    ttl_ms: int | None = None
    extend_ms: int | None = None
    expires: int | None = None
    b: Subscriber | None = None
    direction: Direction | None = None
    record: bool | None = None
    max_call_s: int | None = None
    user_data: str | None = None

    def applied_to(self, binding: Binding, request: RequestId, *, now: int) -> Binding:
        """The binding as it is to be; the same one if nothing changes. Raises EndRefused,
        TooManyChanges."""
        after = replace(
            binding,
            expires=self._expires(binding, now=now),
            b=self.b or binding.b,
            direction=self.direction or binding.direction,
            record=binding.record if self.record is None else self.record,
            max_call_s=self.max_call_s or binding.max_call_s,
            user_data=binding.user_data if self.user_data is None else self.user_data,
        )
        if after == binding:
            return binding
        after = replace(after, revisions=_revisions(binding, after, now=now))
        return after.changed_by(request, now=now)

    def _expires(self, binding: Binding, *, now: int) -> int:
        expires = binding.expires
        if self.ttl_ms is not None:
            expires = now + self.ttl_ms
        elif self.extend_ms is not None:
            expires += self.extend_ms
        elif self.expires is not None:
            expires = self.expires
        return expires if expires == binding.expires else now + lifetime_until(expires, now=now)


def lifetime_until(expires: int, *, now: int) -> int:
    """How long a binding lasts that ends at `expires` (epoch ms). Raises EndRefused."""
    if expires <= now:
        hint = "; a number is in epoch ms, this one looks like seconds" if expires < _IN_S else ""
        raise EndRefused("end_passed", f"the end has passed: send a later one{hint}")
    if expires - now > MAX_LIFETIME_MS:
        raise EndRefused("end_too_far", "the binding would last more than a year from now")
    return expires - now


def _revisions(before: Binding, after: Binding, *, now: int) -> tuple[Revision, ...]:
    then = Revision(now, before.b, before.direction, before.record)
    if (then.b, then.direction, then.record) == (after.b, after.direction, after.record):
        return before.revisions
    if len(before.revisions) >= MAX_REVISIONS:
        raise TooManyChanges(f"a binding is changed at most {MAX_REVISIONS} times; make a new one")
    return (*before.revisions, then)
