"""Calls and messages to the vendor's X: where they go, and the callbacks of how they ended."""

from typing import Any

from simulator.netease.callbacks import Callbacks
from simulator.netease.privacy import Privacy
from simulator.netease.times import compact
from simulator.numbering import Held
from simulator.switch_api import Report

# finishState and smsResult are not in the document; these are what analogous platforms use.
FINISH_TYPES = {"platform": "0", "caller": "1", "callee": "2"}
HUNG_UP = {"caller": "1", "callee": "2", "platform": "10"}
NOT_ANSWERED = {16: "3", 19: "4", 17: "5", 27: "6", 20: "11", 21: "13", 1: "14"}
SMS_RESULTS = {"ok": "1", "failed": "0", "timeout": "2"}


class Lines:
    """Answers a switch as the gateway does, but by the vendor's own bindings."""

    def __init__(self, privacy: Privacy, callbacks: Callbacks, held: Held) -> None:
        self._privacy = privacy
        self._callbacks = callbacks
        self._held = held

    def route(self, *, call_id: str, kind: str, caller: str, dialled: str) -> dict[str, Any]:
        """Where a call or message goes, in the words of `/switch/route`."""
        binding, reason = self._privacy.reached(self._held.find(dialled) or "", caller)
        if binding is None:
            return {"action": "reject", "reason": reason, "announcement": reason}
        return {
            "action": "connect",
            "to": binding.peer(caller),
            "show": dialled,
            "record": binding.record,
            "binding": binding.id,
        }

    def report(self, events: list[dict[str, Any]]) -> Report:
        """Tells the account; counts the callbacks that were taken."""
        kinds = {event["type"]: event for event in events}
        if "call.ended" in kinds:
            message = self._call(kinds)
        elif "sms.sent" in kinds:
            message = self._message(kinds["sms.sent"])
        else:
            message = self._recording(kinds["recording.ready"])
        if self._callbacks.send(message):
            return Report(1, [])
        return Report(0, [], "the callback was not answered 200")

    def _call(self, kinds: dict[str, dict[str, Any]]) -> dict[str, Any]:
        ended = kinds["call.ended"]
        finish = ended["at"]
        start = kinds.get("call.answered", ended)["at"]
        if "rejected" in ended:
            state = "9" if ended["rejected"] == "expired" else "0"
        elif "call.answered" in kinds:
            state = HUNG_UP[ended["released_by"]]
        else:
            state = NOT_ANSWERED[ended["reason"]]
        return {
            "callId": ended["call_id"],
            "callDuration": str(finish // 1000 - start // 1000),
            "finishTime": compact(finish),
            "userData": self._user_data(ended),
            "callNo": _caller(ended),
            "phoneX": self._held.find(ended["to"]),
            "eventType": "32",
            "bindId": ended["binding"] or "",
            "finishType": FINISH_TYPES[ended["released_by"]],
            "finishState": state,
            "startTime": compact(start),
            "peerNo": ended["callee"] or "",
            "callTime": compact(kinds["call.started"]["at"]),
        }

    def _message(self, sent: dict[str, Any]) -> dict[str, Any]:
        if "rejected" in sent:
            result = "7" if sent["rejected"] == "expired" else "6"
        else:
            result = SMS_RESULTS[sent["result"]]
        user_data = self._user_data(sent)
        return {
            "callId": sent["call_id"],
            "callNo": _caller(sent),
            "phoneX": self._held.find(sent["to"]),
            "eventType": "33",
            "smsResult": result,
            "bindId": sent["binding"] or "",
            "peerNo": sent["callee"] or "",
            "smsTime": compact(sent["at"]),
            # The document's sample, of a binding without it, has no such member.
            **({"userData": user_data} if user_data else {}),
        }

    def _recording(self, ready: dict[str, Any]) -> dict[str, str]:
        return {
            "callId": ready["call_id"],
            "userData": self._user_data(ready),
            "eventType": "34",
            "bindId": ready["binding"],
            "url": ready["url"],
            "md5": ready["md5"],
        }

    def _user_data(self, event: dict[str, Any]) -> str:
        binding = self._privacy.get(event["binding"] or "")
        return binding.user_data if binding else ""


def _caller(event: dict[str, Any]) -> str:
    return "" if event["from"] == "anonymous" else str(event["from"])
