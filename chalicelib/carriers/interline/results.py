"""How calls ended: the `result` of section 5.2 in the domain's words, and back."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core.events import Event, Outcome, Party, RejectReason
from chalicelib.core.records import GAVE_UP, HUNG_UP, CallRecord

ANSWERED = "answered"
MAX_CAUSE = 127
"""The numbers up to here are Q.850 causes, those above the platform's own."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one `result` says: in words, and as an outcome; None where it depends on who hung
    up."""

    meaning: str
    outcome: Outcome | None = None


RESULTS: Mapping[str, Row] = {
    ANSWERED: Row("answered"),
    "1": Row("nobody has this number", Outcome.EMPTY_NUMBER),
    "2": Row("no route to the transit network", Outcome.ROUTE_FAILURE),
    "3": Row("no route to the destination", Outcome.ROUTE_FAILURE),
    "4": Row("special information tone", Outcome.UNREACHABLE),
    "16": Row("normal clearing"),
    "17": Row("busy", Outcome.BUSY),
    "18": Row("the telephone does not respond", Outcome.NO_ANSWER),
    "19": Row("it rings, nobody answers", Outcome.NO_ANSWER),
    "20": Row("the subscriber is absent", Outcome.POWERED_OFF),
    "21": Row("rejected", Outcome.REJECTED),
    "22": Row("the number has changed", Outcome.EMPTY_NUMBER),
    "27": Row("the destination is out of order", Outcome.UNREACHABLE),
    "28": Row("the number is not complete", Outcome.EMPTY_NUMBER),
    "29": Row("the facility is rejected", Outcome.PLATFORM_ERROR),
    "31": Row("normal, unspecified"),
    "34": Row("no circuit available", Outcome.ROUTE_FAILURE),
    "42": Row("congestion in the switch", Outcome.ROUTE_FAILURE),
    "50": Row("the facility is not subscribed", Outcome.SUSPENDED),
    "53": Row("outgoing calls barred within the user group", Outcome.BLOCKED),
    "55": Row("incoming calls barred within the user group", Outcome.BLOCKED),
    "57": Row("not authorized for the bearer capability", Outcome.SUSPENDED),
    "58": Row("the bearer capability is not available now", Outcome.ROUTE_FAILURE),
    "65": Row("the bearer capability is not implemented", Outcome.PLATFORM_ERROR),
    "69": Row("the facility is not implemented", Outcome.PLATFORM_ERROR),
    "87": Row("the callee is not in the user group", Outcome.BLOCKED),
    "88": Row("incompatible destination", Outcome.UNREACHABLE),
    "90": Row("no such user group", Outcome.BLOCKED),
    "91": Row("invalid choice of the transit network", Outcome.ROUTE_FAILURE),
    "95": Row("invalid message, unspecified", Outcome.PLATFORM_ERROR),
    "97": Row("message type unknown or not implemented", Outcome.PLATFORM_ERROR),
    "99": Row("parameter unknown or not implemented", Outcome.PLATFORM_ERROR),
    "102": Row("recovery on the expiry of a timer", Outcome.PLATFORM_ERROR),
    "103": Row("parameter unknown, passed on", Outcome.PLATFORM_ERROR),
    "110": Row("message with an unknown parameter, discarded", Outcome.PLATFORM_ERROR),
    "111": Row("protocol error, unspecified", Outcome.PLATFORM_ERROR),
    "127": Row("interworking, unspecified", Outcome.PLATFORM_ERROR),
    "202": Row("busy, no roaming number to be had; ended by the platform", Outcome.BUSY),
    "203": Row("deactivated; ended by the platform", Outcome.UNREACHABLE),
    "204": Row("switched off at the platform; ended by it", Outcome.POWERED_OFF),
    "205": Row("no such subscriber; ended by the platform", Outcome.EMPTY_NUMBER),
    "206": Row("the X does not allow this call; ended by the platform", Outcome.NO_BINDING),
    "207": Row("a call to the caller's own X; ended by the platform", Outcome.BLOCKED),
    "209": Row("a call to X that was diverted there; ended by the platform", Outcome.BLOCKED),
}
"""The document's table. Causes that other carriers report too have the outcome that they have
there (core.events)."""

OTHER = Outcome.PLATFORM_ERROR
"""A word that is in no table; it differs from operator to operator."""

OF_OUTCOME: Mapping[Outcome, str] = {
    Outcome.NO_BINDING: "206",
    Outcome.EXPIRED: "206",
    Outcome.BLOCKED: "207",
    Outcome.CALLER_HUNG_UP: ANSWERED,
    Outcome.CALLEE_HUNG_UP: ANSWERED,
    Outcome.PLATFORM_ENDED: ANSWERED,
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
    Outcome.TEST_QUOTA: "29",
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

RELEASED: Mapping[Party, str] = {Party.CALLER: "1", Party.CALLEE: "2", Party.PLATFORM: "0"}
"""releasedir."""
PARTIES: Mapping[str, Party] = {digit: party for party, digit in RELEASED.items()}


def outcome(result: str, released_by: Party | None, *, talked: bool) -> Outcome:
    """How a call ended that a carrier reports with this `result`."""
    row = RESULTS.get(result)
    if row is None:
        return OTHER
    by = released_by or Party.PLATFORM
    return row.outcome or (HUNG_UP if talked else GAVE_UP)[by]


def cause(result: str) -> int | None:
    """The Q.850 cause that a `result` is."""
    is_number = result.isascii() and result.isdigit() and len(result) <= 3
    return int(result) if is_number and 0 < int(result) <= MAX_CAUSE else None


def result(end: Event, record: CallRecord) -> str:
    """What is told of the end of a call: the carrier's own word if it is one of this API, also one
    that is in no table, else what comes nearest."""
    if end.result is not None:
        return end.result
    if end.rejected is not None:
        return OF_REASON[end.rejected]
    if record.answered is not None:
        return ANSWERED
    if end.outcome is None and end.cause and record.outcome is not Outcome.NO_BINDING:
        return str(end.cause)
    return OF_OUTCOME[record.outcome]
