"""One bind: tries numbers, counters of the quota and handles until one transaction succeeds."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from chalicelib.core import errors
from chalicelib.core.bindings.model import (
    MIN_COOLING_MS,
    Ask,
    Binding,
    Direction,
    Refusal,
    State,
    binding_id,
)
from chalicelib.core.durations import DAY_MS, NEVER
from chalicelib.core.ports import Carrier
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.leases.service import LeaseService
from chalicelib.store.bindings.bindings import BindingStore

BLIND_TRIES = 4
"""How many numbers are tried before the routes of the two are read."""

SURVEY_SIZE = 50
"""How many numbers one read of routes covers: two keys each, a hundred a read."""

CARRIER_TRIES = 4
"""How many numbers a carrier may refuse before the app hears that there is none."""


class BindAttempt:
    """One bind request. `order` are the numbers to try, best first; `release` ends a binding."""

    def __init__(
        self,
        bindings: BindingStore,
        cleaner: Cleaner,
        leases: LeaseService,
        carrier: Carrier,
        order: Iterator[str],
        *,
        release: Callable[[Binding], object],
        app: App,
        ask: Ask,
        request: RequestId,
        now: int,
    ) -> None:
        self._bindings = bindings
        self._cleaner = cleaner
        self._leases = leases
        self._carrier = carrier
        self._order = order
        self._release = release
        self._app = app
        self._ask = ask
        self._request = request
        self._now = now
        self._handles_taken = 0
        self._refused_by_carrier = 0
        self._held: Counter[str] = Counter()
        self._free_at: list[int] = []
        self._instead_of: str | None = None
        self._shards: list[int] | None = None
        self._draft = self._new_draft("")

    def run(self) -> Binding:
        """The binding. Raises what BindingService.bind does."""
        for number in self._numbers():
            self._draft = replace(self._draft, number=number)
            if (bound := self._try_number()) is not None:
                return bound
        if not self._held and (first := self._made_before()) is not None:
            return first
        raise self._no_number()

    def _made_before(self) -> Binding | None:
        """What this request made while there still was a number that may be bound."""
        existing = self._bindings.made_by(self._draft.handle)
        if existing is None or not self._is_ours(existing):
            return None
        return self._settled(existing)

    def _new_draft(self, number: str) -> Binding:
        """Under the next handle."""
        app, ask, now, request = self._app, self._ask, self._now, self._request
        handle = self._bindings.handle(
            app=app.name, request=request.key, attempt=self._handles_taken
        )
        self._handles_taken += 1
        return Binding(
            id=binding_id(handle, now),
            handle=handle,
            app=app.name,
            carrier=app.carrier,
            number=number,
            a=ask.a,
            b=ask.b,
            record=ask.record,
            user_data=ask.user_data,
            created=now,
            updated=now,
            expires=now + ask.lifetime_ms if ask.lifetime_ms is not None else NEVER,
            cooling_ms=max(app.cooling_s * 1000, MIN_COOLING_MS),
            retention_ms=app.retention_days * DAY_MS,
            max_call_s=ask.max_call_s or app.max_call_s,
            quota_shard=int(handle) % app.quota_shards,
            request=request.key,
            content=request.content,
            version=1,
            presentation=ask.presentation,
            price=app.tariff.binding,
            direction=ask.direction if ask.b is not None else Direction.BOTH,
            reference=ask.reference,
        )

    def _numbers(self) -> Iterator[str]:
        """The numbers to try: the first few blindly, the others only if their routes look free."""
        yield from islice(self._order, BLIND_TRIES)
        while batch := list(islice(self._order, SURVEY_SIZE)):
            yield from self._free(batch)

    def _free(self, numbers: Sequence[str]) -> Iterator[str]:
        held = self._bindings.survey(numbers, self._ask.a, self._ask.b, now=self._now)
        for number in numbers:
            if (by := held[number]) is None:
                yield number
            else:
                self._held[by] += 1

    def _try_number(self) -> Binding | None:
        """The binding, over this X or as the request made it before; None if this X is taken."""
        while True:
            began = self._leases.monotonic()
            drafted = self._leases.drafted(self._draft, self._carrier, now=self._now)
            refusal = self._bindings.commit(
                drafted,
                quota_limit=self._app.shard_limit(self._draft.quota_shard),
                metered=not self._app.tariff.free,
                now=self._now,
                instead_of=self._instead_of,
            )
            if refusal is None:
                return drafted if drafted.lease is None else self._at_carrier(drafted, began)
            if refusal.unpaid:
                raise errors.BalanceUsedUp
            if refusal.route is not None:
                self._held[refusal.route] += 1
                self._free_at += [refusal.free_at] if refusal.free_at is not None else []
                return None
            if refusal.existing is not None or refusal.referred is not None:
                if (made := self._made(refusal)) is not None:
                    return made
            else:
                self._draft = replace(self._draft, quota_shard=self._next_shard())

    def _made(self, refusal: Refusal) -> Binding | None:
        """The live binding that this request, or one with the same reference, made before; None if
        it has to be made (again)."""
        if refusal.referred is not None:
            return self._referred(refusal.referred)
        if refusal.existing is not None and self._is_ours(refusal.existing):
            return self._settled(refusal.existing)
        self._draft = self._new_draft(self._draft.number)
        return None

    def _referred(self, holder_id: str) -> Binding | None:
        """The live binding of the same two that has the reference; None if the reference may be
        taken. Raises ReferenceTaken, RequestRunning, and RequestOver, RequestMismatch for a repeat
        of a request that was answered with a binding of this reference before."""
        answered = self._bindings.answered(self._app.name, self._request)
        if answered is not None and (first := self._bindings.get(answered)) is not None:
            if first.live(self._now):
                return first
            raise request_over(first.id)
        holder = self._bindings.get(holder_id)
        if holder is not None and holder.state is State.BINDING:
            holder = self._leases.settle(holder, now=self._now)
            if holder is None:
                return None
        if holder is not None and holder.live(self._now):
            if (holder.a, holder.b) != (self._ask.a, self._ask.b):
                raise errors.ReferenceTaken
            self._bindings.answer(self._request, holder, now=self._now)
            return holder
        if holder is not None and not holder.over:
            # Somebody whose clock is behind may be extending it: from now on nobody does.
            self._release(holder)
        self._instead_of = holder_id
        return None

    def _settled(self, existing: Binding) -> Binding | None:
        """The live binding that this request made before; None if it has to be made (again).

        Raises RequestRunning, RequestOver.
        """
        if existing.state is State.BINDING:
            settled = self._leases.settle(existing, now=self._now)
            if settled is None:
                return None
            existing = settled
        if existing.live(self._now):
            return existing
        if self._app.does_once(self._request):
            raise request_over(existing.id)
        self._draft = self._new_draft(self._draft.number)
        return None

    def _at_carrier(self, drafted: Binding, began: float) -> Binding | None:
        """The binding once its carrier has bound it; None if the carrier refuses this X only."""
        try:
            return self._leases.bind(drafted, began=began, now=self._now)
        except errors.BadParameter as error:
            if error.name == "number" and self._ask.number is None:
                # The app has not sent the number that the carrier refuses.
                raise errors.CarrierRefused("the carrier refused our number") from None
            raise
        except errors.NumberTaken as error:
            # The carrier has something on it that is not, or no longer, known here.
            self._refused_by_carrier += 1
            if self._ask.number is not None:
                raise
            if self._refused_by_carrier >= CARRIER_TRIES:
                raise errors.NoNumber("taken") from None
            self._held[error.cause] += 1
            return None

    def _is_ours(self, existing: Binding) -> bool:
        """Whether this very request made it. Raises RequestMismatch."""
        request = self._request
        if existing.app != self._app.name or existing.request != request.key:
            return False
        if existing.content != request.content:
            raise errors.RequestMismatch("this request id came with other parameters")
        return True

    def _next_shard(self) -> int:
        """A counter that has room, found by reading them all; makes room once if none has."""
        if self._shards is None:
            self._shards = self._shards_with_room()
            if not self._shards:
                self._cleaner.make_room(app=self._app.name, now=self._now)
                self._shards = self._shards_with_room()
        if not self._shards:
            raise errors.QuotaExceeded("the app has as many bindings as it may have")
        return self._shards.pop()

    def _shards_with_room(self) -> list[int]:
        used = self._bindings.quota_used(self._app.name)
        app = self._app
        return [s for s in range(app.quota_shards) if used.get(s, 0) < app.shard_limit(s)]

    def _no_number(self) -> errors.GatewayError:
        if self._ask.number is not None and self._held:
            (cause,) = self._held
            return errors.NumberTaken(cause, self._soonest)
        if self._ask.number is not None:
            return errors.UnknownNumber("this number takes no new bindings")
        if not self._held:
            return errors.NoNumber("area")
        if set(self._held) == {"cooling"}:
            return errors.NoNumber("cooling", self._soonest)
        return errors.NoNumber("taken")

    @property
    def _soonest(self) -> int | None:
        return min(self._free_at, default=None)


def request_over(made: str) -> errors.RequestOver:
    """A repeat of a request that is not to be done again; it made the binding of this id."""
    return errors.RequestOver(
        "this request was carried out and its binding has ended; to bind again, send a new request",
        made,
    )
