"""What the domain needs from outside, as protocols; stores and carriers fulfil them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.core.bindings.lease import Kept, Operation
from chalicelib.core.bindings.model import Binding, BindingInfo
from chalicelib.core.credentials import AppCredentials, CarrierAccount, SwitchCredentials
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App

if TYPE_CHECKING:
    # What a cold bind does without.
    from chalicelib.core.balance import Standing
    from chalicelib.core.bindings.lines import Line
    from chalicelib.core.bindings.ownership import Owner
    from chalicelib.core.calls.placed import CallAsk, PlacedCall
from chalicelib.core.bindings.lease import Duty, Unsettled
from chalicelib.core.bindings.model import Overdue, Refusal
from chalicelib.core.calls.placed_outcome import Occupied
from chalicelib.core.requests import Earlier


class Bindings(Protocol):
    """Bindings and their legs. Every method may raise Unavailable."""

    def handle(self, *, app: str, request: str, attempt: int) -> str:
        """12 digits that a request finds again; keyed, so that they tell nothing."""
        ...

    def commit(
        self, binding: Binding, *, quota_limit: int, metered: bool, now: int
    ) -> Refusal | None:
        """One transaction: binding, both legs, quota, and its price if the app is `metered`; None
        when done. While its carrier has not agreed (`BINDING`), the legs are reserved and lead
        nowhere. Raises Contended."""
        ...

    def change(self, before: Binding, after: Binding) -> Binding | None:
        """Writes what became of a binding over what it was, with its routes and the quota as far as
        they change; the binding as it is then, None if it had moved on meanwhile (its id and
        version say so). One write, or one transaction. Raises Contended."""
        ...

    def undo(self, binding: Binding, *, now: int, free_at: int | None = None) -> bool:
        """A carrier did not agree to what it was being asked (`BINDING`): nothing is left of it,
        its routes and the app's account are as they were. Where the carrier may connect it all the
        same, its routes stay reserved until `free_at` (epoch ms). False if it had moved on
        meanwhile. One transaction. Raises Contended."""
        ...

    def get(self, binding_id: str) -> Binding | None:
        """One consistent read."""
        ...

    def made_by(self, draft: Binding) -> Binding | None:
        """The binding that stands where this one would. One consistent read."""
        ...

    def transfer_on(self, number: str) -> Binding | None:
        """The latest XA of this X, ended or not: two consistent reads."""
        ...

    def live_on(self, number: str, *, app: str, now: int) -> list[BindingInfo]:
        """The live bindings of one X, oldest first: one query."""
        ...

    def survey(
        self, numbers: Sequence[str], a: Subscriber, b: Subscriber | None, *, now: int
    ) -> Mapping[str, str | None]:
        """X -> what holds a leg of it (as in Refusal), from consistent reads."""
        ...

    def quota_used(self, app: str) -> Mapping[int, int]:
        """Shard -> what its counter says."""
        ...

    def overdue(self, *, now: int) -> Iterator[Overdue]:
        """What ran out by `now`, from the due index, shard by shard."""
        ...

    def unsettled(self, duty: Duty, *, now: int) -> Iterator[Unsettled]:
        """What a carrier has to be asked about by `now`, from the due index, what is due for
        longest first; pages are read as they are needed. Eventually consistent."""
        ...

    def claim(self, entry: Unsettled, *, until: int) -> Binding | None:
        """Takes an entry: nobody else does before `until` (epoch ms). None if somebody did."""
        ...

    def archive(self, batch: Sequence[Overdue], *, before: int) -> int:
        """Takes those that ran out by `before` off the due index and the quota, each once however
        often it is asked; how many this call did."""
        ...


class Legs(Protocol):
    """The read side of a call."""

    def find(self, number: str, caller: Subscriber | None) -> "Line":
        """What stands on X for this caller: one consistent read."""
        ...

    def prompt_for_others(self, number: str, *, now: int) -> str | None:
        """What a stranger who dials this X hears (empty: nothing of its own); None if no live
        binding is among the first routes of it, all that is looked at. One page, at most 10 read
        units."""
        ...

    def owners_of(self, number: str) -> "tuple[Owner, ...]":
        """Everybody that X belonged to: one consistent read."""
        ...


class Apps(Protocol):
    """The tenants."""

    def get(self, name: str) -> App | None: ...

    def owners_of(self, number: str, *, fresh: bool = False) -> "tuple[Owner, ...]":
        """Everybody that X belonged to; `fresh`: as it stands now, not as it is remembered."""
        ...


class Ledger(Protocol):
    """The apps' accounts."""

    def standing(self, app: str) -> "Standing":
        """One consistent read. Raises Unavailable."""
        ...


