"""Bind, release, extend and look up bindings: the rules that hold whichever API was spoken."""

from functools import partial

from chalicelib.core import errors, numbers
from chalicelib.core.bindings.change import Change
from chalicelib.core.bindings.choosing import candidates
from chalicelib.core.bindings.model import (
    MAX_LIFETIME_MS,
    Ask,
    Binding,
    BindingInfo,
    Direction,
    Refusal,
    State,
)
from chalicelib.core.ports import Carrier, KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.core.tenants import App
from chalicelib.services.bindings.bind import BindAttempt, request_over
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.leases.service import LeaseService
from chalicelib.store.bindings.bindings import BindingStore


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
        answer while that binding lives (App.does_once says what it gets later).

        One transaction on the usual path. With a carrier that keeps bindings it is two, and the
        request to the carrier between them. Raises BadParameter, UnknownNumber, NumberTaken,
        NoNumber, ReferenceTaken, OverLimit, QuotaExceeded, BalanceUsedUp, NotSupported (by its
        carrier), RequestMismatch, RequestRunning, RequestOver, Contended, CarrierRefused,
        Unavailable.
        """
        _check_people(app, ask)
        if ask.number is not None and ask.number not in app.pool:
            raise errors.UnknownNumber("no such number")
        carrier = self._leases.carriers.of(app.carrier)
        _check_capabilities(ask, carrier)
        _check_limits(app, ask)
        attempt = BindAttempt(
            self._bindings,
            self._cleaner,
            self._leases,
            carrier,
            candidates(app, ask, self._tag),
            release=partial(self._release, app, now=now),
            app=app,
            ask=ask,
            request=request,
            now=now,
        )
        return attempt.run()

    def made_by(self, app: App, request: RequestId) -> Binding | None:
        """The binding that this request was answered with, ended or not: a repeat gets it, even if
        the same could not be bound any more. Three reads at most. Raises RequestMismatch,
        Unavailable."""
        if (answered := self._bindings.answered(app.name, request)) is not None:
            return self._bindings.get(answered)
        handle = self._bindings.handle(app=app.name, request=request.key, attempt=0)
        made = self._bindings.made_by(handle)
        if made is None or (made.app, made.request) != (app.name, request.key):
            return None
        if made.content != request.content:
            raise errors.RequestMismatch("this request id came with other parameters")
        return made if made.state is not State.BINDING else None

    def get(self, app: App, binding_id: str) -> Binding:
        """A binding of this app, ended or not. One read. Raises UnknownBinding, Unavailable."""
        return self._own(app, binding_id)

    def find(self, app: App, binding_id: str, *, now: int) -> BindingInfo | None:
        """A live binding of this app; None for an unknown, foreign or ended one. One read."""
        binding = self._bindings.get(binding_id)
        if binding is None or binding.app != app.name or not binding.live(now):
            return None
        return binding.info

    def on_number(self, app: App, number: str, *, now: int) -> list[BindingInfo]:
        """The live bindings of one X, oldest first; none for an unknown or foreign X."""
        return self._bindings.live_on(number, app=app.name, now=now)

    def release(self, app: App, binding_id: str, *, now: int) -> Binding | None:
        """Ends a binding and starts the cooling of its routes; ending it again changes nothing. The
        binding as it stands then; None if a carrier has ended it, which is not read again.

        Raises UnknownBinding, CarrierRefused, Contended, Unavailable. After a failure of the
        carrier the schedule releases it.
        """
        return self._release(app, self._own(app, binding_id), now=now)

    def release_transfer(self, app: App, number: str, *, now: int) -> None:
        """Ends the XA of an X, even if it is not known whether its bind succeeded; ending it again
        changes nothing.

        Raises UnknownNumber if there is none or X is somebody else's, RequestRunning (it is being
        bound), and as `release`.
        """
        for _ in range(CHANGE_TRIES):
            binding = self._bindings.transfer_on(number) if number in app.pool else None
            if binding is None or binding.app != app.name:
                raise errors.UnknownNumber("no such number")
            if binding.state is not State.BINDING:
                self._release(app, binding, now=now)
                return
            # Otherwise it might be found to be bound later, and no client knows its id.
            self._leases.settle(binding, now=now)
        raise errors.Contended("this number is being changed")

    def extend(
        self, app: App, binding_id: str, request: RequestId, *, delta_ms: int, now: int
    ) -> None:
        """Adds `delta_ms` to the expiry; a repeat of the request adds nothing.

        If a carrier keeps it and its lease is short, the lease is extended first. Raises
        UnknownBinding (also for an ended one), BadParameter when more than a year from now would be
        left, RequestMismatch, RequestOver, CarrierRefused, Contended, Unavailable.
        """

        def extend(binding: Binding) -> Binding:
            return binding.extended(delta_ms=delta_ms, request=request, now=now)

        for _ in range(CHANGE_TRIES):
            binding = self._own(app, binding_id)
            done, live = binding.extended_by(request), binding.live(now)
            if done and live:
                return
            if done and app.does_once(request):
                raise request_over(binding.id)
            if not live or binding.state is not State.BOUND:
                raise errors.UnknownBinding("this binding has ended")
            if binding.expires + delta_ms - now > MAX_LIFETIME_MS:
                raise errors.BadParameter("delta", "the binding would last more than a year")
            if binding.lease is not None:
                if self._leases.extend(binding, extend, now=now):
                    return
            elif self._bindings.change(binding, extend(binding)):
                return
        raise errors.Contended("this binding is being changed")

    def change(
        self, app: App, binding_id: str, change: Change, request: RequestId, *, now: int
    ) -> Binding:
        """Changes a live binding; the binding as it is then. A repeat of the request changes
        nothing.

        The one exception to cooling: with another B, A reaches somebody else over the same X from
        one moment to the next. The B before cools, and the new one has to pass the rule of a bind.
        One transaction after one read. Of a binding that a carrier keeps only the end and the
        userData can be changed, and its lease is extended first. Raises UnknownBinding,
        BindingEnded, BadParameter, EndRefused, NumberTaken, NotSupported, OverLimit,
        TooManyChanges, RequestMismatch, CarrierRefused, Contended, Unavailable.
        """
        for _ in range(CHANGE_TRIES):
            binding = self._own(app, binding_id)
            if binding.extended_by(request):
                return binding
            if not binding.live(now) or binding.state is not State.BOUND:
                raise errors.BindingEnded
            _check_change(app, binding, change)
            after = change.applied_to(binding, request, now=now)
            if after == binding:
                return binding
            if binding.lease is None:
                changed = self._changed(binding, after, now=now)
                if changed is not None:
                    return changed
            elif self._leases.extend(
                binding, partial(change.applied_to, request=request, now=now), now=now
            ):
                return self._own(app, binding_id)
        raise errors.Contended("this binding is being changed")

    def _changed(self, binding: Binding, after: Binding, *, now: int) -> Binding | None:
        """None if it has to be read again. Raises NumberTaken."""
        if after.b == binding.b:
            return self._bindings.change(binding, after)
        changed = self._bindings.reassign(binding, after, now=now)
        if isinstance(changed, Refusal):
            raise errors.NumberTaken(changed.route or "taken", changed.free_at)
        return changed

    def _release(self, app: App, binding: Binding, *, now: int) -> Binding | None:
        for _ in range(CHANGE_TRIES):
            # An expired one is ended too: somebody whose clock is behind may be extending it.
            if binding.over:
                return binding
            if binding.lease is not None:
                if self._leases.end(binding, now=now):
                    return None
            elif ended := self._bindings.change(binding, binding.ended(now=now)):
                return ended
            binding = self._own(app, binding.id)
        raise errors.Contended("this binding is being changed")

    def _own(self, app: App, binding_id: str) -> Binding:
        binding = self._bindings.get(binding_id)
        if binding is None or binding.app != app.name or binding.state is State.BINDING:
            raise errors.UnknownBinding("no such binding")
        return binding


def _check_people(app: App, ask: Ask) -> None:
    """Raises BadParameter if a call would go round."""
    if ask.a == ask.b:
        raise errors.SamePerson("b")
    for name, person in (("a", ask.a), ("b", ask.b)):
        if person is None:
            continue
        if ask.number is not None and numbers.is_x(person, (ask.number,)):
            raise errors.BadParameter("number", "it is A or B")
        if numbers.is_x(person, app.pool.areas):
            raise errors.BadParameter(name, numbers.NOT_AN_X)


def _check_capabilities(ask: Ask, carrier: Carrier) -> None:
    """Raises NotSupported if the carrier lacks what was asked for; the text says what."""
    kept_here = carrier.bindings is None
    lacks = {
        "single-sided bindings": ask.b is None and not carrier.transfers,
        "announcements": ask.presentation.announces and not carrier.announces,
        "showing real numbers": ask.presentation.shows_numbers and not carrier.shows_numbers,
        "calls in one direction only": ask.direction is not Direction.BOTH and not kept_here,
        "a limit of its own for each call": ask.max_call_s is not None and not kept_here,
    }
    if any(lacks.values()):
        missing = ", ".join(what for what, lacking in lacks.items() if lacking)
        raise errors.NotSupported(f"the app's carrier can't do this, leave it out: {missing}")


def _check_limits(app: App, ask: Ask) -> None:
    """Raises OverLimit, NotSupported."""
    _check_call_length(app, ask.max_call_s)
    if ask.b is None and ask.direction is Direction.A_TO_B:
        raise errors.NotSupported("over a single-sided binding A is called, and calls nobody")


def _check_call_length(app: App, max_call_s: int | None) -> None:
    """Raises OverLimit."""
    if max_call_s is not None and max_call_s > app.max_call_s:
        raise errors.OverLimit(f"calls of this app last {app.max_call_s} s at most")


def _check_change(app: App, binding: Binding, change: Change) -> None:
    """Raises NotSupported, OverLimit, BadParameter."""
    kept_here = ("b", "direction", "record", "max_call_s")
    if binding.lease is not None and any(
        getattr(change, name) not in (None, getattr(binding, name)) for name in kept_here
    ):
        raise errors.NotSupported(
            "a carrier keeps this binding: only its end and its user data can be changed"
        )
    if binding.b is None and (change.b is not None or change.direction is not None):
        raise errors.NotSupported("a single-sided binding has no B and no direction")
    _check_call_length(app, change.max_call_s)
    if change.b == binding.a:
        raise errors.SamePerson("b")
    if change.b is not None and numbers.is_x(change.b, (*app.pool.areas, binding.number)):
        raise errors.BadParameter("b", numbers.NOT_AN_X)
