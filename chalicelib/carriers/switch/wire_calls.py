"""Placed calls in the switch's JSON: how it is asked for one, and how it reports the end. Numbers
are digits with country code, times epoch ms."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.carriers import callback_members as members
from chalicelib.carriers.callback_members import BadValue, Members
from chalicelib.carriers.parameters import Malformed
from chalicelib.carriers.switch import wire_values as wire
from chalicelib.core.calls.events import PlacedEnd, PlacedLeg
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.credentials import DialPlan
from chalicelib.core.errors import Unavailable
from chalicelib.core.subscribers import Subscriber

_MAX_SECONDS = 10**9

DONE = frozenset({200, 202})
"""The HTTP statuses by which a switch says that it does what we asked."""
HUNG_UP = DONE | {204}
"""The same, where the answer needs no body."""
NO_SUCH_REQUEST = 501


def write_originate(ask: CallAsk, session: str) -> str:
    """The body by which a switch is asked to place a call."""
    return json.dumps(
        {
            "call_id": session,
            "kind": "conference" if ask.conference else "call",
            "account": ask.account,
            "parties": [each.digits for each in ask.parties],
            "show": ask.show,
            "max_duration_s": ask.max_s,
            "record": ask.record,
        }
    )


def read_answer(status: int, body: bytes) -> tuple[int, tuple[int, Any]]:
    """HTTP status, which is the code, and the body of a switch's answer, None if it refuses.

    Raises Unavailable for one that does not say what the switch made of it.
    """
    if status in DONE:
        try:
            return status, (status, wire.object_of(wire.parse_json(body)))
        except Malformed as error:
            raise Unavailable(str(error)) from None
    # 408: it waited for the end of the request, and knows as little as we do.
    if 400 <= status < 500 and status != 408:
        return status, (status, None)
    raise Unavailable(f"HTTP {status}")


def read_hang_up(status: int, _: bytes) -> tuple[int, tuple[int, Any]]:
    """HTTP status, which is the code and all that counts of the answer. Raises Unavailable for one
    that does not say what the switch made of it."""
    known = (
        status in HUNG_UP or status == NO_SUCH_REQUEST or (400 <= status < 500 and status != 408)
    )
    if not known:
        raise Unavailable(f"HTTP {status}")
    return status, (status, None)


def read_status(fields: Mapping[str, Any]) -> dict[str, str | int]:
    """How far a placed call is, in the switch's word. Whatever else it says has names of its own,
    which no vendor's client knows. Raises Unavailable."""
    status = fields.get("status")
    if not isinstance(status, str):
        raise Unavailable("an answer without status")
    return {"status": status.lower()}


def read_placed(fields: Members, plan: DialPlan) -> PlacedEnd:
    """The fields that only `placed.ended` has; those that can't be read are dropped."""
    conference = fields.optional("kind", members.as_text) == "conference"
    person = wire.person(plan)
    return PlacedEnd(
        conference=conference,
        account=fields.optional("account", members.as_text) or "",
        caller=None if conference else fields.optional("from", person),
        parties=fields.optional("parties", _people(plan)) or (),
        created=fields.optional("created", members.epoch_ms),
        started=fields.optional("started", members.epoch_ms),
        duration_s=fields.optional("duration_s", members.whole(_MAX_SECONDS)) or 0,
        status=(fields.optional("status", members.as_text) or "").lower(),
        legs=fields.items("legs", _leg(plan), most=wire.MAX_ITEMS),
    )


def _people(plan: DialPlan) -> Callable[[Any], tuple[Subscriber, ...]]:
    """All of them or none: a conference without one of its people is another one."""

    def read(value: Any) -> tuple[Subscriber, ...]:
        people = [wire.person(plan)(each) for each in members.as_list(value)]
        found = tuple(each for each in people if each is not None)
        if len(people) > wire.MAX_ITEMS or len(found) < len(people):
            raise BadValue("no list of people")
        return found

    return read


def _leg(plan: DialPlan) -> Callable[[Members], PlacedLeg]:
    return lambda leg: PlacedLeg(
        party=leg.needed("number", wire.person(plan)),
        ended=leg.optional("ended_at", members.epoch_ms),
        cause=leg.optional("cause", wire.cause),
    )
