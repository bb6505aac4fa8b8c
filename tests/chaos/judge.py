"""Compares what is there with what the clients were told, and the vendors with us."""

import random
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress

from chalicelib.core.bindings.lease import CARRIER_SLACK_MS
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import StoreUnavailable
from chalicelib.services.bindings.clean_expired import LATER_MS
from simulator.seed import CARRIER
from tests.chaos.clients import phone
from tests.chaos.model import Case, Model, Violation, now_ms
from tests.chaos.stack import COOLING_S
from tests.chaos.world import Entry, Seen, national, reached, stored

OVERDUE_MS = 150_000
"""What is due is done by the next run of a schedule, or by the one after that."""
STRANGER = "10099999999"
SAMPLE = 6
WATCH_S = 2.0


def judged(model: Model, seen: Seen) -> Iterator[Violation]:
    """Everything that is wrong at this moment, when no client asks for anything any more."""
    made, live = seen.by_request(), seen.live_entries()
    for case in model.cases():
        yield from _kept_word(case, made.get(case.request, []), live, seen)
    for binding in seen.bindings.values():
        yield from _agreed(binding, live.get(binding.id, []), seen)
    for entry in (each for found in live.values() for each in found):
        yield from _ours(entry, seen)
    yield from _crossed(seen)
    yield from _left(seen)


def _kept_word(
    case: Case, made: list[Binding], live: dict[str, list[Entry]], seen: Seen
) -> Iterator[Violation]:
    if len(made) > 1:
        what = f"it made the bindings {sorted(each.id for each in made)}"
        yield Violation("one request, one binding", what, case.request)
    if case.acked_at is None or len(case.ids) > 1:
        return
    binding = seen.bindings.get(case.id)
    if case.stands(since=seen.at, until=seen.at):
        if binding is None or binding.state is not State.BOUND or not binding.live(seen.at):
            state = binding.state if binding is not None else "missing"
            what = f"it was acknowledged and is {state}"
            yield Violation("nothing acknowledged is missing", what, case.request, case.id)
        elif not _as_asked(case, binding):
            what = "X, the people or the time are not those that were acknowledged"
            yield Violation("as acknowledged", what, case.request, case.id)
    elif case.is_over(since=seen.at):
        if binding is not None and binding.live(seen.at):
            what = "it has ended or run out, and routes"
            yield Violation("what is over does not route", what, case.request, case.id)
        if case.ended_at is not None and live.get(case.id):
            what = f"its end was acknowledged, and {live[case.id][0].vendor} connects it"
            yield Violation("what is over is gone at the vendor", what, case.request, case.id)


def _as_asked(case: Case, binding: Binding) -> bool:
    people = [national(each.digits) for each in (binding.a, binding.b) if each is not None]
    asked = [phone(case.app, each) for each in (case.a, case.b) if each is not None]
    in_time = case.soonest_end <= binding.expires <= case.latest_end
    return (
        people == asked
        and national(binding.number) == national(case.x or "")
        and (case.life_s is None or in_time)
    )


def _agreed(binding: Binding, there: list[Entry], seen: Seen) -> Iterator[Violation]:
    """Of every binding that stands here, also one that nobody was told of."""
    request = binding.user_data
    if binding.state in (State.BINDING, State.ENDING):
        what = f"it is {binding.state}"
        yield Violation("nothing stays pending", what, request, binding.id)
    elif binding.lease is not None and binding.lease.operations:
        kinds = sorted(each.kind for each in binding.lease.operations)
        yield Violation("nothing stays pending", f"{kinds} are open", request, binding.id)
    if binding.carrier == CARRIER or binding.state is not State.BOUND:
        return
    if binding.expires > seen.at + MINUTE_MS and len(there) != 1:
        what = f"its vendor has it {len(there)} times"
        yield Violation("once in the vendor's book", what, request, binding.id)


def _ours(entry: Entry, seen: Seen) -> Iterator[Violation]:
    binding = seen.bindings.get(entry.ours)
    request = binding.user_data if binding is not None else None
    if binding is None:
        what = f"{entry.vendor} connects what we do not know"
        yield Violation("the vendors agree", what, request, entry.ours)
        return
    people = {national(each.digits) for each in (binding.a, binding.b) if each is not None}
    theirs = {each for each in (entry.a, entry.b) if each is not None}
    if (people, national(binding.number)) != (theirs, entry.x):
        what = f"{entry.vendor} connects other people with it, or over another X"
        yield Violation("the vendors agree", what, request, entry.ours)
    if binding.over or seen.at > binding.expires + CARRIER_SLACK_MS:
        what = f"{entry.vendor} connects it, and it is over here"
        yield Violation("the vendors agree", what, request, entry.ours)


