"""Bindings and legs as items of the table: keys, attributes, and back again."""

from dataclasses import dataclass

from chalicelib.core.bindings.lease import CarrierLease, Operation, Unsettled
from chalicelib.core.bindings.model import PLAIN, Binding, BindingInfo, Presentation, Role, State
from chalicelib.core.bindings.routes import Route
from chalicelib.core.durations import DAY_MS
from chalicelib.core.numbers import canonical
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, key, n, s

DUE_SHARDS = 8
"""Over how many partitions of the due index each kind of entry is spread."""

ROLES: tuple[Role, Role] = ("a", "b")
EVERYBODY = "*"
"""Stands for whoever calls, where a person's keyed hash stands for one."""


def owners_key(number: str, encryption: FieldEncryption) -> Item:
    """Where it is written to whom X belongs, however X is spelled: by digest, as callers are looked
    for there too."""
    return key(f"O#{encryption.label('number', canonical(number))}", "N")


def binding_key(handle: str) -> Item:
    """Where a binding stands."""
    return key(f"B#{handle}", "B")


def route_key(number: str, person: str) -> Item:
    """Where the leg of a person (its keyed hash) on an X stands."""
    return key(f"X#{number}", f"L#{person}")


def account_key(app: str) -> Item:
    """Where it is written what an app has to spend."""
    return key(f"A#{app}", "A")


def caller_of(
    encryption: FieldEncryption, person: Subscriber | None, version: int | None = None
) -> str:
    """What stands for a caller in the key of a leg."""
    return encryption.person(person.digits, version) if person is not None else EVERYBODY


def pair_of(encryption: FieldEncryption, a: Subscriber, b: Subscriber | None) -> str:
    """What stands for the two that a binding is about."""
    return encryption.pair(a.digits, b.digits if b is not None else EVERYBODY)


def due_shards(kind: str) -> str:
    """How the partitions of the due index begin that list expiries, leases or open operations."""
    return f"{kind}#"


def due_shard(kind: str, shard: int) -> str:
    """One of them."""
    return f"{due_shards(kind)}{shard}"


def due(binding: Binding) -> Item:
    """The entry in the due index: when its carrier has to be asked, or else when it runs out; none
    once nothing is left to do."""
    lease = binding.lease
    if lease is not None and lease.check_at is not None:
        kind, at = "pending" if lease.operations else "lease", lease.check_at
    elif binding.over:
        return {}
    else:
        kind, at = "expiry", binding.expires
    shard = due_shard(kind, int(binding.handle) % DUE_SHARDS)
    entry = {"due_shard": s(shard), "due_at": n(at)}
    if binding.state is State.BOUND and lease is not None and lease.until < binding.expires:
        # Otherwise the carrier keeps it for longer than its app wants: it is to be ended there.
        entry["lapses_at"] = n(lease.until)
    return entry


def read_unsettled(entry: Item) -> Unsettled:
    """An entry of the due index as the schedules want it."""
    # One that lacks these is nobody's, and fails by itself when it is claimed.
    binding_id, carrier = (entry.get(name, s(""))["S"] for name in ("id", "carrier"))
    return Unsettled(
        handle=entry["pk"]["S"].removeprefix("B#"),
        id=binding_id,
        carrier=carrier,
        due_at=int(entry["due_at"]["N"]),
        lapses_at=int(entry["lapses_at"]["N"]) if "lapses_at" in entry else None,
    )


def at_carrier(binding: Binding) -> Item:
    """What is known of it at the carrier that keeps it; empty where we keep it ourselves."""
    lease = binding.lease
    if lease is None:
        return {}
    known = {"until": n(lease.until), "at_most": n(lease.at_most)}
    if lease.id is not None:
        known["id"] = s(lease.id)
    if lease.operations:
        known["operations"] = {"L": [s(_written(each)) for each in lease.operations]}
    return {"lease": {"M": known}}


def _written(operation: Operation) -> str:
    times = (operation.since, operation.first, operation.lease_ms)
    return " ".join(map(str, (operation.id, operation.kind, *times, operation.request)))


def _read_operation(text: str) -> Operation:
    id_, kind, since, first, lease_ms, request = text.split(" ")
    return Operation(id_, kind, int(since), int(first), int(lease_ms), request)  # type: ignore[arg-type]


def _read_lease(item: Item) -> CarrierLease | None:
    if "lease" not in item:
        return None
    known = item["lease"]["M"]
    asked = item["due_shard"]["S"].partition("#")[0] != "expiry" if "due_shard" in item else False
    return CarrierLease(
        id=known["id"]["S"] if "id" in known else None,
        until=int(known["until"]["N"]),
        at_most=int(known["at_most"]["N"]),
        operations=tuple(
            _read_operation(each["S"]) for each in known.get("operations", {"L": []})["L"]
        ),
        check_at=int(item["due_at"]["N"]) if asked else None,
    )


