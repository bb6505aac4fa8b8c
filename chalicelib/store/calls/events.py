"""Events as they come in: each stored once, in the item of its call, and charged in that write."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.core.calls.events import Event
from chalicelib.core.calls.follow_up import UNFINISHED_MS, due_at
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Stored, Task
from chalicelib.core.calls.prices import Bill, Charged
from chalicelib.core.calls.splitting import order, split
from chalicelib.core.errors import Contended, ItemTooLarge, StoreUnavailable
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.store import codec, conditions
from chalicelib.store.calls.index import CallIndex, listed_dead, stale
from chalicelib.store.calls.items import (
    SAME_VERSION,
    call_key,
    call_of,
    call_ttl,
    change_call,
    due_entry,
    entry_at,
    event_digest,
    read_call,
    sealed,
)
from chalicelib.store.calls.usage import late_changes
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, Table, n, s, update

MOST_BYTES = 380_000
"""What the events of a call take together. An item takes 400 KB: the rest is what it is found by,
and how far it has come, for which there has to be room at any time."""
MORE_BYTES = 1_100
"""What there is beside what an event says: its names, how far it is with all of its attempts, the
recording it brought."""
NEW_EVENT = "attribute_not_exists(#event) AND (attribute_not_exists(filled) OR filled <= :room)"
_NOTED = "noted"
"""The digests of the events whose late change of their days is noted."""
_CHARGES = ("minutes", "messages", "for_minutes", "for_messages")


@dataclass(frozen=True, slots=True)
class Appended:
    """An event as it stands in its call, and what asks for something to be done about it. `new` if
    it was not there before; `conflicting` if its id was, with another content."""

    stored: Stored
    task: Task
    new: bool
    conflicting: bool


class EventStore:
    """Takes events in. Every method may raise Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def append(
        self,
        event: Event,
        *,
        reported: Event | EventKey,
        owner: str | None,
        delivery: Delivery,
        call: str | None = None,
        recorded: bool = False,
        bill: Bill | None = None,
        now: int | None = None,
    ) -> Appended:
        """Stores an event of `owner` once, and charges for it in the same write. A day that can be
        exported already and that the event changes is noted; `now` is the present, if the event
        was received earlier.

        Two reports are one event if they say the same, apart from our time and what a carrier did
        not state: `reported` is the event as it came, or its key where it is stored already. It is
        stored in the call with this id, or else in that of its reporter, call id, owner and X.
        `recorded`: calls of its binding are.

        One write; a second one where a late event changes by what its call is found. With a bill
        one read and one transaction. Raises Contended.
        """
        encryption = self._encryption()
        index = CallIndex(self._table, encryption)
        if call is None:
            placed = delivery is not Delivery.UNPLACED
            call = call_of(event, encryption, owner=owner, placed=placed)
        known = (
            reported.event if isinstance(reported, EventKey) else event_digest(reported, encryption)
        )
        key = EventKey(call, known)
        stored = Stored(key, event, Progress(delivery, 0, event.received))
        new = _New(stored, owner, recorded, bill, now)
        try:
            return self._append(new, index)
        except ItemTooLarge:
            # A call with more events than an item holds: this one is kept, and sent, by itself.
            alone = EventKey(encryption.label("alone", key.id), key.event)
            return self._append(replace(new, stored=replace(new.stored, key=alone)), index)

    def _append(self, new: "_New", index: CallIndex) -> Appended:
        if new.bill is not None:
            call, is_new = self._charged(new, new.bill, index)
        else:
            item, is_new = self._table.update_and_see(_adding(new, index))
            call = read_call(item, index.encryption, known=new.stored if is_new else None)
            if call.find(new.key) is None:
                raise ItemTooLarge("a call with more events than an item holds")
            index.mend(item, call)
            self._note_late(item, call, new)
        stored = call.find(new.key)
        if stored is None:
            raise StoreUnavailable("an event that was stored is not visible")
        event_id = stored.event.id
        named_alike = [each for each in call.stored if event_id and each.event.id == event_id]
        return Appended(
            stored, call.task(stored), new=is_new, conflicting=is_new and len(named_alike) > 1
        )

    def _note_late(self, item: Item, call: Call, new: "_New") -> None:
        """Notes which days that could be exported when the event first came it changed, once, and
        which hours have to be counted again for it. Of a repeat too: the process that stored the
        event may have died before it came here."""
        stored = call.find(new.key)
        if stored is None or stored.key.event in item.get(_NOTED, {"SS": []})["SS"]:
            return
        now = stored.event.received if new.now is None else new.now
        days, hours = late_changes(_without(call, stored.key), call, now=now)
        if days:
            self._table.transact([*days, *hours, _noted(stored.key)])
            return
        # A repeat has an hour counted once more, which does no harm.
        for hour in hours:
            self._table.update_if(hour)

    def _charged(self, new: "_New", bill: Bill, index: CallIndex) -> tuple[Call, bool]:
        """Adds an event and charges what its calls cost with it more than without it, once."""
        for _ in range(CHANGE_TRIES):
            item = self._table.get(call_key(new.key.call))
            before = read_call(item, index.encryption) if item else None
            if before and before.find(new.key):
                self._found_each(before, item, index)
                return before, False
            paid = _charged(item)
            call = new.added_to(before)
            charged = bill.charged(paid, call)
            more = _charges(charged) | ({"app": s(call.app)} if call.app else {})
            if call.recorded:
                more["recorded"] = {"SS": sorted(call.recorded)}
            writes = [_rewritten(call, new.stored, more, item, index)]
            if due := charged.total - paid.total:
                writes.append(conditions.charge(bill.app, due, now=new.event.received))
            days, hours = late_changes(_without(call, new.key), call, now=new.at)
            writes += [*days, *hours]
            if self._table.transact(writes) is None:
                self._found_each(call, item, index)
                return call, True
        raise Contended("many events of one call at once")

    def _found_each(self, call: Call, before: Item | None, index: CallIndex) -> None:
        """The transaction wrote what the first call of a key is found by: what the others are found
        by is written now, or taken away, also if whoever should have died."""
        several = len(split(call)) > 1 or "others" in (before or {})
        if several and (item := self._table.get(call_key(call.id))):
            index.mend(item, read_call(item, index.encryption))


