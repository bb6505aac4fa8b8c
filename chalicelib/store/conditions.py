"""The conditions that hold the invariants, and the writes that carry them."""

from chalicelib.core.bindings.model import Overdue, State
from chalicelib.store import work_index
from chalicelib.store.keys import account_key, binding_key
from chalicelib.store.table import Item, check, key, n, put, s, update

NEW = "attribute_not_exists(pk)"
UNCHANGED = "id = :id AND version = :before"
OURS = "binding = :binding"
# A binding about which its carrier has to be asked is not archived, however long ago it expired.
OVERDUE = "id = :id AND expires <= :before AND begins_with(due_shard, :expiry)"
# The balance is positive and covers the price.
PAID = "credit > :zero AND credit >= :price"
QUOTA_ROOM = "attribute_not_exists(live) OR live < :limit"
ROUTE_FREE = (
    # never used, or TTL collected it
    "attribute_not_exists(pk)"
    # cooled down: may lead to anybody
    " OR reusable_at <= :now"
    # ended, perhaps cooling: may lead to the same person as before, unless their XA still has to be
    # released at its carrier, which would release the next one
    " OR (pair = :pair AND attribute_not_exists(busy)"
    " AND (expires <= :now OR attribute_exists(released)))"
)


_LEFT_OVER = ("released", "busy")
"""What a route may still have from the binding before."""


def held_by(route: Item, *, pair: str, now: int) -> str | None:
    """Why this pair can't have a route (as in Refusal), or None: the opposite of ROUTE_FREE."""
    same_pair = route["pair"]["S"] == pair
    if routes(route, now=now):
        return "bound" if same_pair else "taken"
    if int(route["reusable_at"]["N"]) > now and not (same_pair and "busy" not in route):
        return "cooling"
    return None


def routes(route: Item, *, now: int) -> bool:
    """Whether a route leads somewhere, or is reserved to: one that was released does not, by any
    clock."""
    return "released" not in route and int(route["expires"]["N"]) > now


def reserve(route: Item, values: Item) -> Item:
    """Writes a route if ROUTE_FREE holds, and remembers when it would have been free without, for
    `give_back`."""
    attributes = {name: value for name, value in route.items() if name not in {"pk", "sk"}}
    assigned = ", ".join(f"#{name} = :new_{name}" for name in attributes)
    # Nothing of the binding before may stay that the new one does not have.
    removed = ", ".join(name for name in _LEFT_OVER if name not in attributes)
    return {
        "Update": {
            "Key": {"pk": route["pk"], "sk": route["sk"]},
            "UpdateExpression": f"SET {assigned},"
            f" reusable_before = if_not_exists(reusable_at, :never) REMOVE {removed}",
            "ConditionExpression": ROUTE_FREE,
            "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
            "ExpressionAttributeValues": values
            | {":never": n(0)}
            | {f":new_{name}": value for name, value in attributes.items()},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def give_back(route_key: Item, binding_id: str, *, now: int, reusable_at: int | None) -> Item:
    """Undoes `reserve`: the route is free when it would have been without, or at `reusable_at`."""
    freed = "reusable_before" if reusable_at is None else ":reusable_at"
    values = {":binding": s(binding_id), ":yes": {"BOOL": True}, ":now": n(now)}
    return {
        "Update": {
            "Key": route_key,
            "UpdateExpression": f"SET expires = :now, reusable_at = {freed}, released = :yes"
            " REMOVE pending, reusable_before, busy",
            "ConditionExpression": f"{OURS} AND attribute_exists(reusable_before)",
            "ExpressionAttributeValues": values
            | ({":reusable_at": n(reusable_at)} if reusable_at is not None else {}),
        }
    }


def archived(overdue: Overdue, *, before: int) -> Item:
    """Takes an expired binding off the work index, once."""
    values = {
        ":id": s(overdue.id),
        ":before": n(before),
        ":expiry": s(work_index.shards_of("expiry")),
    }
    return update(
        binding_key(overdue.handle),
        {"state": s(State.ARCHIVED)},
        OVERDUE,
        values,
        removed=work_index.ENTRY,
        # A new version: a release that has read the one before must not count it off twice.
        added={"version": n(1)},
    )


def refer(entry: Item, *, instead_of: str | None) -> Item:
    """Gives a reference to a binding: one that nobody has, or that the binding `instead_of` has,
    which is over."""
    if instead_of is None:
        return put(entry, NEW)
    return put(entry, f"{NEW} OR {OURS}", {":binding": s(instead_of)})


def quota(app: str, shard: int, change: int, *, limit: int | None = None) -> Item:
    """Counts bindings on a quota shard; with a limit only while there is room."""
    counter, counted = key(f"Q#{app}", str(shard)), {"live": n(change)}
    if limit is None:
        return update(counter, {}, added=counted)
    return update(counter, {}, QUOTA_ROOM, {":limit": n(limit)}, added=counted)


def pay(app: str, price: int, *, now: int) -> Item:
    """Takes a price off an app's account if that covers it. A price of 0 is only checked."""
    account, limits = account_key(app), {":zero": n(0), ":price": n(price)}
    if price == 0:
        return check(account, PAID, limits)
    return update(account, {"updated": n(now)}, PAID, limits, added={"credit": n(-price)})


def charge(app: str, amount: int, *, now: int) -> Item:
    """Takes an amount (millionths of a yuan) off an app's account, even below zero."""
    return update(account_key(app), {"updated": n(now)}, added={"credit": n(-amount)})
