"""How calls end, in the words of all: tables in Markdown, made from the code's own."""

from collections.abc import Mapping, Sequence

from chalicelib.carriers.interline import results
from chalicelib.carriers.netease.outcomes import FINISH_STATES
from chalicelib.core.calls.cdr import OF_CAUSE
from chalicelib.core.calls.events import Outcome, Party, RejectReason

_PARTIES = {
    Party.CALLER: "caller",
    Party.CALLEE: "callee",
    Party.PLATFORM: "platform",
    None: "nobody said who",
}
MEANINGS: Mapping[str, str] = {
    results.ANSWERED: "answered",
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
    "202": "busy, no roaming number available; ended by the platform",
    "203": "deactivated; ended by the platform",
    "204": "switched off at the platform; ended by it",
    "205": "no such subscriber; ended by the platform",
    "206": "the X does not allow this call; ended by the platform",
    "207": "a call to the caller's own X; ended by the platform",
    "209": "a call to X that was diverted there; ended by the platform",
}
"""interline's `result` -> what its document says it means (section 5.2)."""


def of_interline() -> str:
    """One row for each `result`, more where it depends on who hung up: what it is here, and what
    apps with both event formats are told of it."""
    rows = [
        (f"`{result}`", meaning, outcome, FINISH_STATES[outcome], f"`{result}`")
        for result, meaning, outcome in _readings()
    ]
    other = results.OTHER
    rows.append(("any other", "as the operator says", other, FINISH_STATES[other], "as it came"))
    return _table(("result", "meaning", "outcome", "finishState", "result given back"), rows)


def of_others() -> str:
    """One row for each outcome: what an app with interline's event format is told of it."""
    rows = [
        (outcome, FINISH_STATES[outcome], f"`{results.OF_OUTCOME[outcome]}`") for outcome in Outcome
    ]
    return _table(("outcome", "finishState", "result"), rows)


def of_rejected() -> str:
    """One row for each reason for which the gateway connects nobody."""
    rows = [(reason, f"`{results.OF_REASON[reason]}`") for reason in RejectReason]
    return _table(("reason", "result"), rows)


def of_causes() -> str:
    """One row for each Q.850 cause that says something, for any carrier."""
    rows: list[tuple[object, ...]] = [
        (cause, outcome, FINISH_STATES[outcome]) for cause, outcome in OF_CAUSE.items()
    ]
    other = results.OTHER
    rows.append(("any other", other, FINISH_STATES[other]))
    return _table(("cause", "outcome", "finishState"), rows)


def _readings() -> list[tuple[str, str, Outcome]]:
    """What each `result` is; a row for each who may have ended the call, where that matters."""
    read = []
    for result, meaning in MEANINGS.items():
        talked = result == results.ANSWERED
        by_party = {
            word: results.outcome(result, by, talked=talked) for by, word in _PARTIES.items()
        }
        if len(set(by_party.values())) == 1:
            read.append((result, meaning, by_party["nobody said who"]))
            continue
        read += [(result, f"{meaning}; ended by: {by}", was) for by, was in by_party.items()]
    return read


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