def _crossed(seen: Seen) -> Iterator[Violation]:
    ours: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for binding in seen.bindings.values():
        if binding.state is State.BOUND and binding.live(seen.at):
            a = binding.a.digits
            pairs = [(a, binding.b.digits), (binding.b.digits, a)] if binding.b else [("all", a)]
            for caller, peer in pairs:
                ours[binding.app, binding.number, caller].add(peer)
    for (_, x, _), peers in ours.items():
        if len(peers) > 1:
            yield Violation("no call crosses", f"a caller of {x} reaches {len(peers)} people here")


def crossed_at_vendors(entries: Iterable[Entry]) -> Iterator[Violation]:
    """Whether an X of theirs ever led a caller to somebody else before it had cooled."""
    reaches: dict[tuple[str, str, str], list[tuple[Entry, str]]] = defaultdict(list)
    for entry in entries:
        for caller, peer in entry.peers():
            reaches[entry.vendor, entry.x, caller].append((entry, peer))
    for (vendor, x, _), met in reaches.items():
        met.sort(key=lambda each: each[0].created)
        last: dict[str, tuple[float, str]] = {}
        for entry, peer in met:
            for other, (until, id_) in last.items():
                gap_s = (entry.created - until) / 1000
                if other != peer and gap_s < COOLING_S - 1:
                    what = f"{vendor}'s {x} led a caller to two people, {gap_s:.0f} s apart"
                    what += f"; the one before was {id_}"
                    yield Violation("no call crosses", what, None, entry.ours)
            before = last.get(peer, (0.0, ""))
            last[peer] = max(before, (entry.until, entry.ours))


def _left(seen: Seen) -> Iterator[Violation]:
    for x, binding_id, until in seen.waiting:
        if until > seen.at:
            what = f"a route of {x} is reserved"
            yield Violation("nothing stays pending", what, None, binding_id)
    for binding_id, kind, due_at in seen.due:
        due = due_at + (LATER_MS if kind == "expiry" else 0)
        if due + OVERDUE_MS < seen.at:
            what = f"it is due ({kind}) and nobody sees to it"
            binding = seen.bindings[binding_id]
            yield Violation("nothing stays due", what, binding.user_data, binding_id)
    counted = seen.counted()
    for app in sorted(counted.keys() | seen.quota.keys()):
        if counted[app] != seen.quota.get(app, 0):
            what = f"{app}: counted {seen.quota.get(app, 0)}, there are {counted[app]}"
            yield Violation("the quota counts what lives", what)


def routed(case: Case) -> Iterator[Violation]:
    """Whether our routes lead where the clients were told, or nowhere any more."""
    if case.acked_at is None or case.x is None or len(case.ids) > 1:
        return
    a = phone(case.app, case.a)
    b = phone(case.app, case.b) if case.b is not None else None
    # An XA's A himself reaches nobody.
    calls = [(a, b), (b, a)] if b is not None else [(STRANGER, a)]
    for caller, peer in calls:
        since = now_ms()
        way = reached(case.app, case.x, caller)
        until = now_ms()
        if case.stands(since=since, until=until) and way != (case.id, peer):
            what = f"a call over {case.x} reaches {'somebody else' if way else 'nobody'}"
            yield Violation("routed", what, case.request, case.id)
        if case.is_over(since=since) and way is not None and way[0] == case.id:
            what = f"a call over {case.x} is connected by it"
            yield Violation("what is over does not route", what, case.request, case.id)


def known(case: Case) -> Iterator[Violation]:
    """Whether what stands is to be found by its id."""
    since = now_ms()
    binding = stored(case.id)
    lives = binding is not None and binding.live(since)
    if not lives and case.stands(since=since, until=now_ms()):
        yield Violation("queryable", "it is not found by its id", case.request, case.id)


def watch(model: Model, over: threading.Event, *, seed: int) -> None:
    """Looks at some of the bindings again and again while all goes on."""
    chance = random.Random(f"watch {seed}")
    while not over.wait(WATCH_S):
        acked = [each for each in model.cases() if each.acked_at is not None and len(each.ids) == 1]
        for case in chance.sample(acked, min(SAMPLE, len(acked))):
            # The stand-in may be too busy to answer in time.
            with suppress(StoreUnavailable):
                for violation in (*routed(case), *known(case)):
                    model.broken(violation)
                model.count("looks")


def longest_gap_s(model: Model, entries: Iterable[Entry], *, until: int) -> float:
    """For how long at most a vendor lacked what was acknowledged and not ended (seconds)."""
    by_id: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_id[entry.ours].append(entry)
    longest = 0.0
    for case in model.cases():
        there = by_id.get(case.id, []) if case.acked_at is not None and len(case.ids) == 1 else []
        if not there or case.acked_at is None:
            continue
        end = min(until, case.soonest_end, case.ending_at or until)
        covered = sorted((each.created, each.until) for each in there)
        reach, moments = float(case.acked_at), []
        for created, ended in covered:
            moments.append((reach, min(created, end)))
            reach = max(reach, ended)
        moments.append((reach, end))
        longest = max([longest, *((later - sooner) / 1000 for sooner, later in moments)])
    return longest
