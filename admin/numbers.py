"""X numbers as operators give them to apps, stop them and take them away."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from admin import checks, credentials
from admin.command import wait_until, written
from chalicelib.clock import now_ms
from chalicelib.core import numbers as numbering
from chalicelib.core.bindings.call_routes import NOTICE_MS, Owner
from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS
from chalicelib.store.keys import owners_key
from chalicelib.store.table import Item, Table, n, s
from chalicelib.store.tenants import apps
from chalicelib.wiring.gateway import gateway
from cli.failures import Mistake

AT_ONCE = 49
"""So many numbers are changed in one transaction, each with two writes, beside a check."""
NAMED = 10
"""So many numbers are named in a message."""


@dataclass(frozen=True, slots=True)
class Use:
    """How an X is used: routes that lead to somebody now, and the moment (epoch ms) from which on
    none does, nor cools: 0 if nobody was bound over it."""

    number: str
    area: str | None
    draining: int | None
    """Since when it gets no new bindings (epoch ms); None: it does."""
    routes: int
    until: int

    def free(self, now: int) -> bool:
        """Whether it may lead to somebody else."""
        return self.until <= now


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of one X: whose it was and is then, and what is written beside that."""

    number: str
    before: tuple[Owner, ...]
    after: tuple[Owner, ...]
    pool: Item
    undo: Item


def listed(app: str, *, after: str | None = None) -> Iterator[Use]:
    """The numbers of an app behind `after`, in order, each with its use: one query more a number.
    Raises Mistake."""
    items = _pool(app)
    for number in sorted(items):
        if after is None or number > after:
            yield _use(number, items[number])


def add(app: str, numbers: Iterable[tuple[str, str | None]]) -> int:
    """Gives X numbers (digits, area code or None) to an app, all of them or none; how many were
    new.

    One that the app has already is left alone, but gets new bindings again if it was draining.
    Raises Mistake that names each number of another app, that is just leaving one, that is or was
    bound over until lately, or that somebody has in another form, with 86 or without.
    """
    carrier, pool, changes, wrong = _carrier(app), _pool(app), [], []
    again: list[str] = []
    for number, area in dict(numbers).items():
        try:
            change = _given(app, carrier, number, area)
        except Mistake as mistake:
            wrong.append(str(mistake))
            continue
        if change is not None:
            changes.append(change)
        elif "draining" in pool.get(number, {}):
            again.append(number)
    _refuse(wrong)
    _write(app, changes)
    for number in again:
        _mark(app, number, "REMOVE draining", {})
    return len(changes)


def drain(app: str, numbers: Iterable[str] | None = None) -> list[Use]:
    """Stops new bindings over numbers of an app (all of them): those that there are go on, and may
    be made longer. Processes know of it within `CACHE_S`. How each is used now. Raises Mistake."""
    pool = _pool(app)
    wanted = list(dict.fromkeys(numbers)) if numbers is not None else sorted(pool)
    _refuse([_missing(app, each, pool) for each in wanted if each not in pool])
    now = now_ms()
    for number in wanted:
        _mark(app, number, "SET draining = if_not_exists(draining, :now)", {":now": n(now)})
    return [_use(number, pool[number] | {"draining": n(now)}) for number in wanted]


def remove(app: str, numbers: Iterable[str]) -> int:
    """Takes X numbers from an app, all of them or none; the latest moment (epoch ms) from which on
    they may be given to another one.

    Until then, some minutes, what carriers report of them is still told to this app. They have to
    be draining for NOTICE_MS: no process binds over them any more, so that nobody is bound between
    the look and the write. What was taken already, by a command that was broken off, is left alone.
    Raises Mistake that names each number that it has not, each that gets new bindings, and each
    over which somebody is bound, or was until lately, and until when.
    """
    pool, changes, wrong, gone = _pool(app), [], [], []
    for number in dict.fromkeys(numbers):
        now, before = now_ms(), _owners_of(number)
        if before and before[-1].app == app and before[-1].until is not None:
            gone.append(before[-1])
            continue
        if number not in pool or not before or not _has(before[-1], app, number):
            wrong.append(_missing(app, number, pool))
            continue
        use = _use(number, pool[number])
        if not use.free(now):
            wrong.append(in_use(use))
            continue
        if use.draining is None or use.draining > now - NOTICE_MS:
            wrong.append(_not_drained(use))
            continue
        leaves = apps.number_leaves(app, number, now=now)
        undo = {"Put": {"Item": pool[number]}}
        changes.append(_Change(number, before, apps.taken(before, now=now), leaves, undo))
    _refuse(wrong)
    _write(app, changes)
    left = [*gone, *(each.after[-1] for each in changes)]
    return max(map(given_from, left), default=now_ms())


