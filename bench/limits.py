"""What may not be exceeded, and whether it was."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.allocation import Allocation
from bench.line import RENEWAL, RENEWED
from bench.many import ManyApps
from bench.operations import Measured


@dataclass(frozen=True)
class Most:
    """The most that an operation may take of each; what is None is shown only."""

    round_trips: int
    write: int | None = None
    index: int | None = None
    carrier: int | None = None


BIND = Most(1, write=8, index=2)
"""Index: the work that is due, and the list of the app's bindings."""
STORE = Most(2, write=2, index=6, carrier=0)
"""One write of the call's item (a first event has up to 2 KB) and one message. A first event's
entries: due, day, binding, X, caller, callee."""
OPERATIONS: Mapping[str, Most] = {
    "bind": BIND,
    "bind, largest request": BIND,
    "query by X": Most(1),
    "query by bindId": Most(1),
    "route, connect": Most(1),
    "unbind": Most(2),
    # Nobody is told: no message. The call's first event has its entries (as in STORE); the first
    # one that names a binding reads of whom and over which X that is.
    "store the start of a call": Most(2, write=2, index=6),
    # The event and its message; whose it is and whether it came before costs no read. When the
    # call is due changes (2).
    "store an event": Most(2, write=3, index=2),
    # The call, the binding and the receiver's health at once; how far the event is.
    "deliver an event": Most(2, write=3, index=1),
    # The same, and a message for the next attempt.
    "deliver an event, refused": Most(3, write=3, index=2),
    # A query and the calls themselves; the work index's shards and the blocks of numbers.
    "records of an X, 3": Most(2, write=0, index=0),
    "follow up, nothing due": Most(9, write=0, index=0),
    # The first that names its binding.
    "store a callback": Most(3, write=2, index=6, carrier=0),
    "store a callback, interline": STORE,
    # Whose X it is, once for each X and CACHE_S.
    "store a callback, the first about its X": Most(4, write=2, index=6, carrier=0),
    # What is known of the call; the call and the account at once.
    "store an event, charged": Most(3, write=6, index=6),
    "store a callback, charged": Most(3, write=6, index=6, carrier=0),
    # The same writes as NetEase's bind: the request id is the binding's handle here too.
    "bind, interline": BIND,
    "bind a transfer": BIND,
    # The account as a fifth item (2), in the same transaction.
    "bind, paid for": Most(1, write=10, index=2),
    # Everybody's leg and the caller's come together.
    "route, connect by a transfer": Most(1, write=0, index=0),
    # Everybody's leg, the binding, and its release.
    "end a transfer": Most(3, write=8, index=3),
    "account status": Most(1, write=0, index=0),
    # What it asks is noted as any bind is (8), and what came of it (6). Before and after.
    "bind at a carrier": Most(2, write=14, index=4, carrier=1),
    # Read, what it asks noted (6), query and delay at the carrier, longer (6).
    "delay at a carrier": Most(3, write=12, index=4, carrier=2),
    # Read, longer (6): its lease is the schedule's to make longer, when it was due anyhow.
    "delay at a carrier, not yet told": Most(2, write=6, index=0, carrier=0),
    # Read, what it asks noted (1), released there, released here (8).
    "unbind at a carrier": Most(3, write=9, index=3, carrier=1),
    # As at any carrier; paid for in the first transaction (2).
    "bind at interline": Most(2, write=14, index=4, carrier=1),
    "bind at interline, paid for": Most(2, write=16, index=4, carrier=1),
    "unbind at interline": Most(3, write=9, index=3, carrier=1),
    # What is due (8 shards); of each: claimed (1), noted (1), bound once more and the first
    # released there, longer here (6). Each of the three moves its entry of the work index (2).
    RENEWAL: Most(8 + 3 * RENEWED, write=8 * RENEWED, index=6 * RENEWED, carrier=2 * RENEWED),
    # Our own API: the same bind; a reference is one more item (2).
    "bind, REST": BIND,
    "bind with a reference, REST": Most(1, write=10, index=2),
    # 4 KB of user data and 1 KB of prompts: the binding has 7 KB (14), its two routes 6 (12 each).
    "bind, largest request, REST": Most(1, write=42, index=2),
    # A page of the list, or the entry of the reference, and the bindings; by X one query more.
    "list 20 bindings, REST": Most(2, write=0, index=0),
    "list by reference, REST": Most(2, write=0, index=0),
    "list by number, REST": Most(2, write=0, index=0),
    "search a person, REST": Most(2, write=0, index=0),
    "get a binding, REST": Most(1, write=0, index=0),
    # The owners of the X, the answer that a switch gets, the binding that decides.
    "explain a call, REST": Most(3, write=0, index=0),
    # Read, and one transaction: the binding and its two routes; another B has a route, too.
    "extend, REST": Most(2, write=6, index=2),
    "change of B, REST": Most(2, write=8, index=0),
    # Read, released.
    "release, REST": Most(2, write=8, index=1),
    # How many bindings live on the quota's shards; what is live on X; the app itself is known.
    "account, REST": Most(1, write=0, index=0),
    "list numbers, REST": Most(0, write=0, index=0),
    "get a number, REST": Most(1, write=0, index=0),
    # The key, the list of the app's keys, and that there is an app: two units each.
    "make a key, REST": Most(1, write=6, index=0),
    "list keys, REST": Most(2, write=0, index=0),
    # What the app is set to, and under which version it signs.
    "get the endpoint, REST": Most(2, write=0, index=0),
    # The event, and that its hour has to be counted again.
    "store a late event": Most(2),
    # What is due, claimed (1), the calls by their index, the bindings, the count (1); its entry of
    # the work index is moved (2) and taken away (1). Here and below all apps, once in CACHE_S.
    "count an hour again, 20 calls": Most(7, write=2, index=3),
    # What is due, up to where was counted, what changed since, calls and bindings of an hour.
    "count usage, an app's turn, nothing used": Most(6, write=0, index=0),
    "count usage, nothing due": Most(2, write=0, index=0),
    "usage of a month, REST": Most(1, write=0, index=0),
    "get an event, REST": Most(1, write=0, index=0),
    # Today's calls, perhaps yesterday's, and what is stored of them.
    "list 10 events, REST": Most(4, write=0, index=0),
    # Whose account, claimed for its people (1), placed there, its session written to both (4).
    "startcall at a carrier": Most(3, write=5, index=0, carrier=1),
}
"""What the design says; every other operation's figures are shown only."""
# On Python 3.13, which makes boto3 a third faster than 3.11 and our handlers a quarter; on 3.11 all
# are below 1.5.
CPU_RATIO = 1.6
CARRIER_RATIO = 1.5
COLD_RATIO = 1.4
MANY_RATIO = 1.1
CPU_LIMITED = frozenset(
    {
        "bind",
        "unbind",
        "delay",
        "query by X",
        "query by bindId",
        "route, connect",
        "store an event",
        "store a callback",
        "bind, interline",
        "bind a transfer",
        "route, connect by a transfer",
        "end a transfer",
        "account status",
        "bind, REST",
        "bind with a reference, REST",
        "get a binding, REST",
        "list by number, REST",
        "search a person, REST",
        "explain a call, REST",
        "extend, REST",
        "change of B, REST",
        "release, REST",
    }
)
"""Usual paths; what a refusal or a repeat costs is shown only."""


