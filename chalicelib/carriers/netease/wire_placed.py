"""NetEase's callback of a dedicated-line call (eventType 10), in both directions."""

from typing import Any

from chalicelib.carriers import callback_members as members
from chalicelib.carriers.callback_json import JsonObject
from chalicelib.carriers.callback_members import BadValue, Members, object_in
from chalicelib.carriers.netease import hang_causes
from chalicelib.carriers.netease import wire_values as wire
from chalicelib.carriers.netease.wire_values import SPACED
from chalicelib.core import numbers
from chalicelib.core.calls.events import EventKind, PlacedEnd, PlacedLeg
from chalicelib.core.subscribers import Subscriber

MAX_PARTIES = 64
_MAX_SECONDS = 10**9


def read_placed(fields: Members) -> dict[str, Any]:
    """The details of the event. Raises Unreadable."""
    inner = Members(fields.needed("callback", _as_object), fields.collected)
    conference = inner.has("members")
    caller = None if conference else inner.optional("caller", wire.as_national_person)
    callee = None if conference else inner.optional("callee", wire.as_national_person)
    others = inner.optional("members", _as_people) or (() if callee is None else (callee,))
    legs = inner.items("legs", _leg, most=MAX_PARTIES)
    created = inner.optional("createtime", wire.as_time)
    started = inner.optional("starttime", wire.as_time)
    over = [leg.ended for leg in legs if leg.ended is not None]
    duration_s = inner.optional("durationSec", members.whole(_MAX_SECONDS))
    if duration_s is None:
        duration_s = max(0, max(over) - started) // 1000 if over and started is not None else 0
    begun = started if started is not None else created
    talked_until = [] if begun is None else [begun + duration_s * 1000]
    return {
        "kind": EventKind.PLACED_ENDED,
        "call_id": inner.identifier("session"),
        "at": max([*talked_until, *over], default=None),
        "caller": caller,
        "placed": PlacedEnd(
            conference=conference,
            account=inner.optional("initAccount", members.as_text) or "",
            caller=caller,
            parties=(caller, *others) if caller else others,
            created=created,
            started=started,
            duration_s=duration_s,
            status=(inner.optional("status", members.as_text) or "").lower(),
            legs=legs,
        ),
    }


def _as_object(value: Any) -> JsonObject:
    return value if isinstance(value, JsonObject) else object_in(str(value))


def _as_people(value: Any) -> tuple[Subscriber, ...]:
    """All of them or none: a conference without one of its people is another one."""
    people = [wire.as_national_person(each) for each in members.as_list(value)]
    if len(people) > MAX_PARTIES or None in people:
        raise BadValue("no list of people")
    return tuple(person for person in people if person is not None)


def _leg(leg: Members) -> PlacedLeg:
    return PlacedLeg(
        party=leg.needed("endpoint", wire.as_national_person),
        ended=leg.optional("endTime", wire.as_time),
        cause=leg.optional("hangCause", _as_cause),
    )


def _as_cause(value: Any) -> int | None:
    """By FreeSWITCH's name, or its number."""
    word = members.as_text(value).strip()
    return int(word) if word.isdecimal() and word.isascii() else hang_causes.NUMBERS.get(word)


def write_placed(end: PlacedEnd, session: str) -> dict[str, str]:
    """The body's members; the call's are JSON in text."""
    return {"callback": wire.compact(_inner(end, session)), "eventType": "10"}


def _inner(end: PlacedEnd, session: str) -> dict[str, Any]:
    common: dict[str, Any] = {
        **({} if end.created is None else {"createtime": end.created}),
        "durationSec": end.duration_s,
        "initAccount": end.account,
        "session": session,
        **_when("starttime", end.started),
        "status": end.status.upper(),
    }
    if end.conference:
        return {**common, "members": wire.compact([_digits(each) for each in end.parties])}
    callee = next((each for each in end.parties if each != end.caller), None)
    return {
        **common,
        "caller": _digits(end.caller),
        "callee": _digits(callee),
        "legs": [
            {
                **_when("endTime", leg.ended),
                "endpoint": _digits(leg.party),
                "hangCause": hang_causes.NAMES.get(leg.cause or 0, "NONE"),
            }
            for leg in end.legs
        ],
    }


def _digits(person: Subscriber | None) -> str:
    """Empty for one that is not known."""
    return numbers.national_or_plus(person.digits) if person is not None else ""


def _when(name: str, at: int | None) -> dict[str, str]:
    """Nothing, for what did not happen."""
    return {} if at is None else {name: wire.written(at, SPACED)}
