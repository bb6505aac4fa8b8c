"""Dedicated-line calls (ECP) after netease-ecp.txt: rings everybody, and tells how it ended."""

import json
import re
import uuid
from typing import Any

from simulator.clock import Now
from simulator.netease.accounts import Users
from simulator.netease.callbacks import Callbacks
from simulator.netease.parameters import Parameters, Refused, bad
from simulator.netease.times import readable
from simulator.placing import Exchange, InACall, Phones, PlacedCall

MAX_CALLEES = 8
MAX_S = 86_400
# A mobile number, or a fixed line's with the 0 of its area code; never with 86.
PHONE = re.compile(r"1[0-9]{10}|0[1-9][0-9]{7,11}")
CALL, CONFERENCE = 1, 2
# Q.850 causes by their names in FreeSWITCH.
HANGUP_CAUSES = {
    1: "UNALLOCATED_NUMBER",
    16: "NORMAL_CLEARING",
    17: "USER_BUSY",
    19: "NO_ANSWER",
    20: "SUBSCRIBER_ABSENT",
    21: "CALL_REJECTED",
    27: "DESTINATION_OUT_OF_ORDER",
}


class Dedicated:
    """The three calls. A telephone is known by its digits with country code."""

    def __init__(self, users: Users, callbacks: Callbacks, phones: Phones, clock: Now) -> None:
        self._users = users
        self._callbacks = callbacks
        self._exchange = Exchange(phones, clock, self._tell)

    def start_call(self, given: Parameters) -> dict[str, Any]:
        """Two people."""
        account, caller = self._caller(given)
        callee = given.wanted("callee")
        if not PHONE.fullmatch(callee) or callee == caller:
            raise bad("callee")
        return self._start(given, account, [caller, callee], conference=False)

    def start_conference(self, given: Parameters) -> dict[str, Any]:
        """The caller and up to eight others."""
        account, caller = self._caller(given)
        parties = [caller, *_list(given.wanted("callee"))]
        if len(set(parties)) < len(parties):
            raise bad("callee")
        return self._start(given, account, parties, conference=True)

    def query(self, given: Parameters) -> dict[str, Any]:
        """How far a call is; 404 for one that is not there or is of the other type."""
        session = given.wanted("session")
        wanted = given.whole("type", lowest=CALL, highest=CONFERENCE)
        call = self._exchange.find(session)
        if call is None or call.conference != (wanted == CONFERENCE):
            raise Refused(404, "session not exist")
        return {"obj": _told(call)}

    def all(self) -> list[dict[str, Any]]:
        """Every call, oldest first."""
        return [
            _told(call)
            | {
                "type": CONFERENCE if call.conference else CALL,
                "parties": [_national(number) for number in call.parties],
                "maxDur": call.limit_s,
                "legs": _legs(call),
            }
            for call in self._exchange.calls()
        ]

    def _caller(self, given: Parameters) -> tuple[str, str]:
        account, caller = given.wanted("callerAcc"), given.wanted("caller")
        if not self._users.known(account):
            raise bad("callerAcc")
        if not PHONE.fullmatch(caller):
            raise bad("caller")
        return account, caller

    def _start(
        self, given: Parameters, account: str, parties: list[str], *, conference: bool
    ) -> dict[str, Any]:
        limit_s = given.whole("maxDur", lowest=1, highest=MAX_S)
        session = str(uuid.uuid4())
        try:
            self._exchange.place(
                session,
                conference=conference,
                account=account,
                parties=tuple("86" + phone.removeprefix("0") for phone in parties),
                limit_s=limit_s,
            )
        except InACall:
            raise Refused(417, "already in a call") from None
        return {"obj": {"session": session}}

    def _tell(self, call: PlacedCall) -> None:
        about = _told(call)
        if call.conference:
            about["members"] = _json([_national(number) for number in call.parties])
        else:
            about["caller"], about["callee"] = map(_national, call.parties)
            about["legs"] = _legs(call)
        about = {name: about[name] for name in sorted(about)}
        self._callbacks.send({"callback": _json(about), "eventType": "10"})


def _told(call: PlacedCall) -> dict[str, Any]:
    """What the end report and the query have in common. FAILED is a guess: two words are known."""
    return {
        "createtime": call.created,
        "durationSec": call.duration_s,
        "initAccount": call.account,
        "session": call.call_id,
        "starttime": readable(call.started or call.created),
        "status": call.status.upper(),
    }


def _legs(call: PlacedCall) -> list[dict[str, str]]:
    return [
        {
            "endTime": readable(leg.ended_at),
            "endpoint": _national(leg.number),
            "hangCause": HANGUP_CAUSES[leg.cause],
        }
        for leg in call.legs
    ]


def _national(number: str) -> str:
    digits = number.removeprefix("86")
    return digits if re.fullmatch("1[0-9]{10}", digits) else "0" + digits


def _list(text: str) -> list[str]:
    """`["a","b"]`, or `['a','b']` as in the vendor's samples."""
    try:
        callees = json.loads(text.replace("'", '"'))
    except ValueError:
        raise bad("callee") from None
    if not isinstance(callees, list) or not 1 <= len(callees) <= MAX_CALLEES:
        raise bad("callee")
    if not all(isinstance(each, str) and PHONE.fullmatch(each) for each in callees):
        raise bad("callee")
    return callees


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
