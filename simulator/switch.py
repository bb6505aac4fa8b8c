"""A switch with telephones: dials, rings, connects, and reports to the gateway what happened."""

import uuid
from collections.abc import Callable
from typing import Any, Protocol

from simulator.clock import Clock
from simulator.dialling import Dialled, Written
from simulator.event_log import EventLog
from simulator.phones import CALL_REJECTED, ENDINGS, NORMAL_CLEARING, RING_S
from simulator.recordings import Recordings
from simulator.switch_api import Report

RECORDING_READY_S = 60  # a recording is there about a minute after its call
TOLD_IN_ORDER = (
    "call_id",
    "connected",
    "answered",
    "delivered",
    "caller",
    "callee",
    "reason",
    "talk_s",
    "ended_by",
    "cause",
    "binding",
    "record",
)


class Router(Protocol):
    """Who knows where a call goes and wants to hear how it went: `SwitchApi` says what of each.

    A vendor's own may add `ending` (an Ending: the call is not answered, whatever the telephone
    does) and `wants_text` (what a message says is reported too).
    """

    def route(self, *, call_id: str, kind: str, caller: str, dialled: str) -> dict[str, Any]: ...

    def report(self, events: list[dict[str, Any]]) -> Report: ...


class Switch:
    """Puts calls through as it is told. Nothing waits: talking passes on the call's clock."""

    def __init__(
        self,
        api: Router,
        *,
        base_url: str,
        clock: Callable[[], Clock] = Clock,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        recordings: Recordings | None = None,
    ) -> None:
        self._api = api
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._new_id = new_id
        self._recordings = recordings or Recordings()

    def dial(self, call: Dialled) -> dict[str, Any]:
        """Makes a call from end to end and returns what both people saw. GatewayError as it is."""
        call_id = self._new_id()
        route = self._api.route(
            call_id=call_id, kind="call", caller=call.caller, dialled=call.number
        )
        log = EventLog(self._clock(), call_id=call_id, caller=call.caller, number=call.number)
        log.goes_by(route)
        if route["action"] == "reject":
            log.add("call.started")
            log.add(
                "call.ended",
                reason=CALL_REJECTED,
                released_by="platform",
                rejected=route.get("reason"),
            )
            seen = _rejected(route, call_id=call_id, caller=call.caller, number=call.number)
            seen |= {
                "answered": False,
                "talk_s": 0,
                "ended_by": "platform",
                "cause": CALL_REJECTED,
            }
            return _told(seen, self._api.report(log.events))

        talked_s, ended_by, cause = self._connect(call, route, log)
        report = self._api.report(log.events)
        if talked_s is not None and route.get("record"):
            report = _sum(report, self._api.report([self._recorded(log)]))
        seen = _connected(route, call_id=call_id, caller=call.caller, number=call.number)
        answered = talked_s is not None
        seen["callee"]["heard"] = route.get("on_answer") if answered else None
        seen |= {
            "answered": answered,
            "talk_s": talked_s or 0,
            "ended_by": ended_by,
            "cause": cause,
        }
        return _told(seen, report)

    def send(self, message: Written) -> dict[str, Any]:
        """Sends a message and returns what both people saw. GatewayError as it is."""
        call_id = self._new_id()
        route = self._api.route(
            call_id=call_id, kind="sms", caller=message.caller, dialled=message.number
        )
        log = EventLog(self._clock(), call_id=call_id, caller=message.caller, number=message.number)
        log.goes_by(route)
        if route["action"] == "reject":
            log.add("sms.sent", result="rejected", rejected=route.get("reason"))
            seen = _rejected(route, call_id=call_id, caller=message.caller, number=message.number)
            return _told(seen | {"delivered": False}, self._api.report(log.events))

        wanted = route.get("record") or route.get("wants_text")
        text = {"text": message.text} if wanted else {}
        log.add("sms.sent", result=message.result, **text)
        seen = _connected(route, call_id=call_id, caller=message.caller, number=message.number)
        delivered = message.result == "ok"
        seen["callee"]["text"] = message.text if delivered else None
        return _told(seen | {"delivered": delivered}, self._api.report(log.events))

    def _connect(
        self, call: Dialled, route: dict[str, Any], log: EventLog
    ) -> tuple[float | None, str, int]:
        """Seconds talked (None: not answered), who ended it, Q.850 cause."""
        log.add("call.started")
        ending = route.get("ending") or ENDINGS.get(call.answer)
        if ending is not None:
            if ending.rang_s:
                log.add("call.ringing")
                log.clock.pass_time(ending.rang_s)
            log.add("call.ended", reason=ending.cause, released_by=ending.released_by)
            return None, ending.released_by, ending.cause

        log.add("call.ringing")
        log.clock.pass_time(RING_S)
        log.add("call.answered")
        limit_s = route.get("max_duration_s")
        cut = limit_s is not None and call.talk_s > limit_s
        talked_s, ended_by = (limit_s, "platform") if cut else (call.talk_s, call.hangup_by)
        log.clock.pass_time(talked_s)
        released_by = "limit_reached" if cut else ended_by
        log.add("call.ended", reason=NORMAL_CLEARING, released_by=released_by)
        return talked_s, ended_by, NORMAL_CLEARING

    def _recorded(self, log: EventLog) -> dict[str, Any]:
        log.clock.pass_time(RECORDING_READY_S)
        url = f"{self._base_url}/recordings/{log.call_id}.wav"
        return log.add("recording.ready", url=url, md5=self._recordings.md5(log.call_id))


def _rejected(route: dict[str, Any], *, call_id: str, caller: str, number: str) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "connected": False,
        "reason": route.get("reason"),
        "caller": {
            "number": caller,
            "dialled": number,
            "saw": number,
            "heard": route.get("announcement"),
        },
        "callee": None,
        "binding": route.get("binding"),
        "record": False,
    }


def _connected(route: dict[str, Any], *, call_id: str, caller: str, number: str) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "connected": True,
        "reason": None,
        "caller": {
            "number": caller,
            "dialled": number,
            "saw": number,
            "heard": route.get("announcement"),
        },
        "callee": {"number": route["to"], "showed": route["show"]},
        "binding": route.get("binding"),
        "record": bool(route.get("record")),
    }


def _told(seen: dict[str, Any], report: Report) -> dict[str, Any]:
    told = {name: seen[name] for name in TOLD_IN_ORDER if name in seen}
    told["events_accepted"] = report.accepted
    if report.refused or report.error:
        told["events_refused"] = report.refused
        told["events_error"] = report.error
    return told


def _sum(first: Report, second: Report) -> Report:
    return Report(
        accepted=first.accepted + second.accepted,
        refused=first.refused + second.refused,
        error=first.error or second.error,
    )
