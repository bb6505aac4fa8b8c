"""Calls: one item holds all events of one, how far each is, and what it is found by."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from chalicelib.core.bindings.ids import handle_of
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.appended import Appended, DeliveryContext
from chalicelib.core.calls.days import changed_days
from chalicelib.core.calls.events import Event
from chalicelib.core.calls.model import (
    Call,
    Delivery,
    EventKey,
    Progress,
    Recording,
    Stored,
    Task,
)
from chalicelib.core.calls.prices import Bill, Charged
from chalicelib.core.calls.schedule import GRACE_MS, PARTS, UNFINISHED_MS, due_at
from chalicelib.core.calls.search import Found, Search
from chalicelib.core.calls.splitting import order, split
from chalicelib.core.durations import DAY_MS, MINUTE_MS, NEVER
from chalicelib.core.errors import Contended, ItemTooLarge, StoreUnavailable
from chalicelib.core.webhooks.policy import EndpointHealth
from chalicelib.store import rules
from chalicelib.store.call_items import (
    FOUND_BY,
    ORPHANED,
    UNPLACED,
    call_id_of,
    call_key,
    call_of,
    due_shard_of,
    event_digest,
    indexed,
    listed_dead,
    progress_text,
    read_call,
    recording_text,
    reported_key,
    reporter_of,
    sealed,
)
from chalicelib.store.call_search import CallSearch
from chalicelib.store.endpoints import health_key, read_health
from chalicelib.store.exports import day_changed
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.items import DUE_SHARDS, binding_key, due_shard, read_binding
from chalicelib.store.table import Item, Table, n, s

RETENTION_MS = 200 * DAY_MS
"""Call records are kept at least six months (China's rule for the 700 segment)."""
CHARGE_TRIES = 10
"""How often a charge is worked out anew because another event of its call came between."""
MEND_TRIES = 8
"""How often what a call is found by is worked out anew because the call moved on meanwhile."""
MOST_BYTES = 380_000
"""What the events of a call take together. An item takes 400 KB: the rest is what it is found by,
and how far it has come, for which there has to be room at any time."""
MORE_BYTES = 512
"""What there is beside what an event says: its names, how far it is, the recording it brought."""
NEW_EVENT = "attribute_not_exists(#event) AND (attribute_not_exists(filled) OR filled <= :room)"


class CallStore:
    """Fulfils the port Events."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption
        self._search = CallSearch(table, encryption)

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
        """Stores once, as an event of `owner`'s, and charges for it in the same write;
        `now` is when, if that is not when the event was received. A day that can be
        exported already and that this changes is noted.

        `said` is the event as it was reported: what it says, without our time and whatever
        a carrier did not state, makes two reports the same one; or the key of the event as
        it is stored elsewhere, which knows that. Of the call with this id, or else of the
        one that reporter, call id, owner and X make. `recorded`: calls of its binding are.
        One write; a second one where a late event says that its call was another than it
        seemed. Raises Contended. With a bill one read and one transaction.
        """
        encryption = self._encryption()
        if call is None:
            placed = delivery is not Delivery.UNPLACED
            call = call_of(event, encryption, owner=owner, placed=placed)
        known = said.event if isinstance(said, EventKey) else event_digest(said, encryption)
        key = EventKey(call, known)
        stored = Stored(key, event, Progress(delivery, 0, event.received))
        new = _New(stored, owner, recorded, bill, now)
        try:
            return self._append(new)
        except ItemTooLarge:
            # A call with more events than an item holds: this one is kept, and told, by itself.
            alone = EventKey(encryption.label("alone", key.id), key.event)
            return self._append(replace(new, stored=replace(new.stored, key=alone)))

    def _append(self, new: "_New") -> Appended:
        if new.bill is not None:
            call, is_new = self._charged(new, new.bill)
        else:
            item, is_new = self._table.update_and_see(self._appending(new))
            call = read_call(item, self._encryption())
            if call.find(new.key) is None:
                raise ItemTooLarge("a call with more events than an item holds")
            self._indexed(item, call)
            self._days_changed(item, call, new)
        stored = call.find(new.key)
        if stored is None:
            raise StoreUnavailable("an event that was stored is not to be seen")
        event_id = stored.event.id
        named_alike = [each for each in call.stored if event_id and each.event.id == event_id]
        return Appended(
            stored, call.task(stored), new=is_new, conflicting=is_new and len(named_alike) > 1
        )

    def _days_changed(self, item: Item, call: Call, new: "_New") -> None:
        """Notes, once, which days that could be exported when the event first came it changed. Of a
        repeat too: after the first one was stored, the process may have died before it came here.
        """
        stored = call.find(new.key)
        if stored is None or stored.key.event in item.get(_NOTED, {"SS": []})["SS"]:
            return
        now = stored.event.received if new.now is None else new.now
        if changes := _changes(_without(call, stored.key), call, now=now):
            self._table.transact([*changes, _noted(stored.key)])

    def _appending(self, new: "_New") -> Item:
        """The write that adds an event; it says of its call what it knows where nobody did yet."""
        event, key, alone = new.event, new.key, new.alone
        known = indexed(alone, self._encryption()) | listed_dead(alone) | {"ttl": _ttl(alone)}
        changes, values = _added(new.stored, self._encryption())
        size = _size(values)
        values |= {":size": n(size), ":room": n(MOST_BYTES - size), ":one": n(1)}
        if new.owner is not None:
            known["app"] = s(new.owner)
        at = due_at(alone)
        if at is not None and (new.stored.progress.open or event.sequence is not None):
            changes["due_at"] = ":due"
            values[":due"] = n(at)
        elif event.kind in PARTS and new.owner is not None:
            known["due_at"] = n(event.received + UNFINISHED_MS)
        if "due_at" in (*known, *changes):
            known["due_shard"] = s(due_shard_of(key.call))
        names = [*changes, *known]
        assigned = [f"#{i} = {value}" for i, value in enumerate(changes.values())]
        assigned += [
            f"#{i} = if_not_exists(#{i}, :known{i})" for i in range(len(changes), len(names))
        ]
        values |= {f":known{i}": known[names[i]] for i in range(len(changes), len(names))}
        counted = "ADD version :one, filled :size"
        if new.recorded_binding is not None:
            counted += ", recorded :recorded"
            values[":recorded"] = {"SS": [new.recorded_binding]}
        return {
            "Update": {
                "Key": call_key(key.call),
                "UpdateExpression": f"SET {', '.join(assigned)} {counted}",
                "ConditionExpression": NEW_EVENT,
                "ExpressionAttributeNames": {f"#{i}": name for i, name in enumerate(names)}
                | {"#event": f"E{key.event}"},
                "ExpressionAttributeValues": values,
            }
        }

    def _charged(self, new: "_New", bill: Bill) -> tuple[Call, bool]:
        """Adds an event and charges what its calls cost with it more than without it, once."""
        encryption = self._encryption()
        for _ in range(CHARGE_TRIES):
            item = self._table.get(call_key(new.key.call))
            before = read_call(item, encryption) if item else None
            if before and before.find(new.key):
                self._found_each(before, item)
                return before, False
            paid = _charged(item)
            call = new.added_to(before)
            charged = bill.charged(paid, call)
            more = _charges(charged) | ({"app": s(call.app)} if call.app else {})
            if call.recorded:
                more["recorded"] = {"SS": sorted(call.recorded)}
            writes = [self._rewritten(call, new.stored, more, before=item)]
            if due := charged.total - paid.total:
                writes.append(rules.charge(bill.app, due, now=new.event.received))
            writes += _changes(_without(call, new.key), call, now=new.at)
            if self._table.transact(writes) is None:
                self._found_each(call, item)
                return call, True
        raise Contended("many events of one call at once")

    def _found_each(self, call: Call, before: Item | None) -> None:
        """The transaction wrote what the first call of a key is found by: what the others are found
        by is written now, or taken away, also if whoever should have died."""
        several = len(split(call)) > 1 or "others" in (before or {})
        if several and (item := self._table.get(call_key(call.id))):
            self._indexed(item, read_call(item, self._encryption()))

    def _rewritten(self, call: Call, new: Stored, more: Item, *, before: Item | None) -> Item:
        changes, values = _added(new, self._encryption())
        filled = _number(before, "filled")
        after = filled + _size(values)
        if filled and after > MOST_BYTES:
            raise ItemTooLarge("a call with more events than an item holds")
        more = more | {"filled": n(after), "ttl": _ttl(call)}
        found_by = indexed(split(call)[0], self._encryption())
        known = more | found_by | listed_dead(call) | _due(call)
        changes |= {name: f":{name}" for name in known}
        values |= {f":{name}": value for name, value in known.items()}
        first = call.version == 1
        condition = rules.NEW if first else "version = :before"
        values |= {} if first else {":before": n(call.version - 1)}
        return _update(call, changes, values, condition, removed=_stale(before, found_by))

    def _indexed(self, item: Item, call: Call) -> None:
        """Mends what the call is found by, where a late event says that it was another, and when it
        is due, where the write that added the event put that off. Raises Contended, so that whoever
        reports the event does it again."""
        for _ in range(MEND_TRIES):
            first, *others = split(call)
            wanted = indexed(first, self._encryption())
            stale = _stale(item, wanted)
            wanted |= _sooner(item, call)
            if others or "others" in item:
                wanted["others"] = self._entered(others, item, call)
            if not stale and all(item.get(name) == wanted[name] for name in wanted):
                return
            changes = {name: f":{name}" for name in wanted}
            values = {f":{name}": value for name, value in wanted.items()}
            values[":before"] = n(call.version)
            mended = _update(call, changes, values, _SAME, removed=stale)
            if self._table.update_if(mended) is not None:
                return
            seen = self._table.get(call_key(call.id))
            if seen is None:
                return
            item, call = seen, read_call(seen, self._encryption())
        raise Contended("many events of one call at once")

    def _entered(self, others: Sequence[Call], item: Item, call: Call) -> Item:
        """Writes by what each call of a key but the first is found; what says that it was done."""
        entries = [indexed(each, self._encryption()) for each in others]
        digest = self._encryption().label("entries", json.dumps(entries, sort_keys=True))
        known = {"SS": [f"{number}" for number in range(1, len(entries) + 1)] + [digest]}
        told = set(item["others"]["SS"]) if "others" in item else set()
        if told == set(known["SS"]):
            return item["others"]  # type: ignore[no-any-return]
        for number, entry in enumerate(entries, 1):
            self._enter(call, number, entry)
        for number in range(len(entries) + 1, len(told)):
            self._enter(call, number, {})
        return known

    def _enter(self, call: Call, number: int, entry: Item) -> None:
        kept = {"version": n(call.version), "ttl": _ttl(call)}
        self._table.put_if(
            {
                "Item": call_key(call.id, number) | kept | entry,
                "ConditionExpression": "attribute_not_exists(pk) OR version <= :version",
                "ExpressionAttributeValues": {":version": n(call.version)},
            }
        )

    def beside(self, event: Event) -> Sequence[Call]:
        """All calls of the same reporter with the same id of a call, except what is
        unplaced. One query; of what a node reports a second one, as a placed call is not
        any node's."""
        encryption = self._encryption()
        calls = self._reported(reporter_of(event, encryption, node=event.node))
        if event.node is not None:
            # A placed call is not any node's.
            others = self._reported(reporter_of(event, encryption, node=None))
            calls += [call for call in others if any(each.placed for each in call.events)]
        # What was given to an app stands with that app.
        return [
            call
            for call in calls
            if call.app is not None
            or any(each.progress.delivery is not Delivery.KEPT for each in call.stored)
        ]

    def _reported(self, reporter: str) -> list[Call]:
        items = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(reported_key(reporter))},
            ConsistentRead=True,
        )
        return [
            read_call(item, self._encryption())
            for item in items
            if "." not in item["sk"]["S"] and item["sk"]["S"] != UNPLACED
        ]

    def open(self, task: Task) -> DeliveryContext:
        """One consistent read of all; a second one for what the errand did not know. Raises
        Unavailable for a call that is not to be seen yet."""
        keys = [call_key(task.key.call)]
        if task.app is not None:
            keys.append(health_key(task.app))
        handle = handle_of(task.binding) if task.binding else None
        if handle is not None:
            keys.append(binding_key(handle))
        call, binding, health = None, None, EndpointHealth()
        for item in self._table.get_many(keys):
            match item["pk"]["S"][:2]:
                case "C#":
                    call = read_call(item, self._encryption())
                case "B#":
                    binding = read_binding(item, self._encryption())
                case _:
                    health = read_health(item)
        if call is None:
            raise StoreUnavailable("an announced event is not to be seen yet")
        stored = call.find(task.key)
        asked = stored.event.binding if stored else None
        if asked != task.binding:
            binding = self._binding(asked)
        # Whatever an event names, nobody is told of another app's binding.
        if binding is not None and (binding.id, binding.app) != (asked, call.app):
            binding = None
        return DeliveryContext(call, binding, health)

    def _binding(self, binding_id: str | None) -> Binding | None:
        handle = handle_of(binding_id) if binding_id else None
        item = self._table.get(binding_key(handle)) if handle is not None else None
        return read_binding(item, self._encryption()) if item else None

    def call(self, call_id: str) -> Call | None:
        """One consistent read."""
        item = self._table.get(call_key(call_id))
        return read_call(item, self._encryption()) if item else None

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
        after = replace(
            call,
            version=call.version + 1,
            stored=tuple(
                Stored(key, each.event, progress, recording or each.recording)
                if each.key == key
                else each
                for each in call.stored
            ),
        )
        changes = {f"P{key.event}": ":progress"}
        values: Item = {":progress": progress_text(progress)}
        if recording is not None:
            changes[f"R{key.event}"] = ":recording"
            changes["ttl"] = ":ttl"
            values |= {":recording": recording_text(recording), ":ttl": _ttl(after)}
        return self._rest(call, after, changes, values, days=_changes(call, after, now=progress.at))

    def _rest(
        self,
        call: Call,
        after: Call,
        changes: dict[str, str],
        values: Item,
        days: Sequence[Item] = (),
    ) -> bool:
        """Writes changes, and when something is due in the call as it is then, together with what
        has to be noted of `days`."""
        kept: Item = _due(after) | listed_dead(after)
        changes = changes | {name: f":{name}" for name in kept}
        values = values | {f":{name}": value for name, value in kept.items()}
        removed = [name for name in _SPARSE if name not in kept]
        values[":before"] = n(call.version)
        update = _update(after, changes, values, _SAME, removed)
        if days:
            return self._table.transact([update, *days]) is None
        return self._table.update_if(update) is not None

    def due(self, *, now: int) -> Iterator[str]:
        """The calls about which something is due, from the due index, shard by shard. Each
        minute another shard comes first, so that one with more than a turn can attend to
        does not keep the others waiting."""
        first = now // MINUTE_MS
        for shard in range(DUE_SHARDS):
            for item in self._table.query(
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues={
                    ":shard": s(due_shard("event", (first + shard) % DUE_SHARDS)),
                    ":now": n(now),
                },
            ):
                yield call_id_of(item)

    def claim(self, call_id: str, *, until: int, now: int) -> Call | None:
        """Takes a call that is due: nobody else does before `until` (epoch ms). None if it
        is not due any more. One write."""
        claimed = self._table.update_if(
            {
                "Update": {
                    "Key": call_key(call_id),
                    "UpdateExpression": "SET due_at = :until ADD version :one",
                    "ConditionExpression": "due_at <= :now",
                    "ExpressionAttributeValues": {
                        ":until": n(until),
                        ":now": n(now),
                        ":one": n(1),
                    },
                }
            }
        )
        return read_call(claimed, self._encryption()) if claimed else None

    def rest(self, call: Call, *, looked: int | None) -> bool:
        """Notes when something is due in a call again, and when (epoch ms) it was looked
        over, if it was. False if it had moved on. One write."""
        seen = call.looked if looked is None else looked
        after = replace(call, version=call.version + 1, looked=seen)
        changes = {} if looked is None else {"looked": ":looked"}
        return self._rest(call, after, changes, {} if looked is None else {":looked": n(seen)})

    def dead(self, search: Search, *, limit: int) -> Found:
        """Calls with events whose receiver never took them; `since` and `until` are about
        the time of the first of them. Of the search's others only `after` counts."""
        return self._search.dead(search, limit=limit)

    def orphaned(self, *, after: str | None, limit: int) -> Found:
        """Calls with events that are nobody's, the latest first."""
        search = Search(ORPHANED, 0, NEVER, after=after)
        return self._search.dead(search, limit=limit)

    def find(self, search: Search, *, limit: int) -> Found:
        """Calls as searched for, each by itself: a query for each index that may know, and
        one read."""
        return self._search.find(search, limit=limit)

    def listed(self, search: Search) -> Iterator[str]:
        """The ids of all calls as searched for, of an app or of a binding, an X; from the
        index alone. One that moves in it meanwhile may come twice."""
        return self._search.listed(search)

    def calls(self, call_ids: Sequence[str]) -> list[Call]:
        """Those calls, in this order, without those that are not there. One consistent read
        for a hundred."""
        return self._search.calls(call_ids)


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
    def recorded_binding(self) -> str | None:
        """The binding of which it is noted that its calls are recorded."""
        return self.event.binding if self.recorded else None

    @property
    def alone(self) -> Call:
        """The call as this event alone makes it."""
        return self.added_to(None)

    def added_to(self, call: Call | None) -> Call:
        """The call with this event."""
        recorded = {self.recorded_binding} if self.recorded_binding is not None else set()
        if call is None:
            return Call(self.key.call, self.owner, 1, (self.stored,), frozenset(recorded))
        return replace(
            call,
            version=call.version + 1,
            stored=tuple(sorted((*call.stored, self.stored), key=order)),
            recorded=call.recorded | recorded,
        )


