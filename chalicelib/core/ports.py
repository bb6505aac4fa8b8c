"""What has several implementations: the parts of a carrier, and the formats of events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.model import Binding, BindingInfo

if TYPE_CHECKING:
    # What a cold bind does without.
    from chalicelib.core.calls.events import Event, EventKind
    from chalicelib.core.calls.model import EventKey
    from chalicelib.core.calls.placed_calls import CallAsk
    from chalicelib.core.credentials import AppCredentials
    from chalicelib.core.tenants import App


class KeyedDigest(Protocol):
    """A keyed digest of some text, to be kept where the text itself may not stand."""

    def __call__(self, *parts: str) -> str: ...


class BindingCarrier(Protocol):
    """A carrier that keeps bindings, for as long as a lease, and routes their calls itself.

    Every call to a carrier ends in one of three ways. It returns: done. It raises Unavailable: the
    outcome is not known, so keep everything and find out (NotReached: nothing has happened). It
    raises any other GatewayError: refused, so undo. `now` is epoch ms.
    """

    lease_ms: int
    """The longest lease that it is asked for."""
    asks_again: bool
    """Whether `find` repeats the requests in question, which may make the carrier carry them out
    only now."""

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        """Raises BadParameter (what the app sent), NumberTaken, NoNumber, QuotaExceeded,
        RateExceeded, CarrierRefused (our account with the carrier is broken)."""
        ...

    def release(self, carrier_id: str, *, now: int) -> None:
        """Also succeeds if the carrier has it no more."""
        ...

    def renew(
        self, binding: Binding, asked: Operation, *, until: int, last: bool, now: int
    ) -> Lease:
        """Extends its lease to `until` (epoch ms); if the carrier can't, takes a second one, as
        long as `asked` says. Binds anew what the carrier has lost.

        Raises what `bind` does, and NotBeside if the carrier takes no second lease beside the
        first; `last`: the first may be released for it."""
        ...

    def find(self, binding: Binding, asked: Sequence[Operation], /, *, now: int) -> Sequence[Lease]:
        """What the carrier has for this binding of ours after all that was `asked`. Where the
        carrier can't tell, the lease that is known is in the result. Raises Unavailable if nothing
        can be known."""
        ...


class Lister(Protocol):
    """A carrier that lists what it has. Outcomes as in BindingCarrier."""

    def on_number(self, number: str, *, now: int) -> Sequence[BindingInfo]:
        """All that it has on an X; ids are the carrier's, `user_data` is what it was given with
        each, `expires` by the carrier's clock."""
        ...


class CallPlacer(Protocol):
    """A carrier that places calls. Outcomes as in BindingCarrier."""

    needs_account: bool
    """Whether each call is placed in the name of a user."""

    def place(self, ask: "CallAsk", *, session: str, now: int) -> str:
        """Places a call; returns its id, for which `session` is our proposal. Raises BadParameter,
        AlreadyCalling."""
        ...

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:
        """What the carrier says of it, `status` (`inited` or `success`) among it. Raises
        UnknownCall."""
        ...


class CallEnder(Protocol):
    """A carrier that ends calls that it placed. Outcomes as in BindingCarrier."""

    def hang_up(self, session: str, *, now: int) -> None:
        """Done, too, when the call is over, or the carrier does not know it."""
        ...


class PhoneLogin(Protocol):
    """A carrier that knows the number of the telephone on which a token was made."""

    def number(self, token: str, *, certificate: str | None, now: int) -> str:
        """National digits. The token can't be used again. Raises BadParameter("token")."""
        ...


class Messenger(Protocol):
    """A carrier with a messaging API, whose calls we sign and relay as they are."""

    def relay(
        self, call: str, *, body: bytes, query: str, headers: Mapping[str, str], now: int
    ) -> tuple[int, bytes]:
        """Sends to `<resource>/<action>`; HTTP status and body as they came, JSON for sure."""
        ...


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who owns X numbers and connects calls, with its capabilities; None: it lacks one.

    Without `bindings` they are kept here, and a switch of ours asks where a call goes. `transfers`:
    it can do XA; `announces`: announcements can be chosen; `shows_numbers`: it may show real
    numbers.
    """

    name: str
    kind: str
    bindings: BindingCarrier | None = None
    lister: Lister | None = None
    transfers: bool = False
    announces: bool = False
    shows_numbers: bool = False
    dialler: CallPlacer | None = None
    call_ender: CallEnder | None = None
    phone_login: PhoneLogin | None = None
    messenger: Messenger | None = None


class Carriers(Protocol):
    """All carriers that there are accounts for."""

    def of(self, name: str) -> Carrier:
        """Raises NoSuchCarrier for one that there is no account of, Unavailable for one whose
        account can't be used."""
        ...


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event that is to be sent to an app, with all events of its call.

    `record` is the id of the call's record, `attempt` counts from 0, `now` is epoch ms. `test`: it
    is an example that the app asked for, and says so by a member `test`.
    """

    event: "Event"
    call: "Sequence[Event]"
    key: "EventKey"
    record: str
    attempt: int
    app: "App"
    binding: Binding | None
    now: int
    test: bool = False


class EventFormat(Protocol):
    """The schema in which an app is sent events."""

    kinds: "frozenset[EventKind]"
    """The kinds that it can express."""

    any_success: bool = False
    """Whether any 2xx says that the endpoint has it; else only 200 does."""

    plain_links: bool = True
    """Whether a recording's address opens by a plain GET, as the vendor's documents have it."""

    names_recordings: bool = False
    """Whether the end of a call is sent with the addresses of its recordings."""

    def callback(self, outgoing: OutgoingEvent) -> tuple[Mapping[str, str], bytes] | None:
        """Headers (signed, where the format signs) and body; None if this event is sent with
        another one of its call. A format with room for one signature takes the secrets of an app
        in turn, by the attempt. Raises Unavailable for an app without credentials."""
        ...


class EndpointCheck(Protocol):
    """Makes what an address is tried with when it is saved."""

    def __call__(self, to: "AppCredentials", *, now: int) -> tuple[Mapping[str, str], bytes]:
        """Headers and body, signed with the current secret of whom it is `to`. An endpoint that
        takes it as it takes a callback will do."""
        ...


class EventFormats(Protocol):
    """All event formats."""

    def of(self, app: "App") -> EventFormat:
        """The one in which this app is sent events."""
        ...
