"""Bindings and routes as items of the table, and back again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.core.bindings.call_routes import Route
from chalicelib.core.bindings.lease import CarrierLease, DueBinding
from chalicelib.core.bindings.model import (
    PLAIN,
    Binding,
    BindingInfo,
    Direction,
    Presentation,
    Revision,
    Role,
    State,
)
from chalicelib.core.durations import DAY_MS
from chalicelib.core.subscribers import Subscriber
from chalicelib.store import codec, work_index
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import ANYBODY, binding_key, route_key
from chalicelib.store.table import Item, n, s

_WRITTEN_ELSEWHERE = frozenset(
    {
        "handle",
        "created",
        "a",
        "b",
        "user_data",
        "presentation",
        "reference",
        "revisions",
        "key_version",
        "lease",
    }
)


def caller_of(encryption: FieldEncryption, person: Subscriber | None, version: int | None) -> str:
    """What stands for a caller in the key of a route, under this version of the data key."""
    return encryption.person(person.digits, version) if person is not None else ANYBODY


def callers_of(encryption: FieldEncryption, person: Subscriber | None) -> list[str]:
    """The same under every version that there is, the current one first."""
    return encryption.person_everywhere(person.digits) if person is not None else [ANYBODY]


def pair_of(encryption: FieldEncryption, a: Subscriber, b: Subscriber | None) -> str:
    """What stands for the two that a binding is about."""
    return encryption.pair(a.digits, b.digits if b is not None else ANYBODY)


def binding_item(binding: Binding, sealed: "Sealed") -> Item:
    """A binding that is stored for the first time. `made` (when it was created), which nothing else
    has, puts it into the index of its app's bindings."""
    made = {"made": n(binding.created)}
    return binding_key(binding.handle) | made | binding_state(binding) | sealed.binding


