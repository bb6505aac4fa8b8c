"""Calls that were placed: who is in one, and whose call a session is."""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.core.calls import CallAsk, PlacedCall
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.values import DAY_MS, RequestId, Subscriber
from chalicelib.store import rules
from chalicelib.store.table import Item, Table, key, n, s
from chalicelib.store.vault import Vault

RETENTION_MS = 200 * DAY_MS
"""As long as the call's events are kept."""

_FREE = (
    # nobody placed a call for these people yet, or TTL collected it
    "attribute_not_exists(pk)"
    # the one before was reported over; its own request still gets its first answer
    " OR (attribute_exists(ended) AND (#request <> :request OR app <> :app))"
    # its end was never reported; without a session it never came about
    " OR (#until <= :now AND (#request <> :request OR app <> :app"
    " OR attribute_not_exists(#session)))"
)
_NAMES = {"#request": "request", "#until": "until", "#session": "session"}
_OURS = "#request = :request AND created = :created"


class DynamoPlacedCalls:
    """Fulfils the port PlacedCalls. `J#<digest of the people>` says in which call they are,
    `P#<digest of the session>` what was placed."""

    def __init__(self, table: Table, vault: Callable[[], Vault]) -> None:
        self._table = table
        self._vault = vault

    def claim(self, call: PlacedCall, *, now: int) -> PlacedCall | None:
        """See the port."""
        people = self._people_key(call.ask.parties, call.carrier)
        # Tells our own put, sent again after its answer was lost, from somebody else's.
        mark = {"claim": {"B": os.urandom(8)}}
        put: Item = {
            "Item": people | self._item(call) | mark,
            "ConditionExpression": _FREE,
            "ExpressionAttributeNames": _NAMES,
            "ExpressionAttributeValues": {
                ":now": n(now),
                ":request": s(call.request.key),
                ":app": s(call.app),
            },
        }
        taken = self._table.put_if(put)
        if taken is None:
            return None
        if taken.item is None:
            raise StoreUnavailable("which call they are in was not told")
        return None if taken.item["claim"] == mark["claim"] else self._read(taken.item)

    def started(self, call: PlacedCall, *, session: str) -> None:
        """See the port. One transaction; a repeat changes nothing."""
        session_item = self._session_key(session, call.carrier) | self._item(call, session)
        note: Item = {
            "Key": self._people_key(call.ask.parties, call.carrier),
            "UpdateExpression": "SET #session = :session",
            "ConditionExpression": _OURS,
            "ExpressionAttributeNames": {"#request": "request", "#session": "session"},
            "ExpressionAttributeValues": self._ours(call) | {":session": s(session)},
        }
        if self._table.transact([{"Put": {"Item": session_item}}, {"Update": note}]) is not None:
            # Its people are in another call by now; whose call it was is to be found all the same.
            self._table.put_new(session_item)

    def drop(self, call: PlacedCall) -> None:
        """See the port."""
        people = self._people_key(call.ask.parties, call.carrier)
        removal = rules.remove(people, _OURS, self._ours(call))
        removal["Delete"]["ExpressionAttributeNames"] = {"#request": "request"}
        self._table.transact([removal])

    def get(self, session: str, *, carrier: str) -> PlacedCall | None:
        """See the port. One read."""
        item = self._table.get(self._session_key(session, carrier))
        return self._read(item) if item else None

    def among(self, parties: Sequence[Subscriber], *, carrier: str, app: str) -> PlacedCall | None:
        """See the port. One read."""
        item = self._table.get(self._people_key(parties, carrier))
        return self._read(item) if item and item["app"]["S"] == app else None

    def end(self, call: PlacedCall, *, now: int) -> None:
        """See the port. One write; the same call's only."""
        self._table.update_if(
            {
                "Update": {
                    "Key": self._people_key(call.ask.parties, call.carrier),
                    "UpdateExpression": "SET ended = :now",
                    "ConditionExpression": _OURS,
                    "ExpressionAttributeNames": {"#request": "request"},
                    "ExpressionAttributeValues": self._ours(call) | {":now": n(now)},
                }
            }
        )

    def _people_key(self, parties: Sequence[Subscriber], carrier: str) -> Item:
        people = sorted({party.digits for party in parties})
        return key(f"J#{self._vault().label('people', carrier, *people)}", "J")

    def _session_key(self, session: str, carrier: str) -> Item:
        return key(f"P#{self._vault().label('session', carrier, session)}", "P")

    def _ours(self, call: PlacedCall) -> Item:
        return {":request": s(call.request.key), ":created": n(call.created)}

    def _item(self, call: PlacedCall, session: str | None = None) -> Item:
        item: Item = {
            "app": s(call.app),
            "carrier": s(call.carrier),
            "request": s(call.request.key),
            "content": s(call.request.content),
            "explicit": {"BOOL": call.request.explicit},
            "created": n(call.created),
            "until": n(call.until),
            "sealed": {"B": self._vault().seal(_to_json(call.ask), call.request.key)},
            "ttl": n((call.until + RETENTION_MS) // 1000),
        }
        return item | ({"session": s(session)} if session is not None else {})

    def _read(self, item: Item) -> PlacedCall:
        request = item["request"]["S"]
        return PlacedCall(
            app=item["app"]["S"],
            carrier=item["carrier"]["S"],
            ask=_from_json(self._vault().open(item["sealed"]["B"], request)),
            request=RequestId(
                key=request, content=item["content"]["S"], explicit=item["explicit"]["BOOL"]
            ),
            created=int(item["created"]["N"]),
            until=int(item["until"]["N"]),
            session=item["session"]["S"] if "session" in item else None,
            ended=int(item["ended"]["N"]) if "ended" in item else None,
        )


def _to_json(ask: CallAsk) -> str:
    return json.dumps(
        {
            "account": ask.account,
            "caller": ask.caller.digits,
            "callees": [callee.digits for callee in ask.callees],
            "conference": ask.conference,
            "max_s": ask.max_s,
            "record": ask.record,
            "show": ask.show,
        }
    )


def _from_json(text: str) -> CallAsk:
    fields: dict[str, Any] = json.loads(text)
    caller, callees = fields.pop("caller"), fields.pop("callees")
    return CallAsk(
        caller=Subscriber(caller), callees=tuple(Subscriber(each) for each in callees), **fields
    )
