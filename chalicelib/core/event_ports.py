"""What the domain needs from outside to keep events, to tell apps of them and to keep recordings,
as protocols."""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.appended import Appended, Dossier
from chalicelib.core.calls.callbacks import UnreadCallback
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import (
    Call,
    Delivery,
    Errand,
    EventKey,
    Progress,
    Recording,
)
from chalicelib.core.calls.prices import Bill
from chalicelib.core.calls.search import Found, Search
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.endpoint import Health, Lane


class Unread(Protocol):
    """Callbacks that nobody could read yet. Every method may raise Unavailable."""

    def add(self, callback: UnreadCallback) -> bool:
        """Keeps it once, however often it comes; whether it was new. One write."""
        ...


class Events(Protocol):
    """Stored events, which are also the outbox. Every method may raise Unavailable."""

    def append(
        self,
        event: Event,
        *,
        said: Event | EventKey,
        owner: str | None,
        delivery: Delivery,
        call: str | None = None,
        recorded: bool = False,
        bill: Bill | None = None,
        now: int | None = None,
    ) -> Appended:
        """Stores once, as an event of `owner`'s, and charges for it in the same write; `now` is
        when, if that is not when the event was received. A day that can be exported already and
        that this changes is noted.

        `said` is the event as it was reported: what it says, without our time and whatever a
        carrier did not state, makes two reports the same one; or the key of the event as it is
        stored elsewhere, which knows that. Of the call with this id, or else of
        the one that reporter, call id, owner and X make. `recorded`: calls of its binding are. One
        write; a second one where a late event says that its call was another than it seemed. Raises
        Contended."""
        ...

    def beside(self, event: Event) -> Sequence[Call]:
        """All calls of the same reporter with the same id of a call, except what is unplaced. One
        query; of what a node reports a second one, as a placed call is not any node's."""
        ...

    def open(self, errand: Errand) -> Dossier:
        """One consistent read of all; a second one for what the errand did not know. Raises
        Unavailable for a call that is not to be seen yet."""
        ...

    def call(self, call_id: str) -> Call | None:
        """One consistent read."""
        ...

    def settle(
        self,
        call: Call,
        key: EventKey,
        progress: Progress,
        *,
        recording: Recording | None = None,
    ) -> bool:
        """Notes how far an event is. False if the call had moved on since it was read. One
        write."""
        ...

    def due(self, *, now: int) -> Iterator[str]:
        """The calls about which something is due, from the due index, shard by shard."""
        ...

    def claim(self, call_id: str, *, until: int, now: int) -> Call | None:
        """Takes a call that is due: nobody else does before `until` (epoch ms). None if it is not
        due any more. One write."""
        ...

    def rest(self, call: Call, *, looked: int | None) -> bool:
        """Notes when something is due in a call again, and when (epoch ms) it was looked over, if
        it was. False if it had moved on. One write."""
        ...

    def dead(self, search: Search, *, limit: int) -> Found:
        """Calls with events whose receiver never took them; `since` and `until` are about the time
        of the first of them. Of the search's others only `after` counts."""
        ...

    def orphaned(self, *, after: str | None, limit: int) -> Found:
        """Calls with events that are nobody's, the latest first."""
        ...

    def find(self, search: Search, *, limit: int) -> Found:
        """Calls as searched for, each by itself: a query for each index that may know, and one
        read."""
        ...

    def listed(self, search: Search) -> Iterator[str]:
        """The ids of all calls as searched for, of an app or of a binding, an X; from the index
        alone. One that moves in it meanwhile may come twice."""
        ...

    def calls(self, call_ids: Sequence[str]) -> Sequence[Call]:
        """Those calls, in this order, without those that are not there. One consistent read for a
        hundred."""
        ...


class Outbox(Protocol):
    """The way to the workers."""

    def announce(self, errands: Sequence[Errand], *, lane: Lane = "fast", delay_s: int = 0) -> None:
        """To the delivery workers, `delay_s` (0 to 900) from now. Raises Unavailable."""
        ...

    def transfer(self, errands: Sequence[Errand], *, delay_s: int = 0) -> None:
        """To the workers that move files. Raises Unavailable."""
        ...


class Receivers(Protocol):
    """How the apps' receivers do. Every method is one write and may raise Unavailable."""

    def answered(self, app: str) -> None:
        """It answers again."""
        ...

    def unanswered(self, app: str, *, rest_until: int) -> None:
        """Once more no answer."""
        ...

    def slow(self, app: str, *, until: int) -> None:
        """It counts as slow until then."""
        ...

    def probe(self, app: str, health: Health, *, rest_until: int) -> bool:
        """Whether it is for this caller to try one that was left alone: only one may."""
        ...


class Dialect(Protocol):
    """How an app wants to be told."""

    tells: frozenset[EventKind]
    """The kinds that it has words for."""

    any_success: bool
    """Whether any 2xx says that the receiver has it; else only 200 does."""

    plain_links: bool
    """Whether a recording's address opens by a plain GET, as the vendor's documents have it."""

    names_recordings: bool
    """Whether the end of a call is told with the addresses of its recordings."""

    def callback(
        self,
        event: Event,
        call: Sequence[Event],
        *,
        key: EventKey,
        record: str,
        attempt: int,
        app: App,
        binding: Binding | None,
        now: int,
    ) -> tuple[Mapping[str, str], bytes] | None:
        """Headers (signed, where the dialect signs) and body; None if this event is told with
        another one of its call. `record` is the id of the call's record. `attempt` counts from
        0: a dialect that can send one signature only takes the secrets of an app in turn. Raises
        Unavailable for an app without credentials."""
        ...


class Dialects(Protocol):
    """All dialects."""

    def of(self, app: App) -> Dialect:
        """The one that this app is told in."""
        ...


class Sender(Protocol):
    """Posts a callback."""

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, accepts: Container[int]
    ) -> None:
        """Raises NotAnswered if no answer came in time or the address may not be called, else
        NotDelivered unless the receiver answered with one of these HTTP statuses."""
        ...


class Reader(Protocol):
    """A recording while it comes in: raises RecordingFailed when it breaks off or ends wrong."""

    content_type: str
    size: int
    """Bytes so far."""

    @property
    def md5(self) -> str:
        """Of what was read so far, lower hex."""
        ...

    def read(self, size: int = -1, /) -> bytes: ...


class RecordingSource(Protocol):
    """Where carriers keep recordings."""

    def open(
        self, url: str, *, hosts: Sequence[str], within_s: float, md5: str | None = None
    ) -> AbstractContextManager[Reader]:
        """The recording at this address, if it is at one of these hosts; all of it comes within
        `within_s` or not at all. Raises RecordingFailed."""
        ...


class Files(Protocol):
    """What is kept as a whole. Every method may raise Unavailable."""

    def store(self, key: str, reader: Reader, *, content_type: str) -> int:
        """All of it or nothing, in bounded memory; bytes."""
        ...

    def link(self, key: str, *, expires_s: int, filename: str, head: bool = False) -> str:
        """An address that anybody can get it at for so long, to be saved under this name; with
        `head` one for the method HEAD: an address is good for one method."""
        ...
