"""Calls and messages as apps see them: one table of members, for records, exports and events."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.calls.events import EventKind, Outcome, Party, RejectReason, SmsResult
from chalicelib.schema.types import Listed, Member, Nullable
from chalicelib.schema.values import (
    ANOTHER,
    ANYBODY,
    PROXY_NUMBER,
    TIMESTAMP,
    choice,
    count,
    shown_text,
)

Members = Mapping[str, Member[Any]]

_TALKED = (Party.CALLER, Party.CALLEE, Party.PLATFORM)

REJECTED = choice(RejectReason, title="RejectReason")

CDR: Members = {
    "call_id": Member(shown_text("c-2026-1"), "The carrier's or the switch's own id of the call."),
    "binding": Member(Nullable(shown_text("12202601151600000123456789")), "Id of the binding."),
    "number": Member(Nullable(PROXY_NUMBER), "X, the number that was dialled."),
    "caller": Member(Nullable(ANYBODY), "Who called; null if anonymous."),
    "callee": Member(Nullable(ANOTHER), "Who was called."),
    "parties": Member(Listed(ANYBODY), "Everybody in a placed call."),
    "started": Member(Nullable(TIMESTAMP), "When it began."),
    "ringing": Member(Nullable(TIMESTAMP), "When the callee's telephone first rang."),
    "answered": Member(Nullable(TIMESTAMP), "When it was answered."),
    "ended": Member(Nullable(TIMESTAMP), "When it ended."),
    "talked_s": Member(
        count(65),
        "Whole seconds that people talked: as the carrier says, else the difference of the whole"
        " seconds of `answered` and `ended`.",
    ),
    "released_by": Member(
        Nullable(choice(map(str, _TALKED), title="ReleasedBy")),
        "Who ended it; null if the carrier did not say.",
    ),
    "outcome": Member(
        Nullable(choice(Outcome, "caller_hung_up", title="Outcome")), "How it ended."
    ),
    "rejected": Member(Nullable(REJECTED), "Why nobody was connected."),
    "cause": Member(Nullable(count(16)), "Q.850 cause of its end."),
    "result": Member(Nullable(shown_text("success")), "The carrier's own word for its end."),
    "sms_result": Member(
        Nullable(choice(SmsResult, title="SmsResult")), "What became of a message."
    ),
}
"""What there is to say of a call, a message or a placed call."""

KINDS = choice((kind for kind in EventKind if kind.traits.known), title="EventKind")


def members(names: Iterable[str]) -> Members:
    """Those members of CDR."""
    return {name: CDR[name] for name in names}