class Credentials(Protocol):
    """Who may call us, and how we sign. Every method may raise Unavailable."""

    def app(self, app_key: str) -> AppCredentials | None: ...

    def developer(self, developer: str) -> AppCredentials | None:
        """Who signs with a developer's id (interline), not with an app's key."""
        ...

    def switch(self, user: str) -> SwitchCredentials | None: ...

    def of_app(self, name: str) -> AppCredentials | None:
        """The app's key (NetEase)."""
        ...

    def developer_of(self, name: str) -> AppCredentials | None:
        """The app's developer (interline)."""
        ...

    def carrier(self, name: str) -> CarrierAccount | None:
        """An account of ours with a carrier; None only if there is surely none (an answer is at
        most half a minute old)."""
        ...

    def callback_secrets(self, name: str) -> tuple[str, ...]:
        """What callbacks to an app are signed with by Standard Webhooks: every secret that is
        valid now, the current one first."""
        ...

    def recording_hosts(self, carrier: str) -> tuple[str, ...]:
        """From where a carrier's recordings may be fetched."""
        ...


class Nonces(Protocol):
    """Signatures that were used, for apps in strict mode."""

    def claim(self, *, app: str, signature: str, content: str | None, now: int) -> bool:
        """False if this signature came before with another content; without a `content`, if it
        came before at all."""
        ...


class Answers(Protocol):
    """First answers of requests that can't be done twice. Every method may raise Unavailable."""

    def begin(self, request: RequestId, *, app: str, now: int) -> Earlier | None:
        """Notes that the request is being worked on, at `now`; None when done. An earlier one
        without an answer is still being worked on: after a minute nobody is any more."""
        ...

    def keep(self, answer: str, request: RequestId, *, app: str, began: int) -> None:
        """Keeps the answer of what was begun at `began`, for a quarter of an hour."""
        ...

    def forget(self, request: RequestId, *, app: str, began: int) -> None:
        """What was begun at `began` failed: a repeat is a new request."""
        ...


class Tag(Protocol):
    """A keyed digest of some text, to be kept where the text itself may not stand."""

    def __call__(self, *parts: str) -> str: ...


class Keeper(Protocol):
    """A carrier that keeps bindings and routes their calls itself.

    Every call to a carrier ends in one of three ways: it returns (done); it raises Unavailable (not
    known whether it was done: keep everything and find out), NotReached being the certain case that
    nothing happened; or it raises any other GatewayError (refused: undo). `now` is epoch ms.
    """

    lease_ms: int
    """How long it is told to keep a binding at most."""
    asks_again: bool
    """Whether what became of a request is found out by asking for the same thing again, which may
    be what makes the carrier do it."""

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Kept:
        """Raises BadParameter (what the app sent), NumberTaken, NoNumber, QuotaExceeded,
        RateExceeded, CarrierRefused (our account with the carrier is broken)."""
        ...

    def release(self, carrier_id: str, *, now: int) -> None:
        """Done, too, when the carrier has it no more."""
        ...

    def renew(
        self, binding: Binding, asked: Operation, *, until: int, last: bool, now: int
    ) -> Kept:
        """Makes its lease reach `until` (epoch ms), or as `asked` says where a carrier has to be
        asked for another one beside it; binds anew what the carrier has lost.

        Raises what `bind` does, and NotBeside when the carrier takes no second lease beside the
        first: `last` says that the first may be given up for it."""
        ...

    def find(self, binding: Binding, asked: Sequence[Operation], *, now: int) -> Sequence[Kept]:
        """What the carrier has for this binding of ours, once what was `asked` has taken effect or
        is asked again. What is noted of its lease is among it where the carrier can't be asked for
        that. Where nothing at all can be known it raises Unavailable."""
        ...


