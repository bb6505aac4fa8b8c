"""Carriers call us: what receivers do with every callback. A vendor's receiver says how one proves
that it is authentic, and gives the codes and the shape of the answers."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from chalicelib.carriers.facade import JSON, Facade, IncomingRequest, Refused, Route, with_facts
from chalicelib.carriers.parameters import Malformed
from chalicelib.carriers.registry import reader
from chalicelib.core import numbers
from chalicelib.core.calls.events import Event, Reading, Unreadable, UnreadCallback
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import AnswerClass, Contended, GatewayError, Unavailable
from chalicelib.core.messages import Reply
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore

CHECK = "check"
UNREAD = "unread"
MAX_BODY = 256 * 1024


class Count(Protocol):
    """Adds to a metric."""

    def __call__(self, name: str, *, by: int = 1) -> None: ...


class Read(Protocol):
    """Reads the body of a vendor's callback. Raises Unreadable."""

    def __call__(self, body: bytes, *, carrier: str, received: int) -> Reading: ...


@dataclass(frozen=True, slots=True)
class Received:
    """An authentic callback of one of our accounts; `now` is epoch ms."""

    account: CarrierAccount
    body: bytes
    now: int


class CallbackReceiver(Facade[Received]):
    """Takes the callbacks of all our accounts with one carrier; `account` in the path names one.

    HTTP 200 when the events are durable, or the callback is kept because it can't be read yet;
    405 for anything but POST; 413 for more than MAX_BODY bytes; 503 when it should be sent again;
    what a vendor says to one that is not authentic. `count` counts dropped members and unknown
    events.
    """

    KIND: ClassVar[str]
    """The kind of our accounts."""
    CODES: ClassVar[Mapping[int, int]]
    """HTTP status -> the vendor's code."""

    def __init__(
        self, *, credentials: CredentialStore, apps: AppStore, service: EventIngest, count: Count
    ) -> None:
        self._credentials = credentials
        self._apps = apps
        self._service = service
        self._count = count

    def admit(self, incoming: IncomingRequest) -> Received:
        name, body = incoming.path["account"], incoming.request.body
        incoming.facts["account"] = name
        account = self._credentials.carrier(name)
        known = account if account is not None and account.kind == self.KIND else None
        account = self.verified(known, incoming)
        if len(body) > MAX_BODY:
            self._service.too_large()
            raise Refused(self.reply(413, f"body of more than {MAX_BODY} bytes"))
        return Received(account, body, incoming.now)

    @abstractmethod
    def verified(
        self, account: CarrierAccount | None, incoming: IncomingRequest, /
    ) -> CarrierAccount:
        """The account, if this is a callback of it. Takes as long where there is no such account.
        Raises Refused."""

    @abstractmethod
    def members(self, code: int, text: str | None) -> Mapping[str, Any]:
        """The members of an answer, to be rendered as JSON."""

    def take(self, received: Received, kind: str) -> str:
        """Makes a callback durable: stores the events that it reports, or keeps it as it came if
        it can't be read. `kind` says who reads it (registry.reader). What it was, for the log: the
        kind of its last event, CHECK or UNREAD. Raises Unavailable, Contended.
        """
        callback = UnreadCallback(received.account.name, kind, received.body, received.now)
        try:
            reading = read_callback(callback, self._apps)
        except Unreadable:
            self._service.keep(callback)
            return UNREAD
        self._service.record(reading.events)
        count_dropped(reading, self._count)
        return reading.events[-1].kind if reading.events else CHECK

    def done(self, result: str) -> Reply:
        return with_facts(self.reply(200, None, AnswerClass.OK), {"event": result})

    def not_there(self, _: Route) -> Reply:
        return self.reply(405, "only POST is allowed")

    def failure(self, error: GatewayError | Malformed, _: Route) -> Reply:
        """What else can go wrong with a callback is a fault of ours."""
        if not isinstance(error, Unavailable | Contended):
            raise error
        return with_facts(self.reply(503, "send it again", error.answered), {"why": str(error)})

    def fault(self) -> Reply:
        return self.reply(500, "internal error", AnswerClass.FAULT)

    def reply(
        self, status: int, text: str | None, answered: AnswerClass = AnswerClass.REFUSED
    ) -> Reply:
        """An answer in the vendor's shape."""
        code = self.CODES[status]
        body = json.dumps(self.members(code, text))
        return Reply(status, body, JSON, {"code": code}, answered)

    def unauthentic(self, status: int, text: str) -> Refused:
        """A callback that is not of this account. Anybody may send these, as many as he likes: the
        metric is their only trace."""
        reply = self.reply(status, text, AnswerClass.UNAUTHENTICATED)
        return Refused(replace(reply, facts=None))


def read_callback(callback: UnreadCallback, apps: AppStore) -> Reading:
    """What a callback reports, with X as it stands in its pool; the same for one that just came and
    one that was kept. Raises Unreadable."""
    read = reader(callback.kind)
    reading = read(callback.body, carrier=callback.carrier, received=callback.received)
    return replace(reading, events=tuple(_with_our_number(each, apps) for each in reading.events))


def _with_our_number(event: Event, apps: AppStore) -> Event:
    """A pool may have X with country code, or as it is written inside China."""
    if event.number is None:
        return event
    known = numbers.spellings(event.number)
    owned = (each for each in known if apps.owners_of(each))
    return replace(event, number=next(owned, known[0]))


def count_dropped(reading: Reading, count: Count) -> None:
    """Counts the members that could not be read, and the events of a kind that we don't know."""
    unknown = sum(not event.kind.traits.known for event in reading.events)
    for name, number in (("MembersDropped", len(reading.dropped)), ("UnknownEvents", unknown)):
        if number:
            count(name, by=number)
