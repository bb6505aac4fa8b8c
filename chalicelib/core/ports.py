"""What the domain needs from outside, as protocols; stores and carriers fulfil them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.events import Delivery, Event, EventKey
from chalicelib.core.values import (
    App,
    AppCredentials,
    Binding,
    BindingInfo,
    Leg,
    Subscriber,
    SwitchCredentials,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a commit did not happen; nothing was written.

    `existing` is the binding that already stands under the same handle. `leg` says what holds a
    leg of this X: `bound` (this very pair), `taken` (somebody else), `cooling`, or None.
    """

    existing: Binding | None = None
    leg: str | None = None
    quota_full: bool = False


@dataclass(frozen=True, slots=True)
class Overdue:
    """A binding that ran out and still counts against the quota."""

    handle: str
    app: str
    quota_shard: int


class Bindings(Protocol):
    """Bindings and their legs. Every method may raise Unavailable."""

    def handle(self, *, app: str, request: str, attempt: int) -> str:
        """12 digits that a request finds again; keyed, so that they tell nothing."""
        ...

    def commit(self, binding: Binding, *, quota_limit: int, now: int) -> Refusal | None:
        """One transaction: binding, both legs, quota; None when done. Raises Contended."""
        ...

    def get(self, binding_id: str) -> Binding | None:
        """One consistent read."""
        ...

    def live_on(self, number: str, *, app: str, now: int) -> list[BindingInfo]:
        """The live bindings of one X, oldest first: one query."""
        ...

    def survey(
        self, numbers: Sequence[str], a: Subscriber, b: Subscriber, *, now: int
    ) -> Mapping[str, str | None]:
        """X -> what holds a leg of it (as in Refusal), from consistent reads."""
        ...

    def replace(self, binding: Binding) -> bool:
        """Writes the next version of a binding and its legs; False if it had moved on meanwhile.
        One transaction. Raises Contended."""
        ...

    def quota_used(self, app: str) -> Mapping[int, int]:
        """Shard -> what its counter says."""
        ...

    def overdue(self, *, now: int) -> Iterator[Overdue]:
        """What ran out before `now`, from the due index, shard by shard."""
        ...

    def archive(self, batch: Sequence[Overdue], *, now: int) -> int:
        """Takes them off the due index and the quota, each once however often it is asked; how
        many this call did."""
        ...


class Legs(Protocol):
    """The read side of a call."""

    def find(self, number: str, caller: Subscriber | None) -> tuple[str | None, Leg | None]:
        """The app that owns X, and the caller's leg on it: one consistent read."""
        ...

    def in_use(self, number: str, *, now: int) -> bool:
        """Whether any live binding stands on this X."""
        ...


class Apps(Protocol):
    """The tenants."""

    def get(self, name: str) -> App | None: ...

    def owner_of(self, number: str) -> str | None:
        """The app that X belongs to."""
        ...


class Events(Protocol):
    """Stored events, which are also the outbox."""

    def append(self, event: Event) -> EventKey | None:
        """Stores once; the key if the app still has to be told, else None. One write."""
        ...

    def call(self, key: EventKey) -> Sequence[tuple[EventKey, Event, Delivery]]:
        """Every event of the call: one query."""
        ...

    def settle(self, key: EventKey, delivery: Delivery, *, now: int) -> None: ...


class Outbox(Protocol):
    """The way to the worker that delivers."""

    def announce(self, keys: Sequence[EventKey]) -> None: ...


class Dialect(Protocol):
    """How an app wants to be told."""

    def callback(
        self,
        event: Event,
        call: Sequence[Event],
        *,
        app: App,
        binding: Binding | None,
        now: int,
    ) -> tuple[Mapping[str, str], bytes]:
        """Signed headers and body."""
        ...


class Sender(Protocol):
    """Posts a callback."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises NotDelivered unless the receiver answered 200 in time."""
        ...


class Credentials(Protocol):
    """Who may call us, and how we sign. Every method may raise Unavailable."""

    def app(self, app_key: str) -> AppCredentials | None: ...

    def switch(self, user: str) -> SwitchCredentials | None: ...

    def of_app(self, name: str) -> AppCredentials | None: ...


class Nonces(Protocol):
    """Signatures that were used, for apps in strict mode."""

    def claim(self, *, app: str, nonce: str, content: str, now: int) -> bool:
        """False if this nonce came before with another content."""
        ...


class Tag(Protocol):
    """A keyed digest of some text, to be kept where the text itself may not stand."""

    def __call__(self, *parts: str) -> str: ...
