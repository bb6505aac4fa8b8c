"""The writes of which the transactions over a binding are made."""

from collections.abc import Sequence

from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import NEVER
from chalicelib.store import conditions
from chalicelib.store.bindings.items import Sealed, binding_state, caller_of, route_state
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import binding_key, reference_key, route_key
from chalicelib.store.table import Item, check, n, put, s, update


def changed(before: Binding, after: Binding, sealed: Sealed | None) -> Item:
    """Writes a binding over what it was, if it is still that; `sealed` if that changes too."""
    was, state = binding_state(before), binding_state(after)
    state |= sealed.binding if sealed is not None else {}
    changes = {name: value for name, value in state.items() if was.get(name) != value}
    gone = [name for name in was if name not in state]
    return update(
        binding_key(after.handle), changes, conditions.UNCHANGED, unchanged(before), removed=gone
    )


def changed_routes(
    before: Binding, after: Binding, sealed: Sealed | None, encryption: FieldEncryption
) -> list[Item]:
    """The writes of its routes and of the entry of its reference, if these change."""
    were, state = route_state(before), route_state(after)
    if sealed is not None:
        state["sealed"] = sealed.route
    elif were == state:
        return []
    state["updated"] = n(after.updated)
    writes = [
        changed_route(route, after.id, were, state) for route in route_keys(after, encryption)
    ]
    if after.reference and after.expires > before.expires:
        # It is kept for as long as the binding.
        ours = {":binding": s(after.id)}
        writes.append(put(reference_item(after, encryption), conditions.OURS, ours))
    return writes


def changed_route(route: Item, binding_id: str, were: Item, state: Item) -> Item:
    """Writes one route of a binding, if it is still that binding's."""
    removed = [name for name in were if name not in state]
    if "pending" in removed:
        removed.append("reusable_before")
    return update(route, state, conditions.OURS, {":binding": s(binding_id)}, removed=removed)


def also_free(number: str, callers: Sequence[str], free: Item) -> list[Item]:
    """While a data key is being replaced, a route under another version counts as well."""
    return [check(route_key(number, each), conditions.ROUTE_FREE, free) for each in callers]


def reference_item(binding: Binding, encryption: FieldEncryption) -> Item:
    """Says which binding has the reference; kept for as long as that."""
    entry = reference_key(binding.app, binding.reference, encryption)
    kept = {"ttl": n((binding.expires + binding.retention_ms) // 1000)}
    return entry | {"binding": s(binding.id)} | (kept if binding.expires < NEVER else {})


def route_keys(binding: Binding, encryption: FieldEncryption) -> list[Item]:
    """Where the routes of a stored binding stand."""
    return [
        route_key(binding.number, caller_of(encryption, person, binding.key_version))
        for person in (binding.a, binding.b)
    ]


def unchanged(binding: Binding) -> Item:
    """The values of conditions.UNCHANGED."""
    return {":id": s(binding.id), ":before": n(binding.version)}


def needs_routes(before: Binding, after: Binding) -> bool:
    """Whether this change is only possible while its routes are its own: they lead somewhere from
    now on, or for longer, or stay reserved while its carrier is asked for more, or asked to end it
    by its X."""
    leads = before.state is State.BINDING and after.state is State.BOUND
    asks = _asked(after) > _asked(before) and after.reusable_at > before.reusable_at
    ends_by_x = after.b is None and after.state is State.ENDING
    return leads or asks or ends_by_x or after.expires > before.expires


def _asked(binding: Binding) -> int:
    return len(binding.lease.asked) if binding.lease is not None else 0
