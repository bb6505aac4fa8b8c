"""Bindings, their routes and the quota, in transactions."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from chalicelib.core.bindings.lease import Duty, Unsettled
from chalicelib.core.bindings.model import (
    Binding,
    BindingFacts,
    BindingInfo,
    Overdue,
    Refusal,
    State,
    handle_of,
)
from chalicelib.core.bindings.routes import Owner, RouteLookup
from chalicelib.core.durations import NEVER
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.subscribers import Subscriber
from chalicelib.store import conditions
from chalicelib.store.bindings.items import (
    ROLES,
    Sealed,
    binding_item,
    binding_state,
    caller_of,
    pair_of,
    read_binding,
    read_info,
    read_route,
    read_unsettled,
    route_item,
    route_state,
    seal,
    sealed_alike,
)
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import ANYBODY, binding_key, owners_key, reference_key, route_key
from chalicelib.store.table import Failed, Item, Table, check, key, n, put, remove, s, update
from chalicelib.store.tenants.apps import read_owners
from chalicelib.store.work_index import WorkIndex

MOST_ROUTES = 8
"""How many routes of an X are looked at for what unknown callers hear. One has at most 5 KB
(userData of 1,024 characters): all of them at most 40 KB, 10 read units."""
KNOWN = 4_096
"""Of how many bindings a process remembers what hardly changes."""
KNOWN_S = 300
"""For how long."""


class BindingStore:
    """A binding stands at `B#<handle>`; the handle is derived from the request, so the binding item
    is the request's marker too. A's route over X carries what a query of X has to show. Every
    method may raise Unavailable.
    """

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption
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
        done. While its carrier has not agreed (`BINDING`), the routes are reserved and lead
        nowhere. Raises Contended. 8 write units on the table while each item stays within 1 KB, 2
        more for a metered app, and for a reference."""
        if quota_limit <= 0:
            return Refusal(quota_full=True)
        encryption = self._encryption()
        sealed = seal(encryption, binding)
        pair = pair_of(encryption, binding.a, binding.b)
        free = {":now": n(now), ":pair": s(pair)}
        routes = [route_item(binding, role, sealed.route, pair, encryption) for role in ROLES]
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
            entry = _reference(binding, encryption)
            writes.append(conditions.refer(entry, instead_of=instead_of))
        fixed = len(writes)
        writes += self._other_versions_free(binding, [binding.a, binding.b], free)
        failed = self._table.transact(writes)
        if failed is None:
            return None
        if failed[0] is None and binding.reference and (met := failed[referring]) is not None:
            if met.item is None:
                raise StoreUnavailable("who has the reference was not told")
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
                raise StoreUnavailable("what stands under the handle was not told")
            return Refusal(existing=read_binding(same_handle.item, self._encryption()))
        if unpaid:
            return Refusal(unpaid=True)
        if routes:
            held = {
                conditions.held_by(route, pair=pair, now=now)
                for route in routes
                if route is not None
            }
            # A number that is held by several things is as bad as the worst of them.
            worst = next((by for by in ("bound", "taken", "cooling") if by in held), "taken")
            cooled = [int(route["reusable_at"]["N"]) for route in routes if route is not None]
            free_at = max(cooled, default=None) if worst == "cooling" else None
            return Refusal(route=worst, free_at=free_at)
        return Refusal(quota_full=True)

    def change(self, before: Binding, after: Binding) -> Binding | None:
        """Writes what became of a binding over what it was, with its routes and the quota
        as far as they change; the binding as it is then, None if it had moved on meanwhile
        (its id and version say so). A and B stay (`reassign`). One write, or one transaction.
        Raises Contended. One write unit where the routes stay as they are, else 6; 8 to release; 2
        more for the reference of one that is made longer."""
        after = replace(after, version=before.version + 1)
        sealed = None if sealed_alike(before, after) else seal(self._encryption(), after)
        writes = [self._changed(before, after, sealed)]
        routes = self._changed_routes(before, after, sealed)
        if after.over and not before.over:
            writes.append(conditions.quota(after.app, after.quota_shard, -1))
        if len(writes) == 1 and not routes:
            return after if self._table.update_if(writes[0]) is not None else None
        failed = self._table.transact([*writes, *routes])
        if failed is not None and failed[0] is None and not _needs_routes(before, after):
            # Somebody else has its routes already: what they say is not about it any more.
            failed = self._table.transact(writes)
        return after if failed is None else None

    def reassign(self, before: Binding, after: Binding, *, now: int) -> Binding | Refusal | None:
        """Writes a binding in which A reaches another B: A's route leads to him, under the same id,
        his own is written under the condition of a bind, and the one of the B before cools from
        `now` on. The binding as it is then; a Refusal if somebody else holds the new route, None if
        the binding had moved on meanwhile. One transaction of 8 write units. Raises Contended."""
        encryption = self._encryption()
        after = replace(after, version=before.version + 1)
        sealed = seal(encryption, after)
        pair = pair_of(encryption, after.a, after.b)
        free = {":now": n(now), ":pair": s(pair)}
        a_route, old_route = _route_keys(before, encryption)
        left = replace(before, expires=now, state=State.ENDED)
        new_route = route_item(after, "b", sealed.route, pair, encryption)
        writes = [
            self._changed(before, after, sealed),
            self._changed_route(a_route, before, after, {"sealed": sealed.route, "pair": s(pair)}),
            self._changed_route(old_route, before, left, {"updated": n(now)}),
            put(new_route, conditions.ROUTE_FREE, free),
            *self._other_versions_free(after, [after.b], free),
        ]
        failed = self._table.transact(writes)
        if failed is None:
            return after
        if any(failed[:3]):
            return None
        held = [each.item for each in failed[3:] if each is not None]
        return self._refusal(None, held, pair=pair, unpaid=False, now=now)

    def _other_versions_free(
        self, binding: Binding, people: Sequence[Subscriber | None], free: Item
    ) -> list[Item]:
        """While a data key is being replaced, a route under another version rules just as well."""
        encryption = self._encryption()
        return [
            check(route_key(binding.number, other), conditions.ROUTE_FREE, free)
            for person in people
            if person is not None
            for other in encryption.person_everywhere(person.digits)
            if other != caller_of(encryption, person, binding.key_version)
        ]

    def _changed(self, before: Binding, after: Binding, sealed: Sealed | None) -> Item:
        """Writes a binding over what it was."""
        was, state = binding_state(before), binding_state(after)
        state |= sealed.binding if sealed is not None else {}
        changes = {name: value for name, value in state.items() if was.get(name) != value}
        gone = [name for name in was if name not in state]
        return update(
            binding_key(after.handle), changes, conditions.UNCHANGED, _as(before), removed=gone
        )

    def _changed_routes(self, before: Binding, after: Binding, sealed: Sealed | None) -> list[Item]:
        """What changes of its routes, and of the entry of its reference; nothing as long as they
        say what they said."""
        more = {"sealed": sealed.route} if sealed is not None else {}
        if route_state(before) == route_state(after) and not more:
            return []
        encryption = self._encryption()
        more |= {"updated": n(after.updated)}
        changed = [
            self._changed_route(route, before, after, more)
            for route in _route_keys(after, encryption)
        ]
        if after.reference and after.expires > before.expires:
            # It is kept for as long as the binding.
            ours = {":binding": s(after.id)}
            changed.append(put(_reference(after, encryption), conditions.OURS, ours))
        return changed

    def _changed_route(self, route: Item, before: Binding, after: Binding, more: Item) -> Item:
        were, state = route_state(before), route_state(after)
        removed = [name for name in were if name not in state]
        if "pending" in removed:
            removed.append("reusable_before")
        ours = {":binding": s(after.id)}
        return update(route, state | more, conditions.OURS, ours, removed=removed)

    def undo(self, binding: Binding, *, now: int, reusable_at: int | None = None) -> bool:
        """A carrier did not agree to what it was being asked (`BINDING`): nothing is left
        of it, its routes and the app's account are as they were. Where the carrier may
        connect it all the same, its routes stay reserved until `reusable_at` (epoch ms). False
        if it had moved on meanwhile. One transaction. Raises Contended. 8 write units, 2
        more if it had a price."""
        writes = [
            remove(binding_key(binding.handle), conditions.UNCHANGED, _as(binding)),
            conditions.quota(binding.app, binding.quota_shard, -1),
        ]
        if binding.price:
            writes.append(conditions.charge(binding.app, -binding.price, now=now))
        routes = _route_keys(binding, self._encryption())
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
            # They are somebody else's by now.
            failed = self._table.transact(writes)
        return failed is None

    def get(self, binding_id: str) -> Binding | None:
        """One consistent read."""
        handle = handle_of(binding_id)
        item = handle and self._table.get(binding_key(handle))
        if not item or item["id"]["S"] != binding_id:
            return None
        return read_binding(item, self._encryption())

    def made_by(self, draft: Binding) -> Binding | None:
        """The binding that stands where this one would. One consistent read."""
        item = self._table.get(binding_key(draft.handle))
        return read_binding(item, self._encryption()) if item else None

    def transfer_on(self, number: str) -> Binding | None:
        """The latest XA of this X, ended or not: two consistent reads."""
        route = self._table.get(route_key(number, ANYBODY))
        return self.get(route["binding"]["S"]) if route else None

    def live_on(self, number: str, *, app: str, now: int) -> list[BindingInfo]:
        """The live bindings of one X, oldest first: one query."""
        encryption = self._encryption()
        routes = self._live_routes(number, now=now, app=app)
        found = [read_info(item, encryption) for item in routes]
        return sorted(found, key=lambda info: (info.created, info.id))

    def prompt_for_others(self, number: str, *, now: int) -> str | None:
        """What an unknown caller of this X hears (empty: nothing of its own); None if no
        live binding is among the first routes of it, all that is looked at. One page, at
        most 10 read units."""
        encryption = self._encryption()
        routes = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :route)",
            ExpressionAttributeValues={":pk": s(f"X#{number}"), ":route": s("L#")},
            ConsistentRead=True,
            Limit=MOST_ROUTES,
        )
        prompts = [
            read_route(route, encryption).presentation.prompt_others
            for route in islice(routes, MOST_ROUTES)
            if conditions.routes(route, now=now) and "pending" not in route
        ]
        return max(prompts, default=None)

    def owners_of(self, number: str) -> tuple[Owner, ...]:
        """Everybody that X belonged to: one consistent read."""
        item = self._table.get(owners_key(number, self._encryption()))
        return read_owners(item) if item else ()

    def _live_routes(self, number: str, *, app: str, now: int) -> Iterator[Item]:
        """A's routes of an app that lead somewhere: one for each binding."""
        return self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :route)",
            FilterExpression="expires > :now AND attribute_not_exists(pending)"
            " AND attribute_not_exists(released) AND #role = :a AND app = :app",
            ExpressionAttributeNames={"#role": "role"},
            ExpressionAttributeValues={
                ":pk": s(f"X#{number}"),
                ":route": s("L#"),
                ":now": n(now),
                ":a": s("a"),
                ":app": s(app),
            },
            ConsistentRead=True,
        )

    def survey(
        self, numbers: Sequence[str], a: Subscriber, b: Subscriber | None, *, now: int
    ) -> Mapping[str, str | None]:
        """X -> what holds a route of it (as in Refusal), from consistent reads."""
        encryption = self._encryption()
        pair = pair_of(encryption, a, b)
        people = encryption.person_everywhere(a.digits)
        people += encryption.person_everywhere(b.digits) if b is not None else [ANYBODY]
        held: dict[str, str | None] = dict.fromkeys(numbers)
        keys = [route_key(number, person) for number in numbers for person in people]
        for start in range(0, len(keys), 100):
            for route in self._table.get_many(keys[start : start + 100]):
                if (by := conditions.held_by(route, pair=pair, now=now)) is not None:
                    held[route["pk"]["S"].removeprefix("X#")] = by
        return held

    def find(self, number: str, caller: Subscriber | None) -> RouteLookup:
        """What stands on X for this caller: one consistent read."""
        encryption = self._encryption()
        people = encryption.person_everywhere(caller.digits) if caller else []
        # The caller may be an X himself; one who dials his own is turned away by that, too.
        dialled = [number, caller.digits] if caller else [number]
        places = [owners_key(each, encryption)["pk"]["S"] for each in dialled]
        everybodys_key = route_key(number, ANYBODY)
        keys = [key(each, "N") for each in dict.fromkeys(places)] + [everybodys_key]
        keys += [route_key(number, person) for person in people]
        route, everybodys = None, None
        owners: dict[str, tuple[Owner, ...]] = {}
        for item in self._table.get_many(keys):
            if item["sk"]["S"] == "N":
                owners[item["pk"]["S"]] = read_owners(item)
            elif "pending" in item:
                continue
            elif item["sk"] == everybodys_key["sk"]:
                everybodys = read_route(item, encryption)
            elif route is None or int(item["expires"]["N"]) > route.expires:
                route = read_route(item, encryption)
        owned = [owners.get(each, ()) for each in places]
        in_pool = owned[0][-1].number if owned[0] else ""
        if in_pool not in ("", number):
            return replace(self.find(in_pool, caller), number=in_pool)
        return RouteLookup(owned[0], route, everybodys, owned[1] if caller else ())

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
        """Shard -> what its counter says."""
        counters = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(f"Q#{app}")},
            ConsistentRead=True,
        )
        return {int(item["sk"]["S"]): int(item["live"]["N"]) for item in counters}

    def overdue(self, *, now: int) -> Iterator[Overdue]:
        """What ran out by `now`, from the work index, shard by shard."""
        for entry in self._work.due("expiry", now=now):
            yield Overdue(
                handle=entry["pk"]["S"].removeprefix("B#"),
                id=entry["id"]["S"],
                app=entry["app"]["S"],
                quota_shard=int(entry["quota_shard"]["N"]),
            )

    def unsettled(self, duty: Duty, *, now: int) -> Iterator[Unsettled]:
        """What a carrier has to be asked about by `now`, what is due for longest first; pages of
        the work index are read as they are needed. Eventually consistent."""
        return map(read_unsettled, self._work.oldest_first(duty, now=now))

    def claim(self, entry: Unsettled, *, until: int) -> Binding | None:
        """Takes an entry: nobody else does before `until` (epoch ms). None if somebody did.
        One write, which reads the binding too."""
        item = self._work.claim(
            binding_key(entry.handle), due_by=entry.due_at, until=until, id=entry.id
        )
        return read_binding(item, self._encryption()) if item is not None else None

    def put_off(self, binding: Binding, *, until: int) -> None:
        """Lets a claimed binding be due again at `until` (epoch ms), unless its carrier has not to
        be asked any more. One write."""
        self._work.put_off(binding_key(binding.handle), until=until, id=binding.id, unless="expiry")

    def archive(self, batch: Sequence[Overdue], *, before: int) -> int:
        """Takes those that ran out by `before` off the work index and the quota, each once
        however often it is asked; how many this call did. One transaction, halved when
        somebody else was quicker with a part."""
        counted = Counter((each.app, each.quota_shard) for each in batch)
        writes: list[Item] = [conditions.archived(each, before=before) for each in batch]
        writes += [conditions.quota(app, shard, -count) for (app, shard), count in counted.items()]
        if self._table.transact(writes) is None:
            return len(batch)
        if len(batch) == 1:
            return 0
        half = len(batch) // 2
        return self.archive(batch[:half], before=before) + self.archive(batch[half:], before=before)


