"""How calls ended: the `result` of section 5.2 in the domain's words, and back."""

from collections.abc import Mapping

from chalicelib.core.calls.cdr import CallRecord, outcome_of
from chalicelib.core.calls.events import Event, Outcome, Party, RejectReason

FORMAT = "interline"
"""The event format whose words these are."""
ANSWERED = "answered"
MAX_CAUSE = 127
"""The numbers up to here are Q.850 causes, those above the platform's own."""

MEANINGS: Mapping[str, str] = {
    ANSWERED: "answered",
    "1": "nobody has this number",
    "2": "no route to the transit network",
    "3": "no route to the destination",
    "4": "special information tone",
    "16": "normal clearing",
    "17": "busy",
    "18": "the telephone does not respond",
    "19": "it rings, nobody answers",
    "20": "the subscriber is absent",
    "21": "rejected",
    "22": "the number has changed",
    "27": "the destination is out of order",
    "28": "the number is not complete",
    "29": "the facility is rejected",
    "31": "normal, unspecified",
    "34": "no circuit available",
    "42": "congestion in the switch",
    "50": "the facility is not subscribed",
    "53": "outgoing calls barred within the user group",
    "55": "incoming calls barred within the user group",
    "57": "not authorized for the bearer capability",
    "58": "the bearer capability is not available now",
    "65": "the bearer capability is not implemented",
    "69": "the facility is not implemented",
    "87": "the callee is not in the user group",
    "88": "incompatible destination",
    "90": "no such user group",
    "91": "invalid choice of the transit network",
    "95": "invalid message, unspecified",
    "97": "message type unknown or not implemented",
    "99": "parameter unknown or not implemented",
    "102": "recovery on the expiry of a timer",
    "103": "parameter unknown, passed on",
    "110": "message with an unknown parameter, discarded",
    "111": "protocol error, unspecified",
    "127": "interworking, unspecified",
    "202": "busy, no roaming number to be had; ended by the platform",
    "203": "deactivated; ended by the platform",
    "204": "switched off at the platform; ended by it",
    "205": "no such subscriber; ended by the platform",
    "206": "the X does not allow this call; ended by the platform",
    "207": "a call to the caller's own X; ended by the platform",
    "209": "a call to X that was diverted there; ended by the platform",
}
"""The document's table. What a Q.850 cause is here is in core.records, as for every carrier."""

OWN: Mapping[str, Outcome] = {
    "202": Outcome.BUSY,
    "203": Outcome.UNREACHABLE,
    "204": Outcome.POWERED_OFF,
    "205": Outcome.EMPTY_NUMBER,
    "206": Outcome.NO_BINDING,
    "207": Outcome.BLOCKED,
    "209": Outcome.BLOCKED,
}
"""What the platform's own numbers are here."""

OTHER = Outcome.PLATFORM_ERROR
"""A word that is in no table; it differs from operator to operator."""

OF_OUTCOME: Mapping[Outcome, str] = {
    Outcome.NO_BINDING: "206",
    Outcome.EXPIRED: "206",
    Outcome.BLOCKED: "207",
    Outcome.CALLER_HUNG_UP: ANSWERED,
    Outcome.CALLEE_HUNG_UP: ANSWERED,
    Outcome.HUNG_UP: ANSWERED,
    Outcome.PLATFORM_ENDED: ANSWERED,
    Outcome.LIMIT_REACHED: ANSWERED,
    Outcome.CALLER_GAVE_UP: "16",
    Outcome.NO_ANSWER: "19",
    Outcome.BUSY: "17",
    Outcome.UNREACHABLE: "27",
    Outcome.ROUTE_FAILURE: "3",
    Outcome.NUMBER_FAULT: "206",
    Outcome.PLATFORM_ERROR: "127",
    Outcome.POWERED_OFF: "20",
    Outcome.SUSPENDED: "57",
    Outcome.REJECTED: "21",
    Outcome.EMPTY_NUMBER: "1",
    Outcome.TEST_QUOTA: "127",
    Outcome.CAPTCHA_FAILED: "206",
}
"""What is told of a call whose carrier reports no `result` of its own."""

OF_REASON: Mapping[RejectReason, str] = {
    RejectReason.UNKNOWN_NUMBER: "1",
    RejectReason.NO_BINDING: "206",
    RejectReason.EXPIRED: "206",
    RejectReason.COOLING: "206",
    RejectReason.THIRD_PARTY: "206",
    RejectReason.ANONYMOUS: "206",
    RejectReason.PROXY_NUMBER: "206",
    RejectReason.INVALID_CALLER: "206",
    RejectReason.UNAVAILABLE: "42",
    RejectReason.BLOCKED: "207",
}
"""What is told of a call that the gateway itself did not let through."""

RELEASED: Mapping[Party, str] = {
    Party.CALLER: "1",
    Party.CALLEE: "2",
    Party.PLATFORM: "0",
    Party.LIMIT: "0",
}
"""releasedir."""
PARTIES: Mapping[str, Party] = {"1": Party.CALLER, "2": Party.CALLEE, "0": Party.PLATFORM}


def outcome(result: str | None, released_by: Party | None, *, talked: bool) -> Outcome:
    """How a call ended that a carrier reports with this `result` (None: with none)."""
    if result is None or result == ANSWERED:
        return outcome_of(None, released_by, answered=talked)
    if result in OWN:
        return OWN[result]
    known = cause(result)
    return OTHER if known is None else outcome_of(known, released_by, answered=talked)


def cause(result: str) -> int | None:
    """The Q.850 cause that a `result` is."""
    is_number = result.isascii() and result.isdigit() and len(result) <= 3
    return int(result) if is_number and 0 < int(result) <= MAX_CAUSE else None


def result(end: Event, record: CallRecord) -> str:
    """What is told of the end of a call: the carrier's own word if it is one of this API, also one
    that is in no table, else what comes nearest."""
    if end.result is not None and end.result_of == FORMAT:
        return end.result
    if end.rejected is not None:
        return OF_REASON[end.rejected]
    if record.answered is not None:
        return ANSWERED
    if end.outcome is None and end.cause and record.outcome is not Outcome.NO_BINDING:
        return str(end.cause)
    return OF_OUTCOME[record.outcome]
