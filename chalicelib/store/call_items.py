"""A call as an item of the table: keys, attributes, and back again.

`C#<digest of carrier, node and call id>`/`<digest of owner and X>` holds every event under one key:
`E<digest>` what it says, sealed, `P<digest>` how far it is, `R<digest>` the recording that it
brought. What is unplaced stands at `-----------`. Where one key stands for several calls, each but
the first has an entry beside it, `<digest of owner and X>.<number>`, by which it is found.
"""

import zlib
from datetime import UTC, datetime

from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.merging import end_of
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Recording, Stored
from chalicelib.core.calls.schedule import PARTS
from chalicelib.core.calls.splitting import order, started_at
from chalicelib.core.numbers import canonical
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.event_text import from_text, said, to_text
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.items import DUE_SHARDS, due_shard
from chalicelib.store.table import Item, key, s

LISTED = PARTS | {EventKind.SMS_SENT, EventKind.PLACED_ENDED}
"""The kinds that make a call or message worth finding."""
OURS = frozenset({EventKind.RECORDING_FAILED, EventKind.CALL_GAP})
"""The kinds that we ourselves tell: their ids say all that makes two the same."""
FOUND_BY = ("day", "place", "binding_of", "number_of", "caller_of", "callee_of")
"""The attributes by which a call is found."""
ORPHANED = "#orphaned"
"""The partition of the index of dead events that lists what is nobody's; no app has such a name."""
HALF = 11
"""Characters of a call's id that say whose report it is; as many say of whom and of which X."""
UNPLACED = "-" * HALF


def call_key(call_id: str, number: int = 0) -> Item:
    """Where a call stands, or the entry of the one with this number among those of its key."""
    entry = f".{number}" if number else ""
    return key(reported_key(call_id[:HALF]), f"{call_id[HALF:]}{entry}")


def call_id_of(item: Item) -> str:
    """The digest of a call, from its item, its entry, or the entry of an index."""
    reporter: str = item["pk"]["S"].removeprefix("C#")
    side: str = item["sk"]["S"].partition(".")[0]
    return reporter + side


def call_of(event: Event, encryption: FieldEncryption, *, owner: str | None, placed: bool) -> str:
    """The key of an event's call; `placed` False for what names nothing but a call."""
    # The id of a call that we had placed is ours: whichever node reports it, it is that call.
    reporter = reporter_of(event, encryption, node=event.node if event.placed is None else None)
    x = canonical(event.number or "")
    return reporter + (encryption.label("side", owner or "", x)[:HALF] if placed else UNPLACED)


def reporter_of(event: Event, encryption: FieldEncryption, *, node: str | None) -> str:
    """The half of a call's key that says whose report it is, and under which id."""
    return encryption.label("call", event.carrier, node or "", event.call_id)[:HALF]


def reported_key(reporter: str) -> str:
    """The partition of all calls with this half."""
    return f"C#{reporter}"


def event_digest(reported: Event, encryption: FieldEncryption) -> str:
    """What makes two reports the same event: its id, and what it says, if a carrier says it."""
    content = "" if reported.kind in OURS else said(reported)
    return encryption.label("event", reported.carrier, reported.node or "", reported.id, content)


def due_shard_of(call_id: str) -> str:
    """The partition of the due index that lists a call."""
    return due_shard("event", zlib.crc32(call_id.encode()) % DUE_SHARDS)


def sealed(event: Event, event_key: EventKey, encryption: FieldEncryption) -> Item:
    """What an event says, readable only with the data key and its own digests."""
    return {"B": encryption.seal(to_text(event), event_key.id)}


def progress_text(progress: Progress) -> Item:
    """How far an event is."""
    deferred = " deferred" if progress.deferred else ""
    return s(f"{progress.delivery} {progress.attempts} {progress.at}{deferred}")


def recording_text(recording: Recording) -> Item:
    """What is known of a recording; its name has no blanks."""
    return s(
        f"{recording.name} {recording.size} {recording.md5} {recording.stored}"
        f" {recording.expires} {recording.content_type}"
    )