@dataclass(frozen=True)
class Breach:
    """A limit that does not hold."""

    what: str
    measured: float
    limit: float

    def __str__(self) -> str:
        return f"{self.what}: {self.measured:g}, at most {self.limit:g} allowed"


def of_operations(measured: Iterable[Measured]) -> Iterator[Breach]:
    """Round trips, units of writes, and what a carrier is asked."""
    for each in measured:
        most = OPERATIONS.get(each.name)
        if most is None:
            continue
        checked = (
            ("AWS round trips", each.round_trips, most.round_trips),
            ("write units on the table", each.units.write, most.write),
            ("write units on indexes", each.units.index, most.index),
            ("requests to a carrier", each.carrier_requests, most.carrier),
        )
        yield from (
            Breach(f"{each.name}, {what}", found, limit)
            for what, found, limit in checked
            if limit is not None and found > limit
        )


def of_cpu(ratios: Mapping[str, float]) -> Iterator[Breach]:
    """CPU of the whole handler as a ratio to the bare calls."""
    for name, ratio in ratios.items():
        if name in CPU_LIMITED and ratio > CPU_RATIO:
            yield Breach(f"{name}, CPU as a ratio", round(ratio, 2), CPU_RATIO)


def of_carrier(ratios: Mapping[str, float]) -> Iterator[Breach]:
    """CPU of a call to a carrier as a ratio to requests alone."""
    for name, ratio in ratios.items():
        if ratio > CARRIER_RATIO:
            yield Breach(f"{name} at a carrier, CPU as a ratio", round(ratio, 2), CARRIER_RATIO)


def of_cold_start(ratio: float) -> Iterator[Breach]:
    """CPU of a cold start as a ratio."""
    if ratio > COLD_RATIO:
        yield Breach("cold start as a ratio", round(ratio, 2), COLD_RATIO)


def of_many(found: ManyApps) -> Iterator[Breach]:
    """A bind costs the same however many apps there are."""
    if found.ratio > MANY_RATIO:
        yield Breach("bind with many apps, as a ratio", round(found.ratio, 2), MANY_RATIO)
    if len(found.warm) > 1:
        yield Breach("bind with many apps, AWS calls when warm", len(found.warm), 1)


def of_allocation(measured: Iterable[Allocation]) -> Iterator[Breach]:
    """A number has to be found whenever there is one, and only then."""
    for each in measured:
        if not each.as_it_should_be:
            wanted = 0 if each.occupied == 100 else len(each.round_trips)
            yield Breach(f"numbers found at {each.occupied} % occupation", each.found, wanted)