def move(numbers: Sequence[str], *, source: str, to: str, wait: Callable[[int], None]) -> int:
    """Takes X numbers from one app and gives them to another, some minutes later: `wait` is told
    the moment (epoch ms) that is waited for. What had been taken already by a move that was broken
    off is only given. How many. Raises Mistake."""
    if source == to:
        raise Mistake(f"the app {source} has these numbers: name another one")
    entries, there = _entries(source), _pool(to)
    areas = {each: item["area"]["S"] if "area" in item else None for each, item in entries.items()}
    left = [number for number in numbers if number not in there]
    free = remove(source, left)
    wait_until(free, now=now_ms, say=wait)
    return add(to, [(number, areas.get(number)) for number in left])


def in_use(use: Use) -> str:
    """Why an X can't be taken away, and until when."""
    leads = f"leads to {use.routes} people" if use.routes else "is cooling"
    stopping = "" if use.draining is not None else "; stop new bindings with numbers-remove --drain"
    return f"number {use.number} {leads}, and is in use until {written(use.until)}{stopping}"


def _not_drained(use: Use) -> str:
    if use.draining is None:
        why = "gets new bindings: stop that with numbers-remove --drain, and take it away"
        return f"number {use.number} {why} {NOTICE_MS // MINUTE_MS} minutes later"
    at = written(use.draining + NOTICE_MS)
    return f"number {use.number} is draining, and not every process knows: take it from {at} on"


def given_from(owner: Owner) -> int:
    """From when on an X that leaves this owner may be given to another (epoch ms)."""
    return (owner.until or now_ms() + NOTICE_MS) + CLOCKS_APART_MS


def _missing(app: str, number: str, pool: Mapping[str, Item]) -> str:
    other = numbering.in_pool(number, pool)
    form = f", but {other}" if other not in (None, number) else ""
    return f"the app {app} has no number {number}{form}"


def _refuse(wrong: Sequence[str]) -> None:
    if not wrong:
        return
    more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    raise Mistake("; ".join(wrong[:NAMED]) + more + " (nothing was changed)")


def _carrier(app: str) -> str:
    profile = credentials.table().get(apps.profile_key(app))
    if profile is None:
        raise Mistake(f"no app {app}")
    return str(profile["carrier"]["S"])


def _pool(app: str) -> dict[str, Item]:
    """The entries of an app's numbers."""
    return {number: item for number, item in _entries(app).items() if "left" not in item}


def _entries(app: str) -> dict[str, Item]:
    """The same, with those that have left it lately."""
    _carrier(app)
    found = credentials.table().query(
        KeyConditionExpression="pk = :pk AND begins_with(sk, :number)",
        ExpressionAttributeValues={":pk": s(apps.app_pk(app)), ":number": s("NUMBER#")},
        ConsistentRead=True,
    )
    return {item["sk"]["S"].removeprefix("NUMBER#"): item for item in found}


def _given(app: str, carrier: str, number: str, area: str | None) -> _Change | None:
    """What gives an X to an app; None if it has it. Raises Mistake."""
    checks.number(number, area)
    now, before = now_ms(), _owners_of(number)
    if before and before[-1].until is None and before[-1].number != number:
        raise Mistake(f"number {number} is there already, as {before[-1].number}")
    after = apps.given(before, app=app, carrier=carrier, now=now, number=number)
    if after is None:
        _check_leaving(number, before[-1], app)
        return None
    if before and (use := _use(number, {})) and not use.free(now):
        raise Mistake(f"somebody is or was bound over {number}: add it after {written(use.until)}")
    put = {"Put": {"Item": apps.app_number_item(app, number, area)}}
    undo = {"Delete": {"Key": apps.app_number_key(app, number)}}
    return _Change(number, before, after, put, undo)


