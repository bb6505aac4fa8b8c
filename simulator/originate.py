"""Calls that the gateway asks the switch to place and to end: signed requests, and the report of
the end."""

import hmac
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from simulator.clock import Now
from simulator.placing import Exchange, InACall, Phones, PlacedCall
from simulator.routes import Asked, Refused, Reply, Route, route
from simulator.switch_api import SwitchApi

NUMBER = re.compile(r"[1-9][0-9]{4,14}")
PARTIES = {"call": (2, 2), "conference": (2, 9)}
MAX_S = 86_400
VALID_S = 300
FIELDS = ("call_id", "kind", "account", "parties", "show", "max_duration_s", "record")


class Originator:
    """Takes orders signed by the Standard Webhooks scheme; `secret` is base64 text."""

    def __init__(self, secret: str, api: SwitchApi, phones: Phones, clock: Now) -> None:
        self._webhook = Webhook(secret)
        self._api = api
        self._clock = clock
        self._exchange = Exchange(phones, clock, self._report)

    def routes(self) -> list[Route]:
        """The requests that the gateway makes."""
        return [
            route("POST", "/originate", self._originate),
            route("GET", "/originate/<call_id>", self._status),
            route("DELETE", "/originate/<call_id>", self._hang_up),
        ]

    def _originate(self, asked: Asked) -> Reply:
        self._admit(asked)
        body = asked.json_of(*FIELDS)
        call_id, account, show = (body.get(name) for name in ("call_id", "account", "show"))
        if not isinstance(call_id, str) or not call_id or not isinstance(account, str):
            raise Refused(400, "call_id and account must be strings")
        if not isinstance(show, str | None) or not isinstance(body.get("record"), bool):
            raise Refused(400, "show must be a string or null, record true or false")
        kind, limit_s = body.get("kind"), body.get("max_duration_s")
        if not isinstance(kind, str) or kind not in PARTIES:
            raise Refused(400, "kind must be call or conference")
        if isinstance(limit_s, bool) or not isinstance(limit_s, int) or not 1 <= limit_s <= MAX_S:
            raise Refused(400, f"max_duration_s must be from 1 to {MAX_S} seconds")
        try:
            self._exchange.place(
                call_id,
                conference=kind == "conference",
                account=account,
                parties=_parties(body.get("parties"), kind),
                limit_s=limit_s,
                show=show,
            )
        except InACall:
            raise Refused(409, "this call is known, or these people are in one") from None
        return 202, {"call_id": call_id}

    def _status(self, asked: Asked) -> Reply:
        self._admit(asked)
        call = self._exchange.find(asked.names[0])
        if call is None:
            raise Refused(404, "no such call")
        return 200, {"call_id": call.call_id, **_told(call), "show": call.show}

    def _hang_up(self, asked: Asked) -> Reply:
        self._admit(asked)
        call = self._exchange.find(asked.names[0])
        if call is None:
            raise Refused(404, "no such call")
        self._exchange.hang_up(call.call_id)
        return 200, {"call_id": call.call_id, **_told(call)}

    def _admit(self, asked: Asked) -> None:
        # Not the library's `verify`, which knows no other clock than the machine's.
        given = {name.lower(): value for name, value in asked.headers.items()}
        name, time_s = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        in_time = (
            time_s.isascii()
            and time_s.isdigit()
            and abs(int(time_s[:20]) - self._clock.now_ms // 1000) <= VALID_S
        )
        if not name or not in_time:
            raise Refused(401, "the request is not signed, or not now")
        at = datetime.fromtimestamp(int(time_s), UTC)
        wanted = self._webhook.sign(name, at, asked.body.decode(errors="replace"))
        signatures = given.get("webhook-signature", "").split()
        if not any(hmac.compare_digest(wanted.encode(), each.encode()) for each in signatures):
            raise Refused(401, "the signature is not by our secret")

    def _report(self, call: PlacedCall) -> None:
        event = {
            "event_id": uuid.uuid4().hex,
            "type": "placed.ended",
            "call_id": call.call_id,
            "at": call.ended,
            **_told(call),
            "from": call.parties[0],
            "parties": list(call.parties),
            "legs": [
                {"number": leg.number, "ended_at": leg.ended_at, "cause": leg.cause}
                for leg in call.legs
            ],
        }
        self._api.report([event])


def _parties(parties: Any, kind: str) -> tuple[str, ...]:
    fewest, most = PARTIES[kind]
    good = (
        isinstance(parties, list)
        and fewest <= len(parties) <= most
        and all(isinstance(each, str) and NUMBER.fullmatch(each) for each in parties)
    )
    if not good or len(set(parties)) < len(parties):
        raise Refused(
            400, f"parties: {fewest} to {most} different numbers, digits with country code"
        )
    return tuple(parties)


def _told(call: PlacedCall) -> dict[str, Any]:
    return {
        "kind": "conference" if call.conference else "call",
        "account": call.account,
        "created": call.created,
        "started": call.started,
        "duration_s": call.duration_s,
        "status": call.status,
    }
