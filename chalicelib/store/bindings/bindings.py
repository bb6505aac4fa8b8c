"""Bindings, their routes and the quota, in transactions."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from chalicelib.core.bindings.lease import DueBinding, LeaseWork
from chalicelib.core.bindings.model import (
    MAX_LIFETIME_MS,
    Binding,
    BindingFacts,
    Overdue,
    Refusal,
    State,
    handle_of,
)
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.store import conditions
from chalicelib.store.bindings.call_routes import RouteStore
from chalicelib.store.bindings.items import (
    binding_item,
    caller_of,
    callers_of,
    pair_of,
    read_binding,
    read_due_binding,
    route_items,
    route_state,
    seal,
    sealed_alike,
)
from chalicelib.store.bindings.writes import (
    also_free,
    changed,
    changed_route,
    changed_routes,
    needs_routes,
    reference_item,
    route_keys,
    unchanged,
)
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import ANYBODY, binding_key, reference_key, route_key
from chalicelib.store.table import Failed, Item, Table, key, n, put, remove, s
from chalicelib.store.work_index import WorkIndex

KNOWN = 4_096
"""Of how many bindings a process remembers what hardly changes."""
KNOWN_S = 300
"""For how long."""


class BindingStore(RouteStore):
    """Bindings and the writes of their routes. A binding stands at `B#<handle>`; the handle is
    derived from the request, so the item is the request's marker too. A's route over X has what a
    query of X shows. Every method may raise Unavailable.
    """

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        super().__init__(table, encryption)
        self._work = WorkIndex(table)
        self._known: dict[str, tuple[float, BindingFacts]] = {}

    def handle(self, *, app: str, request: str, attempt: int) -> str:
        """12 digits that a request finds again; keyed, so that they tell nothing."""
        tag = self._encryption().tag("handle", app, request, str(attempt))
        return f"{int.from_bytes(tag[:8], 'big') % 10**12:012d}"

    def commit(
        self,
        binding: Binding,
        *,
        quota_limit: int,
        metered: bool,
        now: int,
        instead_of: str | None = None,
    ) -> Refusal | None:
        """One transaction: binding, both routes, quota, its price if the app is `metered`, and its
        reference, which is free or belongs to the binding `instead_of`, which is over; None when
        done. Until its carrier has agreed (`BINDING`) the routes are reserved and lead nowhere.
        Raises Contended. 8 write units on the table while each item stays within 1 KB, 2
        more for a metered app, and for a reference."""
        if quota_limit <= 0:
            return Refusal(quota_full=True)
        encryption = self._encryption()
        sealed = seal(encryption, binding)
        pair = pair_of(encryption, binding.a, binding.b)
        free = {":now": n(now), ":pair": s(pair)}
        a, *others_of_a = callers_of(encryption, binding.a)
        b, *others_of_b = callers_of(encryption, binding.b)
        routes = route_items(binding, sealed.route, pair=pair, callers={"a": a, "b": b})
        writes: list[Item] = [
            put(binding_item(binding, sealed), conditions.NEW),
            *(
                conditions.reserve(route, free)
                if binding.state is State.BINDING
                else put(route, conditions.ROUTE_FREE, free)
                for route in routes
            ),
            conditions.quota(binding.app, binding.quota_shard, 1, limit=quota_limit),
        ]
        paying, referring = len(writes), len(writes) + metered
        if metered:
            writes.append(conditions.pay(binding.app, binding.price, now=now))
        if binding.reference:
            entry = reference_item(binding, encryption)
            writes.append(conditions.refer(entry, instead_of=instead_of))
        fixed = len(writes)
        writes += also_free(binding.number, [*others_of_a, *others_of_b], free)
        failed = self._table.transact(writes)
        if failed is None:
            return None
        if failed[0] is None and binding.reference and (met := failed[referring]) is not None:
            if met.item is None:
                raise StoreUnavailable("the holder of the reference was not returned")
            return Refusal(referred=met.item["binding"]["S"])
        held = [each.item for each in (*failed[1:3], *failed[fixed:]) if each is not None]
        unpaid = metered and failed[paying] is not None
        return self._refusal(failed[0], held, pair=pair, unpaid=unpaid, now=now)

    def _refusal(
        self,
        same_handle: Failed | None,
        routes: Sequence[Item | None],
        *,
        pair: str,
        unpaid: bool,
        now: int,
    ) -> Refusal:
        if same_handle is not None:
            if same_handle.item is None:
                raise StoreUnavailable("the item under the handle was not returned")
            return Refusal(existing=read_binding(same_handle.item, self._encryption()))
        if unpaid:
            return Refusal(unpaid=True)
        if routes:
            held = {
                conditions.held_by(route, pair=pair, now=now)
                for route in routes
                if route is not None
            }
            # Several things may hold it: the longest lasting of them counts.
            worst = next((by for by in ("bound", "taken", "cooling") if by in held), "taken")
            cooled = [int(route["reusable_at"]["N"]) for route in routes if route is not None]
            free_at = max(cooled, default=None) if worst == "cooling" else None
            return Refusal(route=worst, free_at=free_at)
        return Refusal(quota_full=True)

    def change(self, before: Binding, after: Binding) -> Binding | None:
        """Writes a binding, its routes and the quota as far as they change, but neither A nor B
        (`reassign`). The binding as it stands then; None if it has changed meanwhile (by id and
        version). One write, or one transaction. Raises Contended. One write unit where the routes
        stay as they are, else 6; 8 to release; 2 more for the reference of one that is extended."""
        after = replace(after, version=before.version + 1)
        sealed = None if sealed_alike(before, after) else seal(self._encryption(), after)
        writes = [changed(before, after, sealed)]
        routes = changed_routes(before, after, sealed, self._encryption())
        if after.over and not before.over:
            writes.append(conditions.quota(after.app, after.quota_shard, -1))
        if len(writes) == 1 and not routes:
            return after if self._table.update_if(writes[0]) is not None else None
        failed = self._table.transact([*writes, *routes])
        if failed is not None and failed[0] is None and not needs_routes(before, after):
            # Its routes are already another binding's.
            failed = self._table.transact(writes)
        return after if failed is None else None

    def reassign(self, before: Binding, after: Binding, *, now: int) -> Binding | Refusal | None:
        """Writes a binding in which A reaches another B: A's route leads to him, under the same id,
        his own is written under the condition of a bind, and the one of the B before cools from
        `now` on. The binding as it stands then; a Refusal if somebody else holds the new route,
        None if the binding has changed meanwhile. One transaction of 8 write units. Raises
        Contended."""
        encryption = self._encryption()
        after = replace(after, version=before.version + 1)
        sealed = seal(encryption, after)
        pair = pair_of(encryption, after.a, after.b)
        free = {":now": n(now), ":pair": s(pair)}
        a_route, old_route = route_keys(before, encryption)
        left = replace(before, expires=now, state=State.ENDED)
        b = caller_of(encryption, after.b, after.key_version)
        (new_route,) = route_items(after, sealed.route, pair=pair, callers={"b": b})
        others = [each for each in callers_of(encryption, after.b) if each != b]
        were, old_state = route_state(before), route_state(left) | {"updated": n(now)}
        a_state = route_state(after) | {"sealed": sealed.route, "pair": s(pair)}
        writes = [
            changed(before, after, sealed),
            changed_route(a_route, before.id, were, a_state),
            changed_route(old_route, before.id, were, old_state),
            put(new_route, conditions.ROUTE_FREE, free),
            *also_free(after.number, others, free),
        ]
        failed = self._table.transact(writes)
        if failed is None:
            return after
        if any(failed[:3]):
            return None
        held = [each.item for each in failed[3:] if each is not None]
        return self._refusal(None, held, pair=pair, unpaid=False, now=now)

    def undo(self, binding: Binding, *, now: int, reusable_at: int | None = None) -> bool:
        """Removes a binding to which its carrier has not agreed (`BINDING`); its routes and the
        app's account become as they were. If the carrier may connect its calls all the same, the
        routes stay reserved until `reusable_at` (epoch ms). False if it has changed meanwhile. One
        transaction. Raises Contended. 8 write units, 2 more if it had a price."""
        writes = [
            remove(binding_key(binding.handle), conditions.UNCHANGED, unchanged(binding)),
            conditions.quota(binding.app, binding.quota_shard, -1),
        ]
        if binding.price:
            writes.append(conditions.charge(binding.app, -binding.price, now=now))
        routes = route_keys(binding, self._encryption())
        if reusable_at is None and now >= binding.expires:
            # Its carrier may have connected it until it ran out.
            reusable_at = min(binding.reusable_at, now + binding.cooling_ms)
        given = [
            conditions.give_back(route, binding.id, now=now, reusable_at=reusable_at)
            for route in routes
        ]
        if binding.reference:
            entry = reference_key(binding.app, binding.reference, self._encryption())
            given.append(remove(entry, conditions.OURS, {":binding": s(binding.id)}))
        failed = self._table.transact([*writes, *given])
        if failed is not None and failed[0] is None:
            # Its routes are another binding's by now.
            failed = self._table.transact(writes)
        return failed is None

    def get(self, binding_id: str) -> Binding | None:
        """One consistent read."""
        handle = handle_of(binding_id)
        item = handle and self._table.get(binding_key(handle))
        if not item or item["id"]["S"] != binding_id:
            return None
        return read_binding(item, self._encryption())

    def made_by(self, handle: str) -> Binding | None:
        """The binding that stands under a handle. One consistent read."""
        item = self._table.get(binding_key(handle))
        return read_binding(item, self._encryption()) if item else None

    def answer(self, request: RequestId, binding: Binding, *, now: int) -> None:
        """Remembers that a request which was named by its client was answered with a binding that
        another one had made, for about as long as that is kept. One write."""
        if not request.content:
            return
        until = min(binding.expires, now + MAX_LIFETIME_MS) + binding.retention_ms
        item = self._answered_key(binding.app, request) | {
            "content": s(request.content),
            "binding": s(binding.id),
            "ttl": n(until // 1000),
        }
        self._table.claim(put(item, conditions.NEW))

    def answered(self, app: str, request: RequestId) -> str | None:
        """The id of the binding of which `answer` was told. One read; none for a request without a
        name. Raises RequestMismatch."""
        item = self._table.get(self._answered_key(app, request)) if request.content else None
        if item is None:
            return None
        Earlier(item["content"]["S"], at=0).check(request)
        return str(item["binding"]["S"])

    def _answered_key(self, app: str, request: RequestId) -> Item:
        return key(f"R#{self._encryption().label('request', app, request.key)}", "B")

    def transfer_on(self, number: str) -> Binding | None:
        """The latest XA of this X, even an ended one: two consistent reads."""
        route = self._table.get(route_key(number, ANYBODY))
        return self.get(route["binding"]["S"]) if route else None

    def facts(self, binding_id: str) -> BindingFacts | None:
        """What hardly changes of a binding: one read, once in KNOWN_S and process."""
        now = self._table.runtime.monotonic()
        until, facts = self._known.get(binding_id, (0.0, None))
        if facts is None or now >= until:
            binding = self.get(binding_id)
            if binding is None:
                return None
            if len(self._known) >= KNOWN:
                self._known.pop(next(iter(self._known)), None)
            facts = binding.facts
            self._known[binding_id] = now + KNOWN_S, facts
        return facts

    def quota_used(self, app: str) -> Mapping[int, int]:
        """Shard -> bindings that it counts."""
        counters = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(f"Q#{app}")},
            ConsistentRead=True,
        )
        return {int(item["sk"]["S"]): int(item["live"]["N"]) for item in counters}

    def overdue(self, *, now: int) -> Iterator[Overdue]:
        """What expired by `now`, from the work index, shard by shard."""
        for entry in self._work.due("expiry", now=now):
            yield Overdue(
                handle=entry["pk"]["S"].removeprefix("B#"),
                id=entry["id"]["S"],
                app=entry["app"]["S"],
                quota_shard=int(entry["quota_shard"]["N"]),
            )

    def due_at_carriers(self, work: LeaseWork, *, now: int) -> Iterator[DueBinding]:
        """The bindings about which a carrier has to be asked by `now`, the longest due first; pages
        of the work index are read as they are needed. Eventually consistent."""
        return map(read_due_binding, self._work.oldest_first(work, now=now))

    def claim(self, entry: DueBinding, *, until: int) -> Binding | None:
        """Claims an entry until `until` (epoch ms): nobody else does before. None if somebody has
        been quicker. One write, which reads the binding too."""
        item = self._work.claim(
            binding_key(entry.handle), due_by=entry.due_at, until=until, id=entry.id
        )
        return read_binding(item, self._encryption()) if item is not None else None

    def put_off(self, binding: Binding, *, until: int) -> None:
        """Makes a claimed binding due again at `until` (epoch ms), unless its carrier does not have
        to be asked any more. One write."""
        self._work.put_off(binding_key(binding.handle), until=until, id=binding.id, unless="expiry")

    def archive(self, batch: Sequence[Overdue], *, before: int) -> int:
        """Takes those that expired by `before` off the work index and the quota, each once, however
        many archive it; how many this call did. One transaction, which is halved if others were
        quicker with some."""
        counted = Counter((each.app, each.quota_shard) for each in batch)
        writes: list[Item] = [conditions.archived(each, before=before) for each in batch]
        writes += [conditions.quota(app, shard, -count) for (app, shard), count in counted.items()]
        if self._table.transact(writes) is None:
            return len(batch)
        if len(batch) == 1:
            return 0
        half = len(batch) // 2
        return self.archive(batch[:half], before=before) + self.archive(batch[half:], before=before)
