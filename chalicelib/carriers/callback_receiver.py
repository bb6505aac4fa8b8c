"""What receivers of vendors' callbacks do alike with one that is authentic."""

from dataclasses import replace
from typing import Protocol

from chalicelib.carriers.registry import reader
from chalicelib.core import numbers
from chalicelib.core.calls.callbacks import Reading, Unreadable, UnreadCallback
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.apps import AppStore

CHECK = "check"
UNREAD = "unread"


class Count(Protocol):
    """Adds to a metric."""

    def __call__(self, name: str, *, by: int = 1) -> None: ...


class Read(Protocol):
    """Reads the body of a vendor's callback. Raises Unreadable."""

    def __call__(self, body: bytes, *, carrier: str, received: int) -> Reading: ...


def take(
    callback: UnreadCallback, *, read: Read, apps: AppStore, service: EventIngest, count: Count
) -> str:
    """Makes a callback durable: stores the events that it tells of, or keeps it as it came if it
    can't be read. What it was, for the log: the kind of its last event, CHECK or UNREAD. Counts
    members that were dropped and events of kinds that we don't know. Raises Unavailable, Contended.
    """
    try:
        reading = read_with(read, callback, apps)
    except Unreadable:
        service.keep(callback)
        return UNREAD
    service.record(reading.events)
    tell(reading, count)
    return reading.events[-1].kind if reading.events else CHECK


def read_callback(callback: UnreadCallback, apps: AppStore) -> Reading:
    """Reads a callback that was kept, as its receiver reads one that comes: the events are the same
    then. Raises Unreadable."""
    return read_with(reader(callback.kind), callback, apps)


def read_with(read: Read, callback: UnreadCallback, apps: AppStore) -> Reading:
    """What a callback tells of, with X as the pool has it that it is in. Raises Unreadable."""
    reading = read(callback.body, carrier=callback.carrier, received=callback.received)
    return replace(reading, events=tuple(_with_our_number(each, apps) for each in reading.events))


def _with_our_number(event: Event, apps: AppStore) -> Event:
    """A pool may have X with country code, or as it is written inside China."""
    if event.number is None:
        return event
    known = numbers.spellings(event.number)
    owned = (each for each in known if apps.owners_of(each))
    return replace(event, number=next(owned, known[0]))


def tell(reading: Reading, count: Count) -> None:
    """Counts what a reading could not make out."""
    unknown = sum(event.kind is EventKind.UNKNOWN for event in reading.events)
    for name, number in (("MembersDropped", len(reading.dropped)), ("UnknownEvents", unknown)):
        if number:
            count(name, by=number)
