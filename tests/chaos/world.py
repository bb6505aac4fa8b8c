"""What is really there: our table and the vendors' books, read past the gateway."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.core.bindings.call_decision import Connect
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.routing import Router
from chalicelib.stage_settings import settings
from chalicelib.store.bindings.items import read_binding
from chalicelib.wiring.gateway import gateway
from tests.chaos.stack import INTERLINE, NETEASE, Stack

COUNTED = (State.BINDING, State.BOUND, State.ENDING)
"""A binding of these stands in the quota."""
FOREVER = float("inf")
PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """What a vendor has, or had. Numbers as in China; times epoch ms, `until` when it ended or will
    run out."""

    vendor: str
    id: str
    ours: str
    x: str
    a: str
    b: str | None
    created: int
    until: float
    live: bool

    def peers(self) -> Iterator[tuple[str, str]]:
        """(Caller, who is reached); an XA's caller is everybody."""
        if self.b is None:
            yield "everybody", self.a
        else:
            yield from ((self.a, self.b), (self.b, self.a))


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at everything."""

    at: int
    bindings: dict[str, Binding]
    waiting: list[tuple[str, str, int]]
    """X and binding of routes that are reserved, and until when (epoch ms)."""
    due: list[tuple[str, str, int]]
    """Binding, kind and time (epoch ms) of the entries that the schedules will find."""
    quota: dict[str, int]
    entries: list[Entry]

    def by_request(self) -> dict[str, list[Binding]]:
        """What each request of a client has made; its id is in userData."""
        made: dict[str, list[Binding]] = defaultdict(list)
        for binding in self.bindings.values():
            made[binding.user_data].append(binding)
        return made

    def counted(self) -> Counter[str]:
        """Bindings of each app that its quota has to count."""
        return Counter(each.app for each in self.bindings.values() if each.state in COUNTED)

    def live_entries(self) -> dict[str, list[Entry]]:
        """By our id."""
        live: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            if entry.live:
                live[entry.ours].append(entry)
        return live


def look(stack: Stack, *, at: int) -> Seen:
    """Reads our table, then the vendors' books: what changes in between is seen differently the
    next time."""
    encryption = gateway().encryption()
    bindings: dict[str, Binding] = {}
    waiting: list[tuple[str, str, int]] = []
    due: list[tuple[str, str, int]] = []
    quota: Counter[str] = Counter()
    for item in _items():
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if pk.startswith("B#") and sk == "B":
            binding = read_binding(item, encryption)
            bindings[binding.id] = binding
            if "due_at" in item:
                kind = item["due_shard"]["S"].partition("#")[0]
                due.append((binding.id, kind, int(item["due_at"]["N"])))
        elif sk.startswith("L#") and "pending" in item:
            reserved = item["binding"]["S"], int(item["expires"]["N"])
            waiting.append((pk.removeprefix("X#"), *reserved))
        elif pk.startswith("Q#"):
            quota[pk.removeprefix("Q#")] += int(item["live"]["N"])
    return Seen(at, bindings, waiting, due, dict(quota), entries(stack))


def entries(stack: Stack) -> list[Entry]:
    """All that the vendors ever had."""
    netease = stack.control("GET", "/netease/bindings")
    interline = stack.control("GET", "/interline/bindings")
    return [*map(_of_netease, netease), *map(_of_interline, interline)]


def reached(app: str, number: str, caller: str) -> tuple[str, str] | None:
    """(Our id, who is reached) when this caller dials this X; both as in China."""
    ours = gateway()
    found = ours.apps.get(app)
    assert found is not None
    router = Router(ours.bindings)
    x = next(each for each in found.pool.numbers(None) if national(each) == national(number))
    by = Subscriber(f"86{caller}")
    way = router.route(x, by, carrier=found.carrier, now=ours.runtime.now_ms())
    return (way.route.binding, national(way.to.digits)) if isinstance(way, Connect) else None


def stored(binding: str) -> Binding | None:
    """A binding by its id."""
    return gateway().bindings.get(binding)


def national(number: str) -> str:
    """Without 86."""
    return number[2:] if number.startswith("86") and len(number) == 13 else number


def _items() -> Iterator[dict[str, Any]]:
    # The stand-in takes its time for a whole table, and lets nobody else in meanwhile.
    patient = boto3.client("dynamodb", config=Config(read_timeout=60))
    pages = patient.get_paginator("scan")
    table = settings().table_name
    for read in pages.paginate(
        TableName=table, ConsistentRead=True, PaginationConfig={"PageSize": PAGE}
    ):
        yield from read["Items"]


def _of_netease(told: dict[str, Any]) -> Entry:
    unbound = told["state"] == "unbound"
    return Entry(
        vendor=NETEASE,
        id=told["bindId"],
        ours=told["userData"],
        x=national(told["phoneX"]),
        a=national(told["phoneA"]),
        b=national(told["phoneB"]),
        created=told["createTime"],
        until=told["updateTime"] if unbound else told["expireTime"],
        live=told["state"] == "live",
    )


def _of_interline(told: dict[str, Any]) -> Entry:
    return Entry(
        vendor=INTERLINE,
        id=told["subid"],
        ours=told["userData"],
        x=told["x"],
        a=told["anum"],
        b=told["bnum"],
        created=told["created"],
        until=_ended(told),
        live=told["state"] == "live",
    )


def _ended(told: dict[str, Any]) -> float:
    if told.get("ended"):
        return float(told["ended"])
    return float(told["expires"]) if told["expires"] is not None else FOREVER