_SAME = "version = :before"
_SPARSE = ("due_shard", "due_at", "dead_shard", "dead_at")
_NOTED = "noted"
"""The digests of the events whose late change of their days is noted."""


def _without(call: Call, key: EventKey) -> Call:
    return replace(call, stored=tuple(each for each in call.stored if each.key != key))


def _changes(before: Call, after: Call, *, now: int) -> list[Item]:
    """What is to be noted of the days that may have been exported and are not the same any more."""
    if after.app is None:
        return []
    days = changed_days(before, after, now=now)
    return [day_changed(after.app, day, now=now) for day in days]


def _noted(event_key: EventKey) -> Item:
    """Goes with the notes of the days that an event changed."""
    return {
        "Update": {
            "Key": call_key(event_key.call),
            "UpdateExpression": f"ADD {_NOTED} :event",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":event": {"SS": [event_key.event]}},
        }
    }


def _added(new: Stored, encryption: FieldEncryption) -> tuple[dict[str, str], Item]:
    """The attributes that an event is, and their values."""
    changes = {f"E{new.key.event}": ":event", f"P{new.key.event}": ":progress"}
    values: Item = {
        ":event": sealed(new.event, new.key, encryption),
        ":progress": progress_text(new.progress),
    }
    return changes, values


def _ttl(call: Call) -> Item:
    """Until when a call is kept: as long as any of its recordings is."""
    until = [each.event.received + RETENTION_MS for each in call.stored]
    until += [each.recording.expires + DAY_MS for each in call.stored if each.recording is not None]
    return n(max(until) // 1000)


def _size(added: Item) -> int:
    """Bytes that an event takes in its call's item, at most."""
    return len(added[":event"]["B"]) + MORE_BYTES


def _stale(item: Item | None, found_by: Item) -> list[str]:
    """By what a call was found that turned out to be of another call of its key."""
    return [name for name in FOUND_BY if name in (item or {}) and name not in found_by]


def _charges(charged: Charged) -> Item:
    return {name: n(getattr(charged, name)) for name in _CHARGES}


def _charged(item: Item | None) -> Charged:
    """What was paid for the calls under a key."""
    return Charged(*(_number(item, name) for name in _CHARGES))


_CHARGES = ("minutes", "messages", "for_minutes", "for_messages")


def _number(item: Item | None, name: str) -> int:
    return int(item[name]["N"]) if item and name in item else 0


def _due(call: Call) -> Item:
    at = due_at(call)
    return {} if at is None else {"due_shard": s(due_shard_of(call.id)), "due_at": n(at)}


def _sooner(item: Item, call: Call) -> Item:
    """When a call is due, if that is well before it says so itself."""
    at = due_at(call)
    put_off = at is not None and at + GRACE_MS < _number(item, "due_at")
    return _due(call) if put_off else {}


def _update(
    call: Call, changes: dict[str, str], values: Item, condition: str, removed: Sequence[str]
) -> Item:
    names = {f"#{i}": name for i, name in enumerate(changes)}
    assigned = ", ".join(f"#{i} = {value}" for i, value in enumerate(changes.values()))
    parts = (
        f"SET {assigned}" if changes else "",
        f"REMOVE {', '.join(removed)}" if removed else "",
    )
    body: Item = {
        "Key": call_key(call.id),
        "UpdateExpression": " ".join(filter(None, (*parts, "ADD version :one"))),
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values | {":one": n(1)},
    }
    return {"Update": body | ({"ExpressionAttributeNames": names} if names else {})}
