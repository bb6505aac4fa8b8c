"""NetEase's callback of a dedicated-line call (eventType 10), in both directions."""

from typing import Any

from chalicelib.carriers.netease import hang_causes
from chalicelib.carriers.netease import wire_members as members
from chalicelib.carriers.netease.wire_members import END_OF_TIME, SPACED, Fields, Unreadable
from chalicelib.core import numbers
from chalicelib.core.events import EventKind, PlacedEnd, PlacedLeg
from chalicelib.core.values import Subscriber

MAX_PARTIES = 64


def read_placed(fields: Fields) -> dict[str, Any]:
    """The details of the event. Raises Unreadable."""
    inner = members.inner(fields, "callback", dict)
    conference = "members" in inner
    caller = None if conference else members.telephone(inner.get("caller"))
    people = members.inner(inner, "members", list) if conference else [inner.get("callee")]
    if len(people) > MAX_PARTIES:
        raise Unreadable("members")
    others = tuple(members.telephone(each) for each in people)
    legs = _legs(inner)
    created = members.integer(inner, "createtime", below=END_OF_TIME)
    started = members.time(inner, "starttime", SPACED) if inner.get("starttime") else None
    duration_s = members.integer(inner, "durationSec", below=END_OF_TIME // 1000)
    talked_until = (started or created) + duration_s * 1000
    return {
        "kind": EventKind.PLACED_ENDED,
        "call_id": members.identifier(inner, "session"),
        "at": max([talked_until, *(leg.ended for leg in legs if leg.ended is not None)]),
        "caller": caller,
        "placed": PlacedEnd(
            conference=conference,
            account=members.text(inner, "initAccount"),
            caller=caller,
            parties=(caller, *others) if caller else others,
            created=created,
            started=started,
            duration_s=duration_s,
            status=members.text(inner, "status").lower(),
            legs=legs,
        ),
    }


def _legs(inner: Fields) -> tuple[PlacedLeg, ...]:
    legs = inner.get("legs", [])
    if not isinstance(legs, list) or len(legs) > MAX_PARTIES:
        raise Unreadable("legs")
    if not all(isinstance(leg, dict) for leg in legs):
        raise Unreadable("legs")
    return tuple(
        PlacedLeg(
            party=members.telephone(leg.get("endpoint")),
            ended=members.time(leg, "endTime", SPACED) if leg.get("endTime") else None,
            cause=hang_causes.NUMBERS.get(members.text(leg, "hangCause", default="")),
        )
        for leg in legs
    )


def write_placed(end: PlacedEnd, session: str) -> dict[str, str]:
    """The body's members; what they tell is JSON in text."""
    return {"callback": members.compact(_inner(end, session)), "eventType": "10"}


def _inner(end: PlacedEnd, session: str) -> dict[str, Any]:
    common = {
        "createtime": end.created,
        "durationSec": end.duration_s,
        "initAccount": end.account,
        "session": session,
        **_when("starttime", end.started),
        "status": end.status.upper(),
    }
    if end.conference or end.caller is None:
        return {**common, "members": members.compact([_told(each) for each in end.parties])}
    callee = next((each for each in end.parties if each != end.caller), end.caller)
    return {
        **common,
        "caller": _told(end.caller),
        "callee": _told(callee),
        "legs": [
            {
                **_when("endTime", leg.ended),
                "endpoint": _told(leg.party),
                "hangCause": hang_causes.NAMES.get(leg.cause or 0, "NONE"),
            }
            for leg in end.legs
        ],
    }


def _told(person: Subscriber) -> str:
    return numbers.told(person.digits)


def _when(name: str, at: int | None) -> dict[str, str]:
    """Nothing, for what did not happen."""
    return {} if at is None else {name: members.written(at, SPACED)}
