"""What each app is told of a world, at least once each, in its format: CloudEvents on the switch
east, NetEase's on west and at NetEase, interline's at interline."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.attacks.tenants import SECOND, Said, utc8
from tests.attacks.tenants_model import Json, Model, View, md5_of, without_digest
from tests.conventions import plus, rfc

DERIVED = ("started", "ringing", "answered", "talked_s", "outcome")
DERIVED_NETEASE = ("callTime", "startTime", "callDuration", "finishState")
DERIVED_INTERLINE = ("beginTime", "ringTime", "answerTime", "duration", "result")
"""What the end of a call is told with that depends on what else was known by then."""

PARTIES = ("platform", "caller", "callee")
STATES = {
    "no_binding": "0",
    "caller_hung_up": "1",
    "callee_hung_up": "2",
    "caller_gave_up": "3",
    "no_answer": "4",
    "busy": "5",
    "rejected": "13",
}
RESULTS = {"no_answer": "19", "busy": "17", "no_binding": "206"}


class Told:
    """The messages that an app was sent, against those that it should have been sent. `opened`
    gives the bytes behind a link to a recording. While the workers were `prompt`, the end of a call
    was told with what was known by then."""

    def __init__(
        self,
        model: Model,
        developer: tuple[str, str],
        opened: Callable[[str], bytes],
        *,
        prompt: bool,
    ) -> None:
        self._model = model
        self._developer = developer
        self._opened = opened
        self._prompt = prompt
        self._allowed: set[str] = set()

    def check(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Fails unless all that it may be told was told, and nothing else."""
        self._allowed.clear()
        kinds = {
            "east": (self._cloud_event, self._cloud_events),
            "interline": (self._form, self._forms),
        }
        carrier = self._model.app.partition("-")[2]
        read, write = kinds.get(carrier, (self._netease, self._neteases))
        shown = {_text(read(body)) for _, body in messages}
        expected = [
            {_text(each) for each in any_of} for v in self._model.views for any_of in write(v)
        ]
        foreign = shown.difference(*expected, self._allowed)
        missing = [any_of for any_of in expected if not any_of & shown]
        assert not missing, (self._model.app, "not told", missing, "but", foreign)
        assert not foreign, (self._model.app, "told", foreign)

    # CloudEvents.

    def _cloud_event(self, body: bytes) -> Json:
        message = json.loads(body)
        data = message["data"]
        call, _, event = message.pop("id").partition(".")
        named, _, part = data.pop("call").partition(".")
        assert named == call and len(event) == 22
        message["whose"] = self._whose(call)
        if message["type"] == "masking.sms.sent.v1":
            part = without_digest(part)
        # What is told at once names the call as it is known by then.
        message["part"] = None if self._prompt else part
        kind = message["type"]
        if kind == "masking.recording.ready.v1":
            self._check_link(data.pop("url"), data["md5"])
        if kind == "masking.call.gap.v1":
            del message["time"], data["at"]
        return self._less(message, data, DERIVED if kind == "masking.call.ended.v1" else ())

    def _cloud_events(self, view: View) -> Iterator[list[Json]]:
        for said in view.said:
            yield [self._written(each, said) for each in view.as_told(said)]
        for gap in view.gaps:
            first = {
                name: next((v for e in view.said if (v := getattr(e, name)) is not None), None)
                for name in ("binding", "caller", "callee")
            }
            about = Said("call.gap", 0, view.call.number, **first)
            message = self._envelope(view, about.kind, about.binding.id if about.binding else None)
            message["data"] = self._common(view, about) | {"result": gap}
            yield [message]

    def _written(self, view: View, said: Said) -> Json:
        data = self._common(view, said) | {"at": rfc(said.at)} | self._of_kind(view, said)
        message = {
            **self._envelope(view, said.kind, said.binding.id if said.binding else None),
            "time": rfc(said.at or 0),
        }
        derived = DERIVED if said.kind == "call.ended" else ()
        return self._less(message | {"data": data}, data, derived)

    def _envelope(self, view: View, kind: str, subject: str | None) -> Json:
        return {
            "specversion": "1.0",
            "source": f"/apps/{self._model.app}",
            "type": f"masking.{kind}.v1",
            **({"subject": subject} if subject else {}),
            "datacontenttype": "application/json",
            "whose": _whose(view),
            "part": None if self._prompt else view.part,
        }

    def _common(self, view: View, said: Said) -> Json:
        return {
            "call_id": view.call.call_id,
            "binding": said.binding.id if said.binding else None,
            "user_data": said.binding.user_data if said.binding else None,
            "number": plus(view.call.number),
            "caller": plus(said.caller),
            "callee": plus(said.callee),
        }

    def _of_kind(self, view: View, said: Said) -> Json:
        match said.kind:
            case "call.ended":
                return {
                    "started": rfc(view.started_by(said)),
                    "ringing": rfc(view.ringing_by(said)),
                    "answered": rfc(view.answered_by(said)),
                    "ended": rfc(said.at),
                    "talked_s": view.talked_s(said),
                    "released_by": view.released_by(said),
                    "outcome": view.outcome(said),
                    "rejected": said.rejected,
                    "cause": said.cause,
                    "result": said.result,
                }
            case "sms.sent":
                return {"sms_result": said.sms, "text": said.text}
            case "recording.ready":
                return {"md5": self._md5(view, said)}
            case _:
                return {}

    # NetEase's format.

    def _netease(self, body: bytes) -> Json:
        message: Json = json.loads(body)
        if message["eventType"] == "34":
            self._check_link(message.pop("url"), message["md5"])
        return self._less({}, message, DERIVED_NETEASE if message["eventType"] == "32" else ())

    def _neteases(self, view: View) -> Iterator[list[Json]]:
        for said in view.said:
            if said.kind in ("call.ended", "sms.sent", "recording.ready"):
                yield [self._netease_written(each, said) for each in view.as_told(said)]

    def _netease_written(self, view: View, said: Said) -> Json:
        user_data = said.binding.user_data if said.binding else ""
        common = {
            "callId": view.call.call_id,
            "bindId": said.binding.id if said.binding else "",
            "userData": user_data,
        }
        parties = {
            "callNo": said.caller or "",
            "peerNo": said.callee or "",
            "phoneX": view.call.number,
        }
        if said.kind == "recording.ready":
            return {"eventType": "34"} | common | {"md5": self._md5(view, said)}
        if said.kind == "sms.sent":
            result = {"smsTime": utc8(said.at or 0), "smsResult": str(int(said.sms == "ok"))}
            message = {"eventType": "33"} | common | parties | result
            # A message of no binding has none, as the document's example.
            return {k: v for k, v in message.items() if k != "userData" or user_data}
        message = {"eventType": "32"} | common | parties | self._netease_end(view, said)
        return self._less({}, message, DERIVED_NETEASE)

    def _netease_end(self, view: View, end: Said) -> Json:
        at, answered = end.at or 0, view.answered_by(end)
        own = end.result if view.call.carrier == "netease" else None
        return {
            "callTime": utc8(view.started_by(end)),
            "startTime": utc8(answered if answered is not None else at),
            "finishTime": utc8(at),
            "callDuration": str(view.talked_s(end)),
            "finishType": str(PARTIES.index(view.released_by(end))),
            "finishState": own or STATES[view.outcome(end)],
        }

    # interline's format.

    def _form(self, body: bytes) -> Json:
        message: Json = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if "recording" in message:
            message["recording"] = self._link(message["recording"])
        return self._less({}, message, DERIVED_INTERLINE if "releaseTime" in message else ())

    def _forms(self, view: View) -> Iterator[list[Json]]:
        for said in view.said:
            user_data = {"userData": said.binding.user_data} if said.binding else {}
            message = {
                **dict(zip(("devid", "appid"), self._developer, strict=True)),
                "taskid": view.call.call_id,
                "subid": said.binding.id if said.binding else "",
                "caller": (said.caller or "").removeprefix("86"),
                "rcaller": view.call.number.removeprefix("86"),
                "callee": (said.callee or "").removeprefix("86"),
            }
            match said.kind:
                case "call.ended":
                    message |= self._interline_end(view, said) | user_data
                    # Before the carrier has named the recording it is told without.
                    without = {k: v for k, v in message.items() if k != "recording"}
                    derived = DERIVED_INTERLINE
                    self._allowed.add(_text(self._less({}, without, derived)))
                    yield [self._less({}, message, derived)]
                case "call.started" | "sms.sent":
                    text = {"smsContent": said.text or ""} if said.kind == "sms.sent" else {}
                    message |= {"callTime": _seconds(said.at)} | text | user_data
                    yield [message]

    def _interline_end(self, view: View, end: Said) -> Json:
        times = {
            "beginTime": view.started_by(end),
            "ringTime": view.ringing_by(end),
            "answerTime": view.answered_by(end),
        }
        ready = view.of("recording.ready")
        return {
            "result": end.result,
            **{name: _seconds(at) for name, at in times.items() if at is not None},
            "releaseTime": _seconds(end.at),
            "duration": str(view.talked_s(end)),
            **({"recording": self._md5(view, ready[0])} if ready else {}),
            "releasedir": str(PARTIES.index(view.released_by(end))),
        }

    # What all have.

    def _less(self, message: Json, data: Json, derived: Sequence[str]) -> Json:
        """Without what depends on what was known by then, while the workers were at it."""
        if self._prompt:
            for name in derived:
                data.pop(name, None)
        return message or data

    def _md5(self, view: View, ready: Said) -> str:
        """The recording that one report told of; of one without a time any of its call's."""
        given = self._model.shown_md5s.get(view.started, [])
        urls = self._model.urls(view, ready)
        known = [md5 for md5 in given if md5 in {self._model.md5_at(url) for url in urls}]
        return known[0]

    def _whose(self, call: str) -> str:
        return self._model.refs[f"whose {call}"]

    def _link(self, url: str) -> str:
        return md5_of(self._opened(url))

    def _check_link(self, url: str, md5: str) -> None:
        assert self._link(url) == md5
        assert f"whose {urlsplit(url).path.split('/')[3].partition('.')[0]}" in self._model.refs


def _whose(view: View) -> str:
    return json.dumps([view.call.reporter, view.call.key])


def _text(message: Mapping[str, Any]) -> str:
    return json.dumps(message, sort_keys=True)


def _seconds(at: int | None) -> str:
    return str((at or 0) // SECOND)
