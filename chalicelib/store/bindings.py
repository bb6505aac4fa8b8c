"""Bindings, their legs and the quota: every rule of invariant 1 is a condition in this file."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from chalicelib.core.binding import handle_of
from chalicelib.core.ports import Overdue, Refusal
from chalicelib.core.values import DAY_MS, Binding, BindingInfo, Leg, Role, Subscriber
from chalicelib.store.table import Failed, Item, Table, key, n, s
from chalicelib.store.vault import Vault

DUE_SHARDS = 8
"""Over how many partitions of the due index expiries are spread."""

_NEW = "attribute_not_exists(pk)"
_UNCHANGED = "version = :before AND attribute_not_exists(ended)"
_OURS = "binding = :binding"
_OVERDUE = "expires <= :now AND attribute_exists(due_at)"
_QUOTA_ROOM = "attribute_not_exists(live) OR live < :limit"
_LEG_FREE = (
    # never used, or TTL collected it
    "attribute_not_exists(pk)"
    # cooled down: may lead to anybody
    " OR free_at <= :now"
    # ended, perhaps cooling: may lead to the same person as before
    " OR (pair = :pair AND expires <= :now)"
)


class DynamoBindings:
    """Fulfils the ports Bindings and Legs.

    A binding stands at `B#<handle>`; the handle is derived from the request, so the binding item
    is the request's marker too. The a leg of each X carries what a query of X has to show.
    """

    def __init__(self, table: Table, vault: Callable[[], Vault]) -> None:
        self._table = table
        self._vault = vault

    def handle(self, *, app: str, request: str, attempt: int) -> str:
        """See the port."""
        tag = self._vault().tag("handle", app, request, str(attempt))
        return f"{int.from_bytes(tag[:8], 'big') % 10**12:012d}"

    def commit(self, binding: Binding, *, quota_limit: int, now: int) -> Refusal | None:
        """See the port. 8 write units on the table while each item stays within 1 KB."""
        if quota_limit <= 0:
            return Refusal(quota_full=True)
        vault = self._vault()
        sealed = _seal(vault, binding)
        pair = vault.pair(binding.a.digits, binding.b.digits)
        free = {":now": n(now), ":pair": s(pair)}
        writes: list[Item] = [
            _put(_binding_item(binding, sealed, vault.version), _NEW),
            _put(_leg_item(binding, "a", sealed, pair, vault), _LEG_FREE, free),
            _put(_leg_item(binding, "b", sealed, pair, vault), _LEG_FREE, free),
            _quota(binding.app, binding.quota_shard, 1, limit=quota_limit),
        ]
        for person in (binding.a, binding.b):
            # While a key is being replaced, a leg under the other version rules just as well.
            writes += [
                _check(_leg_key(binding.number, other), _LEG_FREE, free)
                for other in vault.person_everywhere(person.digits)[1:]
            ]
        failed = self._table.transact(writes)
        if failed is None:
            return None
        return self._refusal(binding, failed, pair=pair, now=now)

    def _refusal(
        self, binding: Binding, failed: Sequence[Failed | None], *, pair: str, now: int
    ) -> Refusal:
        same_handle, _, _, quota, *_ = failed
        legs = [each.item for each in (*failed[1:3], *failed[4:]) if each is not None]
        if same_handle is not None:
            if same_handle.item is not None:
                return Refusal(existing=self._binding(same_handle.item))
            return Refusal(existing=self.get(binding.id) or binding)
        if legs:
            held = {_held(leg, pair=pair, now=now) for leg in legs if leg is not None}
            # A number that is held by several things is as bad as the worst of them.
            worst = next((by for by in ("bound", "taken", "cooling") if by in held), "taken")
            return Refusal(leg=worst)
        return Refusal(quota_full=quota is not None)

    def get(self, binding_id: str) -> Binding | None:
        """See the port."""
        handle = handle_of(binding_id)
        item = handle and self._table.get(_binding_key(handle))
        if not item or item["id"]["S"] != binding_id:
            return None
        return self._binding(item)

    def live_on(self, number: str, *, app: str, now: int) -> list[BindingInfo]:
        """See the port."""
        legs = self._live_legs(number, now=now, more=" AND #role = :a AND app = :app", app=app)
        found = [self._info(item) for item in legs]
        return sorted(found, key=lambda info: (info.created, info.id))

    def in_use(self, number: str, *, now: int) -> bool:
        """See the port."""
        return next(self._live_legs(number, now=now), None) is not None

    def _live_legs(
        self, number: str, *, now: int, more: str = "", app: str | None = None
    ) -> Iterator[Item]:
        values = {":pk": s(f"X#{number}"), ":leg": s("L#"), ":now": n(now)}
        names = {}
        if app is not None:
            values |= {":a": s("a"), ":app": s(app)}
            names = {"ExpressionAttributeNames": {"#role": "role"}}
        return self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :leg)",
            FilterExpression=f"expires > :now{more}",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **names,
        )

    def survey(
        self, numbers: Sequence[str], a: Subscriber, b: Subscriber, *, now: int
    ) -> Mapping[str, str | None]:
        """See the port."""
        vault = self._vault()
        pair = vault.pair(a.digits, b.digits)
        people = [h for p in (a, b) for h in vault.person_everywhere(p.digits)]
        held: dict[str, str | None] = dict.fromkeys(numbers)
        keys = [_leg_key(number, person) for number in numbers for person in people]
        for start in range(0, len(keys), 100):
            for leg in self._table.get_many(keys[start : start + 100]):
                if (by := _held(leg, pair=pair, now=now)) is not None:
                    held[leg["pk"]["S"].removeprefix("X#")] = by
        return held

    def find(self, number: str, caller: Subscriber | None) -> tuple[str | None, Leg | None]:
        """See the port."""
        vault = self._vault()
        people = vault.person_everywhere(caller.digits) if caller else []
        keys = [number_key(number), *(_leg_key(number, person) for person in people)]
        owner, leg = None, None
        for item in self._table.get_many(keys):
            if item["sk"]["S"] == "N":
                owner = item["app"]["S"]
            elif leg is None or int(item["expires"]["N"]) > leg.expires:
                leg = self._leg(item)
        return owner, leg

    def replace(self, binding: Binding) -> bool:
        """See the port. 6 write units to extend, 8 to release."""
        changes = _times(binding) | {"version": n(binding.version)}
        leg_changes = _leg_times(binding) | {"updated": n(binding.updated)}
        removed = ""
        if binding.ended is None:
            changes |= {"due_at": n(binding.expires), "extensions": s(" ".join(binding.extensions))}
        else:
            changes["ended"] = n(binding.ended)
            leg_changes["released"] = {"BOOL": True}
            removed = " REMOVE due_shard, due_at"
        before = {":before": n(binding.version - 1)}
        writes = [_update(_binding_key(binding.handle), changes, _UNCHANGED, before, removed)]
        for person in (binding.a, binding.b):
            leg_key = _leg_key(
                binding.number, self._vault().person(person.digits, binding.key_version)
            )
            writes.append(_update(leg_key, leg_changes, _OURS, {":binding": s(binding.id)}))
        if binding.ended is not None:
            writes.append(_quota(binding.app, binding.quota_shard, -1))
        return self._table.transact(writes) is None

    def quota_used(self, app: str) -> Mapping[int, int]:
        """See the port."""
        counters = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(f"Q#{app}")},
            ConsistentRead=True,
        )
        return {int(item["sk"]["S"]): int(item["live"]["N"]) for item in counters}

    def overdue(self, *, now: int) -> Iterator[Overdue]:
        """See the port. Costs what is due, not what exists."""
        for shard in range(DUE_SHARDS):
            entries = self._table.query(
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues={":shard": s(_due_shard(shard)), ":now": n(now)},
            )
            for entry in entries:
                yield Overdue(
                    handle=entry["pk"]["S"].removeprefix("B#"),
                    app=entry["app"]["S"],
                    quota_shard=int(entry["quota_shard"]["N"]),
                )

    def archive(self, batch: Sequence[Overdue], *, now: int) -> int:
        """See the port. One transaction, halved when somebody else was quicker with a part."""
        counted = Counter((each.app, each.quota_shard) for each in batch)
        writes: list[Item] = [_settled(each, now=now) for each in batch]
        writes += [_quota(app, shard, -count) for (app, shard), count in counted.items()]
        if self._table.transact(writes) is None:
            return len(batch)
        if len(batch) == 1:
            return 0
        half = len(batch) // 2
        return self.archive(batch[:half], now=now) + self.archive(batch[half:], now=now)

    def _binding(self, item: Item) -> Binding:
        a, b, user_data = self._people(item, binding=item["id"]["S"])
        return Binding(
            id=item["id"]["S"],
            handle=item["pk"]["S"].removeprefix("B#"),
            app=item["app"]["S"],
            carrier=item["carrier"]["S"],
            number=item["number"]["S"],
            a=a,
            b=b,
            record=item["record"]["BOOL"],
            user_data=user_data,
            created=int(item["created"]["N"]),
            updated=int(item["updated"]["N"]),
            expires=int(item["expires"]["N"]),
            cooling_ms=int(item["cooling"]["N"]),
            retention_ms=int(item["retention"]["N"]),
            max_call_s=int(item["max_call"]["N"]),
            quota_shard=int(item["quota_shard"]["N"]),
            request=item["request"]["S"],
            content=item["content"]["S"],
            ended=int(item["ended"]["N"]) if "ended" in item else None,
            archived="ended" not in item and "due_at" not in item,
            extensions=tuple(item["extensions"]["S"].split()) if "extensions" in item else (),
            version=int(item["version"]["N"]),
            key_version=int(item["key_version"]["N"]),
        )

    def _leg(self, item: Item) -> Leg:
        a, b, _ = self._people(item, binding=item["binding"]["S"])
        return Leg(
            binding=item["binding"]["S"],
            app=item["app"]["S"],
            number=item["pk"]["S"].removeprefix("X#"),
            role="a" if item["role"]["S"] == "a" else "b",
            a=a,
            b=b,
            record=item["record"]["BOOL"],
            expires=int(item["expires"]["N"]),
            free_at=int(item["free_at"]["N"]),
            released="released" in item,
            max_call_s=int(item["max_call"]["N"]),
        )

    def _info(self, item: Item) -> BindingInfo:
        a, b, user_data = self._people(item, binding=item["binding"]["S"])
        return BindingInfo(
            id=item["binding"]["S"],
            number=item["pk"]["S"].removeprefix("X#"),
            a=a,
            b=b,
            record=item["record"]["BOOL"],
            user_data=user_data,
            created=int(item["created"]["N"]),
            updated=int(item["updated"]["N"]),
            expires=int(item["expires"]["N"]),
        )

    def _people(self, item: Item, *, binding: str) -> tuple[Subscriber, Subscriber, str]:
        a, b, user_data = self._vault().open(item["sealed"]["B"], binding).split("|", 2)
        return Subscriber(a), Subscriber(b), user_data


def number_key(number: str) -> Item:
    """Where it is written to whom X belongs."""
    return key(f"X#{number}", "N")


def _binding_key(handle: str) -> Item:
    return key(f"B#{handle}", "B")


def _leg_key(number: str, person: str) -> Item:
    return key(f"X#{number}", f"L#{person}")


def _due_shard(shard: int) -> str:
    return f"expiry#{shard}"


def _times(binding: Binding) -> Item:
    return {
        "updated": n(binding.updated),
        "expires": n(binding.expires),
        "ttl": n((binding.expires + binding.retention_ms) // 1000),
    }


def _leg_times(binding: Binding) -> Item:
    free_at = binding.expires + binding.cooling_ms
    return {
        "expires": n(binding.expires),
        "free_at": n(free_at),
        "ttl": n((free_at + DAY_MS) // 1000),
    }


def _binding_item(binding: Binding, sealed: Item, key_version: int) -> Item:
    return (
        _binding_key(binding.handle)
        | _times(binding)
        | {
            "id": s(binding.id),
            "app": s(binding.app),
            "carrier": s(binding.carrier),
            "number": s(binding.number),
            "sealed": sealed,
            "record": {"BOOL": binding.record},
            "created": n(binding.created),
            "cooling": n(binding.cooling_ms),
            "retention": n(binding.retention_ms),
            "max_call": n(binding.max_call_s),
            "quota_shard": n(binding.quota_shard),
            "request": s(binding.request),
            "content": s(binding.content),
            "version": n(binding.version),
            "key_version": n(key_version),
            "due_shard": s(_due_shard(int(binding.handle) % DUE_SHARDS)),
            "due_at": n(binding.expires),
        }
    )


def _leg_item(binding: Binding, role: Role, sealed: Item, pair: str, vault: Vault) -> Item:
    caller = binding.a if role == "a" else binding.b
    return (
        _leg_key(binding.number, vault.person(caller.digits))
        | _leg_times(binding)
        | {
            "binding": s(binding.id),
            "app": s(binding.app),
            "role": s(role),
            "pair": s(pair),
            "sealed": sealed,
            "record": {"BOOL": binding.record},
            "created": n(binding.created),
            "updated": n(binding.updated),
            "max_call": n(binding.max_call_s),
        }
    )


def _seal(vault: Vault, binding: Binding) -> Item:
    people = f"{binding.a.digits}|{binding.b.digits}|{binding.user_data}"
    return {"B": vault.seal(people, binding.id)}


def _held(leg: Item, *, pair: str, now: int) -> str | None:
    """What a leg that stands there says to this pair; the mirror image of _LEG_FREE."""
    same_pair = leg["pair"]["S"] == pair
    if int(leg["expires"]["N"]) > now:
        return "bound" if same_pair else "taken"
    if int(leg["free_at"]["N"]) > now and not same_pair:
        return "cooling"
    return None


def _put(item: Item, condition: str, values: Item | None = None) -> Item:
    put: Item = {
        "Item": item,
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return {"Put": put | ({"ExpressionAttributeValues": values} if values else {})}


def _check(item_key: Item, condition: str, values: Item) -> Item:
    return {
        "ConditionCheck": {
            "Key": item_key,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _update(item_key: Item, changes: Item, condition: str, values: Item, removed: str = "") -> Item:
    assigned = ", ".join(f"#{name} = :new_{name}" for name in changes)
    return {
        "Update": {
            "Key": item_key,
            "UpdateExpression": f"SET {assigned}{removed}",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in changes},
            "ExpressionAttributeValues": values
            | {f":new_{name}": value for name, value in changes.items()},
        }
    }


def _settled(overdue: Overdue, *, now: int) -> Item:
    return {
        "Update": {
            "Key": _binding_key(overdue.handle),
            # The version moves on, so that a release that read it before can't count it off twice.
            "UpdateExpression": "REMOVE due_shard, due_at ADD version :one",
            "ConditionExpression": _OVERDUE,
            "ExpressionAttributeValues": {":one": n(1), ":now": n(now)},
        }
    }


def _quota(app: str, shard: int, change: int, *, limit: int | None = None) -> Item:
    update: Item = {
        "Key": key(f"Q#{app}", str(shard)),
        "UpdateExpression": "ADD live :change",
        "ExpressionAttributeValues": {":change": n(change)},
    }
    if limit is not None:
        update["ConditionExpression"] = _QUOTA_ROOM
        update["ExpressionAttributeValues"][":limit"] = n(limit)
    return {"Update": update}