def _owners_of(number: str) -> tuple[Owner, ...]:
    """Whose an X is and was, however it was spelled."""
    item = credentials.table().get(owners_key(number, gateway().encryption()))
    return apps.read_owners(item) if item is not None else ()


def _has(owner: Owner, app: str, number: str) -> bool:
    return owner.app == app and owner.number == number and owner.until is None


def _check_leaving(number: str, owner: Owner, app: str) -> None:
    if owner.until is not None:
        free = written(owner.until + CLOCKS_APART_MS)
        raise Mistake(f"number {number} is leaving {owner.app}: add it after {free}")
    if owner.app != app:
        raise Mistake(f"number {number} belongs to another app")


def _use(number: str, item: Item) -> Use:
    """How an X is used, in any spelling."""
    table: Table = credentials.table()
    now = now_ms()
    routes = [
        route
        for each in numbering.spellings(number)
        for route in table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :leg)",
            ExpressionAttributeValues={":pk": s(f"X#{each}"), ":leg": s("L#")},
            ConsistentRead=True,
        )
    ]
    ends = (
        max(
            int(route["reusable_at"]["N"]),
            # A call that began at the last moment.
            int(route["expires"]["N"]) + int(route["max_call_s"]["N"]) * 1000,
        )
        for route in routes
    )
    return Use(
        number=number,
        area=item["area"]["S"] if "area" in item else None,
        draining=int(item["draining"]["N"]) if "draining" in item else None,
        routes=sum(
            "released" not in route and int(route["expires"]["N"]) > now for route in routes
        ),
        until=max(ends, default=0),
    )


def _mark(app: str, number: str, expression: str, values: Item) -> None:
    update: dict[str, Any] = {
        "Key": apps.app_number_key(app, number),
        "UpdateExpression": expression,
        "ConditionExpression": "attribute_exists(pk)",
    }
    if values:
        update["ExpressionAttributeValues"] = values
    if credentials.table().update_if({"Update": update}) is None:
        raise Mistake(f"number {number} was just taken from the app {app}")


def _write(app: str, changes: Sequence[_Change]) -> None:
    """Writes all, in portions; if somebody else was quicker with one, what was written is undone.
    Raises Mistake."""
    done: list[_Change] = []
    for start in range(0, len(changes), AT_ONCE):
        portion = changes[start : start + AT_ONCE]
        exists = {"Key": apps.profile_key(app), "ConditionExpression": "attribute_exists(pk)"}
        writes = [write for each in portion for write in (_owners(each), each.pool)]
        failed = credentials.table().transact([*writes, {"ConditionCheck": exists}])
        if failed is None:
            done += portion
            continue
        for each in done:
            back = _Change(each.number, each.after, each.before, each.undo, each.pool)
            credentials.table().transact([_owners(back), back.pool])
        if failed[-1] is not None:
            raise Mistake(f"no app {app}")
        pairs = zip(portion, failed[:-1:2], failed[1:-1:2], strict=True)
        lost = [each.number for each, owners, pool in pairs if owners or pool]
        raise Mistake(
            f"somebody else is changing {', '.join(lost[:NAMED])}: try again (nothing was changed)"
        )


def _owners(change: _Change) -> Item:
    """The write of whose an X is; refused if that changed meanwhile."""
    encryption = gateway().encryption()
    condition: Item = {"ConditionExpression": "attribute_not_exists(pk)"}
    if change.before:
        was = apps.owners_item(change.number, change.before, encryption)["owners"]
        condition = {
            "ConditionExpression": "owners = :before",
            "ExpressionAttributeValues": {":before": was},
        }
    if not change.after:
        # Undoing the first owner there was.
        return {"Delete": {"Key": owners_key(change.number, encryption)} | condition}
    return {"Put": {"Item": apps.owners_item(change.number, change.after, encryption)} | condition}
