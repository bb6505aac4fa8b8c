"""NetEase's callbacks (eventType 32, 33, 34), rendered and signed for apps that expect them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from chalicelib.carriers.netease import codes, signing
from chalicelib.core.errors import NotDelivered
from chalicelib.core.events import Event, EventKind, SmsResult, call_record
from chalicelib.core.ports import Credentials
from chalicelib.core.values import App, Binding

_UTC8 = timedelta(hours=8)


class NeteaseDialect:
    """Fulfils the port Dialect."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def callback(
        self,
        event: Event,
        call: Sequence[Event],
        *,
        app: App,
        binding: Binding | None,
        now: int,
    ) -> tuple[Mapping[str, str], bytes]:
        """Signed with the app's current secret. Raises NotDelivered for an app without one."""
        credentials = self._credentials.of_app(app.name)
        if credentials is None:
            raise NotDelivered("the app has no credentials")
        body = json.dumps(
            message(event, call, binding=binding), ensure_ascii=False, separators=(",", ":")
        ).encode()
        headers = signing.callback_headers(credentials.key, credentials.secrets[0], body, now=now)
        return headers, body


def message(event: Event, call: Sequence[Event], *, binding: Binding | None) -> dict[str, str]:
    """The body's members, all of them text, as the document's tables list them."""
    common = {
        "callId": event.call_id,
        "bindId": binding.id if binding else "",
        "userData": binding.user_data if binding else "",
    }
    parties = {
        "callNo": event.caller.digits if event.caller else "",
        "peerNo": event.callee.digits if event.callee else "",
        "phoneX": event.number or (binding.number if binding else ""),
    }
    match event.kind:
        case EventKind.CALL_ENDED:
            return {"eventType": "32", **common, **parties, **_call(event, call)}
        case EventKind.SMS_SENT:
            sms = {
                "smsTime": _time(event.at),
                "smsResult": str(codes.SMS_RESULTS[event.sms_result or SmsResult.OK]),
            }
            return {"eventType": "33", **common, **parties, **sms}
        case EventKind.RECORDING_READY:
            return {"eventType": "34", **common, "url": event.url or "", "md5": event.md5 or ""}
        case _:
            raise ValueError(f"no callback for {event.kind}")


def _call(event: Event, call: Sequence[Event]) -> dict[str, str]:
    record = call_record(event, call)
    finish = _time(record.ended)
    start = _time(record.answered) if record.answered is not None else finish
    # As a client works it out from the two times, which have no parts of a second.
    talked_s = record.ended // 1000 - (record.answered or record.ended) // 1000
    return {
        "callTime": _time(record.started),
        "startTime": start,
        "finishTime": finish,
        "callDuration": str(talked_s),
        "finishType": str(codes.FINISH_TYPES[record.released_by]),
        "finishState": str(codes.FINISH_STATES[record.outcome]),
    }


def _time(at: int) -> str:
    """yyyyMMddHHmmss in UTC+8."""
    return f"{datetime.fromtimestamp(at // 1000, UTC) + _UTC8:%Y%m%d%H%M%S}"