@dataclass(frozen=True, slots=True)
class _New:
    """An event that is to be stored, and what goes with it; `now` (epoch ms) if that is not when it
    was received."""

    stored: Stored
    owner: str | None
    recorded: bool
    bill: Bill | None
    now: int | None

    @property
    def at(self) -> int:
        return self.event.received if self.now is None else self.now

    @property
    def key(self) -> EventKey:
        return self.stored.key

    @property
    def event(self) -> Event:
        return self.stored.event

    @property
    def alone(self) -> Call:
        """The call as this event alone makes it."""
        recorded = {self.event.binding} if self.recorded and self.event.binding else ()
        return Call(self.key.call, self.owner, 1, (self.stored,), frozenset(recorded))

    def added_to(self, call: Call | None) -> Call:
        """The call with this event."""
        alone = self.alone
        if call is None:
            return alone
        return replace(
            call,
            version=call.version + 1,
            stored=tuple(sorted((*call.stored, self.stored), key=order)),
            recorded=call.recorded | alone.recorded,
        )


def _adding(new: "_New", index: CallIndex) -> Item:
    """The write that adds an event; it says of its call what it knows where nobody did yet."""
    event, key, alone = new.event, new.key, new.alone
    known = index.of(alone) | listed_dead(alone) | {"ttl": call_ttl(alone)}
    changes = _attributes(new.stored, index.encryption)
    size = _size(changes, key)
    if new.owner is not None:
        known["app"] = s(new.owner)
    at = due_at(alone)
    if at is not None and (new.stored.progress.open or event.sequence is not None):
        entry = entry_at(key.call, at=at)
        changes["due_at"], known["due_shard"] = entry["due_at"], entry["due_shard"]
    elif event.kind.traits.part and new.owner is not None:
        known |= entry_at(key.call, at=event.received + UNFINISHED_MS)
    added = {"version": n(1), "filled": n(size)}
    if alone.recorded:
        added["recorded"] = {"SS": sorted(alone.recorded)}
    room = {":room": n(MOST_BYTES - size)}
    adding = update(call_key(key.call), changes, NEW_EVENT, room, initial=known, added=added)
    adding["Update"]["ExpressionAttributeNames"]["#event"] = f"E{key.event}"
    return adding


def _rewritten(call: Call, new: Stored, more: Item, before: Item | None, index: CallIndex) -> Item:
    """The write that adds an event to a call as it was read, with whatever changes by that."""
    changes = _attributes(new, index.encryption)
    filled = _number(before, "filled")
    after = filled + _size(changes, new.key)
    if filled and after > MOST_BYTES:
        raise ItemTooLarge("a call with more events than an item holds")
    calls = split(call)
    found = index.of(calls[0])
    changes |= more | {"filled": n(after), "ttl": call_ttl(call)}
    changes |= found | listed_dead(call) | due_entry(call, calls)
    condition, values = conditions.NEW, {}
    if call.version > 1:
        condition, values = SAME_VERSION, {":before": n(call.version - 1)}
    return change_call(call, changes, condition, values, removed=stale(before, found))


def _without(call: Call, key: EventKey) -> Call:
    return replace(call, stored=tuple(each for each in call.stored if each.key != key))


def _noted(event_key: EventKey) -> Item:
    """Goes with the notes of the days that an event changed."""
    noted = {_NOTED: {"SS": [event_key.event]}}
    return update(call_key(event_key.call), {}, "attribute_exists(pk)", added=noted)


def _attributes(new: Stored, encryption: FieldEncryption) -> Item:
    """The attributes that an event is."""
    return {
        f"E{new.key.event}": sealed(new.event, new.key, encryption),
        f"P{new.key.event}": codec.attribute(new.progress),
    }


def _size(added: Item, event_key: EventKey) -> int:
    """Bytes that an event takes in its call's item, at most."""
    return len(added[f"E{event_key.event}"]["B"]) + MORE_BYTES


def _charges(charged: Charged) -> Item:
    return {name: n(getattr(charged, name)) for name in _CHARGES}


def _charged(item: Item | None) -> Charged:
    """What was paid for the calls under a key."""
    return Charged(*(_number(item, name) for name in _CHARGES))


def _number(item: Item | None, name: str) -> int:
    return int(item[name]["N"]) if item and name in item else 0