def times(binding: Binding) -> Item:
    """What changes of a binding when it is made longer or ends. It has no TTL while its carrier has
    still to be asked: it could not be ended there, nor its quota be given back, without it."""
    at = {"updated": n(binding.updated), "expires": n(binding.expires)}
    if binding.lease is not None and binding.lease.check_at is not None:
        return at
    return at | {"ttl": n((binding.expires + binding.retention_ms) // 1000)}


def route_state(binding: Binding) -> Item:
    """The same of its legs: when they stop routing, when they may lead elsewhere, whether they were
    released, and whether even the same two have to wait."""
    state = {
        "expires": n(binding.expires),
        "free_at": n(binding.reusable_at),
        "ttl": n((binding.reusable_at + DAY_MS) // 1000),
    }
    if binding.over:
        state["released"] = {"BOOL": True}
    if binding.blocks:
        state["busy"] = {"BOOL": True}
    if binding.state is State.BINDING:
        state["pending"] = {"BOOL": True}
    return state


def binding_item(binding: Binding, sealed: Item, key_version: int) -> Item:
    """The binding, with its entry in the due index."""
    return (
        binding_key(binding.handle)
        | times(binding)
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
            "state": s(binding.state),
            "version": n(binding.version),
            "key_version": n(key_version),
        }
        | due(binding)
        | at_carrier(binding)
        | presented(binding)
        | ({"price": n(binding.price)} if binding.price else {})
    )


def route_item(
    binding: Binding, role: Role, sealed: Item, pair: str, encryption: FieldEncryption
) -> Item:
    """One of its two legs."""
    caller = binding.a if role == "a" else binding.b
    return (
        route_key(binding.number, caller_of(encryption, caller))
        | route_state(binding)
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
        | presented(binding)
    )


def presented(binding: Binding) -> Item:
    """Who sees a real number; nothing where all is as usual. What people hear is sealed, with the
    people: an announcement's code may be any text."""
    how = binding.presentation
    return {} if how == PLAIN else {"presentation": s(f"{how.show_a:d}{how.show_b:d}")}


def seal(encryption: FieldEncryption, binding: Binding) -> Item:
    """A, B, what people hear and userData, readable only with the data key and the binding's id."""
    b, how = binding.b.digits if binding.b is not None else "", binding.presentation
    heard = (how.prompt_a, how.prompt_b, how.prompt_others, how.on_answer)
    texts = (binding.a.digits, b, *(() if how == PLAIN else heard), binding.user_data)
    return {"B": encryption.seal("|".join(texts), binding.id)}


def read_binding(item: Item, encryption: FieldEncryption) -> Binding:
    """The binding that an item is."""
    sealed = _read_sealed(item, encryption, binding=item["id"]["S"])
    return Binding(
        id=item["id"]["S"],
        handle=item["pk"]["S"].removeprefix("B#"),
        app=item["app"]["S"],
        carrier=item["carrier"]["S"],
        number=item["number"]["S"],
        a=sealed.a,
        b=sealed.b,
        record=item["record"]["BOOL"],
        user_data=sealed.user_data,
        created=int(item["created"]["N"]),
        updated=int(item["updated"]["N"]),
        expires=int(item["expires"]["N"]),
        cooling_ms=int(item["cooling"]["N"]),
        retention_ms=int(item["retention"]["N"]),
        max_call_s=int(item["max_call"]["N"]),
        quota_shard=int(item["quota_shard"]["N"]),
        request=item["request"]["S"],
        content=item["content"]["S"],
        state=State(item["state"]["S"]),
        extensions=tuple(item["extensions"]["S"].split()) if "extensions" in item else (),
        version=int(item["version"]["N"]),
        key_version=int(item["key_version"]["N"]),
        lease=_read_lease(item),
        presentation=sealed.presentation,
        price=int(item["price"]["N"]) if "price" in item else 0,
    )


def read_route(item: Item, encryption: FieldEncryption) -> Route:
    """The leg that an item is."""
    sealed = _read_sealed(item, encryption, binding=item["binding"]["S"])
    return Route(
        binding=item["binding"]["S"],
        app=item["app"]["S"],
        number=item["pk"]["S"].removeprefix("X#"),
        role="a" if item["role"]["S"] == "a" else "b",
        a=sealed.a,
        b=sealed.b,
        record=item["record"]["BOOL"],
        expires=int(item["expires"]["N"]),
        reusable_at=int(item["free_at"]["N"]),
        released="released" in item,
        max_call_s=int(item["max_call"]["N"]),
        presentation=sealed.presentation,
    )


def read_info(item: Item, encryption: FieldEncryption) -> BindingInfo:
    """What the a leg of a binding tells of it."""
    sealed = _read_sealed(item, encryption, binding=item["binding"]["S"])
    return BindingInfo(
        id=item["binding"]["S"],
        number=item["pk"]["S"].removeprefix("X#"),
        a=sealed.a,
        b=sealed.b,
        record=item["record"]["BOOL"],
        user_data=sealed.user_data,
        created=int(item["created"]["N"]),
        updated=int(item["updated"]["N"]),
        expires=int(item["expires"]["N"]),
    )


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What is sealed of a binding, and who sees a real number."""

    a: Subscriber
    b: Subscriber | None
    user_data: str
    presentation: Presentation


def _read_sealed(item: Item, encryption: FieldEncryption, *, binding: str) -> _Sealed:
    a, b, rest = encryption.open(item["sealed"]["B"], binding).split("|", 2)
    how = PLAIN
    if "presentation" in item:
        show_a, show_b = (flag == "1" for flag in item["presentation"]["S"])
        *heard, rest = rest.split("|", 4)
        how = Presentation(show_a, show_b, *heard)
    return _Sealed(Subscriber(a), Subscriber(b) if b else None, rest, how)
