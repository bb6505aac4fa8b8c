"""The record of a call, read off its events, and what a Q.850 cause says of a call's end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.calls.events import Event, EventKind, Outcome, Party, RejectReason


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call as its events tell it; `ringing` and `answered` are None if nothing rang, nobody
    answered. Times are epoch ms. `talked_s` is how many whole seconds people talked, as the carrier
    says, else the difference of the whole seconds of `answered` and `ended`. `released_by` is None
    if the carrier did not say who ended it."""

    started: int
    ringing: int | None
    answered: int | None
    ended: int
    talked_s: int
    released_by: Party | None
    outcome: Outcome


OF_CAUSE: Mapping[int, Outcome] = {
    1: Outcome.EMPTY_NUMBER,
    2: Outcome.ROUTE_FAILURE,
    3: Outcome.ROUTE_FAILURE,
    4: Outcome.UNREACHABLE,
    5: Outcome.EMPTY_NUMBER,
    6: Outcome.ROUTE_FAILURE,
    8: Outcome.ROUTE_FAILURE,
    16: Outcome.CALLER_GAVE_UP,
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,
    19: Outcome.NO_ANSWER,
    20: Outcome.POWERED_OFF,
    21: Outcome.REJECTED,
    22: Outcome.EMPTY_NUMBER,
    25: Outcome.ROUTE_FAILURE,
    27: Outcome.UNREACHABLE,
    28: Outcome.EMPTY_NUMBER,
    29: Outcome.REJECTED,
    31: Outcome.NO_ANSWER,
    34: Outcome.ROUTE_FAILURE,
    38: Outcome.ROUTE_FAILURE,
    41: Outcome.ROUTE_FAILURE,
    42: Outcome.ROUTE_FAILURE,
    44: Outcome.ROUTE_FAILURE,
    46: Outcome.ROUTE_FAILURE,
    47: Outcome.ROUTE_FAILURE,
    50: Outcome.SUSPENDED,
    52: Outcome.BLOCKED,
    53: Outcome.BLOCKED,
    54: Outcome.BLOCKED,
    55: Outcome.BLOCKED,
    57: Outcome.SUSPENDED,
    58: Outcome.ROUTE_FAILURE,
    87: Outcome.BLOCKED,
    90: Outcome.BLOCKED,
    91: Outcome.ROUTE_FAILURE,
    102: Outcome.UNREACHABLE,
}
"""How a call ended that nobody answered, by its Q.850 cause, whichever carrier reports it. A cause
that is not here is the platform's error. 16 and 31 are normal: who ended it says more, if known."""

_NORMAL = frozenset({16, 31})
_HUNG_UP: Mapping[Party, Outcome] = {
    Party.CALLER: Outcome.CALLER_HUNG_UP,
    Party.CALLEE: Outcome.CALLEE_HUNG_UP,
    Party.PLATFORM: Outcome.PLATFORM_ENDED,
    Party.LIMIT: Outcome.LIMIT_REACHED,
}
"""How an answered call ended, by who ended it."""
_GAVE_UP: Mapping[Party, Outcome] = {
    Party.CALLER: Outcome.CALLER_GAVE_UP,
    Party.CALLEE: Outcome.REJECTED,
    Party.PLATFORM: Outcome.PLATFORM_ERROR,
    Party.LIMIT: Outcome.PLATFORM_ERROR,
}
"""How a call ended that nobody answered and that has no other cause, by who ended it."""
_NOT_ROUTED: Mapping[RejectReason, Outcome] = {
    RejectReason.EXPIRED: Outcome.EXPIRED,
    RejectReason.BLOCKED: Outcome.BLOCKED,
    RejectReason.UNAVAILABLE: Outcome.ROUTE_FAILURE,
}
"""How a call ended that was rejected for this reason; for any other one there was no binding."""


def call_record(end: Event, call: Sequence[Event]) -> CallRecord:
    """Reads the record of a call off its end and whatever other events of it are known."""
    rings = [e.at for e in call if e.kind is EventKind.CALL_RINGING]
    rings += [end.ringing] if end.ringing is not None else []
    starts = [e.at for e in call if e.kind is EventKind.CALL_STARTED] + rings
    starts += [end.started] if end.started is not None else []
    answers = [e.at for e in call if e.kind is EventKind.CALL_ANSWERED]
    answers += [end.answered] if end.answered is not None else []
    if not answers and end.talked_s:
        answers = [end.at - end.talked_s * 1000]
    answered = min(*answers, end.at) if answers else None
    known = [end.at, *starts, *answers]
    return CallRecord(
        started=min(known),
        ringing=min(rings, default=None),
        answered=answered,
        ended=end.at,
        talked_s=end.talked_s or _talked_s(answered, end.at),
        released_by=_released_by(end),
        outcome=_outcome(end, answered=answered is not None),
    )


def outcome_of(cause: int | None, by: Party | None, *, answered: bool) -> Outcome:
    """How a call ended, by its Q.850 cause and who ended it, as far as they are known."""
    normal = cause is None or cause in _NORMAL
    if by is not None and (answered or normal):
        return (_HUNG_UP if answered else _GAVE_UP)[by]
    if answered and normal:
        return Outcome.HUNG_UP
    return Outcome.NO_ANSWER if cause is None else OF_CAUSE.get(cause, Outcome.PLATFORM_ERROR)


def _talked_s(answered: int | None, ended: int) -> int:
    """As whoever sees both times without their parts of a second works it out."""
    return 0 if answered is None else ended // 1000 - answered // 1000


def _released_by(end: Event) -> Party | None:
    if end.released_by is Party.LIMIT or (end.released_by is None and end.rejected is not None):
        return Party.PLATFORM
    return end.released_by


def _outcome(end: Event, *, answered: bool) -> Outcome:
    if end.outcome is not None:
        return end.outcome
    if end.rejected is not None:
        return _NOT_ROUTED.get(end.rejected, Outcome.NO_BINDING)
    if end.binding is None and end.cause is None and not answered:
        return Outcome.NO_BINDING
    return outcome_of(end.cause, end.released_by, answered=answered)
