"""What people do: dial a number, write to a number. Read from the simulator's requests."""

from dataclasses import dataclass
from typing import Any

from simulator.numbering import international
from simulator.phones import Answer, answer_of
from simulator.placing import LASTS_S, TALK_S, Habit

MAX_TALK_S = 86_400
PARTIES = ("caller", "callee", "platform")
SMS_RESULTS = ("ok", "failed", "timeout")


class BadField(ValueError):
    """A field of a request to the simulator that can't be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A call that somebody makes: `caller` dials `number` (X) and would talk `talk_s` seconds."""

    caller: str
    number: str
    answer: Answer
    talk_s: float
    hangup_by: str


@dataclass(frozen=True, slots=True)
class Written:
    """A message that somebody sends to `number` (X); `result` is what the network makes of it."""

    caller: str
    number: str
    text: str
    result: str


def dialled(body: dict[str, Any]) -> Dialled:
    """Reads `POST /calls`. BadField if a field is missing or unusable."""
    _only(body, {"from", "to", "answer", "talk_s", "hangup_by"})
    return Dialled(
        caller=_caller(body),
        number=_number(body),
        answer=_answer(body),
        talk_s=_seconds(body, "talk_s", TALK_S),
        hangup_by=_choice(body, "hangup_by", PARTIES),
    )


def written(body: dict[str, Any]) -> Written:
    """Reads `POST /messages`. BadField if a field is missing or unusable."""
    _only(body, {"from", "to", "text", "result"})
    text = body.get("text")
    if not isinstance(text, str):
        raise BadField("text must be a string")
    result = _choice(body, "result", SMS_RESULTS)
    return Written(caller=_caller(body), number=_number(body), text=text, result=result)


def habit(body: dict[str, Any]) -> Habit:
    """Reads `PUT /phones/<number>`. BadField if a field is unusable."""
    _only(body, {"answer", "talk_s"})
    return Habit(answer=_answer(body), talk_s=_seconds(body, "talk_s", TALK_S))


def lasts_s(body: dict[str, Any]) -> float:
    """Reads `PUT /phones`: how many real seconds a placed call takes. BadField."""
    _only(body, {"lasts_s"})
    return _seconds(body, "lasts_s", LASTS_S)


def _answer(body: dict[str, Any]) -> Answer:
    try:
        return answer_of(body.get("answer", True))
    except ValueError:
        words = ", ".join(answer.value for answer in Answer)
        raise BadField(f"answer must be true, false or one of {words}") from None


def _seconds(body: dict[str, Any], field: str, default: float) -> float:
    value = body.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadField(f"{field} must be a number of seconds")
    if not 0 <= value <= MAX_TALK_S:
        raise BadField(f"{field} must be from 0 to {MAX_TALK_S} seconds")
    return value


def _only(body: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise BadField(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _caller(body: dict[str, Any]) -> str:
    caller = body.get("from")
    if not isinstance(caller, str):
        raise BadField('from must be a string of digits; "" or "anonymous" hides the number')
    return international(caller.removeprefix("+"))


def _number(body: dict[str, Any]) -> str:
    number = body.get("to")
    if not isinstance(number, str) or not number:
        raise BadField("to must be the number that is dialled, a string of digits")
    return number.removeprefix("+")


def _choice(body: dict[str, Any], field: str, choices: tuple[str, ...]) -> str:
    value = body.get(field, choices[0])
    if value not in choices:
        raise BadField(f"{field} must be one of {', '.join(choices)}")
    return str(value)
