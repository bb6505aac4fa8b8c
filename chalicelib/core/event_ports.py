"""What the domain needs from outside to keep events, to tell apps of them and to keep recordings,
as protocols."""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from chalicelib.core.charging import Bill
from chalicelib.core.events import (
    Call,
    Delivery,
    Errand,
    Event,
    EventKey,
    EventKind,
    Progress,
    Recording,
)
from chalicelib.core.values import App, Binding, Subscriber

Lane = Literal["fast", "slow"]
"""Which queue to the delivery workers: the slow one is for receivers that were slow lately."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an app's receiver was lately: how often in a row it gave no answer, until when it is left
    alone for that, and until when it counts as slow (epoch ms)."""

    unanswered: int = 0
    rest_until: int = 0
    slow_until: int = 0


@dataclass(frozen=True, slots=True)
class Dossier:
    """What telling an app of an event takes: its call, the binding that the event names (None:
    none, or there is no such), and the health of the receiver."""

    call: Call
    binding: Binding | None
    health: Health


@dataclass(frozen=True, slots=True)
class Search:
    """Which calls are looked for: of an app, from `since` until before `until` (epoch ms), newest
    first, at most one of the other three; `after` is the place of the last one already seen."""

    app: str
    since: int
    until: int
    binding: str | None = None
    number: str | None = None
    person: Subscriber | None = None
    after: str | None = None
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search, and the place of its last one (None: there are no more)."""

    calls: Sequence[Call]
    after: str | None


class Events(Protocol):
    """Stored events, which are also the outbox. Every method may raise Unavailable."""

    def append(
        self,
        event: Event,
        *,
        owner: str | None,
        delivery: Delivery,
        bill: Bill | None = None,
    ) -> Errand | None:
        """Stores once, as an event of `owner`'s, and charges for it in the same write; what is to
        be done about it if that is not done yet. One write; a second one where a late event says
        that its call was another than it seemed. Raises Contended."""
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
        recorded: bool = False,
    ) -> bool:
        """Notes how far an event is; `recorded` that a recording of the call is to come. False if
        the call had moved on since it was read. One write."""
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

    def find(self, search: Search, *, limit: int) -> Found:
        """Calls as searched for: a query for each index that may know, and one read."""
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

    names_recordings: bool
    """Whether the end of a call is told with the addresses of its recordings."""

    def callback(
        self,
        event: Event,
        call: Sequence[Event],
        *,
        key: EventKey,
        attempt: int,
        app: App,
        binding: Binding | None,
        now: int,
    ) -> tuple[Mapping[str, str], bytes] | None:
        """Headers (signed, where the dialect signs) and body; None if this event is told with
        another one of its call. `attempt` counts from 0: a dialect that can send one signature only
        takes the secrets of an app in turn. Raises NotDelivered for an app without credentials."""
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

    def link(self, key: str, *, expires_s: int, filename: str) -> str:
        """An address that anybody can get it at for so long, to be saved under this name."""
        ...
