"""The record of a call, read off its events."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.events import Event, EventKind, Outcome, Party, RejectReason


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call as its events tell it; `ringing` and `answered` are None if nothing rang, nobody
    answered. Epoch ms."""

    started: int
    ringing: int | None
    answered: int | None
    ended: int
    released_by: Party
    outcome: Outcome

    @property
    def talked_s(self) -> int:
        """Seconds, as whoever sees both times without their parts of a second works it out."""
        return 0 if self.answered is None else self.ended // 1000 - self.answered // 1000


_BY_CAUSE = {
    1: Outcome.EMPTY_NUMBER,
    2: Outcome.ROUTE_FAILURE,
    3: Outcome.ROUTE_FAILURE,
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,
    19: Outcome.NO_ANSWER,
    20: Outcome.POWERED_OFF,
    21: Outcome.REJECTED,
    22: Outcome.EMPTY_NUMBER,
    25: Outcome.ROUTE_FAILURE,
    27: Outcome.UNREACHABLE,
    28: Outcome.EMPTY_NUMBER,
    50: Outcome.SUSPENDED,
    55: Outcome.BLOCKED,
    57: Outcome.SUSPENDED,
}
_NORMAL = frozenset({16, 31})
HUNG_UP = {
    Party.CALLER: Outcome.CALLER_HUNG_UP,
    Party.CALLEE: Outcome.CALLEE_HUNG_UP,
    Party.PLATFORM: Outcome.PLATFORM_ENDED,
}
"""How an answered call ended, by who ended it."""
GAVE_UP = {
    Party.CALLER: Outcome.CALLER_GAVE_UP,
    Party.CALLEE: Outcome.REJECTED,
    Party.PLATFORM: Outcome.PLATFORM_ERROR,
}
"""How a call ended that nobody answered and that has no other cause, by who ended it."""
_NOT_ROUTED = {
    RejectReason.EXPIRED: Outcome.EXPIRED,
    RejectReason.BLOCKED: Outcome.BLOCKED,
}


def call_record(end: Event, call: Sequence[Event]) -> CallRecord:
    """Reads the record of a call off its end and whatever other events of it are known."""
    rings = [e.at for e in call if e.kind is EventKind.CALL_RINGING]
    rings += [end.ringing] if end.ringing is not None else []
    starts = [e.at for e in call if e.kind is EventKind.CALL_STARTED] + rings
    starts += [end.started] if end.started is not None else []
    answers = [e.at for e in call if e.kind is EventKind.CALL_ANSWERED]
    answers += [end.answered] if end.answered is not None else []
    answered = min(*answers, end.at) if answers else None
    known = [end.at, *starts, *answers]
    return CallRecord(
        started=min(known),
        ringing=min(rings, default=None),
        answered=answered,
        ended=end.at,
        released_by=end.released_by or Party.PLATFORM,
        outcome=_outcome(end, answered=answered is not None),
    )


def _outcome(end: Event, *, answered: bool) -> Outcome:
    if end.outcome is not None:
        return end.outcome
    if end.rejected is not None:
        return _NOT_ROUTED.get(end.rejected, Outcome.NO_BINDING)
    if end.binding is None:
        return Outcome.NO_BINDING
    by = end.released_by or Party.PLATFORM
    if answered:
        return HUNG_UP[by]
    if end.cause is None or end.cause in _NORMAL:
        return GAVE_UP[by]
    return _BY_CAUSE.get(end.cause, Outcome.PLATFORM_ERROR)
