"""An app's backend as a test wants it, whichever facade it speaks: the same questions and answers,
and the same things told, each in the facade's own words on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol

from tests.contract.apps import App
from tests.contract.developers import Developer, national

if TYPE_CHECKING:
    from tests.contract.worlds import World

UTC8 = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Reply:
    """What an answer means (`done`, or why not), and the binding that it is about."""

    means: str
    id: str = ""
    number: str = ""


@dataclass(frozen=True)
class Call:
    """What is told of a call that is over. People and X as the facade writes them, times in epoch
    seconds; `result` is the facade's word for how it ended."""

    id: str
    binding: str
    user_data: str
    caller: str
    callee: str
    number: str
    result: str
    started: int
    answered: int | None
    ended: int
    talked_s: int
    recording: str | None


@dataclass(frozen=True)
class Message:
    """What is told of a message; `text` is None where the facade has no member for it."""

    binding: str
    user_data: str
    caller: str
    callee: str
    number: str
    at: int
    text: str | None


class Backend(Protocol):
    """People are given with country code; `person` and `x` say how the facade writes them."""

    name: str
    numbers: list[str]
    auth: tuple[str, str]
    """Its credentials."""
    results: Mapping[str, str]
    """How a telephone answers -> the word for how the call ended."""

    def bind(
        self,
        a: str,
        b: str,
        *,
        seconds: int = 600,
        number: str | None = None,
        request_id: str | None = None,
        record: bool = False,
        user_data: str = "",
    ) -> Reply: ...

    def release(self, binding: str) -> str:
        """What the answer means."""
        ...

    def person(self, number: str) -> str: ...

    def x(self, number: str) -> str: ...

    def calls(self, about: str, *, wanted: int = 1, recorded: bool = False) -> list[Call]:
        """The calls in whose records this text stands, once there are so many; with `recorded`
        once each has its recording."""
        ...

    def messages(self, about: str, *, wanted: int = 1) -> list[Message]:
        """The same of messages."""
        ...


NETEASE_MEANS = {
    200: "done",
    403: "forbidden",
    404: "unknown",
    417: "mismatch",
    431: "running",
    514: "not known",
    602: "taken",
}
NETEASE_RESULTS = {
    "nobody's": "0",
    "yes": "1",
    "abandoned": "3",
    "no_answer": "4",
    "busy": "5",
    "unreachable": "6",
    "off": "11",
    "rejected": "13",
    "unallocated": "14",
}


