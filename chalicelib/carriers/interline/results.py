"""How calls ended: the `result` of section 5.2 in the domain's words, and back."""

from collections.abc import Mapping

from chalicelib.core.calls.cdr import CallRecord, outcome_of
from chalicelib.core.calls.events import Event, Outcome, Party, RejectReason

FORMAT = "interline"
"""The event format whose words these are."""
ANSWERED = "answered"
MAX_CAUSE = 127
"""The numbers up to here are Q.850 causes, those above the platform's own."""

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
"""The `result` of a call whose carrier reports none of its own."""

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
"""The `result` of a call that the gateway itself rejected."""

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
    """The `result` of a call for an app: the carrier's own word if it is one of this API, also one
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
