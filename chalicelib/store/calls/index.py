"""What calls are found by: attributes of their items, and entries beside them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from chalicelib.core.calls.events import Event
from chalicelib.core.calls.follow_up import GRACE_MS, due_at
from chalicelib.core.calls.merging import end_of
from chalicelib.core.calls.model import Call, Delivery
from chalicelib.core.calls.splitting import split, started_at
from chalicelib.core.errors import Contended
from chalicelib.core.numbers import canonical
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.core.subscribers import Subscriber
from chalicelib.store import codec, work_index
from chalicelib.store.calls.items import (
    SAME_VERSION,
    call_key,
    call_ttl,
    change_call,
    read_call,
)
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, Table, n, s

_T = TypeVar("_T")
_Named = TypeVar("_Named", str, Subscriber)
_Partition = Callable[[str, _Named, FieldEncryption], str]

FOUND_BY = ("day", "place", "binding_of", "number_of", "caller_of", "callee_of")
"""The attributes by which a call is found."""
ORPHANED = "#orphaned"
"""The partition of the index of dead-lettered events that lists what is nobody's; no app has such a
name."""


@dataclass(frozen=True, slots=True)
class _Entries:
    """By how many entries the calls of a key but the first are found, and what these say."""

    count: int
    digest: str


class CallIndex:
    """Keeps what calls are found by as their events have it. Made anew for each event that comes
    in: what stands for a number or a person is worked out once."""

    def __init__(self, table: Table, encryption: FieldEncryption) -> None:
        self._table = table
        self.encryption = encryption
        self._known: dict[tuple[str, str | Subscriber], str] = {}

    def of(self, call: Call) -> Item:
        """The attributes by which one call is found (`place` is where it stands among others);
        nothing for what is nobody's."""
        app, events = call.app, listed(call)
        if app is None or not events:
            return {}
        at = started_at(events)
        by_weight = [end_of(events) or events[0], *events]
        binding = _first(event.binding for event in by_weight)
        number = _first(event.number for event in by_weight)
        caller = _first(event.caller for event in by_weight)
        callee = _first(event.callee for event in by_weight)
        known = {
            "day": day_of(app, at),
            "place": place(at, call.name),
            "binding_of": f"{app}#{binding}" if binding else None,
            "number_of": self._once(number_of, app, number) if number else None,
            "caller_of": self._once(_person, app, caller) if caller else None,
            "callee_of": self._once(_person, app, callee) if callee else None,
        }
        return {name: s(value) for name, value in known.items() if value is not None}

    def _once(self, work_out: _Partition[_Named], app: str, name: _Named) -> str:
        known = self._known.get((app, name))
        if known is None:
            known = self._known[app, name] = work_out(app, name, self.encryption)
        return known

    def mend(self, item: Item, call: Call) -> None:
        """Mends what the call is found by, where a late event says that it was another, and when it
        is due, where the write that added the event put that off. Raises Contended, so that whoever
        reports the event does it again."""
        if len(call.stored) == 1 and "others" not in item:
            # The write that added it says all that it is found by.
            return
        for _ in range(CHANGE_TRIES):
            calls = split(call)
            wanted = self.of(calls[0])
            gone = stale(item, wanted)
            wanted |= _sooner(item, call, calls)
            if len(calls) > 1 or "others" in item:
                wanted["others"] = self._entered([self.of(each) for each in calls[1:]], item, call)
            if not gone and all(item.get(name) == wanted[name] for name in wanted):
                return
            before = {":before": n(call.version)}
            mended = change_call(call, wanted, SAME_VERSION, before, removed=gone)
            if self._table.update_if(mended) is not None:
                return
            seen = self._table.get(call_key(call.id))
            if seen is None:
                return
            item, call = seen, read_call(seen, self.encryption)
        raise Contended("many events of one call at once")

    def _entered(self, entries: Sequence[Item], item: Item, call: Call) -> Item:
        """Writes by what each call of a key but the first is found; what says that it was done."""
        digest = self.encryption.label("entries", json.dumps(entries, sort_keys=True))
        known = {"M": codec.write(_Entries(len(entries), digest))}
        before = codec.read(_Entries, item["others"]["M"]) if "others" in item else _Entries(0, "")
        if before.digest != digest:
            for number in range(1, max(len(entries), before.count) + 1):
                self._enter(call, number, entries[number - 1] if number <= len(entries) else {})
        return known

    def _enter(self, call: Call, number: int, entry: Item) -> None:
        kept = {"version": n(call.version), "ttl": call_ttl(call)}
        self._table.put_if(
            {
                "Item": call_key(call.id, number) | kept | entry,
                "ConditionExpression": "attribute_not_exists(pk) OR version <= :version",
                "ExpressionAttributeValues": {":version": n(call.version)},
            }
        )


def place(at: int, name: str) -> str:
    """Where a call stands among others: by time (epoch ms), and by digest at the same one."""
    return f"{max(0, at):015d}#{name}"


def listed(call: Call) -> list[Event]:
    """The events that make one call or message worth finding."""
    return [event for event in call.events if event.kind.traits.made]


def day_of(app: str, at: int) -> str:
    """The partition of a day (UTC) of an app."""
    return f"{app}#{datetime.fromtimestamp(max(0, at) // 1000, UTC):%Y%m%d}"


def number_of(app: str, number: str, encryption: FieldEncryption) -> str:
    """The partition of an X of an app, however that is spelled: a digest, as a switch may say
    somebody's own number."""
    return f"{app}#{encryption.label('number', canonical(number))}"


def _person(app: str, person: Subscriber, encryption: FieldEncryption) -> str:
    return f"{app}#{encryption.person(person.digits)}"


def _first(values: Iterator[_T | None]) -> _T | None:
    return next(filter(None, values), None)


def listed_dead(call: Call) -> Item:
    """Where a call stands among those with dead-lettered events, or with events that are nobody's:
    by the time of the first; nothing if it has none."""
    state = Delivery.UNMATCHED if call.app is None else Delivery.DEAD_LETTERED
    at = [each.event.at for each in call.stored if each.progress.delivery is state]
    if not at:
        return {}
    return {"dead_shard": s(call.app or ORPHANED), "dead_at": s(place(min(at), call.id))}


def stale(item: Item | None, found_by: Item) -> list[str]:
    """By what a call was found that turned out to be of another call of its key."""
    return [name for name in FOUND_BY if name in (item or {}) and name not in found_by]


def _sooner(item: Item, call: Call, calls: Sequence[Call]) -> Item:
    """When a call is due, if that is well before its item says."""
    at = due_at(call, calls)
    if at is None or "due_at" not in item or at + GRACE_MS >= work_index.due_at(item):
        return {}
    return work_index.entry("call", call.id, at=at)