def binding_state(binding: Binding) -> Item:
    """The attributes of a binding except its key and what is sealed.

    It has no TTL while its carrier still has to be asked: without it, it could neither be released
    there nor be taken off the quota."""
    known = codec.write(binding, without=_WRITTEN_ELSEWHERE)
    lease = binding.lease
    if lease is not None:
        known["lease"] = {"M": codec.write(lease, without={"check_at"})}
    if lease is None or lease.check_at is None:
        known["ttl"] = n((binding.expires + binding.retention_ms) // 1000)
    return known | _due(binding)


def _due(binding: Binding) -> Item:
    """Its entry in the work index: when its carrier has to be asked, or else when it expires;
    nothing once nothing is left to do."""
    lease = binding.lease
    if lease is not None and lease.check_at is not None:
        work: work_index.Work = "pending" if lease.operations else "lease"
        entry = work_index.entry(work, binding.handle, at=lease.check_at)
    elif binding.over:
        return {}
    else:
        entry = work_index.entry("expiry", binding.handle, at=binding.expires)
    if binding.state is State.BOUND and lease is not None and lease.until < binding.expires:
        # Otherwise it has to be released at the carrier, which keeps it for longer than it lasts.
        entry["lapses_at"] = n(lease.until)
    return entry


def read_due_binding(entry: Item) -> DueBinding:
    """An entry of the work index as the schedules need it."""
    # An entry that lacks these fails when it is claimed.
    binding_id, carrier = (entry.get(name, s(""))["S"] for name in ("id", "carrier"))
    return DueBinding(
        handle=entry["pk"]["S"].removeprefix("B#"),
        id=binding_id,
        carrier=carrier,
        due_at=work_index.due_at(entry),
        lapses_at=int(entry["lapses_at"]["N"]) if "lapses_at" in entry else None,
    )


def route_items(
    binding: Binding, sealed: Item, *, pair: str, callers: Mapping[Role, str]
) -> list[Item]:
    """Its routes of these roles, each with what stands for the caller in its key."""
    shared = codec.attributes(
        {
            "binding": binding.id,
            "app": binding.app,
            "pair": pair,
            "created": binding.created,
            "updated": binding.updated,
        }
    )
    shared |= route_state(binding) | {"sealed": sealed}
    return [
        route_key(binding.number, caller) | shared | {"role": s(role)}
        for role, caller in callers.items()
    ]


def route_state(binding: Binding) -> Item:
    """What of its routes changes: until when they route, when they may lead to somebody else,
    whether they were released, whether even the same two have to wait, and how their calls are."""
    reusable_at = binding.reusable_at
    state: dict[str, int | bool | str] = {
        "expires": binding.expires,
        "reusable_at": reusable_at,
        "ttl": (reusable_at + DAY_MS) // 1000,
        "record": binding.record,
        "max_call_s": binding.max_call_s,
    }
    if binding.direction is not Direction.BOTH:
        state["direction"] = binding.direction
    marks = {
        "released": binding.over,
        "busy": binding.blocks,
        "pending": binding.state is State.BINDING,
    }
    return codec.attributes(state | {name: True for name, marked in marks.items() if marked})


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What is encrypted, with the binding's id as context: the people, what they see and hear (an
    announcement's code may be any text), and userData."""

    a: Subscriber
    b: Subscriber | None
    user_data: str
    presentation: Presentation = PLAIN


@dataclass(frozen=True, slots=True)
class _SealedApart:
    """What its routes need not have: the app's own name for it, and what it was before."""

    reference: str = ""
    revisions: tuple[Revision, ...] = ()


class Sealed(NamedTuple):
    """The attribute of a route, and the attributes of the binding."""

    route: Item
    binding: Item


def seal(encryption: FieldEncryption, binding: Binding) -> Sealed:
    """What is readable only with the data key: all of a binding under one version of it."""

    def sealed(text: str) -> Item:
        return {"B": encryption.seal(text, binding.id, binding.key_version)}

    people = _Sealed(binding.a, binding.b, binding.user_data, binding.presentation)
    route = sealed(codec.to_text(people, last="user_data"))
    apart = _SealedApart(binding.reference, binding.revisions)
    if apart == _SealedApart():
        return Sealed(route, {"sealed": route})
    return Sealed(route, {"sealed": route, "sealed_apart": sealed(codec.to_text(apart))})


def sealed_alike(one: Binding, other: Binding) -> bool:
    """Whether all that is sealed is the same."""
    names = ("a", "b", "user_data", "presentation", "reference", "revisions")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _opened(item: Item, encryption: FieldEncryption, *, binding: str) -> _Sealed:
    text = encryption.open(item["sealed"]["B"], binding)
    return codec.from_text(_Sealed, text, last="user_data")


def read_binding(item: Item, encryption: FieldEncryption) -> Binding:
    """Reads `binding_item`."""
    binding_id = item["id"]["S"]
    sealed, apart = _opened(item, encryption, binding=binding_id), _SealedApart()
    if "sealed_apart" in item:
        text = encryption.open(item["sealed_apart"]["B"], binding_id)
        apart = codec.from_text(_SealedApart, text)
    return codec.read(
        Binding,
        item,
        handle=item["pk"]["S"].removeprefix("B#"),
        created=int(item["made"]["N"]),
        a=sealed.a,
        b=sealed.b,
        user_data=sealed.user_data,
        presentation=sealed.presentation,
        reference=apart.reference,
        revisions=apart.revisions,
        key_version=encryption.version_of(item["sealed"]["B"]),
        lease=_read_lease(item),
    )


def _read_lease(item: Item) -> CarrierLease | None:
    if "lease" not in item:
        return None
    at_carrier = work_index.is_due_for(item, "lease", "pending")
    check_at = work_index.due_at(item) if at_carrier else None
    return codec.read(CarrierLease, item["lease"]["M"], check_at=check_at)


def read_route(item: Item, encryption: FieldEncryption) -> Route:
    """Reads one of `route_items`."""
    sealed = _opened(item, encryption, binding=item["binding"]["S"])
    return codec.read(
        Route,
        item,
        number=item["pk"]["S"].removeprefix("X#"),
        a=sealed.a,
        b=sealed.b,
        presentation=sealed.presentation,
    )


def read_info(item: Item, encryption: FieldEncryption) -> BindingInfo:
    """What an app may see of a binding, from A's route."""
    sealed = _opened(item, encryption, binding=item["binding"]["S"])
    return codec.read(
        BindingInfo,
        item,
        id=item["binding"]["S"],
        number=item["pk"]["S"].removeprefix("X#"),
        a=sealed.a,
        b=sealed.b,
        user_data=sealed.user_data,
    )
