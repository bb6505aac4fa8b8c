"""A call as an item of the table: keys, attributes, and back again.

`C#<digest of carrier, node and call id>`/`<digest of owner and X>` holds every event under one key:
`E<digest>` what it says, sealed, `P<digest>` how far it is, `R<digest>` the recording that it
brought. What is unplaced stands at `-----------`. Where one key stands for several calls, each but
the first has an entry beside it, `<digest of owner and X>.<number>`, by which it is found.
"""

from collections.abc import Collection, Sequence

from chalicelib.core.calls.events import Event
from chalicelib.core.calls.follow_up import due_at
from chalicelib.core.calls.model import Call, EventKey, Progress, Recording, Stored
from chalicelib.core.calls.splitting import order
from chalicelib.core.durations import DAY_MS
from chalicelib.core.numbers import canonical
from chalicelib.store import codec, work_index
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, key, n, update

RETENTION_MS = 200 * DAY_MS
"""Call records are kept at least six months (China's rule for the 700 segment)."""
SAME_VERSION = "version = :before"
"""The condition of whoever changes a call that it read."""
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
    content = "" if reported.kind.traits.ours else _said(reported)
    return encryption.label("event", reported.carrier, reported.node or "", reported.id, content)


def _said(event: Event) -> str:
    """What a carrier says with an event: the same text for two reports that say the same, whenever
    they were received and whatever else stands in them."""
    ours = {"raw", "received", "request", *(() if event.timed else ("at",))}
    return codec.to_text(event, without=ours)


def entry_at(call_id: str, *, at: int) -> Item:
    """What makes a call due at `at` (epoch ms)."""
    return work_index.entry("call", call_id, at=at)


def sealed(event: Event, event_key: EventKey, encryption: FieldEncryption) -> Item:
    """What an event says, readable only with the data key and its own digests."""
    return {"B": encryption.seal(codec.to_text(event, last="raw"), event_key.id)}


def read_call(item: Item, encryption: FieldEncryption, *, known: Stored | None = None) -> Call:
    """What is stored under one key. `known` is one of its events, if the caller has it: it need not
    be decrypted."""
    call_id = call_id_of(item)
    stored = [known] if known is not None else []
    stored += [
        _stored(item, EventKey(call_id, name[1:]), encryption)
        for name in item
        if len(name) == 23 and name[0] == "E" and (known is None or name[1:] != known.key.event)
    ]
    return codec.read(Call, item, id=call_id, stored=tuple(sorted(stored, key=order)))


def _stored(item: Item, event_key: EventKey, encryption: FieldEncryption) -> Stored:
    text = encryption.open(item[f"E{event_key.event}"]["B"], event_key.id)
    recording = item.get(f"R{event_key.event}")
    return Stored(
        key=event_key,
        event=codec.from_text(Event, text, last="raw"),
        progress=codec.read(Progress, item[f"P{event_key.event}"]["M"]),
        recording=codec.read(Recording, recording["M"]) if recording else None,
    )


def call_ttl(call: Call) -> Item:
    """Until when a call is kept: as long as any of its recordings is."""
    until = [each.event.received + RETENTION_MS for each in call.stored]
    until += [each.recording.expires + DAY_MS for each in call.stored if each.recording is not None]
    return n(max(until) // 1000)


def due_entry(stored: Call, calls: Sequence[Call] | None = None) -> Item:
    """What makes it due when something has to be done about what is stored under a key; nothing if
    nothing has to. `calls` as in `due_at`."""
    at = due_at(stored, calls)
    return {} if at is None else entry_at(stored.id, at=at)


def change_call(
    call: Call, changes: Item, condition: str, values: Item, removed: Collection[str] = ()
) -> Item:
    """The write that changes the item of a call, whose version moves on."""
    moved = {"version": n(1)}
    return update(call_key(call.id), changes, condition, values, removed=removed, added=moved)
