"""Bind, release, extend and look up bindings: the rules that hold whichever API was spoken."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from chalicelib.core import errors, numbers
from chalicelib.core.bindings.choosing import candidates
from chalicelib.core.bindings.model import (
    MAX_LIFETIME_MS,
    MIN_COOLING_MS,
    Ask,
    Binding,
    BindingInfo,
    State,
    binding_id,
)
from chalicelib.core.durations import DAY_MS, NEVER
from chalicelib.core.ports import Carrier, KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.core.tenants import App
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.leases.service import LeaseService
from chalicelib.store.bindings.bindings import BindingStore

BLIND_TRIES = 4
"""How many numbers are tried before the routes of the two are read."""


SURVEY_SIZE = 50
"""How many numbers one look at the routes covers: two keys each, a hundred a read."""


CARRIER_TRIES = 4
"""How many numbers a carrier may say no to before the app is told that there is none."""


class BindingService:
    """The use cases over bindings. `now` is epoch ms and always comes from the caller."""

    def __init__(
        self, bindings: BindingStore, cleaner: Cleaner, leases: LeaseService, tag: KeyedDigest
    ) -> None:
        self._bindings = bindings
        self._cleaner = cleaner
        self._leases = leases
        self._tag = tag

    def bind(self, app: App, ask: Ask, request: RequestId, *, now: int) -> Binding:
        """Binds A and B (or everybody and A) over an X; a repeat of the request gets the first
        answer while that binding lives (App.does_once says what it is later).

        One transaction on the usual path; with a carrier that keeps bindings another one before,
        and the question to it between the two. Raises BadParameter, UnknownNumber, NumberTaken,
        NoNumber, QuotaExceeded, BalanceUsedUp, Forbidden (its carrier can't do what was asked),
        RequestMismatch, RequestRunning, RequestOver, Contended, CarrierRefused, Unavailable.
        """
        if ask.a == ask.b:
            raise errors.BadParameter("b", "A and B are the same")
        for name, person in (("a", ask.a), ("b", ask.b)):
            if person is None:
                continue
            if numbers.is_x(person, (ask.number,)):
                raise errors.BadParameter("number", "it is A or B")
            if numbers.is_x(person, app.pool):
                raise errors.BadParameter(name, numbers.NOT_AN_X)
        if ask.number is not None and ask.number not in app.pool:
            raise errors.UnknownNumber("no such number")
        order = candidates(app, ask, self._tag)
        attempt = _Attempt(
            self._bindings,
            self._cleaner,
            self._leases,
            order,
            app=app,
            ask=ask,
            request=request,
            now=now,
        )
        return attempt.run()

    def find(self, app: App, binding_id: str, *, now: int) -> BindingInfo | None:
        """A live binding of this app; None for an unknown, foreign or ended one. One read."""
        binding = self._bindings.get(binding_id)
        if binding is None or binding.app != app.name or not binding.live(now):
            return None
        return binding.info

    def on_number(self, app: App, number: str, *, now: int) -> list[BindingInfo]:
        """The live bindings of one X, oldest first; none for an unknown or foreign X."""
        return self._bindings.live_on(number, app=app.name, now=now)

    def release(self, app: App, binding_id: str, *, now: int) -> None:
        """Ends a binding; ending it again changes nothing. Its routes start to cool.

        Raises UnknownBinding, CarrierRefused, Contended, Unavailable. After a carrier's failure the
        schedule goes on until it is ended.
        """
        self._release(app, self._own(app, binding_id), now=now)

    def release_transfer(self, app: App, number: str, *, now: int) -> None:
        """Ends the XA of an X, also one of which it is not known whether it came about; ending it
        again changes nothing.

        Raises UnknownNumber when there was none, or for somebody else's X, RequestRunning (it is
        being made), and as `release`.
        """
        for _ in range(CHANGE_TRIES):
            binding = self._bindings.transfer_on(number) if number in app.pool else None
            if binding is None or binding.app != app.name:
                raise errors.UnknownNumber("no such number")
            if binding.state is not State.BINDING:
                return self._release(app, binding, now=now)
            # Left alone it would be found standing later, and nobody was told its id.
            self._leases.settle(binding, now=now)
        raise errors.Contended("this number is being changed")

    def extend(
        self, app: App, binding_id: str, request: RequestId, *, delta_ms: int, now: int
    ) -> None:
        """Adds `delta_ms` to the expiry; a repeat of the request adds nothing.

        Where a carrier keeps it and its lease is short, that is made longer first. Raises
        UnknownBinding (also for an ended one), BadParameter when more than a year from now would be
        left, RequestMismatch, RequestOver, CarrierRefused, Contended, Unavailable.
        """
        for _ in range(CHANGE_TRIES):
            binding = self._own(app, binding_id)
            done, live = binding.extended_by(request), binding.live(now)
            if done and live:
                return
            if done and app.does_once(request):
                raise _over()
            if not live or binding.state is not State.BOUND:
                raise errors.UnknownBinding("this binding has ended")
            if binding.expires + delta_ms - now > MAX_LIFETIME_MS:
                raise errors.BadParameter("delta", "the binding would last more than a year")
            if self._made_longer(binding, delta_ms=delta_ms, request=request, now=now):
                return
        raise errors.Contended("this binding is being changed")

    def _release(self, app: App, binding: Binding, *, now: int) -> None:
        for _ in range(CHANGE_TRIES):
            # One that only ran out is ended all the same: somebody whose clock is behind may be
            # making it longer at this moment.
            if binding.over or self._end(binding, now=now):
                return
            binding = self._own(app, binding.id)
        raise errors.Contended("this binding is being changed")

    def _end(self, binding: Binding, *, now: int) -> bool:
        if binding.lease is not None:
            return self._leases.end(binding, now=now)
        return self._bindings.change(binding, binding.ended(now=now)) is not None

    def _made_longer(
        self, binding: Binding, *, delta_ms: int, request: RequestId, now: int
    ) -> bool:
        """False if it has to be read again."""

        def longer(each: Binding) -> Binding:
            return each.extended(delta_ms=delta_ms, request=request, now=now)

        if binding.lease is not None:
            return self._leases.make_longer(binding, longer, now=now)
        return self._bindings.change(binding, longer(binding)) is not None

    def _own(self, app: App, binding_id: str) -> Binding:
        binding = self._bindings.get(binding_id)
        if binding is None or binding.app != app.name or binding.state is State.BINDING:
            raise errors.UnknownBinding("no such binding")
        return binding


class _Attempt:
    """One bind on its way: which handle, which quota counter and which X are tried next."""

    def __init__(
        self,
        bindings: BindingStore,
        cleaner: Cleaner,
        leases: LeaseService,
        order: Iterator[str],
        *,
        app: App,
        ask: Ask,
        request: RequestId,
        now: int,
    ) -> None:
        self._bindings = bindings
        self._order = order
        self._cleaner = cleaner
        self._leases = leases
        carrier = leases.carrier(app.carrier)
        _refuse_what_is_missing(ask, carrier)
        self._carrier_tries = 0
        self._app = app
        self._ask = ask
        self._request = request
        self._now = now
        self._handle_attempt = 0
        self._held: Counter[str] = Counter()
        self._draft = self._with_handle(self._blank())
        self._shards: list[int] | None = None

    def run(self) -> Binding:
        for number in self._worth_trying():
            self._draft = replace(self._draft, number=number)
            if (done := self._try_number()) is not None:
                return done
        if not self._held and (first := self._made_before()) is not None:
            return first
        raise self._nothing_left()

    def _made_before(self) -> Binding | None:
        """What this request made while there was a number that might be bound."""
        existing = self._bindings.made_by(self._draft)
        if existing is None or not self._is_ours(existing):
            return None
        return self._settled(existing)

    def _blank(self) -> Binding:
        app, ask, now = self._app, self._ask, self._now
        return Binding(
            id="",
            handle="",
            app=app.name,
            carrier=app.carrier,
            number="",
            a=ask.a,
            b=ask.b,
            record=ask.record,
            user_data=ask.user_data,
            created=now,
            updated=now,
            expires=now + ask.lifetime_ms if ask.lifetime_ms is not None else NEVER,
            cooling_ms=max(app.cooling_s * 1000, MIN_COOLING_MS),
            retention_ms=app.retention_days * DAY_MS,
            max_call_s=app.max_call_s,
            quota_shard=0,
            request=self._request.key,
            content=self._request.content,
            version=1,
            presentation=ask.presentation,
            price=app.tariff.binding,
        )

    def _with_handle(self, draft: Binding) -> Binding:
        handle = self._bindings.handle(
            app=self._app.name, request=self._request.key, attempt=self._handle_attempt
        )
        shard = int(handle) % self._app.quota_shards
        return replace(draft, handle=handle, id=binding_id(handle, self._now), quota_shard=shard)

    def _worth_trying(self) -> Iterator[str]:
        """The numbers to try: the first few blindly, the others once their routes look free."""
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
        """The binding if this X took it (or the request had been answered before), else None."""
        while True:
            limit = self._app.shard_limit(self._draft.quota_shard)
            began = self._leases.monotonic()
            drafted = self._leases.drafted(self._draft, now=self._now)
            refusal = self._bindings.commit(
                drafted,
                quota_limit=limit,
                metered=not self._app.tariff.free,
                now=self._now,
            )
            if refusal is None:
                return self._agreed(drafted, began)
            if refusal.existing is not None:
                if not self._is_ours(refusal.existing):
                    self._take_next_handle()
                elif (first := self._settled(refusal.existing)) is not None:
                    return first
            elif refusal.unpaid:
                raise errors.BalanceUsedUp
            elif refusal.route is not None:
                self._held[refusal.route] += 1
                return None
            else:
                self._draft = replace(self._draft, quota_shard=self._next_shard())

    def _settled(self, existing: Binding) -> Binding | None:
        """The live binding that this request made before; None if it is to be made (again).

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
            raise _over()
        self._take_next_handle()
        return None

    def _agreed(self, drafted: Binding, began: float) -> Binding | None:
        """The binding, if its carrier agrees too; None if it says no to this X only."""
        if drafted.lease is None:
            return drafted
        try:
            return self._leases.place(drafted, began=began, now=self._now)
        except errors.BadParameter as error:
            if error.name == "number" and self._ask.number is None:
                # The app sent none: what the carrier refuses is a number that we chose.
                raise errors.CarrierRefused("the carrier refused our number") from None
            raise
        except errors.NumberTaken as error:
            # It still has something there that we don't know of, or not any more.
            self._carrier_tries += 1
            if self._ask.number is not None:
                raise
            if self._carrier_tries >= CARRIER_TRIES:
                raise errors.NoNumber("taken") from None
            self._held[error.cause] += 1
            return None

    def _is_ours(self, existing: Binding) -> bool:
        """Whether it is this very request's. Raises RequestMismatch."""
        request = self._request
        if existing.app != self._app.name or existing.request != request.key:
            return False
        if existing.content != request.content:
            raise errors.RequestMismatch("this request id came with other parameters")
        return True

    def _take_next_handle(self) -> None:
        self._handle_attempt += 1
        self._draft = self._with_handle(self._draft)

    def _next_shard(self) -> int:
        """A counter that has room, by reading them all; makes room once if none has."""
        if self._shards is None:
            self._shards = self._roomy_shards()
            if not self._shards:
                self._cleaner.make_room(app=self._app.name, now=self._now)
                self._shards = self._roomy_shards()
        if not self._shards:
            raise errors.QuotaExceeded("the app has as many bindings as it may have")
        return self._shards.pop()

    def _roomy_shards(self) -> list[int]:
        used = self._bindings.quota_used(self._app.name)
        app = self._app
        return [s for s in range(app.quota_shards) if used.get(s, 0) < app.shard_limit(s)]

    def _nothing_left(self) -> errors.GatewayError:
        if self._ask.number is not None and self._held:
            (cause,) = self._held
            return errors.NumberTaken(cause)
        if self._ask.number is not None:
            return errors.UnknownNumber("this number takes no new bindings")
        if not self._held:
            return errors.NoNumber("area")
        return errors.NoNumber("cooling" if set(self._held) == {"cooling"} else "taken")


def _over() -> errors.RequestOver:
    return errors.RequestOver(
        "this request was carried out and its binding has ended; to bind again, send a new request"
    )


def _refuse_what_is_missing(ask: Ask, carrier: Carrier) -> None:
    """Raises Forbidden."""
    can = (
        (ask.b is None, carrier.transfers),
        (ask.presentation.announces, carrier.announces),
        (ask.presentation.shows_numbers, carrier.shows_numbers),
    )
    if any(wanted and not possible for wanted, possible in can):
        raise errors.Forbidden("the app's carrier can't do this")
