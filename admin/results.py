"""How calls end, in the words of all: tables in Markdown, made from the code's own."""

from collections.abc import Sequence

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
    for result, meaning in results.MEANINGS.items():
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
