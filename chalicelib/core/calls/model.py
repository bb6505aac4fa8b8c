"""A call with all its events, and how far each of them is."""

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from chalicelib.core.calls.events import Event
from chalicelib.core.webhooks.endpoint import DeliveryFailure

_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class EventKey:
    """Where an event is stored: digests, so a queue may carry them.

    `call` stands for carrier account, node, call id, owner and X; `event` for the event's id and
    what it says.
    """

    call: str
    event: str

    @property
    def id(self) -> str:
        """What an app knows the event by."""
        return f"{self.call}.{self.event}"

    @classmethod
    def from_id(cls, text: str) -> Self | None:
        """Reads `id`; None for what can't be one."""
        if not _EVENT_ID.fullmatch(text):
            return None
        call, _, event = text.partition(".")
        return cls(call, event)


@dataclass(frozen=True, slots=True)
class Task:
    """What a queue message asks for: work on an event. Its app and binding, as far as they are
    known, are read together with it."""

    key: EventKey
    app: str | None = None
    binding: str | None = None

    def to_text(self) -> str:
        """As it stands in a queue message."""
        fields = {"event": self.key.id, "app": self.app, "binding": self.binding}
        return json.dumps({name: value for name, value in fields.items() if value is not None})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads `to_text`. Raises ValueError for anything else."""
        fields = json.loads(text)
        key = EventKey.from_id(str(fields.pop("event", ""))) if isinstance(fields, dict) else None
        if key is None or not fields.keys() <= {"app", "binding"}:
            raise ValueError("not a task")
        return cls(key, **{name: str(value) for name, value in fields.items()})


class Delivery(StrEnum):
    """How far an event has come on its way to the app.

    UNPLACED: it names nothing but the id of a call, which is still to be found. FETCHING: its
    recording is to be fetched first; LOST: every fetch failed. PENDING: to be delivered.
    DEAD_LETTERED: every attempt failed. KEPT: stored, and delivered to nobody. UNMATCHED: orphaned,
    of no app.
    """

    UNPLACED = "unplaced"
    FETCHING = "fetching"
    LOST = "lost"
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD_LETTERED = "dead"
    UNMATCHED = "unmatched"
    KEPT = "kept"


OPEN = frozenset({Delivery.UNPLACED, Delivery.FETCHING, Delivery.PENDING})
"""What is still to be worked on."""


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt to deliver an event: when it began (epoch ms), the HTTP status that the endpoint
    answered, if it answered, how long that took in milliseconds, and why the attempt failed (None:
    the event was delivered)."""

    at: int
    status: int | None = None
    ms: int = 0
    error: DeliveryFailure | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the delivery of an event is. While it is open, `attempts` failed so far and the next
    is due `at` (epoch ms); afterwards that is when it was settled. `deferred`: the next one was put
    off once already because the circuit of the endpoint is open. `redelivers`: while it is open
    because it is delivered again, how far it was before. `past` are the latest attempts, the oldest
    first."""

    delivery: Delivery
    attempts: int = 0
    at: int = 0
    deferred: bool = False
    redelivers: Delivery | None = None
    past: tuple[PastAttempt, ...] = ()

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.delivery in OPEN

    @property
    def counts_as(self) -> Delivery:
        """What a count of deliveries takes it for."""
        return self.redelivers or self.delivery


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that we keep: its name among our files, bytes, md5 (lower hex), since when and
    until when (epoch ms), and its media type."""

    name: str
    size: int
    md5: str
    stored: int
    expires: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An event at rest. `recording` is the one it brought, once that is kept here."""

    key: EventKey
    event: Event
    progress: Progress
    recording: Recording | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that is known of one call (or message): `id` is its digest, `app` whose X it went
    over (None: nobody's); events by their time. `version` grows with every change. `recorded` are
    the bindings of it whose calls are recorded. `looked` is when it was last looked over (epoch ms;
    0: never).

    As it is stored it may be several calls with one key: core.calls.splitting takes them apart.
    `part` says then which one this is.
    """

    id: str
    app: str | None
    version: int
    stored: tuple[Stored, ...]
    recorded: frozenset[str] = frozenset()
    looked: int = 0
    part: str = ""

    @property
    def name(self) -> str:
        """What an app knows the call by."""
        return f"{self.id}.{self.part}" if self.part else self.id

    @property
    def events(self) -> list[Event]:
        """What happened, by the carrier's time."""
        return [each.event for each in self.stored]

    def find(self, key: EventKey) -> Stored | None:
        """One of its events."""
        return next((each for each in self.stored if each.key == key), None)

    def completed(self, event: Event) -> Event:
        """An event with what others of its call say of X, binding and people, as far as it does not
        say so itself."""
        known: dict[str, Any] = {
            name: next(filter(None, (getattr(each, name) for each in (event, *self.events))), None)
            for name in ("number", "binding", "caller", "callee")
        }
        return replace(event, **known)

    def task(self, stored: Stored) -> Task:
        """What asks for something to be done about one of its events."""
        return Task(stored.key, app=self.app, binding=stored.event.binding)
