"""Telephones: what is shown on a display and how somebody answers."""

from dataclasses import dataclass
from enum import StrEnum

RING_S = 3
PATIENCE_S = 60


NORMAL_CLEARING = 16
CALL_REJECTED = 21


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call that nobody answers ends: Q.850 cause, who ends it, how long it rang (seconds)."""

    cause: int
    released_by: str
    rang_s: int


class Answer(StrEnum):
    """What the called telephone does; the words that `POST /calls` takes for `answer`."""

    YES = "yes"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    UNREACHABLE = "unreachable"
    OFF = "off"
    UNALLOCATED = "unallocated"


# Causes by ITU-T Q.850 (05/98), table 1. 20 is a mobile that has logged off, 27 a destination
# whose interface does not work; real switches also send 20 for no radio contact.
ENDINGS = {
    Answer.BUSY: Ending(17, "callee", 0),
    Answer.NO_ANSWER: Ending(19, "platform", PATIENCE_S),
    Answer.REJECTED: Ending(CALL_REJECTED, "callee", RING_S),
    Answer.ABANDONED: Ending(NORMAL_CLEARING, "caller", RING_S),
    Answer.UNREACHABLE: Ending(27, "platform", 0),
    Answer.OFF: Ending(20, "platform", 0),
    Answer.UNALLOCATED: Ending(1, "platform", 0),
}


def answer_of(value: object) -> Answer:
    """True and false, or one of the words. ValueError for anything else."""
    if value is True:
        return Answer.YES
    if value is False:
        return Answer.NO_ANSWER
    return Answer(str(value))