def _reference(binding: Binding, encryption: FieldEncryption) -> Item:
    """Says which binding has the reference; kept for as long as that."""
    entry = reference_key(binding.app, binding.reference, encryption)
    kept = {"ttl": n((binding.expires + binding.retention_ms) // 1000)}
    return entry | {"binding": s(binding.id)} | (kept if binding.expires < NEVER else {})


def _route_keys(binding: Binding, encryption: FieldEncryption) -> list[Item]:
    """Where the routes of a stored binding stand."""
    return [
        route_key(binding.number, caller_of(encryption, person, binding.key_version))
        for person in (binding.a, binding.b)
    ]


def _as(binding: Binding) -> Item:
    """What names this very state of it."""
    return {":id": s(binding.id), ":before": n(binding.version)}


def _needs_routes(before: Binding, after: Binding) -> bool:
    """Whether its routes have to be its own for it: they lead somewhere from now on, or for longer,
    or are to stay reserved while its carrier is asked for more, or to end it by its X."""
    leads = before.state is State.BINDING and after.state is State.BOUND
    asks = _asked(after) > _asked(before) and after.reusable_at > before.reusable_at
    ends_by_x = after.b is None and after.state is State.ENDING
    return leads or asks or ends_by_x or after.expires > before.expires


def _asked(binding: Binding) -> int:
    return len(binding.lease.asked) if binding.lease is not None else 0