class Lister(Protocol):
    """A carrier that tells what it has. Outcomes as in Keeper."""

    def on_number(self, number: str, *, now: int) -> Sequence[BindingInfo]:
        """All that it has on an X; ids are the carrier's, `user_data` is what it was given with
        each, `expires` by the carrier's clock."""
        ...


class Dialler(Protocol):
    """A carrier that places calls. Outcomes as in Keeper."""

    def place(self, ask: "CallAsk", *, session: str, now: int) -> str:
        """Lets it ring; `session` is our proposal for the call's id, the answer is its id. Raises
        BadParameter, AlreadyCalling."""
        ...

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:
        """What the carrier says of it, `status` (`inited` or `success`) among it. Raises
        UnknownCall."""
        ...


class PhoneLogin(Protocol):
    """A carrier that tells the number of the telephone that a token was made on."""

    def number(self, token: str, *, certificate: str | None, now: int) -> str:
        """National digits. A token is used up by it. Raises BadParameter("token")."""
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
    """Who owns X numbers and connects calls, with what it can do; None is what it can't.

    Without a keeper the bindings are kept here and a switch of ours asks where a call goes.
    `transfers`: it can do XA; `announces`: announcements can be chosen; `shows_numbers`: it may
    show real numbers.
    """

    name: str
    kind: str
    keeper: Keeper | None = None
    lister: Lister | None = None
    transfers: bool = False
    announces: bool = False
    shows_numbers: bool = False
    dialler: Dialler | None = None
    phone_login: PhoneLogin | None = None
    messenger: Messenger | None = None


class Carriers(Protocol):
    """All carriers that there are accounts for."""

    def of(self, name: str) -> Carrier:
        """Raises NoSuchCarrier for one that there is no account of, Unavailable for one whose
        account can't be used."""
        ...


class PlacedCalls(Protocol):
    """Calls that were placed, and who is in one. Every method may raise Unavailable."""

    def claim(self, call: "PlacedCall", *, once: bool, now: int) -> "Occupied | None":
        """Reserves its people for it until `call.until`; None when done. With `once` its request
        is remembered, also when the call is over. One transaction."""
        ...

    def started(self, call: "PlacedCall", *, session: str) -> None:
        """Notes the carrier's id of it."""
        ...

    def drop(self, call: "PlacedCall", *, once: bool) -> None:
        """Takes back what `claim` wrote: the call did not come about."""
        ...

    def get(self, session: str, *, carrier: str) -> "PlacedCall | None": ...

    def among(
        self, parties: Sequence[Subscriber], *, carrier: str, app: str
    ) -> "PlacedCall | None":
        """The latest call of exactly these people that was placed for this app."""
        ...

    def end(self, call: "PlacedCall", *, now: int) -> None:
        """Its people are free again."""
        ...


class Accounts(Protocol):
    """Users of a messaging API, in whose name calls are placed. May raise Unavailable.

    `user` is in lower case; `namespace` is within what a name is one user's, as
    core.accounts.namespace says: of a carrier that registers users itself, the carrier's name.
    """

    def register(
        self, user: str, *, namespace: str, app: str, request: RequestId, now: int
    ) -> Earlier | None:
        """Registers it for good; None when done, else the earlier request of the same id. One
        transaction. Raises AccountExists if another request did so."""
        ...

    def add(self, user: str, *, namespace: str, app: str) -> str | None:
        """Notes whose it is; None when done, else the app that has one of this name."""
        ...

    def confirm(self, user: str, *, namespace: str, app: str) -> None:
        """The carrier registered it for this app: nobody takes it away any more."""
        ...

    def remove(self, user: str, *, namespace: str, app: str) -> None:
        """It is this app's no more, unless it was confirmed."""
        ...

    def owner(self, user: str, *, namespace: str) -> str | None:
        """The app that it was registered for. One read."""
        ...