def read_call(item: Item, encryption: FieldEncryption) -> Call:
    """What is stored under one key."""
    call_id = call_id_of(item)
    names = [name[1:] for name in item if len(name) == 23 and name[0] == "E"]
    stored = [_stored(item, EventKey(call_id, name), encryption) for name in names]
    return Call(
        id=call_id,
        app=item["app"]["S"] if "app" in item else None,
        version=int(item["version"]["N"]),
        stored=tuple(sorted(stored, key=order)),
        recorded=frozenset(item["recorded"]["SS"]) if "recorded" in item else frozenset(),
        looked=int(item["looked"]["N"]) if "looked" in item else 0,
    )


def _stored(item: Item, event_key: EventKey, encryption: FieldEncryption) -> Stored:
    text = encryption.open(item[f"E{event_key.event}"]["B"], event_key.id)
    recording = item.get(f"R{event_key.event}")
    return Stored(
        key=event_key,
        event=from_text(text),
        progress=_progress(item[f"P{event_key.event}"]["S"]),
        recording=_recording(recording["S"]) if recording else None,
    )


def _progress(text: str) -> Progress:
    delivery, attempts, at, *deferred = text.split()
    return Progress(Delivery(delivery), int(attempts), int(at), bool(deferred))


def _recording(text: str) -> Recording:
    name, size, md5, stored, expires, content_type = text.split(" ", 5)
    return Recording(name, int(size), md5, int(stored), int(expires), content_type)


def place(at: int, name: str) -> str:
    """Where a call stands among others: by time (epoch ms), and by digest at the same one."""
    return f"{max(0, at):015d}#{name}"


def listed(call: Call) -> list[Event]:
    """The events that make one call or message worth finding."""
    return [event for event in call.events if event.kind in LISTED]


def indexed(call: Call, encryption: FieldEncryption) -> Item:
    """What one call is found by, as its events have it (`place` is where it stands among others);
    nothing for what is nobody's."""
    events = listed(call)
    if call.app is None or not events:
        return {}
    at = started_at(events)
    first = end_of(events) or events[0]
    known: Item = {
        "day": s(day_of(call.app, at)),
        "place": s(place(at, call.name)),
    }
    for name, values in (
        ("binding_of", [_of(call.app, event.binding) for event in (first, *events)]),
        (
            "number_of",
            [number_of(call.app, event.number, encryption) for event in (first, *events)],
        ),
        ("caller_of", [_person(call.app, event.caller, encryption) for event in (first, *events)]),
        ("callee_of", [_person(call.app, event.callee, encryption) for event in (first, *events)]),
    ):
        if (value := next(filter(None, values), None)) is not None:
            known[name] = s(value)
    return known


def day_of(app: str, at: int) -> str:
    """The partition of a day (UTC) of an app."""
    return f"{app}#{datetime.fromtimestamp(max(0, at) // 1000, UTC):%Y%m%d}"


def number_of(app: str, number: str | None, encryption: FieldEncryption) -> str | None:
    """The partition of an X of an app, however that is spelled: a digest, as a switch may say
    somebody's own number."""
    return f"{app}#{encryption.label('number', canonical(number))}" if number else None


def _of(app: str, name: str | None) -> str | None:
    return f"{app}#{name}" if name else None


def _person(app: str, person: Subscriber | None, encryption: FieldEncryption) -> str | None:
    return f"{app}#{encryption.person(person.digits)}" if person is not None else None


def listed_dead(call: Call) -> Item:
    """Where a call stands among those with dead events, or with events that are nobody's: by the
    time of the first; nothing if it has none."""
    state = Delivery.UNMATCHED if call.app is None else Delivery.DEAD_LETTERED
    at = [each.event.at for each in call.stored if each.progress.delivery is state]
    if not at:
        return {}
    return {"dead_shard": s(call.app or ORPHANED), "dead_at": s(place(min(at), call.id))}