class NeteaseBackend:
    """Speaks NetEase's API."""

    results = NETEASE_RESULTS

    def __init__(self, app: App) -> None:
        self.app = app
        self.name, self.numbers, self.auth = app.name, app.numbers, app.auth

    def bind(
        self,
        a: str,
        b: str,
        *,
        seconds: int = 600,
        number: str | None = None,
        request_id: str | None = None,
        record: bool = False,
        user_data: str = "",
    ) -> Reply:
        given: dict[str, Any] = {"phoneX": number} if number else {}
        given |= {"recordFlag": 1} if record else {}
        given |= {"userData": user_data} if user_data else {}
        said = self.app.bind(a, b, minutes=seconds // 60, request_id=request_id, **given)
        return Reply(NETEASE_MEANS[said["code"]], said.get("bindId", ""), said.get("phoneX", ""))

    def release(self, binding: str) -> str:
        return NETEASE_MEANS[self.app.unbind(binding)]

    def person(self, number: str) -> str:
        return number

    def x(self, number: str) -> str:
        return number

    def calls(self, about: str, *, wanted: int = 1, recorded: bool = False) -> list[Call]:
        told = self.app.told(about, wanted=wanted * (1 + recorded))
        recordings = {each["callId"]: each for each in told if each["eventType"] == "34"}
        ends = [each for each in told if each["eventType"] == "32"]
        assert len(ends) == wanted, told
        for each in recordings.values():
            assert each["bindId"], each
        return [_netease_call(each, recordings.get(each["callId"])) for each in ends]

    def messages(self, about: str, *, wanted: int = 1) -> list[Message]:
        told = self.app.told(about, wanted=wanted)
        assert {each["eventType"] for each in told} == {"33"}, told
        return [
            Message(
                binding=each["bindId"],
                user_data=each.get("userData", ""),
                caller=each["callNo"],
                callee=each["peerNo"],
                number=each["phoneX"],
                at=_seconds(each["smsTime"]),
                text=None,
            )
            for each in told
        ]


def _netease_call(end: dict[str, Any], recording: dict[str, Any] | None) -> Call:
    answered = end["startTime"] != end["finishTime"]
    return Call(
        id=end["callId"],
        binding=end["bindId"],
        user_data=end["userData"],
        caller=end["callNo"],
        callee=end["peerNo"],
        number=end["phoneX"],
        result=end["finishState"],
        started=_seconds(end["callTime"]),
        answered=_seconds(end["startTime"]) if answered else None,
        ended=_seconds(end["finishTime"]),
        talked_s=int(end["callDuration"]),
        recording=recording["url"] if recording else None,
    )


def _seconds(compact: str) -> int:
    """Epoch seconds of yyyyMMddHHmmss in UTC+8."""
    return int(datetime.strptime(compact, "%Y%m%d%H%M%S").replace(tzinfo=UTC8).timestamp())


INTERLINE_MEANS = {
    0: "done",
    1004: "mismatch",
    1103: "forbidden",
    1201: "running",
    1300: "unknown",
    1302: "taken",
    1401: "not known",
}
INTERLINE_RESULTS = {
    "nobody's": "206",
    "yes": "answered",
    "abandoned": "16",
    "no_answer": "19",
    "busy": "17",
    "unreachable": "27",
    "off": "20",
    "rejected": "21",
    "unallocated": "1",
}


class InterlineBackend:
    """Speaks interline's API."""

    results = INTERLINE_RESULTS

    def __init__(self, developer: Developer) -> None:
        self.developer = developer
        self.name, self.numbers, self.auth = developer.name, developer.numbers, developer.auth

    def bind(
        self,
        a: str,
        b: str,
        *,
        seconds: int = 600,
        number: str | None = None,
        request_id: str | None = None,
        record: bool = False,
        user_data: str = "",
        **more: str,
    ) -> Reply:
        """`more` are display, anucode and ansanu."""
        more |= {"record": "1"} if record else {}
        more |= {"userData": user_data} if user_data else {}
        x = number or self.developer.any_number()
        said = self.developer.bind(x, a, b, ttl=seconds, reqid=request_id, **more)
        return Reply(INTERLINE_MEANS[said["error"]], said.get("subid", ""), x)

    def release(self, binding: str) -> str:
        return INTERLINE_MEANS[self.developer.release(binding)]

    def transfer(self, x: str, a: str, **more: str) -> Reply:
        """An XA; `more` are ttl, anucode, record, display, userData, reqid."""
        said = self.developer.transfer(x, a, **more)
        return Reply(INTERLINE_MEANS[said["error"]], said.get("subid", ""), x)

    def release_transfer(self, x: str) -> str:
        """What the answer means."""
        return INTERLINE_MEANS[self.developer.release_transfer(x)]

    def person(self, number: str) -> str:
        return national(number)

    def x(self, number: str) -> str:
        return national(number)

    def calls(self, about: str, *, wanted: int = 1, recorded: bool = False) -> list[Call]:
        records = self.developer.records(about, wanted=wanted, recorded=recorded)
        return [_interline_call(each) for each in records]

    def messages(self, about: str, *, wanted: int = 1) -> list[Message]:
        return [
            Message(text=each["smsContent"], at=int(each["callTime"]), **_whose(each))
            for each in self.developer.messages(about, wanted=wanted)
        ]


def _interline_call(record: dict[str, str]) -> Call:
    return Call(
        id=record["taskid"],
        result=record["result"],
        started=int(record["beginTime"]),
        answered=int(record["answerTime"]) if "answerTime" in record else None,
        ended=int(record["releaseTime"]),
        talked_s=int(record["duration"]),
        recording=record.get("recording"),
        **_whose(record),
    )


def _whose(told: dict[str, str]) -> dict[str, str]:
    return {
        "binding": told["subid"],
        "user_data": told.get("userData", ""),
        "caller": told["caller"],
        "callee": told["callee"],
        "number": told["rcaller"],
    }


def backend(world: "World", facade: str, name: str) -> NeteaseBackend | InterlineBackend:
    """The backend of an app of this world."""
    if facade == "netease":
        return NeteaseBackend(world.app(name))
    return InterlineBackend(Developer(world, world.described[name]))
