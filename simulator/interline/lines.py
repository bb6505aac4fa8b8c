"""Calls and messages to the vendor's X: where they go, and the callbacks of how they ended."""

from typing import Any

from simulator.interline.bindings import Binding, Bindings
from simulator.interline.callbacks import Callbacks
from simulator.interline.results import Forced
from simulator.numbering import international, national
from simulator.switch_api import Report

RELEASED_BY = {"platform": "0", "caller": "1", "callee": "2"}
NOT_ALLOWED, OWN_CALL = "206", "207"


class Lines:
    """Answers a switch as the gateway does, but by the vendor's own bindings.

    `forced` is how one call ends, whatever the telephones do.
    """

    def __init__(
        self,
        bindings: Bindings,
        callbacks: Callbacks,
        *,
        recordings_url: str,
        forced: Forced | None = None,
    ) -> None:
        self._bindings = bindings
        self._callbacks = callbacks
        self._recordings_url = recordings_url.rstrip("/")
        self._forced = forced

    def route(self, *, call_id: str, kind: str, caller: str, dialled: str) -> dict[str, Any]:
        """Where a call or message goes, in the words of `/switch/route`."""
        who = _national(caller)
        binding = self._bindings.reached(self._bindings.held.find(dialled) or "", who)
        if binding is None:
            return {"action": "reject", "reason": NOT_ALLOWED}
        prompt = binding.prompt(who) or None
        peer = binding.peer(who)
        if peer is None:
            reason = OWN_CALL if binding.b is None else NOT_ALLOWED
            return {
                "action": "reject",
                "reason": reason,
                "announcement": prompt,
                "binding": binding.subid,
            }
        return {
            "action": "connect",
            "to": international(peer),
            "show": caller if who and binding.shows(who) else dialled,
            "record": binding.record,
            "announcement": prompt,
            "on_answer": ",".join(binding.on_answer) or None,
            "binding": binding.subid,
            "ending": self._forced.ending if self._forced else None,
            "wants_text": True,
        }

    def report(self, events: list[dict[str, Any]]) -> Report:
        """Tells the account; counts the callbacks that were taken."""
        kinds = {event["type"]: event for event in events}
        if "call.ended" in kinds:
            taken = self._call(kinds)
        elif "sms.sent" in kinds:
            taken = self._message(kinds["sms.sent"])
        else:
            taken = []  # where a recording is, stands in the call's record
        error = None if all(taken) else "a callback was not answered 200"
        return Report(sum(taken), [], error)

    def _call(self, kinds: dict[str, dict[str, Any]]) -> list[bool]:
        started, ended = kinds["call.started"], kinds["call.ended"]
        begun = {"callTime": started["at"] // 1000}
        taken = [] if "rejected" in ended else [self._tell("start", ended, begun)]
        return [*taken, self._tell("cdr", ended, self._record(kinds))]

    def _record(self, kinds: dict[str, dict[str, Any]]) -> dict[str, Any]:
        ended, answered = kinds["call.ended"], kinds.get("call.answered")
        released = ended["at"] // 1000
        record: dict[str, Any] = {
            "result": self._result(ended, answered=answered is not None),
            "beginTime": kinds["call.started"]["at"] // 1000,
        }
        if "call.ringing" in kinds:
            record["ringTime"] = kinds["call.ringing"]["at"] // 1000
        if answered is not None:
            record["answerTime"] = answered["at"] // 1000
        record["releaseTime"] = released
        record["duration"] = released - record.get("answerTime", released)
        binding = self._binding(ended)
        if answered is not None and binding is not None and binding.record:
            record["recording"] = f"{self._recordings_url}/recordings/{ended['call_id']}.wav"
        return record | {"releasedir": RELEASED_BY[ended["released_by"]]}

    def _result(self, ended: dict[str, Any], *, answered: bool) -> str:
        if answered:
            return "answered"
        if "rejected" in ended:
            return str(ended["rejected"])
        return self._forced.result if self._forced else str(ended["reason"])

    def _message(self, sent: dict[str, Any]) -> list[bool]:
        # There is no word for a message that was not passed on: nothing is told of it.
        if "rejected" in sent:
            return []
        told = {"callTime": sent["at"] // 1000, "smsContent": sent["text"]}
        return [self._tell("start", sent, told)]

    def _tell(self, kind: Any, event: dict[str, Any], more: dict[str, Any]) -> bool:
        binding = self._binding(event)
        fields = {
            "taskid": event["call_id"],
            "subid": event["binding"] or "",
            "caller": _national(event["from"]) or "anonymous",
            "rcaller": self._bindings.held.find(event["to"]),
            "callee": national(event["callee"] or ""),
            **more,
        }
        if binding is not None and binding.user_data:
            fields["userData"] = binding.user_data
        return self._callbacks.send(kind, fields)

    def _binding(self, event: dict[str, Any]) -> Binding | None:
        return self._bindings.get(event["binding"] or "")


def _national(caller: str) -> str:
    return "" if caller == "anonymous" else national(caller)
