"""A call as an item of the table: keys, attributes, and back again.

`C#<digest>`/`C` holds every event of a call: `E<digest>` what it says, sealed, `P<digest>` how far
it is, `R<digest>` the recording that it brought.
"""

import zlib
from dataclasses import replace
from datetime import UTC, datetime

from chalicelib.core.binding import handle_of
from chalicelib.core.due import PARTS
from chalicelib.core.events import (
    Call,
    Delivery,
    Event,
    EventKey,
    EventKind,
    Progress,
    Recording,
    Stored,
)
from chalicelib.core.history import end_of, started_at
from chalicelib.core.values import Subscriber
from chalicelib.store.event_text import from_text, to_text
from chalicelib.store.items import DUE_SHARDS, due_shard
from chalicelib.store.table import Item, key, s
from chalicelib.store.vault import Vault

LISTED = PARTS | {EventKind.SMS_SENT, EventKind.PLACED_ENDED}
"""The kinds that make a call or message worth finding."""


def call_key(call_id: str) -> Item:
    """Where a call stands."""
    return key(f"C#{call_id}", "C")


def call_id_of(item: Item) -> str:
    """The digest of a call, from its item or the entry of an index."""
    found: str = item["pk"]["S"].removeprefix("C#")
    return found


def event_key(event: Event, vault: Vault) -> EventKey:
    """Where an event stands. One without an id of its own is known by what it says."""
    said = replace(event, received=0, raw="", at=event.at if event.timed else 0)
    return EventKey(
        call=vault.label("call", event.carrier, event.call_id),
        event=vault.label("event", event.carrier, event.id or to_text(said)),
    )


def due_shard_of(call_id: str) -> str:
    """The partition of the due index that lists a call."""
    return due_shard("event", zlib.crc32(call_id.encode()) % DUE_SHARDS)


def sealed(event: Event, event_key: EventKey, vault: Vault) -> Item:
    """What an event says, readable only with the data key and its own digests."""
    return {"B": vault.seal(to_text(event), event_key.id)}


def progress_text(progress: Progress) -> Item:
    """How far an event is."""
    spared = " spared" if progress.spared else ""
    return s(f"{progress.delivery} {progress.attempts} {progress.at}{spared}")


def recording_text(recording: Recording) -> Item:
    """What is known of a recording; its name has no blanks."""
    return s(
        f"{recording.name} {recording.size} {recording.md5} {recording.stored}"
        f" {recording.expires} {recording.content_type}"
    )


def read_call(item: Item, vault: Vault) -> Call:
    """The call that an item is."""
    call_id = call_id_of(item)
    names = [name[1:] for name in item if len(name) == 23 and name[0] == "E"]
    stored = [_stored(item, EventKey(call_id, name), vault) for name in names]
    stored.sort(key=lambda each: (each.event.at, each.event.kind, each.key.event))
    return Call(
        id=call_id,
        app=item["app"]["S"] if "app" in item else None,
        version=int(item["version"]["N"]),
        stored=tuple(stored),
        recorded="recorded" in item,
        looked=int(item["looked"]["N"]) if "looked" in item else 0,
    )


def _stored(item: Item, event_key: EventKey, vault: Vault) -> Stored:
    text = vault.open(item[f"E{event_key.event}"]["B"], event_key.id)
    recording = item.get(f"R{event_key.event}")
    return Stored(
        key=event_key,
        event=from_text(text),
        progress=_progress(item[f"P{event_key.event}"]["S"]),
        recording=_recording(recording["S"]) if recording else None,
    )


def _progress(text: str) -> Progress:
    delivery, attempts, at, *spared = text.split()
    return Progress(Delivery(delivery), int(attempts), int(at), bool(spared))


def _recording(text: str) -> Recording:
    name, size, md5, stored, expires, content_type = text.split(" ", 5)
    return Recording(name, int(size), md5, int(stored), int(expires), content_type)


def place(at: int, call_id: str) -> str:
    """Where a call stands among others: by time (epoch ms), and by digest at the same one."""
    return f"{max(0, at):015d}#{call_id}"


def indexed(call: Call, vault: Vault) -> Item:
    """What a call is found by, as its events have it (`place` is where it stands among others);
    nothing for what is nobody's."""
    events = [event for event in call.events if event.kind in LISTED]
    if call.app is None or not events:
        return {}
    at = started_at(events)
    first = end_of(events) or events[0]
    known: Item = {
        "day": s(day_of(call.app, at)),
        "place": s(place(at, call.id)),
    }
    for name, values in (
        ("binding_of", [_of(call.app, _ours(event.binding)) for event in (first, *events)]),
        ("number_of", [_of(call.app, event.number) for event in (first, *events)]),
        ("caller_of", [_person(call.app, event.caller, vault) for event in (first, *events)]),
        ("callee_of", [_person(call.app, event.callee, vault) for event in (first, *events)]),
    ):
        if (value := next(filter(None, values), None)) is not None:
            known[name] = s(value)
    return known


def day_of(app: str, at: int) -> str:
    """The partition of a day (UTC) of an app."""
    return f"{app}#{datetime.fromtimestamp(max(0, at) // 1000, UTC):%Y%m%d}"


def _ours(binding: str | None) -> str | None:
    """What can be the id of a binding. A switch may say anything there, also more than fits into
    the key of an index, and the event would be refused whole."""
    return binding if binding and handle_of(binding) else None


def _of(app: str, name: str | None) -> str | None:
    return f"{app}#{name}" if name else None


def _person(app: str, person: Subscriber | None, vault: Vault) -> str | None:
    return f"{app}#{vault.person(person.digits)}" if person is not None else None


def dead_at(call: Call) -> str | None:
    """Where a call stands among those with dead events: by the time of the first; None: it has
    none."""
    at = [each.event.at for each in call.stored if each.progress.delivery is Delivery.DEAD]
    return place(min(at), call.id) if at else None
