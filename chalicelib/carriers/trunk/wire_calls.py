"""Placed calls in the switch's JSON: how it is asked for one, and how it reports the end. Numbers
are digits with country code, times epoch ms."""

import json
from typing import Any

from chalicelib.carriers.trunk import members
from chalicelib.carriers.trunk.members import Fields, Malformed
from chalicelib.core.calls import CallAsk
from chalicelib.core.errors import Unavailable
from chalicelib.core.events import PlacedEnd, PlacedLeg

DONE = frozenset({200, 202})
"""The HTTP statuses by which a switch says that it does what we asked."""


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
            return status, (status, members.object_of(members.parse_json(body)))
        except Malformed as error:
            raise Unavailable(str(error)) from None
    # 408: it waited for the end of the request, and knows as little as we do.
    if 400 <= status < 500 and status != 408:
        return status, (status, None)
    raise Unavailable(f"HTTP {status}")


def read_status(fields: Fields) -> dict[str, str | int]:
    """How far a placed call is, in the switch's word. Whatever else it says has names of its own,
    which no vendor's client knows. Raises Unavailable."""
    status = fields.get("status")
    if not isinstance(status, str):
        raise Unavailable("an answer without status")
    return {"status": status.lower()}


def read_placed(fields: Fields) -> PlacedEnd:
    """The fields that only `placed.ended` has. Raises Malformed."""
    conference = fields.get("kind") == "conference"
    return PlacedEnd(
        conference=conference,
        account=members.optional(fields, "account", members.string) or "",
        caller=None if conference else members.optional(fields, "from", members.person),
        parties=tuple(members.person(each) for each in members.items(fields, "parties")),
        created=members.time(fields, "created"),
        started=members.optional(fields, "started", members.epoch_ms),
        duration_s=members.optional(fields, "duration_s", members.seconds) or 0,
        status=members.text(fields, "status").lower(),
        legs=tuple(_leg(members.object_of(each)) for each in members.items(fields, "legs")),
    )


def _leg(fields: Fields) -> PlacedLeg:
    return PlacedLeg(
        party=members.person(fields.get("number")),
        ended=members.optional(fields, "ended_at", members.epoch_ms),
        cause=members.optional(fields, "cause", members.cause),
    )
