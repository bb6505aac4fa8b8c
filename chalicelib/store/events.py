"""Events: stored once, sealed, and their own outbox."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.core.events import (
    REPORTED,
    Delivery,
    Event,
    EventKey,
    EventKind,
    Outcome,
    Party,
    PlacedEnd,
    PlacedLeg,
    RejectReason,
    SmsResult,
)
from chalicelib.core.values import DAY_MS, Subscriber
from chalicelib.store.table import Item, Table, key, n, s
from chalicelib.store.vault import Vault

RETENTION_MS = 200 * DAY_MS
"""Call records are kept at least six months (China's rule for the 700 segment)."""


class DynamoEvents:
    """Fulfils the port Events. An event stands at `C#<digest of the call>`, `E#<of the event>`."""

    def __init__(self, table: Table, vault: Callable[[], Vault]) -> None:
        self._table = table
        self._vault = vault

    def append(self, event: Event) -> EventKey | None:
        """See the port."""
        vault = self._vault()
        event_key = EventKey(
            call=vault.label("call", event.carrier, event.call_id),
            event=vault.label("event", event.carrier, event.id),
        )
        to_tell = event.kind in REPORTED
        item = _item_key(event_key) | {
            "kind": s(event.kind),
            "delivery": s(Delivery.PENDING if to_tell else Delivery.KEPT),
            "received": n(event.received),
            "sealed": {"B": vault.seal(_to_text(event), event_key.event)},
            "ttl": n((event.received + RETENTION_MS) // 1000),
        }
        failed = self._table.put_new(item)
        if failed is not None and failed.item is not None:
            to_tell = failed.item["delivery"]["S"] == Delivery.PENDING
        return event_key if to_tell else None

    def call(self, key: EventKey) -> Sequence[tuple[EventKey, Event, Delivery]]:
        """See the port."""
        vault = self._vault()
        items = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(f"C#{key.call}")},
            ConsistentRead=True,
        )
        found = []
        for item in items:
            event_key = EventKey(call=key.call, event=item["sk"]["S"].removeprefix("E#"))
            text = vault.open(item["sealed"]["B"], event_key.event)
            found.append((event_key, _from_text(text), Delivery(item["delivery"]["S"])))
        return found

    def settle(self, key: EventKey, delivery: Delivery, *, now: int) -> None:
        """See the port."""
        self._table.update(
            _item_key(key),
            "SET delivery = :delivery, settled = :now",
            {":delivery": s(delivery), ":now": n(now)},
        )


def _item_key(event_key: EventKey) -> Item:
    return key(f"C#{event_key.call}", f"E#{event_key.event}")


def _to_text(event: Event) -> str:
    """JSON without blanks, and after a line's end what the carrier sent, as it is: the end of a
    call stays below the size at which each write costs twice as much."""
    fields = {
        "id": event.id,
        "kind": event.kind,
        "carrier": event.carrier,
        "call_id": event.call_id,
        "at": event.at,
        "received": event.received,
        "binding": event.binding,
        "number": event.number,
        "caller": event.caller.digits if event.caller else None,
        "callee": event.callee.digits if event.callee else None,
        "cause": event.cause,
        "released_by": event.released_by,
        "rejected": event.rejected,
        "sms_result": event.sms_result,
        "url": event.url,
        "md5": event.md5,
        "started": event.started,
        "answered": event.answered,
        "outcome": event.outcome,
        "placed": _placed_fields(event.placed) if event.placed else None,
        "carrier_binding": event.carrier_binding,
    }
    told = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n" + event.raw


def _from_text(text: str) -> Event:
    told, _, raw = text.partition("\n")
    # What was stored before this form has `raw` among its fields.
    fields: dict[str, Any] = {"raw": raw, **json.loads(told)}
    readers: dict[str, Callable[[Any], Any]] = {
        "kind": EventKind,
        "caller": Subscriber,
        "callee": Subscriber,
        "released_by": Party,
        "rejected": RejectReason,
        "sms_result": SmsResult,
        "outcome": Outcome,
        "placed": _placed,
    }
    return Event(**{name: readers.get(name, _as_is)(value) for name, value in fields.items()})


def _placed_fields(placed: PlacedEnd) -> dict[str, Any]:
    return {
        "conference": placed.conference,
        "account": placed.account,
        "caller": placed.caller.digits if placed.caller else None,
        "parties": [party.digits for party in placed.parties],
        "created": placed.created,
        "started": placed.started,
        "duration_s": placed.duration_s,
        "status": placed.status,
        "legs": [[leg.party.digits, leg.ended, leg.cause] for leg in placed.legs],
    }


def _placed(fields: dict[str, Any]) -> PlacedEnd:
    caller = fields["caller"]
    return PlacedEnd(
        **fields
        | {
            "caller": Subscriber(caller) if caller else None,
            "parties": tuple(Subscriber(each) for each in fields["parties"]),
            "legs": tuple(
                PlacedLeg(Subscriber(party), ended, cause) for party, ended, cause in fields["legs"]
            ),
        }
    )


def _as_is(value: Any) -> Any:
    return value
