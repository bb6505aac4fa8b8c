"""Calls with their events: looked up, and changed as deliveries and follow-ups go on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from chalicelib.core.bindings.model import Binding, handle_of
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
from chalicelib.core.errors import Contended, StoreUnavailable
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.core.webhooks.policy import EndpointHealth
from chalicelib.store import codec
from chalicelib.store.bindings.items import read_binding
from chalicelib.store.calls.index import listed_dead
from chalicelib.store.calls.items import (
    SAME_VERSION,
    UNPLACED,
    call_id_of,
    call_key,
    call_ttl,
    change_call,
    due_entry,
    read_call,
    reported_key,
    reporter_of,
)
from chalicelib.store.calls.search import CallSearch
from chalicelib.store.calls.usage import late_changes
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import binding_key
from chalicelib.store.table import Item, Table, n, s
from chalicelib.store.webhooks.endpoints import health_key, read_health
from chalicelib.store.work_index import WorkIndex


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What sending an event to its app takes: its call, the binding that the event names (None:
    none, or there is no such), and the health of the endpoint."""

    call: Call
    binding: Binding | None
    health: EndpointHealth


class CallStore(CallSearch):
    """Calls with their events. Every method may raise Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        super().__init__(table, encryption)
        self._work = WorkIndex(table)

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
        """One consistent read of all; a second one for what the task did not know. Raises
        Unavailable for a call that is not visible yet."""
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
            raise StoreUnavailable("the event of a queue message is not visible yet")
        stored = call.find(task.key)
        asked = stored.event.binding if stored else None
        if asked != task.binding:
            binding = self._binding(asked)
        # Whatever an event names, no app is sent another app's binding.
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

    def event(self, event_id: str) -> tuple[Call, Stored] | None:
        """An event by what an app knows it by, with its call. One consistent read."""
        key = EventKey.from_id(event_id)
        call = self.call(key.call) if key else None
        stored = call.find(key) if call and key else None
        return (call, stored) if call and stored else None

    def settle(
        self,
        call: Call,
        key: EventKey,
        progress: Progress,
        *,
        recording: Recording | None = None,
    ) -> bool:
        """Saves how far an event is. False if the call has changed since it was read. One
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
        changes = {f"P{key.event}": codec.attribute(progress)}
        if recording is not None:
            changes |= {f"R{key.event}": codec.attribute(recording), "ttl": call_ttl(after)}
        days, hours = late_changes(call, after, now=progress.at)
        return self._rest(call, after, changes, [*days, *hours])

    def advance(
        self,
        call: Call,
        stored: Stored,
        progress: Progress,
        *,
        recording: Recording | None = None,
    ) -> bool:
        """`settle`, in a call that others change at the same time. False if the event's progress
        has changed since it was read. Raises Contended if the call changes all the while."""
        for _ in range(CHANGE_TRIES):
            if self.settle(call, stored.key, progress, recording=recording):
                return True
            seen = self.call(call.id)
            current = seen.find(stored.key) if seen else None
            if seen is None or current is None:
                return False
            if current.progress != stored.progress and not _delivered_anyhow(progress, current):
                return False
            call = seen
        raise Contended("many events of one call at once")

    def _rest(self, call: Call, after: Call, changes: Item, late: Sequence[Item] = ()) -> bool:
        """Writes changes, and when something is due in the call as it is then, together with what
        has to be noted because they are late."""
        kept: Item = due_entry(after) | listed_dead(after)
        removed = [name for name in _SPARSE if name not in kept]
        before = {":before": n(call.version)}
        change = change_call(after, changes | kept, SAME_VERSION, before, removed)
        if late:
            return self._table.transact([change, *late]) is None
        return self._table.update_if(change) is not None

    def due(self, *, now: int) -> Iterator[str]:
        """The calls about which something is due, from the work index."""
        return map(call_id_of, self._work.due("call", now=now))

    def claim(self, call_id: str, *, until: int, now: int) -> Call | None:
        """Takes a call that is due: nobody else does before `until` (epoch ms). None if it
        is not due any more. One write."""
        claimed = self._work.claim(call_key(call_id), due_by=now, until=until)
        return read_call(claimed, self._encryption()) if claimed else None

    def rest(self, call: Call, *, looked: int | None) -> bool:
        """Notes when something is due in a call again, and when (epoch ms) it was looked
        over, if it was. False if it had moved on. One write."""
        seen = call.looked if looked is None else looked
        after = replace(call, version=call.version + 1, looked=seen)
        return self._rest(call, after, {} if looked is None else {"looked": n(seen)})


def _delivered_anyhow(progress: Progress, current: Stored) -> bool:
    """Two sent the event to its app at once, and one of them heard no answer: it was delivered."""
    delivered = progress.delivery is Delivery.DELIVERED
    return delivered and current.progress.delivery is Delivery.PENDING


_SPARSE = ("due_shard", "due_at", "dead_shard", "dead_at")
